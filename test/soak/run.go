package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
)

// victim is a part that is killed. What else lives in its process dies with it.
type victim struct {
	name string
	part func(*farm) *process
}

// database is the victim that only some farms have: with others it is in the orchestrator's process.
const database = "database"

// all that can be killed.
var victims = []victim{
	{"orchestrator", func(f *farm) *process { return f.orchestrator }}, // with it SQLite and Temporal
	{"worker", func(f *farm) *process { return f.worker }},
	{"engine", func(f *farm) *process { return f.engine.process }},
	{"registry", func(f *farm) *process { return f.registry }},
	{database, func(f *farm) *process { return f.database }}, // where it is PostgreSQL
}

func victimNames() (names []string) {
	for _, v := range victims {
		names = append(names, v.name)
	}
	return names
}

// victims are those that --only leaves.
func (s *soak) victims() ([]victim, error) {
	if s.only == "" {
		return victims, nil
	}
	if s.only == database && s.postgres == "" {
		return nil, fault.Errorf(fault.Invalid, "the database is a process of its own with --postgres only")
	}
	var list []victim
	for _, name := range strings.Split(s.only, ",") {
		i := slices.IndexFunc(victims, func(v victim) bool { return v.name == name })
		if i < 0 {
			return nil, fault.Errorf(fault.Invalid, "there is no %q to kill: choose of %s", name, strings.Join(victimNames(), ", "))
		}
		list = append(list, victims[i])
	}
	return list, nil
}

// moment is when something is killed: a while after a build is seen in a phase. Storing and publishing begin when the
// container of a test has gone.
type moment string

const (
	inFetch   moment = "fetching"
	inCompile moment = "compiling"
	inTest    moment = "testing"
	inStore   moment = "storing"
	inPublish moment = "publishing"
)

var moments = []moment{inFetch, inCompile, inTest, inStore, inPublish}

// kill is one of those that a run has to bear.
type kill struct {
	victim
	at           moment
	after, pause time.Duration // from the moment to the kill, and to the new start
}

const killsPerRun = 3

// drawn decides what is killed in one run. The same numbers give the same kills.
func drawn(random *rand.Rand, of []victim) (kills []kill) {
	for range killsPerRun {
		k := kill{victim: of[random.IntN(len(of))], at: moments[random.IntN(len(moments))]}
		k.after = time.Duration(random.IntN(250)) * time.Millisecond
		if k.at == inPublish { // behind storing
			k.after += 100 * time.Millisecond
		}
		k.pause = time.Duration(random.IntN(2000)) * time.Millisecond
		kills = append(kills, k)
	}
	return kills
}

// undisturbed is what comes out where nothing is killed.
func (s *soak) undisturbed(ctx context.Context) (outcome, error) {
	if err := s.begin(ctx, "undisturbed", form{}); err != nil {
		return outcome{}, err
	}
	run, err := s.submit(ctx)
	if err != nil {
		return outcome{}, err
	}
	if run, err = s.ended(ctx, run.ID, 10*time.Minute); err != nil {
		return outcome{}, err
	}
	out, err := s.look(ctx, run)
	if err != nil {
		return out, err
	}
	s.say("undisturbed: %d builds in %.0f s", len(out.builds), run.Finished.Sub(run.Created).Seconds())
	return out, s.end()
}

// disturbed is a run during which things are killed.
func (s *soak) disturbed(ctx context.Context, n int, of []victim) error {
	how := form{postgres: s.postgres != "" && (n%2 == 1 || s.only == database), twice: n%5 == 0}
	if !how.postgres {
		of = slices.DeleteFunc(slices.Clone(of), func(v victim) bool { return v.name == database })
	}
	kills := drawn(s.random, of)
	how.cold = s.random.IntN(4) == 0 // the kills may hit the making of environments, too
	if err := s.begin(ctx, fmt.Sprintf("run-%d", n), how); err != nil {
		return err
	}
	run, err := s.submit(ctx)
	if err != nil {
		return err
	}
	for _, k := range kills {
		if err := s.strike(ctx, run.ID, k); err != nil {
			return err
		}
	}
	// An attempt that was lost is found out after a heartbeat's time, and tried again after a pause that grows.
	if run, err = s.ended(ctx, run.ID, 10*time.Minute); err != nil {
		return err
	}
	got, err := s.look(ctx, run)
	if err != nil {
		return err
	}
	if err := s.want.same(got); err != nil {
		return err
	}
	s.say("run %d: all as undisturbed, %.0f s%s", n, run.Finished.Sub(run.Created).Seconds(), how)
	return s.end()
}

// end stops the farm, looks at what only its database knows, and removes its folders.
func (s *soak) end() error {
	if err := s.farm.stop(); err != nil {
		return err
	}
	if err := s.farm.published(len(s.want.builds)); err != nil {
		return err
	}
	if s.kept {
		return nil
	}
	return os.RemoveAll(s.farm.dir)
}

// strike waits for the moment, kills, and starts again what was killed. A moment that does not come any more is let go.
func (s *soak) strike(ctx context.Context, id string, k kill) error {
	came, err := s.moment(ctx, id, k.at)
	if err != nil {
		return err
	}
	if !came {
		s.say("  %s, %s: the run ended before", k.name, k.at)
		return nil
	}
	time.Sleep(k.after)
	p := k.part(s.farm)
	state := s.state(ctx, id)
	if p.gone() {
		return &differs{what: fmt.Sprintf("%s has ended by itself, with %s; the end of its log:\n%s", p.name, p.cmd.ProcessState, tail(p.log))}
	}
	if err := p.kill(); err != nil {
		return err
	}
	s.count[k.name+", "+string(k.at)]++
	s.say("  %s killed, %s + %d ms: %s", k.name, k.at, k.after.Milliseconds(), state)
	time.Sleep(k.pause)
	begin := time.Now()
	if err := p.start(ctx); err != nil {
		return err
	}
	s.say("  %s is back: %.1f s after its start", k.name, time.Since(begin).Seconds())
	return nil
}

// moment waits until a build of the run is at a moment, and says false if the run ends before.
func (s *soak) moment(ctx context.Context, id string, at moment) (came bool, err error) {
	phase := map[moment][]string{inFetch: {"fetch", "lock", "env"}, inCompile: {"script", "compile"}}[at]
	if phase == nil {
		phase = []string{"test"}
	}
	tests := 0 // containers, as long as something is tested
	err = until(ctx, 10*time.Minute, "a build of run "+id+" is "+string(at), func() bool {
		run, err := s.farm.Run(ctx, id)
		if err != nil {
			return false
		}
		if run.State != "running" {
			return true
		}
		busy := slices.ContainsFunc(run.Actions, func(a api.Action) bool { return a.Status == "running" && slices.Contains(phase, a.Phase) })
		if at != inStore && at != inPublish {
			came = busy
			return came
		}
		now, err := s.farm.engine.containers(ctx)
		if err != nil {
			return false
		}
		came = tests > len(now)
		if busy {
			tests = len(now)
		}
		return came
	})
	return came, err
}

// ended waits for the end of a run, all of which must have passed.
func (s *soak) ended(ctx context.Context, id string, most time.Duration) (run api.Run, err error) {
	err = until(ctx, most, "run "+id+" ends", func() bool {
		got, err := s.farm.Run(ctx, id)
		if err == nil {
			run = got
		}
		return err == nil && got.Finished != nil
	})
	if wrong := (*differs)(nil); errors.As(err, &wrong) {
		return run, fmt.Errorf("%w; now: %s; the end of the worker's log:\n%s", err, s.state(ctx, id), tail(s.farm.worker.log))
	}
	return run, err
}

// state tells in one line how far a run is.
func (s *soak) state(ctx context.Context, id string) string {
	run, err := s.farm.Run(ctx, id)
	if err != nil {
		return err.Error()
	}
	by := map[string][]string{}
	for _, a := range run.Actions {
		state := a.Status
		if a.Phase != "" {
			state = a.Phase
		}
		by[state] = append(by[state], a.Recipe)
	}
	var words []string
	for _, state := range slices.Sorted(maps.Keys(by)) {
		words = append(words, state+" "+strings.Join(by[state], " "))
	}
	return strings.Join(words, "; ")
}

// summary says what the soak has done.
func (s *soak) summary(runs int) {
	s.say("%d runs, each as the undisturbed one (seed %d); killed:", runs, s.seed)
	for _, what := range slices.Sorted(maps.Keys(s.count)) {
		fmt.Printf("  %4d  %s\n", s.count[what], what)
	}
}
