//go:build engine

package build_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/app"
	"github.com/wasmill/wasmill/internal/archive"
	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/probe"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
	"github.com/wasmill/wasmill/internal/wasi"
	"github.com/wasmill/wasmill/internal/world"
)

// greeter is a pure project with data, which uses a compiled module.
var greeter = map[string]string{
	"pyproject.toml": projectCalled("greeter", "1.2") + "dependencies = [\"markupsafe\"]\n" +
		"[project.entry-points.greetings]\nhello = \"greeter.main:run\"\n" +
		"[tool.setuptools]\npackages = [\"greeter\", \"greeter.data\"]\n[tool.setuptools.package-data]\n\"greeter.data\" = [\"*.txt\"]\n",
	"greeter/__init__.py": "",
	"greeter/__main__.py": "from greeter.main import run\nraise SystemExit(run())\n",
	"greeter/main.py": `import importlib.metadata
import importlib.resources
import json
import os
import re
import sys
import datetime

import markupsafe
from markupsafe import _speedups


def run():
    words = importlib.resources.files("greeter.data").joinpath("words.txt").read_text()
    print(words.strip(), markupsafe.escape("<" + ",".join(sys.argv[1:]) + ">"), _speedups.__name__)
    print(importlib.metadata.version("greeter"), importlib.metadata.version("markupsafe"), [e.name for e in importlib.metadata.entry_points(group="greetings")])
    print(json.dumps(re.findall("[a-z]", sys.stdin.read())), datetime.date(2000, 1, 1).isoformat(), os.environ.get("GREETING"))
    with open(os.path.join(os.path.dirname(__file__), "data", "words.txt")) as f:
        print(len(f.read()), sorted(n for n in os.listdir(os.path.dirname(__file__)) if n.endswith(".py")))
    if "fail" in sys.argv:
        raise ValueError("as asked")
    return 7
`,
	"greeter/data/__init__.py": "",
	"greeter/data/words.txt":   "good day\n",
}

func projectCalled(name, version string) string {
	return strings.NewReplacer(`"story"`, `"`+name+`"`, `"1.0"`, `"`+version+`"`).Replace(pyproject)
}

// on runs an app in a runtime; it opens no folder to it.
type on func(t *testing.T, file string, stdin string, args ...string) (status int, out, err string)

func inWazero(t *testing.T, file, stdin string, args ...string) (int, string, string) {
	t.Helper()
	engine, err := wasi.NewEngine(filepath.Join(os.TempDir(), "wasmill-build-test", "compiled"))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	p, err := engine.LoadFile(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var stdout, stderr bytes.Buffer
	r, err := p.Run(t.Context(), wasi.Config{
		Args: append([]string{"app.wasm"}, args...), Env: []string{"GREETING=hi"}, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr, Limits: wasi.Untrusted,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.ExitStatus(), stdout.String(), stderr.String()
}

const nodeScript = `import {WASI} from 'node:wasi'; import fs from 'node:fs';
const wasi = new WASI({version: 'preview1', args: ['app.wasm', ...process.argv.slice(3)], env: {GREETING: 'hi'}, returnOnExit: true});
const instance = await WebAssembly.instantiate(await WebAssembly.compile(fs.readFileSync(process.argv[2])), wasi.getImportObject());
process.exitCode = wasi.start(instance);
`

const wasmtimeScript = `import os, sys, wasmtime
engine = wasmtime.Engine()
kept = sys.argv[1] + ".compiled"
if not os.path.exists(kept):
    with open(kept, "wb") as f:
        f.write(wasmtime.Module.from_file(engine, sys.argv[1]).serialize())
linker = wasmtime.Linker(engine)
linker.define_wasi()
store = wasmtime.Store(engine)
c = wasmtime.WasiConfig()
c.argv = ["app.wasm", *sys.argv[2:]]
c.env = [("GREETING", "hi")]
c.inherit_stdin(); c.inherit_stdout(); c.inherit_stderr()
store.set_wasi(c)
try:
    linker.instantiate(store, wasmtime.Module.deserialize_file(engine, kept)).exports(store)["_start"](store)
except wasmtime.ExitTrap as e:
    sys.exit(e.code)
`

// outside are the runtimes of other people, by their pinned releases.
func outside(t *testing.T, f *farm) (node, wasmtime on) {
	t.Helper()
	dir := t.TempDir()
	release, err := f.builder.Fetcher.Get(t.Context(), probe.Node24)
	if err != nil {
		t.Fatal(err)
	}
	if err := fetch.Unpack(release, filepath.Join(dir, "node"), fetch.Unpacking{}); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "node", "bin", "node")
	wheel, err := f.builder.Fetcher.Get(t.Context(), probe.Wasmtime)
	if err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(dir, probe.Wasmtime.File())
	if err := os.Symlink(wheel, named); err != nil {
		t.Fatal(err)
	}
	if err := fetch.Unpack(named, filepath.Join(dir, "site"), fetch.Unpacking{}); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, map[string]string{"run.mjs": nodeScript, "run.py": wasmtimeScript})
	start := func(env string, command ...string) on {
		return func(t *testing.T, file, stdin string, args ...string) (int, string, string) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), command[0], append(append(command[1:len(command):len(command)], file), args...)...)
			var stdout, stderr bytes.Buffer
			cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = append(os.Environ(), env), strings.NewReader(stdin), &stdout, &stderr
			if err := cmd.Run(); cmd.ProcessState == nil {
				t.Fatal(err)
			}
			return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
		}
	}
	return start("X=1", program, "--no-warnings", filepath.Join(dir, "run.mjs")), start("PYTHONPATH="+filepath.Join(dir, "site"), "python3", filepath.Join(dir, "run.py"))
}

// appOf links an app of hosts that are built.
func (f *farm) appOf(t *testing.T, hosts []build.Host, spec string, files map[string]string) built {
	t.Helper()
	with := map[string]string{"meta.yaml": "package: {name: story, version: '1'}\nbuild: {type: app}\nwasmill:\n  app: " + spec + "\n"}
	for name, text := range files {
		with[name] = text
	}
	return f.build(t, loadRecipe(t, "story", with), func(j *build.Job) { j.Hosts = hosts })
}

// packages builds what apps are made of.
func (f *farm) packages(t *testing.T, python build.Host) []build.Host {
	t.Helper()
	hosts := []build.Host{python}
	for _, r := range []func() built{
		func() built {
			return f.build(t, ours(t, "markupsafe"), func(j *build.Job) { j.Hosts = []build.Host{python} })
		},
		func() built {
			return f.build(t, project(t, greeter), func(j *build.Job) { j.Hosts = []build.Host{python} })
		},
	} {
		out := r()
		if out.Record.Outcome != record.Passed {
			t.Fatalf("%+v\n%s", out.Record.Failure, tail(out.log))
		}
		name := out.Record.Recipe
		h := build.Host{Recipe: ours(t, "markupsafe"), Files: []build.File{{Artifact: out.Record.Artifacts[0], Path: out.Path}}}
		if name != "markupsafe" {
			h.Recipe = project(t, greeter)
		}
		hosts = append(hosts, h)
	}
	return hosts
}

func TestApps(t *testing.T) {
	f, python := wasiFarm(t)
	hosts := f.packages(t, python)
	t.Run("run alike everywhere", func(t *testing.T) { runAlike(t, f, hosts) })
	t.Run("can not be", func(t *testing.T) { cannotBe(t, f, hosts) })
}

// An app runs alike in wazero, in wasmtime and under node, without any folder.
func runAlike(t *testing.T, f *farm, hosts []build.Host) {
	node, wasmtime := outside(t, f)
	out := f.appOf(t, hosts, "{entry: 'greeter.main:run'}", nil)
	if out.Record.Outcome != record.Passed {
		t.Fatalf("%+v\n%s", out.Record.Failure, tail(out.log))
	}
	again := f.appOf(t, hosts, "{entry: 'greeter.main:run'}", nil)
	if !bytes.Equal(contents(t, out.Path), contents(t, again.Path)) {
		t.Error("two links of the same give other bytes")
	}
	stripped := f.appOf(t, hosts, "{entry: greeter, strip-sources: true, exclude-modules: [unittest, unicodedata, _decimal, sqlite3]}", nil)
	if stripped.Record.Outcome != record.Passed {
		t.Fatalf("%+v\n%s", stripped.Record.Failure, tail(stripped.log))
	}
	python1 := f.appOf(t, hosts, "{}", nil)
	t.Logf("with sources %d bytes, stripped %d, as Python %d", out.Record.Artifacts[0].Size, stripped.Record.Artifacts[0].Size, python1.Record.Artifacts[0].Size)
	want := strings.Replace(`good day &lt;a b,c&gt; markupsafe._speedups
1.2 VERSION ['hello']
["x", "y"] 2000-01-01 hi
`, "VERSION", ours(t, "markupsafe").Version, 1)
	for name, run := range map[string]on{"wazero": inWazero, "node": node, "wasmtime": wasmtime} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := run(t, out.Path, "x1y", "a b", "c")
			if diff := cmp.Diff(want+"9 ['__init__.py', '__main__.py', 'main.py']\n", stdout); status != 7 || diff != "" {
				t.Errorf("status %d (-want +got):\n%s%s", status, diff, stderr)
			}
			status, stdout, stderr = run(t, stripped.Path, "x1y", "a b", "c")
			if diff := cmp.Diff(want+"9 []\n", stdout); status != 7 || diff != "" {
				t.Errorf("stripped: status %d (-want +got):\n%s%s", status, diff, stderr)
			}
			status, _, stderr = run(t, out.Path, "", "fail")
			if status != 1 || !strings.Contains(stderr, `File "/wasmill/lib/python3.13/site-packages/greeter/main.py", line 21, in run`) || !strings.Contains(stderr, `raise ValueError("as asked")`) {
				t.Errorf("a traceback: status %d\n%s", status, stderr)
			}
			status, stdout, stderr = run(t, python1.Path, "", "-c", "import sys, greeter, markupsafe._speedups; print(sys.argv, sys.prefix); import zlib, sqlite3", "x")
			if status != 1 || stdout != "['-c', 'x'] /wasmill\n" || !strings.Contains(stderr, "No module named '_sqlite3'") {
				t.Errorf("as Python: status %d\n%s%s", status, stdout, stderr)
			}
			status, stdout, stderr = run(t, python1.Path, "print(6 * 7)\nimport this_is_not_there", "-")
			if status != 1 || stdout != "42\n" || !strings.Contains(stderr, "ModuleNotFoundError") {
				t.Errorf("from standard input: status %d\n%s%s", status, stdout, stderr)
			}
			status, stdout, _ = run(t, python1.Path, "", "-m", "greeter")
			if status != 7 || !strings.HasPrefix(stdout, "good day") {
				t.Errorf("-m: status %d\n%s", status, stdout)
			}
		})
	}
	c, err := app.Read(contents(t, out.Path))
	if err != nil || len(c.Packages) != 2 || c.Packages[0].Name != "MarkupSafe" || c.Packages[0].Version != ours(t, "markupsafe").Version || c.Packages[0].Digest != hosts[1].Files[0].Digest || c.Interpreter.Version != "3.13.5" {
		t.Errorf("%v, what is inside: %+v", err, c)
	}
	for _, r := range world.Runtimes() {
		can := world.VerdictOf(world.Check(*out.Record.Artifacts[0].Requires, r)) != world.No
		if want := r.Name == "wazero" || r.Name == "wasmtime" || strings.HasSuffix(r.Name, "-wasi"); can != want {
			t.Errorf("it can work on %s: %v", r.Name, can)
		}
	}
}

// What is wrong with an app is told before it is linked.
func cannotBe(t *testing.T, f *farm, hosts []build.Host) {
	python := hosts[0]
	for story, c := range map[string]struct{ spec, want string }{
		"no such module":         {"{entry: 'greeter.mein:run'}", "--entry greeter.mein:run: there is no module greeter.mein in the app; did you mean greeter.main?"},
		"no such function":       {"{entry: 'greeter.main:ran'}", "--entry greeter.main:ran: greeter.main has no ran; did you mean run?"},
		"a package without main": {"{entry: greeter.data}", "--entry greeter.data: it is a package without a __main__, which can't be run: name a module below it, or a function, greeter.data:FUNCTION"},
		"Python needs it":        {"{exclude-modules: [encodings]}", "--exclude-modules encodings: Python itself imports it at its start; leave it in"},
		"the entry needs it":     {"{entry: greeter, exclude-modules: [json]}", "--exclude-modules json: greeter → greeter.__main__ → greeter.main imports it at its start (line 3); leave it in"},
		"nothing to leave out":   {"{exclude-modules: [unitest]}", "--exclude-modules unitest: there is no such module in the app; did you mean unittest?"},
		"a script with mistakes": {"{script: run.py}", "--script run.py: invalid syntax (run.py, line 2)"},
	} {
		t.Run(story, func(t *testing.T) {
			out := f.appOf(t, hosts, c.spec, map[string]string{"run.py": "x = 1\nif:\n"})
			if fail := out.Record.Failure; fail == nil || fail.Kind != record.LinkFailed || fail.Message != c.want {
				t.Errorf("%+v\nwant %s\n%s", fail, c.want, tail(out.log))
			}
		})
	}
	// Two packages with one file.
	other := project(t, map[string]string{"pyproject.toml": projectCalled("other", "1") + "[tool.setuptools]\npackages = [\"greeter\"]\n", "greeter/__init__.py": "x = 1\n"})
	built := f.build(t, other, func(j *build.Job) { j.Hosts = []build.Host{python} })
	both := append(hosts[:3:3], build.Host{Recipe: other, Files: []build.File{{Artifact: built.Record.Artifacts[0], Path: built.Path}}})
	out := f.appOf(t, both, "{}", nil)
	want := "greeter and other both bring greeter/__init__.py, with other contents: leave it out with --exclude-modules greeter"
	if fail := out.Record.Failure; fail == nil || fail.Message != want {
		t.Errorf("%+v", fail)
	}
	// Archives that are damaged, or another's.
	markupsafe := hosts[1].Files[0].Path
	for want, second := range map[string][]build.Host{
		"MarkupSafe and other both have a module markupsafe._speedups: leave one of the two packages out": {hosts[1], changed(t, markupsafe, other, `"name": "MarkupSafe"`, `"name": "other"`)},
		"MarkupSafe: nothing defines PyInit_nothing, the init function of markupsafe._speedups: its archive is damaged, build it again with --no-cache": {
			changed(t, markupsafe, ours(t, "markupsafe"), `"PyInit_markupsafe._speedups"`, `"PyInit_nothing"`),
		},
	} {
		out := f.appOf(t, append([]build.Host{python}, second...), "{}", nil)
		if fail := out.Record.Failure; fail == nil || fail.Message != want {
			t.Errorf("%+v\nwant %s", fail, want)
		}
	}
}

// changed is a package's archive that says something else of itself.
func changed(t *testing.T, file string, r *recipe.Recipe, was, is string) build.Host {
	t.Helper()
	dir := t.TempDir()
	var entries []archive.Entry
	for _, name := range unpacked(t, file, dir) {
		data := contents(t, filepath.Join(dir, name))
		if name == static.AboutFile {
			data = bytes.Replace(data, []byte(was), []byte(is), 1)
		}
		entries = append(entries, archive.Entry{Name: name, Open: func() (io.ReadCloser, int64, error) {
			return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
		}})
	}
	kept, err := archive.Keep(dir, filepath.Base(file), func(w io.Writer) error { return archive.Write(w, entries, time.Unix(0, 0)) })
	if err != nil {
		t.Fatal(err)
	}
	return build.Host{Recipe: r, Files: []build.File{{
		Artifact: record.Artifact{Filename: filepath.Base(file), Kind: record.KindStatic, Digest: kept.Digest, Size: kept.Size}, Path: filepath.Join(dir, filepath.Base(file)),
	}}}
}
