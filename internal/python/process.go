package python

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// forNode leaves out what node would act on. Python gets to see it: its environment is in the job.
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
var passed = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGWINCH,
}

// process is a node that carries out a job.
type process struct {
	cmd  *exec.Cmd
	tell *os.File // the job, then a byte for each signal
	hear *os.File // the signal that the command is to be ended by

	node    node
	scripts string
	socket  *os.File // where it asks for children, and a child for tests to run
}

// begin starts node. It waits for its job then, so that what it needs can be looked at meanwhile.
func (n node) begin(scripts string, stdin, stdout, stderr *os.File) (*process, error) {
	job, tell, err := os.Pipe()
	if err != nil {
		return nil, fault.Errorf(fault.Exhausted, "starting node: %w", err)
	}
	defer job.Close()
	hear, last, err := os.Pipe()
	if err != nil {
		return nil, fault.Errorf(fault.Exhausted, "starting node: %w", errors.Join(err, tell.Close()))
	}
	defer last.Close()
	socket, theirs, err := socketpair()
	if err != nil {
		return nil, errors.Join(err, tell.Close(), hear.Close())
	}
	defer theirs.Close()
	cmd := exec.Command(n.program, "--no-warnings", filepath.Join(scripts, "host.mjs"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.ExtraFiles = []*os.File{job, last, theirs}
	cmd.Env = forNode(os.Environ())
	if err := cmd.Start(); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "starting node: %w", errors.Join(err, tell.Close(), hear.Close(), socket.Close()))
	}
	return &process{cmd, tell, hear, n, scripts, socket}, nil
}

// run gives the job, passes on signals, and returns how the command is to end: its status, or the signal it died of.
func (p *process) run(j job) (int, error) {
	line, err := json.Marshal(j)
	if err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 16)
	for _, s := range passed {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go func() {
		_, _ = p.tell.Write(append(line, '\n')) // a node that does not read has ended, and says why itself
		for s := range signals {
			_, _ = p.tell.Write([]byte{byte(s.(syscall.Signal))})
		}
	}()
	family := children{of: p, job: j, byName: map[string]*child{}}
	go family.serve()
	last, _ := io.ReadAll(p.hear) // until node ends
	err = p.cmd.Wait()
	family.end()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("waiting for node: %w", err)
	}
	if len(last) > 0 {
		return die(syscall.Signal(last[0])), nil
	}
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return die(status.Signal()), nil
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// die ends this process as its child ended, so that who waits for it sees the same.
func die(s syscall.Signal) int {
	signal.Reset(s)
	_ = syscall.Kill(os.Getpid(), s)
	time.Sleep(time.Second) // until it comes
	return 128 + int(s)
}

// work has a node do a job that is not the command itself.
func (n node) work(scripts string, j job) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	said, err := os.CreateTemp("", "python-wasm-")
	if err != nil {
		return err
	}
	defer said.Close()
	os.Remove(said.Name())
	p, err := n.begin(scripts, null, said, said)
	if err != nil {
		return err
	}
	status, err := p.run(j)
	if err != nil || status == 0 {
		return err
	}
	text := make([]byte, 4096)
	length, _ := said.ReadAt(text, 0)
	return fmt.Errorf("node ended with status %d: %s", status, bytes.TrimSpace(text[:length]))
}
