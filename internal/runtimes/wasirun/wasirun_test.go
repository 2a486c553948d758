package wasirun

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wasmill/wasmill/internal/wasi"
	"github.com/wasmill/wasmill/internal/wasi/assembler"
)

// Whatever an interpreter does, its end is told, in words and where it belongs.
func TestHowAnInterpreterEnds(t *testing.T) {
	i32 := assembler.I32
	exits := func(status int32) func(*assembler.Program) assembler.Code {
		return func(p *assembler.Program) assembler.Code { return p.Exit(i32(status)) }
	}
	for story, c := range map[string]struct {
		program func(*assembler.Program) assembler.Code
		job     Job
		mode    string
		before  string // what it has told, when it ends
		want    []event
		wrong   string // of the error
	}{
		"well, twice": {
			exits(passed), Job{Imports: []string{"a", "b"}}, "test", "",
			[]event{{Event: "runtime"}, {Event: "needs"}, {Event: "needs"}, {Event: "done"}}, "",
		},
		"with an import that failed, before which there are tests": {
			exits(failed), Job{Imports: []string{"a"}, Tests: []string{"test_a.py"}}, "test", "",
			[]event{{Event: "runtime"}, {Event: "needs"}, {Event: "done"}}, "",
		},
		"with a trap in an import, after which the others go on": {
			func(*assembler.Program) assembler.Code { return assembler.Unreachable },
			Job{Imports: []string{"a"}}, "test", `{"event":"start","phase":"import","name":"a"}` + "\n" + `{"event":"half of a li`,
			[]event{
				{Event: "start", Phase: "import", Name: "a"}, {Event: "runtime"}, {Event: "needs"},
				{Event: "end", Phase: "import", Name: "a", Outcome: "failed", Message: "the interpreter died: trap: unreachable in $0 (the program ended itself: abort(), " +
					"a failed assertion, or a call that the linker could not resolve (functions that are declared in one way and defined in another))"},
				{Event: "done"},
			}, "",
		},
		"with a status of the package's in a command": {
			exits(3), Job{Commands: [][]string{{"x"}}}, "suite", `{"event":"start","phase":"test","name":"x","from":"x"}` + "\n",
			[]event{
				{Event: "start", Phase: "test", Name: "x", From: "x"}, {Event: "runtime"}, {Event: "needs"},
				{Event: "end", Phase: "test", Name: "x", From: "x", Outcome: "failed", Message: "the interpreter died: it ended with status 3 before the tests had"},
				{Event: "done"},
			}, "",
		},
		"outside of any test": {
			exits(3), Job{Tests: []string{"test_a.py"}}, "test", "",
			[]event{{Event: "runtime"}, {Event: "needs"}, {Event: "gave-up", Phase: "test", Message: "the interpreter died: it ended with status 3 before the tests had"}},
			"the interpreter died: exit status 3",
		},
		"without tests that could run": {
			exits(gaveUp), Job{Tests: []string{"test_a.py"}}, "test", "",
			[]event{{Event: "runtime"}, {Event: "needs"}}, "the tests could not run",
		},
		"well, after it was refused memory": {
			func(p *assembler.Program) assembler.Code {
				return assembler.Grow(65535) + assembler.Drop + p.Exit(i32(passed))
			},
			Job{Imports: []string{"a"}, Memory: 1 << 20}, "test", "",
			[]event{
				{Event: "runtime"}, {Event: "needs"},
				{Event: "note", Message: "the tests met a limit of the runtime: 4.0 GiB of memory were refused: it may have 1.0 MiB"}, {Event: "done"},
			}, "",
		},
	} {
		t.Run(story, func(t *testing.T) {
			r := &runner{ctx: t.Context(), job: t.TempDir(), out: t.TempDir(), pytest: t.TempDir(), temp: t.TempDir()}
			text, err := json.Marshal(c.job)
			if err != nil {
				t.Fatal(err)
			}
			program := &assembler.Program{}
			body := c.program(program)
			for file, content := range map[string]string{
				r.job + "/job.json": string(text), r.job + "/python.wasm": string(program.Assemble(body)), r.job + "/python/x": "", r.out + "/events.jsonl": c.before,
			} {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			err = r.run([]string{c.mode})
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("error %v, want %q", err, c.wrong)
			}
			told, err := os.ReadFile(r.out + "/events.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			var got []event
			for line := range strings.Lines(string(told)) {
				var e event
				if json.Unmarshal([]byte(line), &e) == nil {
					got = append(got, e)
				}
			}
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(event{}, "Memory", "Detail", "Seconds")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if left, _ := os.ReadDir(r.temp); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestATrapIsExplained(t *testing.T) {
	got := explain(wasi.Result{End: wasi.Trapped, Trap: "wasm error: indirect call type mismatch\nwasm stack trace:\n\tpython.wasm.cfunction_vectorcall_NOARGS(i32,i32,i32,i32) i32\n" +
		"\t.PyObject_Vectorcall(i32,i32,i32,i32) i32\n\t._PyEval_EvalFrameDefault(i32,i32,i32) i32\n\t._start()"})
	want := "trap: indirect call type mismatch in cfunction_vectorcall_NOARGS, called by PyObject_Vectorcall, called by _PyEval_EvalFrameDefault " +
		"(a function was called through a pointer with other parameters, or another result, than it has: give the C function exactly the ones that its caller, " +
		"often Python's table of methods or slots, passes (clang names such casts with -Wcast-function-type))"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestItIsNoProgramForPeople(t *testing.T) {
	if err := (&runner{}).run([]string{"--help"}); err == nil || !strings.Contains(err.Error(), "wasirun test") {
		t.Errorf("%v", err)
	}
}
