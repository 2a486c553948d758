package toolchain

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fetch"
)

// downloads is how many files are fetched at a time: mirrors answer one connection slowly, and many unwillingly.
const downloads = 6

// Event tells how far a lock or a bake is.
type Event struct {
	Step  string // what is being done, for people
	Done  int64  // bytes, of a step that can tell
	Total int64  // bytes; 0 for a step that can't tell
}

// source says where an input is to be had.
func (in Input) source() fetch.Source {
	s := fetch.Source{URL: in.URL, SHA256: in.SHA256}
	if in.Mirror != "" {
		s.Mirrors = []string{in.Mirror}
	}
	if in.Kind == Wheel {
		s.Package = in.Name
	}
	return s
}

// fetchInputs brings every input into the cache and says where each is, by its sha256.
func fetchInputs(ctx context.Context, cache string, client *http.Client, inputs []Input, progress func(Event)) (map[string]string, error) {
	var mu sync.Mutex
	var total, sum int64
	done, paths := map[string]int64{}, map[string]string{}
	for _, in := range inputs {
		total += in.Size
	}
	// A file's count can fall, when a server starts over.
	tell := func(file string, n int64) {
		mu.Lock()
		defer mu.Unlock()
		sum += n - done[file]
		done[file] = n
		progress(Event{Step: "downloading", Done: sum, Total: total})
	}
	fetcher := &fetch.Fetcher{Cache: cache, Client: client, Progress: func(p fetch.Progress) { tell(p.File, p.Done) }}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	for _, in := range inputs {
		group.Go(func() error {
			path, err := fetcher.Get(ctx, in.source())
			if err != nil {
				return fmt.Errorf("fetching %s %s: %w", in.Name, in.Version, err)
			}
			tell(in.source().File(), in.Size)
			mu.Lock()
			defer mu.Unlock()
			paths[in.SHA256] = path
			return nil
		})
	}
	return paths, group.Wait()
}
