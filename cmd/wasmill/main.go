// Command wasmill builds Python packages for WebAssembly, alone or on a farm. `wasmill --help` is its manual,
// docs/reference/exit-status.md lists its exit statuses.
package main

import (
	"os"

	"github.com/wasmill/wasmill/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
