package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// withSuite is a stage on which the package is built, whose recipe has this wasmill.test. The set has another recipe, judge.
// The resolver notes what it is asked for and answers with lock: the text of a pylock.toml, or of an error behind a "!".
// What %s in it stands for is the address of a server that has files.
type withSuite struct {
	*stage
	built record.Digest
	asked string // file with a line for each requirement that the resolver was asked for
}

func newSuite(t *testing.T, section, lock string, files map[string]string) *withSuite {
	t.Helper()
	s := &withSuite{stage: newStage(t, compiles(t)), asked: filepath.Join(t.TempDir(), "asked")}
	dir := t.TempDir()
	s.job.UV = s.uv(fmt.Sprintf(`#!/bin/sh
while [ $# -gt 1 ]; do
  case "$1" in --output-file) out=$2;; --python-platform) platform=$2;; esac
  shift
done
echo "for $platform:" >> %[1]s
cat >> %[1]s
if [ -e %[2]s/error ]; then cat %[2]s/error >&2; exit 1; fi
cp %[2]s/lock "$out"
`, s.asked, dir), files)
	name, text := "lock", strings.ReplaceAll(lock, "%s", strings.TrimSuffix(s.fetcher.Index, "/simple/"))
	if reason, failed := strings.CutPrefix(text, "!"); failed {
		name, text = "error", reason
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.job.Recipes = s.pack(map[string]string{
		"story/meta.yaml":             "package: {name: story, version: '1.0'}\nsource: {path: src}\nwasmill:\n  pure: true\n  test:\n" + section,
		"story/src/tests/test_own.py": "def test(): pass\n",
		"judge/meta.yaml":             "package: {name: judge, version: '2.0'}\nsource: {path: src}\n", "judge/src/judge.py": "",
	})
	s.job.TestLockKey = "key of the tests' lock"
	out, _ := s.mustBuild()
	s.built = out.Record
	return s
}

// questions are what the resolver was asked, and forgets them.
func (s *withSuite) questions() string {
	text, err := os.ReadFile(s.asked)
	if err != nil && !os.IsNotExist(err) {
		s.Fatal(err)
	}
	os.Remove(s.asked)
	return string(text)
}

// has gives the job the wheel of a recipe that the tests require.
func (s *withSuite) has(spec wheeltest.Spec) {
	s.Helper()
	text, err := os.ReadFile(wheeltest.Write(s.T, s.TempDir(), spec))
	if err != nil {
		s.Fatal(err)
	}
	blob := s.put(string(text))
	s.job.TestDeps = append(s.job.TestDeps, record.Artifact{Filename: spec.Filename(), Digest: blob.Digest, Size: blob.Size, Wheel: &record.Wheel{Project: spec.Name, Version: spec.Version, Depends: []string{"deep"}}})
}

// locked is a package of a pylock.toml, and its wheel.
func locked(t *testing.T, spec wheeltest.Spec) (text, file, content string) {
	t.Helper()
	data, err := os.ReadFile(wheeltest.Write(t, t.TempDir(), spec))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	file = spec.Filename()
	return fmt.Sprintf("[[packages]]\nname = %q\nversion = %q\nwheels = [{ url = \"%%s/%s\", hashes = { sha256 = %q } }]\n",
		spec.Name, spec.Version, file, hex.EncodeToString(sum[:])), file, string(data)
}

func files(wheels []runtimes.Wheel) (names []string) {
	for _, w := range wheels {
		names = append(names, filepath.Base(w.Path))
	}
	return names
}

const pylock = "lock-version = \"1.0\"\ncreated-by = \"uv\"\n"

func TestASuiteIsPrepared(t *testing.T) {
	dep, depFile, depWheel := locked(t, wheeltest.Spec{Name: "iniconfig", Version: "3.0"})
	own, ownFile, ownWheel := locked(t, wheeltest.Spec{Name: "judge", Version: "9.0"}) // iniconfig requires it
	s := newSuite(t, `    run: [pytest tests]
    suite: [tests]
    requires: [Judge, "iniconfig>=2"]
    environment: {A: b}
    expected-failures: {tests/test_own.py: "no threads"}
    timeout: 5m
`, pylock+dep+own, map[string]string{depFile: depWheel, ownFile: ownWheel})
	s.has(wheeltest.Spec{Name: "judge", Version: "2.0"})
	s.runtime.Play = func(_ context.Context, job runtimes.Job) (*record.Test, error) {
		if text, err := os.ReadFile(filepath.Join(job.Suite.Dir, "tests", "test_own.py")); err != nil || string(text) != "def test(): pass\n" {
			t.Errorf("the suite's folder: %q, %v", text, err)
		}
		for _, w := range job.Suite.Wheels {
			text, err := os.ReadFile(w.Path)
			sum := sha256.Sum256(text)
			if err != nil || w.Digest != record.Digest("sha256:"+hex.EncodeToString(sum[:])) {
				t.Errorf("%s is not what its digest says: %v", w.Path, err)
			}
		}
		return &record.Test{Outcome: record.Passed}, nil
	}
	out, err := s.test(s.built, 1)
	if err != nil || out.Outcome != record.Passed {
		t.Fatalf("%+v, %v", out, err)
	}
	// The recipe's wheel is the farm's, and the index is asked for the rest, as wheels for any platform.
	suite := s.runtime.Jobs()[0].Suite
	if diff := cmp.Diff([]string{"judge-2.0-py3-none-any.whl", "iniconfig-3.0-py3-none-any.whl"}, files(suite.Wheels)); diff != "" {
		t.Errorf("wheels (-want +got):\n%s", diff)
	}
	if asked := s.questions(); asked != "for wasm32-pyodide2024:\niniconfig>=2\n" {
		t.Errorf("the resolver was asked %q", asked)
	}
	if !slices.Equal(suite.Wheels[0].Depends, []string{"deep"}) || suite.Native != nil || suite.Time != 5*time.Minute ||
		suite.Env["A"] != "b" || suite.Expected["tests/test_own.py"] != "no threads" || !slices.Equal(suite.Commands[0], []string{"pytest", "tests"}) {
		t.Errorf("%+v", suite)
	}
	// What was resolved stands in the record, and is handed on so that the next test does not ask.
	res := s.result(out)
	var required []string
	for _, r := range res.Record.Tests[0].Requires {
		required = append(required, r.Name+" "+r.Version+" "+r.File)
	}
	if diff := cmp.Diff([]string{"iniconfig 3.0 " + depFile, "judge 9.0 " + ownFile}, required); diff != "" {
		t.Errorf("requirements in the record (-want +got):\n%s", diff)
	}
	if res.TestLock == nil || res.TestLockKey != "key of the tests' lock" {
		t.Fatalf("lock %+v under %q", res.TestLock, res.TestLockKey)
	}
	s.job.TestLock = res.TestLock
	out, err = s.test(s.built, 2)
	if err != nil || s.questions() != "" {
		t.Errorf("with a lock: %+v, %v", out, err)
	}
	if again := s.result(out); again.TestLock != nil || len(again.Record.Tests[0].Requires) != 2 || len(s.runtime.Jobs()[1].Suite.Wheels) != 2 {
		t.Errorf("with a lock: %+v, %+v", again.TestLock, again.Record.Tests[0])
	}
}

// What the recipe asks for and can't have is a failed test, and the runtime is not started.
func TestASuiteThatCannotBePrepared(t *testing.T) {
	for story, c := range map[string]struct {
		section, lock string
		kind          record.FailureKind
		say           string
	}{
		"a part that the source does not have": {"    run: [pytest spec]\n    suite: [spec]\n", "", record.TestFailed, "wasmill.test.suite names spec"},
		"requirements that nothing satisfies": {"    run: [pytest]\n    requires: [lxml]\n", "!error: No solution found when resolving dependencies:\nand so on",
			record.Requirements, "wasmill.test.requires can't be resolved from pure wheels: No solution found when resolving dependencies:"},
	} {
		t.Run(story, func(t *testing.T) {
			s := newSuite(t, c.section, c.lock, nil)
			out, err := s.test(s.built, 1)
			if err != nil || out.Outcome != record.Failed || out.Failure.Kind != c.kind || out.Failure.Phase != record.PhaseTest || !strings.Contains(out.Failure.Message, c.say) {
				t.Errorf("%+v, %+v, %v", out, out.Failure, err)
			}
			if len(s.runtime.Jobs()) > 0 {
				t.Error("it was tested all the same")
			}
		})
	}
}

// What the machinery can't do says nothing about the recipe.
func TestTroubleWithASuiteIsAnError(t *testing.T) {
	dep, depFile, _ := locked(t, wheeltest.Spec{Name: "iniconfig", Version: "3.0"})
	for story, c := range map[string]struct {
		lock  string
		files map[string]string
		kind  fault.Kind
	}{
		"the index does not answer":                 {"!error: Failed to fetch: `https://example.org/simple/`", nil, fault.Unavailable},
		"the wheel is another than that was locked": {pylock + dep, map[string]string{depFile: "another"}, fault.Invalid},
	} {
		t.Run(story, func(t *testing.T) {
			s := newSuite(t, "    run: [pytest]\n    requires: [iniconfig]\n", c.lock, c.files)
			if out, err := s.test(s.built, 1); err == nil || fault.KindOf(err) != c.kind || len(s.runtime.Jobs()) > 0 {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
	t.Run("the wheel of a recipe is not there", func(t *testing.T) {
		s := newSuite(t, "    run: [pytest]\n    requires: [judge]\n", "", nil)
		s.job.TestDeps = []record.Artifact{{Filename: "judge-2.0-py3-none-any.whl", Digest: record.Digest("sha256:" + strings.Repeat("0", 64))}}
		if out, err := s.test(s.built, 1); err == nil || !strings.Contains(err.Error(), "judge-2.0") {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

// The native environment has the farm's own wheels where they are for any platform, with the tests that were split off, and
// the index's of the same version where they are not.
func TestTheNativeEnvironment(t *testing.T) {
	pytest, pytestFile, pytestWheel := locked(t, wheeltest.Spec{Name: "pytest", Version: "9.0", Files: map[string]string{"pytest.py": "the index's"}})
	other, otherFile, otherWheel := locked(t, wheeltest.Spec{Name: "story", Version: "7.0", Files: map[string]string{"story.py": "the index's"}})
	served := map[string]string{pytestFile: pytestWheel, otherFile: otherWheel}
	for story, c := range map[string]struct {
		lock   string
		judge  wheeltest.Spec
		asked  string
		files  map[string]string
		reason string
	}{
		"all is for any platform": {pylock + pytest + other, wheeltest.Spec{Name: "judge", Version: "2.0", Requires: []string{"Story", "deep>1"}, Files: map[string]string{"judge.py": "the farm's"}},
			"deep>1\npytest\n", map[string]string{"story.py": "x = 1\n", "judge.py": "the farm's", "pytest.py": "the index's", "tests/__init__.py": ""}, ""},
		"a recipe of machine code": {pylock + pytest, wheeltest.Spec{Name: "judge", Version: "2.0", Tag: "cp315-cp315-pyemscripten_2026_5_wasm32", Files: map[string]string{"judge.so": ""}},
			"judge==2.0\npytest\n", map[string]string{"story.py": "x = 1\n", "pytest.py": "the index's", "tests/__init__.py": ""}, ""},
		"the index has nothing for this machine": {"!error: No solution found: because\nmore", wheeltest.Spec{Name: "judge", Version: "2.0"},
			"pytest\n", nil, "the index has no wheels of story 1.0 and what it needs for CPython 3.15 on this machine: No solution found: because"},
	} {
		t.Run(story, func(t *testing.T) {
			s := newSuite(t, "    run: [pytest]\n    requires: [judge]\n    native: true\n", c.lock, served)
			s.has(c.judge)
			s.runtime.Play = func(_ context.Context, job runtimes.Job) (*record.Test, error) {
				n := job.Suite.Native
				if n == nil || n.Reason != c.reason || c.reason == "" && n.Wheel != "story-1.0-py3-none-any.whl" {
					t.Fatalf("%+v", n)
				}
				got := map[string]string{}
				for name := range c.files {
					text, err := os.ReadFile(filepath.Join(n.Site, filepath.FromSlash(name)))
					if err != nil {
						t.Error(err)
					}
					got[name] = string(text)
				}
				if diff := cmp.Diff(c.files, got); diff != "" && c.files != nil {
					t.Errorf("installed (-want +got):\n%s", diff)
				}
				return &record.Test{Outcome: record.Passed}, nil
			}
			if out, err := s.test(s.built, 1); err != nil || out.Outcome != record.Passed {
				t.Fatalf("%+v, %v", out, err)
			}
			_, asked, _ := strings.Cut(s.questions(), "\n")
			if asked != c.asked {
				t.Errorf("the resolver was asked for %q, want %q", asked, c.asked)
			}
		})
	}
}
