//go:build integration

package suites

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quiet leaves away plugins that a test is not about: each takes its time to import.
var quiet = []string{"-p", "no:randomly", "-p", "no:benchmark", "-p", "no:asyncio", "-p", "no:pytest_cov", "-p", "no:cacheprovider"}

type report struct {
	Suites []struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Errors   int `xml:"errors,attr"`
		Cases    []struct {
			Class   string    `xml:"classname,attr"`
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
			Error   *struct{} `xml:"error"`
			Skipped *struct {
				Message string `xml:"message,attr"`
			} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func readReport(t *testing.T, path string) report {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := xml.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Which tests ran where, in the words of their own.
const whereabouts = `
import os, pytest
@pytest.fixture(autouse=True)
def note(request, worker_id, testrun_uid):
    assert worker_id == os.environ.get("PYTEST_XDIST_WORKER", "master")
    assert len(testrun_uid) == 32
    yield
    with open(f"ran-{worker_id}", "a") as file:
        file.write(f"{worker_id} {request.node.nodeid}\n")
`

func TestExitStatuses(t *testing.T) {
	site := installed(t, "pytest")
	dir := files(t, map[string]string{
		"test_good.py": "def test(tmp_path, monkeypatch, capfd):\n    import os\n    os.write(1, b'low'); print('high', flush=True)\n    out = capfd.readouterr().out\n    assert 'low' in out and 'high' in out\n",
		"test_bad.py":  "def test(): assert [1] == [2]\n",
		"test_int.py":  "def test(): raise KeyboardInterrupt\n",
		"broken.py":    "def pytest_configure(config): raise ZeroDivisionError\n",
	})
	for _, c := range []struct {
		name   string
		args   []string
		status int
		words  string
	}{
		{"all passed", []string{"test_good.py"}, 0, "1 passed"},
		{"all passed, in two runtimes", []string{"-n", "2", "test_good.py"}, 0, "1 passed"},
		{"some failed", []string{"-n2", "test_good.py", "test_bad.py"}, 1, "At index 0 diff: 1 != 2"},
		{"interrupted", []string{"test_int.py"}, 2, "KeyboardInterrupt"},
		{"an internal error", []string{"-p", "broken", "test_good.py"}, 3, "ZeroDivisionError"},
		{"a wrong call", []string{"--no-such-option"}, 4, "unrecognized arguments"},
		{"a wrong number", []string{"-n", "-1"}, 4, "a number of runtimes is 0 or more"},
		{"another machine", []string{"--tx", "ssh=host"}, 4, "only N*popen is there in WebAssembly"},
		{"no tests", []string{"-k", "nothing", "test_good.py"}, 5, "1 deselected"},
		{"no tests, in a runtime", []string{"-n1", "-k", "nothing", "test_good.py"}, 5, "no tests ran"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := wasm(t, dir, site, slices.Concat([]string{"-m", "pytest"}, quiet, c.args)...)
			cmd.Env = append(cmd.Env, "PYTHONPATH="+site+":"+dir)
			out, status := run(t, cmd)
			if status != c.status || !strings.Contains(out, c.words) {
				t.Errorf("status %d, want %d and %q\n%s", status, c.status, c.words, out)
			}
		})
	}
}

// Tests are distributed as asked, each runs once, and the report is the one of a single runtime.
func TestDistribution(t *testing.T) {
	site := installed(t, "pytest")
	many := "import pytest\n@pytest.mark.xdist_group('all')\n@pytest.mark.parametrize('i', range(6))\ndef test(i): assert i != 3\nclass TestOther:\n    def test(self): pytest.skip('not today')\n"
	for _, c := range []struct {
		dist string
		same *regexp.Regexp // tests that agree in this ran in one runtime
	}{
		{"load", nil},
		{"loadfile", regexp.MustCompile(`^[^:]*`)},
		{"loadscope", regexp.MustCompile(`^.*::`)},
		{"loadgroup", regexp.MustCompile(`test\[`)},
	} {
		t.Run(c.dist, func(t *testing.T) {
			t.Parallel()
			dir := files(t, map[string]string{"conftest.py": whereabouts, "test_a.py": many, "test_b.py": many, "test_c.py": many})
			out, status := run(t, wasm(t, dir, site, slices.Concat([]string{"-m", "pytest", "-n", "2", "--dist", c.dist, "--junitxml", "x.xml"}, quiet)...))
			if status != 1 || !strings.Contains(out, "3 failed, 15 passed, 3 skipped") {
				t.Fatalf("status %d\n%s", status, out)
			}
			var text strings.Builder
			for _, name := range []string{"gw0", "gw1"} {
				part, err := os.ReadFile(filepath.Join(dir, "ran-"+name))
				if err != nil {
					t.Fatal(err)
				}
				text.Write(part)
			}
			places, tests, where := map[string]bool{}, map[string]int{}, map[string]string{}
			for line := range strings.Lines(text.String()) {
				place, test, _ := strings.Cut(strings.TrimSpace(line), " ")
				places[place] = true
				tests[test]++
				if c.same == nil {
					continue
				}
				scope := c.same.FindString(test)
				if scope == "" {
					continue
				}
				if other, ok := where[scope]; ok && other != place {
					t.Errorf("%s ran in %s and in %s", scope, other, place)
				}
				where[scope] = place
			}
			if len(tests) != 21 || len(places) != 2 {
				t.Errorf("%d tests ran in %v", len(tests), places)
			}
			for test, times := range tests {
				if times != 1 {
					t.Errorf("%s ran %d times", test, times)
				}
			}
			r := readReport(t, filepath.Join(dir, "x.xml")).Suites[0]
			if len(r.Cases) != 21 || r.Failures != 3 || r.Skipped != 3 || r.Errors != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A runtime that dies is a failed test, and a new one goes on.
func TestACrashIsAFailedTest(t *testing.T) {
	site := installed(t, "pytest")
	dir := files(t, map[string]string{
		"conftest.py": whereabouts,
		"test_it.py": `
import pytest, os
def test_exit(): os._exit(9)
@pytest.mark.parametrize("i", range(8))
def test_before(i): pass
def test_trap():
    import ctypes
    ctypes.string_at(0xfffffff0, 64)  # out of all memory
@pytest.mark.parametrize("i", range(8))
def test_after(i): pass
`})
	out, status := run(t, wasm(t, dir, site, slices.Concat([]string{"-m", "pytest", "-n", "1", "--junitxml", "x.xml"}, quiet)...))
	for _, want := range []string{"2 failed, 16 passed", "crashed while running 'test_it.py::test_exit': exit status 9", "crashed while running 'test_it.py::test_trap'", "a new one goes on"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q\n%s", want, out)
		}
	}
	var failed []string
	for _, c := range readReport(t, filepath.Join(dir, "x.xml")).Suites[0].Cases {
		if c.Failure != nil {
			failed = append(failed, c.Class+" "+c.Name)
		}
	}
	if diff := cmp.Diff([]string{"test_it test_exit", "test_it test_trap"}, failed); diff != "" || status != 1 {
		t.Errorf("status %d\n%s", status, diff)
	}
	out, status = run(t, wasm(t, dir, site, slices.Concat([]string{"-m", "pytest", "-n", "1", "--max-worker-restart", "0"}, quiet)...))
	if status != 1 || !strings.Contains(out, "--max-worker-restart allows 0") {
		t.Errorf("status %d\n%s", status, out)
	}
}

// running are the processes of this machine that have this in their environment, which those that they start have from them.
func running(t *testing.T, entry string) (pids []string) {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || environs == nil {
		t.Skipf("this machine does not tell of its processes in /proc: %v", err)
	}
	for _, file := range environs {
		text, _ := os.ReadFile(file) // of another user, or of one that has ended: empty
		if slices.Contains(strings.Split(string(text), "\x00"), entry) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

// -x ends the other runtimes in the middle of what they do, and so does Ctrl-C, and so does the death of the command; no process is left.
func TestAllEnd(t *testing.T) {
	site := installed(t, "pytest")
	for _, c := range []struct {
		name   string
		args   []string
		signal syscall.Signal
		status int
		words  string
	}{
		{"-x", []string{"-x"}, 0, 1, "stopping after 1 failures"},
		{"Ctrl-C", []string{"test_b.py"}, syscall.SIGINT, 2, "KeyboardInterrupt"},
		{"killed", []string{"test_b.py"}, syscall.SIGKILL, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := files(t, map[string]string{
				"test_a.py": "import os, time\ndef test():\n    while not os.path.exists('counted'): time.sleep(.1)\n    assert False\ndef test_other(): pass\n",
				"test_b.py": "import time\ndef test():\n    open('sleeping', 'w').close()\n    time.sleep(300)\ndef test_other(): pass\n",
			}) // two tests each, which is what a runtime is given at first
			cmd := wasm(t, dir, site, slices.Concat([]string{"-m", "pytest", "-n", "2"}, quiet, c.args)...)
			mark := "TEST_ALL_END=" + dir
			cmd.Env = append(cmd.Env, mark)
			cmd.WaitDelay = time.Minute // of the killed one's children, which might hold its output
			var ran []string
			go func() {
				for t.Context().Err() == nil && !exists(filepath.Join(dir, "sleeping")) {
					time.Sleep(100 * time.Millisecond)
				}
				ran = running(t, mark)
				_ = os.WriteFile(filepath.Join(dir, "counted"), nil, 0o644)
				if c.signal != 0 {
					_ = cmd.Process.Signal(c.signal)
				}
			}()
			out, status := run(t, cmd)
			if status != c.status || !strings.Contains(out, c.words) {
				t.Errorf("status %d\n%s", status, out)
			}
			// The command, its own runtime, and those that it has started.
			if len(ran) < 4 {
				t.Errorf("while it ran there were %d processes: this test can't see what is left", len(ran))
			}
			var left []string
			for range 100 {
				if left = running(t, mark); left == nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Errorf("left are %v of %v", left, ran)
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Plugins that know pytest-xdist find what they look for; an installed pytest-xdist is replaced.
func TestPlugins(t *testing.T) {
	site := installed(t, "pytest")
	dir := files(t, map[string]string{
		"pkg/__init__.py": "def used(x):\n    if x:\n        return 1\n    return 2\n\ndef unused():\n    return 3\n",
		"conftest.py": `
import pytest
def pytest_configure_node(node): node.workerinput["told"] = 42
def pytest_testnodedown(node, error): print("ended", node.gateway.id, node.workeroutput.get("answer"), error)
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"): session.config.workeroutput["answer"] = session.config.workerinput["told"]
`,
		"test_a.py": "import pkg\ndef test_one(mocker):\n    mocker.patch('pkg.unused')\n    assert pkg.used(1) == 1\ndef test_seed(pytestconfig): open('seed-a', 'w').write(str(pytestconfig.option.randomly_seed))\n",
		"test_b.py": "import pkg, warnings\ndef test_two():\n    warnings.warn('careful')\n    assert pkg.used(0) == 2\ndef test_seed(pytestconfig): open('seed-b', 'w').write(str(pytestconfig.option.randomly_seed))\n",
	})
	out, status := run(t, wasm(t, dir, site, "-m", "pytest", "-s", "-n", "2", "--dist", "loadfile", "-p", "no:benchmark", "--cov=pkg", "--cov-branch", "--cov-report=term-missing", "-p", "randomly"))
	for _, want := range []string{"4 passed", "UserWarning: careful", "Using --randomly-seed=", "ended gw0 42 None", "ended gw1 42 None"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if m := regexp.MustCompile(`pkg/__init__.py +6 +1 +2 +0 +88% +7`).FindString(out); m == "" || status != 0 {
		t.Errorf("status %d\n%s", status, out)
	}
	a, _ := os.ReadFile(filepath.Join(dir, "seed-a"))
	b, _ := os.ReadFile(filepath.Join(dir, "seed-b"))
	if len(a) == 0 || string(a) != string(b) {
		t.Errorf("pytest-randomly's seed differs: %s, %s", a, b)
	}
	out, status = run(t, wasm(t, dir, site, "-m", "coverage", "report", "--format=total"))
	if status != 0 || strings.TrimSpace(out) != "88" {
		t.Errorf("coverage report: status %d, %s", status, out)
	}
}

// What needs a timer, an event loop, or a memory of the last run has it.
func TestTimeoutsAndLoops(t *testing.T) {
	site := installed(t, "pytest")
	for _, node := range [][]string{nil, {"--node", "npm"}} { // of this machine, and the pinned one, which waits for promises
		t.Run(strings.Join(node, " "), func(t *testing.T) {
			t.Parallel()
			dir := files(t, map[string]string{
				"test_slow.py": "import time\ndef test_sleep(): time.sleep(300)\ndef test_loop():\n    while True: pass\n",
				"test_async.py": `
import asyncio, pytest, pytest_asyncio, unittest
@pytest_asyncio.fixture
async def two():
    await asyncio.sleep(.01)
    yield 2
@pytest.mark.asyncio
async def test(two):
    await asyncio.sleep(.01)
    assert two == 2
class Test(unittest.IsolatedAsyncioTestCase):
    async def test(self): await asyncio.sleep(.01)
`,
				"doubled.py": "def double(x):\n    \"\"\"\n    >>> double(2)\n    4\n    >>> double(3)\n    7\n    \"\"\"\n    return 2 * x\n",
			})
			pytest := func(args ...string) string {
				out, _ := run(t, wasm(t, dir, site, slices.Concat(node, []string{"-m", "pytest", "-p", "no:randomly", "-p", "no:benchmark", "-p", "no:pytest_cov"}, args)...))
				return out
			}
			if out := pytest("--timeout", "3", "--doctest-modules"); !strings.Contains(out, "3 failed, 2 passed") || strings.Count(out, "Failed: Timeout (>3.0s)") < 2 || !strings.Contains(out, "Got:") {
				t.Errorf("%s", out)
			}
			if out := pytest("--last-failed", "--timeout", "3", "--doctest-modules", "--deselect", "test_slow.py"); !strings.Contains(out, "1 failed, 2 deselected") {
				t.Errorf("%s", out)
			}
		})
	}
}
