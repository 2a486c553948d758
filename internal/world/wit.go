package world

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// WIT writes what modules import as a world in WIT, the component model's language for interfaces: an interface for each
// module that is imported from, a function for each function, of core types. Names become WIT's in a way that
// docs/reference/worlds.md describes; the comment before each has the name as it is. WIT has no memories, tables, globals and
// tags, and no vectors and references: what has those is a comment.
func WIT(name string, modules []Module) string {
	type function struct {
		name string
		wasm.Signature
	}
	interfaces, other := map[string][]function{}, map[string][]string{}
	exported := map[string]bool{}
	for _, m := range modules {
		for _, x := range m.Exports {
			exported[x.Name] = true
		}
	}
	var order []string
	for _, m := range modules {
		for _, i := range m.Imports {
			if m.Dylink != nil && exported[i.Name] {
				continue // the artifact has it itself
			}
			if !slices.Contains(order, i.Module) {
				order = append(order, i.Module)
			}
			_, results, _ := strings.Cut(string(i.Signature), ":")
			if i.Kind == wasm.Func && len(results) <= 1 && !strings.ContainsAny(string(i.Signature), "VFexr") {
				interfaces[i.Module] = append(interfaces[i.Module], function{i.Name, i.Signature})
			} else {
				what := i.Kind.String() + " " + i.Name
				if i.Signature != "" {
					what += ": " + i.Signature.String()
				}
				other[i.Module] = append(other[i.Module], what)
			}
		}
	}
	slices.Sort(order)
	var out strings.Builder
	fmt.Fprintf(&out, "package wasmill:artifact;\n\n/// %s\nworld requires {\n", comment(name))
	taken := map[string]bool{"requires": true}
	for _, module := range order {
		list := interfaces[module]
		slices.SortFunc(list, func(a, b function) int {
			return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.Signature, b.Signature))
		})
		list = slices.Compact(list)
		slices.Sort(other[module])
		for _, o := range slices.Compact(other[module]) {
			fmt.Fprintf(&out, "  // %s: %s\n", comment(module), comment(o))
		}
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(&out, "  /// %s\n  import %s: interface {\n", comment(module), identifier(module, taken))
		names := map[string]bool{}
		for _, f := range list {
			fmt.Fprintf(&out, "    /// %s\n    %s: func%s;\n", comment(f.name), identifier(f.name, names), witSignature(f.Signature))
		}
		out.WriteString("  }\n")
	}
	out.WriteString("}\n")
	return out.String()
}

// comment keeps a name from strangers on its line.
func comment(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, name)
}

var witTypes = map[rune]string{'i': "u32", 'j': "u64", 'f': "f32", 'd': "f64"}

func witSignature(s wasm.Signature) string {
	params, results, _ := strings.Cut(string(s), ":")
	var list []string
	for i, p := range params {
		list = append(list, fmt.Sprintf("p%d: %s", i, witTypes[p]))
	}
	out := "(" + strings.Join(list, ", ") + ")"
	for _, r := range results {
		out += " -> " + witTypes[r]
	}
	return out
}

var (
	humps = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	words = regexp.MustCompile(`[a-zA-Z0-9]+`)
)

// identifier turns a name into one of WIT: words in lower case, with hyphens between them, that begin with a letter; "%" keeps
// it from being a keyword. Where two names become one, the later gets a number; names come sorted.
func identifier(name string, taken map[string]bool) string {
	var parts []string
	for _, w := range words.FindAllString(humps.ReplaceAllString(name, "$1-$2"), -1) {
		w = strings.ToLower(w)
		if w[0] >= '0' && w[0] <= '9' {
			w = "n" + w
		}
		parts = append(parts, w)
	}
	id := strings.Join(parts, "-")
	if id == "" {
		id = "x"
	}
	free := id
	same := func(id string) string { return strings.ReplaceAll(id, "-", "") } // for WIT two names that differ in hyphens are one
	for n := 2; taken[same(free)]; n++ {
		free = fmt.Sprintf("%s-x%d", id, n)
	}
	taken[same(free)] = true
	return "%" + free
}
