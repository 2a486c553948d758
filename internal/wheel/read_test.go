package wheel_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

var swiglpk = wheeltest.Spec{
	Name: "swiglpk", Version: "5.0.13", Tag: "cp315-cp315-pyemscripten_2026_5_wasm32",
	Files: map[string]string{
		"swiglpk/__init__.py":                               "",
		"swiglpk/_swiglpk.cpython-315-wasm32-emscripten.so": "\x00asm",
		"swiglpk.libs/libglpk.so":                           "\x00asm",
		"namespace/part/_c.abi3.so":                         "\x00asm",
		"namespace/part/_c.pyi":                             "",
		"_flat.so":                                          "\x00asm",
		"single.py":                                         "",
		"swiglpk-5.0.13.data/platlib/moved/_m.so":           "\x00asm",
		"swiglpk-5.0.13.data/scripts/tool.py":               "#!python\n",
		"docs/index.html":                                   "",
	},
}

func open(t *testing.T, path string) *wheel.Wheel {
	t.Helper()
	w, err := wheel.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestModulesOfAWheel(t *testing.T) {
	w := open(t, wheeltest.Write(t, t.TempDir(), swiglpk))
	want := []wheel.Extension{
		{File: "_flat.so", Module: "_flat", Suffix: ".so"},
		{File: "namespace/part/_c.abi3.so", Module: "namespace.part._c", Suffix: ".abi3.so"},
		{File: "swiglpk-5.0.13.data/platlib/moved/_m.so", Module: "moved._m", Suffix: ".so"},
		{
			File:   "swiglpk/_swiglpk.cpython-315-wasm32-emscripten.so",
			Module: "swiglpk._swiglpk", Suffix: ".cpython-315-wasm32-emscripten.so",
		},
	}
	if d := cmp.Diff(want, w.Extensions()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"_flat", "moved", "namespace", "single", "swiglpk"}, w.TopLevel()); d != "" {
		t.Error(d)
	}
	if got := len(w.Libraries()); got != 5 {
		t.Errorf("%d libraries", got)
	}
}

func TestVerifyRecord(t *testing.T) {
	const dist = "a-1.dist-info"
	base := wheeltest.Spec{Name: "a", Version: "1", Files: map[string]string{"a.py": "x = 1\n", "b.py": ""}}
	sound := base.Contents()[dist+"/RECORD"]
	with := func(name, text string) wheeltest.Spec {
		s := base
		s.Files = map[string]string{"a.py": "x = 1\n", "b.py": "", dist + "/RECORD": sound, name: text}
		return s
	}
	without := base
	without.Without = []string{"b.py"}
	for name, c := range map[string]struct {
		spec wheeltest.Spec
		want []wheel.Mismatch
	}{
		"sound":            {base, nil},
		"signed":           {with(dist+"/RECORD.jws", "{}"), nil},
		"unlisted":         {with("c.py", ""), []wheel.Mismatch{{File: "c.py", Reason: "is not listed"}}},
		"missing":          {without, []wheel.Mismatch{{File: "b.py", Reason: "is listed, but not in the wheel"}}},
		"listed twice":     {with(dist+"/RECORD", sound+"a.py,,\n"), []wheel.Mismatch{{File: "a.py", Reason: "is listed twice"}, {File: "a.py", Reason: "is listed without a sha256 hash"}}},
		"weak hash":        {with(dist+"/RECORD", strings.Replace(sound, "a.py,sha256=", "a.py,md5=", 1)), []wheel.Mismatch{{File: "a.py", Reason: "is listed without a sha256 hash"}}},
		"wrong size":       {with(dist+"/RECORD", strings.Replace(sound, "U,0", "U,7", 1)), []wheel.Mismatch{{File: "b.py", Reason: "is listed with 7 bytes, but has 0"}}},
		"not three fields": {with(dist+"/RECORD", "a.py\n"), []wheel.Mismatch{{File: dist + "/RECORD", Reason: "reading RECORD: line 1 has 1 fields, not path, hash, size"}}},
		"changed contents": {with("b.py", "!"), []wheel.Mismatch{{
			File:   "b.py",
			Reason: "is listed as sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU, but is sha256=u3IIvJtdfATxI2qCoAk6XjP0BCPVuo1CZvcJLDukO2I",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := open(t, wheeltest.Write(t, t.TempDir(), c.spec)).VerifyRecord(nil)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	raw := func(t *testing.T, file string, names ...string) string {
		path := filepath.Join(t.TempDir(), file)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z := zip.NewWriter(f)
		for _, name := range names {
			h := &zip.FileHeader{Name: name}
			if strings.HasSuffix(name, "link") {
				h.SetMode(os.ModeSymlink | 0o777)
			}
			if _, err := z.CreateHeader(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const name = "a-1-py3-none-any.whl"
	for want, path := range map[string]string{
		`"../evil.py" is not a safe path`:      raw(t, name, "../evil.py"),
		`"/etc/passwd" is not a safe path`:     raw(t, name, "/etc/passwd"),
		`"a/../../evil.py" is not a safe path`: raw(t, name, "a/../../evil.py"),
		`"C:evil.py" is not a safe path`:       raw(t, name, "C:evil.py"),
		`"a\\b.py" is not a safe path`:         raw(t, name, `a\b.py`),
		`"a/link" is not a regular file`:       raw(t, name, "a/link"),
		`"a.py" is in the archive twice`:       raw(t, name, "a.py", "a.py"),
		"no .dist-info folder":                 raw(t, name, "a.py"),
		"two .dist-info folders":               raw(t, name, "a-1.dist-info/METADATA", "b-1.dist-info/METADATA"),
		"no a-1.dist-info/WHEEL":               raw(t, name, "a-1.dist-info/METADATA"),
		"does not end in .whl":                 raw(t, "a-1.zip"),
	} {
		_, err := wheel.Open(path)
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := wheel.Open(filepath.Join(t.TempDir(), name)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a missing file: %v", err)
	}
}
