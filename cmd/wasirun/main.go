// Command wasirun is the first process of a container in which a package for WASI is tested: it runs the interpreter that the package is
// linked into, again and again, within limits, as /job/job.json says. It is no program for people: the worker starts it as
// `wasirun test` and `wasirun suite`. Its exit status is 0 if it came to the end of the job, whatever the tests said.
package main

import (
	"os"

	"github.com/wasmill/wasmill/internal/runtimes/wasirun"
)

func main() { os.Exit(wasirun.Main(os.Args[1:])) }
