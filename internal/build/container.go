package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// buildUser is the user inside the containers where the worker itself is root.
const buildUser = 1000

// user is who a container runs as. Without root the worker can't give files to another user, and can't remove what
// another has written.
func user() int {
	if uid := os.Getuid(); uid != 0 {
		return uid
	}
	return buildUser
}

// container runs a job in a work folder and reads the result. An error that is a *failed says what the limits ended; a
// result with a Failure is the driver's word.
func (a *attempt) container(ctx context.Context, work string, j job.Job, mounts ...engine.Mount) (*job.Result, error) {
	facts := a.job.Toolchain.Facts
	j.Schema, j.Name, j.Version = job.Schema, a.job.Recipe.Name, a.job.Recipe.Version
	j.Python, j.Environment, j.PlatformTag, j.Emscripten = facts.Python, facts.Env, facts.PlatformTag, facts.Emscripten
	j.Target = string(facts.Target)
	j.Jobs, j.Epoch = a.job.Jobs, epoch.Unix()
	if err := writeJob(work, j); err != nil {
		return nil, err
	}
	if err := own(work); err != nil {
		return nil, err
	}
	uid := strconv.Itoa(user())
	l := a.job.Limits
	spec := engine.Spec{
		Image: a.image(), Command: []string{"/opt/wasmill/bin/wasmcc", "builder", job.File}, WorkDir: job.Work, User: uid + ":" + uid,
		Mounts: append([]engine.Mount{
			{Source: work, Target: job.Work, Writable: true},
			{Source: a.Wasmcc, Target: "/opt/wasmill/bin/wasmcc"},
		}, mounts...),
		// Its pages count as the container's memory.
		Tmpfs:  map[string]int64{"/tmp": l.Memory / 2},
		Labels: a.labels(),
		Memory: l.Memory, Pids: l.Pids, CPUs: l.CPUs, Time: l.Time,
	}
	ended, err := a.Engine.Run(ctx, spec, a.log)
	a.rec.ExitStatus = ended.ExitStatus
	if errors.Is(err, errLogLimit) {
		a.log.sayf("stopped: the build printed more than %s", size(l.Log))
		return nil, a.failed(record.LogLimit, "the build printed more than %s and was stopped", size(l.Log))
	}
	if err != nil {
		return nil, err
	}
	result, err := readResult(work)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if result != nil {
		a.rec.PeakMemory = max(a.rec.PeakMemory, result.PeakMemory)
		if result.Compilers.Commands > 0 {
			a.rec.Compilers = &result.Compilers
		}
	}
	if f := a.limited(ended, result); f != nil {
		return nil, f
	}
	if err := a.diskFull(); result == nil && err != nil {
		return nil, err
	}
	if result == nil {
		return nil, fault.Errorf(fault.Internal, "the driver in the container ended with status %d and left no result: %s", ended.ExitStatus, a.log.diagnosis().detail())
	}
	return result, nil
}

// carryOut runs a job in a work folder whose failure is the build's.
func (a *attempt) carryOut(ctx context.Context, work string, j job.Job, mounts ...engine.Mount) (*job.Result, error) {
	result, err := a.container(ctx, work, j, mounts...)
	if err == nil && result.Failure != nil {
		return nil, a.explain(*result.Failure)
	}
	return result, err
}

// limited says which limit a build has run into, if that is why it failed.
func (a *attempt) limited(ended engine.Result, result *job.Result) error {
	l := a.job.Limits
	broken := result == nil || result.Failure != nil
	switch {
	case ended.TimedOut:
		return a.failed(record.OutOfTime, "the build took longer than %s and was stopped; wasmill.timeout in the recipe gives it more", l.Time)
	case broken && (ended.OOMKilled || result != nil && result.OOMKills > 0):
		return a.failed(record.OutOfMemory, "a process of the build was killed at the limit of %s of memory", size(l.Memory))
	case broken && result != nil && result.RefusedPids > 0:
		return a.failed(record.OutOfPids, "the build ran into the limit of %d processes and threads", l.Pids)
	}
	return nil
}

// failed is a failure in the current phase, with what the log says about it.
func (a *attempt) failed(kind record.FailureKind, format string, args ...any) error {
	f := fail(a.clock.phase(), kind, format, args...).(*failed)
	f.Detail = a.log.diagnosis().detail()
	return f
}

// explain is the failure that the driver reports, in words for people.
func (a *attempt) explain(f record.Failure) error {
	d := a.log.diagnosis()
	if err := a.diskFull(); err != nil {
		return err
	}
	if f.Kind == record.CompileFailed || f.Kind == record.ScriptFailed {
		f.Detail = d.detail()
		switch {
		case d.network != "":
			f.Message += ": it tried to use the network, which builds do not have (" + clip(d.network, 200) +
				"); what it downloads must come as a source, a patch or a build requirement"
		case d.first() != "":
			f.Message += ": " + clip(d.first(), 300)
		}
		if why := absent(d.first()); why != "" && a.job.Toolchain.Facts.Target.Static() {
			f.Kind = record.Unsupported
			f.Message += " (" + why + ")"
		}
	}
	return &failed{f}
}

func writeJob(work string, j job.Job) error {
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("writing the job: %w", err)
	}
	if err := os.WriteFile(inside(work, job.File), data, 0o644); err != nil {
		return fmt.Errorf("writing the job: %w", diskError(err))
	}
	return nil
}

// maxResult is far beyond what a driver writes. A package can write the file too.
const maxResult = 4 * mib

func readResult(work string) (*job.Result, error) {
	data, err := readRegular(inside(work, job.Out), maxResult)
	if err != nil {
		return nil, fmt.Errorf("reading the driver's result: %w", err)
	}
	var r job.Result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("reading the driver's result: %w", err)
	}
	return &r, nil
}

// readRegular reads a file that package code may have put in place: not through links, and not without end.
func readRegular(file string, most int64) ([]byte, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fault.Errorf(fault.Invalid, "%s is not a file of at most %d bytes", filepath.Base(file), most)
	}
	return os.ReadFile(file)
}

// own gives a folder to the user of the containers.
func own(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, buildUser, buildUser)
	})
	if err != nil {
		return fmt.Errorf("giving the work folder to the build's user: %w", err)
	}
	return nil
}

// removeAll removes a work folder. Builds leave folders without permissions, which only their owner can open again.
func removeAll(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}

func size(bytes int64) string {
	if bytes >= gib && bytes%gib == 0 {
		return strconv.FormatInt(bytes/gib, 10) + " GiB"
	}
	return strconv.FormatInt(bytes/mib, 10) + " MiB"
}

func (a *attempt) labels() map[string]string {
	labels := map[string]string{AttemptLabel: a.job.Attempt}
	maps.Copy(labels, a.job.Labels)
	return labels
}
