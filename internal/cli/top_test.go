package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
)

// busy is a farm in which much goes on.
func busy() api.Top {
	now := time.Date(2026, 1, 5, 10, 15, 0, 0, time.UTC)
	all := []string{"small", "medium", "large"}
	build := func(recipe, class, phase string, seconds int, usual float64, number int) api.WorkerBuild {
		return api.WorkerBuild{
			Run: "20260105-020000-k3f9", Recipe: recipe, Class: class, Phase: phase, Started: now.Add(-time.Duration(seconds) * time.Second), Usual: usual, Number: number,
		}
	}
	return api.Top{
		At: now,
		Workers: []api.Worker{
			{Name: "builder-1", Classes: all, ClassSlots: map[string]int{"small": 2, "medium": 1, "large": 1}, State: api.Active, Slots: 4, LastSeen: now, Builds: []api.WorkerBuild{build("numpy", "large", "compile", 754, 1300, 1), build("toolz", "small", "test", 3, 0, 2)}},
			{Name: "builder-2", Classes: all, State: api.Draining, Slots: 4, LastSeen: now, Reason: "a new disk", Builds: []api.WorkerBuild{build("pandas", "large", "compile", 90, 2000, 1)}},
			{Name: "builder-3", Classes: all, State: api.Out, Slots: 2, LastSeen: now, Reason: "the engine does not answer"},
			{Name: "builder-4", Classes: all, State: api.Gone, Slots: 2, LastSeen: now.Add(-10 * time.Minute)},
		},
		Queues: []api.Queue{{Lane: "submission", Class: "small", Queued: 2}, {Lane: "nightly", Class: "large", Running: 2, Queued: 7}, {Lane: "nightly", Class: "small", Running: 1, Queued: 120}},
		Runs: []api.RunProgress{
			{Run: api.Run{ID: "20260105-020000-k3f9", Lane: "nightly", State: "running", Created: now.Add(-8 * time.Hour), Limit: 3}, Total: 332, Joined: []string{"20260105-101400-ab12"},
				Counts: map[string]int{"passed": 120, "cached": 60, "failed": 4, "skipped": 9, "running": 3, "queued": 127, "planned": 9}},
			{Run: api.Run{ID: "20260105-101400-ab12", Lane: "submission", State: "running", Created: now.Add(-time.Minute)}},
		},
	}
}

func TestTop(t *testing.T) {
	farm := &api.Fake{Going: busy()}
	for _, args := range [][]string{{"top", "--once"}, {"top"}} { // the second is printed once, because nobody looks
		out, err := wasmill(t, farm, args...)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "top.txt", out)
	}
	out, err := wasmill(t, farm, "top", "--json")
	if err != nil || !strings.Contains(out, `"usual_seconds": 1300`) {
		t.Errorf("as JSON: %v\n%s", err, out)
	}
	if out, err = wasmill(t, &api.Fake{Going: api.Top{At: busy().At}}, "top"); err != nil {
		t.Error(err)
	}
	golden(t, "top-idle.txt", out)
}

// A page fits whatever terminal it is shown in, and is moved no further than it goes.
func TestAScreen(t *testing.T) {
	page := topPage(busy(), 0)
	for _, c := range []struct{ width, height, scroll, want int }{
		{80, 24, 0, 0}, {80, 24, 999, 0}, {40, 8, 0, 0}, {40, 8, 5, 5}, {40, 8, 999, len(page) - 1 - 6}, {40, 8, -3, 0}, {200, 60, 7, 0}, {10, 2, 0, 0}, {1, 1, 0, 0},
	} {
		t.Run(fmt.Sprintf("%dx%d from %d", c.width, c.height, c.scroll), func(t *testing.T) {
			lines, scroll := screen(page, c.width, c.height, c.scroll, "")
			if len(lines) != c.height || scroll != c.want {
				t.Errorf("%d lines from %d, want %d from %d", len(lines), scroll, c.height, c.want)
			}
			for _, line := range lines {
				if n := len([]rune(line)); n > c.width {
					t.Errorf("a line of %d: %q", n, line)
				}
			}
		})
	}
	lines, _ := screen(page, 100, 8, 3, "no answer for 5 s: the farm is away")
	golden(t, "top-small.txt", strings.Join(lines, "\n")+"\n")
}

// In a narrow terminal columns go, the least needed first, and not the ends of all lines.
func TestANarrowPage(t *testing.T) {
	held := busy()
	for i := range held.Workers[:2] {
		held.Workers[i].State = api.Drained
	}
	var pages strings.Builder
	for _, width := range []int{120, 80, 40} {
		for _, top := range []api.Top{busy(), held} {
			lines, _ := screen(topPage(top, width), width, 30, 0, "")
			fmt.Fprintf(&pages, "%d columns\n%s\n\n", width, strings.TrimRight(strings.Join(lines[:29], "\n"), "\n"))
		}
	}
	golden(t, "top-narrow.txt", pages.String())
}

// Keys come as terminals send them, several at once where one is held down.
func TestKeys(t *testing.T) {
	for text, want := range map[string][]string{
		"q": {"q"}, "\x03": {"\x03"}, "": nil, "\x1b[A\x1b[A\x1bOB\x1b[6~": {"up", "up", "down", "page down"}, "\x1b[4~q": {"end", "q"},
		"jk": {"down", "up"}, "\x1b": {"\x1b"}, "\x1b[": {"\x1b["}, "\x1b[1;5H": {"\x1b[1;5H"}, "\x1bOHG": {"begin", "end"},
	} {
		if diff := cmp.Diff(want, keyNames(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}
