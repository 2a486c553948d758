package python

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/wasmill/wasmill/internal/fault"
)

// job is what host.mjs is told, as one line of JSON. What need not be UTF-8 is in base64.
type job struct {
	Runtime    string   `json:"runtime"` // folder
	Executable string   `json:"executable"`
	Real       string   `json:"real"` // with all links resolved
	Prefix     string   `json:"prefix"`
	Cwd        string   `json:"cwd"`
	Argv       []string `json:"argv"`
	Env        string   `json:"env"` // NAME=VALUE\0…
	Mounts     []mount  `json:"mounts"`
}

func encode(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = base64.StdEncoding.EncodeToString([]byte(w))
	}
	return out
}

func encodeBlock(entries []string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Join(entries, "\x00")))
}

// nodesOwn are variables that node would act on; they are meant for Python's children at most.
func forNode(environ []string) []string {
	var out []string
	for _, e := range environ {
		if !strings.HasPrefix(e, "NODE_") {
			out = append(out, e)
		}
	}
	return out
}

// passed are the signals that Python gets to see.
var passed = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM}

// run starts a job and waits for its end.
func (n node) run(scripts string, j job) (int, error) {
	line, err := json.Marshal(j)
	if err != nil {
		return 0, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return 0, fault.Errorf(fault.Exhausted, "starting node: %w", err)
	}
	defer write.Close()
	cmd := exec.Command(n.program, "--no-warnings", filepath.Join(scripts, "host.mjs"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{read}
	cmd.Env = forNode(os.Environ())
	signals := make(chan os.Signal, 16)
	for _, s := range passed {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	if err := cmd.Start(); err != nil {
		return 0, fault.Errorf(fault.Unavailable, "starting node: %w", err)
	}
	read.Close()
	go func() {
		_, _ = write.Write(append(line, '\n')) // a node that does not read has ended, and says why itself
		for s := range signals {
			_, _ = write.Write([]byte{byte(s.(syscall.Signal))})
		}
	}()
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("waiting for node: %w", err)
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return die(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// die ends this process as its child ended, so that who waits for it sees the same.
func die(s syscall.Signal) int {
	signal.Reset(s)
	_ = syscall.Kill(os.Getpid(), s)
	return 128 + int(s)
}
