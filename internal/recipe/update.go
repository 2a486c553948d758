package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
)

// Update is a recipe's way to a newer release.
type Update struct {
	Recipe   *Recipe
	From, To string // versions
	Meta     []byte // the new meta.yaml, which differs in version, address, hash and extract_dir only
	// Patches may need a look, as what they change may have changed.
	Patches []PatchToLookAt
	// Mentions are the lines on which the old version stands elsewhere.
	Mentions []int
}

// PatchToLookAt is a patch of a recipe that is updated.
type PatchToLookAt struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Fixed says why a recipe can't be updated from an index; it is empty for one that can.
func (r *Recipe) Fixed() string {
	switch {
	case r.Pinned:
		return "pinned"
	case r.Source.URL == "":
		return "its source is not fetched"
	case r.Build.Type != Package:
		return "a " + strings.ReplaceAll(string(r.Build.Type), "_", " ")
	case r.meta == nil:
		return "it has no meta.yaml"
	}
	if _, err := wheel.ParseVersion(r.Version); err != nil {
		return "its version is not one of PyPI"
	}
	return ""
}

// UpdateFrom makes the newest release of the recipe's project, for a Python ("3.15"), the recipe's. There is none (nil)
// where the recipe has it already. A pre-release is taken only by a recipe that is of one; a source archive stays one, and
// a wheel too.
func (r *Recipe) UpdateFrom(p *Project, python string) (*Update, error) {
	now, err := wheel.ParseVersion(r.Version)
	if err != nil {
		return nil, err
	}
	newest, err := p.Newest(nil, python, now.Prerelease())
	if err != nil {
		return nil, err
	}
	to, err := wheel.ParseVersion(newest)
	if err != nil {
		return nil, err
	}
	if to.Prerelease() && !now.Prerelease() || to.Compare(now) <= 0 {
		return nil, nil
	}
	file, err := p.File(newest, r.Wheel())
	if err != nil {
		return nil, err
	}
	u := &Update{Recipe: r, From: r.Version, To: newest}
	if err := u.write(file); err != nil {
		return nil, err
	}
	for _, name := range r.Source.Patches {
		u.Patches = append(u.Patches, PatchToLookAt{name, r.patchReason(name, to)})
	}
	return u, nil
}

// patchReason is what is known of a patch's place in a newer version.
func (r *Recipe) patchReason(name string, to wheel.Version) string {
	for noted, note := range r.Wasmill.Patches {
		if path.Clean(noted) != path.Clean(name) {
			continue
		}
		merged, ok := strings.CutPrefix(note.Status, "merged-in ")
		if v, err := wheel.ParseVersion(merged); ok && err == nil && v.Compare(to) <= 0 {
			return "merged in " + merged + ": it can be dropped"
		}
		if note.Status != "" {
			return "it may not apply any more; upstream: " + note.Status
		}
	}
	return "it may not apply any more"
}

// write puts the new values in the place of the old ones, and leaves every other byte as it is.
func (u *Update) write(file ReleaseFile) error {
	r := u.Recipe
	errs := &Errors{}
	root := tree(r.File, r.meta, errs)
	if root == nil {
		return errs.err()
	}
	e := editor{file: r.File, data: slices.Clone(r.meta)}
	source := root.key("source")
	// From the end to the beginning the places that were found stay right, whatever the order of the keys.
	edits := []edit{
		{root.key("package").key("version"), r.Version, versionText(u.To)},
		{source.key("sha256"), r.Source.SHA256, file.SHA256},
	}
	if to := newAddress(r, file); to != r.Source.URL {
		edits = append(edits, edit{source.key("url"), r.Source.URL, to})
	}
	if dir := r.Source.ExtractDir; strings.Contains(dir, r.Version) {
		edits = append(edits, edit{source.key("extract_dir"), dir, strings.ReplaceAll(dir, r.Version, u.To)})
	}
	slices.SortFunc(edits, func(a, b edit) int {
		return b.value.at.Line*10_000 + b.value.at.Column - a.value.at.Line*10_000 - a.value.at.Column
	})
	for _, change := range edits {
		if err := e.replace(change); err != nil {
			return err
		}
	}
	u.Meta = e.data
	updated, err := Parse(r.File, u.Meta)
	if err != nil {
		return fmt.Errorf("updating: %w", err)
	}
	if updated.Version != u.To || updated.Source.SHA256 != file.SHA256 {
		return fault.Errorf(fault.Internal, "%s: updating to %s went wrong: it says %s now", r.File, u.To, updated.Version)
	}
	u.mentions()
	return nil
}

// numberForm are versions that YAML takes for numbers: pyodide-build would read 3.10 as 3.1.
var numberForm = regexp.MustCompile(`^\d+(\.\d+)?$`)

func versionText(version string) string {
	if numberForm.MatchString(version) {
		return `"` + version + `"`
	}
	return version
}

// predictable is PyPI's address that holds nothing but names (docs.pypi.org/api, predictable URLs).
var predictable = regexp.MustCompile(`^https?://[^/]+/packages/(?:source|py2\.py3|py3|py2)/[^/]/[^/]+/`)

// newAddress keeps the form of the old address: with the new file's name where the old one was made of names, or with
// variables, and otherwise as the index has it.
func newAddress(r *Recipe, file ReleaseFile) string {
	switch old := r.Source.URL; {
	case variable.MatchString(old):
		return old
	case predictable.MatchString(old):
		return old[:strings.LastIndexByte(old, '/')+1] + file.Name
	}
	return file.URL
}

// mentions finds where the old version stands in what was not changed.
func (u *Update) mentions() {
	if !strings.Contains(u.From, ".") {
		return // 5 stands anywhere
	}
	form := regexp.MustCompile(`(^|[^0-9.])` + regexp.QuoteMeta(u.From) + `($|[^0-9.]|\.\D|\.$)`)
	for i, line := range strings.Split(string(u.Meta), "\n") {
		if form.MatchString(line) {
			u.Mentions = append(u.Mentions, i+1)
		}
	}
}

// edit replaces the text of a scalar.
type edit struct {
	value    *value
	old, new string
}

// editor changes scalars in the bytes of a file.
type editor struct {
	file string
	data []byte
}

var errNotFound = errors.New("not found")

// replace finds the scalar's text behind the place where it begins. A text in quotes gets the new one inside the same
// quotes.
func (e *editor) replace(c edit) error {
	begin, err := e.offset(c.value.at)
	if err != nil {
		return fault.Errorf(fault.Internal, "%s: finding `%s` again: %w", c.value.at, shorten(c.old), err)
	}
	at := bytes.Index(e.data[begin:], []byte(c.old))
	// Between the place of a value and its text there are at most a quote, a mark of a block, and comments behind it.
	if at < 0 || bytes.Count(e.data[begin:begin+at], []byte("\n")) > 2 {
		return fault.Errorf(fault.Invalid, "%s: `%s` is written in a way that can't be changed by itself: change it by hand", c.value.at, shorten(c.old))
	}
	at += begin
	text := c.new
	if quoted := at > 0 && (e.data[at-1] == '"' || e.data[at-1] == '\''); quoted {
		text = strings.Trim(text, `"`)
	}
	e.data = slices.Concat(e.data[:at], []byte(text), e.data[at+len(c.old):])
	return nil
}

// offset is where a position stands in the bytes: columns count characters.
func (e *editor) offset(at Position) (int, error) {
	offset := 0
	for line := 1; line < at.Line; line++ {
		n := bytes.IndexByte(e.data[offset:], '\n')
		if n < 0 {
			return 0, errNotFound
		}
		offset += n + 1
	}
	column := 1
	for i := range string(e.data[offset:]) {
		if column == at.Column {
			return offset + i, nil
		}
		column++
	}
	return 0, errNotFound
}
