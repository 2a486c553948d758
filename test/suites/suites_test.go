//go:build engine && integration

package suites

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
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
	slow          []string // runtimes in which only the nightly runs the suite
	partly        []string // runtimes in which the nightly, too, leaves out what is its own
}

// nightly says whether what takes long is run, too.
func nightly() bool { return os.Getenv("WASMILL_TEST_NIGHTLY") != "" }

// runs says whether the suite is run in a place now.
func (s suite) runs(p place) bool { return !slices.Contains(s.slow, p.runtime) || nightly() }

// whole says whether all tests of a suite are run in a place.
func (s suite) whole(p place) bool {
	return s.nightly == nil || nightly() && !slices.Contains(s.partly, p.runtime)
}

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
		slow:   []string{"chromium"},
		source: sdist("cc/52/1ec7ead2c7528bf3d1db73e886fa4df10f9e6f0eb7854a448b7090cfcef7/msgpack-1.2.4.tar.gz", "475c44e12f2a5de766a8448783f149c9b33f3f49b88953c6cd739a77d93c732c"),
	},
	{
		name: "simplejson", version: "4.3.0", tests: "simplejson/tests", recipe: true,
		slow:   []string{"chromium"},
		source: sdist("8c/c1/33e537d655a55e983c247cd794378d8206228621f1420f889f4643315adc/simplejson-4.3.0.tar.gz", "ffe34ab51a0d37e6d1c661a5672df00d2d5e18804e38eac07abffb83fa5ec3d7"),
	},
	{
		name: "toolz", version: "1.2.0", tests: "toolz/tests",
		source: sdist("31/6f/ae20c212a07aa2d156c787383d8088a5e045ee39628661edb190c97e1659/toolz-1.2.0.tar.gz", "9667a038e9d6ecba37995e26cb2f59ec6420b6ad8dd9677de59db9b956b08490"),
	},
	{
		name: "packaging", version: "26.3", tests: "tests", config: "pyproject.toml",
		slow: []string{"chromium", "wasi"}, partly: []string{"chromium"},
		source: sdist("7d/fa/3944b40b07da9ce895c0e6303a5ab7d53da063554f534556b134a54d6093/packaging-26.3.tar.gz", "94edc256424af38762eb31306eed28beb9f0efc50a8837492c9d6fd6004aed79"),
		args:   []string{"--ignore=tests/property"}, how: "without tests/property, which its own settings leave out, too: their examples are random ones",
		nightly: []string{"tests/test_version.py::TestVersion::test_comparison_true", "tests/test_version.py::TestVersion::test_comparison_false"},
	},
	{
		name: "click", version: "8.5.1", tests: "tests", config: "pyproject.toml",
		slow:   []string{"chromium", "wasi"},
		source: sdist("45/37/edbf1b0707709013c0cf2e8317e03d97ed29bf4cac709fe328904ae92a38/click-8.5.1.tar.gz", "9bbfada76703fd1d784b83eea012e3e8c6a001a876543ef104fa56aaaeb072b4"),
		how:    "without its stress tests, which its own settings leave out; what fails natively, too, needs the program less, which the container does not have",
	},
}

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

func (s suite) arguments(p place, report string) []string {
	args := slices.Concat([]string{"-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", report, "-o", "junit_family=xunit2"}, s.args)
	if !s.whole(p) {
		for _, test := range s.nightly {
			args = append(args, "--deselect", test)
		}
	}
	return append(args, path.Base(s.tests))
}

// The own tests of packages come to the same as natively, but for what testdata/differences.json explains.
func TestSuites(t *testing.T) {
	docker, err := engine.NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	shop := &workshop{engine: docker, dir: t.TempDir(), equipped: map[string]equipped{}, built: map[string]string{}}
	records := readBook(t)
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			natives := map[native]func() (ending, error){}
			suiteTest := t
			for _, p := range places {
				t.Run(p.runtime, func(t *testing.T) {
					p.needs(t)
					if !s.runs(p) {
						t.Skip("only with WASMILL_TEST_NIGHTLY")
					}
					there := shop.equip(t, p)
					// Beside it: neither uses more than one processor.
					which := native{p.python, s.whole(p)}
					if natives[which] == nil {
						natives[which] = shop.natively(suiteTest, s, p)
					}
					wasm, printed := shop.inRuntime(t, there, s)
					outside, err := natives[which]()
					if err != nil {
						t.Fatal(err)
					}
					t.Logf("natively %s (%.1f s); here %s (%.1f s)", outside.last, outside.took.Seconds(), wasm.last, wasm.took.Seconds())
					if differences := records.note(t, s, p, outside.tests, wasm.tests); len(differences) > 0 {
						t.Logf("%.100000s", printed)
					}
				})
			}
		})
	}
	records.close(t)
}
