package orchestrator

import (
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// comesOut is a build of a recipe that is made again although it was made before.
func comesOut(t *testing.T, o *Orchestrator, run, recipes string, outcome record.Outcome) {
	t.Helper()
	req := requestOf(t, o, map[string]string{"turns": recipes})
	req.NoCache = true
	begin(t, o, run, req)
	change := buildAs(t, o, run, "turns", outcome)
	// It took a worker some time.
	change.Record = ""
	if err := o.db.UpdateAction(t.Context(), run, store.RunAction{Recipe: "turns", Status: store.Running, Seconds: 1}); err != nil {
		t.Fatal(err)
	}
	if err := (activities{o}).Record(t.Context(), workflows.RecordInput{RunID: run, Changes: []workflows.Change{change}}); err != nil {
		t.Fatal(err)
	}
}

// A recipe that fails and passes in turns with the same key is put aside by the farm, with a reason, somebody to look after it, and an
// end; nightlies leave it alone, and who asks for it gets it.
func TestARecipeThatFailsAndPassesInTurnsIsPutAside(t *testing.T) {
	for _, c := range []struct{ story, recipe, owner string }{
		{"with maintainers", "extra:\n  recipe-maintainers: [ada, grace]\n", "ada, grace"},
		{"without", "", "the farm's operators"},
	} {
		t.Run(c.story, func(t *testing.T) {
			o := start(t, t.TempDir())
			for i, outcome := range []record.Outcome{record.Passed, record.Failed} {
				comesOut(t, o, "r"+string(rune('1'+i)), c.recipe, outcome)
			}
			if list, err := o.Quarantines(t.Context()); err != nil || len(list) > 0 {
				t.Fatalf("after one turn: %+v, %v", list, err)
			}
			before := time.Now()
			comesOut(t, o, "r3", c.recipe, record.Passed)
			list, err := o.Quarantines(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			q := list[0]
			if q.Recipe != "turns" || !q.Automatic || q.Owner != c.owner || !strings.Contains(q.Reason, "fails and passes in turns with the same key: 2 times within 3 builds") {
				t.Errorf("%+v", q)
			}
			if d := q.Until.Sub(before); d < apartFor-time.Minute || d > apartFor+time.Minute {
				t.Errorf("it ends after %s", d)
			}
			req := requestOf(t, o, map[string]string{"turns": c.recipe})
			req.NoCache = true
			if act := begin(t, o, "asked", req)["turns"]; act.Kind != workflows.KindBuild {
				t.Errorf("who asks for it gets %s: %s", act.Kind, act.Reason)
			}
			req.Lane = string(workflows.Nightly)
			if act := begin(t, o, "nightly", req)["turns"]; act.Kind == workflows.KindBuild || !strings.Contains(act.Reason, c.owner) {
				t.Errorf("a nightly does %s: %s", act.Kind, act.Reason)
			}
		})
	}
}

// What ran out of memory waits for a slot of the next class, and says why.
func TestWhatRanOutOfMemoryMovesUp(t *testing.T) {
	o := start(t, t.TempDir())
	begin(t, o, "r", requestOf(t, o, map[string]string{"hungry": ""}))
	if err := o.db.UpdateAction(t.Context(), "r", store.RunAction{Recipe: "hungry", Status: store.Running, Phase: "compile", Worker: "w", Class: "small"}); err != nil {
		t.Fatal(err)
	}
	task := workflows.Task{RunID: "r", Recipe: "hungry"}
	for _, c := range []struct {
		from []workflows.Class
		to   workflows.Class
		says string
	}{
		{[]workflows.Class{workflows.Small}, workflows.Medium, "ran out of memory in the class small, tried again in medium"},
		{[]workflows.Class{workflows.Small, workflows.Medium}, workflows.Large, "ran out of memory in the class small and medium, tried again in large"},
	} {
		task.Outgrew, task.Class = c.from, c.to
		if err := (activities{o}).Outgrew(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		run, err := o.Run(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		if a := run.Actions[0]; a.Status != "queued" || a.Class != string(c.to) || a.Cause != c.says || a.Phase != "" || a.Worker != "" {
			t.Errorf("%+v", a)
		}
	}
	task.Recipe = "nobodys"
	if err := (activities{o}).Outgrew(t.Context(), task); err == nil || !strings.Contains(err.Error(), "run r has no recipe nobodys") {
		t.Errorf("a recipe that the run does not have: %v", err)
	}
}
