//go:build engine && integration

package suites

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/build/buildtest"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/runtimes"
)

// suite is the own tests of a package, from its source on PyPI.
type suite struct {
	name, version string
	source        fetch.Source
	tests         string   // the folder in the source that holds them
	config        string   // pytest's settings, beside it; may be empty
	args          []string // of pytest
	recipe        bool     // the wheel has compiled code, and is built from recipes/
	how           string   // what is left out, and why
	nightly       []string // tests that only the nightly runs; all others always do
}

// whole says whether all tests of a suite are run.
func (s suite) whole() bool { return s.nightly == nil || os.Getenv("WASMILL_TEST_NIGHTLY") != "" }

func sdist(path, sha string) fetch.Source {
	return fetch.Source{URL: "https://files.pythonhosted.org/packages/" + path, SHA256: sha}
}

var all = []suite{
	{
		name: "markupsafe", version: "3.0.4", tests: "tests", config: "pyproject.toml", recipe: true,
		source: sdist("38/9b/e422a865e1d5d57d0e509b4e0bf1c1a70a7f6382c29a5aa428df994c8bc8/markupsafe-3.0.4.tar.gz", "2e9ad7dd851bf45fab9f75cbff4cb493fee9979e8d8c7c9c3ee119022518edd6"),
	},
	{
		name: "msgpack", version: "1.2.4", tests: "test", recipe: true,
		source: sdist("cc/52/1ec7ead2c7528bf3d1db73e886fa4df10f9e6f0eb7854a448b7090cfcef7/msgpack-1.2.4.tar.gz", "475c44e12f2a5de766a8448783f149c9b33f3f49b88953c6cd739a77d93c732c"),
	},
	{
		name: "simplejson", version: "4.3.0", tests: "simplejson/tests", recipe: true,
		source: sdist("8c/c1/33e537d655a55e983c247cd794378d8206228621f1420f889f4643315adc/simplejson-4.3.0.tar.gz", "ffe34ab51a0d37e6d1c661a5672df00d2d5e18804e38eac07abffb83fa5ec3d7"),
	},
	{
		name: "toolz", version: "1.2.0", tests: "toolz/tests",
		source: sdist("31/6f/ae20c212a07aa2d156c787383d8088a5e045ee39628661edb190c97e1659/toolz-1.2.0.tar.gz", "9667a038e9d6ecba37995e26cb2f59ec6420b6ad8dd9677de59db9b956b08490"),
	},
	{
		name: "packaging", version: "26.3", tests: "tests", config: "pyproject.toml",
		source: sdist("7d/fa/3944b40b07da9ce895c0e6303a5ab7d53da063554f534556b134a54d6093/packaging-26.3.tar.gz", "94edc256424af38762eb31306eed28beb9f0efc50a8837492c9d6fd6004aed79"),
		args:   []string{"--ignore=tests/property"}, how: "without tests/property, which its own settings leave out, too: their examples are random ones",
		nightly: []string{"tests/test_version.py::TestVersion::test_comparison_true", "tests/test_version.py::TestVersion::test_comparison_false"},
	},
	{
		name: "click", version: "8.5.1", tests: "tests", config: "pyproject.toml",
		source: sdist("45/37/edbf1b0707709013c0cf2e8317e03d97ed29bf4cac709fe328904ae92a38/click-8.5.1.tar.gz", "9bbfada76703fd1d784b83eea012e3e8c6a001a876543ef104fa56aaaeb072b4"),
		how:    "without its stress tests, which its own settings leave out; what fails natively, too, needs the program less, which the container does not have",
	},
}

// outcome of a test, in the words of the JUnit XML.
type outcome string

const (
	passed  outcome = "passed"
	failed  outcome = "failed"
	skipped outcome = "skipped"
	missing outcome = "not there"
)

// difference is a test that ends otherwise in the runtime than natively, and why.
type difference struct {
	Suite  string  `json:"suite"`
	Test   string  `json:"test"` // with a parameter's value left out where all of them differ alike
	Native outcome `json:"native"`
	Wasm   outcome `json:"wasm"`
	Times  int     `json:"times"`
	Reason string  `json:"reason"`
}

func (d difference) id() string {
	return fmt.Sprintf("%s %s: %s, %s", d.Suite, d.Test, d.Native, d.Wasm)
}

// result is how the tests of a suite ended.
type result struct {
	Suite  string `json:"suite"`
	Whole  bool   `json:"whole"` // not without those that only the nightly runs
	Native tally  `json:"native"`
	Wasm   tally  `json:"wasm"`
}

const (
	differencesFile = "testdata/differences.json"
	resultsFile     = "testdata/results.json"
)

// source unpacks a suite into a folder: its tests and settings alone, so that what is tested is what is installed.
func (s suite) unpack(t *testing.T) string {
	t.Helper()
	archive, err := fetcher(t).Get(t.Context(), s.source)
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "source")
	if err := fetch.Unpack(archive, whole, fetch.Unpacking{}); err != nil {
		t.Fatal(err)
	}
	if inner := filepath.Join(whole, s.name+"-"+s.version); exists(inner) {
		whole = inner
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, path.Base(s.tests)), os.DirFS(filepath.Join(whole, s.tests))); err != nil {
		t.Fatal(err)
	}
	if folder := path.Dir(s.tests); folder != "." {
		// Tests that are part of the package, which the wheel leaves out, import one another as such.
		text := fmt.Sprintf("import os\nimport %s as package\npackage.__path__.append(os.path.dirname(__file__))\n", folder)
		if err := os.WriteFile(filepath.Join(dir, "conftest.py"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	settings := []byte("[pytest]\n")
	if s.config != "" {
		if settings, err = os.ReadFile(filepath.Join(whole, s.config)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, cmp.Or(s.config, "pytest.ini")), settings, 0o644); err != nil {
		t.Fatal(err)
	}
	// For the user in the container.
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (s suite) arguments(report string) []string {
	args := slices.Concat([]string{"-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", report, "-o", "junit_family=xunit2"}, s.args)
	if !s.whole() {
		for _, test := range s.nightly {
			args = append(args, "--deselect", test)
		}
	}
	return append(args, path.Base(s.tests))
}

// wheels builds those of the suites that have compiled code, on the real engine, and returns a folder with them installed beside the
// lock's packages.
func wheels(t *testing.T) string {
	t.Helper()
	farm, err := buildtest.New(t.Context(), os.Getenv("WASMILL_BUILD_IMAGE"), os.Getenv("WASMILL_RUNTIME_IMAGE"))
	if err != nil {
		t.Fatal(err)
	}
	site := t.TempDir()
	if err := os.CopyFS(site, os.DirFS(installed(t, "suites"))); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if !s.recipe {
			continue
		}
		r, err := recipe.Load(filepath.Join("../../recipes", s.name, recipe.MetaFile))
		if err != nil {
			t.Fatal(err)
		}
		if r.Version != s.version {
			t.Errorf("the recipe of %s has version %s, the suite is that of %s", s.name, r.Version, s.version)
		}
		var log bytes.Buffer
		out, err := farm.Builder.Build(t.Context(), build.Job{
			Recipe: r, Toolchain: farm.Image, Limits: build.LimitsOf(r, r.Wasmill.Class), Attempt: "suites-" + s.name + time.Now().Format("-150405.000000"),
			Out: t.TempDir(), Log: &log,
		})
		if err != nil || out.Path == "" {
			t.Fatalf("building %s: %v\n%s", s.name, err, &log)
		}
		if err := runtimes.InstallWheel(out.Path, site); err != nil {
			t.Fatal(err)
		}
	}
	return site
}

// results are a suite's tests by their names, and what each came to.
func results(t *testing.T, file string) map[string]outcome {
	t.Helper()
	ends := map[string]outcome{}
	for _, s := range readReport(t, file).Suites {
		for _, c := range s.Cases {
			end := passed
			switch {
			case c.Failure != nil || c.Error != nil:
				end = failed
			case c.Skipped != nil:
				end = skipped
			}
			id := c.Class + "::" + c.Name
			if ends[id] != failed { // a test and its teardown
				ends[id] = end
			}
		}
	}
	return ends
}

type tally struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

func count(ends map[string]outcome) (n tally) {
	for _, o := range ends {
		switch o {
		case passed:
			n.Passed++
		case failed:
			n.Failed++
		case skipped:
			n.Skipped++
		}
	}
	return n
}

// differ lists what differs, by test and outcomes; parameters are told together.
func differ(name string, native, wasm map[string]outcome) []difference {
	found := map[string]*difference{}
	note := func(test string, n, w outcome) {
		bare, _, _ := strings.Cut(test, "[")
		d := difference{Suite: name, Test: bare, Native: n, Wasm: w}
		if found[d.id()] == nil {
			found[d.id()] = &d
		}
		found[d.id()].Times++
	}
	for test, n := range native {
		if w := cmp.Or(wasm[test], missing); w != n {
			note(test, n, w)
		}
	}
	for test, w := range wasm {
		if native[test] == "" {
			note(test, missing, w)
		}
	}
	var out []difference
	for _, d := range found {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b difference) int { return strings.Compare(a.id(), b.id()) })
	return out
}

// natively runs a suite in the Python of the machine inside the Build image.
// It returns nothing, and has said why, where that fails.
func natively(t *testing.T, docker engine.Engine, s suite, site, dir string) (map[string]outcome, string) {
	var log bytes.Buffer
	_, err := docker.Run(t.Context(), engine.Spec{
		Image: os.Getenv("WASMILL_BUILD_IMAGE"), Command: append([]string{"python3.15"}, s.arguments("/suite/native.xml")...),
		Env: []string{"PYTHONPATH=/site", "HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1", "LANG=C.UTF-8"}, WorkDir: "/suite", User: "1000:1000",
		Mounts: []engine.Mount{{Source: site, Target: "/site"}, {Source: dir, Target: "/suite", Writable: true}},
		Tmpfs:  map[string]int64{"/tmp": 256 << 20}, Memory: 2 << 30, Pids: 512, Time: patience(),
	}, &log)
	if err != nil {
		t.Errorf("natively: %v\n%s", err, &log)
		return nil, ""
	}
	if !exists(filepath.Join(dir, "native.xml")) {
		t.Errorf("pytest wrote no report natively:\n%s", &log)
		return nil, ""
	}
	return results(t, filepath.Join(dir, "native.xml")), lastLine(log.String())
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// fewPrograms lets tests find no more programs on this machine than in the container: what they do goes by what they find.
func fewPrograms(t *testing.T) []string {
	t.Helper()
	var environ []string
	if node, err := exec.LookPath("node"); err == nil {
		environ = append(environ, "WASMILL_PYTHON_NODE="+node)
	}
	dir := t.TempDir()
	for _, name := range []string{"cat", "head", "sed"} {
		program, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(program, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return append(environ, "PATH="+dir)
}

// compare runs a suite in both, at the same time: neither uses more than one processor.
func compare(t *testing.T, docker engine.Engine, s suite, site, nativeSite string) (result, []difference) {
	dir, nativeDir := s.unpack(t), s.unpack(t)
	var native map[string]outcome
	var outside string
	done := make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(done)
		native, outside = natively(t, docker, s, nativeSite, nativeDir)
	}()
	cmd := wasm(t, dir, site, s.arguments("wasm.xml")...)
	cmd.Env = append(cmd.Env, fewPrograms(t)...)
	out, status := run(t, cmd)
	took := time.Since(begun)
	<-done
	t.Logf("natively %s; in the runtime %s (%.1f s, both %.1f s)", outside, lastLine(out), took.Seconds(), time.Since(begun).Seconds())
	if status > 1 || !exists(filepath.Join(dir, "wasm.xml")) {
		t.Fatalf("pytest ended with status %d\n%s", status, out)
	}
	if native == nil {
		t.FailNow()
	}
	inside := results(t, filepath.Join(dir, "wasm.xml"))
	differences := differ(s.name, native, inside)
	if len(differences) > 0 {
		t.Logf("%.100000s", out)
	}
	return result{s.name, s.whole(), count(native), count(inside)}, differences
}

// The own tests of packages come to the same as natively, but for what testdata/differences.json explains.
func TestSuites(t *testing.T) {
	if os.Getenv("WASMILL_BUILD_IMAGE") == "" {
		t.Skip("WASMILL_BUILD_IMAGE does not name a Build image; `make test` sets it")
	}
	docker, err := engine.NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	site, nativeSite := wheels(t), installed(t, "native")
	known, counted := read[difference](t, differencesFile), read[result](t, resultsFile)
	reasons := map[string]string{}
	for _, d := range known {
		reasons[d.id()] = d.Reason
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			r, differences := compare(t, docker, s, site, nativeSite)
			for i, d := range differences {
				if differences[i].Reason = reasons[d.id()]; differences[i].Reason == "" {
					t.Errorf("%s: nobody has said why (in %s)", d.id(), differencesFile)
				}
			}
			same := func(other result) bool { return other.Suite == r.Suite && other.Whole == r.Whole }
			ofSuite := func(d difference) bool { return d.Suite == s.name }
			if *update {
				counted = append(slices.DeleteFunc(counted, same), r)
				known = append(slices.DeleteFunc(known, ofSuite), differences...)
				return
			}
			if i := slices.IndexFunc(counted, same); i < 0 || counted[i] != r {
				t.Errorf("%s does not say %+v; -update writes it anew", resultsFile, r)
			}
			before := slices.DeleteFunc(slices.Clone(known), func(d difference) bool { return !ofSuite(d) })
			if diff := gocmp.Diff(before, differences, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s is not true any more; -update writes it anew, and reasons are yours to write:\n%s", differencesFile, diff)
			}
		})
	}
	if *update {
		known = inOrder(known, func(d difference) string { return d.Suite })
		counted = inOrder(counted, func(r result) string { return r.Suite })
		write(t, differencesFile, known)
		write(t, resultsFile, counted)
	}
	checkPage(t, counted, known)
}

// inOrder sorts what belongs to suites as these are, and leaves out what belongs to none.
func inOrder[T any](list []T, suiteOf func(T) string) []T {
	var out []T
	for _, s := range all {
		for _, one := range list {
			if suiteOf(one) == s.name {
				out = append(out, one)
			}
		}
	}
	return out
}

func read[T any](t *testing.T, file string) (list []T) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil && !*update {
		t.Fatal(err)
	}
	return list
}

func write(t *testing.T, file string, list any) {
	t.Helper()
	text, err := json.MarshalIndent(list, "", "  ")
	if err := errors.Join(err, os.WriteFile(file, append(text, '\n'), 0o644)); err != nil {
		t.Fatal(err)
	}
}
