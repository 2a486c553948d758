// Package pythontest makes a test program python-wasm, for the tests of that command and of what stands on it: no build is needed,
// and no program can be stale.
package pythontest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wasmill/wasmill/internal/python"
)

// Told is the environment's entry by which a test program knows that it is the command; Environ has it.
const Told = variable + "=1"

const variable = "TEST_AS_PYTHON_WASM"

// Main is for TestMain: the program ends here, as python-wasm does, where Environ says so.
func Main() {
	if os.Getenv(variable) != "" {
		os.Exit(python.Main(os.Args))
	}
}

// Environ is the environment in which the test program is python-wasm, also behind links and `#!`. What the command fetches stays for the next test,
// apart from what people have in their own cache.
func Environ() []string { return append(os.Environ(), Told, "WASMILL_PYTHON_CACHE="+Cache()) }

// Cache is the command's cache folder.
func Cache() string {
	if dir := os.Getenv("WASMILL_PYTHON_CACHE"); dir != "" {
		return dir
	}
	data := os.Getenv("WASMILL_TEST_DATA")
	if data == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			panic(err) // no home folder and no variable: nothing of the command could be tested
		}
		data = filepath.Join(dir, "wasmill-test")
	}
	return filepath.Join(data, "python")
}

// Program is the test program's path.
func Program(t testing.TB) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// Command is python-wasm with these arguments.
func Command(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, Program(t), args...)
	cmd.Env = Environ()
	return cmd
}

// Run returns what a command prints, and its exit status. It ends the test where the command can't be started.
func Run(t testing.TB, cmd *exec.Cmd) (out, errs string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}
