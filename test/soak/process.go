package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience ends the soak where something does not happen.
const patience = 3 * time.Minute

// process is a part of the farm: how it is started, again and again, and how one sees that it answers.
type process struct {
	name, path string
	args, env  []string
	as         *syscall.Credential
	log        string // file
	ready      func(context.Context) error
	// restarts is how often it is started anew where it ends before it answers, as a service manager does, after clean.
	restarts int
	clean    func()

	cmd   *exec.Cmd
	ended chan struct{}
}

// start starts the program and waits until it answers.
func (p *process) start(ctx context.Context) error {
	for left := p.restarts; ; left-- {
		if err := p.launch(); err != nil {
			return err
		}
		if err := p.answers(ctx); err == nil || !p.gone() || left <= 0 {
			return err
		}
		p.clean()
	}
}

func (p *process) launch() error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	defer out.Close()
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = out, out, append(os.Environ(), p.env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.as} // a Ctrl-C is for the soak
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(p.cmd, p.ended)
	return nil
}

func (p *process) answers(ctx context.Context) error {
	err := until(ctx, patience, p.name+" answers", func() bool {
		return p.gone() || p.ready(ctx) == nil
	})
	if err == nil && p.gone() {
		err = &differs{what: fmt.Sprintf("%s has ended by itself, with %s", p.name, p.cmd.ProcessState)}
	}
	if err != nil {
		return fmt.Errorf("%w; the end of its log:\n%s", err, tail(p.log))
	}
	return nil
}

func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as a power cut would, and stop as an operator does.
func (p *process) kill() error { return p.signal(syscall.SIGKILL) }

func (p *process) stop() error {
	if p.cmd == nil || p.gone() {
		return nil
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return errors.Join(err, p.kill())
	}
	return nil
}

func (p *process) signal(with syscall.Signal) error {
	if err := p.cmd.Process.Signal(with); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending %s: %w", p.name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(30 * time.Second):
		return fmt.Errorf("ending %s: it goes on", p.name)
	}
}

// until waits until something is so.
func until(ctx context.Context, most time.Duration, what string, is func() bool) error {
	for deadline := time.Now().Add(most); !is(); {
		if time.Now().After(deadline) {
			return &differs{what: fmt.Sprintf("waited for %s in vain: %s", most, what)}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// tail is the end of a log.
func tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// freeAddress is one that a part of the farm keeps, however often it is started.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func defaultData() string {
	if dir := os.Getenv("WASMILL_DATA"); dir != "" {
		return dir
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".local", "share", "wasmill")
}
