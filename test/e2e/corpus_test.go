//go:build engine

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
)

// corpus is a folder of other people's recipes, which the project does not ship.
func corpus(t testing.TB, name string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("../../../shared/corpus", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("there is no corpus of recipes at %s", dir)
	}
	return dir
}

// nightly says that what takes long is tested, too.
func nightly() bool { return os.Getenv("WASMILL_TEST_NIGHTLY") != "" }

// Other people's recipes, as they are: libraries, packages that are compiled against others, hosted wheels, patches. Two
// of the sources come from the source store, since their hosts may be gone. By night they are tested in Chromium, too.
func TestCorpus(t *testing.T) {
	recipes, sources := corpus(t, "recipes"), corpus(t, "sources")
	archives, err := filepath.Glob(filepath.Join(sources, "*"))
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"WASMILL_DATA=" + loneFolder(t)}
	wasmill(t, env, append([]string{"source", "add"}, archives...)...).expect(t, 0)
	args, in := []string{"--json", "--recipes", recipes, "--out", t.TempDir()}, []string{"node"}
	if nightly() {
		args, in = append(args, "--runtime", "chromium"), append(in, "chromium")
	}
	r := wasmillWithin(t, time.Hour, env, append(append([]string{"build"}, args...), "*")...)
	run := read[api.Run](t, r)
	passed(t, run)
	if entries, err := os.ReadDir(recipes); err != nil || len(run.Actions) != len(entries) {
		t.Errorf("%d actions for %d recipes, %v", len(run.Actions), len(entries), err)
	}
	for _, a := range run.Actions {
		if a.Artifact == "" {
			t.Errorf("%s left nothing", a.Recipe)
		}
		if strings.HasSuffix(a.Artifact, ".whl") && (a.Tests == nil || !slices.Equal(a.Tests.Runtimes, in)) {
			t.Errorf("%s was tested in %+v, not in %q", a.Recipe, a.Tests, in)
		}
	}
}
