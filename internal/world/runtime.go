package world

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Runtime is what one runtime provides, as probes found it.
type Runtime struct {
	Name     string   `json:"name"`     // "wazero", "node24"
	About    string   `json:"about"`    // one line: what it is
	Versions []string `json:"versions"` // of what was probed: "node v24.21.0", "pyodide 315.0.0-alpha.2"
	Loaders  []string `json:"loaders"`  // what it runs, in the words of record.Requires
	// Answers are by name: "wasm.simd128", "wasi_snapshot_preview1.fd_read", "host.threads". What is not among them was
	// never asked for, and counts as missing.
	Answers map[string]Answer `json:"answers"`
}

// Answer is what a probe found.
type Answer struct {
	Has   bool   `json:"has"`
	Why   string `json:"why,omitempty"`         // what the runtime said where it has it not, or only in part
	Limit int64  `json:"limit_bytes,omitempty"` // the largest that went well, where some larger one did not
}

//go:embed runtimes/*.json
var measured embed.FS

// Runtimes are all that were measured, by name. Callers do not change them.
func Runtimes() []Runtime { return runtimes() }

var runtimes = sync.OnceValue(func() []Runtime {
	files, err := fs.Glob(measured, "runtimes/*.json")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var out []Runtime
	for _, file := range files {
		b, err := measured.ReadFile(file)
		var r Runtime
		if err = errors.Join(err, json.Unmarshal(b, &r)); err != nil {
			panic(fmt.Sprintf("world: %s: %v", path.Base(file), err)) // a test reads them all
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Runtime) int { return strings.Compare(a.Name, b.Name) })
	return out
})

// Find gives a runtime by its name. An unknown one is fault.Invalid.
func Find(name string) (Runtime, error) {
	var names []string
	for _, r := range Runtimes() {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return Runtime{}, fault.Errorf(fault.Invalid, "no runtime %q is known: it is one of %s", name, strings.Join(names, ", "))
}

// Names are those of the answers, sorted.
func (r Runtime) Names() []string { return slices.Sorted(maps.Keys(r.Answers)) }

// Missing is one thing that an artifact requires and a runtime lacks.
type Missing struct {
	Name string `json:"name"`
	File string `json:"file,omitempty"` // who needs it; empty for the artifact itself
	Why  string `json:"why"`            // what it is needed for, and what the runtime says
	Call bool   `json:"call,omitempty"` // everything loads, and calls that need it fail
}

func (m Missing) String() string {
	file := ""
	if m.File != "" {
		file = " (" + m.File + ")"
	}
	return m.Name + file + ": " + m.Why
}

// Check says what a runtime lacks for an artifact. What has an entry without Call can't work there.
func Check(r record.Requires, on Runtime) []Missing {
	if len(r.Loaders) > 0 && !slices.ContainsFunc(r.Loaders, on.loads) {
		return []Missing{{Name: "loader " + strings.Join(r.Loaders, " or "), Why: fmt.Sprintf("%s loads %s", on.Name, strings.Join(on.Loaders, ", "))}}
	}
	var out []Missing
	if slices.Contains(r.Loaders, Program) {
		for _, i := range r.Imports {
			if a := on.Answers[i]; !a.Has {
				out = append(out, Missing{Name: i, Why: because("it is imported", a)})
			}
		}
	}
	for _, n := range r.Needs {
		a := on.Answers[n.Name]
		switch {
		case !a.Has:
			out = append(out, Missing{n.Name, n.File, because(n.Why, a), n.Call})
		case a.Limit > 0 && n.Bytes > a.Limit:
			out = append(out, Missing{n.Name, n.File, fmt.Sprintf("%s: it has %d bytes, and %s takes at most %d", n.Why, n.Bytes, on.Name, a.Limit), n.Call})
		}
	}
	return out
}

// loads says whether the runtime takes what wants a loader.
func (r Runtime) loads(loader string) bool {
	return slices.ContainsFunc(r.Loaders, func(has string) bool {
		return has == loader || loader == SideModule && has != Program
	})
}

func because(why string, a Answer) string {
	if a.Why == "" {
		return why
	}
	return why + ", and the runtime says: " + a.Why
}

// Verdict is the answer in a table: "yes", "no", or "partly" for what loads and has calls that fail.
type Verdict string

// The verdicts.
const (
	Yes    Verdict = "yes"
	Partly Verdict = "partly"
	No     Verdict = "no"
)

// VerdictOf sums up what is missing.
func VerdictOf(missing []Missing) Verdict {
	switch {
	case len(missing) == 0:
		return Yes
	case slices.ContainsFunc(missing, func(m Missing) bool { return !m.Call }):
		return No
	}
	return Partly
}

// Differences says in what two measurements of a runtime differ, a line for each. What a runtime says in words, and versions, may.
func Differences(was, now Runtime) (lines []string) {
	names := was.Names()
	for _, name := range now.Names() {
		if _, ok := was.Answers[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		a, asked := was.Answers[name]
		b, asks := now.Answers[name]
		switch {
		case !asked:
			lines = append(lines, name+": was not asked for")
		case !asks:
			lines = append(lines, name+": is not asked for any more")
		case a.Has != b.Has || a.Limit != b.Limit:
			lines = append(lines, fmt.Sprintf("%s: was %t up to %d bytes, is %t up to %d bytes", name, a.Has, a.Limit, b.Has, b.Limit))
		}
	}
	return lines
}
