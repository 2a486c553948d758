package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/world"
)

// Modules reads the modules of a wheel, for what they require of a runtime. What is no module is passed over: the audit says
// so. A wheel that can't be read is fault.Invalid.
func Modules(path string) ([]world.Module, error) {
	w, err := wheel.Open(path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	a := &auditor{w: w}
	files, err := a.read()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	return worldOf(files), nil
}

func worldOf(files []*file) []world.Module {
	var out []world.Module
	for _, f := range files {
		if f.library && f.damage == nil && f.module != nil {
			out = append(out, world.Module{File: f.name, Size: f.size, Module: f.module})
		}
	}
	return out
}

// LoadersOf are who takes a wheel of a name, in the words of package world: the ABIs that it promises. A pure wheel wants none. A name
// that promises only other platforms is fault.Invalid.
func LoadersOf(name wheel.Filename) ([]string, error) {
	abis, err := Promised(name)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, abi := range abis {
		out = append(out, abi.PlatformTag)
	}
	return out, nil
}

// LoadersOfModule are who takes a single module: of a side module whose name ends as CPython's do for an ABI, that ABI.
func LoadersOfModule(file string, m *wasm.Module) []string {
	for _, tag := range Known() {
		if abi, err := FindABI(tag); err == nil && m.Dylink != nil && strings.HasSuffix(file, abi.ExtSuffix) {
			return []string{tag}
		}
	}
	return world.Loaders(m)
}

// Artifact reads the modules of a wheel or of a single module, and who takes it. What is neither, or what nothing takes, is
// fault.Invalid.
func Artifact(path string) (loaders []string, modules []world.Module, err error) {
	if strings.HasSuffix(path, archiveSuffix) {
		return nil, nil, fault.Errorf(fault.Invalid, "%s is an archive to be linked: its modules import nothing from a runtime before they are", filepath.Base(path))
	}
	if strings.HasSuffix(path, ".whl") {
		name, err := wheel.ParseFilename(filepath.Base(path))
		if err != nil {
			return nil, nil, err
		}
		if loaders, err = LoadersOf(name); err != nil {
			return nil, nil, err
		}
		modules, err = Modules(path)
		return loaders, modules, err
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fault.Errorf(fault.NotFound, "there is no file %s", path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the artifact: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the artifact: %w", err)
	}
	m, err := wasm.ParseAll(f, io.Discard)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if loaders = LoadersOfModule(filepath.Base(path), m); loaders == nil {
		return nil, nil, fault.Errorf(fault.Invalid, "%s is neither a side module (it has no dylink.0 section) nor a program (it exports no _start): no runtime loads it by itself",
			filepath.Base(path))
	}
	return loaders, []world.Module{{Size: info.Size(), Module: m}}, nil
}

// archiveSuffix ends the names of packages for WASI.
const archiveSuffix = ".tar.gz"

// linked reads what a package for WASI says that it requires.
func linked(path string) (record.Requires, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return record.Requires{}, fault.Errorf(fault.NotFound, "there is no file %s", path)
	}
	if err != nil {
		return record.Requires{}, fmt.Errorf("reading the artifact: %w", err)
	}
	defer f.Close()
	p, err := static.ReadPackage(f)
	if err != nil {
		return record.Requires{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if p.Requires == nil {
		return record.Requires{}, fault.Errorf(fault.Invalid, "%s does not say what it requires: it is from before this was read, and a new build says it", filepath.Base(path))
	}
	return *p.Requires, nil
}

// Requires is what a wheel, a module, or the program that a package for WASI is linked into wants of a runtime, for world.Check. Its errors
// are those of Artifact.
func Requires(path string) (record.Requires, error) {
	if strings.HasSuffix(path, archiveSuffix) {
		return linked(path)
	}
	loaders, modules, err := Artifact(path)
	if err != nil {
		return record.Requires{}, err
	}
	return world.Requires(loaders, modules), nil
}
