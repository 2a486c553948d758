// Command wasmcc is the only program of Wasmill's that runs inside build containers. Under the names in
// wasmcc.Names it is a compiler wrapper; as `wasmcc builder JOB` it is the container's first process and carries out a
// job, whose result it leaves in a file. Its exit status under a tool's name is the tool's; as the builder it is 0 if the
// job's result could be written, whatever the result is.
package main

import (
	"os"

	"github.com/wasmill/wasmill/internal/wasmcc"
	"github.com/wasmill/wasmill/internal/wasmcc/driver"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "builder" {
		os.Exit(driver.Main(os.Args[2]))
	}
	os.Exit(wasmcc.Main(os.Args))
}
