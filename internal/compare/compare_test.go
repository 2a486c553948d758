package compare_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/compare"
)

// Each story is one recipe in two runs, and the lists in which it is to be found.
func TestRuns(t *testing.T) {
	passed := func(seconds float64, size int64, digest string) *api.Action {
		return &api.Action{Status: "passed", Seconds: seconds, Size: size, Digest: digest}
	}
	cached := &api.Action{Status: "cached", Size: 1 << 20, Digest: "a"}
	failed, skipped, away := &api.Action{Status: "failed"}, &api.Action{Status: "skipped"}, &api.Action{Status: "failed", Fault: "unavailable"}
	for story, c := range map[string]struct {
		before, after *api.Action
		want          []string
	}{
		"nothing changed":                   {passed(10, 1<<20, "a"), cached, nil},
		"it fails now":                      {cached, failed, []string{"failing"}},
		"what it needs fails now":           {cached, skipped, []string{"failing"}},
		"it fails as before":                {failed, failed, nil},
		"it failed, and now its need does":  {failed, skipped, nil},
		"it passes now":                     {failed, passed(10, 1<<20, "a"), []string{"passing"}},
		"it is built again, and passes":     {skipped, passed(10, 1<<20, "a"), []string{"passing"}},
		"a quarter slower":                  {passed(100, 1<<20, "a"), passed(126, 1<<20, "a"), []string{"slower"}},
		"a little slower":                   {passed(100, 1<<20, "a"), passed(120, 1<<20, "a"), nil},
		"twice a second":                    {passed(1, 1<<20, "a"), passed(2, 1<<20, "a"), nil},
		"cached, which takes no time":       {cached, passed(100, 1<<20, "a"), nil},
		"other bytes":                       {cached, passed(10, 1<<20, "b"), []string{"bytes"}},
		"larger":                            {cached, passed(10, 1<<21, "b"), []string{"larger", "bytes"}},
		"larger by a file's date or two":    {cached, passed(10, 1<<20+1000, "b"), []string{"bytes"}},
		"a byte more in something tiny":     {passed(1, 50, "a"), passed(1, 90, "b"), []string{"bytes"}},
		"smaller":                           {cached, passed(10, 1<<19, "b"), []string{"bytes"}},
		"the farm failed":                   {cached, away, []string{"unknown"}},
		"the farm failed the first time":    {away, failed, []string{"unknown"}},
		"the second run has not come to it": {cached, &api.Action{Status: "queued"}, []string{"unknown"}},
		"the first was canceled":            {&api.Action{Status: "canceled"}, failed, []string{"unknown"}},
		"it is new, and fails":              {nil, failed, []string{"only after"}},
		"it is gone":                        {cached, nil, []string{"only before"}},
	} {
		t.Run(story, func(t *testing.T) {
			before, after := api.Run{ID: "one"}, api.Run{ID: "two"}
			if c.before != nil {
				before.Actions = []api.Action{*c.before}
			}
			if c.after != nil {
				after.Actions = []api.Action{*c.after}
			}
			got := compare.Runs(before, after)
			var in []string
			for _, list := range []struct {
				name string
				n    int
			}{
				{"failing", len(got.Failing)}, {"passing", len(got.Passing)}, {"slower", len(got.Slower)}, {"larger", len(got.Larger)},
				{"bytes", len(got.Bytes)}, {"only before", len(got.OnlyBefore)}, {"only after", len(got.OnlyAfter)}, {"unknown", len(got.Unknown)},
			} {
				if list.n > 0 {
					in = append(in, list.name)
				}
			}
			if diff := cmp.Diff(c.want, in); diff != "" {
				t.Errorf("in the lists (-want +got):\n%s", diff)
			}
			if worse := len(c.want) > 0 && c.want[0] == "failing"; got.Worse() != worse {
				t.Errorf("worse: %t", got.Worse())
			}
		})
	}
}
