package recipe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/recipe"
)

const withSuite = `package: {name: demo, version: "1"}
source:
  url: https://example.org/demo-1.tar.gz
  sha256: "0000000000000000000000000000000000000000000000000000000000000000"
wasmill:
  test:
    run:
      - pytest tests -k "not slow"
      - unittest discover
    suite: [tests/, pyproject.toml]
    requires: [hypothesis>=6, numpy]
    expected-failures:
      tests/test_threads.py: needs threads
      tests/test_x.py::test_y[1-2]: no reason is without one
    environment: {TZ: UTC, LEVEL: 3}
    timeout: 10m
    native: true
    runtimes: [node, chromium]
`

func TestSuiteIsRead(t *testing.T) {
	r, err := recipe.Parse("meta.yaml", []byte(withSuite))
	if err != nil {
		t.Fatal(err)
	}
	got := r.Wasmill.Test
	want := recipe.TestSuite{
		Run:      []string{`pytest tests -k "not slow"`, "unittest discover"},
		Suite:    []string{"tests/", "pyproject.toml"},
		Requires: []string{"hypothesis>=6", "numpy"},
		ExpectedFailures: map[string]string{
			"tests/test_threads.py": "needs threads", "tests/test_x.py::test_y[1-2]": "no reason is without one",
		},
		Environment: map[string]string{"TZ": "UTC", "LEVEL": "3"},
		Timeout:     10 * time.Minute, Native: true, Runtimes: []string{"node", "chromium"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]string{{"pytest", "tests", "-k", "not slow"}, {"unittest", "discover"}}, got.Commands()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"tests", "pyproject.toml"}, got.SuiteFiles()); diff != "" {
		t.Error(diff)
	}
}

// What can change the outcome of a test changes the digest of the tests, and nothing of it the digest of the build.
func TestSuiteInTheDigest(t *testing.T) {
	digests := func(text string) *recipe.Digests {
		r, err := recipe.Parse("meta.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		d, err := r.Digests()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	before := digests(withSuite)
	for _, c := range []struct{ name, from, to string }{
		{"a command", "discover", "demo"}, {"a file of the suite", "pyproject.toml", "setup.cfg"}, {"a requirement", "numpy", "scipy"},
		{"an expected failure", "test_threads.py", "test_t.py"}, {"the environment", "UTC", "CET"}, {"the comparison", "native: true", "native: false"},
		{"a runtime", "[node, chromium]", "[node]"},
	} {
		after := digests(strings.Replace(withSuite, c.from, c.to, 1))
		if after.Test == before.Test || after.Build != before.Build {
			t.Errorf("%s: tests changed: %v, build changed: %v", c.name, after.Test != before.Test, after.Build != before.Build)
		}
	}
	if after := digests(strings.Replace(withSuite, "10m", "20m", 1)); after.Test != before.Test {
		t.Error("the timeout is in the digest")
	}
}

func TestWords(t *testing.T) {
	for command, want := range map[string][]string{
		"pytest tests":             {"pytest", "tests"},
		"  pytest\t-k 'a b' ":      {"pytest", "-k", "a b"},
		`a "b \" c" '\' "" d\ e`:   {"a", `b " c`, `\`, "", "d e"},
		`pytest -k "x or 'y z'"`:   {"pytest", "-k", "x or 'y z'"},
		"pytest --pyargs 'mark'up": {"pytest", "--pyargs", "markup"},
	} {
		got, err := recipe.Words(command)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", command, err, diff)
		}
	}
	for _, command := range []string{"", "   ", "pytest 'tests", `a "b`} {
		if got, err := recipe.Words(command); err == nil {
			t.Errorf("%s: %q", command, got)
		}
	}
}
