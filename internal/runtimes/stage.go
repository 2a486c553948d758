package runtimes

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
)

//go:embed run.mjs
var runMJS []byte

//go:embed run.py
var runPy []byte

// stage is the folder that a container sees: in/ as /job, read-only, and out/ as /out.
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
	for _, dir := range []string{"in", "in/wheels", "in/tests", "out"} {
		if err := os.Mkdir(s.path(dir), 0o755); err != nil {
			s.remove()
			return nil, staging(err)
		}
	}
	for name, content := range map[string][]byte{"in/run.mjs": runMJS, "in/run.py": runPy} {
		if err := os.WriteFile(s.path(name), content, 0o644); err != nil {
			s.remove()
			return nil, staging(err)
		}
	}
	// The container's user is nobody on this machine.
	if err := os.Chmod(s.path("out"), 0o777); err != nil {
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

// keepOut moves out/ to a place of its own.
func (s *stage) keepOut(folder string) error {
	if err := os.Rename(s.path("out"), folder); err != nil {
		return staging(err)
	}
	return nil
}

func (s *stage) spec(job Job, command string) engine.Spec {
	return engine.Spec{
		Image:   job.Image,
		Command: []string{"/usr/bin/node", "/job/run.mjs", command},
		WorkDir: "/tmp",
		User:    user,
		Mounts: []engine.Mount{
			{Source: s.path("in"), Target: "/job"},
			{Source: s.path("out"), Target: "/out", Writable: true},
		},
		Tmpfs:  map[string]int64{"/tmp": 64 << 20},
		Labels: job.Labels,
		Pids:   pids,
	}
}

// described is job.json.
type described struct {
	Wheels  []describedWheel `json:"wheels"`
	Imports []string         `json:"imports"`
	Tests   []string         `json:"tests"`
}

type describedWheel struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	File    string `json:"file"`
	SHA256  string `json:"sha256"`
}

// job lays the job's files out. The wheels are verified here, since loadPackage under node doesn't.
func (s *stage) job(job Job) error {
	d := described{Imports: append([]string{}, job.Imports...), Tests: append([]string{}, job.Tests...)}
	for _, w := range append([]Wheel{job.Artifact}, job.Deps...) {
		described, err := s.wheel(w)
		if err != nil {
			return err
		}
		d.Wheels = append(d.Wheels, described)
	}
	if len(job.Tests) > 0 {
		if err := s.tests(job.TestDir); err != nil {
			return err
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("describing the job: %w", err)
	}
	if err := os.WriteFile(s.path("in/job.json"), text, 0o644); err != nil {
		return staging(err)
	}
	return nil
}

func (s *stage) wheel(w Wheel) (describedWheel, error) {
	file := filepath.Base(w.Path)
	name, err := wheel.ParseFilename(file)
	if err != nil {
		return describedWheel{}, fault.Errorf(fault.Invalid, "testing %s: %w", w.Path, err)
	}
	hash := sha256.New()
	if err := copyFile(s.path("in/wheels/"+file), w.Path, hash); err != nil {
		return describedWheel{}, err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	if w.Digest != record.Digest("sha256:"+sum) {
		return describedWheel{}, fault.Errorf(fault.Invalid, "testing %s: its digest is sha256:%s, not %s", w.Path, sum, w.Digest)
	}
	return describedWheel{Name: wheel.Normalize(name.Name), Version: name.Version, File: file, SHA256: sum}, nil
}

// tests copies the recipe's folder but the recipe itself and its patches: tests may need any other file of it.
func (s *stage) tests(dir string) error {
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(s.path("in/tests/"+name), 0o755)
		case !entry.Type().IsRegular(), name == "meta.yaml", strings.HasSuffix(name, ".patch"):
			return nil
		}
		return copyFile(s.path("in/tests/"+name), filepath.Join(dir, name), io.Discard)
	})
	if err != nil {
		return fmt.Errorf("copying the tests of %s: %w", dir, err)
	}
	return nil
}

// copyFile copies to a file that only the container's user reads, and shows the bytes to also.
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
	for _, part := range [][]byte{[]byte(digest), runMJS, runPy} {
		fmt.Fprintf(hash, "%d:", len(part))
		hash.Write(part)
	}
	return filepath.Join(p.Cache, "snapshot-"+hex.EncodeToString(hash.Sum(nil))[:32])
}
