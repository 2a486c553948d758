package debian

import (
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Package is one entry of an index: enough to choose it, fetch it, and say that it is there.
type Package struct {
	Name, Version string
	Filename      string // below the mirror's address
	Size          int64  // bytes
	SHA256        string // 64 hexadecimal digits
	depends       [][]Relation
	provides      []Relation
}

// Index is what one suite offers for one architecture.
type Index struct {
	packages  map[string]*Package
	providers map[string][]provider
}

type provider struct {
	*Package
	version string // that is provided; empty where the field names none, which satisfies no bound
}

// ReadIndex reads the text of one or more Packages files. Of several versions of a package the newest counts.
func ReadIndex(files ...io.Reader) (*Index, error) {
	ix := &Index{packages: map[string]*Package{}, providers: map[string][]provider{}}
	for _, r := range files {
		if err := readParagraphs(r, ix.add); err != nil {
			return nil, fmt.Errorf("reading an index of packages: %w", err)
		}
	}
	for _, p := range ix.packages {
		for _, rel := range p.provides {
			ix.providers[rel.Name] = append(ix.providers[rel.Name], provider{p, rel.Version})
		}
	}
	for _, ps := range ix.providers {
		slices.SortFunc(ps, func(a, b provider) int { return compareNames(a.Package, b.Package) })
	}
	return ix, nil
}

func (ix *Index) add(par Paragraph) error {
	p := &Package{Name: par["Package"], Version: par["Version"], Filename: par["Filename"], SHA256: par["SHA256"]}
	if p.Name == "" || p.Version == "" || p.Filename == "" || len(p.SHA256) != 64 {
		return fmt.Errorf("package %q lacks its version, file name or SHA256", p.Name)
	}
	if old := ix.packages[p.Name]; old != nil && CompareVersions(old.Version, p.Version) >= 0 {
		return nil
	}
	var err error
	if p.Size, err = strconv.ParseInt(par["Size"], 10, 64); err != nil {
		return fmt.Errorf("package %s: reading its size: %w", p.Name, err)
	}
	for _, field := range []string{"Pre-Depends", "Depends"} {
		depends, err := parseDepends(par[field])
		if err != nil {
			return fmt.Errorf("package %s: reading %s: %w", p.Name, field, err)
		}
		p.depends = append(p.depends, depends...)
	}
	provides, err := parseDepends(par["Provides"])
	if err != nil {
		return fmt.Errorf("package %s: reading Provides: %w", p.Name, err)
	}
	for _, alternatives := range provides {
		p.provides = append(p.provides, alternatives...)
	}
	ix.packages[p.Name] = p
	return nil
}

func compareNames(a, b *Package) int {
	if a.Name < b.Name {
		return -1
	}
	if a.Name > b.Name {
		return 1
	}
	return 0
}
