package python

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHowAnInterpreterBegins(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		environ []string
		want    []string          // arguments
		env     map[string]string // of the interpreter's start
		cold    bool
	}{
		{name: "nothing said"},
		{name: "what CPython can be told later", args: []string{"-O", "-W", "error", "-Xfoo=bar", "-u", "-Ic", "pass"}},
		{name: "verbose", args: []string{"-vv", "x.py"}, want: []string{"-vv"}, cold: true},
		{name: "verbose, among others", args: []string{"-Bvq"}, want: []string{"-v"}, cold: true},
		{name: "dev mode", args: []string{"-X", "dev", "x.py"}, want: []string{"-X", "dev"}, cold: true},
		{name: "joined to its letter, with a value", args: []string{"-BXtracemalloc=5"}, want: []string{"-X", "tracemalloc=5"}, cold: true},
		{name: "the program's own", args: []string{"x.py", "-v", "-X", "dev"}},
		{name: "the code's own", args: []string{"-c", "-v", "-v"}},
		{name: "the code's own, joined", args: []string{"-c-v", "-v"}},
		{name: "the module's own", args: []string{"-m", "x", "-v"}},
		{name: "behind --", args: []string{"--", "-v"}},
		{name: "standard input", args: []string{"-", "-v"}},
		{name: "-W takes a word", args: []string{"-W", "-v"}},
		{name: "the value of a long option", args: []string{"--check-hash-based-pycs", "never", "-v"}, want: []string{"-v"}, cold: true},
		{name: "the end after an option that wants more", args: []string{"-X"}},
		{name: "seeds", environ: []string{"PYTHONHASHSEED=17"}, env: map[string]string{"PYTHONHASHSEED": "17"}, cold: true},
		{name: "the seed that many take", environ: []string{"PYTHONHASHSEED=0"}, env: map[string]string{"PYTHONHASHSEED": "0"}},
		{name: "no environment", args: []string{"-E"}, environ: []string{"PYTHONHASHSEED=17", "PYTHONDEVMODE=1"}},
		{name: "isolated", args: []string{"-Bsi", "-I"}, environ: []string{"PYTHONDEVMODE=1"}},
		{name: "an empty variable is none", environ: []string{"PYTHONDEVMODE="}},
		{name: "a variable with few values", environ: []string{"PYTHONUTF8=0"}, env: map[string]string{"PYTHONUTF8": "0"}},
		{name: "a variable that acts early", environ: []string{"PYTHONMALLOC=debug"}, env: map[string]string{"PYTHONMALLOC": "debug"}, cold: true},
		{name: "a random seed is not that of a snapshot", args: []string{"-R"}, cold: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == nil {
				c.want = []string{}
			}
			if c.env == nil {
				c.env = map[string]string{}
			}
			s := planStart(c.args, c.environ)
			if diff := cmp.Diff(c.want, s.arguments); diff != "" || !cmp.Equal(c.env, s.environment) || s.cold != c.cold {
				t.Errorf("got %+v", s)
			}
		})
	}
}

func FuzzReadCommandLine(f *testing.F) {
	f.Add("-Bv", "-Xdev", "-c")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		planStart([]string{a, b, c}, []string{a, b, c})
	})
}
