package recipe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

// releases is a project with these files; a word behind a file's name makes it yanked, or says which Python it wants.
func releases(t *testing.T, files ...string) *recipe.Project {
	t.Helper()
	var list []map[string]any
	for i, f := range files {
		name, more, _ := strings.Cut(f, " ")
		file := map[string]any{"filename": name, "url": "../../files/" + name, "hashes": map[string]string{"sha256": fmt.Sprintf("%064x", i+1)}, "yanked": false}
		switch {
		case more == "yanked":
			file["yanked"] = "it is broken"
		case more != "":
			file["requires-python"] = more
		}
		list = append(list, file)
	}
	text, err := json.Marshal(map[string]any{"files": list})
	if err != nil {
		t.Fatal(err)
	}
	p, err := recipe.FetchProject(t.Context(), func(context.Context, string, string) ([]byte, error) { return text, nil }, "https://index.example/simple", "the-name")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const olderHash = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"

// Layouts that people have: every byte but the new values stays.
func TestUpdateKeepsTheLayout(t *testing.T) {
	p := releases(t, "the_name-1.9.tar.gz", "the_name-1.10.tar.gz", "the_name-1.10-py3-none-any.whl")
	for name, c := range map[string]struct{ before, after string }{
		"comments and odd places": {
			"# top\npackage:   # why\n  version:   1.9 # the old one\n  name: the-name\n\nabout: {license: MIT}\nsource:\n  sha256:    " + olderHash +
				"   # of 1.9\n  url:\n    https://files.pythonhosted.org/packages/source/t/the-name/the_name-1.9.tar.gz\n  extract_dir: the_name-1.9/python\n",
			"# top\npackage:   # why\n  version:   \"1.10\" # the old one\n  name: the-name\n\nabout: {license: MIT}\nsource:\n  sha256:    HASH" +
				"   # of 1.9\n  url:\n    https://files.pythonhosted.org/packages/source/t/the-name/the_name-1.10.tar.gz\n  extract_dir: the_name-1.10/python\n",
		},
		"quotes, flow and Windows": {
			"package: {name: 'the-name', version: '1.9'}\r\nsource: {url: \"https://files.pythonhosted.org/packages/aa/bb/cc/the_name-1.9.tar.gz\", sha256: " + olderHash + "}\r\n",
			"package: {name: 'the-name', version: '1.10'}\r\nsource: {url: \"https://index.example/files/the_name-1.10.tar.gz\", sha256: HASH}\r\n",
		},
		"folded, not ASCII, without an end": {
			"extra: {note: \"é\", ü: 1.9}\npackage:\n  name: the-name\n  version: \"1.9\"\nsource:\n  url: >-\n    https://files.pythonhosted.org/packages/source/t/the_name/the_name-1.9.tar.gz\n  sha256: |-\n    " + olderHash,
			"extra: {note: \"é\", ü: 1.9}\npackage:\n  name: the-name\n  version: \"1.10\"\nsource:\n  url: >-\n    https://files.pythonhosted.org/packages/source/t/the_name/the_name-1.10.tar.gz\n  sha256: |-\n    HASH",
		},
		"variables": {
			"package:\n  name: the-name\n  version: \"1.9\"\nsource:\n  url: https://example.org/the_name-$(PKG_VERSION).tar.gz\n  sha256: " + olderHash + "\n",
			"package:\n  name: the-name\n  version: \"1.10\"\nsource:\n  url: https://example.org/the_name-$(PKG_VERSION).tar.gz\n  sha256: HASH\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := recipe.Parse("meta.yaml", []byte(c.before))
			if err != nil {
				t.Fatal(err)
			}
			u, err := r.UpdateFrom(p, "3.15")
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(c.after, "HASH", fmt.Sprintf("%064x", 2), 1)
			if diff := cmp.Diff(want, string(u.Meta)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhichReleaseIsTaken(t *testing.T) {
	meta := func(version, file string) string {
		return "package: {name: the-name, version: '" + version + "'}\nsource:\n  url: https://files.pythonhosted.org/packages/source/t/the-name/" + file + "\n  sha256: " + olderHash + "\n"
	}
	for name, c := range map[string]struct {
		meta  string
		files []string
		want  string // "" is none; an error begins with !
	}{
		"the newest":                            {meta("1.9", "the_name-1.9.tar.gz"), []string{"the_name-1.10.tar.gz", "the_name-1.9.1.tar.gz"}, "1.10"},
		"nothing newer":                         {meta("1.10", "the_name-1.10.tar.gz"), []string{"the_name-1.10.0.tar.gz", "the_name-1.9.tar.gz"}, ""},
		"not what was yanked":                   {meta("1.9", "the_name-1.9.tar.gz"), []string{"the_name-1.10.tar.gz yanked", "the_name-1.9.1.tar.gz"}, "1.9.1"},
		"not what wants another Python":         {meta("1.9", "the_name-1.9.tar.gz"), []string{"the_name-2.0.tar.gz >=3.16", "the_name-1.10.tar.gz >=3.8,<3.16"}, "1.10"},
		"no pre-release":                        {meta("1.9", "the_name-1.9.tar.gz"), []string{"the_name-2.0rc1.tar.gz", "the_name-1.9.tar.gz"}, ""},
		"no pre-release, though there is none":  {meta("1.9", "the_name-1.9.tar.gz"), []string{"the_name-2.0rc1.tar.gz"}, ""},
		"a pre-release for who has one":         {meta("2.0b1", "the_name-2.0b1.tar.gz"), []string{"the_name-2.0rc1.tar.gz", "the_name-1.9.tar.gz"}, "2.0rc1"},
		"a post-release":                        {meta("1.9", "the_name-1.9.tar.gz"), []string{"the_name-1.9.post1.tar.gz"}, "1.9.post1"},
		"a wheel stays a wheel":                 {meta("1.9", "the_name-1.9-py3-none-any.whl"), []string{"the_name-1.10.tar.gz", "the_name-1.10-py3-none-any.whl"}, "1.10"},
		"a source does not become a wheel":      {meta("1.9", "the_name-1.9.tar.gz"), []string{"the_name-1.10-py3-none-any.whl"}, "!`the-name` 1.10 has no source archive"},
		"a project without anything to be made": {meta("1.9", "the_name-1.9.tar.gz"), []string{"the_name-1.10-cp315-cp315-win_amd64.whl"}, "!the index has no release"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := recipe.Parse("meta.yaml", []byte(c.meta))
			if err != nil {
				t.Fatal(err)
			}
			u, err := r.UpdateFrom(releases(t, c.files...), "3.15")
			if reason, fails := strings.CutPrefix(c.want, "!"); fails {
				if fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), reason) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := func() string {
				if u == nil {
					return ""
				}
				return u.To
			}(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestUpdateTellsWhatToLookAt(t *testing.T) {
	r, err := recipe.Parse("meta.yaml", []byte("package: {name: the-name, version: 1.9.0}\nsource:\n  url: https://files.pythonhosted.org/packages/source/t/the-name/the_name-1.9.0.tar.gz\n  sha256: "+olderHash+
		"\n  patches: [a.patch, ./b.patch, c.patch]\nbuild:\n  script: |\n    sed -i s/1.9.0/x/ y\n    echo 11.9.0 1.9.01\nwasmill:\n  patches:\n    a.patch: {why: x, status: merged-in 1.10}\n    b.patch: {why: x, status: submitted}\n"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := r.UpdateFrom(releases(t, "the_name-1.10.1.tar.gz"), "3.15")
	if err != nil {
		t.Fatal(err)
	}
	want := []recipe.PatchToLookAt{
		{Name: "a.patch", Reason: "merged in 1.10: it can be dropped"},
		{Name: "./b.patch", Reason: "it may not apply any more; upstream: submitted"},
		{Name: "c.patch", Reason: "it may not apply any more"},
	}
	if diff := cmp.Diff(want, u.Patches); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{8}, u.Mentions); diff != "" {
		t.Error(diff)
	}
}

func TestFixed(t *testing.T) {
	for meta, want := range map[string]string{
		"package: {name: a, version: '1', pinned: true}\nsource: {path: x}\n":                                                                    "pinned",
		"package: {name: a, version: '1'}\nsource: {path: x}\n":                                                                                  "its source is not fetched",
		"package: {name: a, version: OLD-3.2.1}\nsource: {url: https://example.org/a.zip, sha256: " + olderHash + "}\n":                          "its version is not one of PyPI",
		"package: {name: a, version: '1'}\nsource: {url: https://example.org/a.zip, sha256: " + olderHash + "}\nbuild: {type: static_library}\n": "a static library",
		"package: {name: a, version: '1'}\nsource: {url: https://example.org/a.zip, sha256: " + olderHash + "}\n":                                "",
	} {
		r, err := recipe.Parse("meta.yaml", []byte(meta))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Fixed(); got != want {
			t.Errorf("%s\n%q, want %q", meta, got, want)
		}
	}
}

// Other people's recipes, whatever their layout: an update changes values, and taking it back gives the same bytes.
func TestUpdateOfForeignRecipes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "../shared/corpus/recipes*/*/meta.yaml"))
	if err != nil || len(files) == 0 {
		t.Skip("../shared/corpus is not on this machine")
	}
	for _, file := range files {
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := recipe.Parse(file, before)
		if err != nil {
			t.Fatal(err)
		}
		if r.Fixed() != "" {
			continue
		}
		name, ending := r.Name, ".tar.gz"
		if r.Wheel() {
			ending = "-py3-none-any.whl"
		}
		text := fmt.Sprintf(`{"files": [{"filename": "%s-9999.1.2%s", "url": "https://example.org/x", "hashes": {"sha256": "%064x"}}]}`, strings.ReplaceAll(name, "-", "_"), ending, 7)
		p, err := recipe.FetchProject(t.Context(), func(context.Context, string, string) ([]byte, error) { return []byte(text), nil }, "https://index.example/simple", name)
		if err != nil {
			t.Fatal(err)
		}
		u, err := r.UpdateFrom(p, "3.15")
		if err != nil || u == nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if a, b := strings.Split(string(before), "\n"), strings.Split(string(u.Meta), "\n"); len(a) != len(b) {
			t.Errorf("%s: the number of lines changed", file)
		} else {
			changed := 0
			for i := range a {
				if a[i] != b[i] {
					changed++
				}
			}
			if changed > 4 {
				t.Errorf("%s: %d lines changed", file, changed)
			}
		}
	}
}
