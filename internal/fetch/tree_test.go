package fetch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCopyTreeLeavesOutWhatIsNoSource(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"pyproject.toml": "p", "src/a.c": "a", "src/build/kept.py": "k",
		".gitignore": "# objects\n*.o\n/generated/\ndocs/**/*.html\n!keep.o\n", "src/.gitignore": "local.txt\n/top.txt",
		"a.o": "", "src/deep/b.o": "", "keep.o": "keep", "generated/x": "", "src/generated/x": "g", "docs/x/y/z.html": "", "docs/z.md": "m",
		"src/local.txt": "", "local.txt": "l", "src/top.txt": "", "src/deep/top.txt": "t",
		".git/HEAD": "", "build/x": "", "dist/x.whl": "", "x.egg-info/PKG-INFO": "", "src/__pycache__/a.pyc": "", ".venv/bin/python": "",
	})
	dest := filepath.Join(t.TempDir(), "dest")
	if err := CopyTree(dir, dest); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := walkTree(dest, func(e treeEntry) error {
		data, err := os.ReadFile(filepath.Join(dest, e.rel))
		got[e.rel] = string(data)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	delete(got, ".gitignore")
	delete(got, "src/.gitignore")
	want := map[string]string{
		"pyproject.toml": "p", "src/a.c": "a", "src/build/kept.py": "k", "keep.o": "keep", "src/generated/x": "g", "docs/z.md": "m",
		"local.txt": "l", "src/deep/top.txt": "t",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTreeDigest(t *testing.T) {
	digest := func(dir string) string {
		t.Helper()
		d, err := TreeDigest(dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "1", "b/c": "2", ".git/x": ""})
	first := digest(dir)
	dest := filepath.Join(t.TempDir(), "copy")
	if err := CopyTree(dir, dest); err != nil {
		t.Fatal(err)
	}
	if got := digest(dest); got != first {
		t.Error("a copy has another digest")
	}
	for name, change := range map[string]func(string) error{
		"content":    func(d string) error { return os.WriteFile(filepath.Join(d, "a"), []byte("2"), 0o644) },
		"name":       func(d string) error { return os.Rename(filepath.Join(d, "a"), filepath.Join(d, "x")) },
		"executable": func(d string) error { return os.Chmod(filepath.Join(d, "a"), 0o755) },
		"new link":   func(d string) error { return os.Symlink("a", filepath.Join(d, "x")) },
	} {
		changed := filepath.Join(t.TempDir(), "changed")
		if err := CopyTree(dir, changed); err != nil {
			t.Fatal(err)
		}
		if err := change(changed); err != nil {
			t.Fatal(err)
		}
		if digest(changed) == first {
			t.Errorf("%s: the digest stays", name)
		}
	}
}

func TestCopyTreeRefusesLinksThatLeadOut(t *testing.T) {
	for _, target := range []string{"/etc/passwd", "../x", "a/../../x"} {
		dir, dest := t.TempDir(), filepath.Join(t.TempDir(), "dest")
		if err := os.Symlink(target, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		if err := CopyTree(dir, dest); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", target, err)
		}
		if left, _ := os.ReadDir(filepath.Dir(dest)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
