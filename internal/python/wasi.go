package python

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	xterm "golang.org/x/term"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/pip"
	"github.com/wasmill/wasmill/internal/pyodide"
	"github.com/wasmill/wasmill/internal/wasi"
)

// runWASI runs a program in a Python for WASI, in this process.
func (h home) runWASI(ctx context.Context, o options, executable string, args, environ []string) (int, error) {
	w, err := h.wasiPython(ctx, o, executable)
	if err != nil {
		return 0, err
	}
	config, clean, err := h.wasiConfig(o, w, executable, args, environ)
	if err != nil {
		return 0, err
	}
	defer clean()
	return h.carryOut(ctx, w, config, clean)
}

func (h home) carryOut(ctx context.Context, w wasiPython, config wasi.Config, clean func()) (int, error) {
	engine, err := wasi.NewEngine(filepath.Join(h.cache, "wasi", "compiled"))
	if err != nil {
		return 0, cacheError(err)
	}
	defer engine.Close()
	quiet := patience("compiling " + filepath.Base(w.program) + " for this machine, which is kept …")
	program, err := engine.LoadFile(ctx, w.program)
	quiet()
	if err != nil {
		return 0, err
	}
	defer program.Close()
	// The program hears of no signals: WASI has none. What would end another process ends it.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	var got os.Signal
	go func() {
		got = <-signals
		signal.Reset(got) // who asks twice, since the first time did nothing, means it
		stop(fault.Errorf(fault.Canceled, "%v", got))
	}()
	result, err := program.Run(ctx, config)
	if fault.KindOf(err) == fault.Canceled && context.Cause(ctx) != nil {
		clean()
		return die(got.(syscall.Signal)), nil
	}
	if err != nil {
		return 0, err
	}
	if result.Trap != "" {
		fmt.Fprintf(os.Stderr, "python-wasm: %s: %s\n", filepath.Base(w.program), result)
	}
	return result.ExitStatus(), nil
}

// installWASI runs a module that works on this machine rather than in Python.
func (h home) installWASI(ctx context.Context, o options, executable string, c commandLine, environ []string, stdout io.Writer) (int, error) {
	w, err := h.wasiPython(ctx, o, executable)
	if err != nil {
		return 0, err
	}
	program, err := os.Executable()
	if err != nil {
		program = executable
	}
	p := &pip.Python{
		Program: program, Executable: executable, Prefix: h.prefix, Release: pyodide.Release{PlatformTag: wasiTag, Python: w.python}, Static: true, Cache: h.cache,
		// uv starts this Python, by names from which it can't be told.
		Environ: append(slices.Clone(environ), envRuntime+"="+runtimeWASI, envWASIPython+"="+w.source),
		Stdout:  stdout, Stderr: os.Stderr, Settings: []string{"platform = " + wasiTag, "wasi-python = " + w.source},
	}
	if folder, ok := venvFolder(executable); ok {
		p.Prefix, p.Venv = folder, true
	}
	if w.linked {
		if p.Linked, err = h.linkedPackages(ctx, o, w, executable); err != nil {
			return 0, err
		}
	}
	return p.Run(ctx, c.module, c.arguments)
}

// linkedPackages asks an interpreter which packages are in it.
func (h home) linkedPackages(ctx context.Context, o options, w wasiPython, executable string) ([]string, error) {
	const code = "import sys, importlib.metadata as m\nfor d in m.distributions(path=[sys.base_prefix + '/lib/python%d.%d/site-packages' % sys.version_info[:2]]): print(d.name + '==' + d.version)"
	config, clean, err := h.wasiConfig(o, w, executable, []string{executable, "-c", code}, nil)
	if err != nil {
		return nil, err
	}
	defer clean()
	// Without _python_wasm, whose business is the machine: its own prefix is what is asked for.
	config.Env, config.Folders = nil, nil
	var out, errs bytes.Buffer
	config.Stdin, config.Stdout, config.Stderr = nil, &out, &errs
	if status, err := h.carryOut(ctx, w, config, clean); err != nil {
		return nil, err
	} else if status != 0 {
		return nil, fault.Errorf(fault.Invalid, "asking %s for the packages that are linked into it: it ended with status %d: %.300s", w.source, status, strings.TrimSpace(errs.String()))
	}
	return strings.Fields(out.String()), nil
}

// patience says what takes long, to whoever sits and waits.
func patience(words string) (done func()) {
	const long = time.Second
	if !xterm.IsTerminal(int(os.Stderr.Fd())) {
		return func() {}
	}
	t := time.AfterFunc(long, func() { fmt.Fprintln(os.Stderr, "python-wasm: "+words) })
	return func() { t.Stop() }
}

// Where Python finds its library, which it looks for around its program, whether that is there or not.
const (
	wasiLibrary = "/lib/python-wasm"
	wasiProgram = wasiLibrary + "/bin/python"
)

// wasiConfig makes a command line one that is the same in a place without a current folder (boot/wasi/_python_wasm.py undoes it).
func (h home) wasiConfig(o options, w wasiPython, executable string, args, environ []string) (wasi.Config, func(), error) {
	none := func() {}
	folders, err := findFolders(o)
	if err != nil {
		return wasi.Config{}, none, err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return wasi.Config{}, none, fault.Errorf(fault.Invalid, "finding the current folder: %w", err)
	}
	var hidden []string
	for _, dir := range folders.Hidden {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		hidden = append(hidden, dir)
	}
	c := wasi.Config{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Folders: []wasi.Folder{{Host: "/", Guest: "/", Writable: !o.readonly, Hidden: hidden}},
	}
	c.Folders = append(c.Folders, wasi.Folder{Host: w.library, Guest: wasiLibrary})
	path := ""
	clean := none
	if o.readonly {
		dir, err := os.MkdirTemp(memoryFolder(), "python-wasm-")
		if err != nil {
			return wasi.Config{}, none, fault.Errorf(fault.Unavailable, "making a folder for temporary files: %w", err)
		}
		clean = func() { os.RemoveAll(dir) }
		c.Folders = append(c.Folders, wasi.Folder{Host: dir, Guest: scratch, Writable: true})
		environ = append(slices.Clone(environ), "TMPDIR="+scratch)
	}
	line := readCommandLine(args[1:])
	c.Args = append([]string{wasiProgram}, args[1:]...)
	given := map[string]string{"CWD": cwd, "PROGRAM": args[0], "EXECUTABLE": executable, "BASE": executable, "PREFIX": h.prefix, "PID": strconv.Itoa(os.Getpid())}
	if real, err := filepath.EvalSymlinks(executable); err == nil {
		given["BASE"] = real
	}
	if at := line.script + 1; line.script >= 0 && !filepath.IsAbs(args[at]) {
		given["ARGV0"] = args[at]
		c.Args[at] = join(cwd, args[at])
	}
	if _, ok := venvFolder(executable); ok {
		given["VENV"] = "1"
	}
	if strings.Contains(line.code, "from python.get_interpreter_info import main") {
		given["UV"] = "1"
	}
	for _, e := range environ {
		switch name, value, _ := strings.Cut(e, "="); {
		case name == "" || !strings.Contains(e, "="):
			continue
		case name == "PYTHONHOME":
			given["HOME"] = value
			continue
		case name == "PYTHONPATH" && value != "":
			given["PATH"], path = value, absolute(cwd, value)
			continue
		}
		c.Env = append(c.Env, e)
	}
	if w.linked {
		if given["UV"] != "" {
			// uv asks with -I, which would keep _python_wasm out, too.
			c.Args = slices.DeleteFunc(c.Args, func(word string) bool { return word == "-I" })
			path = ""
		}
		path = strings.TrimSuffix(wasiLibrary+"/start:"+path, ":")
	}
	if path != "" {
		c.Env = append(c.Env, "PYTHONPATH="+path)
	}
	for name, value := range given {
		c.Env = append(c.Env, "_PYTHON_WASM_"+name+"="+value)
	}
	return c, clean, nil
}

// absolute makes the folders of a PYTHONPATH whole paths.
func absolute(cwd, path string) string {
	var out []string
	for dir := range strings.SplitSeq(path, ":") {
		if !filepath.IsAbs(dir) {
			dir = join(cwd, dir)
		}
		out = append(out, dir)
	}
	return strings.Join(out, ":")
}

// join leaves `..` in, which may lead elsewhere behind a link.
func join(dir, name string) string { return strings.TrimSuffix(dir, "/") + "/" + name }

// memoryFolder is where files are in memory, if there is such a place.
func memoryFolder() string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		return shm
	}
	return ""
}
