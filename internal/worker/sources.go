package worker

import (
	"context"
	"io"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/record"
)

// sources is the farm's registry as the store of what is fetched.
type sources struct{ content }

var _ fetch.Store = sources{}

// Open implements fetch.Store.
func (s sources) Open(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	r, err := s.OpenSource(ctx, sha256)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil, fault.Errorf(fault.NotFound, "it is not kept there") // the registry's words tell a person nothing
	}
	return r, err
}

// Keep implements fetch.Store.
func (s sources) Keep(ctx context.Context, src fetch.Source, path string) error {
	return s.keepSource(ctx, src, path)
}

// fetched are the hashes of what a build needed from outside: its sources and the wheels of its native environment.
func fetched(b *record.Build) []string {
	var sums []string
	for _, in := range b.Inputs {
		if in.Kind == "source" {
			sums = append(sums, strings.TrimPrefix(string(in.Digest), "sha256:"))
		}
	}
	for _, r := range b.Requires {
		sums = append(sums, strings.TrimPrefix(string(r.Digest), "sha256:"))
	}
	return sums
}
