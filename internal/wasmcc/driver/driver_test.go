package driver

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

func TestFlags(t *testing.T) {
	env := map[string]string{"WASM_LIBRARY_DIR": "/work/libs", "EMPTY": ""}
	for flags, want := range map[string][]string{
		"-I$(WASM_LIBRARY_DIR)/include":          {"-I/work/libs/include"},
		"-L${WASM_LIBRARY_DIR}/lib -lz":          {"-L/work/libs/lib", "-lz"},
		"-Wl,-rpath,$ORIGIN":                     {"-Wl,-rpath,$ORIGIN"},
		"-DA=$(UNSET) -DB=${UNSET}":              {"-DA=$(UNSET)", "-DB=${UNSET}"},
		"-DA=$(EMPTY) \n -g":                     {"-DA=", "-g"},
		`-DNAME="text" -DF(x)=x`:                 {`-DNAME="text"`, "-DF(x)=x"},
		"$(WASM_LIBRARY_DIR)$(WASM_LIBRARY_DIR)": {"/work/libs/work/libs"},
		"":                                       nil,
	} {
		if diff := cmp.Diff(want, words(flags, env)); diff != "" && len(want)+len(words(flags, env)) > 0 {
			t.Errorf("%q (-want +got):\n%s", flags, diff)
		}
	}
}

func TestWhyAPatchDoesNotApply(t *testing.T) {
	for story, c := range map[string]struct{ said, want string }{
		"hunks of two files": {
			"patching file src/a.c\nHunk #1 succeeded at 3.\nHunk #2 FAILED at 40.\n1 out of 2 hunks FAILED -- saving rejects to file src/a.c.rej\n" +
				"patching file 'with space.h' (renamed from x.h)\nHunk #1 FAILED at 1.\n",
			"src/a.c, hunk #2 at line 40; with space.h, hunk #1 at line 1",
		},
		"merged upstream": {
			"patching file setup.py\nReversed (or previously applied) patch detected!  Skipping patch.\n1 out of 1 hunk ignored -- saving rejects to file setup.py.rej\n",
			"setup.py has the change already",
		},
		"a file that is gone": {
			"can't find file to patch at input line 4\nPerhaps you used the wrong -p or --strip option?\nThe text leading up to this was:\n--------------------------\n|--- a/gone.c\n|+++ b/gone.c\n--------------------------\n",
			"can't find file to patch at input line 4; +++ b/gone.c",
		},
		"not a patch":     {"/usr/bin/patch: **** Only garbage was found in the patch input.\n", "/usr/bin/patch: **** Only garbage was found in the patch input."},
		"something else":  {"one\ntwo\n", "two"},
		"nothing at all ": {"", ""},
	} {
		if got := whyPatch(c.said); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", story, got, c.want)
		}
	}
}

func TestWhatAScriptExports(t *testing.T) {
	got := parseEnvironment("A=1\x00B=two\nlines=x\x00_=/usr/bin/env\x00SHLVL=1\x00PWD=/x\x00BASH_FUNC_f%%=() { :; }\x00EMPTY=\x00")
	if diff := cmp.Diff(map[string]string{"A": "1", "B": "two\nlines=x", "EMPTY": ""}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironment(t *testing.T) {
	j := job.Job{
		Name: "x", Version: "1.0", Dir: job.Source + "/x-1.0", Python: "3.15", PlatformTag: "pyemscripten_2026_5_wasm32", Emscripten: "6.0.5", Jobs: 3, Epoch: 7,
		Environment: map[string]string{"EM_CACHE": "/cache"},
	}
	env := environment(j)
	for name, want := range map[string]string{
		"PYODIDE": "1", "PYODIDE_ABI_VERSION": "2026_5", "PYODIDE_JOBS": "3", "PKG_VERSION": "1.0", "PKG_BUILD_DIR": "/work/src/x-1.0", "PYMAJOR": "3", "PYMINOR": "15",
		"SOURCE_DATE_EPOCH": "7", "EM_CACHE": "/cache", "PYTHONHASHSEED": "0",
		"CC_FOR_BUILD": "/usr/bin/x86_64-linux-gnu-gcc", "HOST_CXX": "/usr/bin/x86_64-linux-gnu-g++",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	// A Linux wheel must still install while the script runs.
	if _, ok := env["_PYTHON_HOST_PLATFORM"]; ok || strings.Contains(env["PATH"], "cross") {
		t.Error("the script's environment is the target's already")
	}
	cross(env, j)
	if env["_PYTHON_HOST_PLATFORM"] != "pyemscripten_2026_5_wasm32" || !strings.HasPrefix(env["PATH"], "/opt/wasmill/cross:") || env["LDSHARED"] != "/opt/wasmill/cross/cc -shared" {
		t.Errorf("the target's environment: %v", env)
	}
}

func TestJobsAndResultsSurviveTheWay(t *testing.T) {
	j := job.Job{Schema: job.Schema, Kind: job.Build, Name: "x", Patches: []string{"a"}, Extras: [][2]string{{"a", "b"}}, Settings: []job.Setting{{Key: "k", Values: []string{"1", "2"}}}, Ask: true}
	r := job.Result{Schema: job.Schema, Failure: &record.Failure{Kind: record.PatchFailed}, Requires: []string{"x"}, OOMKills: 1}
	for _, c := range []struct{ in, out any }{{&j, &job.Job{}}, {&r, &job.Result{}}} {
		file := filepath.Join(t.TempDir(), "f.json")
		if err := writeJSON(file, c.in); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, c.out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.in, c.out); diff != "" {
			t.Error(diff)
		}
	}
}

// TestHook plays hook.py with a backend that is a file in the source. It needs a Python on this machine, which building does not.
func TestHook(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import sys, tomllib; sys.exit(sys.version_info < (3, 11))").Run() != nil {
		t.Skip("no Python 3.11 on this machine")
	}
	const inTree = `[build-system]
requires = ["a", "b>1"]
build-backend = "backend:thing.it"
backend-path = ["sub"]
`
	const backend = `import sys
class it:
    def build_wheel(dist, settings):
        print("building")
        sys.argv[:] = ["setup.py", "x"]
        return "x-1-py3-none-any.whl" if settings == {"k": ["1", "2"]} and dist == "/d" else "wrong"
class thing: pass
thing.it = it
`
	for _, c := range []struct {
		story string
		files map[string]string
		ask   request
		want  answer
		fails bool
	}{
		{"static requirements", map[string]string{"pyproject.toml": inTree}, request{Hook: "static"}, answer{Requires: []string{"a", "b>1"}}, false},
		{"no pyproject.toml", nil, request{Hook: "static"}, answer{Requires: []string{"setuptools >= 40.8.0"}}, false},
		{"no build system in it", map[string]string{"pyproject.toml": "[tool.x]\n"}, request{Hook: "static"}, answer{Requires: []string{"setuptools >= 40.8.0"}}, false},
		{"no requires", map[string]string{"pyproject.toml": "[build-system]\nbuild-backend = 'x'\n"}, request{Hook: "static"}, answer{}, true},
		{"an optional hook that is absent", map[string]string{"pyproject.toml": inTree, "sub/backend.py": backend}, request{Hook: "requires"}, answer{Requires: []string{}}, false},
		{"a wheel", map[string]string{"pyproject.toml": inTree, "sub/backend.py": backend},
			request{Hook: "wheel", Settings: map[string]any{"k": []string{"1", "2"}}, Dist: "/d"}, answer{Wheel: "x-1-py3-none-any.whl", Modules: []string{}, Optional: []string{}}, false},
		{"a backend that raises", map[string]string{"pyproject.toml": inTree, "sub/backend.py": "1/0"}, request{Hook: "wheel"}, answer{}, true},
	} {
		t.Run(c.story, func(t *testing.T) {
			dir := t.TempDir()
			if c.files == nil {
				c.files = map[string]string{}
			}
			c.files["hook.py"], c.files["ask.json"] = string(hookProgram), marshal(t, c.ask)
			for name, text := range c.files {
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(python, "hook.py", "ask.json", "reply.json")
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails {
				t.Fatalf("%v\n%s", err, out)
			}
			if c.fails {
				return
			}
			data, err := os.ReadFile(filepath.Join(dir, "reply.json"))
			if err != nil {
				t.Fatal(err)
			}
			var got answer
			if err := json.Unmarshal(data, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Where nothing is loaded, Python is among the libraries, and nothing claims to be Pyodide.
func TestEnvironmentForAStaticTarget(t *testing.T) {
	j := job.Job{
		Name: "x", Version: "1.0", Dir: job.Source + "/x-1.0", Target: "wasm32-wasip1", Python: "3.13", PlatformTag: "wasi_wasm32", Jobs: 3,
	}
	env := environment(j)
	for name, want := range map[string]string{
		"PYTHONINCLUDE": "/work/libs/include/python3.13", "PLATFORM_TRIPLET": "wasm32-wasi", "SIDE_MODULE_CFLAGS": "-O2 -g0 -I/work/libs/include/python3.13",
		"PKG_CONFIG_LIBDIR": "/work/libs/lib/pkgconfig:/work/libs/share/pkgconfig", "SYSCONFIG_NAME": "_sysconfigdata__wasi_wasm32-wasi", "PYODIDE_JOBS": "3",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	for _, name := range []string{"PYODIDE", "PYODIDE_ABI_VERSION", "PYTHONPATH"} {
		if v, ok := env[name]; ok {
			t.Errorf("%s is %q", name, v)
		}
	}
	cross(env, j)
	for name, want := range map[string]string{
		"_PYTHON_HOST_PLATFORM": "wasi_wasm32", "_PYTHON_SYSCONFIGDATA_NAME": "_sysconfigdata__wasi_wasm32-wasi", "PYTHONPATH": "/work/libs/lib/sysconfigdata",
		"CC": "/opt/wasmill/cross/cc",
	} {
		if env[name] != want {
			t.Errorf("across, %s is %q, want %q", name, env[name], want)
		}
	}
}
