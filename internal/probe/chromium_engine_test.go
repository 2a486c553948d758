//go:build engine

package probe_test

import (
	"context"
	"os"
	"testing"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/probe"
	"github.com/wasmill/wasmill/internal/world"
)

// Chromium is measured anew in a container, and is what the program says of it.
func TestChromium(t *testing.T) {
	image := os.Getenv("WASMILL_BROWSER_IMAGE")
	if image == "" {
		t.Skip("WASMILL_BROWSER_IMAGE does not name an image with Chromium; `make test` sets it")
	}
	docker, err := engine.NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	p := prober(t)
	p.InImage = probe.InContainer(docker, image)
	now, err := p.Run(context.Background(), "chromium")
	if err != nil {
		t.Fatal(err)
	}
	was, err := world.Find("chromium")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range world.Differences(was, now) {
		t.Error(line)
	}
}
