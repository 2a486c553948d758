package cli

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
)

// Who looks after a farm sees what is put aside and why, puts a recipe aside, and takes one back.
func TestQuarantinesAreListedAddedAndLifted(t *testing.T) {
	farm := &api.Fake{}
	err := farm.Quarantine(t.Context(), api.Quarantine{
		Recipe: "lxml", Reason: "it fails and passes in turns with the same key: 2 times within 5 builds", Owner: "ada, grace", Automatic: true,
		Until: time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	var story strings.Builder
	for _, args := range [][]string{
		{"quarantine", "list"},
		{"quarantine", "add", "numpy", "--reason", "test_fft is flaky", "--owner", "ann", "--for", "7d", "--dry-run"},
		{"quarantine", "add", "numpy", "--reason", "test_fft is flaky", "--owner", "ann", "--for", "7d"},
		{"quarantine", "lift", "lxml", "--dry-run"},
		{"quarantine", "lift", "lxml", "numpy"},
		{"quarantine", "list", "--json"},
	} {
		out, err := wasmill(t, farm, args...)
		if err != nil {
			t.Fatal(err)
		}
		story.WriteString("$ wasmill " + strings.Join(args, " ") + "\n" + out + "\n")
	}
	golden(t, "quarantine.txt", regexp.MustCompile(`(numpy +)\d{4}-\d\d-\d\d`).ReplaceAllString(story.String(), "${1}IN-A-WEEK "))
	for _, c := range []struct {
		args []string
		kind fault.Kind
		say  string
	}{
		{[]string{"quarantine", "add", "numpy"}, fault.Invalid, "--reason"},
		{[]string{"quarantine", "add", "numpy", "--reason", "x", "--for", "soon"}, fault.Invalid, "--for"},
		{[]string{"quarantine", "add", "numpy", "--reason", "x", "--for", "0d"}, fault.Invalid, "is no time"},
		{[]string{"quarantine", "lift", "numpy"}, fault.NotFound, "is not in quarantine"},
		{[]string{"quarantine", "lift", "numpy", "--dry-run"}, fault.NotFound, "is not in quarantine"},
	} {
		if _, err := wasmill(t, farm, c.args...); err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%v: %v, want %v with %q", c.args, err, c.kind, c.say)
		}
	}
}
