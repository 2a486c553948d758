package runtimes

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
)

// programs are what runs in the containers, in /job.
//
//go:embed *.mjs *.py
var programs embed.FS

// stage is the folder that the containers of a test see: in/ as /job, read-only, and each a folder of out/ as /out.
type stage struct{ folder string }

func newStage(parent string) (*stage, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, staging(err)
	}
	folder, err := os.MkdirTemp(parent, "test-")
	if err != nil {
		return nil, staging(err)
	}
	s := &stage{folder}
	for _, dir := range []string{"in", "in/wheels", "in/tests", "in/suite", "out"} {
		if err := os.Mkdir(s.path(dir), 0o755); err != nil {
			s.remove()
			return nil, staging(err)
		}
	}
	if err := os.CopyFS(s.path("in"), programs); err != nil {
		s.remove()
		return nil, staging(err)
	}
	return s, nil
}

// staging explains an error of the machine's disk.
func staging(err error) error {
	return fault.Errorf(fault.Exhausted, "preparing the test's folder: %w", err)
}

func (s *stage) path(name string) string { return filepath.Join(s.folder, name) }

// remove cleans up as far as it can: what a container left unremovable is in a folder of temporary files.
func (s *stage) remove() { _ = os.RemoveAll(s.folder) }

// keep moves what a container left to a place of its own.
func (s *stage) keep(part, folder string) error {
	if err := os.Rename(s.path("out/"+part), folder); err != nil {
		return staging(err)
	}
	return nil
}

// spec is a container of the Runtime image.
func (s *stage) spec(job Job, part string, command ...string) (engine.Spec, error) {
	out := s.path("out/" + part)
	// The container's user is nobody on this machine.
	if err := errors.Join(os.Mkdir(out, 0o755), os.Chmod(out, 0o777)); err != nil {
		return engine.Spec{}, staging(err)
	}
	return engine.Spec{
		Image:   job.Image,
		Command: command,
		WorkDir: "/tmp",
		User:    user,
		Mounts: []engine.Mount{
			{Source: s.path("in"), Target: "/job"},
			{Source: out, Target: "/out", Writable: true},
		},
		Tmpfs:  map[string]int64{"/tmp": 64 << 20},
		Labels: job.Labels,
		Pids:   pids,
	}, nil
}

// described is job.json.
type described struct {
	Wheels  []describedWheel `json:"wheels"`
	Imports []string         `json:"imports"`
	Tests   []string         `json:"tests"`
	// PyodideTests are those of the job's tests that are written for pytest-pyodide.
	PyodideTests []string          `json:"pyodide_tests"`
	Commands     [][]string        `json:"commands"`
	Environment  map[string]string `json:"environment"` // of the commands

	// For an interpreter that packages are linked into:
	Memory int64    `json:"memory,omitempty"` // bytes that it may have
	Hidden []string `json:"hidden,omitempty"` // modules in it that only the tests need
}

type describedWheel struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	File    string   `json:"file"`
	SHA256  string   `json:"sha256"`
	Modules []string `json:"modules"` // at the top
	Depends []string `json:"depends"`
	Tests   bool     `json:"tests"` // only the tests need it
}

// packages are all that a job installs: what is tested, what that needs, and then what only the tests need.
func (j Job) packages() []Wheel {
	all := append([]Wheel{j.Artifact}, j.Deps...)
	if j.Suite != nil {
		all = append(all, j.Suite.Wheels...)
	}
	return all
}

// job lays the job's files out, with wheels for a runtime that loads them.
func (s *stage) job(job Job) (described, error) {
	d, err := s.tests(job)
	if err != nil {
		return d, err
	}
	for i, w := range job.packages() {
		described, err := s.wheel(w)
		if err != nil {
			return d, err
		}
		described.Tests = i > len(job.Deps)
		d.Wheels = append(d.Wheels, described)
	}
	if job.SplitOff != nil {
		split, err := s.splitOff(*job.SplitOff, &d.Wheels[0])
		if err != nil {
			return d, err
		}
		d.Wheels = append(d.Wheels, split)
	}
	return d, s.describe(d)
}

// tests lays out what is run.
func (s *stage) tests(job Job) (described, error) {
	d := described{
		Imports: append([]string{}, job.Imports...), Tests: []string{}, PyodideTests: []string{},
		Commands: [][]string{}, Environment: map[string]string{},
	}
	if job.Suite != nil {
		d.Commands = job.Suite.Commands
		maps.Copy(d.Environment, job.Suite.Env)
		if job.Suite.Dir != "" {
			if err := s.copyTree(job.Suite.Dir, "suite", func(string) bool { return false }); err != nil {
				return d, err
			}
		}
	}
	if len(job.Tests) > 0 {
		// Tests may need any file of the recipe but the recipe itself and its patches.
		err := s.copyTree(job.TestDir, "tests", func(name string) bool { return name == "meta.yaml" || strings.HasSuffix(name, ".patch") })
		if err != nil {
			return d, err
		}
	}
	for _, name := range job.Tests {
		text, err := os.ReadFile(s.path("in/tests/" + name))
		if err != nil {
			return d, fault.Errorf(fault.Invalid, "reading the test %s: %w", name, err)
		}
		if forPyodide.Match(text) {
			d.PyodideTests = append(d.PyodideTests, name)
		} else {
			d.Tests = append(d.Tests, name)
		}
	}
	return d, nil
}

// describe writes job.json.
func (s *stage) describe(d described) error {
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("describing the job: %w", err)
	}
	if err := os.WriteFile(s.path("in/job.json"), text, 0o644); err != nil {
		return staging(err)
	}
	return nil
}

// forPyodide recognizes test files that are written for pytest-pyodide: they import it, or a test takes one of its
// runtimes (selenium, selenium_standalone, …).
var forPyodide = regexp.MustCompile(`(?m)^\s*(from|import)\s+pytest_pyodide\b|\bdef\s+\w+\s*\([^)]*\bselenium(_\w+)?\b`)

// splitOff lays out the tests that were split off a wheel, as a package that the wheel needs: whoever loads the wheel for a
// test loads them, too.
func (s *stage) splitOff(archive Wheel, of *describedWheel) (describedWheel, error) {
	sum, err := s.verified(archive)
	if err != nil {
		return describedWheel{}, err
	}
	d := describedWheel{Name: of.Name + "-tests", Version: of.Version, File: filepath.Base(archive.Path), SHA256: sum, Modules: []string{}, Depends: []string{}, Tests: true}
	of.Depends = append(of.Depends, d.Name)
	return d, nil
}

// verified copies a file that the runtime is to load, and verifies it on the way: loadPackage under node doesn't, whatever
// the lock says. What the container loads is the copy, which nobody else can write to.
func (s *stage) verified(w Wheel) (sum string, err error) {
	hash := sha256.New()
	if err := copyFile(s.path("in/wheels/"+filepath.Base(w.Path)), w.Path, hash); err != nil {
		return "", err
	}
	sum = hex.EncodeToString(hash.Sum(nil))
	if w.Digest != record.Digest("sha256:"+sum) {
		return "", fault.Errorf(fault.Invalid, "testing %s: its digest is sha256:%s, not %s", w.Path, sum, w.Digest)
	}
	return sum, nil
}

// wheel lays a wheel out.
func (s *stage) wheel(w Wheel) (describedWheel, error) {
	file := filepath.Base(w.Path)
	name, err := wheel.ParseFilename(file)
	if err != nil {
		return describedWheel{}, fault.Errorf(fault.Invalid, "testing %s: %w", w.Path, err)
	}
	sum, err := s.verified(w)
	if err != nil {
		return describedWheel{}, err
	}
	read, err := wheel.Open(s.path("in/wheels/" + file))
	if err != nil {
		return describedWheel{}, fmt.Errorf("testing %s: %w", w.Path, err)
	}
	defer read.Close()
	d := describedWheel{Name: wheel.Normalize(name.Name), Version: name.Version, File: file, SHA256: sum, Modules: read.TopLevel(), Depends: []string{}}
	for _, dep := range w.Depends {
		d.Depends = append(d.Depends, wheel.Normalize(dep))
	}
	return d, nil
}

// copyTree copies a folder's regular files into a folder of in/.
func (s *stage) copyTree(dir, to string, skip func(name string) bool) error {
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(s.path("in/"+to+"/"+name), 0o755)
		case !entry.Type().IsRegular(), skip(name):
			return nil
		}
		return copyFile(s.path("in/"+to+"/"+name), filepath.Join(dir, name), io.Discard)
	})
	if err != nil {
		return staging(err)
	}
	return nil
}

func copyFile(to, from string, also io.Writer) error {
	in, err := os.Open(from)
	if err != nil {
		return fault.Errorf(fault.NotFound, "preparing the test's folder: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return staging(err)
	}
	if _, err := io.Copy(io.MultiWriter(out, also), in); err != nil {
		out.Close()
		return staging(err)
	}
	if err := out.Close(); err != nil {
		return staging(err)
	}
	return nil
}

// snapshotFolder names a snapshot by all that it is made from.
func (p *Pyodide) snapshotFolder(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	hash := sha256.New()
	parts := [][]byte{[]byte(digest)}
	for _, name := range []string{"run.mjs", "node.mjs", "runtime.mjs", "run.py"} {
		text, err := programs.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		parts = append(parts, text)
	}
	for _, part := range parts {
		fmt.Fprintf(hash, "%d:", len(part))
		hash.Write(part)
	}
	return filepath.Join(p.Cache, "snapshot-"+hex.EncodeToString(hash.Sum(nil))[:32])
}
