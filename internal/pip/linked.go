package pip

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
)

// listed is a package as uv's `pip list --format json` has it.
type listed struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Editable string `json:"editable_project_location,omitempty"`
}

// linked is the package of this name that is linked into the interpreter. uv knows of none: they are in no folder.
func (p *Python) linked(name string) (found listed, ok bool) {
	for _, pin := range p.Linked {
		of, version, _ := strings.Cut(pin, "==")
		if wheel.Normalize(of) == wheel.Normalize(name) {
			return listed{Name: of, Version: version}, true
		}
	}
	return found, false
}

// look carries out list, freeze, show and check, which change nothing.
func (p *Python) look(ctx context.Context, u *uv, r *request) error {
	args := func(verb string, more ...string) []string {
		return slices.Concat([]string{"pip", verb}, u.common(r), r.pass, r.indexes(), more)
	}
	only := slices.ContainsFunc(r.pass, func(a string) bool { return a == "--editable" || a == "--outdated" || a == "--path" })
	switch {
	case len(p.Linked) == 0 || only: // what is linked in is neither editable nor in a folder, and another release is another program
	case r.verb == "list" || r.verb == "freeze":
		return p.list(ctx, u, r)
	case r.verb == "show":
		return p.show(ctx, u, r, args)
	case r.verb == "check":
		said, err := u.answer(ctx, r, args("check")...)
		if err != nil && !strings.Contains(said, "Found ") {
			return failed("%s", strings.TrimPrefix(strings.TrimSpace(said), "error: "))
		}
		text, fine := p.compatible(said)
		if _, err := io.WriteString(p.Stderr, text); err != nil || fine {
			return err
		}
		return cmp.Or(err, failed(""))
	}
	return u.pass(ctx, r, args(r.verb, r.words...)...)
}

// answer is all that uv says.
func (u *uv) answer(ctx context.Context, r *request, args ...string) (said string, err error) {
	cmd := u.command(r, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = status(run(ctx, cmd), "")
	return withoutUsing(out.String()), err
}

// list has what is installed and what is linked in; of a package that is both, what Python imports: what is installed.
func (p *Python) list(ctx context.Context, u *uv, r *request) error {
	format, pass := r.verb, []string{"--format", "json"}
	if format == "list" {
		format = "columns"
	}
	var without []string
	for i := 0; i < len(r.pass); i++ {
		switch name, value, joined := strings.Cut(r.pass[i], "="); name {
		case "--format", "--exclude":
			if !joined && i+1 < len(r.pass) {
				i++
				value = r.pass[i]
			}
			if name == "--format" {
				format = value
			} else {
				without = append(without, wheel.Normalize(value))
			}
		default:
			pass = append(pass, r.pass[i])
		}
	}
	cmd := u.command(r, slices.Concat([]string{"pip", "list"}, u.common(r), pass, r.indexes())...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := run(ctx, cmd)
	fmt.Fprint(p.Stderr, withoutUsing(said.String()))
	if err != nil {
		return status(err, "")
	}
	all := []listed{}
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		return fault.Errorf(fault.Internal, "reading uv's list: %w", err)
	}
	for _, pin := range p.Linked {
		name, version, _ := strings.Cut(pin, "==")
		if !slices.ContainsFunc(all, func(l listed) bool { return wheel.Normalize(l.Name) == wheel.Normalize(name) }) {
			all = append(all, listed{Name: name, Version: version})
		}
	}
	all = slices.DeleteFunc(all, func(l listed) bool { return slices.Contains(without, wheel.Normalize(l.Name)) })
	slices.SortFunc(all, func(a, b listed) int { return strings.Compare(wheel.Normalize(a.Name), wheel.Normalize(b.Name)) })
	return writeList(p.Stdout, format, all)
}

func writeList(w io.Writer, format string, all []listed) error {
	var err error
	switch format {
	case "json":
		err = json.NewEncoder(w).Encode(all)
	case "freeze":
		for _, l := range all {
			line := l.Name + "==" + l.Version
			if l.Editable != "" {
				line = "-e file://" + l.Editable
			}
			_, err = fmt.Fprintln(w, line)
		}
	default:
		width, wide := len("Package"), len("Version")
		for _, l := range all {
			width, wide = max(width, len(l.Name)), max(wide, len(l.Version))
		}
		fmt.Fprintf(w, "%-*s Version\n%s %s\n", width, "Package", strings.Repeat("-", width), strings.Repeat("-", wide))
		for _, l := range all {
			_, err = fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-*s %-*s %s", width, l.Name, wide, l.Version, l.Editable), " "))
		}
	}
	return err
}

// show says where linked packages are; of all others uv tells.
func (p *Python) show(ctx context.Context, u *uv, r *request, args func(string, ...string) []string) error {
	var others []string
	for _, word := range r.words {
		l, ok := p.linked(word)
		if _, err := u.answer(ctx, r, args("show", word)...); !ok || err == nil { // what is installed goes before what is linked in
			others = append(others, word)
			continue
		}
		fmt.Fprintf(p.Stdout, "Name: %s\nVersion: %s\nLocation: linked into this Python\n", l.Name, l.Version)
	}
	if len(others) == 0 {
		return nil
	}
	return u.pass(ctx, r, args("show", others...)...)
}

// absent is how uv's `pip check` says that a package is not there.
var absent = regexp.MustCompile("^The package `([^`]+)` requires `([^`]+)`, but it's not installed$")

// compatible is what uv said of the packages, but for those that it misses and that are linked in. fine says that nothing is left.
func (p *Python) compatible(said string) (text string, fine bool) {
	var wrong []string
	head := ""
	for line := range strings.Lines(said) {
		line = strings.TrimRight(line, "\n")
		m := absent.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			switch {
			case strings.HasPrefix(line, "The package "):
				wrong = append(wrong, line)
			case !strings.HasPrefix(line, "Found ") && !strings.HasPrefix(line, "All installed packages"):
				head += line + "\n"
			}
			continue
		}
		q, err := wheel.ParseRequirement(m[2])
		l, there := p.linked(q.Name)
		if err != nil || !there {
			wrong = append(wrong, line)
		} else if v, err := wheel.ParseVersion(l.Version); err != nil || !q.Specifier.Admits(v) {
			wrong = append(wrong, fmt.Sprintf("The package `%s` requires `%s`, but `%s` is linked into this Python", m[1], m[2], l.Version))
		}
	}
	if len(wrong) == 0 {
		return head + "All packages that are installed or linked in are compatible\n", true
	}
	noun := "incompatibilities"
	if len(wrong) == 1 {
		noun = "incompatibility"
	}
	return fmt.Sprintf("%sFound %d %s\n%s\n", head, len(wrong), noun, strings.Join(wrong, "\n")), false
}

// refuseOthers is for what is asked for in another version than the one that is linked in: that one can't be put in its place.
func (in *installation) refuseOthers() error {
	for _, q := range in.w.requirements {
		l, ok := in.p.linked(q.Name)
		if !ok {
			continue
		}
		if v, err := wheel.ParseVersion(l.Version); err == nil && !q.Specifier.Admits(v) {
			return failed("another version of %s was asked for than %s, which is linked into this Python: nothing can be installed in its place.\nLink another:   %s\nNothing was changed.",
				l.Name, l.Version, linkedIn(wheel.Normalize(q.Name)+"==VERSION"))
		}
	}
	return nil
}
