//go:build integration

package suites

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/python/pythontest"
	"github.com/wasmill/wasmill/internal/runtimes"
)

var (
	update = flag.Bool("update", false, "write docs/python-wasm-suites.md and the table of differences anew")
	lock   = flag.Bool("lock", false, "lock the packages that these tests need anew")
)

func TestMain(m *testing.M) {
	pythontest.Main()
	os.Exit(m.Run())
}

// day is as of when packages are locked.
var day = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// What the suites are of, and need.
var (
	pure     = []string{"pytest", "pretend", "tomli-w", "hypothesis", "toolz==1.2.0", "packaging==26.3", "click==8.5.1"}
	compiled = []string{"markupsafe==3.0.4", "msgpack==1.2.4", "simplejson==4.3.0"}
)

// locks are the environments, each in testdata/NAME.json: pure wheels for the runtime, or programs for this machine.
var locks = map[string]struct {
	requirements []string
	python       string // its version; empty for that of the runtime in node
	machine      bool
}{
	"pytest": {requirements: []string{
		"pytest", "pytest-mock", "pytest-randomly", "pytest-timeout", "pytest-asyncio", "pytest-benchmark", "pytest-cov", "pytest-xdist",
	}},
	"suites":      {requirements: pure},
	"suites-wasi": {requirements: pure, python: "3.13"},
	"native":      {requirements: append(compiled, pure...), machine: true},
	"native-wasi": {requirements: append(compiled, pure...), python: "3.13", machine: true},
	"tox":         {requirements: []string{"tox", "tox-uv", "nox"}, python: "3.11", machine: true},
	"turtle":      {requirements: []string{"basthon-turtle"}},
}

// tool is uv, with which locks are made and tox and nox make environments.
func tool(t *testing.T, f *fetch.Fetcher) string {
	t.Helper()
	uv, err := f.Tool(t.Context(), fetch.Source{
		Package: "uv",
		URL:     "https://files.pythonhosted.org/packages/py3/u/uv/uv-0.13.9-py3-none-musllinux_1_1_x86_64.whl",
		SHA256:  "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
	}, "uv-*.data/scripts/uv")
	if err != nil {
		t.Fatal(err)
	}
	return uv
}

// cache is kept from one test run to the next; all in it is there by its hash.
func cache(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("WASMILL_TEST_DATA")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(user, "wasmill-test")
	}
	return filepath.Join(dir, "suites")
}

func fetcher(t *testing.T) *fetch.Fetcher {
	return &fetch.Fetcher{Cache: filepath.Join(cache(t), "downloads")}
}

func TestLocks(t *testing.T) {
	if !*lock {
		t.Skip("-lock locks anew")
	}
	r := fetch.Resolver{UV: tool(t, fetcher(t)), Cache: t.TempDir()}
	for name, l := range locks {
		target := fetch.Target{Python: cmp.Or(l.python, "3.15"), Glibc: 40, Arch: "x86_64", Pure: !l.machine, ExcludeNewer: day}
		got, err := r.Resolve(t.Context(), l.requirements, nil, target)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/"+name+".json", append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var installing sync.Mutex

// installed is a folder with a lock's packages; it is shared.
func installed(t *testing.T, name string) string {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	l := readLock(t, name)
	dir := filepath.Join(cache(t), "site-"+strings.TrimPrefix(l.Digest(), "sha256:")[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	wheels, err := fetcher(t).Wheels(t.Context(), &l)
	if err != nil {
		t.Fatal(err)
	}
	aside, err := os.MkdirTemp(cache(t), ".making-")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range l.Packages {
		if err := runtimes.InstallWheel(filepath.Join(wheels, p.File), aside); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(aside, 0o755), os.Rename(aside, dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func readLock(t *testing.T, name string) (l fetch.Lock) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// files writes files, by their names, into a new folder.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// patience is how long a program may take.
func patience() time.Duration {
	if os.Getenv("WASMILL_TEST_NIGHTLY") != "" {
		return 20 * time.Minute
	}
	return 5 * time.Minute
}

// wasm is python-wasm about to run in a folder, with packages from site.
func wasm(t *testing.T, dir, site string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience())
	t.Cleanup(cancel)
	cmd := pythontest.Command(ctx, t, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // which shows what it waited for
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, "PYTHONPATH="+site, "PYTEST_ADDOPTS=", "NO_COLOR=1")
	return cmd
}

// run returns what a command printed, and its exit status.
func run(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}
