package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/wasmill/wasmill/internal/store"
)

// registryCommand lets this program be the registry, so that it can be killed by itself: the one that an orchestrator embeds, in a
// process of its own.
const registryCommand = "registry"

func serveRegistry(args []string) int {
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: soak registry FOLDER ADDRESS")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := store.StartRegistry(ctx, args[0], args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 3
	}
	<-ctx.Done()
	if err := r.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 3
	}
	return 0
}

// pings asks a registry whether it is there.
func pings(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v2/", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}
