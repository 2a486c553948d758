// Package pip is pip and venv for python-wasm. It reads pip's command lines and has uv carry them out: uv resolves and installs,
// with the tags that the interpreter tells it. What is added here is what uv does not do for a platform that few packages have
// wheels for: an older version is never taken silently because the newest has none, modules that the runtime can't load are refused
// before anything is written, and an installation that fails leaves the environment as it was. The command python-wasm uses it;
// docs/decisions/0034-installing.md has the reasons.
package pip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/pyodide"
)

// Python is the interpreter for which is installed.
type Python struct {
	Program    string // python-wasm itself
	Executable string // under which it was started; in a virtual environment a link in its bin
	Prefix     string // of what is installed into: the virtual environment, or the folder for what is outside of any
	Venv       bool   // Prefix is a virtual environment
	Release    pyodide.Release
	Static     bool                         // Python for WASI, of which Release has the tag and the language alone: nothing is loaded, so no compiled wheel fits
	Host       func(context.Context) string // the runtime's name in package world; empty where there is none, nil where it doesn't matter
	Linked     []string                     // NAME==VERSION of what is linked into the interpreter: is there, and in no folder
	Cache      string                       // folder; may be lost
	Environ    []string
	Settings   []string // KEY = VALUE, for the pyvenv.cfg of virtual environments
	Stdin      io.Reader
	Stdout     io.Writer
	Stderr     io.Writer

	proxy   string // the way to the network that the command line names
	offline bool   // nobody is asked
}

// modules are what Python would run, and what is done in their place: what they do needs processes, which the runtime has not.
var modules = map[string]func(*Python, context.Context, []string) (int, error){
	"pip":       (*Python).runPip,
	"venv":      (*Python).runVenv,
	"ensurepip": (*Python).ensurepip,
}

// Provides says whether `-m MODULE` is Run's.
func Provides(module string) bool { return modules[module] != nil }

// Run does what `python -m MODULE ARGUMENTS` does, and returns its exit status. pip's is 1 for what failed, and 2 for a command
// line that can't be understood; an error means that it could not be tried.
func (p *Python) Run(ctx context.Context, module string, args []string) (int, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return modules[module](p, ctx, args)
}

func (p *Python) ensurepip(_ context.Context, _ []string) (int, error) {
	fmt.Fprintln(p.Stdout, "pip is part of python-wasm: there is nothing to install. python-wasm -m pip --help")
	return 0, nil
}

// failure is an end with a status and words that are already whole.
type failure struct {
	status int
	words  string
}

func (f *failure) Error() string { return f.words }

func failed(format string, args ...any) error { return &failure{1, fmt.Sprintf(format, args...)} }
func unusable(format string, args ...any) error {
	return &failure{2, fmt.Sprintf(format, args...)}
}

func (p *Python) runPip(ctx context.Context, args []string) (int, error) {
	r, err := parse(args, p.Environ)
	if err == nil {
		err = p.command(ctx, r)
	}
	if f := (*failure)(nil); errors.As(err, &f) {
		if f.words != "" {
			fmt.Fprintln(p.Stderr, "ERROR: "+f.words)
		}
		return f.status, nil
	}
	if ctx.Err() != nil {
		fmt.Fprintln(p.Stderr, "ERROR: Operation cancelled by user")
		return fault.Canceled.ExitStatus(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("pip: %w", err)
	}
	return 0, nil
}

func (p *Python) command(ctx context.Context, r *request) error {
	switch {
	case r.help || r.verb == "help" || r.verb == "" && !r.version:
		_, err := io.WriteString(p.Stdout, help(r))
		return err
	case r.version:
		_, err := fmt.Fprintf(p.Stdout, "pip %s+uv%s from %s (python %s)\n", pipVersion, uvVersion, filepath.Join(p.site(), "pip"), p.Release.Python)
		return err
	case r.user && p.Venv:
		return failed("Can not perform a '--user' %s. What is installed outside is not in this virtual environment: python-wasm -m pip %[1]s, without it, is for that.", r.verb)
	case r.needVenv && !p.Venv:
		return failed("Could not find an activated virtualenv (required by --require-virtualenv).")
	}
	p.proxy, p.offline = r.proxy, r.offline
	u, err := p.uv(ctx)
	if err != nil {
		return err
	}
	switch r.verb {
	case "install":
		return p.install(ctx, u, r)
	case "uninstall":
		return p.uninstall(ctx, u, r)
	case "download":
		return p.download(ctx, u, r)
	}
	return p.look(ctx, u, r)
}

// pipVersion is the pip whose command line this is.
const pipVersion = "26.0"

// site is where modules go.
func (p *Python) site() string {
	return filepath.Join(p.Prefix, "lib", "python"+p.Release.Python, "site-packages")
}

func (p *Python) fetcher() *fetch.Fetcher {
	f := &fetch.Fetcher{Cache: filepath.Join(p.Cache, "downloads"), Client: &http.Client{Transport: p.transport()}}
	if p.offline {
		f.Sleep = func(context.Context, time.Duration) error { return nil } // waiting brings no network
	}
	return f
}

// platforms are the platform tags that this runtime takes.
func (p *Python) platforms() []string {
	if p.Static {
		return nil
	}
	tags := []string{p.Release.PlatformTag}
	if legacy := strings.Replace(p.Release.PlatformTag, "pyemscripten_", "pyodide_", 1); p.Release.Python < "3.14" {
		tags = append(tags, legacy)
	}
	return tags
}

func (p *Python) lookup(name string) string {
	for _, entry := range slices.Backward(p.Environ) {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value
		}
	}
	return ""
}

// interpreter is the path under which uv is told of this Python. uv remembers an interpreter's answer by its path, so the ones
// that answer differently must have different ones.
func (p *Python) interpreter() (string, error) {
	if p.Venv {
		return p.Executable, nil
	}
	link := filepath.Join(p.Prefix, "bin", "python"+p.Release.Python)
	if target, err := os.Readlink(link); err == nil && target == p.Program {
		return link, nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return "", fault.Errorf(fault.Unavailable, "making the folder for packages outside of virtual environments: %w", err)
	}
	aside := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := errors.Join(os.Symlink(p.Program, aside), os.Rename(aside, link)); err != nil {
		return "", fault.Errorf(fault.Unavailable, "naming python-wasm in %s: %w", filepath.Dir(link), err)
	}
	return link, nil
}

// run starts a program in a process group of this one, so that Ctrl-C reaches it too, and waits for it to end by itself.
func run(ctx context.Context, cmd *exec.Cmd) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fault.Errorf(fault.Unavailable, "starting %s: %w", filepath.Base(cmd.Path), err)
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			_ = cmd.Process.Signal(os.Interrupt)
		case <-done:
		}
	}()
	err := cmd.Wait()
	close(done)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
