package diff

import (
	"fmt"
	"io"
	"strconv"

	"github.com/wasmill/wasmill/internal/fault"
)

// entry is one file of an archive, with what the archive says of it.
type entry struct {
	name  string
	about []field
	// open gives the content, where it is not unpacked yet, and data where it is; both nil for what has none, such as a folder.
	open func() (io.ReadCloser, error)
	data []byte
	// packed is how long it is in the archive; -1 where the archive does not compress.
	packed int64
}

// field is one thing that an archive says of an entry.
type field struct{ what, value string }

// id tells entries of the same name in one archive apart.
type id struct {
	name string
	nth  int
}

// entries compares two archives entry by entry.
func (d *differ) entries(n *Node, first, second []entry, depth int) error {
	a, b := ids(first), ids(second)
	place := make(map[id]int, len(b))
	for i, of := range b {
		place[of] = i
	}
	var common [2][]string
	var last []*Node
	for i, of := range a {
		j, both := place[of]
		if !both {
			n.part(d.alone(first[i], "first"))
			continue
		}
		common[0] = append(common[0], of.name)
		p, err := d.entry(first[i], second[j], depth)
		if err != nil {
			return err
		}
		if p != nil && derived(p.Name) {
			last = append(last, p)
			continue
		}
		n.part(p)
	}
	has := make(map[id]bool, len(a))
	for _, of := range a {
		has[of] = true
	}
	for j, of := range b {
		if has[of] {
			common[1] = append(common[1], of.name)
		} else {
			n.part(d.alone(second[j], "second"))
		}
	}
	for i := range common[0] {
		if was, is := common[0][i], common[1][i]; was != is {
			n.change(fmt.Sprintf("order: entry %d", i+1), was, is)
			break
		}
	}
	for _, p := range last {
		n.part(p)
	}
	return nil
}

func ids(list []entry) []id {
	seen := map[string]int{}
	out := make([]id, len(list))
	for i, e := range list {
		out[i] = id{e.name, seen[e.name]}
		seen[e.name]++
	}
	return out
}

func (d *differ) alone(e entry, only string) *Node {
	d.nodes--
	return &Node{Name: e.name, Kind: Plain, Only: only}
}

// entry compares two entries of one name: what is said of them, then what is in them.
func (d *differ) entry(a, b entry, depth int) (*Node, error) {
	said := Node{Name: a.name, Kind: Plain}
	for i := range a.about {
		said.change(a.about[i].what, a.about[i].value, b.about[i].value)
	}
	n := &said
	if a.holds() && b.holds() {
		x, err := d.read(a)
		if err != nil {
			return nil, err
		}
		y, err := d.read(b)
		if err != nil {
			return nil, err
		}
		if inside := d.contents(a.name, x, y, depth); inside != nil {
			inside.Changes = append(inside.Changes, said.Changes...)
			n = inside
		} else if a.packed != b.packed {
			n.change("compressed size of the same bytes", strconv.FormatInt(a.packed, 10), strconv.FormatInt(b.packed, 10))
		}
	}
	if len(n.Changes)+len(n.Parts)+len(n.Lines) == 0 && n.Offset == nil {
		return nil, nil
	}
	return n, nil
}

func (e *entry) holds() bool { return e.open != nil || e.data != nil }

// read unpacks an entry as far as may be.
func (d *differ) read(e entry) ([]byte, error) {
	if e.data != nil {
		return e.data, nil
	}
	r, err := e.open()
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading %s: %w", e.name, err)
	}
	defer r.Close()
	return d.unpack(r, e.name)
}

func (d *differ) unpack(r io.Reader, name string) ([]byte, error) {
	most := min(maxFile, d.budget)
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	d.budget -= int64(len(data))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading %s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, fault.Errorf(fault.Invalid, "%s is too large, or there was too much before it", name)
	}
	return data, nil // not nil, even if there is nothing
}
