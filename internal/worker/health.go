package worker

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/workflows"
)

// A worker steps out after as many attempts in a row that failed for the machinery's sake, looks at itself after a pause, and
// each further time that it finds itself ill, or steps out again before an attempt has ended well, after twice as long.
const (
	illAfter   = 3
	firstPause = 10 * time.Second
	maxPause   = 10 * time.Minute
)

// health is whether attempts on this worker fail for the machinery's sake. It takes the worker out, so that a broken one does
// not take builds from those that could carry them out, and brings it back.
type health struct {
	stand *stand
	check func(context.Context) error // what is wrong with this machine; nil: nothing
	sleep func(context.Context, time.Duration) error
	name  string // of the worker: two that stepped out together do not come back together
	log   *zap.Logger

	ctx   context.Context // of the worker
	group sync.WaitGroup

	mu     sync.Mutex
	row    int // failures since an attempt ended well
	pauses int // since then
	out    bool
}

// ended notes how an attempt ended.
func (h *health) ended(ctx context.Context, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil: // a build that failed has been carried out well
		h.row, h.pauses = 0, 0
	case ctx.Err() != nil: // it was canceled, or the worker stops
	default:
		h.row++
	}
	if h.row < illAfter || h.out || err == nil {
		return
	}
	h.out, h.row = true, 0
	reason := fmt.Sprintf("%d attempts in a row have failed here for the machinery's sake, the last with: %s (%s)", illAfter, err, fault.KindOf(err))
	h.log.Warn("taking this worker out", zap.String("reason", reason))
	h.stand.StepOut(reason)
	h.group.Go(func() { h.recover(reason) })
}

// recover brings the worker back when nothing is wrong with it any more.
func (h *health) recover(reason string) {
	defer func() { h.mu.Lock(); h.out = false; h.mu.Unlock() }()
	for {
		if h.sleep(h.ctx, h.pause()) != nil {
			return
		}
		if !h.stand.isOut() { // somebody has given an order meanwhile
			return
		}
		err := h.check(h.ctx)
		if h.ctx.Err() != nil {
			return
		}
		if err == nil {
			if err = h.stand.ComeBack(); err == nil {
				h.log.Info("this worker is well again")
				return
			}
		}
		h.stand.stillOut(fmt.Sprintf("%s; a look at itself said: %s", reason, err))
	}
}

// pause is how long to wait before the next look: between three quarters and all of a time that doubles.
func (h *health) pause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	full := min(firstPause<<min(h.pauses, 10), maxPause)
	h.pauses++
	sum := fnv.New32a()
	fmt.Fprint(sum, h.name, h.pauses)
	return full - full/4*time.Duration(sum.Sum32()%1000)/1000
}

// guarded tells health how attempts end.
type guarded struct {
	workflows.WorkerActivities
	health *health
}

func (w guarded) Build(ctx context.Context, task workflows.Task, attempt workflows.Attempt) (workflows.BuildResult, error) {
	out, err := w.WorkerActivities.Build(ctx, task, attempt)
	w.health.ended(ctx, err)
	return out, err
}

func (w guarded) Test(ctx context.Context, task workflows.Task, attempt workflows.Attempt) (workflows.BuildResult, error) {
	out, err := w.WorkerActivities.Test(ctx, task, attempt)
	w.health.ended(ctx, err)
	return out, err
}

func (w guarded) Reproduce(ctx context.Context, task workflows.Task, attempt workflows.Attempt) (workflows.BuildResult, error) {
	out, err := w.WorkerActivities.Reproduce(ctx, task, attempt)
	if !out.Declined { // which takes nothing of the machine
		w.health.ended(ctx, err)
	}
	return out, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// enough is how much room a disk has on which builds are begun.
const enough = 1 << 30

// selfCheck says what is wrong with what every attempt needs.
func (w *Worker) selfCheck(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(w.cfg.Dir.Work(), &disk); err != nil {
		return fmt.Errorf("looking at the disk: %w", err)
	}
	if free := int64(disk.Bavail) * disk.Bsize; free < enough { //nolint:gosec // far below 2^63
		return fault.Errorf(fault.Exhausted, "the disk of %s has room for %d MiB only", w.cfg.Dir.Work(), free>>20)
	}
	if _, err := w.cfg.Farm.Join(ctx); err != nil {
		return fmt.Errorf("asking the orchestrator: %w", err)
	}
	if err := answers(ctx, w.address); err != nil {
		return err
	}
	if err := w.cfg.Engine.Ping(ctx); err != nil {
		return err
	}
	return w.tryContainer(ctx)
}

// answers says whether a registry does; that it wants a password is an answer.
func answers(ctx context.Context, address string) error {
	registry, err := name.NewRegistry(address)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, registry.Scheme()+"://"+registry.RegistryStr()+"/v2/", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "asking the registry: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		return fault.Errorf(fault.Unavailable, "asking the registry: it answers %s", resp.Status)
	}
	return nil
}

// tryContainer runs a container that does nothing, from an image that builds were made in: an engine may answer and start none.
func (w *Worker) tryContainer(ctx context.Context) error {
	image := ""
	w.mu.Lock()
	for _, t := range w.toolchains {
		image = max(image, t.Build)
	}
	w.mu.Unlock()
	if image == "" {
		return nil
	}
	if err := w.cfg.Engine.Pull(ctx, w.address+"/"+image); err != nil {
		return err
	}
	ended, err := w.cfg.Engine.Run(ctx, engine.Spec{
		Image: w.address + "/" + image, Command: []string{"/usr/bin/true"}, User: "1000:1000", Labels: map[string]string{ownerLabel: w.cfg.Name},
		Memory: 256 << 20, Pids: 16, CPUs: 1, Time: time.Minute,
	}, io.Discard)
	if err != nil {
		return err
	}
	if ended.ExitStatus != 0 {
		return fault.Errorf(fault.Unavailable, "a container that does nothing ended with status %d", ended.ExitStatus)
	}
	return nil
}
