package recipe_test

import (
	"context"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/wheel"
)

// What requires a package says which of its releases it goes with: a newer one is none of them.
func TestTheNewestReleaseWithinWhatIsRequired(t *testing.T) {
	page := simple(t, "the_name-3.0.2.tar.gz", "the_name-3.0.3.tar.gz", "the_name-3.0.4.tar.gz", "the_name-4.0rc1.tar.gz")
	get := func(context.Context, string, string) ([]byte, error) { return page, nil }
	for wanted, newest := range map[string]string{"": "3.0.4", "==3.0.3": "3.0.3", ">=3,<3.0.4": "3.0.3", "!=3.0.4,!=3.0.3": "3.0.2", ">=4.0rc1": "4.0rc1", "<3": ""} {
		spec, err := wheel.ParseSpecifier(wanted)
		if err != nil {
			t.Fatal(err)
		}
		release, err := recipe.FetchRelease(t.Context(), get, "https://plain.example/packages", "the-name", "", spec)
		if newest == "" {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", wanted, err)
			}
			continue
		}
		if err != nil || release.Version != newest {
			t.Errorf("%s: %v, %v; want %s", wanted, release, err, newest)
		}
	}
}
