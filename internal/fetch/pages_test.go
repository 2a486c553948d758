package fetch_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
)

func TestPagesAreAskedForGently(t *testing.T) {
	var asked atomic.Int32
	index := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		switch {
		case r.URL.Path == "/gone/":
			http.NotFound(w, r)
		case r.URL.Path == "/never/" || n == 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			_, _ = w.Write([]byte(r.Header.Get("Accept")))
		}
	}))
	defer index.Close()
	p := &fetch.Pages{Gap: 10 * time.Millisecond, Tries: 3, Pause: 20 * time.Millisecond}
	began := time.Now()
	if text, err := p.Get(t.Context(), index.URL+"/some/", "a/type"); err != nil || string(text) != "a/type" || asked.Load() != 2 {
		t.Errorf("%q, %v after %d requests", text, err, asked.Load())
	}
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("it was asked again after %s", took)
	}
	if _, err := p.Get(t.Context(), index.URL+"/gone/", "a/type"); fault.KindOf(err) != fault.NotFound || asked.Load() != 3 {
		t.Errorf("a page that is not there: %v after %d requests", err, asked.Load())
	}
	if _, err := p.Get(t.Context(), index.URL+"/never/", "a/type"); fault.KindOf(err) != fault.Unavailable || asked.Load() != 6 {
		t.Errorf("an index that has enough: %v after %d requests", err, asked.Load())
	}
	began = time.Now()
	for range 4 {
		if _, err := p.Get(t.Context(), index.URL+"/some/", "a/type"); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("four requests took %s", took)
	}
}

// Who has a page as it is now does not get it again.
func TestAPageThatIsTheSame(t *testing.T) {
	index := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"two"`)
		if r.Header.Get("If-None-Match") == `"two"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte("the page"))
	}))
	defer index.Close()
	p := &fetch.Pages{}
	for etag, want := range map[string]fetch.Page{
		"":      {Text: []byte("the page"), ETag: `"two"`},
		`"one"`: {Text: []byte("the page"), ETag: `"two"`},
		`"two"`: {ETag: `"two"`, Same: true},
	} {
		page, err := p.GetNew(t.Context(), index.URL, "a/type", etag)
		if diff := cmp.Diff(want, page); err != nil || diff != "" {
			t.Errorf("with %s: %v\n%s", etag, err, diff)
		}
	}
}
