// Command orchestrator is the head of a farm: it plans, remembers, serves the API and the index, and embeds a registry
// and a Temporal server unless it is given addresses of others. `orchestrator --help` lists the flags; the exit
// statuses are those of wasmill.
package main

import (
	"os"

	"github.com/wasmill/wasmill/internal/cli"
)

func main() { os.Exit(cli.Orchestrator(os.Args[1:])) }
