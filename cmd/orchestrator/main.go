// Command orchestrator is the head of a farm: it plans, remembers, serves the API and the index, and embeds a registry
// and a Temporal server unless it is given addresses of others. `orchestrator --help` lists the flags; the exit
// statuses are those of wasmill.
package main

import (
	"os"

	"github.com/wasmill/wasmill/internal/cli/orchestratord"
	"github.com/wasmill/wasmill/internal/command"
)

func main() { os.Exit(command.Run(orchestratord.Command(), os.Args[1:])) }
