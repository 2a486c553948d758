// Command worker builds and tests for a farm: `worker --orchestrator URL`. `worker --help` lists the flags; the exit
// statuses are those of wasmill.
package main

import (
	"os"

	"github.com/wasmill/wasmill/internal/cli/workerd"
	"github.com/wasmill/wasmill/internal/command"
)

func main() { os.Exit(command.Run(workerd.Command(), os.Args[1:])) }
