package wheel

import (
	"slices"
	"testing"
)

var linux = LinuxPlatforms(40, "x86_64")

func TestWhichTagsAreSupported(t *testing.T) {
	wasm := []string{"pyemscripten_2026_5_wasm32"}
	for _, c := range []struct {
		tag       string
		platforms []string
		want      bool
	}{
		{"cp315-cp315-manylinux_2_17_x86_64", linux, true},
		{"cp315-cp315-manylinux2014_x86_64", linux, true},
		{"cp315-cp315-linux_x86_64", linux, true},
		{"cp315-cp315-manylinux_2_41_x86_64", linux, false},
		{"cp315-cp315-manylinux_2_17_aarch64", linux, false},
		{"cp315-cp315-musllinux_1_2_x86_64", linux, false},
		{"cp315-cp315t-manylinux_2_17_x86_64", linux, false},
		{"cp314-cp314-manylinux_2_17_x86_64", linux, false},
		{"cp39-abi3-manylinux_2_17_x86_64", linux, true},
		{"cp316-abi3-manylinux_2_17_x86_64", linux, false},
		{"py3-none-manylinux_2_17_x86_64", linux, true},
		{"cp315-none-manylinux_2_17_x86_64", linux, true},
		{"py3-none-any", linux, true},
		{"py312-none-any", linux, true},
		{"py316-none-any", linux, false},
		{"py2-none-any", linux, false},
		{"pp311-pypy311_pp73-manylinux_2_17_x86_64", linux, false},
		{"cp315-cp315-any", linux, false},
		{"cp315-cp315-pyemscripten_2026_5_wasm32", wasm, true},
		{"cp311-abi3-pyemscripten_2026_5_wasm32", wasm, true},
		{"cp315-cp315-pyemscripten_2026_0_wasm32", wasm, false},
		{"py3-none-any", wasm, true},
	} {
		tags, err := ParseTags(c.tag)
		if err != nil {
			t.Fatal(err)
		}
		if got := Preference(tags, "3.15", c.platforms) >= 0; got != c.want {
			t.Errorf("%s: got %v", c.tag, got)
		}
	}
}

func TestPreferenceIsThatOfInstallers(t *testing.T) {
	best := []string{
		"cp315-cp315-manylinux_2_40_x86_64",
		"cp315-cp315-manylinux_2_17_x86_64.manylinux2014_x86_64",
		"cp315-cp315-linux_x86_64",
		"cp315-abi3-manylinux_2_17_x86_64",
		"cp39-abi3-manylinux_2_17_x86_64",
		"py3-none-manylinux_2_17_x86_64",
		"py2.py3-none-any",
		"py38-none-any",
	}
	preference := func(set string) int {
		tags, err := ParseTags(set)
		if err != nil {
			t.Fatal(err)
		}
		return Preference(tags, "3.15", linux)
	}
	if !slices.IsSortedFunc(best, func(a, b string) int { return preference(a) - preference(b) }) {
		for _, set := range best {
			t.Errorf("%10d %s", preference(set), set)
		}
	}
	if got := preference("cp314-cp314-win_amd64"); got != -1 {
		t.Errorf("a wheel for another system: %d", got)
	}
}

func TestEmscriptenABI(t *testing.T) {
	if year, number, ok := EmscriptenABI("pyemscripten_2026_5_wasm32"); year != 2026 || number != 5 || !ok {
		t.Error(year, number, ok)
	}
	for _, platform := range []string{"pyodide_2024_0_wasm32", "emscripten_4_0_9_wasm32", "pyemscripten_2026_wasm32", "any"} {
		if _, _, ok := EmscriptenABI(platform); ok {
			t.Errorf("%s passes", platform)
		}
	}
}
