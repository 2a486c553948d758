package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

// memory is a Store that can be told to fail.
type memory struct {
	mu          sync.Mutex
	files       map[string][]byte
	kept        []Source // in the order in which they were offered
	down        error    // of Open
	refuse      error    // of Keep
	slow        chan struct{}
	openedCount int
}

func (m *memory) Open(_ context.Context, sum string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.openedCount++
	if m.down != nil {
		return nil, m.down
	}
	data, ok := m.files[sum]
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "it is not kept there")
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (m *memory) Keep(_ context.Context, src Source, path string) error {
	if m.slow != nil {
		<-m.slow
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = append(m.kept, src)
	if m.refuse != nil {
		return m.refuse
	}
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	m.files[src.SHA256] = data
	return nil
}

// A host answers once and is gone for ever after; another machine of the same farm builds the same a year later.
func TestWhatWasFetchedOnceNeedsNoHost(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{"/file.tar.gz": whole})
	src, farm := Source{URL: site.URL + "/file.tar.gz", SHA256: sum}, &memory{}
	f := newFetcher(t)
	f.Store = farm
	if _, err := f.Get(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	if err := f.Kept(t.Context(), sum, "of which it never heard"); err != nil {
		t.Fatal(err)
	}
	site.Close()
	f = newFetcher(t)
	f.Store = farm
	file, err := f.Get(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := hashFile(file); got != sum {
		t.Errorf("the store gave %s", got)
	}
	if diff := cmp.Diff([]string{"/file.tar.gz"}, site.asked); diff != "" {
		t.Error(diff)
	}
}

// Each file is offered to the store once, also one that the cache has held since before there was a store; and a warm
// cache asks the store for nothing.
func TestAFileIsOfferedOnce(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{"/file": whole})
	src, farm := Source{URL: site.URL + "/file", SHA256: sum}, &memory{}
	f := newFetcher(t)
	if _, err := f.Get(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	f.Store = farm
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := f.Get(t.Context(), src); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := f.Kept(t.Context(), sum); err != nil {
		t.Fatal(err)
	}
	if len(farm.kept) != 1 || farm.openedCount != 0 {
		t.Errorf("offered %d times, asked %d times", len(farm.kept), farm.openedCount)
	}
}

// Get does not wait for the store, and Kept does, until its caller has had enough.
func TestKeepingGoesOnBesideTheBuild(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{"/file": whole})
	farm := &memory{slow: make(chan struct{})}
	f := newFetcher(t)
	f.Store = farm
	if _, err := f.Get(t.Context(), Source{URL: site.URL + "/file", SHA256: sum}); err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := f.Kept(impatient, sum); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("not waited for: %v", err)
	}
	close(farm.slow)
	if err := f.Kept(t.Context(), sum); err != nil || len(farm.kept) != 1 {
		t.Errorf("%v, %d files", err, len(farm.kept))
	}
}

// A store that is full fails the one who waits, and gets another chance with the next fetch.
func TestAFailureToKeepIsTold(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{"/file": whole})
	src, farm := Source{URL: site.URL + "/file", SHA256: sum}, &memory{refuse: fault.Errorf(fault.Exhausted, "the disk is full")}
	f := newFetcher(t)
	f.Store = farm
	if _, err := f.Get(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	if err := f.Kept(t.Context(), sum); err != nil && fault.KindOf(err) != fault.Exhausted {
		t.Error(err)
	}
	for f.keeper.find(sum) != nil {
		time.Sleep(time.Millisecond)
	}
	farm.mu.Lock()
	farm.refuse = nil
	farm.mu.Unlock()
	if _, err := f.Get(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	if err := f.Kept(t.Context(), sum); err != nil || farm.files[sum] == nil {
		t.Errorf("not offered again: %v", err)
	}
}

func TestTheStoreIsOnePlaceAmongOthers(t *testing.T) {
	for name, c := range map[string]struct {
		farm *memory
		page http.HandlerFunc
		want string // "" means that the file is there; URL stands for the site's address
		kind fault.Kind
	}{
		"it does not answer, the address does":            {farm: &memory{down: fault.Errorf(fault.Unavailable, "connection refused")}, page: whole},
		"its bytes have rotted, the address has the file": {farm: &memory{files: map[string][]byte{sum: []byte("rot")}}, page: whole},
		"nobody has it": {
			farm: &memory{}, page: status(404), kind: fault.NotFound,
			want: "fetching file (sha256 " + sum + "): no address gave it: the source store: it is not kept there; URL/file: 404 Not Found; " +
				"if you have the file, `wasmill source add FILE` gives it to the farm",
		},
	} {
		t.Run(name, func(t *testing.T) {
			site := newSite(t, map[string]http.HandlerFunc{"/file": c.page})
			f := newFetcher(t)
			f.Store = c.farm
			file, err := f.Get(t.Context(), Source{URL: site.URL + "/file", SHA256: sum})
			if c.want == "" {
				if got, _ := hashFile(file); err != nil || got != sum {
					t.Errorf("%s, %v", got, err)
				}
				return
			}
			if err == nil || fault.KindOf(err) != c.kind || strings.ReplaceAll(err.Error(), site.URL, "URL") != c.want {
				t.Errorf("%v (%v), want %s", err, fault.KindOf(err), c.want)
			}
		})
	}
}

// Between two parts the file at an address becomes another: the server sees by the ETag that the first part is of no use,
// and sends all of it, so that nothing is downloaded in vain.
func TestAPartOfAnotherFileIsNotGoneOnWith(t *testing.T) {
	var ranges []string
	tag := `"one"`
	site := newSite(t, map[string]http.HandlerFunc{"/file": func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range")+r.Header.Get("If-Range"))
		w.Header().Set("ETag", tag)
		if tag == `"one"` {
			tag = `"two"`
			cut(1000)(w, r)
			return
		}
		whole(w, r)
	}})
	f := newFetcher(t)
	if _, err := f.Get(t.Context(), Source{URL: site.URL + "/file", SHA256: sum}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", `bytes=1000-"one"`}, ranges); diff != "" {
		t.Error(diff)
	}
	if left, _ := filepath.Glob(filepath.Join(f.Cache, "partial", "*.from")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
