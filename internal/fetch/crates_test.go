package fetch_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
)

var (
	one = strings.Repeat("1", 64)
	two = strings.Repeat("2", 64)
)

func TestReadCargoLock(t *testing.T) {
	registry := `source = "registry+https://github.com/rust-lang/crates.io-index"`
	for story, c := range map[string]struct {
		lock  string
		want  []fetch.Crate
		wrong string
	}{
		"the workspace's own packages are not fetched": {"version = 4\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\ndependencies = [\"b\"]\n", nil, ""},
		"sorted, each once": {
			"[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n" + registry + "\nchecksum = \"" + two + "\"\n" +
				"[[package]]\nname = \"a\"\nversion = \"0.3.0-rc.1+x\"\nsource = \"sparse+https://index.crates.io/\"\nchecksum = \"" + one + "\"\n" +
				"[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n" + registry + "\nchecksum = \"" + two + "\"\n",
			[]fetch.Crate{{Name: "a", Version: "0.3.0-rc.1+x", SHA256: one}, {Name: "b", Version: "1.0.0", SHA256: two}}, "",
		},
		"the first version of the format has the checksums at its end": {
			"[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n" + registry + "\n\n[metadata]\n\"checksum b 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)\" = \"" + two + "\"\n",
			[]fetch.Crate{{Name: "b", Version: "1.0.0", SHA256: two}}, "",
		},
		"from a repository": {
			"[[package]]\nname = \"g\"\nversion = \"1.0.0\"\nsource = \"git+https://example.org/g?rev=1#abc\"\n" +
				"[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n" + registry + "\nchecksum = \"" + two + "\"\n",
			nil, "the lock also names g 1.0.0 (git+https://example.org/g?rev=1#abc)",
		},
		"from somebody's own registry": {"[[package]]\nname = \"p\"\nversion = \"1.0.0\"\nsource = \"registry+https://example.org/index\"\nchecksum = \"" + one + "\"\n", nil, "p 1.0.0 (registry+https://example.org/index)"},
		"without a checksum":           {"[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n" + registry + "\n", nil, "b 1.0.0"},
		"a name that leads elsewhere":  {"[[package]]\nname = \"../b\"\nversion = \"1.0.0\"\n" + registry + "\nchecksum = \"" + two + "\"\n", nil, "no such names"},
		"a version that does":          {"[[package]]\nname = \"b\"\nversion = \"1/../..\"\n" + registry + "\nchecksum = \"" + two + "\"\n", nil, "no such names"},
		"no lock file at all":          {"<html>", nil, "invalid"},
	} {
		got, err := fetch.ReadCargoLock([]byte(c.lock))
		if c.wrong != "" {
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: the error is %v, want one with %q", story, err, c.wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", story, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
	}
	elsewhere := (*fetch.LockedElsewhereError)(nil)
	both := "[[package]]\nname = \"g\"\nversion = \"1.0.0\"\nsource = \"git+x\"\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n" + registry + "\nchecksum = \"" + two + "\"\n"
	if got, err := fetch.ReadCargoLock([]byte(both)); !errors.As(err, &elsewhere) || len(got) != 1 {
		t.Errorf("a dependency of a repository beside a crate gives %v, %v", got, err)
	}
}

func TestLocksOfSeveralWorkspaces(t *testing.T) {
	a, b, other := fetch.Crate{Name: "a", Version: "1.0.0", SHA256: one}, fetch.Crate{Name: "b", Version: "1.0.0", SHA256: two}, fetch.Crate{Name: "a", Version: "1.0.0", SHA256: two}
	got, err := fetch.MergeCrates([]fetch.Crate{b}, []fetch.Crate{a, b})
	if diff := cmp.Diff([]fetch.Crate{a, b}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := fetch.MergeCrates([]fetch.Crate{a}, []fetch.Crate{other}); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "a-1.0.0") {
		t.Errorf("two checksums of one version give %v", err)
	}
}

func TestWhereCratesAre(t *testing.T) {
	c := fetch.Crate{Name: "serde_json", Version: "1.0.1", SHA256: one}
	want := fetch.Source{
		URL: "https://static.crates.io/crates/serde_json/serde_json-1.0.1.crate", SHA256: one,
		Mirrors: []string{"https://crates.io/api/v1/crates/serde_json/1.0.1/download"},
	}
	if diff := cmp.Diff(want, (&fetch.Fetcher{}).CrateSource(c)); diff != "" {
		t.Error(diff)
	}
	want = fetch.Source{URL: "http://mirror/c/serde_json/serde_json-1.0.1.crate", SHA256: one}
	if diff := cmp.Diff(want, (&fetch.Fetcher{Crates: "http://mirror/c"}).CrateSource(c)); diff != "" {
		t.Error(diff)
	}
}

func FuzzReadCargoLock(f *testing.F) {
	f.Add([]byte("[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"" + two + "\"\n"))
	f.Add([]byte("[metadata]\n\"checksum b 1.0.0 (x)\" = 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		crates, err := fetch.ReadCargoLock(text)
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("the error is of another kind: %v", err)
		}
		for _, c := range crates {
			if strings.ContainsAny(c.Folder(), "/\\") || len(c.SHA256) != 64 {
				t.Errorf("%+v", c)
			}
		}
	})
}
