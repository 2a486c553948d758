package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// content is what a worker reads and makes. It reads from the registry, and gives what it has made to the orchestrator: a
// worker needs no right to write to a registry, where it could overwrite what it was not given.
type content struct {
	*store.Blobs
	farm api.Farm
}

var _ jobs.Blobs = content{}

// patience is for how long an orchestrator that does not answer is asked again: what took half an hour to build is not given up
// because of a restart.
const patience = time.Minute

// Put stores bytes and says under which digest. They are read from the beginning for each try.
func (c content) Put(ctx context.Context, _ string, r io.Reader) (record.Blob, error) {
	from, ok := r.(io.ReadSeeker)
	if !ok {
		return c.farm.PutBlob(ctx, r)
	}
	return again(ctx, from, func() (record.Blob, error) { return c.farm.PutBlob(ctx, io.NopCloser(from)) })
}

// again tries as long as nobody answers.
func again[T any](ctx context.Context, from io.Seeker, do func() (T, error)) (out T, err error) {
	pause := 100 * time.Millisecond
	for deadline := time.Now().Add(patience); ; pause = min(2*pause, 5*time.Second) {
		if _, err := from.Seek(0, io.SeekStart); err != nil {
			return out, fmt.Errorf("reading what to store: %w", err)
		}
		out, err = do()
		if err == nil || fault.KindOf(err) != fault.Unavailable || time.Now().Add(pause).After(deadline) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return out, errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// keepSource gives the farm a file that was fetched, unless it is kept already.
func (c content) keepSource(ctx context.Context, src fetch.Source, path string) error {
	if kept, err := c.HasSource(ctx, src.SHA256); err != nil || kept {
		return err
	}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return fault.Errorf(fault.Unavailable, "keeping %s: %w", src.File(), err) // the cache has made room meanwhile; another attempt fetches it again
	}
	if err != nil {
		return fmt.Errorf("keeping %s: %w", src.File(), err)
	}
	defer file.Close()
	kept, err := again(ctx, file, func() (api.Source, error) { return c.farm.PutFetched(ctx, src.File(), src.URL, io.NopCloser(file)) })
	if err == nil && kept.SHA256 != src.SHA256 {
		err = fault.Errorf(fault.Internal, "keeping %s: its sha256 is %s, not %s as it was when it was fetched", src.File(), kept.SHA256, src.SHA256)
	}
	return err
}
