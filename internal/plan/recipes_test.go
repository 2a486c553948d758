package plan_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// folder writes recipes, file by file, and loads them.
func folder(t *testing.T, files map[string]string) *recipe.Set {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set, err := recipe.LoadSet(dir)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func meta(name, more string) string {
	return fmt.Sprintf("package:\n  name: %s\n  version: \"1.0\"\n%ssource:\n  url: https://example.org/%s-1.0.tar.gz\n  sha256: %s\n%s",
		name, "%s", name, strings.Repeat("ab", 32), more)
}

func recipes() map[string]string {
	return map[string]string{
		"Toolz/meta.yaml":         fmt.Sprintf(meta("Toolz", ""), ""),
		"cytoolz/meta.yaml":       fmt.Sprintf(meta("cytoolz", "  patches:\n    - patches/b.patch\n    - ./patches/a.patch\nrequirements:\n  host: [toolz]\n  run: [TOOLZ]\nwasmill:\n  exclude-newer: 2030-01-01T00:00:00Z\n"), ""),
		"cytoolz/patches/a.patch": "a",
		"cytoolz/patches/b.patch": "b",
		"cytoolz/helper.sh":       "true",
		"cytoolz/test_it.py":      "def test_it(): pass",
		"off/meta.yaml":           fmt.Sprintf(meta("off", ""), "  _disabled: true\n"),
		"needs-off/meta.yaml":     fmt.Sprintf(meta("needs-off", "requirements:\n  run: [off]\n"), ""),
	}
}

func TestFromSet(t *testing.T) {
	got, err := plan.FromSet(folder(t, recipes()), []string{"*"}, (*recipe.Recipe).Digests)
	if err != nil {
		t.Fatal(err)
	}
	// The digests of parts and tests are the recipe package's business; here it matters which there are.
	for i := range got {
		for j := range got[i].Parts {
			got[i].Parts[j].Digest = ""
		}
		if got[i].Tests != "" {
			got[i].Tests = "some"
		}
	}
	parts := []plan.Input{{Name: "package"}, {Name: "source"}, {Name: "build"}, {Name: "requirements"}, {Name: "wasmill"}}
	source := []plan.Input{{Digest: record.Digest("sha256:" + strings.Repeat("ab", 32))}}
	want := []plan.Recipe{
		{Name: "Toolz", Version: "1.0", Kind: "package", Parts: parts, Sources: source, Tests: "some"},
		{Name: "cytoolz", Version: "1.0", Kind: "package", Parts: append(parts[:5:5], plan.Input{Name: "file helper.sh"}), Sources: source, Tests: "some",
			Patches: []plan.Input{{Name: "patches/b.patch", Digest: digest("b")}, {Name: "./patches/a.patch", Digest: digest("a")}},
			Host:    []string{"Toolz"}, Run: []string{"Toolz"}, ExcludeNewer: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Name: "needs-off", Version: "1.0", Run: []string{"off"}},
		{Name: "off", Version: "1.0", Disabled: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recipes (-want +got):\n%s", diff)
	}
}

func TestSelectionIsClosed(t *testing.T) {
	got, err := plan.FromSet(folder(t, recipes()), []string{"cytoolz"}, (*recipe.Recipe).Digests)
	if err != nil {
		t.Fatal(err)
	}
	f := newFarm(t, got...)
	want := []string{"Toolz: build: no earlier build", "cytoolz: build: no earlier build"}
	if diff := cmp.Diff(want, lines(f.plan())); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestMistakesOfTheSetComeThrough(t *testing.T) {
	set := folder(t, map[string]string{"a/meta.yaml": fmt.Sprintf(meta("a", "requirements:\n  run: [nowhere]\n"), "")})
	_, err := plan.FromSet(set, []string{"a"}, (*recipe.Recipe).Digests)
	if err == nil || !strings.Contains(err.Error(), "`a` needs `nowhere`") || !strings.Contains(err.Error(), "meta.yaml:8") {
		t.Errorf("a missing dependency: %v; want who asks, and where", err)
	}
	if _, err := plan.FromSet(set, []string{"b"}, (*recipe.Recipe).Digests); err == nil {
		t.Error("selecting what is not there: no error")
	}
}
