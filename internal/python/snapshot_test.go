package python

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(text string) func(string) error {
	return func(file string) error { return os.WriteFile(file, []byte(text), 0o600) }
}

func TestSnapshotIsWholeOrNotThere(t *testing.T) {
	s := home{cache: t.TempDir()}.snapshotFor("pyodide-1", "v20", "scripts", start{})
	if _, err := s.check(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	broken := errors.New("node died")
	err := s.make(t.Context(), func(file string) error { return errors.Join(write("half")(file), broken) })
	if !errors.Is(err, broken) {
		t.Errorf("making: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.file), "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left) // the lock
	}
	if err := s.make(t.Context(), write("memory")); err != nil {
		t.Fatal(err)
	}
	if size, err := s.check(); err != nil || size != int64(len("memory")) {
		t.Errorf("after: %d %v", size, err)
	}
	if err := s.make(t.Context(), func(string) error { return errors.New("made twice") }); err != nil {
		t.Errorf("what is there: %v", err)
	}
}

func TestDamagedSnapshotIsMadeAnew(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut off":          func(b []byte) []byte { return b[:len(b)-3] },
		"cut off early":    func(b []byte) []byte { return b[:5] },
		"empty":            func(b []byte) []byte { return nil },
		"another byte":     func(b []byte) []byte { b[2] ^= 1; return b },
		"another trailer":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"something behind": func(b []byte) []byte { return append(b, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			s := home{cache: t.TempDir()}.snapshotFor("pyodide-1", "v20", "scripts", start{})
			if err := s.make(t.Context(), write("the memory of an interpreter")); err != nil {
				t.Fatal(err)
			}
			whole, err := os.ReadFile(s.file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(s.file, damage(whole), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := s.check(); err == nil {
				t.Fatal("nobody noticed")
			}
			if err := s.make(t.Context(), write("anew")); err != nil {
				t.Fatal(err)
			}
			if size, err := s.check(); err != nil || size != 4 {
				t.Errorf("%d %v", size, err)
			}
		})
	}
}

func TestSnapshotsOfOtherThingsHaveOtherNames(t *testing.T) {
	h := home{cache: "/cache"}
	seen := map[snapshot]bool{}
	for _, s := range []snapshot{
		h.snapshotFor("r1", "v20", "s1", start{}), h.snapshotFor("r2", "v20", "s1", start{}), h.snapshotFor("r1", "v24", "s1", start{}),
		h.snapshotFor("r1", "v20", "s2", start{}), h.snapshotFor("r1", "v20", "s1", start{environment: map[string]string{"PYTHONHASHSEED": "0"}}),
		h.snapshotFor("r1", "v20", "s1", start{arguments: []string{"-X", "dev"}}),
	} {
		if seen[s] {
			t.Errorf("%v twice", s)
		}
		seen[s] = true
	}
}

func TestSnapshotsLongUnusedGo(t *testing.T) {
	h := home{cache: t.TempDir()}
	var first snapshot
	for i := range kept + 1 {
		s := h.snapshotFor("r", string(rune('a'+i)), "", start{})
		if err := s.make(t.Context(), write("memory")); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(time.Duration(i-100) * time.Hour)
		if err := os.Chtimes(s.file, old, old); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = s
		}
	}
	if err := first.makeRoom(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(h.cache, "snapshots", "*.bin")); len(left) != kept {
		t.Errorf("%d are left", len(left))
	}
	if _, err := first.check(); err == nil {
		t.Error("the oldest stays")
	}
}
