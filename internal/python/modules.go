package python

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/pip"
	"github.com/wasmill/wasmill/internal/pyodide"
	"github.com/wasmill/wasmill/internal/world"
)

// install runs a module that works on this machine rather than in Python.
func (h home) install(ctx context.Context, o options, executable string, c commandLine, environ []string, r pyodide.Release, stdout io.Writer) (int, error) {
	program, err := os.Executable()
	if err != nil {
		program = executable
	}
	p := &pip.Python{
		Program: program, Executable: executable, Prefix: h.prefix, Release: r, Cache: h.cache, Environ: environ,
		Stdout: stdout, Stderr: os.Stderr, Host: func(ctx context.Context) string {
			n, err := h.node(ctx, o)
			if err != nil {
				return ""
			}
			return n.world()
		},
	}
	if folder, ok := venvFolder(executable); ok {
		p.Prefix, p.Venv = folder, true
	}
	return p.Run(ctx, c.module, c.arguments)
}

// venvFolder is the virtual environment that an executable is the Python of. The command by its own name is of none: around it
// there may be one of this machine's Python, where pip has put it.
func venvFolder(executable string) (string, bool) {
	if strings.HasPrefix(filepath.Base(executable), "python-wasm") {
		return "", false
	}
	folder := filepath.Dir(executable)
	for _, dir := range []string{folder, filepath.Dir(folder)} {
		if _, err := os.Stat(filepath.Join(dir, "pyvenv.cfg")); err == nil {
			return strings.TrimSuffix(filepath.Dir(folder), "/"), true
		}
	}
	return "", false
}

// world is the name under which what such a node can do was measured: that of the last version before it, if not its own.
func (n node) world() string {
	var major, best int
	if _, err := fmt.Sscanf(n.version, "v%d", &major); err != nil {
		return ""
	}
	for _, r := range world.Runtimes() {
		var measured int
		if _, err := fmt.Sscanf(r.Name, "node%d", &measured); err == nil && measured <= major && r.Name == fmt.Sprintf("node%d", measured) {
			best = max(best, measured)
		}
	}
	return fmt.Sprintf("node%d", best)
}
