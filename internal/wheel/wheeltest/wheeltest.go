// Package wheeltest makes small wheels for tests, sound or broken on purpose. It packs with the standard library and not
// with package wheel, so that the one can be tested with the other.
package wheeltest

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Spec describes a wheel.
type Spec struct {
	Name, Version string
	Tag           string // of the file name, "py3-none-any" when empty
	InnerTag      string // of WHEEL, when it shall differ
	Requires      []string
	Python        string            // Requires-Python
	Files         map[string]string // beside .dist-info; a name in .dist-info replaces what would be there, RECORD included
	Without       []string          // names that are left out at the end, as a careless tool would
	Reverse       bool              // entries from the last to the first
}

// DistInfo is the name of the .dist-info folder.
func (s Spec) DistInfo() string { return s.Name + "-" + s.Version + ".dist-info" }

// Filename is the wheel's file name.
func (s Spec) Filename() string { return s.Name + "-" + s.Version + "-" + s.tag() + ".whl" }

func (s Spec) tag() string {
	if s.Tag == "" {
		return "py3-none-any"
	}
	return s.Tag
}

// Contents are all files of the wheel.
func (s Spec) Contents() map[string]string {
	inner := s.InnerTag
	if inner == "" {
		inner = s.tag()
	}
	meta := fmt.Sprintf("Metadata-Version: 2.4\nName: %s\nVersion: %s\n", s.Name, s.Version)
	if s.Python != "" {
		meta += "Requires-Python: " + s.Python + "\n"
	}
	for _, r := range s.Requires {
		meta += "Requires-Dist: " + r + "\n"
	}
	out := map[string]string{
		s.DistInfo() + "/METADATA": meta + "\nSpeeds things up.\n",
		s.DistInfo() + "/WHEEL":    "Wheel-Version: 1.0\nGenerator: wheeltest\nRoot-Is-Purelib: true\nTag: " + inner + "\n",
	}
	maps.Copy(out, s.Files)
	if _, given := out[s.DistInfo()+"/RECORD"]; !given {
		out[s.DistInfo()+"/RECORD"] = s.record(out)
	}
	for _, name := range s.Without {
		delete(out, name)
	}
	return out
}

func (s Spec) record(files map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256([]byte(files[name]))
		fmt.Fprintf(&b, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(files[name]))
	}
	return b.String() + s.DistInfo() + "/RECORD,,\n"
}

// Write packs the wheel into dir and returns its path.
func Write(t testing.TB, dir string, s Spec) string {
	t.Helper()
	path := filepath.Join(dir, s.Filename())
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	files := s.Contents()
	names := slices.Sorted(maps.Keys(files))
	if s.Reverse {
		slices.Reverse(names)
	}
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// Unpack writes the wheel's files into dir, without an archive.
func Unpack(t testing.TB, dir string, s Spec) {
	t.Helper()
	for name, text := range s.Contents() {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
