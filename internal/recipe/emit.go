package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// projectMeta is the meta.yaml with which a project travels that FromProject made a recipe for: all that FromProject
// can know, and the source beside it.
func projectMeta(r *Recipe) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	texts := func(key string, list []string) {
		if len(list) > 0 {
			line("  %s:", key)
		}
		for _, s := range list {
			line("    - %s", quote(s))
		}
	}
	line("package:\n  name: %s", quote(Canonical(r.Name)))
	if r.Version != "" {
		line("  version: %s", quote(r.Version))
	}
	texts("top-level", r.TopLevel)
	line("source:\n  path: %s", projectSource)
	if q := r.Requirements; len(q.Run)+len(q.Host)+len(q.Executable) > 0 {
		line("requirements:")
		texts("run", q.Run)
		texts("host", q.Host)
		texts("executable", q.Executable)
	}
	line("about:\n  home: %s\n  summary: %s\n  license: %s", quote(r.About.Home), quote(r.About.Summary), quote(r.About.License))
	w := r.Wasmill
	line("wasmill:\n  pure: %t\n  dynamic-version: %t", w.Pure, w.DynamicVersion)
	texts("extension-modules", w.ExtensionModules)
	texts("targets", w.Targets)
	if w.Class != "" {
		line("  class: %s", w.Class)
	}
	line("  timeout: %s", w.Timeout)
	if w.MaxSize > 0 {
		line("  max-size: %s", w.MaxSize)
	}
	if !w.ExcludeNewer.IsZero() {
		line("  exclude-newer: %s", quote(w.ExcludeNewer.Format(time.RFC3339)))
	}
	if w.NotReproducible != "" {
		line("  not-reproducible: %s", quote(w.NotReproducible))
	}
	w.Test.emit(line)
	return b.Bytes()
}

// emit writes the section wasmill.test, if there is anything to say.
func (t *TestSuite) emit(line func(format string, args ...any)) {
	if !t.given() {
		return
	}
	line("  test:")
	for _, l := range []struct {
		key  string
		list []string
	}{{"run", t.Run}, {"suite", t.Suite}, {"requires", t.Requires}, {"runtimes", t.Runtimes}} {
		if len(l.list) > 0 {
			line("    %s:", l.key)
		}
		for _, s := range l.list {
			line("      - %s", quote(s))
		}
	}
	for _, m := range []struct {
		key   string
		texts map[string]string
	}{{"expected-failures", t.ExpectedFailures}, {"environment", t.Environment}} {
		if len(m.texts) > 0 {
			line("    %s:", m.key)
		}
		for _, k := range slices.Sorted(maps.Keys(m.texts)) {
			line("      %s: %s", quote(k), quote(m.texts[k]))
		}
	}
	if t.Timeout > 0 {
		line("    timeout: %s", t.Timeout)
	}
	if t.Native {
		line("    native: true")
	}
}

// quote writes a text so that YAML reads it as that text: bare where that is so, else as JSON does.
func quote(s string) string {
	errs := &Errors{}
	if v := tree("", []byte("k: "+s+"\n"), errs); v != nil && len(errs.List) == 0 && v.shape == isMapping && len(v.keys) == 1 {
		if inner := v.keys[0].value; inner.shape == isText && inner.text == s && !strings.ContainsAny(s, "\n|>") {
			return s
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text always encodes
	return strings.TrimSpace(b.String())
}
