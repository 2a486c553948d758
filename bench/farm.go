package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
)

// farm is a running daemon of ours with its own data folder.
type farm struct {
	*api.Client
	cmd *exec.Cmd
	url string // once it answers
	log string
}

// anywhere lets a farm run beside others on this machine.
var anywhere = []string{"--listen", "127.0.0.1:0", "--registry-listen", "127.0.0.1:0", "--temporal-listen", "127.0.0.1:0"}

const startTimeout = time.Minute

// start starts a daemon and returns once its process runs; answers waits for more.
func (b *bench) start(program, data string, args ...string) (*farm, error) {
	f := &farm{log: filepath.Join(data, filepath.Base(program)+".log")}
	out, err := os.Create(f.log)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	defer out.Close()
	f.cmd = exec.Command(filepath.Join(b.bin, program), append(args, "--data", data)...)
	f.cmd.Stdout, f.cmd.Stderr = out, out
	// A Ctrl-C is for this program, which then stops the daemon.
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := f.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return f, nil
}

// up starts a whole farm and waits until it answers and has a worker.
func (b *bench) up(ctx context.Context, data string) (*farm, error) {
	f, err := b.start("wasmill", data, append([]string{"up", "--slots", "1", "--reproduce", "off"}, anywhere...)...)
	if err != nil {
		return nil, err
	}
	if err := f.answers(ctx, data); err != nil {
		return nil, errors.Join(err, f.stop())
	}
	err = f.until(ctx, "has a worker", func() bool {
		workers, err := f.Workers(ctx)
		return err == nil && len(workers) > 0
	})
	if err != nil {
		return nil, errors.Join(err, f.stop())
	}
	return f, nil
}

// answers waits until the API answers, and connects to it.
func (f *farm) answers(ctx context.Context, data string) error {
	dir, err := datadir.Open(data)
	if err != nil {
		return err
	}
	return f.until(ctx, "answers", func() bool {
		owner, ok := dir.Owner()
		if ok && f.Client == nil {
			f.Client, f.url = api.NewClient(owner.API), owner.API
		}
		return ok
	})
}

func (f *farm) until(ctx context.Context, what string, done func() bool) error {
	deadline := time.After(startTimeout)
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			text, _ := os.ReadFile(f.log)
			return fmt.Errorf("waiting until the farm %s: it does not; it said:\n%s", what, text)
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// stop ends the daemon as an operator would.
func (f *farm) stop() error {
	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the farm: %w", err)
	}
	// It may have been asked to stop before: what its exit status is does not matter.
	_ = f.cmd.Wait()
	return nil
}
