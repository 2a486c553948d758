package wheel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/record"
)

// Expectation is what a recipe, or the build of its sdist, announces about the wheel.
type Expectation struct {
	Pure        bool     // the recipe says that there is nothing to compile
	PlatformTag string   // that a wheel with machine code must have
	Extensions  []string // dotted names of modules that must be inside; empty: any library will do
}

// CheckExtensions finds silent fallbacks: many packages give a pure wheel, or one without the extension, and exit status
// 0, when their extension does not compile. It is nil where the wheel is what was announced.
func CheckExtensions(w *Wheel, want Expectation) *record.Failure {
	if want.Pure {
		return checkPure(w)
	}
	var have []string
	for _, e := range w.Extensions() {
		have = append(have, e.Module)
	}
	var missing []string
	for _, m := range want.Extensions {
		if !slices.Contains(have, strings.TrimSuffix(m, ".__init__")) {
			missing = append(missing, m)
		}
	}
	detail := fmt.Sprintf("wheel: %s\nextension modules announced: %s\nextension modules inside: %s",
		w.Filename, list(want.Extensions), list(have))
	switch {
	case w.Filename.Platform != want.PlatformTag:
		return fallback(detail, "the wheel is tagged %s, not %s: its extension did not compile; if there is none, say so with wasmill.pure: true",
			w.Filename.Platform, want.PlatformTag)
	case len(missing) > 0:
		return fallback(detail, "the wheel lacks the extension module %s: it did not compile, and the build went on without it",
			strings.Join(missing, ", "))
	case len(w.Libraries()) == 0:
		return fallback(detail, "the wheel is tagged %s, but holds no extension module", want.PlatformTag)
	}
	return nil
}

func checkPure(w *Wheel) *record.Failure {
	detail := fmt.Sprintf("wheel: %s\nlibraries inside: %s", w.Filename, list(w.Libraries()))
	switch {
	case !w.Pure() || w.Filename.ABI != "none":
		return fallback(detail, "the recipe says wasmill.pure, but the wheel is tagged %s-%s", w.Filename.ABI, w.Filename.Platform)
	case len(w.Libraries()) > 0:
		return fallback(detail, "the recipe says wasmill.pure, but the wheel holds %s", w.Libraries()[0])
	}
	return nil
}

func fallback(detail, format string, args ...any) *record.Failure {
	return &record.Failure{
		Phase: record.PhasePack, Kind: record.SilentFallback, Message: fmt.Sprintf(format, args...), Detail: detail,
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
