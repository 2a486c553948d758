package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/recipe"
)

// Targets of a farm of which a part was killed.
const (
	goesOnLimit = 5.0                                                 // seconds
	lostLimit   = 2 * (float64(api.Heartbeat) / float64(time.Second)) // seconds
)

// crash measures how soon a farm goes on when a part of it was killed: the orchestrator, with the Temporal server that it
// embeds, or a worker in the middle of a build. All parts are processes of their own, and the builds are real.
func (b *bench) crash(ctx context.Context) (err error) {
	o, err := b.mortal(ctx, "crash")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	called := []string{"one", "two"}
	var workers []*daemon // of one slot each
	for _, name := range called {
		w := &daemon{b: b, program: "worker", data: filepath.Join(b.scratch, "crash-"+name), args: []string{"--name", name, "--slots", "1", "--orchestrator", o.url}}
		if err := os.Mkdir(w.data, 0o755); err != nil {
			return err
		}
		if err := w.start(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.stop()) }()
		if err := o.active(ctx, name); err != nil {
			return err
		}
		workers = append(workers, w)
	}
	if err := b.orchestratorKilled(ctx, o, len(called)); err != nil {
		return err
	}
	return b.workerKilled(ctx, o, called, workers)
}

// orchestratorKilled measures from the kill until a build has begun that no worker had been given. The orchestrator is started again
// at once, as a service manager does.
func (b *bench) orchestratorKilled(ctx context.Context, o *daemon, slots int) error {
	var times samples
	for n := range b.times() {
		recipes, err := b.trivial(fmt.Sprintf("restart-%d", n), 40, "sleep 0.2")
		if err != nil {
			return err
		}
		run, err := b.submit(ctx, o.farm, recipes)
		if err != nil {
			return err
		}
		if err := o.until(ctx, "has built a little", func() bool { return o.begun(ctx, run) >= 3 }); err != nil {
			return err
		}
		before, killed := o.begun(ctx, run)+slots, time.Now() // each worker may have been given one more
		o.kill()
		if err := o.start(ctx); err != nil {
			return err
		}
		if err := o.until(ctx, "goes on with a run", func() bool { return o.begun(ctx, run) > before }); err != nil {
			return err
		}
		times = append(times, time.Since(killed).Seconds())
		if err := b.canceled(ctx, o.farm, run); err != nil {
			return err
		}
	}
	b.add(newMeasure("orchestrator killed: until the next build begins", "s", goesOnLimit, times))
	return nil
}

// workerKilled measures from the kill until another worker has begun with the build, and until the farm says that the worker is gone.
func (b *bench) workerKilled(ctx context.Context, o *daemon, called []string, workers []*daemon) error {
	var taken, gone samples
	for n := range b.times() {
		recipes, err := b.trivial(fmt.Sprintf("lost-%d", n), 1, "sleep 600")
		if err != nil {
			return err
		}
		run, err := b.submit(ctx, o.farm, recipes)
		if err != nil {
			return err
		}
		var at string
		if err := o.until(ctx, "begins with a build", func() bool {
			r, err := o.Run(ctx, run)
			if err == nil && len(r.Actions) > 0 && r.Actions[0].Phase != "" {
				at = r.Actions[0].Worker
			}
			return at != ""
		}); err != nil {
			return err
		}
		victim := workers[slices.Index(called, at)]
		killed := time.Now()
		victim.kill()
		var tried, missed time.Duration
		if err := o.until(ctx, "misses a worker", func() bool {
			if missed == 0 && o.state(ctx, at) == api.Gone {
				missed = time.Since(killed)
			}
			if r, err := o.Run(ctx, run); tried == 0 && err == nil && r.Actions[0].Worker != at && r.Actions[0].Phase != "" {
				tried = time.Since(killed)
			}
			return missed > 0 && tried > 0
		}); err != nil {
			return err
		}
		taken, gone = append(taken, tried.Seconds()), append(gone, missed.Seconds())
		if err := b.canceled(ctx, o.farm, run); err != nil {
			return err
		}
		if err := victim.start(ctx); err != nil { // it removes the container that it was killed over
			return err
		}
		if err := o.active(ctx, at); err != nil {
			return err
		}
	}
	b.add(newMeasure("worker killed: until the farm says so", "s", lostLimit, gone))
	taking := newMeasure("worker killed: until another begins with its build", "s", 0, taken)
	taking.Note = "the pause before a second try included"
	b.add(taking)
	return nil
}

// submit starts a run of some recipes.
func (b *bench) submit(ctx context.Context, f *farm, recipes []*recipe.Recipe) (run string, err error) {
	var packed bytes.Buffer
	if err := recipe.Pack(&packed, recipes); err != nil {
		return "", err
	}
	blob, err := f.PutBlob(ctx, &packed)
	if err != nil {
		return "", err
	}
	r, err := f.StartRun(ctx, api.RunRequest{Recipes: blob.Digest, Select: []string{"*"}, Toolchain: b.toolchain, Lane: "submission"})
	return r.ID, err
}

// trivial are recipes of libraries that a script writes.
func (b *bench) trivial(name string, n int, script string) ([]*recipe.Recipe, error) {
	folder := filepath.Join(b.scratch, name)
	for i := range n {
		one := fmt.Sprintf("%s-%d", name, i)
		source := filepath.Join(folder, one, "src")
		meta := fmt.Sprintf("package: {name: %[1]s, version: '1.0'}\nsource: {path: src}\nbuild:\n  type: static_library\n  script: |\n    %[2]s\n"+
			"    install -D -m 644 note ${WASM_LIBRARY_DIR}/include/%[1]s.h\n", one, script)
		if err := errors.Join(os.MkdirAll(source, 0o755), os.WriteFile(filepath.Join(source, "note"), []byte(one), 0o644),
			os.WriteFile(filepath.Join(folder, one, recipe.MetaFile), []byte(meta), 0o644)); err != nil {
			return nil, err
		}
	}
	set, err := recipe.LoadSet(folder)
	if err != nil {
		return nil, err
	}
	return set.Recipes(), nil
}

// mortal starts an orchestrator, in a fresh folder of that name, that has the same addresses again when it is started anew.
func (b *bench) mortal(ctx context.Context, name string) (*daemon, error) {
	data, err := b.fresh(name)
	if err != nil {
		return nil, err
	}
	args, err := addresses()
	if err != nil {
		return nil, err
	}
	o := &daemon{b: b, program: "orchestrator", data: data, args: append(args, "--reproduce", "off")}
	return o, o.start(ctx)
}

// addresses are free ones.
func addresses() (args []string, err error) {
	for _, flag := range []string{"--listen", "--registry-listen", "--temporal-listen"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		args = append(args, flag, l.Addr().String())
	}
	return args, nil
}

// daemon is a process that is killed and started again.
type daemon struct {
	*farm
	b             *bench
	program, data string
	args          []string
}

// start returns when an orchestrator answers, or a worker's process runs.
func (d *daemon) start(ctx context.Context) (err error) {
	if d.farm, err = d.b.start(d.program, d.data, d.args...); err != nil || d.program == "worker" {
		return err
	}
	if err := d.answers(ctx, d.data); err != nil {
		return errors.Join(err, d.stop())
	}
	return nil
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill() // it may have ended, which is then seen
	_ = d.cmd.Wait()
}

// begun is how many builds of a run have begun or ended.
func (d *daemon) begun(ctx context.Context, run string) (n int) {
	r, err := d.Run(ctx, run)
	if err != nil {
		return 0
	}
	for _, act := range r.Actions {
		if act.Phase != "" || act.Status == "passed" {
			n++
		}
	}
	return n
}

func (d *daemon) state(ctx context.Context, worker string) api.WorkerState {
	list, err := d.Workers(ctx)
	if err != nil {
		return ""
	}
	for _, w := range list {
		if w.Name == worker {
			return w.State
		}
	}
	return ""
}

func (d *daemon) active(ctx context.Context, worker string) error {
	return d.until(ctx, "has worker "+worker, func() bool { return d.state(ctx, worker) == api.Active })
}
