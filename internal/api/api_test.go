package api

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// overHTTP is a farm as a client on another machine sees it.
func overHTTP(t *testing.T, f Farm) *Client {
	t.Helper()
	srv := httptest.NewServer(Handler(f))
	t.Cleanup(srv.Close)
	return NewClient(srv.URL)
}

// What a client sees over HTTP is what the farm says, errors and their kinds included.
func TestClientSeesWhatTheFarmSays(t *testing.T) {
	ctx := context.Background()
	fake := &Fake{
		JoinAnswer: Join{Namespace: "wasmill", Registry: "127.0.0.1:5000", Version: "1"},
		Planned:    []Action{{Recipe: "toolz", Kind: "build", Reason: "no earlier build", Status: "planned"}},
		Explained:  map[string]Explanation{"run/1/to olz": {Why: "it is new", Wait: &Wait{For: WaitSlot, Ahead: 2}}, "/toolz": {Why: "cached"}},
		Builds:     map[string]record.Build{"toolz": {Recipe: "toolz", Outcome: record.Passed}},
		Baked:      []Toolchain{{Name: "pyemscripten_2026_5", Size: 1}},
		Seen:       []Worker{{Name: "w1", Slots: 2, LastSeen: time.Unix(1, 0).UTC()}},
	}
	c := overHTTP(t, fake)

	blob, err := c.PutBlob(ctx, strings.NewReader("recipes"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.OpenBlob(ctx, blob.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if text, _ := io.ReadAll(r); string(text) != "recipes" {
		t.Errorf("the blob reads %q", text)
	}
	req := RunRequest{Recipes: blob.Digest, Select: []string{"toolz"}, Lane: "submission"}
	for name, same := range map[string]func(Farm) (any, error){
		"join":        func(f Farm) (any, error) { return f.Join(ctx) },
		"plan":        func(f Farm) (any, error) { return f.Plan(ctx, req) },
		"why":         func(f Farm) (any, error) { return f.Explain(ctx, "run/1", "to olz") },
		"why at all":  func(f Farm) (any, error) { return f.Explain(ctx, "", "toolz") },
		"build":       func(f Farm) (any, error) { return f.Build(ctx, "toolz") },
		"one to take": func(f Farm) (any, error) { return f.Passed(ctx, "toolz") },
		"toolchains":  func(f Farm) (any, error) { return f.Toolchains(ctx) },
		"workers":     func(f Farm) (any, error) { return f.Workers(ctx) },
	} {
		want, err := same(fake)
		if err != nil {
			t.Fatal(err)
		}
		got, err := same(c)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s over HTTP: %v %s", name, err, diff)
		}
	}
	run, err := c.StartRun(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CancelRun(ctx, run.ID); err != nil {
		t.Fatal(err)
	}
	if run, err = c.Run(ctx, run.ID); err != nil || run.State != "canceled" {
		t.Errorf("after the cancel: %+v, %v", run, err)
	}
	if _, err := c.Run(ctx, "none"); fault.KindOf(err) != fault.NotFound || err.Error() != "no run none" {
		t.Errorf("an unknown run: %v (%v)", err, fault.KindOf(err))
	}
}

// A worker that repeats a piece of a log after a lost answer does not double it.
func TestAppendingALogAgainDoesNotDoubleIt(t *testing.T) {
	ctx, fake := context.Background(), &Fake{}
	c := overHTTP(t, fake)
	for _, piece := range []struct {
		offset int64
		text   string
	}{{0, "one\n"}, {4, "two\n"}, {4, "two\nthree\n"}} {
		if err := c.AppendLog(ctx, "toolz", "", piece.offset, strings.NewReader(piece.text)); err != nil {
			t.Fatal(err)
		}
	}
	log, err := c.Log(ctx, "toolz", 4)
	if err != nil || string(log.Text) != "two\nthree\n" {
		t.Errorf("log from 4 on: %q, %v", log.Text, err)
	}
}

func TestAWorkersReportsOverHTTP(t *testing.T) {
	ctx, fake := context.Background(), &Fake{}
	c := overHTTP(t, fake)
	want := Attempt{ID: "a1", Run: "r1", Recipe: "toolz", Worker: "w1", Number: 2, Log: "toolz-1", Phase: record.PhaseCompile}
	if err := c.ReportAttempt(ctx, want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Attempt{want}, fake.Reported); diff != "" {
		t.Error(diff)
	}
	if order, err := c.ReportWorker(ctx, Worker{Name: "w1", Slots: 2, State: Active}); err != nil || len(fake.Seen) != 1 || order.Rest {
		t.Errorf("%v, order %+v, seen %+v", err, order, fake.Seen)
	}
	if w, err := c.OrderWorker(ctx, "w1", Order{Rest: true, Reason: "a new disk", By: "ada"}); err != nil || w.State != Drained || w.By != "ada" {
		t.Errorf("%+v, %v", w, err)
	}
	if order, err := c.ReportWorker(ctx, Worker{Name: "w1", State: Drained}); err != nil || !order.Rest || order.Reason != "a new disk" {
		t.Errorf("the next sign of life is answered with %+v, %v", order, err)
	}
	if _, err := c.OrderWorker(ctx, "w2", Order{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an order to nobody: %v", err)
	}
}

func TestSchedulesOverHTTP(t *testing.T) {
	ctx := context.Background()
	c := overHTTP(t, &Fake{})
	if err := c.AddSchedule(ctx, Schedule{Name: "nightly", Cron: "0 2 * * *"}); err != nil {
		t.Fatal(err)
	}
	if done, err := c.ChangeSchedule(ctx, "nightly", Trigger); err != nil || done.Run == "" {
		t.Errorf("triggered: %+v, %v", done, err)
	}
	if _, err := c.ChangeSchedule(ctx, "nightly", Pause); err != nil {
		t.Fatal(err)
	}
	got, err := c.Schedules(ctx)
	if err != nil || len(got) != 1 || !got[0].Paused {
		t.Errorf("schedules: %+v, %v", got, err)
	}
	if _, err := c.ChangeSchedule(ctx, "nightly", "explode"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an unknown change: %v", err)
	}
}

func TestAnOrchestratorThatIsAway(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	_, err := NewClient(srv.URL).Runs(context.Background(), 1)
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "wasmill up") {
		t.Errorf("the error does not help: %v", err)
	}
}

func TestARequestWithAnUnknownKeyIsRefused(t *testing.T) {
	srv := httptest.NewServer(Handler(&Fake{}))
	defer srv.Close()
	resp, err := srv.Client().Post(srv.URL+"/api/v1/runs", "application/json", strings.NewReader(`{"selekt":["x"]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 || !strings.Contains(string(text), "selekt") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

func TestSourcesTravel(t *testing.T) {
	ctx := context.Background()
	c := overHTTP(t, &Fake{})
	want, err := c.PutSource(ctx, "a b+c-1.0.tar.gz", strings.NewReader("source"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Sources(ctx)
	if diff := cmp.Diff([]Source{want}, list); diff != "" || err != nil || want.Name != "a b+c-1.0.tar.gz" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := c.RemoveSource(ctx, want.SHA256); err != nil || got.SHA256 != want.SHA256 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, sum := range []string{want.SHA256, "a/b"} {
		if _, err := c.RemoveSource(ctx, sum); fault.KindOf(err) != fault.NotFound {
			t.Errorf("removing %s: %v", sum, err)
		}
	}
	for _, name := range []string{"", "a/b", "../b"} {
		if _, err := c.PutSource(ctx, name, strings.NewReader("source")); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}
