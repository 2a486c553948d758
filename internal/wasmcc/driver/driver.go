// Package driver is the first process of a build container: it carries out one job.Job and leaves a job.Result. It runs
// package code, so nothing it says is trusted with more than this one build. It starts from an empty environment, sees
// itself that zombies are reaped, and lives on when the kernel kills a compiler for memory.
package driver

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/wasmill/wasmill/internal/wasmcc"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// Main carries out the job in file. The exit status is 0 if the result could be written, whatever it is.
func Main(file string) int {
	if os.Getpid() == 1 {
		return reap(file)
	}
	if err := carryOut(file); err != nil {
		fmt.Fprintln(os.Stderr, "builder:", err)
		return 1
	}
	return 0
}

// reap is what process 1 does: it starts the driver proper and waits for all that end in the container, orphans too. The
// two are apart because waiting for any process would take from the driver the statuses that it waits for.
func reap(file string) int {
	cmd := exec.Command("/proc/self/exe", "builder", file)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "builder:", err)
		return 1
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			fmt.Fprintln(os.Stderr, "builder: waiting:", err)
			return 1
		case pid == cmd.Process.Pid && status.Signaled():
			return 128 + int(status.Signal())
		case pid == cmd.Process.Pid:
			return status.ExitStatus()
		}
	}
}

func carryOut(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	var j job.Job
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	if j.Schema != job.Schema {
		return fmt.Errorf("the job has form %d, this driver knows %d", j.Schema, job.Schema)
	}
	r := newRun(j)
	r.do()
	measure(&r.result)
	r.result.Compilers = compilers(wasmcc.TimesFile)
	return writeJSON(job.Out, r.result)
}

// writeJSON writes aside and renames, so that a container killed in between leaves no half result.
func writeJSON(file string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".part", data, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}
