package wheel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"MarkupSafe": "markupsafe", "ruamel.yaml": "ruamel-yaml", "a__b-.c": "a-b-c", "zope.interface": "zope-interface",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestParseFilename(t *testing.T) {
	for _, c := range []struct {
		file string
		want Filename
		tags []Tag
	}{
		{
			"markupsafe-3.0.3-cp315-cp315-pyemscripten_2026_5_wasm32.whl",
			Filename{"markupsafe", "3.0.3", "", "cp315", "cp315", "pyemscripten_2026_5_wasm32"},
			[]Tag{{"cp315", "cp315", "pyemscripten_2026_5_wasm32"}},
		},
		{
			"six-1.17.0-2local-py2.py3-none-any.whl",
			Filename{"six", "1.17.0", "2local", "py2.py3", "none", "any"},
			[]Tag{{"py2", "none", "any"}, {"py3", "none", "any"}},
		},
	} {
		got, err := ParseFilename(c.file)
		if err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(c.tags, got.Tags()); d != "" {
			t.Error(d)
		}
		if got.String() != c.file {
			t.Errorf("%s is spelled %s", c.file, got)
		}
	}
}

func TestParseFilenameRefuses(t *testing.T) {
	for file, want := range map[string]string{
		"six-1.17.0.tar.gz":                  "does not end in .whl",
		"six-1.17.0-any.whl":                 "is not name-version",
		"six-1.17.0-x2-py3-none-any.whl":     "does not begin with a digit",
		"six-latest-py3-none-any.whl":        "not a version",
		"-1.17.0-py3-none-any.whl":           "not a project's name",
		"six-1.17.0-py3-none-.whl":           "not a tag",
		"six-1.17.0-py3-none-win32;rm x.whl": "not a tag",
	} {
		_, err := ParseFilename(file)
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
}
