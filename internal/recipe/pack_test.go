package recipe_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

func TestPackAndUnpack(t *testing.T) {
	files := digestedFiles()
	files["other/meta.yaml"] = "package: {name: other, version: '1'}\nsource: {path: src}\n"
	files["other/src/a.c"], files["other/.git"], files["demo/__pycache__/x.pyc"] = "int a;", "hidden", "cache"
	pack := func() ([]byte, *recipe.Set) {
		dir := write(t, files)
		if err := os.Chmod(filepath.Join(dir, "demo/helper.sh"), 0o755); err != nil {
			t.Fatal(err)
		}
		set, err := recipe.LoadSet(dir)
		if err != nil {
			t.Fatal(err)
		}
		var data bytes.Buffer
		if err := recipe.Pack(&data, set.Recipes()); err != nil {
			t.Fatal(err)
		}
		return data.Bytes(), set
	}
	one, set := pack()
	two, _ := pack()
	if !bytes.Equal(one, two) {
		t.Error("two packs of the same recipes differ")
	}

	got, err := recipe.Unpack(one, filepath.Join(t.TempDir(), "new"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range set.Recipes() {
		copied := got.Get(r.Name)
		if copied == nil {
			t.Fatalf("%s has not come through", r.Name)
		}
		want, err := r.Digests()
		if err != nil {
			t.Fatal(err)
		}
		digests, err := copied.Digests()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, digests); diff != "" {
			t.Errorf("%s arrives as another recipe:\n%s", r.Name, diff)
		}
	}
}

func TestPackRefusesWhatCannotTravel(t *testing.T) {
	dir := write(t, map[string]string{
		"outside/meta.yaml": "package: {name: outside, version: '1'}\nsource: {path: ../src}\n",
		"src/a.c":           "",
	})
	outside, err := recipe.Load(filepath.Join(dir, "outside"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := recipe.Parse("demo/meta.yaml", []byte("package: {name: demo, version: '1'}\nsource: {path: src}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*recipe.Recipe{outside, parsed} {
		if err := recipe.Pack(io.Discard, []*recipe.Recipe{r}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}

// What was made for a target that is no recipe goes the same way as recipes.
func TestPackProjectsAndSkeletons(t *testing.T) {
	dir := write(t, map[string]string{
		"pyproject.toml": "[build-system]\nrequires = ['maturin']\n[project]\nname = 'My.Project'\ndynamic = ['version']\ndescription = 'a: b # c'\ndependencies = ['the_name']\n" +
			"[tool.wasmill]\nextension-modules = ['my._c']\nclass = 'medium'\nmax-size = '1.5 MiB'\nexclude-newer = '2026-01-01T00:00:00Z'\nnot-reproducible = 'it writes: the time'\n" +
			"[tool.wasmill.test]\nrun = ['pytest -k \"a b\"']\nsuite = ['tests']\nrequires = ['hypothesis>=6']\nruntimes = ['node']\ntimeout = '5m'\nnative = true\n" +
			"environment = {A = '1'}\nexpected-failures = {'tests/a.py::b[1: 2]' = 'no: reason'}\n",
		"my/_c.c": "int c;", ".gitignore": "x", ".git/HEAD": "x", "dist/my.whl": "x", "test_my.py": "",
	})
	project, err := recipe.FromProject(dir)
	if err != nil {
		t.Fatal(err)
	}
	release, err := recipe.NewRelease(page, simple(t, "the_name-1.10.tar.gz"), nil, "the-name", "1.10")
	if err != nil {
		t.Fatal(err)
	}
	skeleton, err := release.Skeleton(recipe.Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	var pack bytes.Buffer
	if err := recipe.Pack(&pack, []*recipe.Recipe{project, skeleton.Recipe}); err != nil {
		t.Fatal(err)
	}
	set, err := recipe.Unpack(pack.Bytes(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := set.Get("my-project")
	files, err := r.SourceFiles()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]recipe.File{{Name: ".gitignore"}, {Name: "my/_c.c"}, {Name: "pyproject.toml"}, {Name: "test_my.py"}}, files); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(project.Wasmill, r.Wasmill); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(project.Requirements, r.Requirements); diff != "" {
		t.Error(diff)
	}
	if r.Version != "" || r.About.Summary != "a: b # c" || len(r.Tests) != 0 || r.Requirements.Run[0] != "the_name" {
		t.Errorf("%+v", r)
	}
	if _, err := set.Closure(set.Recipes()); err != nil {
		t.Error(err)
	}

	var again bytes.Buffer
	if err := recipe.Pack(&again, set.Recipes()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(pack.Bytes(), again.Bytes()) {
		t.Error("what was unpacked does not pack to the same bytes")
	}
}

func TestLinksOutAreNotPartOfARecipe(t *testing.T) {
	dir := write(t, map[string]string{"demo/meta.yaml": "package: {name: demo, version: '1'}\nsource: {path: src}\n"})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "demo/secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := recipe.Load(filepath.Join(dir, "demo")); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "demo/secret is neither") {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "demo/secret")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("meta.yaml", filepath.Join(dir, "demo/copy.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := recipe.Load(filepath.Join(dir, "demo")); err != nil {
		t.Error(err)
	}
}

// A pack may come from anybody.
func TestUnpackIsSafe(t *testing.T) {
	meta := "package: {name: demo, version: '1'}\nsource: {path: src}\n"
	for what, headers := range map[string][]tar.Header{
		"a way out":         {{Name: "demo/../../out", Typeflag: tar.TypeReg}},
		"an absolute path":  {{Name: "/tmp/out/x", Typeflag: tar.TypeReg}},
		"a symbolic link":   {{Name: "demo/link", Typeflag: tar.TypeSymlink, Linkname: "/etc"}},
		"a hard link":       {{Name: "demo/link", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}},
		"a device":          {{Name: "demo/null", Typeflag: tar.TypeChar}},
		"a file at the top": {{Name: "file", Typeflag: tar.TypeReg}},
		"a file twice":      {{Name: "demo/a", Typeflag: tar.TypeReg}, {Name: "demo/a", Typeflag: tar.TypeReg}},
		"a huge file":       {{Name: "demo/huge", Typeflag: tar.TypeReg, Size: 1 << 40}},
	} {
		var pack bytes.Buffer
		w := tar.NewWriter(&pack)
		for _, h := range headers {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		dir := filepath.Join(t.TempDir(), "in")
		if _, err := recipe.Unpack(pack.Bytes(), dir); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
		if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) != 1 {
			t.Errorf("%s: written outside: %v", what, entries)
		}
	}

	for what, content := range map[string]string{
		"a recipe with mistakes":            "package: {}\n",
		"a source elsewhere on the machine": strings.Replace(meta, "path: src", "path: ../../../etc", 1),
	} {
		var pack bytes.Buffer
		w := tar.NewWriter(&pack)
		if err := w.WriteHeader(&tar.Header{Name: "demo/meta.yaml", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := recipe.Unpack(pack.Bytes(), t.TempDir()); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}
