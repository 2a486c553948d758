package probe_test

import (
	"context"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/probe"
)

func prober(t *testing.T) *probe.Prober {
	t.Helper()
	return &probe.Prober{Fetcher: &fetch.Fetcher{Cache: t.TempDir()}, Dir: t.TempDir()}
}

func TestUnknown(t *testing.T) {
	if _, err := prober(t).Run(context.Background(), "deno"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v, want an error of kind invalid", err)
	}
}
