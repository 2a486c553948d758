package audit

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/world"
)

// Target is what a wheel is held against.
type Target struct {
	ABI     ABI      // the zero ABI for a wheel that promises no platform
	Runtime *Runtime // of the ABI; nil counts as one that provides nothing
	MaxSize int64    // of the wheel in bytes; 0 for any
}

// Wheel audits a wheel file. What is wrong with the wheel is a finding; an error means that it could not be read.
// Findings are sorted by file, rule and symbol.
func Wheel(path string, target Target) ([]record.Finding, error) {
	found, _, err := Examine(path, target)
	return found, err
}

// Examine is Wheel, and gives what the wheel requires of a runtime for its ABI beside; nil where it can't be read.
func Examine(path string, target Target) ([]record.Finding, *record.Requires, error) {
	a := &auditor{Target: target}
	if a.Runtime == nil {
		a.Runtime = &Runtime{}
	}
	w, err := wheel.Open(path)
	switch {
	case fault.KindOf(err) == fault.Invalid:
		return []record.Finding{BadWheel.finding(filepath.Base(path), "", errors.Unwrap(err).Error())}, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("auditing: %w", err)
	}
	defer w.Close()
	a.w = w
	files, err := a.read()
	if err != nil {
		return nil, nil, fmt.Errorf("auditing %s: %w", filepath.Base(path), err)
	}
	if err := errors.Join(a.size(), a.record(files)); err != nil {
		return nil, nil, fmt.Errorf("auditing %s: %w", filepath.Base(path), err)
	}
	a.tags()
	a.metadata()
	a.binaries(files)
	a.modules(files)
	slices.SortStableFunc(a.found, func(x, y record.Finding) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Symbol, y.Symbol))
	})
	var loaders []string
	if target.ABI.PlatformTag != "" {
		loaders = []string{target.ABI.PlatformTag}
	}
	if w.Pure() {
		loaders = nil
	}
	requires := world.Requires(loaders, worldOf(files))
	return slices.Compact(a.found), &requires, nil // a module may import one symbol twice
}

type auditor struct {
	Target
	w     *wheel.Wheel
	found []record.Finding
}

func (a *auditor) report(r Rule, file, symbol, format string, args ...any) {
	a.found = append(a.found, r.finding(file, symbol, fmt.Sprintf(format, args...)))
}

func (a *auditor) size() error {
	info, err := os.Stat(a.w.Path())
	if err != nil {
		return err
	}
	if a.MaxSize > 0 && info.Size() > a.MaxSize {
		largest := slices.MaxFunc(a.w.Files, func(x, y wheel.File) int { return cmp.Compare(x.Size, y.Size) })
		a.report(SizeBudget, a.w.Filename.String(), "", "has %d bytes, the budget is %d; the largest file inside is %s with %d bytes",
			info.Size(), a.MaxSize, largest.Name, largest.Size)
	}
	return nil
}

func (a *auditor) tags() {
	name := a.w.Filename.String()
	if a.ABI.PlatformTag != "" && wheel.Preference(a.w.Tags(), a.ABI.Python, a.ABI.platforms()) < 0 {
		a.report(WrongTag, name, "", "none of its tags is for CPython %s on %s", a.ABI.Python, a.ABI.PlatformTag)
	}
	var inner []wheel.Tag
	for _, text := range a.w.Info.All("Tag") {
		set, err := wheel.ParseTags(text)
		if err != nil {
			a.report(TagMismatch, a.w.DistInfo+"/WHEEL", "", "%v", err)
			return
		}
		inner = append(inner, set...)
	}
	outer := a.w.Tags()
	if !slices.Equal(sortedTags(inner), sortedTags(outer)) {
		a.report(TagMismatch, a.w.DistInfo+"/WHEEL", "", "says %v, the file name says %v", inner, outer)
	}
}

func sortedTags(tags []wheel.Tag) []string {
	var out []string
	for _, t := range tags {
		out = append(out, t.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (a *auditor) metadata() {
	file, m, f := a.w.DistInfo+"/METADATA", a.w.Metadata, a.w.Filename
	if wheel.Normalize(m.Name) != wheel.Normalize(f.Name) {
		a.report(MetadataMismatch, file, "", "is for %q, the file name says %q", m.Name, f.Name)
	}
	inner, _ := wheel.ParseVersion(m.Version) // both were read before
	outer, _ := wheel.ParseVersion(f.Version)
	if inner.Compare(outer) != 0 {
		a.report(MetadataMismatch, file, "", "is for version %s, the file name says %s", m.Version, f.Version)
	}
	stem := strings.TrimSuffix(a.w.DistInfo, ".dist-info")
	name, version, _ := strings.Cut(stem, "-")
	if v, err := wheel.ParseVersion(version); wheel.Normalize(name) != wheel.Normalize(f.Name) || err != nil || v.Compare(outer) != 0 {
		a.report(MetadataMismatch, a.w.DistInfo, "", "is the folder of another project or version than the file name's")
	}
	a.python(file)
}

// python asks whether installers for the ABI's Python take the wheel. What can't be read they ignore.
func (a *auditor) python(file string) {
	admitted, err := wheel.ParseSpecifier(a.w.Metadata.RequiresPython)
	version, err2 := wheel.ParseVersion(a.ABI.Python + ".0")
	if err == nil && err2 == nil && !admitted.Admits(version) {
		a.report(RequiresPython, file, "", "Requires-Python is %s, and the ABI is CPython %s", a.w.Metadata.RequiresPython, a.ABI.Python)
	}
}

func (a *auditor) record(files []*file) error {
	known := map[string]*wheel.Sum{}
	for _, f := range files {
		if f.damage != nil {
			return nil // said already
		}
		known[f.name] = f.sum
	}
	mismatches, err := a.w.VerifyRecord(known)
	if err != nil {
		// A file whose contents are damaged is the wheel's fault, a disk that fails is not.
		if fault.KindOf(err) != fault.Invalid || errors.As(err, new(*os.PathError)) {
			return err
		}
		a.report(BadWheel, a.w.Filename.String(), "", "%v", err)
		return nil
	}
	for _, m := range mismatches {
		a.report(RecordMismatch, m.File, "", "%s", m.Reason)
	}
	return nil
}
