package pip

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree is a folder's files with their contents, links with where they lead.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case e.Name() == lockFile:
		case e.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			out[name] = "-> " + link
			return err
		case !e.IsDir():
			data, err := os.ReadFile(path)
			out[name] = string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.RemoveAll(path), os.WriteFile(path, []byte(text), 0o755)); err != nil {
		t.Fatal(err)
	}
}

func environment(t *testing.T) (*Python, map[string]string) {
	dir := t.TempDir()
	put(t, dir+"/pyvenv.cfg", "home = /usr")
	put(t, dir+"/lib/python3.15/site-packages/one/__init__.py", "1")
	put(t, dir+"/lib/python3.15/site-packages/one-1.dist-info/RECORD", "one")
	put(t, dir+"/bin/one", "#!one")
	if err := os.Symlink("/usr/bin/python-wasm", dir+"/bin/python"); err != nil {
		t.Fatal(err)
	}
	return &Python{Prefix: dir, Stderr: &bytes.Buffer{}}, tree(t, dir)
}

// spoil is an upgrade that stops half way.
func spoil(t *testing.T, dir string) {
	put(t, dir+"/lib/python3.15/site-packages/one/__init__.py", "2")
	put(t, dir+"/lib/python3.15/site-packages/two.py", "new")
	put(t, dir+"/share/doc/two", "new")
	if err := errors.Join(os.WriteFile(dir+"/bin/one", []byte("written in place"), 0o755), os.RemoveAll(dir+"/lib/python3.15/site-packages/one-1.dist-info")); err != nil {
		t.Fatal(err)
	}
}

func TestAFailureLeavesTheEnvironmentAsItWas(t *testing.T) {
	p, before := environment(t)
	err := p.change(t.Context(), p.Prefix, func() error {
		spoil(t, p.Prefix)
		return failed("no space")
	})
	if err == nil || !strings.Contains(err.Error(), "is as it was before") {
		t.Error(err)
	}
	if diff := cmp.Diff(before, tree(t, p.Prefix)); diff != "" {
		t.Error(diff)
	}
}

func TestASuccessLeavesNothingBehind(t *testing.T) {
	p, before := environment(t)
	if err := p.change(t.Context(), p.Prefix, func() error { put(t, p.Prefix+"/share/x", "x"); return nil }); err != nil {
		t.Fatal(err)
	}
	before["share/x"] = "x"
	if diff := cmp.Diff(before, tree(t, p.Prefix)); diff != "" {
		t.Error(diff)
	}
}

// Killed in the middle, wherever that was: the next one puts the environment right before it begins.
func TestWhatWasKilledIsTakenBackLater(t *testing.T) {
	for name, killed := range map[string]func(t *testing.T, dir string){
		"while it worked": func(t *testing.T, dir string) { spoil(t, dir) },
		"while it took back": func(t *testing.T, dir string) {
			spoil(t, dir)
			if err := errors.Join(os.Rename(dir+"/bin", dir+"/"+asideMark+"bin"), os.Rename(dir+"/"+undoFolder+"/bin", dir+"/bin"), os.Rename(dir+"/lib", dir+"/"+asideMark+"lib")); err != nil {
				t.Fatal(err)
			}
		},
		"before it began": func(t *testing.T, dir string) {
			if err := errors.Join(os.Remove(dir+"/"+undoFolder+"/"+namesFile), os.RemoveAll(dir+"/"+undoFolder+"/lib")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, before := environment(t)
			if err := keep(p.Prefix); err != nil {
				t.Fatal(err)
			}
			killed(t, p.Prefix)
			if err := p.change(t.Context(), p.Prefix, func() error {
				if diff := cmp.Diff(before, withoutUndo(tree(t, p.Prefix))); diff != "" {
					t.Error(diff)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, tree(t, p.Prefix)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func withoutUndo(files map[string]string) map[string]string {
	for name := range files {
		if strings.HasPrefix(name, undoFolder) {
			delete(files, name)
		}
	}
	return files
}

// What lies beside a target folder's packages is not ours to put back.
func TestATargetFolderIsRemovedOnlyWhereItWasNew(t *testing.T) {
	p := &Python{Prefix: t.TempDir(), Stderr: &bytes.Buffer{}}
	target := t.TempDir() + "/new"
	fail := func() error { put(t, target+"/half.py", ""); return failed("no space") }
	if err := p.change(t.Context(), target, fail); err == nil || !strings.Contains(err.Error(), "was removed") {
		t.Error(err)
	}
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder is still there")
	}
	put(t, target+"/mine.txt", "mine")
	if err := p.change(t.Context(), target, fail); err == nil || !strings.Contains(err.Error(), "may hold a part of it") {
		t.Error(err)
	}
	if _, err := os.Stat(target + "/mine.txt"); err != nil {
		t.Error(err)
	}
}
