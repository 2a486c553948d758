package worker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/workflows"
)

func TestSlotsOfClasses(t *testing.T) {
	for story, c := range map[string]struct {
		classes []string
		want    map[workflows.Class]int
	}{
		"all share a machine":     {nil, map[workflows.Class]int{"small": 4, "medium": 2, "large": 1}},
		"one has it for itself":   {[]string{"large"}, map[workflows.Class]int{"large": 4}},
		"two, and no small build": {[]string{"large", "medium"}, map[workflows.Class]int{"large": 4, "medium": 4}},
	} {
		t.Run(story, func(t *testing.T) {
			got, err := SpreadOver(c.classes, 4)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	if _, err := SpreadOver([]string{"huge"}, 4); err == nil || fault.KindOf(err) != fault.Invalid {
		t.Errorf("a class that there is not: %v", err)
	}
}
