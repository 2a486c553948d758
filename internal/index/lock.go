package index

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/wasmill/wasmill/internal/wheel"
)

// Runtime is what a pyodide-lock.json says of the runtime that it goes with.
type Runtime struct {
	ABI      string // "2026_5"; the runtime refuses a lock with another one than its own
	Platform string // "emscripten_6_0_5"
	Python   string // "3.15.0rc1"
}

type lockDocument struct {
	Info     lockInfo               `json:"info"`
	Packages map[string]lockPackage `json:"packages"`
}

type lockInfo struct {
	ABIVersion string `json:"abi_version"`
	Arch       string `json:"arch"`
	Platform   string `json:"platform"`
	Python     string `json:"python"`
}

type lockPackage struct {
	Depends         []string `json:"depends"`
	FileName        string   `json:"file_name"`
	Imports         []string `json:"imports"`
	InstallDir      string   `json:"install_dir"`
	Name            string   `json:"name"`
	PackageType     string   `json:"package_type"`
	SHA256          string   `json:"sha256"`
	UnvendoredTests bool     `json:"unvendored_tests"`
	Version         string   `json:"version"`
}

// Lock renders pyodide-lock.json: of each project the newest version that is not yanked, pre-releases only where there
// is nothing else. Dependencies that are not among the projects are left out: Pyodide's loader would stop at them,
// although most are needed for a few functions only. address gives the file_name of a file: a full URL, or a name in
// the folder that the runtime is told by packageBaseUrl. Tests that were split off a wheel are the package NAME-tests, as
// in Pyodide's own locks.
func (s *Snapshot) Lock(runtime Runtime, address func(File) string) ([]byte, error) {
	doc := lockDocument{
		Info:     lockInfo{ABIVersion: runtime.ABI, Arch: "wasm32", Platform: runtime.Platform, Python: runtime.Python},
		Packages: map[string]lockPackage{},
	}
	newest := map[string]*File{}
	for name, files := range s.projects {
		if f := choose(files); f != nil {
			newest[name] = f
		}
	}
	for name, f := range newest {
		depends := []string{}
		for _, d := range f.Depends {
			if d = wheel.Normalize(d); newest[d] != nil && d != name && !slices.Contains(depends, d) {
				depends = append(depends, d)
			}
		}
		slices.Sort(depends)
		tests := slices.IndexFunc(s.tests[name], func(t File) bool { return t.Version == f.Version })
		doc.Packages[name] = lockPackage{
			Depends: depends, FileName: address(*f), Imports: append([]string{}, f.Imports...), InstallDir: "site", Name: f.Project,
			PackageType: "package", SHA256: hexOf(f.Digest), UnvendoredTests: tests >= 0, Version: f.Version,
		}
		if tests >= 0 {
			t := s.tests[name][tests]
			doc.Packages[name+"-tests"] = lockPackage{
				Depends: []string{name}, FileName: address(t), Imports: []string{}, InstallDir: "site", Name: f.Project + "-tests",
				PackageType: "package", SHA256: hexOf(t.Digest), Version: f.Version,
			}
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("rendering pyodide-lock.json: %w", err)
	}
	return append(b, '\n'), nil
}

// choose takes the last file of the newest version; files are sorted by version.
func choose(files []File) *File {
	var pre *File
	for i := len(files) - 1; i >= 0; i-- {
		v, err := wheel.ParseVersion(files[i].Version)
		switch {
		case err != nil || files[i].Yanked != nil:
		case !v.Prerelease():
			return &files[i]
		case pre == nil:
			pre = &files[i]
		}
	}
	return pre
}
