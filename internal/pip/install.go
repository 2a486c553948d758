package pip

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
)

// installation is one `pip install` or `pip download` on its way.
type installation struct {
	p *Python
	u *uv
	r *request
	w *wanted
	s *search

	sources []string // projects that may be built from source, in the runtime
	looked  map[string]bool
	changes []change

	excludes string // a file that has uv not look for what is linked in
}

func (p *Python) prepare(u *uv, r *request) (*installation, error) {
	environment := wheel.Emscripten(p.Release.Python)
	if p.Static {
		environment = wheel.WASI(p.Release.Python)
	}
	w, err := r.wanted(environment)
	if err != nil {
		return nil, err
	}
	if server := p.server(); r.build && server != "" && !p.Static { // what the farm has built before is not built again
		r.extra = append([]string{server + "/simple/"}, r.extra...)
	}
	bases := slices.Concat(r.extra, w.extra)
	if r.noIndex {
		bases = nil
	} else if w.index != "" && r.indexURL == "" {
		bases = append(bases, w.index)
	} else {
		bases = append(bases, r.bases()[len(r.extra):]...)
	}
	s := &search{
		projects: &projects{
			bases: bases, client: &http.Client{Transport: p.transport()}, kept: p.keptPages(r), offline: r.offline, python: p.Release.Python, platforms: p.platforms(), wheel: p.wheel,
			pages: map[string]*page{}, texts: map[string]*wheel.Metadata{},
		},
		environment: environment, constraints: map[string][]wheel.Specifier{}, pre: r.pre, linked: map[string]bool{},
	}
	for _, pin := range p.Linked {
		name, _, _ := strings.Cut(pin, "==")
		s.linked[wheel.Normalize(name)] = true
	}
	for _, c := range w.constraints {
		name := wheel.Normalize(c.Name)
		s.constraints[name] = append(s.constraints[name], c.Specifier)
	}
	return &installation{
		p: p, u: u, r: r, w: w, s: s, sources: slices.Concat(w.projects, r.sources), looked: map[string]bool{},
	}, nil
}

func (p *Python) install(ctx context.Context, u *uv, r *request) error {
	if dropped := r.withoutPip(); dropped {
		fmt.Fprintln(p.Stdout, "Requirement already satisfied: pip (it is part of python-wasm)")
		if len(r.words)+len(r.files)+len(r.editables) == 0 {
			return nil
		}
	}
	in, err := p.prepare(u, r)
	if err != nil {
		return err
	}
	if err := in.refuseCompiled(); err != nil {
		return err
	}
	if err := in.refuseOthers(); err != nil {
		return err
	}
	if err := in.exclude(); err != nil {
		return err
	}
	defer os.Remove(in.excludes)
	if err := in.decide(ctx); err != nil {
		return err
	}
	if err := in.audit(ctx); err != nil {
		return err
	}
	if r.report != "" {
		if err := in.report(ctx); err != nil {
			return err
		}
	}
	if r.dryRun || len(in.changes) == 0 {
		return in.tell("Would install")
	}
	return in.carryOut(ctx)
}

// withoutPip drops pip from what is asked for: `pip install --upgrade pip` is the first line of many scripts.
func (r *request) withoutPip() (dropped bool) {
	if r.target != "" || r.prefix != "" {
		return false
	}
	words := r.words
	r.words = slices.DeleteFunc(slices.Clone(words), func(word string) bool {
		q, err := wheel.ParseRequirement(word)
		return err == nil && wheel.Normalize(q.Name) == "pip" && q.URL == ""
	})
	return len(r.words) < len(words)
}

// arguments are uv's for this installation, without the command's name.
func (in *installation) arguments() []string {
	r := in.r
	args := slices.Concat(in.u.common(r), r.pass, r.indexes(), []string{"--only-binary", ":all:"})
	for _, name := range in.sources {
		args = append(args, "--no-binary", name)
	}
	args = append(args, in.p.builtBefore()...)
	if in.excludes != "" {
		args = append(args, "--excludes", in.excludes)
	}
	for _, file := range r.files {
		args = append(args, "--requirements", file)
	}
	for _, file := range r.constraints {
		args = append(args, "--constraints", file)
	}
	for _, dir := range r.editables {
		args = append(args, "--editable", dir)
	}
	if r.noDeps {
		args = append(args, "--no-deps")
	}
	if r.pre {
		args = append(args, "--prerelease", "allow")
	}
	if r.target != "" {
		args = append(args, "--target", r.target)
	}
	if r.prefix != "" {
		args = append(args, "--prefix", r.prefix)
	}
	if r.reinstall {
		args = append(args, "--reinstall")
	}
	switch {
	case r.upgrade && r.eager:
		args = append(args, "--upgrade")
	case r.upgrade:
		for _, q := range in.w.requirements {
			args = append(args, "--upgrade-package", q.Name)
		}
	}
	return append(args, r.words...)
}

// plan asks uv what it would do. Where it can do nothing, said is what it says, and ok is false.
func (in *installation) plan(ctx context.Context) (said string, ok bool, err error) {
	hurried, hurry := context.WithCancel(ctx)
	defer hurry()
	silent := in.silence(hurried)
	go func() {
		select {
		case <-silent:
			hurry()
		case <-hurried.Done():
		}
	}()
	said, ok, err = in.ask(hurried)
	if hurried.Err() == nil || ctx.Err() != nil {
		return said, ok, err
	}
	in.r.env = append(in.r.env, envRetries+"=0")
	return in.ask(ctx)
}

func (in *installation) ask(ctx context.Context) (said string, ok bool, err error) {
	cmd := in.u.command(in.r, slices.Concat([]string{"pip", "install", "--dry-run", "--output-format", "json"}, in.arguments())...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if in.r.verbose > 0 {
		cmd.Stderr = io.MultiWriter(&words, in.p.Stderr)
	}
	err = run(ctx, cmd)
	said = strings.TrimSpace(withoutUsing(words.String()))
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return said, false, nil
	}
	if err != nil {
		return "", false, err
	}
	var answer struct{ Changes []change }
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
			return "", false, fault.Errorf(fault.Internal, "reading uv's plan: %w", err)
		}
	}
	in.changes = answer.Changes
	return said, true, nil
}

// decide asks uv until its answer is one that may be carried out: nothing in it is older than need be, but for what is allowed.
func (in *installation) decide(ctx context.Context) error {
	const most = 50 // rounds; each finds at least one more source to build
	for range most {
		said, ok, err := in.plan(ctx)
		if err != nil {
			return err
		}
		if len(in.w.locks) > 0 { // a lock says all there is to say
			return in.unless(ok, said)
		}
		var olds []older
		if ok {
			if olds, err = in.s.compare(ctx, in.changes, in.w.requirements); err != nil {
				return in.unread(ctx, err)
			}
			if len(olds) == 0 {
				return nil
			}
		} else if !strings.Contains(said, "No solution found") || in.r.noIndex {
			return in.unless(false, said)
		}
		lacks, err := in.s.findLacks(ctx, in.w.requirements)
		switch {
		case err != nil && !ok && ctx.Err() == nil:
			return in.unless(false, said) // which tells the same of the index, and more
		case err != nil:
			return in.unread(ctx, err)
		}
		lacks = in.missing(lacks, ok)
		if len(lacks) == 0 {
			if in.r.offline { // what is kept may be older than what the kept pages tell of
				in.warn(olds)
			}
			return in.unless(ok, said)
		}
		again, err := in.provide(ctx, lacks)
		if err != nil {
			return err
		}
		if again {
			continue
		}
		lacks = in.disallowed(lacks, ok, olds)
		if len(lacks) == 0 {
			return in.unless(ok, said)
		}
		return in.refuse(lacks, ok, olds)
	}
	return failed("gave up after %d packages that had to be built from source", most)
}

func (in *installation) unless(ok bool, said string) error {
	if ok {
		return nil
	}
	return failed("%s\nNothing was changed.", in.network(strings.TrimPrefix(said, "error: ")))
}

// unread is for indexes that answer uv, and not this program: then nobody knows whether there is a newer version.
func (in *installation) unread(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return failed("%v\nNothing was changed.", err)
}

// missing are the lacks that make a difference to uv's answer.
func (in *installation) missing(lacks []lack, ok bool) []lack {
	if !ok {
		return lacks
	}
	return slices.DeleteFunc(lacks, func(l lack) bool {
		return slices.ContainsFunc(in.changes, func(c change) bool {
			v, err := wheel.ParseVersion(c.Version)
			return c.Action == "installed" && c.Name == l.name && err == nil && v.Compare(l.release.version) >= 0
		})
	})
}

// provide gets what is lacking: a source archive with nothing to compile may be built in the runtime, the others with wasmill,
// where that is asked for.
func (in *installation) provide(ctx context.Context, lacks []lack) (again bool, err error) {
	var compiled []lack
	for _, l := range lacks {
		if in.looked[l.name] {
			continue
		}
		in.looked[l.name] = true
		pure, err := in.p.pure(ctx, l)
		if err != nil {
			return false, err
		}
		if pure {
			in.sources, again = append(in.sources, l.name), true
		} else if !in.allowed(l.name) {
			compiled = append(compiled, l)
		}
	}
	if again {
		for _, l := range compiled {
			delete(in.looked, l.name) // may not be needed once the others are there
		}
		return true, nil
	}
	if !in.r.build {
		return false, nil
	}
	for _, l := range compiled {
		if err := in.buildWheel(ctx, l); err != nil {
			return false, err
		}
		again = true
	}
	return again, nil
}

func (in *installation) allowed(name string) bool {
	return slices.Contains(in.r.older, ":all:") || slices.ContainsFunc(in.r.older, func(o string) bool { return wheel.Normalize(o) == name })
}

// disallowed leaves the lacks that stand in the way, and says of the others what is taken.
func (in *installation) disallowed(lacks []lack, ok bool, olds []older) []lack {
	var out []lack
	for _, l := range lacks {
		if !in.allowed(l.name) {
			out = append(out, l)
		}
	}
	if ok && len(out) == 0 {
		for _, l := range lacks {
			fmt.Fprintf(in.p.Stderr, "WARNING: %s %s has no wheel for %s%s.\n", l.name, l.release.version, in.p.Release.PlatformTag, needed(l))
		}
		in.warn(olds)
	}
	return out
}

func (in *installation) warn(olds []older) {
	for _, o := range olds {
		fmt.Fprintf(in.p.Stderr, "WARNING: taking %s %s, the newest is %s.\n", o.name, o.taken, o.newest)
	}
}

func needed(l lack) string {
	if l.neededBy == "" {
		return ""
	}
	return " (needed by " + l.neededBy + ")"
}

func (in *installation) refuse(lacks []lack, ok bool, olds []older) error {
	var out strings.Builder
	var pins, names []string
	fmt.Fprintf(&out, "no wheel for %s of\n", in.p.Release.PlatformTag)
	for _, l := range lacks {
		fmt.Fprintf(&out, "  %s %s%s: %s\n", l.name, l.release.version, needed(l), l.has())
		pins = append(pins, l.name+"=="+l.release.version.String())
		names = append(names, l.name)
	}
	if ok && len(olds) > 0 {
		out.WriteString("Without it would be taken\n")
		for _, o := range olds {
			fmt.Fprintf(&out, "  %s %s instead of %s\n", o.name, o.taken, o.newest)
		}
	}
	if in.p.Static {
		fmt.Fprintf(&out, "Link it in:     %s\n", linkedIn(strings.Join(pins, " ")))
		if ok {
			fmt.Fprintf(&out, "Older anyway:   the same command with --allow-older %s\n", strings.Join(names, ","))
		}
		out.WriteString("Nothing was changed.")
		return failed("%s", out.String())
	}
	fmt.Fprintf(&out, "Build it:       wasmill build %s   (on a farm: wasmill submit %s)\n", strings.Join(pins, " "), strings.Join(pins, " "))
	out.WriteString("Build at once:  the same command with --build\n")
	if ok {
		fmt.Fprintf(&out, "Older anyway:   the same command with --allow-older %s\n", strings.Join(names, ","))
	}
	out.WriteString("Nothing was changed.")
	return failed("%s", out.String())
}

// has says what there is in the place of a wheel.
func (l lack) has() string {
	var parts []string
	if len(l.release.others) > 0 {
		parts = append(parts, "wheels for other platforms")
	}
	if l.release.source != nil {
		parts = append(parts, "a source archive")
	}
	if len(parts) == 0 {
		return "nothing that could be installed or built"
	}
	return "only " + strings.Join(parts, " and ")
}

// pins hold the installation to what was decided on; there is no file where that leaves no choice.
func (in *installation) pins() (file string, err error) {
	var pins strings.Builder
	for _, c := range in.changes {
		if c.Action == "installed" && c.Version != "" {
			fmt.Fprintf(&pins, "%s==%s\n", c.Name, c.Version)
		}
	}
	if pins.Len() == 0 {
		return "", nil
	}
	f, err := os.CreateTemp("", "wasmill-pins-*.txt")
	if err != nil {
		return "", fault.Errorf(fault.KindOf(err), "noting what is to be installed: %w", err)
	}
	_, err = f.WriteString(pins.String())
	return f.Name(), errors.Join(err, f.Close())
}

func (in *installation) carryOut(ctx context.Context) error {
	args := in.arguments()
	if len(in.w.locks) == 0 && !slices.Contains(in.r.pass, "--require-hashes") {
		pins, err := in.pins()
		if err != nil {
			return err
		}
		if pins != "" {
			defer os.Remove(pins)
			args = slices.Concat([]string{"--constraints", pins}, args)
		}
	}
	err := in.p.change(ctx, in.r.place(in.p), func() error {
		return in.u.work(ctx, in.r, slices.Concat([]string{"pip", "install"}, args)...)
	})
	if err != nil {
		return err
	}
	return in.tell("Successfully installed")
}

// place is the folder that is installed into.
func (r *request) place(p *Python) string {
	switch {
	case r.target != "":
		return r.target
	case r.prefix != "":
		return r.prefix
	}
	return p.Prefix
}

// tell says what was done, in pip's words.
func (in *installation) tell(words string) error {
	if in.r.quiet > 0 || in.r.report == "-" {
		return nil
	}
	var installed []string
	for _, c := range in.changes {
		if c.Action == "installed" {
			installed = append(installed, strings.TrimSuffix(c.Name+"-"+c.Version, "-"))
		}
	}
	if len(installed) == 0 {
		words = "Requirement already satisfied:"
		for _, q := range in.w.requirements {
			installed = append(installed, q.Name)
		}
	}
	_, err := fmt.Fprintln(in.p.Stdout, words, strings.Join(installed, " "))
	return err
}

// work runs uv for a change; what it says of its progress goes to standard error.
func (u *uv) work(ctx context.Context, r *request, args ...string) error {
	cmd := u.command(r, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = u.p.Stderr, u.p.Stderr
	if r.quiet > 0 {
		cmd.Stdout, cmd.Stderr = nil, &said
	}
	return status(run(ctx, cmd), strings.TrimPrefix(strings.TrimSpace(withoutUsing(said.String())), "error: "))
}

// builtBefore names the wheels that --build has made, now or for another environment.
func (p *Python) builtBefore() []string {
	if _, err := os.Stat(p.builtWheels()); err != nil {
		return nil
	}
	return []string{"--find-links", p.builtWheels()}
}

func (p *Python) builtWheels() string { return filepath.Join(p.Cache, "built", p.Release.PlatformTag) }
