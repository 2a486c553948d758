package python

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/pip"
	"github.com/wasmill/wasmill/internal/pyodide"
)

// install runs a module that works on this machine rather than in Python.
func (h home) install(ctx context.Context, executable string, c commandLine, environ []string, r pyodide.Release, stdout io.Writer) (int, error) {
	program, err := os.Executable()
	if err != nil {
		program = executable
	}
	p := &pip.Python{
		Program: program, Executable: executable, Prefix: h.prefix, Release: r, Cache: h.cache, Environ: environ,
		Stdout: stdout, Stderr: os.Stderr,
	}
	if folder, ok := venvFolder(executable); ok {
		p.Prefix, p.Venv = folder, true
	}
	return p.Run(ctx, c.module, c.arguments)
}

// venvFolder is the virtual environment that an executable belongs to.
func venvFolder(executable string) (string, bool) {
	folder := filepath.Dir(executable)
	for _, dir := range []string{folder, filepath.Dir(folder)} {
		if _, err := os.Stat(filepath.Join(dir, "pyvenv.cfg")); err == nil {
			return strings.TrimSuffix(filepath.Dir(folder), "/"), true
		}
	}
	return "", false
}
