package recipe

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// digestVersion stands at the front of what is hashed. It changes when the encoding below changes its meaning; all
// recipes are built again then.
const digestVersion = "wasmill recipe 1"

// Digests stand for what a recipe says, without what it only says to people.
type Digests struct {
	// Build covers all that can change the built wheel: name, version, source, build, the requirements of the build,
	// what the wheel must hold, and every file in the folder but meta.yaml and tests. The source's archive is
	// covered by its sha256 and file name, not by where it is fetched from. Sections about and extra, tags,
	// import names, run requirements, class, timeout and the notes on patches are not covered.
	Build record.Digest
	// Test covers what is tested and with what: imports, run requirements, wasmill.test, and the bytes of the tests.
	Test record.Digest
	// Parts are what Build was made of, by name, so that a difference can be told to a person.
	Parts []Part
}

// Part is one part of Digests.Build, such as "source", "build" or "file patches/a.patch".
type Part struct {
	Name   string
	Digest record.Digest
}

// Digests reads the recipe's files and digests them with what the recipe says.
func (r *Recipe) Digests() (*Digests, error) {
	d := &Digests{}
	for _, p := range []struct {
		name  string
		value any
	}{
		{"package", []string{r.Name, r.Version}},
		{"source", r.canonicalSource()},
		{"build", r.canonicalBuild()},
		{"requirements", r.canonicalRequirements()},
		{"wasmill", r.canonicalWasmill()},
	} {
		d.Parts = append(d.Parts, Part{p.name, digestOf(p.name, p.value)})
	}
	tests := []Part{{"imports", digestOf("imports", []any{r.TestImports(), canonicalNames(r.Requirements.Run)})}}
	if t := &r.Wasmill.Test; t.given() {
		tests = append(tests, Part{"wasmill.test", digestOf("wasmill.test", t.canonical())})
	}
	if r.HasFolder() {
		files, err := r.Files()
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			part, err := filePart(r.Dir, f)
			switch {
			case err != nil:
				return nil, fmt.Errorf("digesting recipe `%s`: %w", r.Name, err)
			case f.Name == MetaFile:
			case isTest(f.Name):
				tests = append(tests, part)
			default:
				d.Parts = append(d.Parts, part)
			}
		}
	}
	if r.Source.Path != "" {
		tree, err := r.sourceTree()
		if err != nil {
			return nil, err
		}
		d.Parts = append(d.Parts, Part{"source tree", tree})
	}
	d.Build, d.Test = digestOf("build", d.Parts), digestOf("test", tests)
	return d, nil
}

// sourceTree digests a source that is not fetched.
func (r *Recipe) sourceTree() (record.Digest, error) {
	files, err := r.SourceFiles()
	if err != nil {
		return "", err
	}
	parts := make([]Part, len(files))
	for i, f := range files {
		if parts[i], err = filePart(r.Path(r.Source.Path), f); err != nil {
			return "", fmt.Errorf("digesting source of recipe `%s`: %w", r.Name, err)
		}
	}
	return digestOf("source tree", parts), nil
}

// The canonical forms list fields one by one: a field that is added to a type must be thought about here, and the
// order of keys in the file does not matter.

func (r *Recipe) canonicalSource() any {
	s := r.Source
	return struct {
		File, SHA256, Path, ExtractDir string
		Patches                        []string
		Extras                         []Extra
	}{path.Base(urlPath(s.URL)), s.SHA256, s.Path, s.ExtractDir, cleaned(s.Patches), orEmpty(s.Extras)}
}

func (r *Recipe) canonicalBuild() any {
	b := r.Build
	return struct {
		Type                            Type
		Script, CrossScript, Post       string
		BackendFlags                    string
		CFlags, CXXFlags, LDFlags       string
		Exports                         ExportMode
		Symbols                         []string
		UnvendorTests                   bool
		RetainTestPatterns              []string
		VendorSharedLib                 bool
		CrossBuildEnv, CrossSkipInstall bool
		CrossBuildFiles                 []string
	}{
		b.Type, b.Script, b.CrossScript, b.Post, b.BackendFlags, b.CFlags, b.CXXFlags, b.LDFlags, b.Exports.Mode,
		orEmpty(b.Exports.Symbols), b.UnvendorTests, orEmpty(b.RetainTestPatterns), b.VendorSharedLib,
		b.CrossBuildEnv, b.CrossBuildEnvSkipInstall, orEmpty(b.CrossBuildFiles),
	}
}

func (r *Recipe) canonicalRequirements() any {
	q := r.Requirements
	return struct {
		Host                                []string
		BuildExtras, Executable, Constraint []string
	}{canonicalNames(q.Host), orEmpty(q.BuildExtras), orEmpty(q.Executable), orEmpty(q.Constraint)}
}

func (r *Recipe) canonicalWasmill() any {
	modules := slices.Clone(r.Wasmill.ExtensionModules)
	slices.Sort(modules)
	exclude := ""
	if !r.Wasmill.ExcludeNewer.IsZero() {
		exclude = r.Wasmill.ExcludeNewer.UTC().Format(time.RFC3339)
	}
	return struct {
		Pure, DynamicVersion bool
		ExtensionModules     []string
		ExcludeNewer         string
		// What came later; recipes without it keep their digests.
		MaxSize Size     `json:",omitempty"`
		App     *AppSpec `json:",omitempty"`
	}{r.Wasmill.Pure, r.Wasmill.DynamicVersion, orEmpty(modules), exclude, r.Wasmill.MaxSize, r.Wasmill.App}
}

// canonicalNames are the recipes that are required: each once, whatever the spelling and the order.
func canonicalNames(names []string) []string {
	all := make([]string, 0, len(names))
	for _, n := range names {
		all = append(all, Canonical(n))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func cleaned(names []string) []string {
	all := make([]string, 0, len(names))
	for _, n := range names {
		all = append(all, path.Clean(n))
	}
	return all
}

// orEmpty makes nil and empty the same in JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func digestOf(name string, value any) record.Digest {
	data, err := json.Marshal([]any{digestVersion, name, value})
	if err != nil {
		panic(err) // only texts, booleans and lists come here
	}
	sum := sha256.Sum256(data)
	return record.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

func filePart(root string, f File) (Part, error) {
	name := "file " + f.Name
	if f.Executable {
		name = "executable " + f.Name
	}
	file, err := os.Open(filepath.Join(root, filepath.FromSlash(f.Name)))
	if err != nil {
		return Part{}, err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return Part{}, err
	}
	return Part{name, record.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))}, nil
}
