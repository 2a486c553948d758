package orchestrator

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/diff"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/reproduce"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// policy is a policy that is written well.
func policy(t *testing.T, text string) reproduce.Policy {
	t.Helper()
	p, err := reproduce.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// resolve is what the farm decides about a recipe just before it is built.
func resolve(t *testing.T, o *Orchestrator, run, recipe string) workflows.Action {
	t.Helper()
	act, err := activities{o}.Resolve(t.Context(), workflows.ResolveInput{RunID: run, Recipe: recipe})
	if err != nil {
		t.Fatal(err)
	}
	return act
}

// madeTwice does what workers do for a build that is made twice, without building; it stores what they say.
func madeTwice(t *testing.T, o *Orchestrator, run string, act workflows.Action, same bool) string {
	t.Helper()
	ctx := t.Context()
	job, err := jobs.Get[jobs.Job](ctx, o.blobs, act.Job)
	if err != nil {
		t.Fatal(err)
	}
	put := func(mediaType, text string) record.Blob {
		blob, err := o.blobs.Put(ctx, mediaType, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return blob
	}
	artifact := func(text string) []record.Artifact {
		blob := put(store.MediaTypeWheel, text)
		return []record.Artifact{{Filename: act.Recipe + "-1.0-py3-none-any.whl", Kind: "wheel", Digest: blob.Digest, Size: blob.Size,
			Wheel: &record.Wheel{Project: act.Recipe, Version: "1.0"}}}
	}
	log := put(store.MediaTypeLog, "again\n")
	inputs := job.Inputs
	lock := &fetch.Lock{}
	inputs.Lock = record.Digest(lock.Digest())
	r := &record.Reproduction{Same: same, Why: act.Reproduce.Why, Blocks: act.Reproduce.Blocks, Worker: "w2", Varied: []string{}, Log: &log}
	b := record.Build{
		Schema: record.Schema, Key: plan.Key(inputs), Recipe: act.Recipe, Version: "1.0", Outcome: record.Passed, Worker: "w1", Artifacts: artifact("one"), Reproduction: r,
		Toolchain: record.Toolchain{Name: "pyemscripten_2026_5", Digest: inputs.Toolchain},
	}
	if !same {
		text, err := json.Marshal(&diff.Report{Differences: []diff.Node{{Name: "x.py", Kind: diff.Text}}})
		if err != nil {
			t.Fatal(err)
		}
		report := put(store.MediaTypeDifference, string(text))
		r.Artifacts, r.Difference, r.Summary = artifact("two"), &report, "x.py"
		if r.Blocks {
			b.Outcome, b.Failure = record.Failed, &record.Failure{Phase: record.PhaseAgain, Kind: record.NotReproducible, Message: "x.py differs"}
		}
	}
	digest, err := jobs.Put(ctx, o.blobs, jobs.Result{Record: b, Inputs: inputs, LockKey: job.LockKey, Lock: lock})
	if err != nil {
		t.Fatal(err)
	}
	if err := (activities{o}).Store(ctx, workflows.Task{RunID: run, Recipe: act.Recipe, Job: act.Job, Grant: act.Grant, Record: digest}); err != nil {
		t.Fatal(err)
	}
	return b.Key
}

func published(t *testing.T, o *Orchestrator) []string {
	t.Helper()
	c, err := o.db.Catalog(t.Context(), "pyemscripten_2026_5")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, f := range c.Files {
		names = append(names, f.Filename)
	}
	return names
}

func TestWhichBuildsAreMadeTwice(t *testing.T) {
	o := start(t, t.TempDir())
	o.cfg.Reproduce = policy(t, "new")
	recipes := map[string]string{"a": "", "b": "wasmill:\n  not-reproducible: it counts\n"}
	req := requestOf(t, o, recipes)
	for _, c := range []struct {
		run, lane, asked, recipe string
		want                     *workflows.Reproduce
	}{
		{"r1", "submission", "", "a", &workflows.Reproduce{Why: "no build of a on this toolchain was reproduced yet", Blocks: true}},
		{"r2", "submission", "", "b", &workflows.Reproduce{Why: "no build of b on this toolchain was reproduced yet"}},
		{"r3", "submission", "off", "a", nil},
		{"r4", "submission", "new,warn", "a", &workflows.Reproduce{Why: "no build of a on this toolchain was reproduced yet"}},
		{"r5", "interactive", "", "a", nil},
		{"r6", "interactive", "all", "a", &workflows.Reproduce{Why: "all builds are made twice", Blocks: true}},
		{"r7", "nightly", "sample:0%", "a", nil},
	} {
		asked := req
		asked.Lane, asked.Reproduce = c.lane, c.asked
		begin(t, o, c.run, asked)
		act := resolve(t, o, c.run, c.recipe)
		if diff := cmp.Diff(c.want, act.Reproduce); diff != "" || act.Kind != workflows.KindBuild {
			t.Errorf("%s: %s (-want +got):\n%s", c.run, act.Kind, diff)
		}
	}
	bad := req
	bad.Reproduce = "sometimes"
	if _, err := o.Plan(t.Context(), bad); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "sometimes") {
		t.Errorf("a policy that is none: %v", err)
	}
}

// Once a build of a recipe was reproduced on a toolchain, the next ones are no longer new; what is cached is not built at all.
func TestAReproducedRecipeIsNotNewAnyMore(t *testing.T) {
	o := start(t, t.TempDir())
	o.cfg.Reproduce = policy(t, "new")
	begin(t, o, "r1", requestOf(t, o, map[string]string{"a": ""}))
	key := madeTwice(t, o, "r1", resolve(t, o, "r1", "a"), true)
	if diff := cmp.Diff([]string{"a-1.0-py3-none-any.whl"}, published(t, o)); diff != "" {
		t.Error(diff)
	}
	if act := begin(t, o, "r2", requestOf(t, o, map[string]string{"a": ""}))["a"]; act.Kind != workflows.KindReuse || act.Key != key {
		t.Errorf("what was built twice is not cached: %+v", act)
	}
	begin(t, o, "r3", requestOf(t, o, map[string]string{"a": "build:\n  script: echo another\n"}))
	if act := resolve(t, o, "r3", "a"); act.Kind != workflows.KindBuild || act.Reproduce != nil {
		t.Errorf("%+v", act)
	}
	_, err := o.Difference(t.Context(), key)
	if fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "gave the same bytes twice, on w1 and on w2") {
		t.Errorf("%v", err)
	}
}

func TestADifferenceBlocksPublication(t *testing.T) {
	o := start(t, t.TempDir())
	o.cfg.Reproduce = policy(t, "new")
	req := requestOf(t, o, map[string]string{"a": ""})
	begin(t, o, "r1", req)
	key := madeTwice(t, o, "r1", resolve(t, o, "r1", "a"), false)
	if got := published(t, o); len(got) != 0 {
		t.Errorf("published: %v", got)
	}
	// The failure stands, as any other, until somebody says that the difference does not matter.
	if act := begin(t, o, "r2", req)["a"]; act.Kind != workflows.KindReuse || act.Outcome != record.Failed {
		t.Errorf("%+v", act)
	}
	for name, asked := range map[string]string{"r3": "new,warn", "r4": "off,warn"} {
		tolerant := req
		tolerant.Reproduce = asked
		begin(t, o, name, tolerant)
		if act := resolve(t, o, name, "a"); act.Kind != workflows.KindBuild {
			t.Errorf("%s: %+v", asked, act)
		}
	}
	known := requestOf(t, o, map[string]string{"a": "wasmill:\n  not-reproducible: it counts\n"})
	begin(t, o, "r5", known)
	act := resolve(t, o, "r5", "a")
	if act.Kind != workflows.KindBuild || act.Key != key || act.Reproduce == nil || act.Reproduce.Blocks {
		t.Fatalf("%+v", act)
	}

	d, err := o.Difference(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if d.Key != key || d.Worker != "w1" || d.Reproduction.Worker != "w2" || d.Report.Differences[0].Name != "x.py" || len(d.First) != 1 || len(d.Second) != 1 {
		t.Errorf("%+v", d)
	}
	_, files, err := o.blobs.GetBuild(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, f := range files {
		kept[f.Name] = true
	}
	for _, name := range []string{"a-1.0-py3-none-any.whl", "second/a-1.0-py3-none-any.whl", "second.log", "difference.json"} {
		if !kept[name] {
			t.Errorf("the build does not keep %s: %v", name, kept)
		}
	}

	// Now the same difference is only noted.
	madeTwice(t, o, "r5", act, false)
	if diff := cmp.Diff([]string{"a-1.0-py3-none-any.whl"}, published(t, o)); diff != "" {
		t.Error(diff)
	}
	run, err := o.Run(t.Context(), "r5")
	if err != nil {
		t.Fatal(err)
	}
	if err := (activities{o}).Record(t.Context(), workflows.RecordInput{RunID: "r5", Changes: []workflows.Change{{Recipe: "a", State: workflows.Passed, Key: key}}}); err != nil {
		t.Fatal(err)
	}
	if run, err = o.Run(t.Context(), "r5"); err != nil || run.Actions[0].Reproduced != "different" {
		t.Errorf("%+v, %v", run.Actions, err)
	}
	log, err := o.Log(t.Context(), key, 0)
	if err != nil || string(log.Text) != "again\n" {
		t.Errorf("%q, %v", log.Text, err)
	}
}

func TestWhyThereIsNoDifference(t *testing.T) {
	o := start(t, t.TempDir())
	begin(t, o, "r1", requestOf(t, o, map[string]string{"a": ""}))
	key := build(t, o, "r1", "a").Key
	for name, says := range map[string]string{
		key: "was made once only", "a": "no two builds of a are known to differ", "never-built": "there is none", strings.Repeat("0", 64): "there is none",
	} {
		if _, err := o.Difference(t.Context(), name); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// verify does what a worker does for the second build of one that is there.
func verify(t *testing.T, o *Orchestrator, run string, act workflows.Action, same bool) {
	t.Helper()
	res, err := jobs.Get[jobs.Result](t.Context(), o.blobs, act.Built)
	if err != nil {
		t.Fatal(err)
	}
	res.Record.Reproduction = &record.Reproduction{Same: same, Why: act.Reproduce.Why, Blocks: act.Reproduce.Blocks, Worker: "w2", Varied: []string{}}
	if !same {
		res.Record.Outcome, res.Record.Failure = record.Failed, &record.Failure{Phase: record.PhaseAgain, Kind: record.NotReproducible, Message: "x.py differs"}
	}
	digest, err := jobs.Put(t.Context(), o.blobs, res)
	if err != nil {
		t.Fatal(err)
	}
	if err := (activities{o}).Store(t.Context(), workflows.Task{RunID: run, Recipe: act.Recipe, Key: act.Key, Job: act.Job, Grant: act.Grant, Record: digest}); err != nil {
		t.Fatal(err)
	}
}

// A run that a difference would stop publishes nothing that was built once only by a run that asked for no more: it has it
// built a second time, and no more than that.
func TestWhatWasBuiltWithLessCareIsVerifiedBeforeItIsPublished(t *testing.T) {
	for _, same := range []bool{true, false} {
		t.Run(map[bool]string{true: "the same", false: "other bytes"}[same], func(t *testing.T) {
			o := start(t, t.TempDir())
			o.cfg.Reproduce = policy(t, "new")
			lax := requestOf(t, o, map[string]string{"a": "", "b": "wasmill:\n  not-reproducible: it counts\n"})
			lax.Reproduce, lax.Publish = "off", false
			carryOut(t, o, "lax", lax, "a", "b")

			strict := lax
			strict.Reproduce, strict.Publish = "", true
			if actions := begin(t, o, "strict", strict); actions["a"].Kind != workflows.KindBuild || actions["b"].Kind != workflows.KindReuse {
				t.Fatalf("the run that publishes plans %+v", actions)
			}
			if got := published(t, o); len(got) != 1 || !strings.HasPrefix(got[0], "b-") {
				t.Errorf("before the second build, published: %v", got)
			}
			act := resolve(t, o, "strict", "a")
			if act.Kind != workflows.KindBuild || act.Built == "" || act.Reproduce == nil || !act.Reproduce.Blocks || !strings.Contains(act.Reproduce.Why, "built once") {
				t.Fatalf("it is to %+v", act)
			}
			if built, err := (activities{o}).Built(t.Context(), workflows.Task{RunID: "strict", Recipe: "a", Key: act.Key, Reproduce: act.Reproduce}); err != nil || built.Outcome != "" {
				t.Errorf("as it stands it would do: %+v, %v", built, err)
			}
			verify(t, o, "strict", act, same)
			if got := published(t, o); len(got) != map[bool]int{true: 2, false: 1}[same] {
				t.Errorf("after the second build, published: %v", got)
			}
			want := map[bool]record.Outcome{true: record.Passed, false: record.Failed}[same]
			if b, err := o.db.Build(t.Context(), act.Key); err != nil || b.Record.Outcome != want || b.Record.Reproduction == nil {
				t.Errorf("what is known of it then: %+v, %v", b.Record, err)
			}
			// From now on nothing is to be done, and who tolerates differences is not held up by one.
			if again := begin(t, o, "again", strict)["a"]; again.Kind != workflows.KindReuse || again.Outcome != want {
				t.Errorf("the next run is to %+v", again)
			}
			lax.Reproduce = "off,warn"
			if next := begin(t, o, "lax again", lax)["a"]; (next.Kind == workflows.KindReuse) != same {
				t.Errorf("a run that tolerates it is to %+v", next)
			}
		})
	}
}

// Where nothing else is to be done, a run that publishes does not end at once either.
func TestARunOfCachedBuildsThatNobodyVerified(t *testing.T) {
	o := start(t, t.TempDir())
	o.cfg.Reproduce = policy(t, "new")
	req := requestOf(t, o, map[string]string{"a": ""})
	req.Reproduce, req.Publish = "off", false
	carryOut(t, o, "lax", req, "a")
	for _, c := range []struct {
		reproduce string
		publish   bool
		reuse     bool
	}{
		{"", false, true}, {"off", true, true}, {"new,warn", true, true}, {"sample:100%", true, true}, {"", true, false}, {"all", true, false},
	} {
		req.Reproduce, req.Publish = c.reproduce, c.publish
		list, err := o.Plan(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if reuse := list[0].Kind == "reuse"; reuse != c.reuse {
			t.Errorf("with %q, publishing %v: %s, %s", c.reproduce, c.publish, list[0].Kind, list[0].Reason)
		}
	}
}
