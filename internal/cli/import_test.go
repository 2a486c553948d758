package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
)

// Of two recipes one is converted, with its patch and its test, and one is refused: the first is written, and the end
// says that not all went well. A second time nothing is written over.
func TestImportWritesWhatItCan(t *testing.T) {
	const forge = "../recipe/testdata/forge/"
	out := filepath.Join(t.TempDir(), "recipes")
	args := []string{"recipe", "import", "--json", "--out", out, forge + "whole", forge + "refused-outputs/recipe.yaml"}
	if _, err := wasmill(t, &api.Fake{}, append(args, "--dry-run")...); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "1 of 2 refused") {
		t.Errorf("a dry run: %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a dry run has written something")
	}
	text, err := wasmill(t, &api.Fake{}, args...)
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "1 of 2 refused") || !strings.Contains(err.Error(), "recipe.yaml:9:1: `outputs`") {
		t.Errorf("%v", err)
	}
	var done []importedRecipe
	if err := json.Unmarshal([]byte(text), &done); err != nil || len(done) != 2 {
		t.Fatalf("%v: %s", err, text)
	}
	if done[0].Recipe != "demo-lib" || done[0].Version != "2.10" || len(done[0].Notes) == 0 || len(done[1].Refused) != 1 || done[1].Refused[0].Line != 9 {
		t.Errorf("%+v", done)
	}
	for _, file := range []string{"meta.yaml", "test_demo.py", "data.json", "patches/fix.patch", "patches/threads.patch"} {
		if _, err := os.Stat(filepath.Join(out, "demo-lib", file)); err != nil {
			t.Error(err)
		}
	}
	if text, err := wasmill(t, &api.Fake{}, "recipe", "check", filepath.Join(out, "demo-lib")); err != nil || text != "checked 1, no mistakes\n" {
		t.Errorf("%s, %v", text, err)
	}
	if _, err := wasmill(t, &api.Fake{}, args...); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second time: %v", err)
	}
}
