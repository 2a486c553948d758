package wasi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/experimental/sysfs"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

// Config is what one run of a program gets. Nil streams are empty, or swallow what is printed.
type Config struct {
	Args           []string // the first is the program's own name
	Env            []string // NAME=VALUE
	Stdin          io.Reader
	Stdout, Stderr io.Writer // must not block for ever: a program that waits for them can't be stopped
	Folders        []Folder
	Limits         Limits
}

// Folder is a folder of the machine that the program sees under a name of its own, with all that is below it. Links that
// lead out of it don't, and what is neither file nor folder can't be opened.
//
// With "/" for Host it is all that the user can reach, for a program that stands in for one of the machine's own: links lead
// wherever they lead for others, and /dev/null is there.
type Folder struct {
	Host, Guest string
	Writable    bool
	Hidden      []string // folders that are empty for the program, with all links resolved; only where Host is "/"
}

// Run runs the program from its start to its end. Errors: fault.Invalid for a Config that can't be, fault.Canceled when ctx
// ends, fault.Exhausted when the machine has no memory for the program to start with.
func (p *Program) Run(ctx context.Context, c Config) (Result, error) {
	r := &run{program: p, config: c, memory: newAllocator(c.Limits.Memory)}
	if uint64(p.minimum) > r.memory.limit {
		return Result{}, fault.Errorf(fault.Invalid, "the program starts with %s of memory, and may have %s", term.Bytes(p.minimum), term.Bytes(int64(r.memory.limit)))
	}
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if c.Limits.Time > 0 {
		var cancel context.CancelFunc
		inner, cancel = context.WithTimeoutCause(inner, c.Limits.Time, errTime)
		defer cancel()
	}
	r.quota = &quota{limits: c.Limits, stop: stop}
	settings, err := r.settings(inner)
	defer r.closeFolders()
	if err != nil {
		return Result{}, err
	}
	begin := time.Now()
	err = r.instantiate(inner, settings)
	if ctx.Err() != nil && stopped(err) {
		return Result{}, fault.Errorf(fault.Canceled, "running the program: %w", context.Cause(ctx))
	}
	if err := r.failed(err); err != nil {
		return Result{}, err
	}
	return r.result(err, context.Cause(inner), time.Since(begin)), nil
}

type run struct {
	program *Program
	config  Config
	memory  *allocator
	quota   *quota
	roots   []tree
}

func (r *run) settings(ctx context.Context) (wazero.ModuleConfig, error) {
	c := wazero.NewModuleConfig().WithName("").WithArgs(r.config.Args...).
		WithStdout(&output{r.config.Stdout, r.quota}).WithStderr(&output{r.config.Stderr, r.quota}).
		WithSysWalltime().WithNanotime(nanotime, 1).WithRandSource(rand.Reader).WithOsyield(runtime.Gosched).
		WithNanosleep(func(ns int64) { sleep(ctx, time.Duration(ns)) })
	if r.config.Stdin != nil {
		c = c.WithStdin(&input{ctx, r.config.Stdin})
	}
	for _, arg := range r.config.Args {
		if strings.ContainsRune(arg, 0) {
			return nil, fault.Errorf(fault.Invalid, "the argument %q has a zero byte in it", arg)
		}
	}
	for _, env := range r.config.Env {
		name, value, ok := strings.Cut(env, "=")
		if !ok || name == "" || strings.ContainsRune(env, 0) {
			return nil, fault.Errorf(fault.Invalid, "%q in the environment is not NAME=VALUE", env)
		}
		c = c.WithEnv(name, value)
	}
	folders := wazero.NewFSConfig()
	for _, f := range r.config.Folders {
		root, err := f.open()
		if errors.Is(err, os.ErrNotExist) {
			return nil, fault.Errorf(fault.NotFound, "there is no folder %s to open as %s", f.Host, f.Guest)
		}
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "opening %s as %s: %w", f.Host, f.Guest, err)
		}
		r.roots = append(r.roots, root)
		folders = folders.(sysfs.FSConfig).WithSysFSMount(&folder{root: root, writable: f.Writable, quota: r.quota}, f.Guest)
	}
	return c.WithFSConfig(folders), nil
}

func (f Folder) open() (tree, error) {
	if f.Host == "/" {
		return machine{f.Hidden}, nil
	}
	return os.OpenRoot(f.Host)
}

func (r *run) closeFolders() {
	for _, root := range r.roots {
		_ = root.Close()
	}
}

// instantiate runs _start, and frees all that the program had.
func (r *run) instantiate(ctx context.Context, c wazero.ModuleConfig) (err error) {
	defer func() {
		if p := recover(); p != nil { // wazero's own, outside of the program's code
			err = fmt.Errorf("%v", p)
		}
	}()
	m, err := r.program.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, r.memory), r.program.compiled, c)
	if m != nil {
		_ = m.Close(ctx)
	}
	return err
}

// failed says whether the program could not be started for want of memory.
func (r *run) failed(err error) error {
	if err != nil && r.memory.peak == 0 && r.program.minimum > 0 {
		return fault.Errorf(fault.Exhausted, "the machine has not the %s of memory with which the program starts", term.Bytes(r.program.minimum))
	}
	return nil
}

// stopped says whether a run ended because its context did.
func stopped(err error) bool {
	var exit *sys.ExitError
	return errors.As(err, &exit) && (exit.ExitCode() == sys.ExitCodeContextCanceled || exit.ExitCode() == sys.ExitCodeDeadlineExceeded)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
