package toolchain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ulikunitz/xz"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/toolchain/debian"
)

const (
	npmRegistry = "https://registry.npmjs.org"
	npmMirror   = "https://registry.yarnpkg.com"
	wheelIndex  = "https://pypi.org/simple"
)

// LockOptions is what locking needs besides a toolchain's folder.
type LockOptions struct {
	Keyring  string            // OpenPGP keys of the archive; empty means the file of the package debian-archive-keyring
	Client   *http.Client      // nil means http.DefaultClient
	Progress func(Event)       // may be nil
	Note     func(text string) // what a person should know though it is no error; may be nil
	Now      func() time.Time  // nil means time.Now
}

const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

func (o *LockOptions) setDefaults() {
	if o.Keyring == "" {
		o.Keyring = debianKeyring
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Relock asks mirrors and registries what the spec's words stand for now, and writes lock.json. The images' digests of
// the old lock are forgotten when its inputs change. Nothing is downloaded but indexes.
func (t *Toolchain) Relock(ctx context.Context, o LockOptions) error {
	o.setDefaults()
	l := &Lock{Request: t.Spec.request(), Epoch: t.Spec.ExcludeNewer}
	if t.Spec.Debian != nil {
		if err := lockDebian(ctx, t.Spec, l, o); err != nil {
			return fmt.Errorf("locking the packages of Debian: %w", err)
		}
	}
	for _, p := range t.Spec.NPM {
		o.Progress(Event{Step: "asking for " + p.Name})
		in, err := lockNPM(ctx, o.Client, p)
		if err != nil {
			return fmt.Errorf("locking the npm package %s: %w", p.Name, err)
		}
		l.Inputs = append(l.Inputs, in)
	}
	for _, p := range t.Spec.Wheels {
		o.Progress(Event{Step: "asking for " + p.Name})
		in, err := lockWheel(ctx, o.Client, p)
		if err != nil {
			return fmt.Errorf("locking the wheel of %s: %w", p.Name, err)
		}
		l.Inputs = append(l.Inputs, in)
	}
	l.inherit(t.Lock)
	if err := l.write(filepath.Join(t.Dir, "lock.json")); err != nil {
		return err
	}
	t.Lock = l
	return nil
}

func lockDebian(ctx context.Context, s *Spec, l *Lock, o LockOptions) error {
	d := s.Debian
	keyring, err := os.ReadFile(o.Keyring)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Errorf(fault.NotFound, "there is no keyring %s to check the suite's signature with: install the package debian-archive-keyring, or name another file", o.Keyring)
	}
	if err != nil {
		return fmt.Errorf("reading the keyring: %w", err)
	}
	suite := d.Mirror + "/dists/" + d.Suite
	o.Progress(Event{Step: "asking for " + suite})
	signed, err := ask(ctx, o.Client, suite+"/InRelease", "")
	if err != nil {
		return err
	}
	release, err := debian.OpenRelease(signed, keyring)
	if err != nil {
		return fault.Errorf(fault.Invalid, "%s: %w", suite, err)
	}
	if until := release.ValidUntil; !until.IsZero() && o.Now().After(until) {
		o.Note(fmt.Sprintf("the index of %s is of %s and was to be replaced by %s: the mirror is behind", d.Suite, release.Date.Format(time.DateOnly), until.Format(time.DateOnly)))
	}
	l.Epoch = release.Date.UTC()
	var files []io.Reader
	for _, component := range d.Components {
		name, file, err := release.Index(component, d.Architecture)
		if err != nil {
			return fault.Errorf(fault.NotFound, "%w", err)
		}
		o.Progress(Event{Step: "reading " + name})
		packed, err := ask(ctx, o.Client, suite+"/"+name, "")
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != file.SHA256 {
			return fault.Errorf(fault.Unavailable, "%s is not what the release file names: the mirror is being updated, or lies", name)
		}
		text, err := xz.NewReader(bytes.NewReader(packed))
		if err != nil {
			return fault.Errorf(fault.Invalid, "unpacking %s: %w", name, err)
		}
		files = append(files, text)
	}
	index, err := debian.ReadIndex(files...)
	if err != nil {
		return fault.Errorf(fault.Invalid, "%w", err)
	}
	base, err := index.Resolve(d.Runtime, d.Exclude)
	if err != nil {
		return fault.Errorf(fault.Invalid, "%w", err)
	}
	all, err := index.Resolve(slices.Concat(d.Runtime, d.Build), d.Exclude)
	if err != nil {
		return fault.Errorf(fault.Invalid, "%w", err)
	}
	for _, p := range all {
		in := deb(d, p, l.Epoch)
		in.Base = slices.Contains(base, p)
		l.Inputs = append(l.Inputs, in)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Extensions)) {
		e := s.Extensions[name]
		// What an extension names is wanted there, whatever the other images do without.
		excluded := slices.DeleteFunc(slices.Concat(d.Exclude, e.Exclude), func(name string) bool { return slices.Contains(e.Debian, name) })
		wanted, err := index.Resolve(slices.Concat(d.Runtime, d.Build, e.Debian), excluded)
		if err != nil {
			return fault.Errorf(fault.Invalid, "extensions.%s: %w", name, err)
		}
		for _, p := range wanted {
			if !slices.Contains(all, p) {
				in := deb(d, p, l.Epoch)
				in.Extension = name
				l.Inputs = append(l.Inputs, in)
			}
		}
	}
	return nil
}

func deb(d *Debian, p *debian.Package, epoch time.Time) Input {
	in := Input{Kind: Deb, Name: p.Name, Version: p.Version, Size: p.Size, SHA256: p.SHA256, URL: d.Mirror + "/" + p.Filename}
	if d.Snapshot != "" {
		// The archive takes a picture some hours after a release, and answers with the last one before the time asked for.
		in.Mirror = fmt.Sprintf("%s/%s/%s", d.Snapshot, epoch.Add(12*time.Hour).Format("20060102T150405Z"), p.Filename)
	}
	return in
}

// lockNPM asks the registry for a version's tarball. The registry vouches for it with a sha512, so it is fetched once to
// learn its sha256.
func lockNPM(ctx context.Context, client *http.Client, p Package) (Input, error) {
	text, err := ask(ctx, client, npmRegistry+"/"+p.Name+"/"+p.Version, "application/json")
	if err != nil {
		return Input{}, err
	}
	var version struct {
		Dist struct {
			Integrity string `json:"integrity"`
			Tarball   string `json:"tarball"`
		} `json:"dist"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return Input{}, fault.Errorf(fault.Unavailable, "reading the registry's answer: %w", err)
	}
	tarball, err := ask(ctx, client, version.Dist.Tarball, "")
	if err != nil {
		return Input{}, err
	}
	long := sha512.Sum512(tarball)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(long[:]); got != version.Dist.Integrity {
		return Input{}, fault.Errorf(fault.Invalid, "%s has the integrity %s, the registry says %s", version.Dist.Tarball, got, version.Dist.Integrity)
	}
	sum := sha256.Sum256(tarball)
	return Input{
		Kind: NPM, Name: p.Name, Version: p.Version, URL: version.Dist.Tarball, Size: int64(len(tarball)), SHA256: hex.EncodeToString(sum[:]),
		Mirror: strings.Replace(version.Dist.Tarball, npmRegistry, npmMirror, 1),
	}, nil
}

// lockWheel finds a wheel in the index's JSON (PEP 691).
func lockWheel(ctx context.Context, client *http.Client, p Package) (Input, error) {
	text, err := ask(ctx, client, wheelIndex+"/"+p.Name+"/", "application/vnd.pypi.simple.v1+json")
	if err != nil {
		return Input{}, err
	}
	var project struct {
		Files []struct {
			Filename string            `json:"filename"`
			URL      string            `json:"url"`
			Size     int64             `json:"size"`
			Hashes   map[string]string `json:"hashes"`
		} `json:"files"`
	}
	if err := json.Unmarshal(text, &project); err != nil {
		return Input{}, fault.Errorf(fault.Unavailable, "reading the index's answer: %w", err)
	}
	platform := p.Platform
	if platform == "" {
		platform = "any"
	}
	for _, f := range project.Files {
		parts := strings.Split(strings.TrimSuffix(f.Filename, ".whl"), "-")
		if path.Ext(f.Filename) != ".whl" || len(parts) < 5 || parts[1] != p.Version || !slices.Contains(strings.Split(parts[len(parts)-1], "."), platform) {
			continue
		}
		return Input{Kind: Wheel, Name: p.Name, Version: p.Version, URL: f.URL, Size: f.Size, SHA256: f.Hashes["sha256"]}, nil
	}
	return Input{}, fault.Errorf(fault.NotFound, "the index has no wheel of version %s for the platform %s", p.Version, platform)
}
