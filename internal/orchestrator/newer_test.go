package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// slowIndex is an index that takes its time, and counts.
type slowIndex struct {
	latency time.Duration
	pages   atomic.Int64 // that were sent
	same    atomic.Int64 // that were not, as the one who asked has them
	asked   atomic.Int64
	down    atomic.Bool

	mu     sync.Mutex
	newest map[string]string // versions, by project; others have 1.0
	at     func(asked int64) // called with each request
}

func (s *slowIndex) release(project, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil {
		s.newest = map[string]string{}
	}
	s.newest[project] = version
}

func (s *slowIndex) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(s.latency)
	project := strings.Trim(r.URL.Path, "/")
	s.mu.Lock()
	version := s.newest[project]
	at := s.at
	s.mu.Unlock()
	if version == "" {
		version = "1.0"
	}
	if s.asked.Add(1); s.down.Load() {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	etag := `"` + project + version + `"`
	w.Header().Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		s.same.Add(1)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	name := project + "-" + version + ".tar.gz"
	_ = json.NewEncoder(w).Encode(map[string]any{"files": []any{map[string]any{
		"filename": name, "url": "https://files.example.org/" + name, "hashes": map[string]string{"sha256": strings.Repeat("b", 64)},
	}}})
	if n := s.pages.Add(1); at != nil {
		at(n)
	}
}

// many is how many recipes the index is asked about: 10,000 in the nightly tests.
func many() int {
	if os.Getenv("WASMILL_TEST_NIGHTLY") != "" {
		return 10_000
	}
	return 400
}

// Planning a run of newer releases of a large collection outlives the attempts that it takes, does not hold back the collection
// of garbage, which does not take what it needs, and asks a second time only for what has changed.
func TestNewerReleasesOfManyRecipes(t *testing.T) {
	n := many()
	index := &slowIndex{latency: 20 * time.Millisecond}
	srv := httptest.NewServer(index)
	defer srv.Close()
	dir := t.TempDir()
	o := startWith(t, dir, func(cfg *Config) { cfg.Index, cfg.IndexGap = srv.URL, time.Millisecond })
	recipes := map[string]string{}
	for i := range n {
		recipes[fmt.Sprintf("lib%d", i)] = ""
	}
	req := requestOf(t, o, recipes)
	req.Upstream, req.Publish = "upstream", false
	in := workflows.RunInput{RunID: "one", Request: asked(t, o, req)}
	for i := 0; i < n; i += 100 {
		index.release(fmt.Sprintf("lib%d", i), "1.1")
	}

	// The first attempt ends when half of the index is asked, as that of an orchestrator that is stopped. Before, somebody removes
	// the schedule and collects garbage.
	going, give := context.WithCancel(t.Context())
	defer give()
	half, collected := make(chan struct{}), make(chan error, 1)
	index.at = func(asked int64) {
		if asked == int64(n/2) {
			close(half)
		}
	}
	go func() {
		<-half
		twoDaysPass(t, dir)
		farm := &remembering{}
		farm.set("one", true)
		began := time.Now()
		_, err := o.collect(t.Context(), api.Collect{}, farm)
		if took := time.Since(began); err == nil && took > 3*time.Second {
			err = fault.Errorf(fault.Internal, "garbage was collected after %s", took)
		}
		collected <- err
		give()
	}()
	began := time.Now()
	if _, err := (activities{o}).Plan(going, in); err == nil || going.Err() == nil {
		t.Fatalf("the first attempt is planned: %v", err)
	}
	if err := <-collected; err != nil {
		t.Error(err)
	}
	if r, err := o.blobs.Open(t.Context(), req.Recipes); err != nil {
		t.Errorf("the recipes of a run that is being planned were collected: %v", err)
	} else {
		_ = r.Close()
	}
	first := index.pages.Load()
	if first >= int64(n) {
		t.Fatalf("the first attempt has asked about all %d", first)
	}
	p, err := activities{o}.Plan(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	// What was under way when the attempt ended is asked again, and nothing else.
	if all := index.pages.Load(); all < int64(n) || all > int64(n+indexMany) || len(p.Actions) != (n+99)/100 {
		t.Errorf("%d pages for %d recipes in two attempts, %d actions", all, n, len(p.Actions))
	}
	t.Logf("%d recipes: %d asked in the first attempt, %d in all, %s", n, first, index.pages.Load(), time.Since(began).Round(time.Millisecond))

	// The next time only what has changed is sent, and tried.
	index.release("lib7", "1.2")
	before := index.pages.Load()
	in = workflows.RunInput{RunID: "two", Request: asked(t, o, req)}
	if p, err = (activities{o}).Plan(t.Context(), in); err != nil || len(p.Actions) != 1 || p.Actions[0].Recipe != "lib7" {
		t.Errorf("the second run is to build %+v, %v", p.Actions, err)
	}
	if pages, same := index.pages.Load()-before, index.same.Load(); pages != 1 || same != int64(n-1) {
		t.Errorf("the second time %d pages were sent, %d were not", pages, same)
	}
}

// An index that is down is not asked about each of thousands of recipes, none of them counts as tried, and all are asked about when
// it is well again.
func TestAnIndexThatIsDown(t *testing.T) {
	index := &slowIndex{}
	srv := httptest.NewServer(index)
	defer srv.Close()
	o := startWith(t, t.TempDir(), func(cfg *Config) { cfg.Index, cfg.IndexGap = srv.URL, time.Millisecond })
	recipes := map[string]string{}
	for i := range 3 * indexEnough {
		recipes[fmt.Sprintf("lib%d", i)] = ""
	}
	pack, err := o.recipes(t.Context(), requestOf(t, o, recipes).Recipes, nil)
	if err != nil {
		t.Fatal(err)
	}
	look := func() (problems int) {
		t.Helper()
		a := &asking{
			o: o, schedule: "upstream", index: srv.URL, python: "3.14", answers: map[string]store.Answer{},
			pages: &fetch.Pages{Gap: time.Millisecond, Tries: 1},
		}
		if err := a.all(t.Context(), pack.set.Recipes(), nil); err != nil {
			t.Fatal(err)
		}
		if err := a.keep(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, answer := range a.answers {
			if answer.Problem != "" {
				problems++
			}
		}
		if len(a.answers) != len(recipes) {
			t.Errorf("%d answers", len(a.answers))
		}
		return problems
	}
	index.down.Store(true)
	if problems := look(); problems != len(recipes) || index.asked.Load() > indexEnough+indexMany {
		t.Errorf("an index that is down was asked %d times, of %d recipes %d have a problem", index.asked.Load(), len(recipes), problems)
	}
	index.down.Store(false)
	if problems := look(); problems != 0 {
		t.Errorf("it is well again, and %d have a problem", problems)
	}
}
