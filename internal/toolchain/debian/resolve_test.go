package debian

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testIndex(t *testing.T) *Index {
	t.Helper()
	f, err := os.Open("testdata/Packages")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ix, err := ReadIndex(f)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func TestResolveChoosesWhatIsNeededAndNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		want    []string
		exclude []string
		chosen  string
	}{
		"a dependency of two packages on each other ends": {
			want: []string{"libc"}, chosen: "libc=2.43-1 libgcc=16-1",
		},
		"the first alternative that exists, and the first by name that provides": {
			want: []string{"app"}, chosen: "app=2.0-1 exim=4.0-1 libc=2.43-1 libgcc=16-1 libnew=1:0.9-1 libold=1.0-1 tool=5-1",
		},
		"an alternative that is wanted anyway is enough": {
			want: []string{"app", "libold", "postfix"}, chosen: "app=2.0-1 libc=2.43-1 libgcc=16-1 libold=1.0-1 postfix=3.0-1 tool=5-1",
		},
		"what is excluded counts as met, with what it would have needed": {
			want: []string{"app"}, exclude: []string{"tool", "exim", "libc"}, chosen: "app=2.0-1 libnew=1:0.9-1",
		},
		"a bound on what is provided": {
			want: []string{"versioned"}, chosen: "impl-two=9-1 versioned=1.0-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := testIndex(t).Resolve(c.want, c.exclude)
			if err != nil {
				t.Fatal(err)
			}
			var words []string
			for _, p := range got {
				words = append(words, p.Name+"="+p.Version)
			}
			if diff := cmp.Diff(c.chosen, strings.Join(words, " ")); diff != "" {
				t.Errorf("chosen packages differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveSaysWhatIsMissingAndWhoAsks(t *testing.T) {
	for name, c := range map[string]struct {
		want, exclude []string
		message       string
	}{
		"an unknown package":    {want: []string{"nothing"}, message: "the suite has no package nothing"},
		"an unmet bound":        {want: []string{"broken"}, message: "broken 1.0-1 needs libc (>= 99), which the suite does not have"},
		"wanted and not wanted": {want: []string{"libc"}, exclude: []string{"libc"}, message: "package libc is both wanted and excluded"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := testIndex(t).Resolve(c.want, c.exclude)
			if err == nil || err.Error() != c.message {
				t.Errorf("the error is %v, want %s", err, c.message)
			}
		})
	}
}

func TestADamagedIndexIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"no hash":              "Package: a\nVersion: 1\nFilename: a.deb\nSize: 1\n",
		"no field":             "Package: a\nnonsense\n",
		"continues nothing":    " and so on\n",
		"a strange dependency": "Package: a\nVersion: 1\nFilename: a.deb\nSize: 1\nSHA256: " + strings.Repeat("0", 64) + "\nDepends: b (~ 3)\n",
	} {
		if _, err := ReadIndex(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
