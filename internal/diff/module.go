package diff

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// modules compares two WebAssembly modules section by section.
func (d *differ) modules(n *Node, a, b []byte, _ int) error {
	first, err := wasm.Sections(a)
	if err != nil {
		return err
	}
	second, err := wasm.Sections(b)
	if err != nil {
		return err
	}
	m := pair{d: d, outside: [2]*wasm.Module{outside(a), outside(b)}, labels: [2]wasm.Labels{wasm.LabelsOf(first), wasm.LabelsOf(second)}}
	for side, o := range m.outside {
		for _, i := range o.Imports {
			if i.Kind == wasm.Func {
				m.imported[side]++
			}
		}
	}
	x, y := sectionIDs(first), sectionIDs(second)
	var common [2][]string
	for i, of := range x {
		if j := slices.Index(y, of); j < 0 {
			n.part(&Node{Name: of.name, Kind: Section, Only: "first"})
		} else {
			common[0] = append(common[0], of.name)
			n.part(m.section(first[i], second[j]))
		}
	}
	for _, of := range y {
		if slices.Index(x, of) < 0 {
			n.part(&Node{Name: of.name, Kind: Section, Only: "second"})
		} else {
			common[1] = append(common[1], of.name)
		}
	}
	if !slices.Equal(common[0], common[1]) {
		n.change("order of the sections", strings.Join(common[0], ", "), strings.Join(common[1], ", "))
	}
	return nil
}

// outside is what the module imports and exports; nothing where it can't be read.
func outside(module []byte) *wasm.Module {
	m, err := wasm.Parse(bytes.NewReader(module))
	if err != nil {
		return &wasm.Module{}
	}
	return m
}

func sectionIDs(list []wasm.RawSection) []id {
	seen := map[string]int{}
	out := make([]id, len(list))
	for i, s := range list {
		out[i] = id{s.String(), seen[s.String()]}
		seen[s.String()]++
	}
	return out
}

// pair is two modules.
type pair struct {
	d       *differ
	outside [2]*wasm.Module
	labels  [2]wasm.Labels
	// imported is how many functions are imported: they have the first indices.
	imported [2]uint32
}

func (m *pair) section(a, b wasm.RawSection) *Node {
	if bytes.Equal(a.Body, b.Body) {
		return nil
	}
	m.d.nodes--
	n := &Node{Name: a.String(), Kind: Section}
	n.digests(a.Body, b.Body)
	switch n.Name {
	case "code", "data":
		x, err := a.Entries()
		y, err2 := b.Entries()
		if err == nil && err2 == nil {
			m.entries(n, x, y)
		}
	case "import", "export", "custom dylink.0", "custom target_features":
		n.Lines = listed(said(n.Name, m.outside[0]), said(n.Name, m.outside[1]))
	case "custom name":
		n.Lines = listed(named(m.labels[0]), named(m.labels[1]))
	case "custom producers":
		x, err := a.Producers()
		y, err2 := b.Producers()
		if err == nil && err2 == nil {
			n.Lines = listed(x, y)
		}
	case "custom sourceMappingURL", "custom external_debug_info":
		n.change("text", Visible(string(a.Body)), Visible(string(b.Body)))
	}
	if len(n.Parts) == 0 && len(n.Lines) == 0 {
		n.differsAt(0, a.Body, b.Body)
	}
	return n
}

// entries compares functions, or segments. Where one side has more, those before and after what has come or gone are held
// against each other.
func (m *pair) entries(n *Node, a, b []wasm.Entry) {
	n.change("entries", fmt.Sprint(len(a)), fmt.Sprint(len(b)))
	start := 0
	for start < len(a) && start < len(b) && bytes.Equal(a[start].Bytes, b[start].Bytes) {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && bytes.Equal(a[len(a)-1-end].Bytes, b[len(b)-1-end].Bytes) {
		end++
	}
	both := min(len(a), len(b)) - end
	for i := start; i < both; i++ {
		if bytes.Equal(a[i].Bytes, b[i].Bytes) {
			continue
		}
		p := m.entry(n.Name, 0, i)
		if was, is := m.entry(n.Name, 0, i).Name, m.entry(n.Name, 1, i).Name; was != is {
			p.change("name", was, is)
		}
		p.digests(a[i].Bytes, b[i].Bytes)
		p.differsAt(0, a[i].Bytes, b[i].Bytes)
		n.part(p)
	}
	for i := both; i < len(a)-end; i++ {
		p := m.entry(n.Name, 0, i)
		p.Only = "first"
		n.part(p)
	}
	for i := both; i < len(b)-end; i++ {
		p := m.entry(n.Name, 1, i)
		p.Only = "second"
		n.part(p)
	}
}

// entry names a function by its index among all, imported ones first, and a segment by its own.
func (m *pair) entry(section string, side, i int) *Node {
	p := &Node{Name: fmt.Sprint("segment ", i), Kind: Segment}
	names, index := m.labels[side].Segments, uint32(i) //nolint:gosec // a section has fewer entries than bytes
	if section == "code" {
		index += m.imported[side]
		p.Name, p.Kind, names = fmt.Sprint("function ", index), Function, m.labels[side].Functions
	}
	if name := names[index]; name != "" {
		p.Name += " (" + name + ")"
	}
	return p
}

// said is what a section says, a line for each thing.
func said(section string, m *wasm.Module) (list []string) {
	switch section {
	case "import":
		for _, i := range m.Imports {
			list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s.%s %s", i.Kind, i.Module, i.Name, signature(i.Signature))))
		}
	case "export":
		for _, e := range m.Exports {
			list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, e.Name, signature(e.Signature))))
		}
	case "custom target_features":
		for _, f := range m.Features {
			list = append(list, string(f.Prefix)+f.Name)
		}
	case "custom dylink.0":
		d := m.Dylink
		if d == nil {
			return nil
		}
		list = append(list,
			fmt.Sprintf("memory: %d bytes, aligned to 2^%d", d.MemorySize, d.MemoryAlign),
			fmt.Sprintf("table: %d elements, aligned to 2^%d", d.TableSize, d.TableAlign))
		for _, l := range d.Needed {
			list = append(list, "needs "+l)
		}
		for _, p := range d.RuntimePath {
			list = append(list, "looks in "+p)
		}
		for _, s := range d.Exports {
			list = append(list, fmt.Sprintf("export %s, flags %#x", s.Name, s.Flags))
		}
		for _, s := range d.Imports {
			list = append(list, fmt.Sprintf("import %s.%s, flags %#x", s.Module, s.Name, s.Flags))
		}
	}
	return list
}

func signature(s wasm.Signature) string {
	if s == "" {
		return ""
	}
	return s.String()
}

func named(l wasm.Labels) (list []string) {
	for _, i := range slices.Sorted(maps.Keys(l.Functions)) {
		list = append(list, fmt.Sprintf("function %d %s", i, l.Functions[i]))
	}
	for _, i := range slices.Sorted(maps.Keys(l.Segments)) {
		list = append(list, fmt.Sprintf("segment %d %s", i, l.Segments[i]))
	}
	return list
}

// listed compares lists line by line; none where they are the same.
func listed(a, b []string) []string {
	if slices.Equal(a, b) {
		return nil
	}
	// A name may hold the end of a line.
	whole := func(list []string) string {
		var s strings.Builder
		for _, l := range list {
			s.WriteString(Visible(l) + "\n")
		}
		return s.String()
	}
	x, y := whole(a), whole(b)
	if x == y {
		return nil
	}
	return lines(x, y)
}
