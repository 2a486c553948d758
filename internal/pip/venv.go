package pip

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/pyodide"
)

const venvHelp = `usage: python-wasm -m venv [-h] [--system-site-packages] [--symlinks] [--clear] [--without-pip] [--prompt PROMPT] ENV_DIR [ENV_DIR ...]

Creates virtual environments for python-wasm in one or more folders.

  --system-site-packages  see what is installed outside of virtual environments
  --symlinks              link to python-wasm (it is never copied)
  --clear                 delete what is in the folder first
  --without-pip           make no bin/pip
  --prompt PROMPT         what the prompt shows while the environment is active

  python-wasm -m venv .venv
  .venv/bin/pip install pytest
  .venv/bin/pytest
`

func (p *Python) runVenv(ctx context.Context, args []string) (int, error) {
	var dirs, options []string
	pip := true
	wrong := func(format string, args ...any) (int, error) {
		fmt.Fprintf(p.Stderr, "venv: error: "+format+"\n", args...)
		return 2, nil
	}
	allow := true
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		switch name {
		case "-h", "--help":
			_, err := fmt.Fprint(p.Stdout, venvHelp)
			return 0, err
		case "--system-site-packages":
			options = append(options, name)
		case "--clear":
			options, allow = append(options, name), false
		case "--symlinks", "--without-scm-ignore-files":
		case "--without-pip":
			pip = false
		case "--prompt":
			if !joined {
				if i++; i == len(args) {
					return wrong("argument --prompt: expected one argument")
				}
				value = args[i]
			}
			options = append(options, name, value)
		case "--copies":
			return wrong("--copies is not known here: bin/python is a link to python-wasm, which needs nothing beside it")
		case "--upgrade", "--upgrade-deps":
			return wrong("%s is not known here: pip is part of python-wasm, and there is nothing else to upgrade", name)
		default:
			if strings.HasPrefix(name, "-") {
				return wrong("unrecognized arguments: %s", args[i])
			}
			dirs = append(dirs, args[i])
		}
	}
	if len(dirs) == 0 {
		return wrong("the following arguments are required: ENV_DIR")
	}
	if allow {
		options = append(options, "--allow-existing")
	}
	u, err := p.uv(ctx)
	if err != nil {
		return 0, fmt.Errorf("venv: %w", err)
	}
	// What the environment links to is what was called, where that is the same Python under all circumstances.
	if all := pyodide.All(); p.Static || p.Release == all[len(all)-1] {
		u.python = p.Executable
	}
	for _, dir := range dirs {
		if status, err := p.makeVenv(ctx, u, dir, options, pip); err != nil || status != 0 {
			return status, err
		}
	}
	return 0, nil
}

func (p *Python) makeVenv(ctx context.Context, u *uv, dir string, options []string, pip bool) (int, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, err
	}
	r := &request{}
	args := append([]string{"venv", "--quiet", "--no-project"}, u.common(r)...)
	cmd := u.command(r, append(append(args, options...), dir)...)
	cmd.Stdout, cmd.Stderr = p.Stderr, p.Stderr
	err = run(ctx, cmd)
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return 1, nil
	}
	if err == nil {
		err = p.note(dir)
	}
	if err != nil || !pip {
		return 0, err
	}
	if err := p.writeScripts(dir, p.scripts(dir)); err != nil {
		return 0, fmt.Errorf("venv: %w", err)
	}
	return 0, nil
}

// note writes into pyvenv.cfg what the command goes by when it is started from there.
func (p *Python) note(dir string) error {
	if len(p.Settings) == 0 {
		return nil
	}
	file := filepath.Join(dir, "pyvenv.cfg")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(text, []byte(strings.Join(p.Settings, "\n")+"\n")...), 0o644)
	}
	if err != nil {
		return fmt.Errorf("venv: %w", err)
	}
	return nil
}

// script is what bin/pip of a virtual environment is.
func script(dir string) string {
	return "#!/bin/sh\nexec " + quoted(filepath.Join(dir, "bin", "python")) + " -m pip \"$@\"\n"
}

// scripts are the names of pip in a virtual environment.
func (p *Python) scripts(dir string) []string {
	var out []string
	for _, name := range []string{"pip", "pip3", "pip" + p.Release.Python} {
		out = append(out, filepath.Join(dir, "bin", name))
	}
	return out
}

// ours are those of them that lead to this pip.
func (p *Python) ours(dir string) (out []string) {
	for _, path := range p.scripts(dir) {
		if text, err := os.ReadFile(path); err == nil && string(text) == script(dir) {
			out = append(out, path)
		}
	}
	return out
}

// writeScripts makes them again: who installs pip as a library of another package does not mean to lose this one.
func (p *Python) writeScripts(dir string, paths []string) error {
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil && string(text) == script(dir) {
			continue
		}
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte(script(dir)), 0o755), os.Chmod(path, 0o755)); err != nil {
			return err
		}
	}
	return nil
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
