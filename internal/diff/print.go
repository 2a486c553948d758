package diff

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	if r.Equal {
		_, err := fmt.Fprintln(w, "equal")
		return err
	}
	for i := range r.Differences {
		if err := r.Differences[i].text(w, ""); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) text(w io.Writer, indent string) error {
	head := n.title()
	switch {
	case n.Only != "":
		head += ": only in the " + n.Only
	case n.Sizes != nil && n.Sizes[0] != n.Sizes[1]:
		head += fmt.Sprintf(": %d → %d bytes", n.Sizes[0], n.Sizes[1])
	case n.Sizes != nil:
		head += fmt.Sprintf(": %d bytes", n.Sizes[0])
	}
	if n.SHA256 != nil {
		head += fmt.Sprintf(", sha256 %.12s → %.12s", n.SHA256[0], n.SHA256[1])
	}
	out := []string{head}
	for _, c := range n.Changes {
		out = append(out, fmt.Sprintf("  %s: %s → %s", c.What, word(c.First), word(c.Second)))
	}
	if n.Note != "" {
		out = append(out, "  not looked into: "+Visible(n.Note))
	}
	if n.Offset != nil && n.Bytes != nil {
		out = append(out, fmt.Sprintf("  from byte %d on: %s → %s", *n.Offset, n.Bytes[0], n.Bytes[1]))
	}
	for _, l := range n.Lines {
		out = append(out, "    "+l)
	}
	for _, l := range out {
		if _, err := fmt.Fprintln(w, indent+l); err != nil {
			return err
		}
	}
	for i := range n.Parts {
		if err := n.Parts[i].text(w, indent+"  "); err != nil {
			return err
		}
	}
	if n.Omitted > 0 {
		if _, err := fmt.Fprintf(w, "%s  and %d more\n", indent, n.Omitted); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) title() string {
	switch n.Kind {
	case Section:
		return "section " + Visible(n.Name)
	case Plain, Text, Function, Segment, Zip, Gzip, Tar:
		return Visible(n.Name)
	}
	return fmt.Sprintf("%s (%s)", Visible(n.Name), n.Kind)
}

func word(s string) string {
	if s == "" {
		return "none"
	}
	return Visible(s)
}

// Visible shows what a terminal would act on, and hides what it can't show: names and texts come from strangers.
func Visible(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) < 0 {
		return s
	}
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// Summary names in one line the files that differ, and of modules the sections.
func (r *Report) Summary() string {
	var all []string
	more := 0
	for i := range r.Differences {
		all = append(all, r.Differences[i].names("", &more)...)
	}
	if len(all) > 1 { // what lists the others differs with them
		for i := len(all) - 1; i >= 0 && len(all) > 1; i-- {
			if derived(all[i]) {
				all = append(all[:i], all[i+1:]...)
			}
		}
	}
	const most = 3
	switch {
	case len(all) == 0:
		return "nothing differs"
	case len(all)+more > most:
		shown := min(most, len(all))
		return fmt.Sprintf("%s and %d more", strings.Join(all[:shown], ", "), len(all)-shown+more)
	}
	return strings.Join(all, ", ")
}

// names are the files in a node that differ, or what of it does. Those that are not listed are added to more.
func (n *Node) names(in string, more *int) (list []string) {
	name := in + Visible(n.Name)
	switch n.Kind {
	case Zip, Gzip, Tar, Ar:
		for i := range n.Parts {
			inside := name + "/"
			if n.Kind == Gzip || in == "" && n.Kind == Zip {
				inside = in // the wheel itself is understood
			}
			list = append(list, n.Parts[i].names(inside, more)...)
		}
		if *more += n.Omitted; len(list) > 0 {
			return list
		}
	case Module:
		var sections []string
		for i := range n.Parts {
			sections = append(sections, Visible(n.Parts[i].Name))
		}
		if len(sections) > 0 {
			return []string{fmt.Sprintf("%s (%s)", name, strings.Join(sections, ", "))}
		}
	}
	archive := n.Kind != Plain && n.Kind != Text
	if n.Only == "" && len(n.Changes) > 0 && (n.Sizes == nil || archive) {
		var what []string
		for _, c := range n.Changes {
			word, _, _ := strings.Cut(c.What, ":")
			what = append(what, word)
		}
		return []string{fmt.Sprintf("%s (%s)", name, strings.Join(what, ", "))}
	}
	return []string{name}
}
