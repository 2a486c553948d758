package orchestrator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// PutSource implements api.Farm.
func (o *Orchestrator) PutSource(ctx context.Context, name string, r io.Reader) (api.Source, error) {
	return o.PutFetched(ctx, name, "", r)
}

// PutFetched implements api.Farm.
func (o *Orchestrator) PutFetched(ctx context.Context, name, url string, r io.Reader) (api.Source, error) {
	file, err := os.CreateTemp(o.cfg.Dir.Scratch(), "source-*")
	if err != nil {
		return api.Source{}, fmt.Errorf("taking in %s: %w", name, err)
	}
	defer os.Remove(file.Name())
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(file, sum), r)
	if err := errors.Join(err, file.Close()); err != nil {
		return api.Source{}, fmt.Errorf("taking in %s: %w", name, err)
	}
	src := store.Source{SHA256: hex.EncodeToString(sum.Sum(nil)), Name: name, Size: size, URL: url}
	if _, err := o.blobs.PutSource(ctx, src, file.Name()); err != nil {
		return api.Source{}, err
	}
	return api.Source(src), nil
}

// RemoveSource implements api.Farm.
func (o *Orchestrator) RemoveSource(ctx context.Context, sha256 string) (api.RemovedSource, error) {
	o.garbage.RLock()
	defer o.garbage.RUnlock()
	shared, err := o.blobs.RemoveSource(ctx, sha256)
	if err == nil && !shared && o.registry != nil {
		err = o.registry.Free(ctx, record.Digest("sha256:"+sha256))
	}
	if fault.KindOf(err) == fault.NotFound && err != nil {
		err = fault.Errorf(fault.NotFound, "the farm keeps no source with the sha256 %s", sha256)
	}
	return api.RemovedSource{SHA256: sha256, Shared: shared}, err
}

// Sources implements api.Farm.
func (o *Orchestrator) Sources(ctx context.Context) ([]api.Source, error) {
	list, err := o.blobs.Sources(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]api.Source, 0, len(list))
	for _, s := range list {
		out = append(out, api.Source(s))
	}
	return out, nil
}
