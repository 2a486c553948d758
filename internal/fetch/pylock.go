package fetch

import (
	"net/url"
	"path"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
)

// pylock is what is read of a pylock.toml (PEP 751).
type pylock struct {
	Packages []pylockPackage `toml:"packages"`
}

type pylockPackage struct {
	Name    string `toml:"name"`
	Version string `toml:"version"`
	Wheels  []struct {
		Name   string `toml:"name"` // may be left out where the address ends in it
		URL    string `toml:"url"`
		Hashes struct {
			SHA256 string `toml:"sha256"`
		} `toml:"hashes"`
	} `toml:"wheels"`
}

// parsePylock takes from each package the wheel that an installer on the target would take.
func parsePylock(data []byte, target Target) ([]LockedWheel, error) {
	var file pylock
	if err := toml.Unmarshal(data, &file); err != nil {
		return nil, fault.Errorf(fault.Internal, "reading uv's answer as pylock.toml: %w", err)
	}
	locked := []LockedWheel{}
	for _, p := range file.Packages {
		w, err := p.best(target)
		if err != nil {
			return nil, err
		}
		locked = append(locked, w)
	}
	return locked, nil
}

func (p pylockPackage) best(target Target) (LockedWheel, error) {
	var platforms []string
	where := "in the WebAssembly runtime"
	if !target.Pure {
		platforms, where = wheel.LinuxPlatforms(target.Glibc, target.Arch), "on the toolchain's Linux"
	}
	best, rank := LockedWheel{}, -1
	files := []string{}
	for _, w := range p.Wheels {
		u, err := url.Parse(w.URL)
		if err != nil {
			return LockedWheel{}, fault.Errorf(fault.Internal, "reading uv's answer: %w", err)
		}
		if w.Name == "" {
			w.Name = path.Base(u.Path)
		}
		files = append(files, w.Name)
		name, err := wheel.ParseFilename(w.Name)
		if err != nil {
			continue // an index may hold names from before the rules; installers pass over them too
		}
		r := wheel.Preference(name.Tags(), target.Python, platforms)
		if r >= 0 && (rank < 0 || r < rank) && sha256Hex.MatchString(w.Hashes.SHA256) {
			best = LockedWheel{Name: wheel.Normalize(p.Name), Version: p.Version, File: w.Name, URL: w.URL, SHA256: w.Hashes.SHA256}
			rank = r
		}
	}
	if rank < 0 {
		slices.Sort(files)
		return LockedWheel{}, &fault.Error{Kind: fault.Invalid, Err: &UnresolvableError{
			Requirements: []string{p.Name + "==" + p.Version},
			Reason:       "none of its wheels with a sha256 fits Python " + target.Python + " " + where + ": " + join(files),
		}}
	}
	return best, nil
}

func join(files []string) string {
	if len(files) == 0 {
		return "there are none"
	}
	const most = 5
	out := files[0]
	for _, f := range files[1:min(len(files), most)] {
		out += ", " + f
	}
	if len(files) > most {
		out += ", …"
	}
	return out
}
