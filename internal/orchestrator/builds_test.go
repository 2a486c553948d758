package orchestrator

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// A finished build's log is the build's and behind it the test's, whichever part is asked for.
func TestAStoredLogIsReadInParts(t *testing.T) {
	o := start(t, t.TempDir())
	whole := bytes.Repeat([]byte("0123456789abcdef"), (maxStoredPart+maxStoredPart/2)/16)
	keep := func(text []byte) *record.Blob {
		blob, err := o.blobs.Put(t.Context(), store.MediaTypeLog, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return &blob
	}
	middle := maxStoredPart - 5
	b := &record.Build{Log: keep(whole[:middle]), TestLog: keep(whole[middle:])}
	for story, c := range map[string]struct {
		offset, size int
		ended        bool
	}{
		"from the start, into the test's": {0, maxStoredPart, false},
		"the rest":                        {maxStoredPart, maxStoredPart / 2, true},
		"across the seam":                 {middle - 3, len(whole) - middle + 3, true},
		"the test's only":                 {len(whole) - 7, 7, true},
		"at the end":                      {len(whole), 0, true},
		"behind the end":                  {len(whole) + 9, 0, true},
		"far behind the end":              {math.MaxInt, 0, true},
	} {
		t.Run(story, func(t *testing.T) {
			got, err := o.storedLog(t.Context(), b, int64(c.offset))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Text) != c.size || got.Offset != int64(c.offset+c.size) || got.Ended != c.ended {
				t.Fatalf("%d bytes, up to %d, ended: %v", len(got.Text), got.Offset, got.Ended)
			}
			if c.size > 0 && !bytes.Equal(got.Text, whole[c.offset:c.offset+c.size]) {
				t.Error("other bytes")
			}
		})
	}
	for story, b := range map[string]*record.Build{"no log": {}, "no test": {Log: keep([]byte("x"))}} {
		if got, err := o.storedLog(t.Context(), b, 0); err != nil || !got.Ended {
			t.Errorf("%s: %+v, %v", story, got, err)
		}
	}
}

// A build for one target does not hide that for another, neither its record nor its log, which may be growing.
func TestTheNewestBuildOnAToolchain(t *testing.T) {
	o := start(t, t.TempDir())
	ctx := t.Context()
	keys := map[string]string{"wheels": strings.Repeat("a", 64), "linked": strings.Repeat("b", 64)}
	for i, on := range []string{"wheels", "linked"} {
		log, err := o.blobs.Put(ctx, store.MediaTypeLog, strings.NewReader("log on "+on))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000+i), 0)
		b := store.Build{Record: record.Build{Schema: record.Schema, Key: keys[on], Recipe: "h3", Version: "1", Outcome: record.Passed, Toolchain: record.Toolchain{Name: on}, Log: &log, Started: at}, Finished: at, Used: at}
		if _, err := o.db.PutBuild(ctx, b); err != nil {
			t.Fatal(err)
		}
		request, err := json.Marshal(api.RunRequest{Toolchain: on})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.db.CreateRun(ctx, store.Run{ID: "run-" + on, Request: request, Created: at}); err != nil {
			t.Fatal(err)
		}
		if err := o.db.BeginAttempt(ctx, store.Attempt{ID: "attempt-" + on, Key: keys[on], Recipe: "h3", Run: "run-" + on, Number: 1, Started: at}); err != nil {
			t.Fatal(err)
		}
		if err := o.db.EndAttempt(ctx, "attempt-"+on, "passed", nil, at); err != nil {
			t.Fatal(err)
		}
	}
	for asked, want := range map[string]string{"h3": "linked", "h3@wheels": "wheels", "h3@linked": "linked", keys["wheels"]: "wheels", keys["wheels"] + "@linked": "wheels"} {
		b, err := o.Build(ctx, asked)
		if err != nil || b.Toolchain.Name != want {
			t.Errorf("%s is the build on %s, %v; want %s", asked, b.Toolchain.Name, err, want)
		}
		log, err := o.Log(ctx, asked, 0)
		if err != nil || string(log.Text) != "log on "+want {
			t.Errorf("the log of %s is %q, %v", asked, log.Text, err)
		}
	}
	if _, err := o.Build(ctx, "h3@other"); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "h3 on other") {
		t.Errorf("on a toolchain without one: %v", err)
	}
	// While it goes on, its log is what has come so far.
	if err := o.db.BeginAttempt(ctx, store.Attempt{ID: "again", Recipe: "h3", Run: "run-wheels", Number: 1, Started: time.Unix(2000, 0), LogPath: "h3-1"}); err != nil {
		t.Fatal(err)
	}
	if err := o.logs.append("h3-1", 0, strings.NewReader("so far")); err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[string]string{"h3": "so far", "h3@wheels": "so far", "h3@linked": "log on linked"} {
		if log, err := o.Log(ctx, asked, 0); err != nil || string(log.Text) != want {
			t.Errorf("the log of %s is %q, %v; want %q", asked, log.Text, err, want)
		}
	}
	// A later one that failed is the newest to ask about, and none to take.
	failed := store.Build{Record: record.Build{Schema: record.Schema, Key: strings.Repeat("c", 64), Recipe: "h3", Outcome: record.Failed, Toolchain: record.Toolchain{Name: "linked"}, Started: time.Unix(1500, 0)}, Finished: time.Unix(1500, 0), Used: time.Unix(1500, 0)}
	if _, err := o.db.PutBuild(ctx, failed); err != nil {
		t.Fatal(err)
	}
	newest, err := o.Build(ctx, "h3")
	taken, errTaken := o.Passed(ctx, "h3")
	if err != nil || errTaken != nil || newest.Key != failed.Record.Key || taken.Key != keys["linked"] {
		t.Errorf("the newest is %s, the newest that passed %s; %v, %v", newest.Key, taken.Key, err, errTaken)
	}
	if _, err := o.Passed(ctx, failed.Record.Key); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "has not passed: `wasmill logs cccc") {
		t.Errorf("taking what failed: %v", err)
	}
}
