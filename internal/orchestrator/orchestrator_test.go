package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// start gives an orchestrator with a registry and a database of its own. Temporal is not started: the tests call the
// activities as the workflows would.
func start(t *testing.T, dir string) *Orchestrator {
	t.Helper()
	return startWith(t, dir, func(*Config) {})
}

// startOn starts an orchestrator whose content is in another registry.
func startOn(t *testing.T, dir, registry string) *Orchestrator {
	t.Helper()
	return startWith(t, dir, func(cfg *Config) { cfg.Registry = registry })
}

// startWith is start with another configuration.
func startWith(t *testing.T, dir string, change func(*Config)) *Orchestrator {
	t.Helper()
	d, err := datadir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(dir, "wasmcc")
	if err := os.WriteFile(wrapper, []byte("the wrapper"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Dir: d, Listen: "127.0.0.1:0", RegistryListen: "127.0.0.1:0", Toolchains: "../../toolchains", Wrapper: wrapper}
	change(&cfg)
	o, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

// request uploads two recipes: app needs lib to run.
func request(t *testing.T, o *Orchestrator) api.RunRequest {
	t.Helper()
	return requestOf(t, o, map[string]string{"lib": "", "app": "requirements:\n  run: [lib]\n"})
}

// requestOf uploads recipes by their names, each with more keys.
func requestOf(t *testing.T, o *Orchestrator, recipes map[string]string) api.RunRequest {
	t.Helper()
	dir := t.TempDir()
	for name, more := range recipes {
		text := "package:\n  name: " + name + "\n  version: \"1.0\"\nsource:\n  url: https://example.org/" + name + "-1.0.tar.gz\n  sha256: " +
			strings.Repeat("a", 64) + "\n" + more
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "meta.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set, err := recipe.LoadSet(dir)
	if err != nil {
		t.Fatal(err)
	}
	var pack bytes.Buffer
	if err := recipe.Pack(&pack, set.Recipes()); err != nil {
		t.Fatal(err)
	}
	blob, err := o.PutBlob(t.Context(), &pack)
	if err != nil {
		t.Fatal(err)
	}
	return api.RunRequest{Recipes: blob.Digest, Select: []string{"*"}, Toolchain: "pyemscripten_2026_5", Lane: "submission", Publish: true}
}

// asked uploads a request.
func asked(t *testing.T, o *Orchestrator, req api.RunRequest) record.Digest {
	t.Helper()
	text, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := o.PutBlob(t.Context(), bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return blob.Digest
}

// begin plans a run as the Run workflow does.
func begin(t *testing.T, o *Orchestrator, id string, req api.RunRequest) map[string]workflows.Action {
	t.Helper()
	p, err := activities{o}.Plan(t.Context(), workflows.RunInput{RunID: id, Request: asked(t, o, req)})
	if err != nil {
		t.Fatal(err)
	}
	actions := map[string]workflows.Action{}
	for _, a := range p.Actions {
		actions[a.Recipe] = a
	}
	return actions
}

// build does what a worker does, without building: it resolves the action and puts a result into the registry.
func build(t *testing.T, o *Orchestrator, run, name string) workflows.Change {
	t.Helper()
	return buildAs(t, o, run, name, record.Passed)
}

// buildAs is build with an outcome.
func buildAs(t *testing.T, o *Orchestrator, run, name string, outcome record.Outcome) workflows.Change {
	t.Helper()
	task, change := bring(t, o, run, name, outcome, "")
	if task.Record == "" {
		return change
	}
	if err := (activities{o}).Store(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	return change
}

// bring does what a worker does until the farm takes its result; more is in the wheel beside what the recipe says. An action that
// is resolved to a reuse has no record.
func bring(t *testing.T, o *Orchestrator, run, name string, outcome record.Outcome, more string) (workflows.Task, workflows.Change) {
	t.Helper()
	ctx := t.Context()
	act, err := activities{o}.Resolve(ctx, workflows.ResolveInput{RunID: run, Recipe: name})
	if err != nil {
		t.Fatal(err)
	}
	if act.Kind == workflows.KindReuse {
		return workflows.Task{}, workflows.Change{Recipe: name, State: workflows.Reused, Key: act.Key, At: time.Now()}
	}
	job, err := jobs.Get[jobs.Job](ctx, o.blobs, act.Job)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jobs.Recipes(ctx, o.blobs, job.Recipes, o.cfg.Dir.Packs())
	if err != nil {
		t.Fatal(err)
	}
	_, printed, _ := strings.Cut(set.Get(name).Build.Script, "echo") // what a script prints is in the wheel
	wheel, err := o.blobs.Put(ctx, store.MediaTypeWheel, strings.NewReader("the wheel of "+name+printed+more))
	if err != nil {
		t.Fatal(err)
	}
	res := jobs.Result{Inputs: job.Inputs, Record: record.Build{
		Schema: record.Schema, Recipe: name, Version: set.Get(name).Version, Outcome: record.Passed, Toolchain: record.Toolchain{Name: "pyemscripten_2026_5"},
		Artifacts: []record.Artifact{{
			Filename: name + "-1.0-py3-none-any.whl", Kind: "wheel", Digest: wheel.Digest, Size: wheel.Size,
			Wheel: &record.Wheel{Project: name, Version: "1.0", Imports: []string{name}},
		}},
		Audit: []record.Finding{{Rule: "build-path", Severity: record.Warning}},
		Tests: []record.Test{{Outcome: record.Passed, In: recipe.Node, Imports: []record.Case{{Name: name, Outcome: record.Passed}}, Passed: 2}},
	}}
	if job.Lock == nil {
		res.Lock = &fetch.Lock{Packages: []fetch.LockedWheel{{Name: "setuptools", Version: "80"}}}
		res.LockKey, res.Inputs.Lock = job.LockKey, record.Digest(res.Lock.Digest())
	}
	state := workflows.Passed
	if outcome == record.Failed {
		state, res.Record.Outcome, res.Record.Artifacts = workflows.Failed, outcome, nil
		res.Record.Failure = &record.Failure{Kind: record.CompileFailed, Message: "unknown type name 'foo'"}
	}
	res.Record.Key = plan.Key(res.Inputs)
	digest, err := jobs.Put(ctx, o.blobs, res)
	if err != nil {
		t.Fatal(err)
	}
	task := workflows.Task{RunID: run, Build: "build/" + name, Recipe: name, Job: act.Job, Grant: act.Grant, Record: digest}
	return task, workflows.Change{Recipe: name, State: state, Key: res.Record.Key, Record: digest, At: time.Now()}
}

// carryOut is a whole run, in the order of the plan.
func carryOut(t *testing.T, o *Orchestrator, id string, req api.RunRequest, order ...string) api.Run {
	t.Helper()
	begin(t, o, id, req)
	for _, name := range order {
		change := build(t, o, id, name)
		if err := (activities{o}).Record(t.Context(), workflows.RecordInput{RunID: id, Changes: []workflows.Change{change}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := (activities{o}).FinishRun(t.Context(), workflows.RunResult{RunID: id, Outcome: workflows.Passed}); err != nil {
		t.Fatal(err)
	}
	run, err := o.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func statuses(actions []api.Action) map[string]string {
	out := map[string]string{}
	for _, a := range actions {
		out[a.Recipe] = a.Kind + " " + a.Status
	}
	return out
}

// What was built once stands in every later run with the same inputs, also after a restart, and the index serves it.
func TestWhatWasBuiltStands(t *testing.T) {
	dir := t.TempDir()
	o := start(t, dir)
	req := request(t, o)
	run := carryOut(t, o, "one", req, "lib", "app")
	if diff := cmp.Diff(map[string]string{"lib": "build passed", "app": "build passed"}, statuses(run.Actions)); diff != "" || run.State != "passed" {
		t.Errorf("the first run is %s: %s", run.State, diff)
	}
	if a := run.Actions[0]; a.Warnings != 1 || a.Tests == nil || a.Tests.Imports != 1 || a.Tests.Passed != 2 {
		t.Errorf("what audit and test said of %s: %+v", a.Recipe, a)
	}
	o.Close()

	o = start(t, dir)
	actions, err := o.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"lib": "reuse cached", "app": "reuse cached"}, statuses(actions)); diff != "" {
		t.Errorf("after the restart: %s", diff)
	}
	if page := read(t, o.URL()+"/simple/lib/"); !strings.Contains(page, "lib-1.0-py3-none-any.whl") {
		t.Errorf("the index does not have the wheel:\n%s", page)
	}
	b, err := o.Build(t.Context(), "app")
	if err != nil || b.Artifacts[0].Filename != "app-1.0-py3-none-any.whl" {
		t.Errorf("the newest build of app: %+v, %v", b.Artifacts, err)
	}
}

// A test runs with the wheels of what the recipe needs, and of nothing else.
func TestAJobNamesTheWheelsOfItsDependencies(t *testing.T) {
	o := start(t, t.TempDir())
	req := request(t, o)
	begin(t, o, "one", req)
	lib := build(t, o, "one", "lib")
	if err := (activities{o}).Record(t.Context(), workflows.RecordInput{RunID: "one", Changes: []workflows.Change{lib}}); err != nil {
		t.Fatal(err)
	}
	act, err := activities{o}.Resolve(t.Context(), workflows.ResolveInput{RunID: "one", Recipe: "app"})
	if err != nil {
		t.Fatal(err)
	}
	job, err := jobs.Get[jobs.Job](t.Context(), o.blobs, act.Job)
	if err != nil {
		t.Fatal(err)
	}
	if len(job.Deps) != 1 || job.Deps[0].Filename != "lib-1.0-py3-none-any.whl" {
		t.Errorf("deps: %+v", job.Deps)
	}
}

// A run that does not publish leaves the index alone; a later one that does finds the builds and publishes them.
// A recipe that needs Rust is built in the extension's image, the others are not, and what the registry lacks is said.
func TestTheImageOfARecipe(t *testing.T) {
	o := start(t, t.TempDir())
	req := requestOf(t, o, map[string]string{"plain": "", "rusty": "requirements:\n  executable: [cargo]\n"})
	tc, err := o.known(req.Toolchain)
	if err != nil {
		t.Fatal(err)
	}
	begin(t, o, "run-1", req)
	for name, digest := range map[string]string{"plain": tc.Lock.Build, "rusty": tc.Lock.Extensions["rust"]} {
		act, err := activities{o}.Resolve(t.Context(), workflows.ResolveInput{RunID: "run-1", Recipe: name})
		if err != nil {
			t.Fatal(err)
		}
		job, err := jobs.Get[jobs.Job](t.Context(), o.blobs, act.Job)
		if err != nil {
			t.Fatal(err)
		}
		if want := "toolchains/pyemscripten_2026_5@" + digest; job.Toolchain != want || string(job.Inputs.Toolchain) != digest {
			t.Errorf("%s is built in %s with %s in its key, want %s", name, job.Toolchain, job.Inputs.Toolchain, want)
		}
	}
	if lacking, err := o.Lacking(t.Context(), req); err != nil || !slices.Equal(lacking, []string{"", "rust"}) {
		t.Errorf("an empty registry lacks %q, %v", lacking, err)
	}
	req.Select = []string{"plain"}
	if lacking, err := o.Lacking(t.Context(), req); err != nil || !slices.Equal(lacking, []string{""}) {
		t.Errorf("for what needs no Rust it lacks %q, %v", lacking, err)
	}
	if err := tc.absent("rust"); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "`wasmill toolchain bake --extension rust pyemscripten_2026_5` makes it") {
		t.Errorf("the message is %v", err)
	}
}

// A run may test in a browser what is otherwise tested under node only: another key, and one more image.
func TestARunInABrowser(t *testing.T) {
	o := start(t, t.TempDir())
	req := requestOf(t, o, map[string]string{"plain": "", "both": "wasmill: {test: {runtimes: [chromium, node]}}\n"})
	tc, err := o.known(req.Toolchain)
	if err != nil {
		t.Fatal(err)
	}
	digest := tc.Lock.Extensions["chromium"]
	resolved := func(run, name string) *jobs.Job {
		act, err := activities{o}.Resolve(t.Context(), workflows.ResolveInput{RunID: run, Recipe: name})
		if err != nil {
			t.Fatal(err)
		}
		job, err := jobs.Get[jobs.Job](t.Context(), o.blobs, act.Job)
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	begin(t, o, "node", req)
	req.Runtimes = []string{recipe.Chromium}
	begin(t, o, "browser", req)
	for _, c := range []struct {
		run, recipe, browser string
		runtimes             []string
	}{
		{"node", "plain", "", []string{"node"}}, {"node", "both", digest, []string{"chromium", "node"}},
		{"browser", "plain", digest, []string{"node", "chromium"}}, {"browser", "both", digest, []string{"chromium", "node"}},
	} {
		job := resolved(c.run, c.recipe)
		if !slices.Equal(job.Runtimes, c.runtimes) || string(job.Inputs.Browser) != c.browser || (job.Browser == "toolchains/pyemscripten_2026_5@"+c.browser) != (c.browser != "") {
			t.Errorf("%s in run %s: in %q, with %q, %q in its key", c.recipe, c.run, job.Runtimes, job.Browser, job.Inputs.Browser)
		}
	}
	if a, b := resolved("node", "plain").Inputs, resolved("browser", "plain").Inputs; plan.Key(a) == plan.Key(b) {
		t.Error("where it is tested is not in the key")
	}
	if lacking, err := o.Lacking(t.Context(), req); err != nil || !slices.Equal(lacking, []string{"", "chromium"}) {
		t.Errorf("an empty registry lacks %q, %v", lacking, err)
	}
	if err := tc.absent("chromium"); !strings.Contains(err.Error(), "the recipes need chromium") {
		t.Errorf("the message is %v", err)
	}
	req.Runtimes = []string{"firefox"}
	if _, err := o.Plan(t.Context(), req); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "no runtime `firefox`") {
		t.Errorf("another browser: %v", err)
	}
}

func TestACachedBuildIsPublishedByTheRunThatPublishes(t *testing.T) {
	o := start(t, t.TempDir())
	req := request(t, o)
	req.Publish = false
	carryOut(t, o, "quiet", req, "lib", "app")
	if page := read(t, o.URL()+"/simple/"); strings.Contains(page, "lib") {
		t.Errorf("a run that does not publish has published:\n%s", page)
	}
	req.Publish = true
	begin(t, o, "loud", req)
	if page := read(t, o.URL()+"/simple/"); !strings.Contains(page, "lib") || !strings.Contains(page, "app") {
		t.Errorf("what is cached was not published:\n%s", page)
	}
}

func TestRequestsThatCannotBe(t *testing.T) {
	o := start(t, t.TempDir())
	good := request(t, o)
	for name, c := range map[string]struct {
		change func(*api.RunRequest)
		kind   fault.Kind
		say    string
	}{
		"an unknown toolchain":     {func(r *api.RunRequest) { r.Toolchain = "nowhere" }, fault.NotFound, "nowhere"},
		"an unknown digest":        {func(r *api.RunRequest) { r.Toolchain += "@sha256:" + strings.Repeat("0", 64) }, fault.NotFound, "unknown digest"},
		"an image that is missing": {func(*api.RunRequest) {}, fault.NotFound, "wasmill toolchain bake"},
		"an unknown recipe":        {func(r *api.RunRequest) { r.Select = []string{"nix"} }, fault.NotFound, "nix"},
		"recipes never uploaded":   {func(r *api.RunRequest) { r.Recipes = record.Digest("sha256:" + strings.Repeat("0", 64)) }, fault.NotFound, "recipes"},
		"an unknown lane":          {func(r *api.RunRequest) { r.Lane = "fast" }, fault.Invalid, "lane"},
	} {
		t.Run(name, func(t *testing.T) {
			req := good
			c.change(&req)
			_, err := o.StartRun(context.Background(), req)
			if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v (%v), want %v with %q", err, fault.KindOf(err), c.kind, c.say)
			}
		})
	}
	if runs, err := o.Runs(t.Context(), 0); err != nil || len(runs) > 0 {
		t.Errorf("a refused request left %d runs, %v", len(runs), err)
	}
}

func read(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
