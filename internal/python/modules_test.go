package python

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestModuleOfACommandLine(t *testing.T) {
	for args, want := range map[string][]string{
		"-m pip install x":                     {"pip", "install", "x"},
		"-Im pip list":                         {"pip", "list"},
		"-mvenv .venv":                         {"venv", ".venv"},
		"-X utf8 -W ignore -B -m pip":          {"pip"},
		"-Xdev -Wignore -m pip":                {"pip"},
		"--check-hash-based-pycs never -m pip": {"pip"},
		"-c pass -m pip":                       nil,
		"script.py -m pip":                     nil,
		"- -m pip":                             nil,
		"-- -m pip":                            nil,
		"-m":                                   nil,
		"-V -m pip":                            nil,
		"--help -m pip":                        nil,
		"-m pytest -m pip":                     {"pytest", "-m", "pip"},
	} {
		c := readCommandLine(strings.Fields(args))
		var got []string
		if c.module != "" {
			got = append([]string{c.module}, c.arguments...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", args, diff)
		}
	}
}
