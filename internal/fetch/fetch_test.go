package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

var (
	content = []byte(strings.Repeat("All that is gold does not glitter. ", 10_000))
	sum     = sha256Of(content)
)

func sha256Of(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// site serves by path and remembers what was asked for, with the ranges.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	pages map[string]http.HandlerFunc
}

func newSite(t *testing.T, pages map[string]http.HandlerFunc) *site {
	s := &site{pages: pages}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
		s.mu.Unlock()
		if page := s.pages[r.URL.Path]; page != nil {
			page(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// whole serves the content, also parts of it.
func whole(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "file", time.Time{}, strings.NewReader(string(content)))
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
}

// cut promises all of the content and closes the connection after n bytes.
func cut(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:n])
	}
}

// inTurn answers the first request with the first page, and so on; the last one stays.
func inTurn(pages ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		page := pages[0]
		if len(pages) > 1 {
			pages = pages[1:]
		}
		mu.Unlock()
		page(w, r)
	}
}

// index is a project's page whose only file is the content, at an address relative to the page.
func index(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != simpleJSON {
			http.Error(w, "not acceptable", http.StatusNotAcceptable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"files": []any{
			map[string]any{"url": "other", "hashes": map[string]string{"sha256": strings.Repeat("0", 64)}},
			map[string]any{"url": address, "hashes": map[string]string{"sha256": sum}},
		}})
	}
}

func newFetcher(t *testing.T) *Fetcher {
	return &Fetcher{Cache: t.TempDir(), Index: "http://127.0.0.1:1/", Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

func TestGet(t *testing.T) {
	for name, c := range map[string]struct {
		pages   map[string]http.HandlerFunc
		project string
		mirrors []string
		asked   []string
	}{
		"at once": {
			pages: map[string]http.HandlerFunc{"/file.tar.gz": whole},
			asked: []string{"/file.tar.gz"},
		},
		"the server fails for a while": {
			pages: map[string]http.HandlerFunc{"/file.tar.gz": inTurn(status(500), status(429), whole)},
			asked: []string{"/file.tar.gz", "/file.tar.gz", "/file.tar.gz"},
		},
		"the connection breaks, and the rest is asked for": {
			pages: map[string]http.HandlerFunc{"/file.tar.gz": inTurn(cut(1000), whole)},
			asked: []string{"/file.tar.gz", "/file.tar.gz bytes=1000-"},
		},
		"the connection breaks, and the server knows no ranges": {
			pages: map[string]http.HandlerFunc{"/file.tar.gz": inTurn(cut(1000), cut(len(content)))},
			asked: []string{"/file.tar.gz", "/file.tar.gz bytes=1000-"},
		},
		"the file changes between two parts": {
			pages: map[string]http.HandlerFunc{"/file.tar.gz": inTurn(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "99999")
				_, _ = w.Write([]byte("something else"))
			}, whole)},
			asked: []string{"/file.tar.gz", "/file.tar.gz bytes=14-", "/file.tar.gz"},
		},
		"more has come than there is": {
			pages: map[string]http.HandlerFunc{"/file.tar.gz": inTurn(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(2*len(content)))
				_, _ = w.Write(append([]byte("x"), content...))
			}, whole)},
			asked: []string{"/file.tar.gz", fmt.Sprintf("/file.tar.gz bytes=%d-", len(content)+1), "/file.tar.gz"},
		},
		"an old address, the index knows the new one": {
			pages:   map[string]http.HandlerFunc{"/simple/my-project/": index("../../files/new#sha256=ignored"), "/files/new": whole},
			project: "My.Project",
			asked:   []string{"/file.tar.gz", "/simple/my-project/", "/files/new"},
		},
		"the address gives something else, the index the right one": {
			pages: map[string]http.HandlerFunc{
				"/file.tar.gz":     func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "regenerated") },
				"/simple/project/": index("/files/new"), "/files/new": whole,
			},
			project: "project",
			asked:   []string{"/file.tar.gz", "/simple/project/", "/files/new"},
		},
		"only a mirror has it, and nobody waits for the address that fails": {
			pages:   map[string]http.HandlerFunc{"/file.tar.gz": status(503), "/mirror/" + sum + "/file.tar.gz": whole},
			mirrors: []string{"/nothing", "/mirror/{sha256}/{file}"},
			asked:   []string{"/file.tar.gz", "/nothing", "/mirror/" + sum + "/file.tar.gz"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			site := newSite(t, c.pages)
			f := newFetcher(t)
			f.Index = site.URL + "/simple"
			for _, m := range c.mirrors {
				f.Mirrors = append(f.Mirrors, site.URL+m)
			}
			src := Source{URL: site.URL + "/file.tar.gz", SHA256: sum, Package: c.project}
			for range 2 { // the second time nothing is asked for
				file, err := f.Get(t.Context(), src)
				if err != nil {
					t.Fatal(err)
				}
				if data, err := os.ReadFile(file); err != nil || string(data) != string(content) {
					t.Errorf("%d bytes, %v", len(data), err)
				}
			}
			if diff := cmp.Diff(c.asked, site.asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGetFails(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{
		"/wrong": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>")
		},
		"/broken":          status(503),
		"/simple/project/": index("/moved"),
		"/simple/empty/":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"files": []}`) },
	})
	for name, c := range map[string]struct {
		src  Source
		kind fault.Kind
		want string // URL stands for the site's address
	}{
		"nobody has it": {
			Source{URL: "URL/file", SHA256: sum, Package: "project", Mirrors: []string{"URL/mirror"}}, fault.NotFound,
			"fetching file (sha256 " + sum + "): no address gave it: URL/file: 404 Not Found; URL/simple/project/: 404 Not Found; URL/mirror: 404 Not Found",
		},
		"the index doesn't have it either": {
			Source{URL: "URL/file", SHA256: sum, Package: "empty"}, fault.NotFound,
			"fetching file (sha256 " + sum + "): no address gave it: URL/file: 404 Not Found; URL/simple/empty/: none of the 0 files there has this sha256",
		},
		"something else came": {
			Source{URL: "URL/wrong", SHA256: sum, Mirrors: []string{"URL/broken"}}, fault.Invalid,
			"fetching wrong (sha256 " + sum + "): no address gave it: URL/wrong: expected sha256 " + sum + ", but URL/wrong gave " +
				sha256Of([]byte("<html>")) + " (6 bytes, looks like a web page); URL/broken: 503 Service Unavailable",
		},
		"the server is ill": {
			Source{URL: "URL/broken", SHA256: sum, Mirrors: []string{"URL/file"}}, fault.Unavailable,
			"fetching broken (sha256 " + sum + "): no address gave it: URL/broken: 503 Service Unavailable; URL/file: 404 Not Found",
		},
		"no hash":          {Source{URL: "URL/file"}, fault.Invalid, "URL/file: no sha256 given: what comes could not be verified"},
		"half a hash":      {Source{URL: "URL/file", SHA256: "beef"}, fault.Invalid, `URL/file: sha256 "beef" is not 64 hexadecimal digits in lower case`},
		"file not allowed": {Source{URL: "file:///etc/passwd", SHA256: sum}, fault.Invalid, "fetching passwd (sha256 " + sum + "): no address gave it: file:///etc/passwd: addresses that begin with file:// are not allowed here"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFetcher(t)
			f.Index = site.URL + "/simple/"
			c.src.URL = strings.ReplaceAll(c.src.URL, "URL", site.URL)
			for i := range c.src.Mirrors {
				c.src.Mirrors[i] = strings.ReplaceAll(c.src.Mirrors[i], "URL", site.URL)
			}
			_, err := f.Get(t.Context(), c.src)
			if err == nil || fault.KindOf(err) != c.kind {
				t.Fatalf("kind %v, want %v: %v", fault.KindOf(err), c.kind, err)
			}
			if diff := cmp.Diff(strings.ReplaceAll(c.want, "URL", site.URL), err.Error()); diff != "" {
				t.Error(diff)
			}
			if mismatch := (*HashMismatchError)(nil); errors.As(err, &mismatch) != (name == "something else came") {
				t.Errorf("hash mismatch: %v", mismatch)
			}
			if left, _ := filepath.Glob(filepath.Join(f.Cache, "sha256", "*")); len(left) > 0 {
				t.Errorf("left in the cache: %v", left)
			}
		})
	}
}

// The network is away: refused is not the same as not found.
func TestGetWithoutNetwork(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	_, err := newFetcher(t).Get(t.Context(), Source{URL: server.URL + "/file", SHA256: sum, Package: "project"})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("kind %v: %v", fault.KindOf(err), err)
	}
}

func TestGetCanceledLeavesWhatHasCome(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	site := newSite(t, map[string]http.HandlerFunc{"/file": inTurn(func(w http.ResponseWriter, r *http.Request) {
		cut(1000)(w, r)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}, whole)})
	f := newFetcher(t)
	f.Progress = func(Progress) { cancel() }
	src := Source{URL: site.URL + "/file", SHA256: sum}
	if _, err := f.Get(ctx, src); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	f.Progress = nil
	if _, err := f.Get(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/file", "/file bytes=1000-"}, site.asked); diff != "" {
		t.Error(diff)
	}
}

func TestManyWantTheSame(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{"/file": whole})
	f := newFetcher(t)
	other := &Fetcher{Cache: f.Cache} // as another process would
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := []*Fetcher{f, other}[i%2].Get(t.Context(), Source{URL: site.URL + "/file", SHA256: sum}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(site.asked) != 1 {
		t.Errorf("asked for: %v", site.asked)
	}
}

func TestDamagedCacheIsRepaired(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{"/file": whole})
	f := newFetcher(t)
	src := Source{URL: site.URL + "/file", SHA256: sum}
	file, err := f.Get(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(file, 0o644), os.WriteFile(file, []byte("bits rot"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	if got, _ := hashFile(file); got != sum {
		t.Errorf("the cache holds %s", got)
	}
}

func TestProgress(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{"/file": whole})
	f := newFetcher(t)
	var last Progress
	f.Progress = func(p Progress) { last = p }
	if _, err := f.Get(t.Context(), Source{URL: site.URL + "/file", SHA256: sum}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Progress{File: "file", Done: int64(len(content)), Total: int64(len(content))}, last); diff != "" {
		t.Error(diff)
	}
}

func TestLocalFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFetcher(t)
	f.AllowFiles = true
	if _, err := f.Get(t.Context(), Source{URL: "file://" + file, SHA256: sum}); err != nil {
		t.Error(err)
	}
	f = newFetcher(t)
	got, err := f.Add(file)
	if err != nil || got != sum {
		t.Fatalf("Add: %s, %v", got, err)
	}
	if _, err := f.Get(t.Context(), Source{URL: "http://127.0.0.1:1/gone", SHA256: sum}); err != nil {
		t.Error(err)
	}
}

func TestDiskFull(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{"/file": whole})
	f := newFetcher(t)
	partial := f.entry(sum).partial
	if err := errors.Join(os.Mkdir(filepath.Dir(partial), 0o755), os.Symlink("/dev/full", partial)); err != nil {
		t.Fatal(err)
	}
	_, err := f.Get(t.Context(), Source{URL: site.URL + "/file", SHA256: sum})
	if fault.KindOf(err) != fault.Exhausted || len(site.asked) != 1 {
		t.Errorf("kind %v: %v; asked for %v", fault.KindOf(err), err, site.asked)
	}
}
