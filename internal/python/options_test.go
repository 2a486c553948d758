package python

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

func TestOwnOptionsComeFirst(t *testing.T) {
	for _, c := range []struct {
		name      string
		args      []string
		environ   []string
		toolchain string
		exclude   []string
		readonly  bool
		rest      []string
	}{
		{name: "none", args: []string{"-c", "pass"}, rest: []string{"-c", "pass"}},
		{name: "before Python's", args: []string{"--toolchain", "2025_0", "-O", "x.py"}, toolchain: "2025_0", rest: []string{"-O", "x.py"}},
		{name: "joined by =", args: []string{"--toolchain=2025_0", "--fs-readonly", "-"}, toolchain: "2025_0", readonly: true, rest: []string{"-"}},
		{name: "repeated", args: []string{"--fs-exclude", "/a", "--fs-exclude=/b"}, exclude: []string{"/a", "/b"}},
		{name: "after Python's they are the program's", args: []string{"x.py", "--toolchain", "y"}, rest: []string{"x.py", "--toolchain", "y"}},
		{name: "Python's own long options are Python's", args: []string{"--version"}, rest: []string{"--version"}},
		{
			name: "from the environment", environ: []string{envToolchain + "=2026_0", envReadonly + "=1", envExclude + "=/a:/b"},
			toolchain: "2026_0", readonly: true, exclude: []string{"/a", "/b"},
		},
		{name: "an option outweighs the environment", args: []string{"--toolchain", "2025_0"}, environ: []string{envToolchain + "=2026_0"}, toolchain: "2025_0"},
		{name: "0 is no", environ: []string{envReadonly + "=0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, rest, err := parseOptions(c.args, c.environ)
			if err != nil {
				t.Fatal(err)
			}
			if o.toolchain != c.toolchain || o.readonly != c.readonly || !cmp.Equal(o.exclude, c.exclude) || !cmp.Equal(rest, c.rest) {
				t.Errorf("got %+v, rest %q", o, rest)
			}
		})
	}
	if _, _, err := parseOptions([]string{"--toolchain"}, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an option without its value: %v", err)
	}
	if o, _, err := parseOptions([]string{"--wasm-info", "--json"}, nil); err != nil || !o.info || !o.json {
		t.Errorf("--wasm-info --json: %+v %v", o, err)
	}
	if _, _, err := parseOptions([]string{"--wasm-info", "x.py"}, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("--wasm-info with something to run: %v", err)
	}
}

func TestWhichReleaseIsMeant(t *testing.T) {
	venv := t.TempDir()
	if err := os.WriteFile(filepath.Join(venv, "pyvenv.cfg"), []byte("home = /usr/bin\nversion = 3.13.2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		option     string
		executable string
		want       string
	}{
		{"the newest", "", "/usr/bin/python-wasm", "3.15"},
		{"the option's", "2024_0", "/usr/bin/python-wasm", "3.12"},
		{"by its platform tag", "pyemscripten_2024_0_wasm32", "/usr/bin/python-wasm", "3.12"},
		{"the name's", "", "/usr/bin/python3.14", "3.14"},
		{"the virtual environment's", "", filepath.Join(venv, "bin", "python"), "3.13"},
		{"that of another Python, into which the command was installed", "", filepath.Join(venv, "bin", "python-wasm"), "3.15"},
		{"the option outweighs the virtual environment", "2026_0", filepath.Join(venv, "bin", "python"), "3.14"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := chooseRelease(options{toolchain: c.option}, c.executable)
			if err != nil || r.Python != c.want {
				t.Errorf("got %v %v", r, err)
			}
		})
	}
	_, err := chooseRelease(options{toolchain: "2023_0"}, "")
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "2024_0, 2025_0, 2026_0, 2026_5") {
		t.Errorf("an unknown one: %v", err)
	}
}
