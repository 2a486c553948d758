package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	snapshotLimit = 0.5 // seconds to the end of a script's first line
	pythonTimes   = 10
)

// plainStart is what Pyodide alone takes to print a line.
const plainStart = `const { loadPyodide } = await import(process.argv[1] + "/pyodide.mjs");
(await loadPyodide({ indexURL: process.argv[1] })).runPython("print(1)");`

// timed is one of the commands that are measured in turns, so that all of them meet the same machine.
type timed struct {
	name  string
	limit float64
	args  []string
	made  func() error // before each, not measured; nil: nothing
}

// python measures python-wasm beside what it stands for: node with Pyodide alone, and the machine's own Python where it has one.
// Two nodes are measured where the machine's is not the pinned one.
func (b *bench) python(ctx context.Context) error {
	dir := filepath.Join(b.scratch, "python")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	program, err := filepath.Abs(filepath.Join(b.bin, "python-wasm"))
	if err != nil {
		return err
	}
	native, _ := exec.LookPath("python3")
	var starts []timed
	if native != "" {
		starts = append(starts, timed{name: "start: python3 of this machine", args: []string{native, "-c", "print(1)"}})
	}
	var seen []string
	for _, option := range [][]string{nil, {"--node", "npm"}} {
		said, err := exec.CommandContext(ctx, program, append(option, "--wasm-info", "--json")...).Output()
		if err != nil {
			return fmt.Errorf("asking python-wasm what it runs on: %w", err)
		}
		var info struct {
			Runtime string
			Node    struct{ Program, Version string }
		}
		if err := json.Unmarshal(said, &info); err != nil {
			return fmt.Errorf("asking python-wasm what it runs on: %w", err)
		}
		if len(seen) > 0 && seen[0] == info.Node.Version {
			continue
		}
		seen = append(seen, info.Node.Version)
		own := func(more ...string) []string { return append(append([]string{program}, option...), more...) }
		starts = append(starts,
			timed{name: "start: Pyodide alone, node " + info.Node.Version, args: []string{info.Node.Program, "--input-type=module", "-e", plainStart, info.Runtime}},
			timed{name: "start: python-wasm anew, node " + info.Node.Version, args: own("--no-snapshot", "-c", "print(1)")},
			timed{name: "start: python-wasm, node " + info.Node.Version, limit: snapshotLimit, args: own("-c", "print(1)")},
		)
	}
	if err := b.inTurns(ctx, dir, pythonTimes, starts); err != nil {
		return err
	}
	return b.packages(ctx, dir, program, native)
}

// packages measures what people do with a Python: install and test.
func (b *bench) packages(ctx context.Context, dir, program, native string) error {
	pythons := []struct{ name, program string }{{"python-wasm", program}, {"python3 of this machine", native}}
	var installs, suites []timed
	for i, python := range pythons {
		if python.program == "" {
			continue
		}
		venv := filepath.Join(dir, fmt.Sprintf("venv-%d", i))
		pip := filepath.Join(venv, "bin", "pip")
		renew := func() error {
			if err := os.RemoveAll(venv); err != nil {
				return err
			}
			return quietly(ctx, dir, python.program, "-m", "venv", venv)
		}
		if err := renew(); err != nil {
			return err
		}
		if err := quietly(ctx, dir, pip, "install", "tox"); err != nil { // downloads
			return err
		}
		installs = append(installs, timed{name: "install of tox with what it needs, all downloaded, " + python.name, args: []string{pip, "install", "tox"}, made: renew})
		tests := filepath.Join(dir, fmt.Sprintf("tests-%d", i))
		if err := quietly(ctx, dir, python.program, "-m", "venv", tests); err != nil {
			return err
		}
		if err := quietly(ctx, dir, filepath.Join(tests, "bin", "pip"), "install", "pytest", "toolz==1.2.0"); err != nil {
			return err
		}
		suites = append(suites, timed{
			name: "pytest of toolz, " + python.name,
			args: []string{filepath.Join(tests, "bin", "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not test_parallel", "--pyargs", "toolz"}, // it has processes
		})
	}
	if err := b.inTurns(ctx, dir, b.times(), installs); err != nil {
		return err
	}
	return b.inTurns(ctx, dir, b.times(), suites)
}

func (b *bench) inTurns(ctx context.Context, dir string, times int, list []timed) error {
	taken := make([]samples, len(list))
	for round := range times + 1 {
		for i, c := range list {
			if c.made != nil {
				if err := c.made(); err != nil {
					return err
				}
			}
			begin := time.Now()
			if err := quietly(ctx, dir, c.args...); err != nil {
				return err
			}
			if round > 0 { // the first one fills caches
				taken[i] = append(taken[i], time.Since(begin).Seconds())
			}
		}
	}
	for i, c := range list {
		b.add(newMeasure(c.name, "s", c.limit, taken[i]))
	}
	return nil
}

// quietly runs a command in an environment without settings of Python's or pip's, and says what it printed if it fails.
func quietly(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PYTHON") && !strings.HasPrefix(e, "PIP_DISABLE") && !strings.HasPrefix(e, "WASMILL_PYTHON") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "PIP_DISABLE_PIP_VERSION_CHECK=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
