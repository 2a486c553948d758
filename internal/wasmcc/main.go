package wasmcc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Main plays the tool whose name is the last part of args[0] and returns its exit status, if no program takes its
// place. Without SettingsFile (outside a build) a recipe's part is empty.
func Main(args []string) int {
	name := filepath.Base(args[0])
	err := run(name, args[1:])
	if err == nil {
		return 0
	}
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		return status(ended)
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", name, err)
	return 1
}

// status is the exit status of a program, as a shell gives it for one that was killed.
func status(ended *exec.ExitError) int {
	if w, ok := ended.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return ended.ExitCode()
}

func run(name string, args []string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	env := Env{Dir: dir, ReadFile: os.ReadFile}
	if err := readJSON(ToolchainFile, &env.Toolchain); err != nil {
		return err
	}
	if err := readJSON(SettingsFile, &env.Settings); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	command, err := Plan(name, args, env)
	if err != nil {
		return err
	}
	if command.Program == "" {
		_, err := os.Stdout.WriteString(command.Print)
		return err
	}
	if command.Headers != nil {
		if err := note(HeadersFile, *command.Headers); err != nil {
			return fmt.Errorf("noting where headers are: %w", err)
		}
	}
	if command.Exports != nil {
		if err := writeExports(&command); err != nil {
			return fmt.Errorf("writing the exports: %w", err)
		}
	}
	program, err := LookUp(command.Program, os.Getenv("PATH"))
	if err != nil {
		return err
	}
	environ := os.Environ()
	if program == emcc(false) || program == emcc(true) {
		environ = clean(environ)
	}
	if timed(name) {
		err := stopwatch(program, command.Args, environ)
		if command.Link != nil {
			command.Link.Failed = err != nil
			if noted := note(LinksFile, *command.Link); noted != nil && err == nil {
				return fmt.Errorf("noting the link: %w", noted)
			}
		}
		return err
	}
	if err := syscall.Exec(program, append([]string{program}, command.Args...), environ); err != nil {
		return fmt.Errorf("starting %s: %w", program, err)
	}
	return nil
}

// stopwatch runs a program and notes when: records tell from it what of a build was the compiler's time. An
// *exec.ExitError is the program's own end.
func stopwatch(program string, args, environ []string) error {
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, environ
	t := Time{Start: time.Now().UnixNano()}
	err := cmd.Run()
	t.End = time.Now().UnixNano()
	if noted := note(TimesFile, t); noted != nil && err == nil {
		return fmt.Errorf("noting the time: %w", noted)
	}
	if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
		return fmt.Errorf("starting %s: %w", program, err)
	}
	return err
}

func readJSON(file string, to any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return nil
}

// note appends a line in one write, so that wrappers at the same time do not mix theirs.
func note(file string, entry any) error {
	line, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

func writeExports(c *Command) error {
	f, err := os.CreateTemp("", "exports-*")
	if err != nil {
		return err
	}
	for i, a := range c.Args {
		c.Args[i] = strings.ReplaceAll(a, ExportsPlaceholder, f.Name())
	}
	_, err = f.WriteString(strings.Join(c.Exports, "\n") + "\n")
	return errors.Join(err, f.Close())
}

// LookUp finds a program on a PATH, passing over CrossDir, where the wrapper itself would answer.
func LookUp(program, path string) (string, error) {
	if strings.Contains(program, "/") {
		return program, nil
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, program)
		if dir == "" || filepath.Clean(dir) == CrossDir {
			continue
		}
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("there is no %s in the build environment", program)
}

// clean drops what makes a Python believe that it runs on wasm32: emcc is a Python program of the build machine. Meson is
// too, but looks at the target through these variables.
func clean(environ []string) []string {
	kept := environ[:0]
	for _, e := range environ {
		if !strings.HasPrefix(e, "_PYTHON_") && !strings.HasPrefix(e, "PYTHONPATH=") && !strings.HasPrefix(e, "PYTHONHOME=") {
			kept = append(kept, e)
		}
	}
	return kept
}
