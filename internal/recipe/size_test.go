package recipe_test

import (
	"testing"

	"github.com/wasmill/wasmill/internal/recipe"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]recipe.Size{
		"5 MB":     5_000_000,
		"5MB":      5_000_000,
		"5mb":      5_000_000,
		"800 KiB":  800 << 10,
		"1.5 MiB":  3 << 19,
		"2 GB":     2_000_000_000,
		"1GiB":     1 << 30,
		"64 kB":    64_000,
		"123456 B": 123456,
	} {
		got, err := recipe.ParseSize(text)
		if err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
		if again, err := recipe.ParseSize(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q, and that is read as %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "5", "5000000", "MB", "-5 MB", "0 MB", "0.1 B", "5  MB", " 5 MB", "5 MB ", "5 M", "5 TB", "1e3 MB", "5,5 MB", "99999999 GB", "5 MB\n"} {
		if got, err := recipe.ParseSize(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}
