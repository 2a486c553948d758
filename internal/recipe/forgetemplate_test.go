package recipe

import (
	"strings"
	"testing"
)

func TestTemplates(t *testing.T) {
	tpl := forgeTemplate{map[string]any{"name": "demo-lib", "version": "2.10.1", "target_platform": "emscripten-wasm32", "emscripten": true, "win": false}}
	for text, want := range map[string]string{
		"plain $X ${X}":                                 "plain $X ${X}",
		"${{ name }}-${{version}}":                      "demo-lib-2.10.1",
		"${{ name[0] }}/${{ name[-1] }}":                "d/b",
		"${{ name | replace('-', '_') | upper }}":       "DEMO_LIB",
		"${{ name|replace(\"-\",\"\") }}":               "demolib",
		"${{ (version | split('.'))[0] }}":              "2",
		"${{ version.split('.')[1] }}":                  "10",
		"${{ (version | split('.'))[:2] | join('.') }}": "2.10",
		"${{ name ~ '-' ~ version }}":                   "demo-lib-2.10.1",
		"${{ 'v' + version }}":                          "v2.10.1",
		"${{ version[2:] }}":                            "10.1",
		"${{ python }}":                                 "!`python` is a variant's variable",
		"${{ compiler('c') }}":                          "!`compiler()` is known to rattler-build only",
		"${{ name | version_to_buildstring }}":          "!the filter `version_to_buildstring` is not converted",
		"${{ name[99] }}":                               "!has no part 99",
		"${{ 'a' if win else 'b' }}":                    "!is more than recipes are converted with",
		"${{ }}":                                        "!can't stand there",
		"${{ " + strings.Repeat("(", 5000) + " }}":      "!nested deeper",
		"${{ name | replace('-') }}":                    "!the filter `replace` is not converted",
		"${{ 99999999999999999999 }}":                   "!is not a number",
	} {
		got, err := tpl.render(text)
		if reason, fails := strings.CutPrefix(want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: %q, %v; want an error with %q", shorten(text), got, err, reason)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]bool{
		"emscripten": true, "not win": true, "emscripten and not win": true, "win or emscripten": true, "not (win or emscripten)": false,
		`target_platform == "emscripten-wasm32"`: true, "target_platform != 'linux-64'": true, "win and emscripten or emscripten": true,
	} {
		if got, err := tpl.holds(text); err != nil || got != want {
			t.Errorf("%s: %t, %v", text, got, err)
		}
	}
	for _, text := range []string{"cuda", "name", "emscripten and", "version >= '2'", "match(python, '>=3')", ""} {
		if got, err := tpl.holds(text); err == nil {
			t.Errorf("%s: %t", text, got)
		}
	}
}
