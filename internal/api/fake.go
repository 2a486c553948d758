package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Fake is a Farm in memory for tests. Its exported fields are what it answers; Script, where set, changes a run each
// time that it is looked at. It builds nothing.
type Fake struct {
	JoinAnswer Join
	Planned    []Action
	Script     func(looks int, run *Run)
	Explained  map[string]Explanation // by "run/recipe"; the run may be empty
	Builds     map[string]record.Build
	Differ     map[string]Difference
	Logs       map[string][]byte
	Baked      []Toolchain
	Released   []Release
	Seen       []Worker
	Going      Top              // what Top answers
	Orders     map[string]Order // by worker; ReportWorker answers with them
	Reported   []Attempt        // what ReportAttempt was told, in order
	Garbage    Collected        // what Collect answers
	Collects   []Collect        // what it was asked
	Entries    []Entry          // the journal

	mu        sync.Mutex
	blobs     map[record.Digest][]byte
	runs      []*Run
	looks     map[string]int
	schedules []Schedule
	sources   []Source
	pins      []Pin
	tokens    []Token
	apart     []Quarantine
}

var _ Farm = (*Fake)(nil)

// Join implements Farm.
func (f *Fake) Join(context.Context) (Join, error) { return f.JoinAnswer, nil }

// PutBlob implements Farm.
func (f *Fake) PutBlob(_ context.Context, r io.Reader) (record.Blob, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return record.Blob{}, err
	}
	sum := sha256.Sum256(data)
	digest := record.Digest("sha256:" + hex.EncodeToString(sum[:]))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blobs == nil {
		f.blobs = map[record.Digest][]byte{}
	}
	f.blobs[digest] = data
	return record.Blob{Digest: digest, Size: int64(len(data))}, nil
}

// OpenBlob implements Farm.
func (f *Fake) OpenBlob(_ context.Context, digest record.Digest) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.blobs[digest]
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no blob %s", digest)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// PutSource implements Farm.
func (f *Fake) PutSource(ctx context.Context, name string, r io.Reader) (Source, error) {
	return f.PutFetched(ctx, name, "", r)
}

// PutFetched implements Farm.
func (f *Fake) PutFetched(ctx context.Context, name, url string, r io.Reader) (Source, error) {
	blob, err := f.PutBlob(ctx, r)
	if err != nil {
		return Source{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := strings.TrimPrefix(string(blob.Digest), "sha256:")
	for _, s := range f.sources {
		if s.SHA256 == sum {
			return s, nil
		}
	}
	s := Source{SHA256: sum, Name: name, Size: blob.Size, URL: url}
	f.sources = append(f.sources, s)
	return s, nil
}

// Sources implements Farm.
func (f *Fake) Sources(context.Context) ([]Source, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Source{}, f.sources...), nil
}

// RemoveSource implements Farm.
func (f *Fake) RemoveSource(_ context.Context, sha256 string) (RemovedSource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.sources, func(s Source) bool { return s.SHA256 == sha256 })
	if i < 0 {
		return RemovedSource{}, fault.Errorf(fault.NotFound, "no source %s", sha256)
	}
	f.sources = slices.Delete(f.sources, i, i+1)
	delete(f.blobs, record.Digest("sha256:"+sha256))
	return RemovedSource{SHA256: sha256}, nil
}

// Plan implements Farm.
func (f *Fake) Plan(context.Context, RunRequest) ([]Action, error) { return f.Planned, nil }

// StartRun implements Farm.
func (f *Fake) StartRun(_ context.Context, req RunRequest) (Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.blobs[req.Recipes]; !ok {
		return Run{}, fault.Errorf(fault.Invalid, "no recipes %q were uploaded", req.Recipes)
	}
	run := &Run{ID: "run-" + string(rune('1'+len(f.runs))), Lane: req.Lane, State: "running", Select: req.Select, Actions: slices.Clone(f.Planned)}
	f.runs = append(f.runs, run)
	return *run, nil
}

// Runs implements Farm.
func (f *Fake) Runs(_ context.Context, limit int) ([]Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []Run{}
	for _, r := range f.runs[:min(limit, len(f.runs))] {
		out = append(out, *r)
	}
	return out, nil
}

// Run implements Farm.
func (f *Fake) Run(_ context.Context, id string) (Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.runs {
		if r.ID != id {
			continue
		}
		if f.looks == nil {
			f.looks = map[string]int{}
		}
		if f.Script != nil {
			f.Script(f.looks[id], r)
		}
		f.looks[id]++
		out := *r
		out.Actions = slices.Clone(r.Actions)
		return out, nil
	}
	return Run{}, fault.Errorf(fault.NotFound, "no run %s", id)
}

// Explain implements Farm.
func (f *Fake) Explain(_ context.Context, run, recipe string) (Explanation, error) {
	e, ok := f.Explained[run+"/"+recipe]
	if !ok {
		return e, fault.Errorf(fault.NotFound, "no recipe %s in run %q", recipe, run)
	}
	return e, nil
}

// Keep puts a run into the farm's memory.
func (f *Fake) Keep(run Run) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs = append(f.runs, &run)
}

// SteerRun implements Farm.
func (f *Fake) SteerRun(_ context.Context, id string, s Steering) (Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.runs {
		switch {
		case r.ID != id:
			continue
		case r.State != "running":
			return *r, fault.Errorf(fault.Conflict, "run %s has ended (%s)", id, r.State)
		}
		switch {
		case s.Pause == nil:
		case !*s.Pause:
			r.Paused = nil
		case r.Paused == nil:
			r.Paused = &Paused{Since: time.Now(), By: s.By, Reason: s.Reason}
		}
		if s.Limit != nil {
			r.Limit = *s.Limit
		}
		return *r, nil
	}
	return Run{}, fault.Errorf(fault.NotFound, "no run %s", id)
}

// CancelRun implements Farm.
func (f *Fake) CancelRun(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.runs {
		if r.ID == id {
			r.State = "canceled"
			return nil
		}
	}
	return fault.Errorf(fault.NotFound, "no run %s", id)
}

// Build implements Farm.
func (f *Fake) Build(_ context.Context, keyOrRecipe string) (record.Build, error) {
	name, on, _ := strings.Cut(keyOrRecipe, "@")
	b, ok := f.Builds[keyOrRecipe]
	if !ok && (on == f.Builds[name].Toolchain.Name || f.Builds[name].Toolchain.Name == "") {
		b, ok = f.Builds[name]
	}
	if !ok {
		return b, fault.Errorf(fault.NotFound, "no build of %s", keyOrRecipe)
	}
	return b, nil
}

// Passed implements Farm; a build that names no outcome has passed.
func (f *Fake) Passed(ctx context.Context, keyOrRecipe string) (record.Build, error) {
	b, err := f.Build(ctx, keyOrRecipe)
	if err == nil && b.Outcome != "" && b.Outcome != record.Passed {
		err = fault.Errorf(fault.NotFound, "no build of %s has passed", keyOrRecipe)
	}
	return b, err
}

// Difference implements Farm.
func (f *Fake) Difference(_ context.Context, keyOrRecipe string) (Difference, error) {
	d, ok := f.Differ[keyOrRecipe]
	if !ok {
		return d, fault.Errorf(fault.NotFound, "no two builds of %s differ", keyOrRecipe)
	}
	return d, nil
}

// Log implements Farm.
func (f *Fake) Log(_ context.Context, keyOrRecipe string, offset int64) (Log, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, ok := f.Logs[keyOrRecipe]
	if !ok {
		return Log{}, fault.Errorf(fault.NotFound, "no log of %s", keyOrRecipe)
	}
	offset = min(offset, int64(len(text)))
	return Log{Text: text[offset:], Offset: int64(len(text)), Ended: true}, nil
}

// AppendLog implements Farm.
func (f *Fake) AppendLog(_ context.Context, log, _ string, offset int64, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if offset > int64(len(f.Logs[log])) {
		return fault.Errorf(fault.Invalid, "offset %d leaves a gap in the log of %s", offset, log)
	}
	if f.Logs == nil {
		f.Logs = map[string][]byte{}
	}
	f.Logs[log] = append(f.Logs[log][:offset:offset], data...)
	return nil
}

// ReportAttempt implements Farm.
func (f *Fake) ReportAttempt(_ context.Context, a Attempt) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Reported = append(f.Reported, a)
	return nil
}

// ReportWorker implements Farm.
func (f *Fake) ReportWorker(_ context.Context, w Worker) (Order, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Seen = append(slices.DeleteFunc(f.Seen, func(o Worker) bool { return o.Name == w.Name }), w)
	return f.Orders[w.Name], nil
}

// Toolchains implements Farm.
func (f *Fake) Toolchains(context.Context) ([]Toolchain, error) { return f.Baked, nil }

// Workers implements Farm.
func (f *Fake) Workers(context.Context) ([]Worker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.Seen), nil
}

// OrderWorker implements Farm: whoever was seen obeys at once.
func (f *Fake) OrderWorker(_ context.Context, name string, order Order) (Worker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.Seen, func(w Worker) bool { return w.Name == name })
	if i < 0 {
		return Worker{}, fault.Errorf(fault.NotFound, "no worker %q has ever joined", name)
	}
	w := &f.Seen[i]
	switch {
	case !order.Rest:
		w.State = Active
	case len(w.Builds) > 0:
		w.State = Draining
	default:
		w.State = Drained
	}
	w.Reason, w.By = order.Reason, order.By
	order.At = time.Now()
	if f.Orders == nil {
		f.Orders = map[string]Order{}
	}
	f.Orders[name] = order
	return *w, nil
}

// Top implements Farm.
func (f *Fake) Top(context.Context) (Top, error) { return f.Going, nil }

// AddSchedule implements Farm.
func (f *Fake) AddSchedule(_ context.Context, s Schedule) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.schedules = append(slices.DeleteFunc(f.schedules, func(o Schedule) bool { return o.Name == s.Name }), s)
	return nil
}

// CheckSchedule implements Farm: an expression has five fields.
func (f *Fake) CheckSchedule(_ context.Context, s Schedule) error {
	if len(strings.Fields(s.Cron)) != 5 {
		return fault.Errorf(fault.Invalid, "%q is no cron expression", s.Cron)
	}
	return nil
}

// Releases implements Farm.
func (f *Fake) Releases(context.Context, string) ([]Release, error) { return f.Released, nil }

// Schedules implements Farm.
func (f *Fake) Schedules(context.Context) ([]Schedule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.schedules), nil
}

// ChangeSchedule implements Farm.
func (f *Fake) ChangeSchedule(_ context.Context, name string, change ScheduleChange) (done ChangedSchedule, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.schedules, func(s Schedule) bool { return s.Name == name })
	if i < 0 {
		return done, fault.Errorf(fault.NotFound, "no schedule %q", name)
	}
	switch change {
	case Pause, Resume:
		f.schedules[i].Paused = change == Pause
	case Remove:
		f.schedules = slices.Delete(f.schedules, i, i+1)
	case Trigger:
		done.Run = name + "-2030-01-02T03:04:05Z"
	default:
		return done, fault.Errorf(fault.Invalid, "a schedule can be triggered, paused, resumed or removed, not %q", change)
	}
	return done, nil
}

// Collect implements Farm.
func (f *Fake) Collect(_ context.Context, req Collect) (Collected, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Collects = append(f.Collects, req)
	out := f.Garbage
	out.DryRun = req.DryRun
	return out, nil
}

// Pin implements Farm.
func (f *Fake) Pin(ctx context.Context, keyOrRecipe string) error {
	if _, err := f.Build(ctx, keyOrRecipe); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pins = append(f.pins, Pin{Name: keyOrRecipe})
	return nil
}

// Unpin implements Farm.
func (f *Fake) Unpin(_ context.Context, keyOrRecipe string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.pins, func(p Pin) bool { return p.Name == keyOrRecipe })
	if i < 0 {
		return fault.Errorf(fault.NotFound, "%s is not pinned", keyOrRecipe)
	}
	f.pins = slices.Delete(f.pins, i, i+1)
	return nil
}

// Pins implements Farm.
func (f *Fake) Pins(context.Context) ([]Pin, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Pin{}, f.pins...), nil
}

// CreateToken implements Farm.
func (f *Fake) CreateToken(_ context.Context, req TokenRequest) (NewToken, error) {
	if _, err := access.ParseRole(req.Role); err != nil {
		return NewToken{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t := Token{ID: "t" + string(rune('1'+len(f.tokens))), Name: req.Name, Role: req.Role, Created: time.Unix(1e9, 0).UTC()}
	if req.Expires > 0 {
		end := t.Created.Add(time.Duration(req.Expires) * time.Second)
		t.Expires = &end
	}
	f.tokens = append(f.tokens, t)
	return NewToken{Token: t, Secret: "secret of " + t.ID}, nil
}

// Tokens implements Farm.
func (f *Fake) Tokens(context.Context) ([]Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Token{}, f.tokens...), nil
}

// RevokeToken implements Farm.
func (f *Fake) RevokeToken(_ context.Context, idOrName string) (Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.tokens {
		if t := &f.tokens[i]; t.ID == idOrName || t.Name == idOrName {
			at := time.Unix(2e9, 0).UTC()
			t.Revoked = &at
			return *t, nil
		}
	}
	return Token{}, fault.Errorf(fault.NotFound, "no token %s", idOrName)
}

// Journal implements Farm.
func (f *Fake) Journal(_ context.Context, limit int) ([]Entry, error) {
	return append([]Entry{}, f.Entries[:min(limit, len(f.Entries))]...), nil
}

// Quarantine implements Farm.
func (f *Fake) Quarantine(_ context.Context, q Quarantine) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.apart = slices.DeleteFunc(f.apart, func(other Quarantine) bool { return other.Recipe == q.Recipe })
	f.apart = append(f.apart, q)
	slices.SortFunc(f.apart, func(a, b Quarantine) int { return strings.Compare(a.Recipe, b.Recipe) })
	return nil
}

// LiftQuarantine implements Farm.
func (f *Fake) LiftQuarantine(_ context.Context, recipe string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.apart, func(q Quarantine) bool { return q.Recipe == recipe })
	if i < 0 {
		return fault.Errorf(fault.NotFound, "%s is not in quarantine", recipe)
	}
	f.apart = slices.Delete(f.apart, i, i+1)
	return nil
}

// Quarantines implements Farm.
func (f *Fake) Quarantines(context.Context) ([]Quarantine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Quarantine{}, f.apart...), nil
}
