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
		Path   string `toml:"path"` // beside the lock, in the place of an address
		Hashes struct {
			SHA256 string `toml:"sha256"`
		} `toml:"hashes"`
	} `toml:"wheels"`
}

// parsePylock takes from each package the wheel that an installer on the target would take.
func parsePylock(data []byte, target Target) ([]LockedWheel, error) {
	if target.Pure {
		return lockedWheels(data, nil, target.Python, nil, "in the WebAssembly runtime")
	}
	return lockedWheels(data, nil, target.Python, wheel.LinuxPlatforms(target.Glibc, target.Arch), "on the toolchain's Linux")
}

// LockedWheels takes from each package of a pylock.toml the wheel that an installer for this Python ("3.15") and these platforms
// would take. Relative paths in it are beside base, the lock's own address.
func LockedWheels(data []byte, base *url.URL, python string, platforms []string) ([]LockedWheel, error) {
	return lockedWheels(data, base, python, platforms, "for "+join(platforms))
}

func lockedWheels(data []byte, base *url.URL, python string, platforms []string, where string) ([]LockedWheel, error) {
	var file pylock
	if err := toml.Unmarshal(data, &file); err != nil {
		return nil, fault.Errorf(fault.Internal, "reading uv's answer as pylock.toml: %w", err)
	}
	locked := []LockedWheel{}
	for _, p := range file.Packages {
		w, err := p.best(base, python, platforms, where)
		if err != nil {
			return nil, err
		}
		locked = append(locked, w)
	}
	return locked, nil
}

func (p pylockPackage) best(base *url.URL, python string, platforms []string, where string) (LockedWheel, error) {
	best, rank := LockedWheel{}, -1
	files := []string{}
	for _, w := range p.Wheels {
		if w.URL == "" && base != nil {
			w.URL = base.JoinPath("..", w.Path).String()
			if path.IsAbs(w.Path) {
				w.URL = "file://" + w.Path
			}
		}
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
		r := wheel.Preference(name.Tags(), python, platforms)
		if r >= 0 && (rank < 0 || r < rank) && sha256Hex.MatchString(w.Hashes.SHA256) {
			best = LockedWheel{Name: wheel.Normalize(p.Name), Version: p.Version, File: w.Name, URL: w.URL, SHA256: w.Hashes.SHA256}
			rank = r
		}
	}
	if rank < 0 {
		slices.Sort(files)
		return LockedWheel{}, &fault.Error{Kind: fault.Invalid, Err: &UnresolvableError{
			Requirements: []string{p.Name + "==" + p.Version},
			Reason:       "none of its wheels with a sha256 fits Python " + python + " " + where + ": " + join(files),
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
