package fetch

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/wasmill/wasmill/internal/fault"
)

// DefaultCrates is where the files of crates.io are, unless another address is named.
const DefaultCrates = "https://static.crates.io/crates/"

// cratesAPI answers for the same files; it redirects to where they are.
const cratesAPI = "https://crates.io/api/v1/crates/"

// Crate is one package of a Cargo.lock that has to be fetched.
type Crate struct {
	Name    string
	Version string
	SHA256  string
}

// Folder is the crate's folder in a directory of vendored sources, and the only one in its archive.
func (c Crate) Folder() string { return c.Name + "-" + c.Version }

// CrateSource says where a crate's archive is to be had.
func (f *Fetcher) CrateSource(c Crate) Source {
	if f.Crates != "" && f.Crates != DefaultCrates {
		return Source{URL: crateFile(f.Crates, c), SHA256: c.SHA256}
	}
	return Source{
		URL: crateFile(DefaultCrates, c), SHA256: c.SHA256,
		Mirrors: []string{cratesAPI + c.Name + "/" + c.Version + "/download"},
	}
}

func crateFile(base string, c Crate) string {
	return strings.TrimSuffix(base, "/") + "/" + c.Name + "/" + c.Folder() + ".crate"
}

// registries are crates.io's names for itself in lock files: as a git repository, and as an index over HTTP.
var registries = []string{"registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"}

// LockedElsewhereError names the packages of a Cargo.lock that are not crates of crates.io with a checksum: their bytes
// can't be known before a build. Its kind is fault.Invalid.
type LockedElsewhereError struct {
	Packages []string // "name 1.0 (git+https://…)", sorted
}

func (e *LockedElsewhereError) Error() string {
	return "only crates of crates.io, with their checksums, can be fetched for a build; the lock also names " + strings.Join(e.Packages, ", ")
}

type cargoLock struct {
	Packages []struct {
		Name     string `toml:"name"`
		Version  string `toml:"version"`
		Source   string `toml:"source"`
		Checksum string `toml:"checksum"`
	} `toml:"package"`
	Metadata map[string]any `toml:"metadata"` // in the first version of the format, the checksums
}

// ReadCargoLock reads which crates a Cargo.lock names, sorted and each once. Packages without a source are the workspace's
// own. Errors: *LockedElsewhereError, with the crates that can be had beside it, or fault.Invalid for what is no lock file.
func ReadCargoLock(text []byte) ([]Crate, error) {
	var lock cargoLock
	if err := toml.Unmarshal(text, &lock); err != nil {
		return nil, fault.Errorf(fault.Invalid, "%s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	var crates []Crate
	var elsewhere []string
	for _, p := range lock.Packages {
		if p.Source == "" {
			continue
		}
		sum := p.Checksum
		if sum == "" {
			sum, _ = lock.Metadata[fmt.Sprintf("checksum %s %s (%s)", p.Name, p.Version, p.Source)].(string)
		}
		c := Crate{Name: p.Name, Version: p.Version, SHA256: sum}
		if !slices.Contains(registries, p.Source) || !sha256Hex.MatchString(sum) {
			elsewhere = append(elsewhere, fmt.Sprintf("%s %s (%s)", p.Name, p.Version, p.Source))
			continue
		}
		if !crateName.MatchString(c.Name) || !crateVersion.MatchString(c.Version) {
			return nil, fault.Errorf(fault.Invalid, "package %q, version %q: crates have no such names", c.Name, c.Version)
		}
		crates = append(crates, c)
	}
	slices.SortFunc(crates, compareCrates)
	crates = slices.Compact(crates)
	if len(elsewhere) > 0 {
		slices.Sort(elsewhere)
		return crates, &fault.Error{Kind: fault.Invalid, Err: &LockedElsewhereError{slices.Compact(elsewhere)}}
	}
	return crates, nil
}

func compareCrates(a, b Crate) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.SHA256, b.SHA256))
}

// What becomes part of an address and of a folder's name is kept to what crates.io accepts.
var (
	crateName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
	crateVersion = regexp.MustCompile(`^[0-9][A-Za-z0-9.+-]*$`)
)

// MergeCrates puts the crates of several locks together. Two checksums of one version are fault.Invalid: only one of them
// can be the registry's.
func MergeCrates(locks ...[]Crate) ([]Crate, error) {
	all := slices.Concat(locks...)
	slices.SortFunc(all, compareCrates)
	all = slices.Compact(all)
	for i := 1; i < len(all); i++ {
		if all[i].Folder() == all[i-1].Folder() {
			return nil, fault.Errorf(fault.Invalid, "two locks give %s the checksums %s and %s", all[i].Folder(), all[i-1].SHA256, all[i].SHA256)
		}
	}
	return all, nil
}
