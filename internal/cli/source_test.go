package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
)

// A person has two files, one of which a recipe wants: it is said whose source it is, the list of the recipes' sources
// shows it, and it can be taken out again.
func TestSourcesAreGivenListedAndTaken(t *testing.T) {
	farm, dir := &api.Fake{}, t.TempDir()
	content := map[string]string{"b-1.0.tar.gz": "the source of b", "holiday.jpg": "not a source"}
	sums := map[string]string{}
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(text))
		sums[name] = hex.EncodeToString(sum[:])
	}
	recipes := recipesOf(t, map[string][]string{"a": nil, "b": nil})
	meta := filepath.Join(recipes, "b", "meta.yaml")
	text, err := os.ReadFile(meta)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), strings.Repeat("a", 64), sums["b-1.0.tar.gz"], 1))
	if err := os.WriteFile(meta, text, 0o600); err != nil {
		t.Fatal(err)
	}

	var story strings.Builder
	for _, args := range [][]string{
		{"source", "add", "--recipes", recipes, filepath.Join(dir, "b-1.0.tar.gz"), filepath.Join(dir, "holiday.jpg")},
		{"source", "add", filepath.Join(dir, "b-1.0.tar.gz")}, // again: no harm
		{"source", "list"},
		{"source", "list", "--recipes", recipes},
	} {
		out, err := wasmill(t, farm, args...)
		if err != nil {
			t.Fatal(err)
		}
		story.WriteString(out + "\n")
	}
	golden(t, "sources.txt", story.String())

	out, err := wasmill(t, farm, "source", "add", "--json", "--recipes", recipes, filepath.Join(dir, "b-1.0.tar.gz"))
	var added []addedSource
	if err != nil || json.Unmarshal([]byte(out), &added) != nil || len(added) != 1 || added[0].SHA256 != sums["b-1.0.tar.gz"] || added[0].WantedBy[0] != "b" {
		t.Errorf("%v, %s", err, out)
	}

	taken := filepath.Join(t.TempDir(), "taken")
	if _, err := wasmill(t, farm, "source", "get", sums["b-1.0.tar.gz"], "--out", taken); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(taken); string(text) != content["b-1.0.tar.gz"] {
		t.Errorf("taken: %q", text)
	}
	story.Reset()
	for _, args := range [][]string{
		{"source", "remove", "--dry-run", sums["holiday.jpg"], "sha256:" + sums["b-1.0.tar.gz"]},
		{"source", "remove", sums["holiday.jpg"], strings.ToUpper(sums["holiday.jpg"])},
		{"source", "list"},
	} {
		out, err := wasmill(t, farm, args...)
		if err != nil {
			t.Fatal(err)
		}
		story.WriteString(out + "\n")
	}
	golden(t, "sources-removed.txt", story.String())

	for name, c := range map[string]struct {
		args []string
		kind fault.Kind
		say  string
	}{
		"a file is there already": {[]string{"source", "get", sums["b-1.0.tar.gz"], "--out", taken}, fault.Conflict, "--out"},
		"nobody gave it":          {[]string{"source", "get", strings.Repeat("0", 64)}, fault.NotFound, "wasmill source list"},
		"one of two is gone":      {[]string{"source", "remove", sums["b-1.0.tar.gz"], sums["holiday.jpg"]}, fault.NotFound, "nothing is removed"},
		"nothing to remove":       {[]string{"source", "remove"}, fault.Invalid, "at least one sha256"},
		"no such file":            {[]string{"source", "add", filepath.Join(dir, "none")}, fault.NotFound, "there is no file"},
		"nothing":                 {[]string{"source", "add"}, fault.Invalid, "at least one file"},
	} {
		if _, err := wasmill(t, farm, c.args...); fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
