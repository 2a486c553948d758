// Package python is a WebAssembly Python as a command on this machine: it finds or fetches what runs it (node, the runtime of an
// ABI), starts it on the machine's own folders, and passes on what a command passes on: arguments, environment, standard streams,
// signals, the exit status. The command python-wasm is this package.
package python

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/pip"
)

// Main runs the command and returns its exit status. args are those of the process, its own name included.
func Main(args []string) int {
	status, err := run(context.Background(), args, os.Environ(), os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(args[0]), err)
		return fault.KindOf(err).ExitStatus()
	}
	return status
}

// alsoHelp ends Python's own help.
const alsoHelp = "\nOptions of python-wasm itself, which come before these: python-wasm --wasm-help\n"

func run(ctx context.Context, args, environ []string, stdout io.Writer) (int, error) {
	own, rest, err := parseOptions(args[1:], environ)
	if err != nil {
		return 0, err
	}
	if own.help {
		_, err := io.WriteString(stdout, help)
		return 0, err
	}
	status, err := runOn(ctx, own, args[0], rest, environ, stdout)
	if err == nil && status == 0 && !own.info && readCommandLine(rest).help {
		_, err = io.WriteString(stdout, alsoHelp)
	}
	return status, err
}

// runOn carries out Python's part of a command line on the runtime that is meant.
func runOn(ctx context.Context, own options, name string, rest, environ []string, stdout io.Writer) (int, error) {
	executable, err := findExecutable(name)
	if err != nil {
		return 0, err
	}
	runtime, err := chooseRuntime(own, executable)
	if err != nil {
		return 0, err
	}
	if runtime == runtimeWASI {
		home, err := openHome(wasiTag)
		if err != nil {
			return 0, err
		}
		if own.info {
			return 0, home.tellWASI(ctx, own, executable, stdout)
		}
		if c := readCommandLine(rest); pip.Provides(c.module) {
			return home.installWASI(ctx, own, executable, c, environ, stdout)
		}
		return home.runWASI(ctx, own, executable, append([]string{name}, rest...), environ)
	}
	release, err := chooseRelease(own, executable)
	if err != nil {
		return 0, err
	}
	home, err := openHome(release.PlatformTag)
	if err != nil {
		return 0, err
	}
	if own.info && runtime == runtimeChromium {
		return 0, home.tellChromium(ctx, own, executable, release, stdout)
	}
	if own.info {
		return 0, home.tell(ctx, own, executable, release, stdout)
	}
	if c := readCommandLine(rest); pip.Provides(c.module) {
		if runtime == runtimeChromium { // node has the same platform, and answers sooner
			environ = append(slices.Clone(environ), envRuntime+"="+runtimeNode)
		}
		return home.install(ctx, own, executable, c, environ, release, stdout)
	}
	begin := planStart(rest, environ)
	var node node
	var browser, folder, scripts string
	if runtime == runtimeChromium {
		if browser, folder, scripts, err = home.browserParts(ctx, own, release); err != nil {
			return 0, err
		}
	} else if node, folder, scripts, err = home.parts(ctx, own, release); err != nil {
		return 0, err
	}
	folders, err := findFolders(own)
	if err != nil {
		return 0, err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return 0, fault.Errorf(fault.Invalid, "finding the current folder: %w", err)
	}
	real, err := filepath.EvalSymlinks(executable)
	if err != nil {
		real = executable
	}
	if folders.Scratch != "" {
		environ = append(slices.Clone(environ), "TMPDIR="+folders.Scratch)
	}
	_, inVenv := venvFolder(executable)
	j := job{
		Runtime: folder, Code: home.code(folder), Executable: executable, Real: real, Prefix: home.prefix, InVenv: inVenv, Cwd: cwd, PID: os.Getpid(), PPID: os.Getppid(),
		Argv: encode(append([]string{name}, rest...)), Env: encodeBlock(environ), folders: folders,
		StartArguments: begin.arguments, StartEnvironment: begin.environment,
	}
	if browser != "" {
		if !begin.cold && !own.noSnapshot {
			home.addSnapshot(ctx, fileIdentity(browser), scripts, &j, func(j job) error { return workInChromium(ctx, browser, scripts, j) })
		}
		return runChromium(ctx, browser, scripts, j)
	}
	process, err := node.begin(scripts, os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		return 0, err
	}
	if !begin.cold && !own.noSnapshot {
		home.addSnapshot(ctx, node.version, scripts, &j, func(j job) error { return node.work(scripts, j) })
	}
	return process.run(j)
}

// addSnapshot lets a job begin with a snapshot of what runs it, which is made by work where there is none. Where that can't be done the job begins without,
// which takes longer and is all the same.
func (h home) addSnapshot(ctx context.Context, host, scripts string, j *job, work func(job) error) {
	s := h.snapshotFor(filepath.Base(j.Runtime), host, filepath.Base(scripts), start{arguments: j.StartArguments, environment: j.StartEnvironment})
	size, err := s.check()
	if err != nil {
		err = s.make(ctx, func(aside string) error {
			return work(job{
				Runtime: j.Runtime, Executable: j.Executable, StartArguments: j.StartArguments, StartEnvironment: j.StartEnvironment, MakeSnapshot: aside,
			})
		})
		if err == nil {
			size, err = s.check()
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "python-wasm: starting without a snapshot, which takes seconds longer: %v\n", snapshotError(err))
		return
	}
	j.Snapshot, j.SnapshotSize = s.file, size
}
