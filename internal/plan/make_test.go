package plan_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func digest(of string) record.Digest {
	sum := sha256.Sum256([]byte(of))
	return record.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// farm is a small world: its recipes, and what it remembers. carryOut lets time pass in it.
type farm struct {
	plan.Request
	t testing.TB
}

func newFarm(t testing.TB, recipes ...plan.Recipe) *farm {
	return &farm{t: t, Request: plan.Request{
		Recipes:   recipes,
		Toolchain: plan.Toolchain{Name: "pyemscripten_2026_5", Digest: digest("image"), ExcludeNewer: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)},
		Builder:   plan.Builder{Version: "0.1.0", Digest: digest("wasmcc")},
		History:   plan.History{Builds: map[string]plan.Build{}, Last: map[string]plan.Build{}, Locks: map[string]record.Digest{}},
	}}
}

// a recipe needs `host` to build and `run` to run; its source has the content `name`.
func a(name string, host, run []string) plan.Recipe {
	return plan.Recipe{
		Name: name, Version: "1.0", Parts: []plan.Input{{Name: "build", Digest: digest("recipe " + name)}, {Name: "source", Digest: digest("names " + name)}},
		Tests: digest("tests of " + name), Host: host, Run: run,
		Sources: []plan.Input{{Digest: digest(name)}},
	}
}

func (f *farm) plan() *plan.Plan {
	f.t.Helper()
	p, err := plan.Make(f.Request)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// carryOut does what the plan says; the recipes in fail do not compile. It counts what was really built: an action
// whose completed key is cached is not.
func (f *farm) carryOut(fail ...string) (built []string) {
	f.t.Helper()
	outputs := map[string]record.Digest{}
	for _, action := range f.plan().Actions {
		if action.Kind != plan.KindBuild {
			if action.Reused != nil {
				outputs[action.Recipe] = action.Reused.Output
			}
			continue
		}
		if slices.ContainsFunc(action.Needs, func(n string) bool { return outputs[n] == "" }) {
			continue // what it needs has failed
		}
		lock := digest("lock of " + action.Recipe)
		f.History.Locks[action.LockKey] = lock
		if err := action.Complete(lock, outputs); err != nil {
			f.t.Fatal(err)
		}
		in, key := action.Inputs, action.Key
		b, cached := f.History.Builds[key]
		if !cached || b.Outcome != record.Passed {
			built = append(built, action.Recipe)
			// The output depends on the source only: comments in recipes do not change it.
			b = plan.Build{Key: key, Outcome: record.Passed, Output: digest("wheel of " + string(in.Sources[0].Digest)), Inputs: in}
			if slices.Contains(fail, action.Recipe) {
				b.Outcome, b.Output, b.Failure = record.Failed, "", "compile-failed: unknown type name 'foo'"
			}
		}
		f.History.Builds[key], f.History.Last[action.Recipe], outputs[action.Recipe] = b, b, b.Output
	}
	return built
}

// failEarly is a history in which a recipe failed before its requirements were locked; only it is planned.
func (f *farm) failEarly(name, failure string) {
	r := *f.recipe(name)
	f.Recipes = []plan.Recipe{r}
	delete(f.History.Locks, plan.LockKey(r, f.Toolchain))
	key := plan.Key(f.plan().Actions[0].Inputs)
	f.History.Builds[key] = plan.Build{Key: key, Outcome: record.Failed, Failure: failure}
}

func (f *farm) recipe(name string) *plan.Recipe {
	return &f.Recipes[slices.IndexFunc(f.Recipes, func(r plan.Recipe) bool { return r.Name == name })]
}

func small(t testing.TB) *farm {
	return newFarm(t,
		a("cytoolz", []string{"toolz", "toolz"}, []string{"toolz"}),
		a("toolz", nil, nil),
		a("markupsafe", nil, nil),
		a("jinja2", nil, []string{"markupsafe"}),
	)
}

// byName is for stories in which the order of a plan, which order_test.go is about, does not matter.
func byName(lines []string) []string { return slices.Sorted(slices.Values(lines)) }

func TestReasons(t *testing.T) {
	image, wasmcc := digest("image"), digest("wasmcc")
	for _, story := range []struct {
		name   string
		change func(f *farm)
		want   []string // recipe: kind: reason
	}{
		{"nothing changed", func(*farm) {}, []string{
			"markupsafe: reuse: cached", "toolz: reuse: cached", "cytoolz: reuse: cached", "jinja2: reuse: cached"}},
		{"a source changed", func(f *farm) { f.recipe("toolz").Sources[0].Digest = digest("new") }, []string{
			"markupsafe: reuse: cached",
			"toolz: build: source changed: " + abbr(digest("toolz")) + " → " + abbr(digest("new")),
			"cytoolz: build: dependency toolz will be rebuilt", "jinja2: reuse: cached"}},
		{"a run dependency changed", func(f *farm) { f.recipe("markupsafe").Parts[0].Digest = digest("new") }, []string{
			"markupsafe: build: recipe's build changed: " + abbr(digest("recipe markupsafe")) + " → " + abbr(digest("new")),
			"toolz: reuse: cached", "cytoolz: reuse: cached", "jinja2: reuse: cached"}},
		{"a new version", func(f *farm) {
			f.recipe("toolz").Sources[0].Digest = digest("new")
			f.recipe("toolz").Parts[1].Digest = digest("new name")
		}, []string{"markupsafe: reuse: cached",
			"toolz: build: source changed: " + abbr(digest("toolz")) + " → " + abbr(digest("new")),
			"cytoolz: build: dependency toolz will be rebuilt", "jinja2: reuse: cached"}},
		{"a test was added", func(f *farm) { f.recipe("jinja2").Tests = digest("new") }, []string{
			"markupsafe: reuse: cached", "toolz: reuse: cached", "cytoolz: reuse: cached",
			"jinja2: build: tests changed: " + abbr(digest("tests of jinja2")) + " → " + abbr(digest("new"))}},
		{"a patch came", func(f *farm) { f.recipe("toolz").Patches = []plan.Input{{Name: "wasm.patch", Digest: digest("p")}} }, []string{
			"markupsafe: reuse: cached", "toolz: build: patch wasm.patch is new",
			"cytoolz: build: dependency toolz will be rebuilt", "jinja2: reuse: cached"}},
		{"the toolchain changed", func(f *farm) { f.Toolchain.Digest = digest("new") }, []string{
			"markupsafe: build: toolchain changed: " + abbr(image) + " → " + abbr(digest("new")),
			"toolz: build: toolchain changed: " + abbr(image) + " → " + abbr(digest("new")),
			"cytoolz: build: toolchain changed: " + abbr(image) + " → " + abbr(digest("new")) + "; dependency toolz will be rebuilt",
			"jinja2: build: toolchain changed: " + abbr(image) + " → " + abbr(digest("new"))}},
		{"the image of an extension is what builds one of them", func(f *farm) { f.recipe("toolz").Image = digest("rust") }, []string{
			"markupsafe: reuse: cached", "toolz: build: toolchain changed: " + abbr(image) + " → " + abbr(digest("rust")),
			"cytoolz: build: dependency toolz will be rebuilt", "jinja2: reuse: cached"}},
		{"the builder changed", func(f *farm) {
			f.Builder = plan.Builder{Version: "0.2.0", Digest: digest("new")}
			f.Recipes = f.Recipes[1:2]
		}, []string{
			"toolz: build: builder changed: 0.1.0 (" + abbr(wasmcc) + ") → 0.2.0 (" + abbr(digest("new")) + ")"}},
		{"another day for locking", func(f *farm) {
			f.Toolchain.ExcludeNewer = f.Toolchain.ExcludeNewer.AddDate(0, 0, 7)
			f.Recipes = f.Recipes[1:2]
		}, []string{
			"toolz: build: build requirements are to be locked again"}},
		{"another lock", func(f *farm) {
			r := f.recipe("toolz")
			f.History.Locks[plan.LockKey(*r, f.Toolchain)] = digest("new")
			f.Recipes = []plan.Recipe{*r}
		}, []string{"toolz: build: build requirements changed: " + abbr(digest("lock of toolz")) + " → " + abbr(digest("new"))}},
		{"a script failed before anything was locked", func(f *farm) { f.failEarly("toolz", "script-failed: exit status 1") }, []string{
			"toolz: reuse: failed before with the same inputs: script-failed: exit status 1"}},
		{"a source had another hash", func(f *farm) { f.failEarly("toolz", "hash-mismatch: expected another") }, []string{
			"toolz: build: build requirements are to be locked again"}},
		{"the environment changed", func(f *farm) { f.Env = map[string]string{"LANG": "C"}; f.Recipes = f.Recipes[1:2] }, []string{
			`toolz: build: environment changed: LANG "" → "C"`}},
		{"an output changed elsewhere", func(f *farm) {
			b := f.History.Last["toolz"]
			b.Output = digest("new")
			f.History.Builds[b.Key] = b
		}, []string{"markupsafe: reuse: cached", "toolz: reuse: cached",
			"cytoolz: build: output of dependency toolz changed: " + abbr(f0(t).History.Last["toolz"].Output) + " → " + abbr(digest("new")),
			"jinja2: reuse: cached"}},
		{"without the cache", func(f *farm) { f.Options.NoCache = true; f.Recipes = f.Recipes[1:2] }, []string{
			"toolz: build: the cache is not to be used"}},
		{"a recipe is disabled", func(f *farm) { f.recipe("toolz").Disabled = true }, []string{
			"markupsafe: reuse: cached", "toolz: skip: disabled", "cytoolz: skip: needs toolz, which is disabled", "jinja2: reuse: cached"}},
		{"the cache was emptied", func(f *farm) { f.History.Builds, f.History.Last = nil, nil; f.Recipes = f.Recipes[2:3] }, []string{
			"markupsafe: build: no earlier build"}},
		{"an older state came back", func(f *farm) {
			old := *f.recipe("toolz")
			f.recipe("toolz").Parts = slices.Clone(old.Parts)
			f.recipe("toolz").Parts[0].Digest = digest("new")
			f.carryOut()
			*f.recipe("toolz") = old
		}, []string{"markupsafe: reuse: cached", "toolz: reuse: cached", "cytoolz: reuse: cached", "jinja2: reuse: cached"}},
	} {
		t.Run(story.name, func(t *testing.T) {
			f := f0(t)
			story.change(f)
			if diff := cmp.Diff(byName(story.want), byName(lines(f.plan()))); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// f0 is the small farm after its first run.
func f0(t testing.TB) *farm {
	f := small(t)
	f.carryOut()
	return f
}

func lines(p *plan.Plan) (l []string) {
	for _, a := range p.Actions {
		l = append(l, a.Recipe+": "+string(a.Kind)+": "+a.Reason)
	}
	return l
}

func abbr(d record.Digest) string { return strings.TrimPrefix(string(d), "sha256:")[:12] }

func TestFailureIsRemembered(t *testing.T) {
	f := small(t)
	f.carryOut("toolz")
	want := []string{"markupsafe: reuse: cached",
		"toolz: reuse: failed before with the same inputs: compile-failed: unknown type name 'foo'",
		"cytoolz: skip: needs toolz, which failed before: compile-failed: unknown type name 'foo'",
		"jinja2: reuse: cached"}
	if diff := cmp.Diff(byName(want), byName(lines(f.plan()))); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	f.Options.RetryFailed = true
	want[1] = "toolz: build: failed before and is to be tried again: compile-failed: unknown type name 'foo'"
	want[2] = "cytoolz: build: no earlier build"
	if diff := cmp.Diff(byName(want), byName(lines(f.plan()))); diff != "" {
		t.Errorf("plan of a retry (-want +got):\n%s", diff)
	}
	if built := f.carryOut(); !slices.Equal(built, []string{"toolz", "cytoolz"}) {
		t.Errorf("the retry built %v", built)
	}
}

// What a change in lib makes necessary, by counting builds: it spreads as far as outputs change, and no further.
func TestEarlyCutoff(t *testing.T) {
	for _, story := range []struct {
		name    string
		change  func(f *farm)
		planned int      // builds that may be necessary, as far as anybody can know before lib is built
		built   []string // those that were
	}{
		{"nothing", func(*farm) {}, 0, nil},
		{"a comment in the recipe", func(f *farm) { f.recipe("lib").Parts[0].Digest = digest("a comment was added") }, 4, []string{"lib"}},
		{"a test", func(f *farm) { f.recipe("lib").Tests = digest("more tests") }, 4, []string{"lib"}},
		{"a patch that changes nothing", func(f *farm) { f.recipe("lib").Patches = []plan.Input{{Name: "p", Digest: digest("p")}} }, 4, []string{"lib"}},
		{"its source", func(f *farm) { f.recipe("lib").Sources[0].Digest = digest("lib 2") }, 4, []string{"lib", "left", "right"}},
		{"the source of one that is built with it, and a comment", func(f *farm) {
			f.recipe("left").Sources[0].Digest = digest("left 2")
			f.recipe("lib").Parts[0].Digest = digest("a comment was added")
		}, 4, []string{"lib", "left", "top"}},
		{"what it only runs with", func(f *farm) { f.recipe("tool").Sources[0].Digest = digest("tool 2") }, 1, []string{"tool"}},
		{"the toolchain", func(f *farm) { f.Toolchain.Digest = digest("image 2") }, 6, []string{"lib", "tool", "left", "right", "app", "top"}},
	} {
		t.Run(story.name, func(t *testing.T) {
			// left and right are built with lib, top with both; app runs with tool.
			f := newFarm(t, a("tool", nil, nil), a("lib", nil, nil), a("left", []string{"lib"}, nil), a("right", []string{"lib"}, nil),
				a("top", []string{"left", "right"}, nil), a("app", nil, []string{"tool"}))
			if built := f.carryOut(); len(built) != 6 {
				t.Fatalf("the first run built %v", built)
			}
			story.change(f)
			if n := f.plan().Count()[plan.KindBuild]; n != story.planned {
				t.Errorf("%d builds planned, want %d", n, story.planned)
			}
			if built := f.carryOut(); !slices.Equal(built, story.built) {
				t.Errorf("built %v, want %v", built, story.built)
			}
			if built := f.carryOut(); len(built) != 0 {
				t.Errorf("the run after it built %v", built)
			}
		})
	}
}

func TestWheelThatIsHostedAgainNeedsNoLock(t *testing.T) {
	wheel := a("six", nil, nil)
	wheel.NoRequirements = true
	p := newFarm(t, wheel).plan()
	if action := p.Actions[0]; action.Key == "" || action.LockKey != "" {
		t.Errorf("key %q, lock key %q; want the key known at once", action.Key, action.LockKey)
	}
}

func TestSkipNamesTheRoot(t *testing.T) {
	bottom := a("bottom", nil, nil)
	bottom.Disabled = true
	f := newFarm(t, bottom, a("middle", []string{"bottom"}, nil), a("top", nil, []string{"middle"}))
	top := f.plan().Actions[2]
	if top.Cause != "bottom" || top.Reason != "needs middle, which is skipped because of bottom" {
		t.Errorf("top is skipped because of %q: %s", top.Cause, top.Reason)
	}
}

func TestBadGraphs(t *testing.T) {
	for _, c := range []struct {
		name    string
		recipes []plan.Recipe
		want    string
	}{
		{"circle", []plan.Recipe{a("a", []string{"b"}, nil), a("b", nil, []string{"c"}), a("c", []string{"b"}, nil)},
			"planning: recipes need each other in a circle: b → c → b"},
		{"itself", []plan.Recipe{a("a", []string{"a"}, nil)}, "planning: recipes need each other in a circle: a → a"},
		{"missing", []plan.Recipe{a("a", nil, []string{"numpi"})}, "planning: a needs numpi, and there is no such recipe"},
		{"twice", []plan.Recipe{a("a", nil, nil), a("a", nil, nil)}, "planning: there are two recipes a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := plan.Make(newFarm(t, c.recipes...).Request)
			if err == nil || err.Error() != c.want || fault.KindOf(err) != fault.Invalid {
				t.Errorf("Make: %v, want %q", err, c.want)
			}
		})
	}
}

func TestPlanDoesNotDependOnOrder(t *testing.T) {
	want := f0(t).plan()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		f := f0(t)
		random.Shuffle(len(f.Recipes), func(i, j int) { f.Recipes[i], f.Recipes[j] = f.Recipes[j], f.Recipes[i] })
		if diff := cmp.Diff(want, f.plan()); diff != "" {
			t.Fatalf("another order of recipes gives another plan (-want +got):\n%s", diff)
		}
	}
}

func TestGolden(t *testing.T) {
	f := f0(t)
	f.recipe("toolz").Sources[0].Digest = digest("new")
	off := a("broken", nil, nil)
	off.Disabled = true
	f.Recipes = append(f.Recipes, off)
	p := f.plan()

	asJSON, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", append(asJSON, '\n'))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
