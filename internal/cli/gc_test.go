package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// An operator looks what would go, keeps one recipe, and lets the rest go.
func TestGarbageIsLookedAtAndCollected(t *testing.T) {
	used := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	farm := &api.Fake{
		Builds: map[string]record.Build{"numpy": {Recipe: "numpy"}},
		Garbage: api.Collected{
			Removed: []api.ForgottenBuild{
				{Recipe: "lz4", Version: "4.4.4", Toolchain: "pyemscripten_2026_5", Key: strings.Repeat("ab", 32), Outcome: "passed", Used: used},
				{Recipe: "h3", Version: "4.3.0", Toolchain: "pyemscripten_2026_5", Key: strings.Repeat("cd", 32), Outcome: "failed", Used: used.AddDate(0, -1, 0)},
			},
			Kept: map[string]int{"published": 300, "newest": 32, "pinned": 1}, Blobs: 7, Runs: 12, Attempts: 9000, Entries: 3, FreedBytes: 3 << 20, KeptBytes: 5 << 30,
		},
	}
	var story strings.Builder
	for _, args := range [][]string{
		{"gc", "--dry-run"}, {"pin", "--dry-run", "numpy"}, {"pin"}, {"pin", "numpy"}, {"unpin", "--dry-run", "numpy"}, {"pin"},
		{"gc", "--keep", "1", "--older-than", "12h"}, {"unpin", "numpy"},
	} {
		out, err := wasmill(t, farm, args...)
		if err != nil {
			t.Fatal(err)
		}
		story.WriteString("$ wasmill " + strings.Join(args, " ") + "\n" + out + "\n")
	}
	golden(t, "gc.txt", story.String())
	want := []api.Collect{{Keep: 3, OlderThan: 30 * 24 * 3600, DryRun: true, RunsOlderThan: 90 * 24 * 3600, JournalOlderThan: 365 * 24 * 3600}, {Keep: 1, OlderThan: 12 * 3600, RunsOlderThan: 90 * 24 * 3600, JournalOlderThan: 365 * 24 * 3600}}
	if diff := cmp.Diff(want, farm.Collects); diff != "" {
		t.Errorf("what the farm was asked (-want +got):\n%s", diff)
	}
	farm.Garbage = api.Collected{Kept: map[string]int{"newest": 2}, Tags: 41, Registry: "registry.example:5000"}
	out, err := wasmill(t, farm, "gc")
	if err != nil || !strings.Contains(out, "41 manifests removed; the registry at registry.example:5000 frees their bytes") {
		t.Errorf("with a registry elsewhere: %q, %v", out, err)
	}
	for _, c := range []struct {
		args []string
		kind fault.Kind
	}{
		{[]string{"gc", "--older-than", "a week"}, fault.Invalid}, {[]string{"gc", "--older-than", "-1h"}, fault.Invalid},
		{[]string{"gc", "--older-than", "99999999d"}, fault.Invalid}, {[]string{"gc", "--keep", "-1"}, fault.Invalid},
		{[]string{"pin", "nix"}, fault.NotFound}, {[]string{"pin", "--dry-run", "nix"}, fault.NotFound}, {[]string{"unpin", "--dry-run", "nix"}, fault.NotFound},
		{[]string{"unpin", "numpy"}, fault.NotFound},
	} {
		if _, err := wasmill(t, farm, c.args...); err == nil || fault.KindOf(err) != c.kind {
			t.Errorf("%v: %v, want %v", c.args, err, c.kind)
		}
	}
}
