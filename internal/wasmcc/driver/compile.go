package driver

import (
	"archive/zip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

//go:embed hook.py
var hookProgram []byte

// request and answer are hook.py's.
type request struct {
	Hook      string         `json:"hook"`
	Settings  map[string]any `json:"settings"`
	Dist      string         `json:"dist"`
	MesonFile string         `json:"meson_cross_file"`
	Jobs      int            `json:"jobs"` // compilers at a time
}

type answer struct {
	Requires []string `json:"requires"`
	Wheel    string   `json:"wheel"`
	Modules  []string `json:"modules"`
	Optional []string `json:"optional"`
}

// ask finds out which requirements the backend names beyond the static ones. It runs natively, and in a copy of the
// source: backends leave files there, and a build that knows its requirements already must give the same wheel.
func (r *run) ask() ([]string, error) {
	const scratch = job.Work + "/ask"
	copied := filepath.Join(scratch, filepath.Base(r.job.Dir))
	if err := os.MkdirAll(scratch+"/tmp", 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	if err := r.command(r.job.Dir, "/usr/bin/cp", "-aT", ".", copied); err != nil {
		return nil, fmt.Errorf("copying the source: %w", err)
	}
	fmt.Println("==> get_requires_for_build_wheel")
	defer func(tmp string) { r.env["TMPDIR"] = tmp }(r.env["TMPDIR"])
	r.env["TMPDIR"] = scratch + "/tmp"
	a, err := r.hook(job.Env+"/bin/python", copied, request{Hook: "requires", Settings: r.settings()})
	return slices.DeleteFunc(a.Requires, func(s string) bool { return slices.Contains(r.job.Known, s) }), err
}

func (r *run) compile() error {
	cross(r.env, r.job)
	if r.job.CrossScript != "" {
		if err := r.script("cross-script", r.job.CrossScript, r.job.Dir); err != nil {
			return err
		}
	}
	err := writeJSON(wasmcc.SettingsFile, wasmcc.Settings{
		CFlags: words(r.job.CFlags, r.env), CXXFlags: words(r.job.CXXFlags, r.env), LDFlags: words(r.job.LDFlags, r.env),
		Exports: r.job.Exports, Symbols: r.job.Symbols, Root: r.job.Dir, Env: job.Env,
	})
	if err != nil {
		return err
	}
	fmt.Println("==> build_wheel")
	a, err := r.hook(job.Env+"/bin/python", r.job.Dir, request{Hook: "wheel", Settings: r.settings(), Dist: job.Dist, MesonFile: wasmcc.MesonFile, Jobs: r.job.Jobs})
	if err != nil {
		return err
	}
	if a.Wheel == "" || a.Wheel != filepath.Base(a.Wheel) {
		return fail(record.CompileFailed, "the build backend says that it made %q, which is no file name", a.Wheel)
	}
	r.result.Wheel, r.result.Modules, r.result.Optional = a.Wheel, a.Modules, a.Optional
	if r.result.Headers, err = headers(wasmcc.HeadersFile); err != nil {
		return err
	}
	r.result.Links, r.result.Unlinked, err = links(wasmcc.LinksFile)
	return err
}

// settings are the backend's config settings. One value is a string to the backend, several are a list.
func (r *run) settings() map[string]any {
	out := map[string]any{}
	for _, s := range r.job.Settings {
		values := make([]string, len(s.Values))
		for i, v := range s.Values {
			values[i] = expand(v, r.env)
		}
		if len(values) == 1 {
			out[s.Key] = values[0]
		} else {
			out[s.Key] = values
		}
	}
	return out
}

func (r *run) hook(python, dir string, q request) (answer, error) {
	var a answer
	program, question, reply := job.Home+"/hook.py", job.Home+"/hook.json", job.Home+"/answer.json"
	if err := os.WriteFile(program, hookProgram, 0o644); err != nil {
		return a, err
	}
	if err := writeJSON(question, q); err != nil {
		return a, err
	}
	// -P: the folder of the program is not to be where the backend's imports are looked for.
	if err := r.command(dir, python, "-P", program, question, reply); err != nil {
		return a, fail(record.CompileFailed, "the build backend failed in %s: %s", hookNames[q.Hook], err)
	}
	data, err := os.ReadFile(reply)
	if err != nil {
		return a, fail(record.CompileFailed, "the build backend ended in %s without an answer", hookNames[q.Hook])
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("reading the backend's answer: %w", err)
	}
	return a, nil
}

var hookNames = map[string]string{"static": "reading pyproject.toml", "requires": "get_requires_for_build_wheel", "wheel": "build_wheel"}

// links are the base names of the shared objects that the wrapper noted, and of those that no link came to an end for.
func links(file string) (all, failed []string, err error) {
	data, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return nil, nil, err
	}
	made := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		var l wasmcc.Link
		if json.Unmarshal([]byte(line), &l) == nil {
			name := filepath.Base(l.Output)
			made[name] = made[name] || !l.Failed
		}
	}
	all = slices.Sorted(maps.Keys(made))
	return all, slices.DeleteFunc(slices.Clone(all), func(name string) bool { return made[name] }), nil
}

// headers are the folders of the native environment, relative to it, that the wrapper noted.
func headers(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	dirs := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		var h wasmcc.Headers
		if json.Unmarshal([]byte(line), &h) != nil {
			continue
		}
		for _, dir := range h.Dirs {
			if name, err := filepath.Rel(job.Env, dir); err == nil && filepath.IsLocal(name) {
				dirs[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(dirs)), nil
}

// unzip unpacks a wheel for the post script.
func unzip(file, dir string) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("unpacking the wheel: %w", err)
	}
	defer z.Close()
	for _, f := range z.File {
		if err := unzipFile(f, dir); err != nil {
			return fmt.Errorf("unpacking the wheel: %w", err)
		}
	}
	return nil
}

func unzipFile(f *zip.File, dir string) error {
	if !filepath.IsLocal(f.Name) {
		return fmt.Errorf("%q leads out of it", f.Name)
	}
	to := filepath.Join(dir, f.Name)
	if f.FileInfo().IsDir() {
		return os.MkdirAll(to, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644|f.Mode()&0o111)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
