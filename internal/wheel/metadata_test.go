package wheel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

func TestMarkers(t *testing.T) {
	env := Emscripten("3.15")
	for marker, want := range map[string]bool{
		`sys_platform == "emscripten"`:                                               true,
		`sys_platform != 'emscripten'`:                                               false,
		`sys.platform == 'win32'`:                                                    false,
		`platform_machine in "wasm32 wasm64"`:                                        true,
		`platform_machine not in 'wasm32'`:                                           false,
		`python_version >= "3.9"`:                                                    true, // as versions: text would say no
		`python_version < "3.9" or os_name == "posix"`:                               true,
		`"3.15" == python_version`:                                                   true,
		`python_full_version ~= "3.15.0"`:                                            true,
		`python_version == "3.*"`:                                                    true,
		`implementation_name == "pypy" and os_name == "posix" or os_name == "posix"`: true,
		`implementation_name == "pypy" and (os_name == "posix" or os_name == "nt")`:  false,
		`extra == "test"`:                                                            false,
		`platform_release >= "5"`:                                                    false,
		`platform_python_implementation == 'CPython'`:                                true,
		`python_implementation == 'CPython'`:                                         true,
	} {
		r, err := ParseRequirement("x; " + marker)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := r.Applies(env); got != want {
			t.Errorf("%s: got %v", marker, got)
		}
	}
}

func TestMarkersRefused(t *testing.T) {
	for marker, want := range map[string]string{
		`sys_platform = "linux"`:        "can't be read",
		`sys_platform == linux`:         "unknown variable linux",
		`"a" == "a"`:                    "between a variable and a string",
		`os_name == "nt" xor`:           "more follows",
		`(os_name == "nt"`:              "not closed",
		`os_name`:                       "comparison is missing",
		`os_name not "nt"`:              `followed by "in"`,
		strings.Repeat("(", 60) + "os_": "too many parentheses",
	} {
		_, err := ParseRequirement("x; " + marker)
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v, want %q", marker, err, want)
		}
	}
}

func TestParseRequirement(t *testing.T) {
	type parts struct {
		Name, URL, Marker string
		Extras            []string
	}
	for text, want := range map[string]parts{
		"numpy":                    {Name: "numpy"},
		"Foo.Bar[a, b-c] (>=1,<2)": {Name: "Foo.Bar", Extras: []string{"a", "b-c"}},
		"x>=1 ; extra == 'all'":    {Name: "x", Marker: "extra == 'all'"},
		"x @ https://h/x;v=1.whl ; os_name == 'nt'": {Name: "x", URL: "https://h/x;v=1.whl", Marker: "os_name == 'nt'"},
	} {
		r, err := ParseRequirement(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if d := cmp.Diff(want, parts{r.Name, r.URL, r.Marker, r.Extras}); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
	for _, text := range []string{"", ">=1", "x 1.0", "x>=", "x; y", "-x"} {
		if _, err := ParseRequirement(text); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q passes", text)
		}
	}
}

const metadata = `Metadata-Version: 2.4
Name: cytoolz
Version: 1.1.0
Summary: Cython implementation of Toolz
Classifier: Programming Language :: Python
Classifier: Programming Language :: Cython
Requires-Python: >=3.9
License: BSD
        with a second line
Requires-Dist: toolz>=0.8.0
Requires-Dist: colorama; sys_platform == "win32"
Requires-Dist: pyodide-http; sys_platform == "emscripten" and python_version >= "3.13"
Requires-Dist: cython>=3; extra == "cython"

Name: this is the description
`

func TestParseMetadata(t *testing.T) {
	m, err := ParseMetadata([]byte(metadata))
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "cytoolz" || m.Version != "1.1.0" || m.RequiresPython != ">=3.9" {
		t.Errorf("%+v", m)
	}
	if got := m.Headers.Get("license"); got != "BSD\nwith a second line" {
		t.Errorf("folded header: %q", got)
	}
	if got := len(m.Headers.All("Classifier")); got != 2 {
		t.Errorf("%d classifiers", got)
	}
	names := func(rs []Requirement) (out []string) {
		for _, r := range rs {
			out = append(out, r.Name)
		}
		return out
	}
	if d := cmp.Diff([]string{"toolz", "pyodide-http"}, names(m.RunRequirements(Emscripten("3.15")))); d != "" {
		t.Error(d)
	}
	if !m.RequiresDist[3].Applies(Emscripten("3.15"), "Cython") {
		t.Error("an extra that was asked for does not bring its requirement")
	}
}

func TestParseMetadataRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "not a project's name",
		"Name: x\n":                "not a version",
		"Name: ../x\nVersion: 1\n": "not a project's name",
		"Name x\n":                 "line 1 is not a header",
		"Name: x\nVersion: 1\nRequires-Dist: a>>1\n": "is not a version",
	} {
		_, err := ParseMetadata([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(metadata))
	f.Add([]byte("Name: x\nVersion: 1\nRequires-Dist: a[b] @ u ; (extra=='x' or os_name in '')"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := ParseMetadata(b); err == nil {
			m.RunRequirements(Emscripten("3.15"))
		}
	})
}
