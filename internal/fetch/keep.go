package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/wasmill/wasmill/internal/fault"
)

// Store keeps files for good, by their sha256: a farm's memory of what it has ever fetched, so that a build can be
// repeated when the host of its source is gone. It is safe for concurrent use, by many processes at once.
type Store interface {
	// Open gives a file from its start; one that the store doesn't have is fault.NotFound. Whoever reads verifies.
	Open(ctx context.Context, sha256 string) (io.ReadCloser, error)
	// Keep takes in a file whose hash is src's. One that is there already costs no more than a question.
	Keep(ctx context.Context, src Source, path string) error
}

// keeping is how many files go into the store at a time. They must not take a build's processors away.
const keeping = 2

// keeper puts what was fetched into the store while builds go on. Each file is offered once in the life of a process,
// unless that failed.
type keeper struct {
	mu    sync.Mutex
	files map[string]*kept
	slots chan struct{}
}

// kept is one file on its way into the store.
type kept struct {
	done chan struct{}
	err  error // once done is closed
}

// begin offers a file to the store and returns at once.
func (k *keeper) begin(store Store, src Source, path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.files == nil {
		k.files, k.slots = map[string]*kept{}, make(chan struct{}, keeping)
	}
	if k.files[src.SHA256] != nil {
		return
	}
	file := &kept{done: make(chan struct{})}
	k.files[src.SHA256] = file
	go func() {
		k.slots <- struct{}{}
		defer func() { <-k.slots }()
		// The build that has asked may be canceled; the file is as good for the next one.
		if file.err = store.Keep(context.Background(), src, path); file.err != nil {
			k.mu.Lock()
			delete(k.files, src.SHA256)
			k.mu.Unlock()
		}
		close(file.done)
	}()
}

// find is a file that is on its way or has arrived; nil for one that was never offered.
func (k *keeper) find(sum string) *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.files[sum]
}

// Kept waits until the store has the files of these hashes that Get has given; of others it knows nothing. A build's
// record must not outlive what is needed to repeat the build: wait before you store it.
func (f *Fetcher) Kept(ctx context.Context, sums ...string) error {
	var errs []error
	for _, sum := range sums {
		file := f.keeper.find(sum)
		if file == nil {
			continue
		}
		select {
		case <-file.done:
			errs = append(errs, file.err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("keeping what was fetched: %w", err)
	}
	return nil
}

// fromStore brings the file out of the store. What is wrong there can't be fetched again, so that it is an error as from
// any other place.
func (f *Fetcher) fromStore(ctx context.Context, e entry) error {
	r, err := f.Store.Open(ctx, e.sum)
	if kind := fault.KindOf(err); err != nil && (kind == fault.NotFound || kind == fault.Canceled) {
		return err
	}
	if err != nil {
		return again(err) // whatever ails the store, an address may still have the file
	}
	defer r.Close()
	// A part from elsewhere may lie there, and stays if the store fails.
	aside := e.partial + ".kept"
	out, err := os.Create(aside)
	if err != nil {
		return diskError(err)
	}
	defer os.Remove(aside)
	_, err = io.Copy(writerFunc(func(p []byte) (int, error) {
		n, err := out.Write(p)
		if err != nil {
			err = writeError{err}
		}
		return n, err
	}), r)
	if closing := out.Close(); err == nil && closing != nil {
		err = writeError{closing}
	}
	if errors.As(err, new(writeError)) {
		return diskError(err)
	}
	if err != nil {
		return again(err)
	}
	if err := os.Rename(aside, e.partial); err != nil {
		return diskError(err)
	}
	return e.settle("the source store")
}
