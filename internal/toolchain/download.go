package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
)

// downloads is how many files are fetched at a time: mirrors answer one connection slowly, and many unwillingly.
const downloads = 6

// stall is how long a server may send nothing. There is no limit on the whole: lines are as fast as they are.
const stall = 30 * time.Second

// Event tells how far a lock or a bake is.
type Event struct {
	Step  string // what is being done, for people
	Done  int64  // bytes, of a step that can tell
	Total int64  // bytes; 0 for a step that can't tell
}

// downloader fetches inputs into a folder of files that are named by their sha256.
type downloader struct {
	cache    string
	client   *http.Client
	progress func(Event)
}

func (d *downloader) path(in Input) string { return filepath.Join(d.cache, in.SHA256) }

// all fetches what is not in the cache yet.
func (d *downloader) all(ctx context.Context, inputs []Input) error {
	if err := os.MkdirAll(d.cache, 0o755); err != nil {
		return fmt.Errorf("making the cache: %w", err)
	}
	var missing []Input
	var total int64
	for _, in := range inputs {
		if info, err := os.Stat(d.path(in)); err == nil && info.Size() == in.Size {
			continue
		}
		missing = append(missing, in)
		total += in.Size
	}
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	for _, in := range missing {
		group.Go(func() error {
			return d.one(ctx, in, func(n int) {
				d.progress(Event{Step: "downloading", Done: done.Add(int64(n)), Total: total})
			})
		})
	}
	return group.Wait()
}

// one fetches an input from its address, then from its second.
func (d *downloader) one(ctx context.Context, in Input, read func(int)) error {
	var errs []error
	for _, url := range []string{in.URL, in.Mirror} {
		if url == "" {
			continue
		}
		err := d.try(ctx, in, url, read)
		if err == nil || ctx.Err() != nil {
			return err
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("fetching %s %s: %w", in.Name, in.Version, errors.Join(errs...))
}

func (d *downloader) try(ctx context.Context, in Input, url string, read func(int)) (err error) {
	body, err := get(ctx, d.client, url, "")
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.CreateTemp(d.cache, "part-*")
	if err != nil {
		return fmt.Errorf("storing a download: %w", err)
	}
	got := 0
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			read(-got)
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	hash := sha256.New()
	counted := io.TeeReader(io.LimitReader(body, in.Size+1), writerFunc(func(n int) { got += n; read(n) }))
	size, err := io.Copy(io.MultiWriter(f, hash), counted)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "reading %s: %w", url, err)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != in.SHA256 || size != in.Size {
		return fault.Errorf(fault.Invalid, "%s is not what the lock names: %d bytes with sha256 %s instead of %d with %s", url, size, sum, in.Size, in.SHA256)
	}
	return os.Rename(f.Name(), d.path(in))
}

// get asks for an address and fails unless the answer is 200. The body fails after a silence of the server.
func get(ctx context.Context, client *http.Client, url, accept string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel(nil)
		return nil, fault.Errorf(fault.Invalid, "asking for %s: %w", url, err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	silence := time.AfterFunc(stall, func() { cancel(fmt.Errorf("the server sent nothing for %s", stall)) })
	res, err := client.Do(req)
	if err != nil {
		silence.Stop()
		cancel(nil)
		return nil, fault.Errorf(fault.Unavailable, "asking for %s: %w", url, err)
	}
	if res.StatusCode != http.StatusOK {
		silence.Stop()
		cancel(nil)
		kind := fault.Unavailable
		if res.StatusCode == http.StatusNotFound {
			kind = fault.NotFound
		}
		return nil, errors.Join(fault.Errorf(kind, "asking for %s: the server answers %s", url, res.Status), res.Body.Close())
	}
	return &watchedBody{res.Body, silence, cancel}, nil
}

type watchedBody struct {
	io.ReadCloser
	silence *time.Timer
	cancel  context.CancelCauseFunc
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.silence.Reset(stall)
	return b.ReadCloser.Read(p)
}

func (b *watchedBody) Close() error {
	b.silence.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

type writerFunc func(int)

func (f writerFunc) Write(p []byte) (int, error) {
	f(len(p))
	return len(p), nil
}
