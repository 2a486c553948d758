package toolchain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// Lock is lock.json: every byte that the spec's words stand for, and the images that came of it.
type Lock struct {
	Request string    `json:"request"` // a hash of what the spec asked for; another one means that the lock is out of date
	Epoch   time.Time `json:"epoch"`   // the time of all files in the images: that of the suite's release file
	Inputs  []Input   `json:"inputs"`
	Build   string    `json:"build,omitempty"`   // the Build image's digest, sha256:…
	Runtime string    `json:"runtime,omitempty"` // the Runtime image's
	// Extensions are the digests of the extensions' images, by their names.
	Extensions map[string]string `json:"extensions,omitempty"`
}

// Kind is where an input comes from.
type Kind string

// The kinds of inputs.
const (
	Deb   Kind = "deb"
	NPM   Kind = "npm"
	Wheel Kind = "wheel"
)

// Input is one file that an image is made of.
type Input struct {
	Kind    Kind   `json:"kind"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Base    bool   `json:"base,omitempty"` // a Debian package of both images
	// Extension is whose layer the package goes into; empty for what the two images are made of.
	Extension string `json:"extension,omitempty"`
	URL       string `json:"url"`
	Mirror    string `json:"mirror,omitempty"` // the second address
	Size      int64  `json:"size"`             // bytes
	SHA256    string `json:"sha256"`
}

func readLock(file string) (*Lock, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a lock: %w", err)
	}
	l := &Lock{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(l); err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the lock %s: %w", file, err)
	}
	return l, nil
}

func (l *Lock) write(file string) error {
	text, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return err
	}
	aside := file + ".new"
	if err := os.WriteFile(aside, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing a lock: %w", err)
	}
	return os.Rename(aside, file)
}

// find gives the one input of that kind and name, nil where there is none.
func (l *Lock) find(kind Kind, name string) *Input {
	for i := range l.Inputs {
		if l.Inputs[i].Kind == kind && l.Inputs[i].Name == name {
			return &l.Inputs[i]
		}
	}
	return nil
}

// of gives the inputs of an extension's layer, or of the two images where the name is empty.
func (l *Lock) of(extension string) []Input {
	var inputs []Input
	for _, in := range l.Inputs {
		if in.Extension == extension {
			inputs = append(inputs, in)
		}
	}
	return inputs
}

// inherit takes over an older lock's digests, as far as the images' inputs are the same.
func (l *Lock) inherit(old *Lock) {
	if old == nil || !old.Epoch.Equal(l.Epoch) || !slices.Equal(old.of(""), l.of("")) {
		return
	}
	l.Build, l.Runtime = old.Build, old.Runtime
	for name, digest := range old.Extensions {
		if in := l.of(name); len(in) > 0 && slices.Equal(in, old.of(name)) {
			l.extend(name, digest)
		}
	}
}

// extend notes the digest of an extension's image.
func (l *Lock) extend(name, digest string) {
	if l.Extensions == nil {
		l.Extensions = map[string]string{}
	}
	l.Extensions[name] = digest
}

// request hashes the part of a spec that decides a lock's inputs.
func (s *Spec) request() string {
	asked := struct {
		From       string
		Packages   []string
		Debian     *Debian
		Extensions map[string][]string `json:",omitempty"`
	}{From: s.From}
	for _, p := range s.NPM {
		asked.Packages = append(asked.Packages, fmt.Sprintf("npm %s %s", p.Name, p.Version))
	}
	for _, p := range s.Wheels {
		asked.Packages = append(asked.Packages, fmt.Sprintf("wheel %s %s %s", p.Name, p.Version, p.Platform))
	}
	for name, e := range s.Extensions {
		if asked.Extensions == nil {
			asked.Extensions = map[string][]string{}
		}
		asked.Extensions[name] = e.Debian
		for _, excluded := range e.Exclude {
			asked.Extensions[name] = append(asked.Extensions[name], "-"+excluded)
		}
	}
	if s.Debian != nil {
		d := *s.Debian
		d.Drop, d.Scaffold, d.Links, d.Files = nil, nil, nil, nil
		asked.Debian = &d
	}
	text, err := json.Marshal(asked)
	if err != nil {
		panic(err) // strings only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// locked gives the lock, or fault.Conflict where there is none that fits the spec.
func (t *Toolchain) locked() (*Lock, error) {
	if t.Lock == nil || t.Lock.Request != t.Spec.request() {
		return nil, fault.Errorf(fault.Conflict, "the lock of toolchain %s does not fit its toolchain.yaml: run `wasmill toolchain lock %s`", t.Spec.Name, t.Spec.Name)
	}
	return t.Lock, nil
}
