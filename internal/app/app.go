// Package app knows how packages for WASI become one program that needs no files beside it: the interpreter, its standard library,
// packages with their compiled modules, and what is run. It holds the linker, which the builder runs in a container, and reads what an
// app says of itself. The linker's own files say how an app works.
package app

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// Root is the folder in which an app sees its own files; whoever runs it can open any other.
const Root = "/wasmill"

//go:embed link
var files embed.FS

const prepare = "link.py"

// WriteLinker writes the linker's files into a folder, which it makes.
func WriteLinker(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return eachFile(func(name string, data []byte) error { return os.WriteFile(filepath.Join(dir, name), data, 0o644) })
}

// LinkerDigest stands for the linker in the keys of apps: another linker gives other bytes.
func LinkerDigest() record.Digest {
	h := sha256.New()
	if err := eachFile(func(name string, data []byte) error {
		fmt.Fprintf(h, "%s %d\n", name, len(data))
		_, err := h.Write(data)
		return err
	}); err != nil {
		panic(err) // the files are in this program
	}
	return record.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
}

func eachFile(do func(name string, data []byte) error) error {
	return fs.WalkDir(files, "link", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		return do(d.Name(), data)
	})
}

// Link is what the linker is told. All places are those of its container.
type Link struct {
	Root    string `json:"root"`
	Python  string `json:"python"` // "3.13"
	Target  string `json:"target"`
	Stdlib  string `json:"stdlib"`  // the archive with sources and byte code
	Library string `json:"library"` // the interpreter
	Include string `json:"include"` // its headers

	Packages []LinkedPackage `json:"packages"`
	Entry    string          `json:"entry"`  // MODULE or MODULE:FUNCTION
	Script   string          `json:"script"` // a file
	Exclude  []string        `json:"exclude"`
	Strip    bool            `json:"strip"`

	LLVM  string `json:"llvm"`
	Epoch int64  `json:"epoch"` // the time of all files inside, in seconds
	Out   string `json:"out"`   // the folder that gets Program, or Problems
}

// What is left in Link.Out.
const (
	Program  = "app.wasm"
	Problems = "problems" // what is wrong with the app, a line each
)

// sources are the linker's own, and those that link.py writes beside them.
var sources = []string{"main.c", "files.c", "tree.c", "table.c", "data.c"}

// wrapped finds what of the host's functions files.c takes the place of.
var wrapped = regexp.MustCompile(`(?:WRAPPED|REFUSED|WRAP)\(((?:fd|path)_\w+)`)

// Commands are what a container of the toolchain's image does, for bash -e: the linker's files are in dir, a Link in file, what the
// interpreter's recipe has installed in python.
func (l Link) Commands(linker static.Linker, dir, file, python string) (string, error) {
	text, err := files.ReadFile("link/files.c")
	if err != nil {
		return "", err
	}
	p := static.Program{Python: python, Out: l.Out + "/" + Program, Options: []string{"-Wl,--strip-debug"}}
	for _, name := range sources {
		p.Sources = append(p.Sources, dir+"/"+name)
	}
	names := map[string]bool{}
	for _, m := range wrapped.FindAllSubmatch(text, -1) {
		names["-Wl,--wrap=__wasi_"+string(m[1])] = true
	}
	p.Options = append(p.Options, slices.Sorted(maps.Keys(names))...)
	for _, pkg := range l.Packages {
		for _, m := range pkg.About.Modules {
			if !slices.ContainsFunc(l.Exclude, func(name string) bool { return m.Name == name || strings.HasPrefix(m.Name, name+".") }) {
				m.Archive = pkg.Folder + "/" + m.Archive
				p.Modules = append(p.Modules, m)
			}
		}
	}
	return fmt.Sprintf("/usr/bin/python%s -I %s/%s %s\nif [ -e %s/%s ]; then exit 0; fi\n%s", linker.Python, dir, prepare, file, l.Out, Problems, linker.Script(p)), nil
}

// LinkedPackage is a package's archive, unpacked.
type LinkedPackage struct {
	About  static.Package `json:"about"`
	Folder string         `json:"folder"`
}

// Section is the name of the custom section with an app's Contents, as JSON.
const Section = "wasmill.app"

// Schema is the form of Contents.
const Schema = 1

// Contents is what an app says of what is inside it.
type Contents struct {
	Schema int    `json:"schema"`
	Name   string `json:"name"`
	Root   string `json:"root"` // where it sees its own files
	// Entry and Script are as in a recipe; without both the app's command line is Python's.
	Entry       string        `json:"entry,omitempty"`
	Script      string        `json:"script,omitempty"`
	Interpreter Part          `json:"interpreter"`
	Packages    []Part        `json:"packages"`
	Excluded    []string      `json:"excluded_modules,omitempty"`
	NoSources   bool          `json:"no_sources,omitempty"`
	Compiler    string        `json:"compiler"`
	Toolchain   record.Digest `json:"toolchain"` // of the image
}

// Part is one recipe's artifact that was linked.
type Part struct {
	Name    string        `json:"name"`
	Version string        `json:"version"`
	Digest  record.Digest `json:"digest"`
	Modules []string      `json:"modules,omitempty"` // compiled ones
}

// Describe adds to a program what is inside it.
func Describe(program []byte, c Contents) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	body := append(binary.AppendUvarint(nil, uint64(len(Section))), Section...)
	body = append(body, text...)
	return append(binary.AppendUvarint(append(bytes.Clone(program), 0), uint64(len(body))), body...), nil
}

// Read is what a program says of itself; fault.NotFound where it is no app, fault.Invalid for what is no program.
func Read(program []byte) (c Contents, err error) {
	sections, err := wasm.Sections(program)
	if err != nil {
		return c, err
	}
	for _, s := range sections {
		if s.Name != Section {
			continue
		}
		if err := json.Unmarshal(s.Body, &c); err != nil || c.Schema != Schema {
			return c, fault.Errorf(fault.Invalid, "its section %s is of another form than this version of wasmill reads", Section)
		}
		return c, nil
	}
	return c, fault.Errorf(fault.NotFound, "it is no app of wasmill's: it has no section %s", Section)
}
