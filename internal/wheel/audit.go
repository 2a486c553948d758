package wheel

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
)

// Audit holds a wheel against an ABI and what its runtime provides, from the bytes alone. What is wrong with the wheel is
// a finding; an error means that it could not be read. Findings are sorted by file, rule and symbol.
func Audit(path string, abi ABI, runtime *Runtime) ([]record.Finding, error) {
	w, err := Open(path)
	if fault.KindOf(err) == fault.Invalid {
		return []record.Finding{BadWheel.finding(filepath.Base(path), "", errors.Unwrap(err).Error())}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	defer w.Close()
	a := &auditor{w: w, abi: abi, runtime: runtime}
	a.tags()
	a.metadata()
	if err := a.record(); err != nil {
		return nil, fmt.Errorf("auditing %s: %w", filepath.Base(path), err)
	}
	if err := a.modules(); err != nil {
		return nil, fmt.Errorf("auditing %s: %w", filepath.Base(path), err)
	}
	slices.SortStableFunc(a.found, func(x, y record.Finding) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Symbol, y.Symbol))
	})
	return slices.Compact(a.found), nil // a module may import one symbol twice
}

type auditor struct {
	w       *Wheel
	abi     ABI
	runtime *Runtime
	found   []record.Finding
}

func (a *auditor) report(r Rule, file, symbol, format string, args ...any) {
	a.found = append(a.found, r.finding(file, symbol, fmt.Sprintf(format, args...)))
}

func (a *auditor) tags() {
	name := a.w.Filename.String()
	platforms := []string{a.abi.PlatformTag}
	if Preference(a.w.Tags(), a.abi.Python, platforms) < 0 {
		a.report(WrongTag, name, "", "none of its tags is for CPython %s on %s", a.abi.Python, a.abi.PlatformTag)
	}
	var inner []Tag
	for _, text := range a.w.Info.All("Tag") {
		set, err := ParseTags(text)
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
	libraries := a.w.Libraries()
	if !a.w.Pure() && len(libraries) == 0 {
		a.report(NoBinary, name, "", "tagged for %s, but without a library", a.w.Filename.Platform)
	}
	if a.w.Pure() {
		for _, file := range libraries {
			a.report(BinaryInPure, file, "", "the wheel is tagged for any platform")
		}
	}
}

func sortedTags(tags []Tag) []string {
	var out []string
	for _, t := range tags {
		out = append(out, t.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (a *auditor) metadata() {
	file, m, f := a.w.DistInfo+"/METADATA", a.w.Metadata, a.w.Filename
	if Normalize(m.Name) != Normalize(f.Name) {
		a.report(MetadataMismatch, file, "", "is for %q, the file name says %q", m.Name, f.Name)
	}
	inner, _ := ParseVersion(m.Version) // both were read before
	outer, _ := ParseVersion(f.Version)
	if inner.Compare(outer) != 0 {
		a.report(MetadataMismatch, file, "", "is for version %s, the file name says %s", m.Version, f.Version)
	}
	stem := strings.TrimSuffix(a.w.DistInfo, ".dist-info")
	name, version, _ := strings.Cut(stem, "-")
	if v, err := ParseVersion(version); Normalize(name) != Normalize(f.Name) || err != nil || v.Compare(outer) != 0 {
		a.report(MetadataMismatch, a.w.DistInfo, "", "is the folder of another project or version than the file name's")
	}
}

func (a *auditor) record() error {
	mismatches, err := a.w.VerifyRecord()
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
