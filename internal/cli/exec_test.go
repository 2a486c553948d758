package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	wasmapp "github.com/wasmill/wasmill/internal/app"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wasi"
	"github.com/wasmill/wasmill/internal/wasi/assembler"
)

// ran is what a command of wasmill comes to.
func ran(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{out: &stdout, err: &stderr}
	status = command.Run(a.root(), append([]string{"--data", t.TempDir()}, args...))
	return status, stdout.String(), stderr.String()
}

func TestAProgramsStatusIsTheCommands(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, program []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, program, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var p assembler.Program
	seven := file("seven.wasm", p.Assemble(p.Exit(assembler.I32(7))))
	var q assembler.Program
	forever := file("forever.wasm", q.Assemble(assembler.Forever("")))
	for story, c := range map[string]struct {
		args   []string
		status int
		errs   string
	}{
		"its own status":            {[]string{seven}, 7, ""},
		"its flags are its own":     {[]string{seven, "--time", "x"}, 7, ""},
		"a limit":                   {[]string{"--time", "50ms", forever}, 124, "wasmill: forever.wasm: stopped after 50ms: the time was over\n"},
		"a limit that is none":      {[]string{"--memory", "much", seven}, 2, "--memory"},
		"no such file":              {[]string{filepath.Join(dir, "no.wasm")}, 2, "there is no file"},
		"no such folder":            {[]string{"--dir", filepath.Join(dir, "no"), seven}, 2, "there is no folder"},
		"a folder that can't be":    {[]string{"--dir", ":x", seven}, 2, "it is HOST, HOST:GUEST or HOST:GUEST:ro"},
		"a variable that isn't set": {[]string{"--env", "NO_SUCH_VARIABLE", seven}, 2, "there is no such variable here"},
	} {
		status, _, errs := ran(t, append([]string{"exec"}, c.args...)...)
		if status != c.status || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("%s: status %d, %q", story, status, errs)
		}
	}
}

func TestFoldersForAProgram(t *testing.T) {
	for text, want := range map[string]wasi.Folder{
		".": {Host: ".", Guest: ".", Writable: true}, "/a:/b": {Host: "/a", Guest: "/b", Writable: true}, "/a:/b:ro": {Host: "/a", Guest: "/b"},
	} {
		got, err := folderOf(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	for _, text := range []string{"", "a:", "a:b:x"} {
		if _, err := folderOf(text); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q gives %v", text, err)
		}
	}
}

func TestWhatIsInsideAnAppIsShown(t *testing.T) {
	var p assembler.Program
	program, err := wasmapp.Describe(p.Assemble(p.Exit(assembler.I32(0))), wasmapp.Contents{
		Schema: wasmapp.Schema, Entry: "a.main:run", Interpreter: wasmapp.Part{Name: "cpython-wasi", Version: "3.13.5", Digest: "sha256:1"},
		Packages: []wasmapp.Part{{Name: "a", Version: "2", Digest: "sha256:2", Modules: []string{"a._x", "a._y"}}}, Excluded: []string{"json"}, NoSources: true,
		Compiler: "a compiler", Toolchain: "sha256:3",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.wasm", program, 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, errs := ran(t, "app", "show", "a.wasm")
	want := `a.wasm: runs a.main:run
left out: json
without sources
toolchain sha256:3 (a compiler)

recipe        version  digest    compiled modules
cpython-wasi  3.13.5   sha256:1
a             2        sha256:2  a._x a._y
`
	if diff := cmp.Diff(want, strings.ReplaceAll(out, " \n", "\n")); status != 0 || diff != "" {
		t.Errorf("status %d %s (-want +got):\n%s", status, errs, diff)
	}
	for args, want := range map[string]string{
		"app show no.wasm":                "there is no file no.wasm",
		"app a --entry x --script y.py":   "an app runs an entry or a script, not both",
		"app a --script no.py":            "there is no file no.py",
		"app a --exclude-modules a-b":     "`a-b` is not a module",
		"app":                             "needs a recipe, a release or a project's folder",
		"app a --reproduce never:x --out": "flag needs an argument",
	} {
		if status, _, errs := ran(t, strings.Fields(args)...); status != 2 || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %s", args, status, errs)
		}
	}
}
