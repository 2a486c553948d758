package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/deploy/internal/program"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/version"
	"github.com/wasmill/wasmill/internal/wheel"
)

// platform is one that a wheel is made for.
type platform struct {
	goos, goarch string
	tags         []string // of wheels; a static program needs neither kind of libc
}

// The tags of macOS name the oldest release on which Go's programs run.
var platforms = []platform{
	{"linux", "amd64", []string{"manylinux_2_17_x86_64", "manylinux2014_x86_64", "musllinux_1_1_x86_64"}},
	{"linux", "arm64", []string{"manylinux_2_17_aarch64", "manylinux2014_aarch64", "musllinux_1_1_aarch64"}},
	{"darwin", "amd64", []string{"macosx_12_0_x86_64"}},
	{"darwin", "arm64", []string{"macosx_12_0_arm64"}},
}

func (p platform) name() string { return p.goos + "/" + p.goarch }

func platformNames() (names []string) {
	for _, p := range platforms {
		names = append(names, p.name())
	}
	return names
}

const metadata = `Metadata-Version: 2.4
Name: python-wasm
Version: %s
Summary: Python for WebAssembly as a command: pip and pytest in node, without a browser
Keywords: wasm,webassembly,emscripten,pyodide,pytest
Classifier: Environment :: WebAssembly :: Emscripten
Classifier: Intended Audience :: Developers
Classifier: Operating System :: MacOS
Classifier: Operating System :: POSIX :: Linux
Classifier: Topic :: Software Development :: Testing
License-Expression: Apache-2.0
%sRequires-Python: >=3.8
Description-Content-Type: text/markdown

%s`

// makeWheel writes a wheel into a folder, and returns its file.
func makeWheel(ctx context.Context, p platform, out string) (string, error) {
	root, err := program.Root()
	if err != nil {
		return "", err
	}
	readme, err := os.ReadFile(filepath.Join(root, "deploy", "pypi", "README.md"))
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "wasmill-pypi-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	stem := "python_wasm-" + version.Version
	info, scripts := filepath.Join(dir, stem+".dist-info"), filepath.Join(dir, stem+".data", "scripts")
	if err := errors.Join(os.MkdirAll(info, 0o755), os.MkdirAll(scripts, 0o755)); err != nil {
		return "", err
	}
	if err := program.Build(ctx, "python-wasm", p.goos, p.goarch, filepath.Join(scripts, "python-wasm")); err != nil {
		return "", err
	}
	licences, err := addLicences(ctx, root, p, filepath.Join(info, "licenses"))
	if err != nil {
		return "", fmt.Errorf("gathering the licences of what is in the program: %w", err)
	}
	var listed, tags strings.Builder
	for _, name := range licences {
		fmt.Fprintf(&listed, "License-File: %s\n", name)
	}
	for _, tag := range p.tags {
		fmt.Fprintf(&tags, "Tag: py3-none-%s\n", tag)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(info, "METADATA"), fmt.Appendf(nil, metadata, version.Version, &listed, readme), 0o644),
		os.WriteFile(filepath.Join(info, "WHEEL"), fmt.Appendf(nil, "Wheel-Version: 1.0\nGenerator: wasmill %s\nRoot-Is-Purelib: false\n%s", version.Version, &tags), 0o644),
	)
	if err != nil {
		return "", err
	}
	packed, err := wheel.Repack(dir, out, wheel.PackOptions{})
	if err != nil {
		return "", err
	}
	return filepath.Join(out, packed.Wheel.Filename), nil
}

// licence is what modules call theirs.
var licence = regexp.MustCompile(`(?i)^(un)?licen[cs]e|^copying|^notice`)

// addLicences copies the licences of the project, of Go's library and of all modules that the program is made of, and returns
// their names in the wheel.
func addLicences(ctx context.Context, root string, p platform, to string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Module", "./cmd/python-wasm")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.goos, "GOARCH="+p.goarch, "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	library, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	folders := map[string]string{"": root, "go.dev/" + runtime.Version(): strings.TrimSpace(string(library))}
	order := []string{"", "go.dev/" + runtime.Version()}
	for packages := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one struct {
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := packages.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if m := one.Module; m != nil && !m.Main && folders[m.Path] == "" {
			folders[m.Path] = m.Dir
			order = append(order, m.Path)
		}
	}
	var names []string
	for _, module := range order {
		files, err := os.ReadDir(folders[module])
		if err != nil {
			return nil, err
		}
		files = slices.DeleteFunc(files, func(f os.DirEntry) bool { return !f.Type().IsRegular() || !licence.MatchString(f.Name()) })
		if len(files) == 0 {
			return nil, fault.Errorf(fault.Invalid, "%s has none in %s", module, folders[module])
		}
		for _, file := range files {
			name := path.Join(module, file.Name())
			text, err := os.ReadFile(filepath.Join(folders[module], file.Name()))
			if err != nil {
				return nil, err
			}
			target := filepath.Join(to, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return nil, err
			}
			if err := os.WriteFile(target, text, 0o644); err != nil {
				return nil, err
			}
			names = append(names, name)
		}
	}
	return names, nil
}
