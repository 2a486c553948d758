// Command bench measures the farm: how long each recipe takes to build, the first time and with its environment ready,
// beside pyodide-build on the same image and beside the compilers' own time; how long nothing takes; how soon a farm is
// at work; how much memory it holds and how large its images are. It prints a table and writes all samples as JSON.
//
//	go run ./bench                      everything, about a quarter of an hour on two cores
//	go run ./bench --runs 1 lz4 h3      two recipes, one sample each
//	go run ./bench --peer=false         without pyodide-build
//	go run ./bench --only scale         one part of it; --help lists them
//	go run ./bench --nights 64,16       nightlies of 10,000 recipes on so many workers, simulated: nothing is built
//
// It uses the programs of bin/ as people do (`wasmill build`, `wasmill up`, the HTTP API) on data folders of its own, on
// the container engine of this machine. The toolchain is taken from the data folder of --data, and baked there if need be.
// The peer's wheels come from PyPI; its builds, like ours, have no network.
//
// How things are measured: a build's time is the sum of its record's phases but the test, which the peer does not have
// either; the container's start is in it. A ready build is made by changing a comment in the recipe's tests: another key,
// the same lock and the same compile. Raw is from the record too: the compiler wrapper notes when the program that it
// stands for begins and ends, and the time during which at least one ran is added up; the checks of cmake and meson are
// compiles too, Cython is none. The peer's time is that of `pyodide build` alone, on an unpacked and patched source in a
// running container, with flags, limits and locked build requirements the same as ours, from local wheels.
//
// A target that is missed is said, and does not change the exit status: only what can't be measured does. A benchmark
// that is interrupted shows and writes what it has measured so far, says so, and ends with status 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
)

// bench is one benchmark.
type bench struct {
	bin, data, folder, toolchain, scratch, out, peerScripts string
	table                                                   string // file for a page of what builds, if wanted

	only         string // parts, with commas between them
	nights       string // numbers of workers of simulated nightlies, with commas between them
	nightRecipes int
	nightLevels  bool

	runs                    int
	limit                   time.Duration
	withPeer, peerUV, again bool

	chosen  []*recipe.Recipe // after all that they need
	copied  string           // a copy of the recipes' folder, whose tests are changed
	image   string           // "repository@sha256:…" of the toolchain's Build image
	engine  engine.Engine
	fetcher *fetch.Fetcher
	peer    *peer // nil: none
	result  *result
	begin   time.Time
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{begin: time.Now()}
	b.flags()
	// What hangs shall not hang for ever.
	ctx, cancel := context.WithTimeout(ctx, 2*b.limit)
	defer cancel()
	if err := b.run(ctx, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func (b *bench) flags() {
	home, _ := os.UserHomeDir()
	data := filepath.Join(home, ".local", "share", "wasmill")
	if dir := os.Getenv("WASMILL_DATA"); dir != "" {
		data = dir
	}
	flag.StringVar(&b.bin, "bin", "bin", "folder of the programs that are measured")
	flag.StringVar(&b.data, "data", data, "data folder of a farm whose toolchain is used")
	flag.StringVar(&b.folder, "recipes", "recipes", "folder of recipes")
	flag.StringVar(&b.toolchain, "toolchain", "pyemscripten_2026_5", "toolchain to build with")
	flag.StringVar(&b.out, "out", filepath.Join("bench", "results", "latest.json"), "file for the samples")
	flag.StringVar(&b.table, "coverage", "", "file for a page of what builds, in Markdown")
	flag.IntVar(&b.runs, "runs", 3, "ready builds of each recipe that is small, and as many of the peer's; of the others one")
	flag.BoolVar(&b.withPeer, "peer", true, "measure pyodide-build beside")
	flag.BoolVar(&b.peerUV, "peer-uv", false, "let the peer make its environments with uv, which it does where it finds one, instead of pip")
	flag.StringVar(&b.only, "only", "", "measure these parts of it, with commas between them: "+strings.Join(names(), ", "))
	flag.StringVar(&b.nights, "nights", "", "only simulate nightlies, on these numbers of workers, such as 64,16,4,1: ten minutes each on two idle cores")
	flag.IntVar(&b.nightRecipes, "night-recipes", 10_000, "recipes of a simulated nightly")
	flag.BoolVar(&b.nightLevels, "night-levels", false, "simulate a farm that builds level by level and asks for all at once, to compare with")
	flag.BoolVar(&b.again, "bake", false, "bake the toolchain again, to measure that too")
	flag.DurationVar(&b.limit, "time", 25*time.Minute, "begin with no further recipe after this time")
	flag.Parse()
	b.peerScripts = filepath.Join("bench", "peer")
}

func (b *bench) run(ctx context.Context, patterns []string) (err error) {
	if b.nights != "" {
		return b.simulate(ctx)
	}
	if err := b.prepare(patterns); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.scratch)) }()
	made, err := b.bake()
	if err != nil {
		return err
	}
	b.image = made.Image.Build
	measured := b.measure(ctx)
	if measured != nil && (ctx.Err() == nil || len(b.result.Recipes)+len(b.result.Farm) == 0) {
		return measured
	}
	b.sizes(made)
	b.result.Seconds, b.result.Partial = time.Since(b.begin).Seconds(), measured != nil
	err = errors.Join(b.result.write(b.out), b.result.print(os.Stdout))
	if b.table != "" {
		err = errors.Join(err, os.WriteFile(b.table, []byte(b.result.coverage()), 0o644))
	}
	if n := len(b.result.Failed); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d recipes did not build", n))
	}
	return errors.Join(err, context.Cause(ctx))
}

// parts are what can be measured by itself.
var parts = []struct {
	name    string
	measure func(*bench, context.Context) error
}{
	{"builds", (*bench).builds},
	{"start", (*bench).startup},
	{"memory", (*bench).idle},
	{"scale", (*bench).scale},
	{"crash", (*bench).crash},
	{"burst", (*bench).burst},
	{"python", (*bench).python},
	{"wasi", (*bench).wasi},
}

func names() (list []string) {
	for _, p := range parts {
		list = append(list, p.name)
	}
	return list
}

func (b *bench) measure(ctx context.Context) error {
	only := strings.FieldsFunc(b.only, func(r rune) bool { return r == ',' })
	for _, name := range only {
		if !slices.Contains(names(), name) {
			return fault.Errorf(fault.Invalid, "there is no part %q to measure: choose of %s", name, strings.Join(names(), ", "))
		}
	}
	for _, p := range parts {
		if len(only) > 0 && !slices.Contains(only, p.name) {
			continue
		}
		b.say("measuring: %s", p.name)
		if err := p.measure(b, ctx); err != nil {
			return err
		}
	}
	return nil
}

// builds measures what builds take, and then what it takes to see that there is nothing to build.
func (b *bench) builds(ctx context.Context) error {
	data, err := b.fresh("farm")
	if err != nil {
		return err
	}
	f, err := b.up(ctx, data)
	if err != nil {
		return err
	}
	if err := errors.Join(b.onFarm(ctx, f, data), f.stop()); err != nil {
		return err
	}
	return b.noOp(ctx, data, "a build of nothing, no farm running")
}

func (b *bench) onFarm(ctx context.Context, f *farm, data string) error {
	if b.withPeer {
		join, err := f.Join(ctx)
		if err != nil {
			return err
		}
		b.say("setting pyodide-build up")
		if b.peer, err = b.newPeer(ctx, join.Registry); err != nil {
			return err
		}
	}
	if err := b.versions(ctx, f); err != nil {
		return err
	}
	if err := b.recipes(ctx, f, data); err != nil {
		return err
	}
	return b.noOp(ctx, data, "a build of nothing, on a running farm")
}

func (b *bench) program() string { return filepath.Join(b.bin, "wasmill") }

// times is how often what takes a second is measured.
func (b *bench) times() int { return max(3, b.runs) }

// measured are the recipes that were built.
func (b *bench) measured() []string {
	var names []string
	for _, r := range b.result.Recipes {
		names = append(names, r.Name)
	}
	return names
}

func (b *bench) add(m measure) { b.result.Farm = append(b.result.Farm, m) }

// say tells of progress, on standard error.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[%6.1fs] %s\n", time.Since(b.begin).Seconds(), fmt.Sprintf(format, args...))
}
