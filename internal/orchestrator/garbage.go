package orchestrator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// held is for how long content stays after somebody asked for it, or brought it: readers and writers that take several steps
// are done by then.
const held = time.Hour

// Pin implements api.Farm.
func (o *Orchestrator) Pin(ctx context.Context, name string) error {
	_, err := o.Build(ctx, name)
	if err != nil {
		return fmt.Errorf("pinning %s: %w", name, err)
	}
	return o.db.Pin(ctx, name, time.Now())
}

// Unpin implements api.Farm.
func (o *Orchestrator) Unpin(ctx context.Context, name string) error {
	err := o.db.Unpin(ctx, name)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return fault.Errorf(fault.NotFound, "%s is not pinned: `wasmill pin` shows what is", name)
	}
	return err
}

// Pins implements api.Farm.
func (o *Orchestrator) Pins(ctx context.Context) ([]api.Pin, error) {
	list, err := o.db.Pins(ctx)
	out := []api.Pin{}
	for _, p := range list {
		out = append(out, api.Pin(p))
	}
	return out, err
}

// Collect implements api.Farm.
func (o *Orchestrator) Collect(ctx context.Context, req api.Collect) (api.Collected, error) {
	var out api.Collected
	if req.Keep < 0 || req.OlderThan < 0 || req.RunsOlderThan < 0 || req.JournalOlderThan < 0 {
		return out, fault.Errorf(fault.Invalid, "collecting garbage: keep is %d, older_than_seconds %d, runs_older_than_seconds %d, journal_older_than_seconds %d; none can be negative",
			req.Keep, req.OlderThan, req.RunsOlderThan, req.JournalOlderThan)
	}
	memory, err := o.memory(ctx)
	if err != nil {
		return out, err
	}
	return o.collect(ctx, req, memory)
}

func (o *Orchestrator) collect(ctx context.Context, req api.Collect, memory memory) (api.Collected, error) {
	out := api.Collected{DryRun: req.DryRun, Removed: []api.ForgottenBuild{}, Kept: map[string]int{}}
	o.garbage.Lock() // nobody plans, decides to use a build, or stores one meanwhile
	defer o.garbage.Unlock()
	now := time.Now()
	recent := now.Add(-held)
	wanted, runs, err := o.wanted(ctx, memory)
	if err != nil {
		return out, err
	}
	var ids []string
	for _, run := range runs {
		ids = append(ids, run.ID)
		// What came before the run, as its recipes, came with the request.
		if begun := run.Created.Add(-held); begun.Before(recent) {
			recent = begun
		}
	}
	before := now.Add(-time.Duration(req.OlderThan) * time.Second)
	policy := store.Policy{Keep: req.Keep, Before: before, Runs: ids, Dry: req.DryRun}
	if req.RunsOlderThan > 0 {
		policy.RunsBefore = now.Add(-time.Duration(req.RunsOlderThan) * time.Second)
	}
	if req.JournalOlderThan > 0 {
		policy.JournalBefore = now.Add(-time.Duration(req.JournalOlderThan) * time.Second)
	}
	builds, err := o.db.Collect(ctx, policy)
	if err != nil {
		return out, err
	}
	out.Runs, out.Attempts, out.Entries = builds.Runs, builds.Attempts, builds.Entries
	if recent.Before(before) {
		before = recent
	}
	dead := func(tag string) bool {
		if blob, ok := strings.CutPrefix(tag, "blob-"); ok {
			return !wanted[record.Digest("sha256:"+blob)]
		}
		return keyForm.MatchString(tag) && builds.Kept[tag] == ""
	}
	if o.registry == nil {
		out.Registry = o.address
		if out.Tags, err = o.blobs.Forget(ctx, o.elsewhere(dead, len(runs) > 0, now), req.DryRun); err != nil {
			return out, err
		}
	} else {
		swept, err := o.registry.Sweep(ctx, store.Sweep{Before: before, Recent: recent, Dry: req.DryRun, Dead: dead})
		if err != nil {
			return out, err
		}
		out.Tags, out.Blobs, out.FreedBytes, out.KeptBytes = swept.Tags, swept.Blobs, swept.Freed, swept.Kept
	}
	for _, root := range builds.Kept {
		out.Kept[string(root)]++
	}
	for _, b := range builds.Forgotten {
		out.Removed = append(out.Removed, api.ForgottenBuild{
			Recipe: b.Recipe, Version: b.Version, Toolchain: b.Toolchain, Key: b.Key, Outcome: string(b.Outcome), Used: b.Used,
		})
	}
	return out, nil
}

// elsewhere says which tags are dead in a registry that does not note when somebody last asked for something, as the
// embedded one does. All that a run may need stays while one goes on, and what was brought for the next one.
func (o *Orchestrator) elsewhere(dead func(tag string) bool, running bool, now time.Time) func(tag string) bool {
	brought := o.brought.since(now.Add(-held))
	return func(tag string) bool {
		blob, loose := strings.CutPrefix(tag, "blob-")
		return dead(tag) && (!loose || !running && !brought[record.Digest("sha256:"+blob)])
	}
}

// brought is what came in lately, by this process: who has brought something names it in a request only then.
type brought struct {
	mu sync.Mutex
	at map[record.Digest]time.Time
}

func (b *brought) note(digest record.Digest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		b.at = map[record.Digest]time.Time{}
	}
	b.at[digest] = time.Now()
}

// since forgets what is older.
func (b *brought) since(begin time.Time) map[record.Digest]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.at, func(_ record.Digest, at time.Time) bool { return at.Before(begin) })
	set := map[record.Digest]bool{}
	for digest := range b.at {
		set[digest] = true
	}
	return set
}

// put stores what a request is about to name.
func (o *Orchestrator) put(ctx context.Context, mediaType string, r io.Reader) (record.Blob, error) {
	blob, err := o.blobs.Put(ctx, mediaType, r)
	if err == nil {
		o.brought.note(blob.Digest)
	}
	return blob, err
}

// memory is who knows which runs go on, and what schedules will ask for.
type memory interface {
	// Running says whether a run goes on.
	Running(ctx context.Context, runID string) (bool, error)
	// Scheduled are the requests of all schedules.
	Scheduled(ctx context.Context) ([][]byte, error)
}

// oblivion is the memory of a farm without one: no run and no schedule outlives its process.
type oblivion struct{}

func (oblivion) Running(context.Context, string) (bool, error) { return false, nil }
func (oblivion) Scheduled(context.Context) ([][]byte, error)   { return nil, nil }

// temporal is that of a Temporal server.
type temporal struct{ client client.Client }

func (t temporal) Running(ctx context.Context, runID string) (bool, error) {
	return workflows.Running(ctx, t.client, runID)
}

func (t temporal) Scheduled(ctx context.Context) (requests [][]byte, err error) {
	list, err := workflows.ListSchedules(ctx, t.client)
	for _, s := range list {
		if s.About != "" {
			requests = append(requests, []byte(s.About))
		}
	}
	return requests, err
}

// wanted are the blobs that belong to no build and are needed: the programs that run in containers, and what the runs in flight and
// the schedules were asked with. The runs in flight come with them.
func (o *Orchestrator) wanted(ctx context.Context, memory memory) (map[record.Digest]bool, []store.Run, error) {
	wanted := map[record.Digest]bool{o.builder.Digest: true, o.runner: true}
	asked := func(request []byte) error {
		var req api.RunRequest
		if err := json.Unmarshal(request, &req); err != nil {
			return fault.Errorf(fault.Internal, "reading the request of a run: %w", err)
		}
		sum := sha256.Sum256(request)
		wanted[record.Digest("sha256:"+hex.EncodeToString(sum[:]))], wanted[req.Recipes] = true, true
		if req.Upstream == "" {
			return nil
		}
		tried, err := o.db.Releases(ctx, req.Upstream) // its report names them
		for _, r := range tried {
			wanted[r.Meta] = true
		}
		return err
	}
	list, err := o.db.Runs(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	var running []store.Run
	for _, r := range list {
		if !r.Finished.IsZero() {
			continue
		}
		if goes, err := memory.Running(ctx, r.ID); err != nil {
			return nil, nil, err
		} else if !goes {
			continue // its end was lost with the memory of it
		}
		run, _, err := o.db.Run(ctx, r.ID)
		if err != nil {
			return nil, nil, err
		}
		if run.Plan != nil {
			wanted[run.Plan.Builder.Digest] = true
		}
		if err := asked(run.Request); err != nil {
			return nil, nil, err
		}
		running = append(running, run)
	}
	schedules, err := memory.Scheduled(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, request := range schedules {
		if err := asked(request); err != nil {
			return nil, nil, err
		}
	}
	return wanted, running, nil
}

// memory is the Temporal server that knows the farm's runs and schedules, started where it has ever kept any.
func (o *Orchestrator) memory(ctx context.Context) (memory, error) {
	_, err := os.Stat(o.cfg.Dir.Temporal())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking for Temporal's memory: %w", err)
	}
	kept := err == nil
	o.mu.Lock()
	started := o.client != nil
	switch {
	case o.cfg.Temporal != "":
	case !started && !kept:
		o.mu.Unlock()
		return oblivion{}, nil
	case started && kept && o.cfg.Forget:
		o.mu.Unlock()
		return nil, fault.Errorf(fault.Conflict, "a command that builds has the data folder and does not see the farm's schedules: try again when it has ended")
	case !started:
		o.cfg.Forget = false
	}
	o.mu.Unlock()
	c, err := o.temporalClient(ctx)
	return temporal{c}, err
}
