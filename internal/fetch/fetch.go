// Package fetch brings what a build needs onto the machine and lets nothing through that isn't named by its sha256:
// source archives, wheels of the native build environment, the tools themselves. It also resolves build requirements
// into a lock, and unpacks archives that may be hostile. It runs no code of any package, and it is the only part of
// a build that uses the network. The builders and the toolchain's baking use it.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// DefaultIndex is the simple index that is asked unless another is named.
const DefaultIndex = "https://pypi.org/simple/"

// Source is a file that is known by its hash. Where it comes from doesn't matter then.
type Source struct {
	URL     string
	SHA256  string   // 64 hexadecimal digits in lower case; a Source without is refused
	Mirrors []string // further addresses of the same file
	Package string   // the project in whose simple index the hash is looked for; empty: none
}

// File is the name under which a person knows the source.
func (s Source) File() string {
	if u, err := url.Parse(s.URL); err == nil {
		return path.Base(u.Path)
	}
	return path.Base(s.URL)
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (s Source) validate() error {
	switch {
	case s.URL == "":
		return fault.Errorf(fault.Invalid, "a source without an address")
	case s.SHA256 == "":
		return fault.Errorf(fault.Invalid, "%s: no sha256 given: what comes could not be verified", s.URL)
	case !sha256Hex.MatchString(s.SHA256):
		return fault.Errorf(fault.Invalid, "%s: sha256 %q is not 64 hexadecimal digits in lower case", s.URL, s.SHA256)
	}
	return nil
}

// Fetcher downloads files into a cache by hash. It is safe for concurrent use, also by several processes on one
// cache. Only Cache must be set.
type Fetcher struct {
	Cache string // folder
	// Index is the base address of a simple index that speaks JSON (PEP 691); empty means DefaultIndex.
	Index string
	// Crates is the base address of the files of crates.io; empty means DefaultCrates.
	Crates string
	// Mirrors are addresses tried last for every source, with {sha256} and {file} in them replaced.
	Mirrors []string
	// Store, if set, is asked before any address, and gets what they give; see Kept.
	Store Store
	// AllowFiles lets file:// addresses be read. Off where recipes come from strangers.
	AllowFiles bool
	// Client is nil for one that takes proxies from the environment and certificates from the system.
	Client *http.Client
	// Progress, if set, is called often, from several goroutines.
	Progress func(Progress)
	// Sleep, if set, replaces waiting between attempts. It returns early with ctx's error when ctx ends.
	Sleep func(ctx context.Context, d time.Duration) error

	keeper keeper
}

// Progress says how far a download is.
type Progress struct {
	File        string
	Done, Total int64 // bytes; Total is -1 where the server doesn't say
}

// rounds is how often all addresses are gone through as long as one of them failed in a way that may pass.
const rounds = 4

// Get returns the path of a file with src's hash, downloading it when the cache doesn't hold it. The file is shared
// and must not be changed.
//
// The places are, in this order: f.Store, src.URL, the file with this hash in the package's simple index, src.Mirrors,
// and f.Mirrors. The index is there because old addresses rot: packages/source/n/name/ is not on every mirror of PyPI.
// Why the store comes first says docs/decisions/0010-source-store.md.
//
// Errors: *HashMismatchError (fault.Invalid) when something else came and no address had the right file;
// *FailedError with all addresses tried (fault.NotFound, or fault.Unavailable when trying later may help);
// fault.Exhausted when the disk is full.
func (f *Fetcher) Get(ctx context.Context, src Source) (string, error) {
	if err := src.validate(); err != nil {
		return "", err
	}
	entry := f.entry(src.SHA256)
	if err := f.bring(ctx, src, entry); err != nil {
		return "", err
	}
	if f.Store != nil {
		f.keeper.begin(f.Store, src, entry.file)
	}
	return entry.file, nil
}

// bring makes sure that the cache holds the file.
func (f *Fetcher) bring(ctx context.Context, src Source, entry entry) error {
	if ok, err := entry.verify(); err != nil || ok {
		return err
	}
	unlock, err := entry.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	// Whoever held the lock before may have brought the file.
	if ok, err := entry.verify(); err != nil || ok {
		return err
	}
	return f.search(ctx, src, entry)
}

// search goes through the addresses, in rounds: while one of them may still answer, waiting for another is a waste.
func (f *Fetcher) search(ctx context.Context, src Source, entry entry) error {
	tries := f.addresses(src)
	for round := range rounds {
		if round > 0 {
			if err := f.sleep(ctx, time.Second<<(round-1)); err != nil {
				return err
			}
		}
		again := false
		for i := range tries {
			t := &tries[i]
			if t.final {
				continue
			}
			t.Err = t.fetch(ctx, entry)
			switch {
			case t.Err == nil:
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			case fault.KindOf(t.Err) == fault.Exhausted, fault.KindOf(t.Err) == fault.Internal:
				return fmt.Errorf("fetching %s: %w", src.File(), t.Err)
			}
			t.final = !errors.Is(t.Err, errAgain)
			again = again || !t.final
		}
		if !again {
			break
		}
	}
	return failure(src, tries, f.Store != nil)
}

func (f *Fetcher) addresses(src Source) []Try {
	download := func(address string) Try {
		return Try{Address: address, fetch: func(ctx context.Context, e entry) error {
			return f.download(ctx, address, src, e)
		}}
	}
	var tries []Try
	if f.Store != nil {
		tries = append(tries, Try{Address: "the source store", fetch: f.fromStore})
	}
	tries = append(tries, download(src.URL))
	if src.Package != "" {
		page := f.indexPage(src.Package)
		tries = append(tries, Try{Address: page, fetch: func(ctx context.Context, e entry) error {
			address, err := f.lookup(ctx, page, src.SHA256)
			if err != nil {
				return err
			}
			return f.download(ctx, address, src, e)
		}})
	}
	for _, m := range src.Mirrors {
		tries = append(tries, download(m))
	}
	for _, m := range f.Mirrors {
		tries = append(tries, download(strings.NewReplacer("{sha256}", src.SHA256, "{file}", src.File()).Replace(m)))
	}
	return tries
}

func (f *Fetcher) sleep(ctx context.Context, d time.Duration) error {
	if f.Sleep != nil {
		return f.Sleep(ctx, d)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Add puts a file that is already on this machine into the cache, as if it had been downloaded, and returns its
// sha256. This is how a source gets in whose host can't be reached.
func (f *Fetcher) Add(file string) (string, error) {
	sum, err := hashFile(file)
	if err != nil {
		return "", fmt.Errorf("adding %s to the cache: %w", file, err)
	}
	entry := f.entry(sum)
	if err := os.MkdirAll(entry.dir(), 0o755); err != nil {
		return "", diskError(err)
	}
	if err := copyFile(file, entry.partial); err != nil {
		return "", fmt.Errorf("adding %s to the cache: %w", file, diskError(err))
	}
	if ok, err := entry.commit(); err != nil || !ok {
		return "", fmt.Errorf("adding %s to the cache: it changed meanwhile: %w", file, err)
	}
	return sum, nil
}
