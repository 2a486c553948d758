package build

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/wasmill/wasmill/internal/record"
)

// legacy is what a source needs that does not say: PEP 517 then means setuptools.
var legacy = []string{"setuptools >= 40.8.0"}

// buildSystem reads build-system.requires of a source (PEP 518).
func buildSystem(dir string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(dir, "pyproject.toml"))
	if errors.Is(err, fs.ErrNotExist) {
		return legacy, nil
	}
	if err != nil {
		return nil, err
	}
	var project struct {
		BuildSystem *struct {
			Requires []string `toml:"requires"`
		} `toml:"build-system"`
	}
	if err := toml.Unmarshal(data, &project); err != nil {
		return nil, fail(record.PhaseLock, record.Requirements, "pyproject.toml: %s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	if project.BuildSystem == nil {
		return legacy, nil
	}
	return project.BuildSystem.Requires, nil
}

// touches says whether the files of a name may be others once patches, extras and script have been at the source.
func (a *attempt) touches(name string) bool {
	r := a.job.Recipe
	if r.Build.Script != "" {
		return true
	}
	for _, e := range r.Source.Extras {
		if filepath.Base(e.To) == name {
			return true
		}
	}
	for _, p := range r.Source.Patches {
		// A patch that can't be read fails the build later, in words.
		text, _ := os.ReadFile(r.Path(p))
		if strings.Contains(string(text), name) {
			return true
		}
	}
	return false
}
