//go:build engine

package e2e

import (
	"archive/tar"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/record"
)

// bad is a recipe that fails, and what its record must say.
type bad struct {
	name    string
	write   func(t *testing.T, s *recipes, from *sources, name string)
	kind    record.FailureKind
	message string
}

func script(text string) func(*testing.T, *recipes, *sources, string) {
	return func(t *testing.T, s *recipes, _ *sources, name string) {
		s.extension(t, name, "build:\n  script: |\n    "+strings.ReplaceAll(text, "\n", "\n    ")+"\nwasmill:\n  timeout: 60s\n  extension-modules: ["+module(name)+"]\n")
	}
}

func archive(h tar.Header) func(*testing.T, *recipes, *sources, string) {
	return func(t *testing.T, s *recipes, from *sources, name string) {
		s.add(t, name, from.sdist(t, name, h), nil)
	}
}

var bads = []bad{
	{"bad-compile", func(t *testing.T, s *recipes, _ *sources, name string) {
		s.source(t, name, "", map[string]string{"bad_compile.c": "#include <Python.h>\nint f(void) { return undeclared; }\n"})
	}, record.CompileFailed, "bad_compile.c:2:"},
	{"bad-hash", func(t *testing.T, s *recipes, from *sources, name string) {
		section, _, _ := strings.Cut(from.sdist(t, name), "sha256:")
		s.add(t, name, section+"sha256: '"+someHash+"'\n", nil)
	}, record.HashMismatch, "expected sha256 " + someHash},
	{"bad-dots", archive(tar.Header{Typeflag: tar.TypeReg, Name: "bad-dots-1.0/../../evil"}), record.BadArchive, "bad-dots-1.0/../../evil"},
	{"bad-absolute", archive(tar.Header{Typeflag: tar.TypeReg, Name: "/tmp/evil"}), record.BadArchive, "/tmp/evil"},
	{"bad-symlink", archive(tar.Header{Typeflag: tar.TypeSymlink, Name: "bad-symlink-1.0/evil", Linkname: "../../etc/passwd"}), record.BadArchive, "bad-symlink-1.0/evil"},
	{"bad-link", archive(tar.Header{Typeflag: tar.TypeLink, Name: "bad-link-1.0/evil", Linkname: "/etc/passwd"}), record.BadArchive, "bad-link-1.0/evil"},
	{"bad-patch", func(t *testing.T, s *recipes, from *sources, name string) {
		s.add(t, name, from.sdist(t, name)+"  patches: [fix.patch]\n", map[string]string{"fix.patch": "--- a/setup.py\n+++ b/setup.py\n" +
			"@@ -1,1 +1,2 @@\n from setuptools import Extension, setup\n+import os\n@@ -2,1 +3,1 @@\n-not what is there\n+whatever\n"})
	}, record.PatchFailed, "patch fix.patch does not apply: setup.py, hunk #2"},
	{"bad-time", func(t *testing.T, s *recipes, _ *sources, name string) {
		s.extension(t, name, "build:\n  script: sleep 600\nwasmill:\n  timeout: 5s\n  extension-modules: [bad_time]\n")
	}, record.OutOfTime, "longer than 5s"},
	{"bad-pids", script("python - <<'.'\nimport threading, time\nfor _ in range(1100): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n."),
		record.OutOfPids, "1024 processes"},
	{"bad-network", func(t *testing.T, s *recipes, from *sources, name string) {
		ask := "python -c 'import urllib.request; urllib.request.urlopen(\"%s\")'"
		script(fmt.Sprintf("! "+ask+"\n"+ask, from.URL+"/leak", "https://example.org/"))(t, s, from, name)
	}, record.ScriptFailed, "it tried to use the network, which builds do not have"},
	{"bad-gigabyte", script(`head -c 1073741824 /dev/zero | tr '\0' '\n'`), record.LogLimit, "more than 64 MiB"},
	{"bad-fallback", func(t *testing.T, s *recipes, _ *sources, name string) {
		s.source(t, name, "", map[string]string{"setup.py": "from setuptools import setup\nsetup(py_modules=[])\n"})
	}, record.SilentFallback, "its extension did not compile"},
}

// One run with everything that a package may do to a farm. Each recipe fails with the words that help, what needs a
// failed one is skipped, and all others are built, tested and published as if nothing had happened.
func TestWhatPackagesDo(t *testing.T) {
	f, w := sharedFarm(t)
	s, from := newRecipes(t), newSources(t)
	for _, b := range bads {
		b.write(t, s, from, b.name)
	}
	s.extension(t, "fine-one", "")
	s.extension(t, "fine-two", "requirements:\n  run: [fine-one]\n")
	script(`python -c 'x = b"x" * (3 << 30)'`)(t, s, from, "hungry")
	s.extension(t, "needs-bad", "requirements:\n  run: [bad-compile]\n")
	s.extension(t, "needs-needs-bad", "requirements:\n  run: [needs-bad]\n")
	s.extension(t, "wrong-answer", "")
	write(t, s.dir+"/wrong-answer", map[string]string{"test_wrong_answer.py": "import wrong_answer\n\ndef test():\n    assert wrong_answer.answer() == 41\n"})

	run, status := f.submit(t, s, "*")
	if status != 1 || run.State != "failed" {
		t.Errorf("exit status %d, state %s %s", status, run.State, run.Error)
	}
	for _, b := range bads {
		t.Run(b.name, func(t *testing.T) {
			act := action(t, run, b.name)
			if act.Status != "failed" || !strings.Contains(act.Cause, b.message) {
				t.Fatalf("%s: %s", act.Status, act.Cause)
			}
			rec := f.record(t, act)
			if rec.Outcome != record.Failed || rec.Failure == nil || rec.Failure.Kind != b.kind || len(rec.Artifacts) > 0 {
				t.Errorf("outcome %s, failure %+v, artifacts %v", rec.Outcome, rec.Failure, rec.Artifacts)
			}
			if rec.Log == nil || rec.Log.Size > 80<<20 {
				t.Errorf("log %+v", rec.Log)
			}
			f.wasmill(t, "logs", b.name).expect(t, 0)
		})
	}
	t.Run("a test that fails", func(t *testing.T) {
		if act := action(t, run, "wrong-answer"); act.Status != "failed" || !strings.Contains(act.Cause, "41") {
			t.Errorf("%s: %s", act.Status, act.Cause)
		}
	})
	t.Run("what runs out of memory moves up a class", func(t *testing.T) {
		act := action(t, run, "hungry")
		if act.Status != "passed" || act.Class != "medium" || !slices.Equal(act.Outgrew, []string{"small"}) {
			t.Errorf("%s %s, built in %s after %v", act.Status, act.Cause, act.Class, act.Outgrew)
		}
		if rec := f.record(t, act); rec.Class != "medium" || !slices.Equal(rec.Outgrew, act.Outgrew) {
			t.Errorf("the record says %s after %v", rec.Class, rec.Outgrew)
		}
	})
	t.Run("what needs a failed one is skipped", func(t *testing.T) {
		for name, words := range map[string][]string{"needs-bad": {"bad-compile"}, "needs-needs-bad": {"needs-bad"}} {
			act := action(t, run, name)
			if act.Status != "skipped" || act.Attempt > 0 {
				t.Errorf("%s: %s, attempt %d", name, act.Status, act.Attempt)
			}
			for _, word := range words {
				if !strings.Contains(act.Cause, word) {
					t.Errorf("%s: cause %q does not name %s", name, act.Cause, word)
				}
			}
		}
	})
	t.Run("the others are not touched", func(t *testing.T) {
		for _, name := range []string{"fine-one", "fine-two"} {
			if act := action(t, run, name); act.Status != "passed" || act.Tests == nil || act.Tests.Passed != 1 {
				t.Errorf("%s: %s %s, tests %+v", name, act.Status, act.Cause, act.Tests)
			}
		}
	})
	t.Run("only what passed is published", func(t *testing.T) {
		projects := f.projects(t)
		for _, act := range run.Actions {
			if got, want := slices.Contains(projects, act.Recipe), act.Status == "passed"; got != want {
				t.Errorf("%s: on the index: %v, want %v", act.Recipe, got, want)
			}
		}
	})
	t.Run("nothing got out and nothing is left", func(t *testing.T) {
		if n := from.requests("/leak"); n > 0 {
			t.Errorf("%d requests from a build", n)
		}
		noContainers(t, w.dir)
	})
	t.Run("the second time nothing is built", func(t *testing.T) {
		since := time.Now()
		again, status := f.submit(t, s, "*")
		if status != 1 {
			t.Errorf("exit status %d", status)
		}
		for _, act := range again.Actions {
			before := action(t, run, act.Recipe)
			want := map[string]string{"passed": "cached"}[before.Status]
			if want == "" {
				want = before.Status
			}
			if act.Recipe == "bad-hash" {
				continue // asked for again: its server may have been mended
			}
			if act.Status != want || act.Attempt > 0 || act.Key != before.Key {
				t.Errorf("%s: %s, attempt %d, key %s; before: %s, key %s", act.Recipe, act.Status, act.Attempt, act.Key, before.Status, before.Key)
			}
		}
		if n := started(t, docker(t), w, since); n > 0 {
			t.Errorf("%d containers", n)
		}
	})
	t.Run("the plan says so before", func(t *testing.T) {
		r := f.wasmill(t, "plan", "--json", "--recipes", s.dir, "fine-two")
		r.expect(t, 0)
		for _, act := range read[[]api.Action](t, r) {
			if act.Kind != "reuse" || act.Reason == "" {
				t.Errorf("%s: %s, %q", act.Recipe, act.Kind, act.Reason)
			}
		}
	})
}
