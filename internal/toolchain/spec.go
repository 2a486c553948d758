package toolchain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/toolchain/rootfs"
)

// Spec is toolchain.yaml: what a toolchain is to consist of, in words that a lock makes exact.
// docs/reference/toolchains.md explains the keys.
type Spec struct {
	Name         string            `yaml:"name"`
	Facts        SpecFacts         `yaml:"facts"`
	ExcludeNewer time.Time         `yaml:"exclude_newer"`
	Env          map[string]string `yaml:"env"`
	From         string            `yaml:"from"` // name@sha256:… of an image that takes the place of Debian's packages
	Debian       *Debian           `yaml:"debian"`
	NPM          []Package         `yaml:"npm"`
	Wheels       []Package         `yaml:"wheels"`
	Cross        []string          `yaml:"cross"` // the names under which the compiler wrapper is found
	// Main and Script are files of the Runtime image, from which the ABI's symbols are read: the main module of a runtime that
	// loads modules, and the script beside it. Without them the toolchain's own script says what the system's libraries have.
	Main   string `yaml:"main"`
	Script string `yaml:"script"`
	// Extensions are further images by name, for the recipes that need more than the Build image has.
	Extensions map[string]*Extension `yaml:"extensions"`
}

// Extension is the Build image with more in it.
type Extension struct {
	Debian      []string          `yaml:"debian"`      // packages beyond those of the Build image, also what debian.exclude names
	Exclude     []string          `yaml:"exclude"`     // dependencies that are not wanted, beside those of debian.exclude
	Script      string            `yaml:"script"`      // a Python script in files/ that fills the rest of the layer; may be empty
	Executables []string          `yaml:"executables"` // a recipe that says it needs one of them is built in this image
	Runtime     string            `yaml:"runtime"`     // a runtime of wasmill.test.runtimes: wheels are tested with it in this image
	Env         map[string]string `yaml:"env"`         // of every build in this image, beside the toolchain's
	Compiler    string            `yaml:"compiler"`    // words that are added to facts.compiler
}

// SpecFacts is the part of Facts that a person decides. The bake checks what it can against the tools themselves.
type SpecFacts struct {
	// Target is the compiler's name of what is compiled for; empty stands for Emscripten's own. What it says decides how
	// packages are built: see Target.
	Target         Target `yaml:"target" json:"target,omitempty"`
	PlatformTag    string `yaml:"platform_tag" json:"platform_tag"`
	Python         string `yaml:"python" json:"python"`
	PythonTag      string `yaml:"python_tag" json:"python_tag"`
	ExtSuffix      string `yaml:"ext_suffix" json:"ext_suffix"`
	Emscripten     string `yaml:"emscripten" json:"emscripten,omitempty"`
	Compiler       string `yaml:"compiler" json:"compiler"`
	PyodideVersion string `yaml:"pyodide" json:"pyodide,omitempty"`
	// Interpreter names the recipe that makes the Python of a toolchain of which no runtime exists beforehand.
	Interpreter string `yaml:"interpreter" json:"interpreter,omitempty"`
}

// Debian says which packages of which suite make the images' file system.
type Debian struct {
	Mirror       string            `yaml:"mirror"`
	Snapshot     string            `yaml:"snapshot"` // an archive of past states of the mirror; may be empty
	Suite        string            `yaml:"suite"`
	Components   []string          `yaml:"components"`
	Architecture string            `yaml:"architecture"`
	Runtime      []string          `yaml:"runtime"`  // packages of both images
	Build        []string          `yaml:"build"`    // packages of the Build image only
	Exclude      []string          `yaml:"exclude"`  // dependencies that are not wanted
	Drop         []string          `yaml:"drop"`     // files that are not wanted: rootfs.Patterns
	Scaffold     []string          `yaml:"scaffold"` // files that only the bake needs: not in the images
	Links        map[string]string `yaml:"links"`    // symbolic links that maintainer scripts would have made
	Files        map[string]string `yaml:"files"`    // text files that they would have made
}

// Package is an input from npm or from a Python index.
type Package struct {
	Name     string `yaml:"name"`
	Version  string `yaml:"version"`
	Platform string `yaml:"platform"` // of a wheel that is not pure: the platform part of its tag
	Unpack   string `yaml:"unpack"`   // a folder of the Runtime image that gets the package's files
	Copy     string `yaml:"copy"`     // a folder of the Runtime image that gets the package's archive as it is
}

var (
	specName = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	fromName = regexp.MustCompile(`^\S+@sha256:[0-9a-f]{64}$`)
)

func readSpec(file string) (*Spec, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.Errorf(fault.NotFound, "reading a toolchain: %w", err)
	}
	return parseSpec(file, text)
}

func parseSpec(file string, text []byte) (*Spec, error) {
	s := &Spec{}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(s); err != nil {
		if ye := yaml.Error(nil); errors.As(err, &ye) && ye.GetToken() != nil {
			at := ye.GetToken().Position
			return nil, fault.Errorf(fault.Invalid, "%s:%d:%d: %s", file, at.Line, at.Column, ye.GetMessage())
		}
		return nil, fault.Errorf(fault.Invalid, "%s: %w", file, err)
	}
	if err := s.check(); err != nil {
		return nil, fault.Errorf(fault.Invalid, "%s: %w", file, err)
	}
	return s, nil
}

func (s *Spec) check() error {
	if err := s.checkTarget(); err != nil {
		return err
	}
	switch {
	case !specName.MatchString(s.Name):
		return fmt.Errorf("name is %q: it is used in addresses, so it has small letters, digits and single underscores only", s.Name)
	case s.ExcludeNewer.IsZero():
		return errors.New("exclude_newer is missing: the day as of which build requirements are locked")
	case (s.From == "") == (s.Debian == nil):
		return errors.New("exactly one of debian and from must be given")
	case s.From != "" && !fromName.MatchString(s.From):
		return fmt.Errorf("from is %q: it must name an image by its digest, name@sha256:…", s.From)
	}
	if d := s.Debian; d != nil {
		if d.Mirror == "" || d.Suite == "" || len(d.Components) == 0 || d.Architecture == "" {
			return errors.New("debian needs mirror, suite, components and architecture")
		}
		for key, patterns := range map[string][]string{"drop": d.Drop, "scaffold": d.Scaffold} {
			if _, err := rootfs.ParsePatterns(patterns); err != nil {
				return fmt.Errorf("debian.%s: %w", key, err)
			}
		}
	}
	for _, p := range append(append([]Package{}, s.NPM...), s.Wheels...) {
		if p.Name == "" || p.Version == "" {
			return fmt.Errorf("a package needs a name and a version, this one has %q and %q", p.Name, p.Version)
		}
		for _, to := range []string{p.Unpack, p.Copy} {
			if to != "" && (!path.IsAbs(to) || path.Clean(to) != to) {
				return fmt.Errorf("%s goes to %q, which is no absolute path", p.Name, to)
			}
		}
	}
	for name, e := range s.Extensions {
		if !specName.MatchString(name) {
			return fmt.Errorf("extensions names %q: a name has small letters, digits and single underscores only", name)
		}
		if e == nil || len(e.Debian) == 0 || (len(e.Executables) == 0) == (e.Runtime == "") {
			return fmt.Errorf("extensions.%s needs debian, the packages of its layer, and either executables, the programs for which recipes get it, or runtime, which is tested in it", name)
		}
		if s.Debian == nil {
			return fmt.Errorf("extensions.%s has packages of Debian, but the toolchain is made from an image", name)
		}
		if e.Script != path.Base(e.Script) && e.Script != "" {
			return fmt.Errorf("extensions.%s.script is %q: it must be the name of a file in files/", name, e.Script)
		}
	}
	for _, name := range s.Cross {
		if strings.ContainsRune(name, '/') {
			return fmt.Errorf("cross names %q, which is no name of a command", name)
		}
	}
	return nil
}
