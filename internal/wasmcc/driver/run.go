package driver

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// run is one job on its way.
type run struct {
	job    job.Job
	env    map[string]string // of the next step; scripts change it
	result job.Result
	phase  record.Phase
}

func newRun(j job.Job) *run {
	return &run{job: j, env: environment(j), result: job.Result{Schema: job.Schema}, phase: record.PhasePrepare}
}

// failure is an error that is the build's result.
type failure struct {
	kind    record.FailureKind
	message string
}

func (f *failure) Error() string { return f.message }

func fail(kind record.FailureKind, format string, args ...any) error {
	return &failure{kind, fmt.Sprintf(format, args...)}
}

// do runs the steps and fills the result.
func (r *run) do() {
	steps := map[job.Kind]func() error{job.MakeEnv: r.makeEnv, job.Requires: r.static, job.Build: r.build, job.Install: r.prepareAndScript}
	err := fail(record.Unsupported, "the driver does not know jobs of kind %q", r.job.Kind)
	if do, ok := steps[r.job.Kind]; ok {
		err = do()
	}
	if err == nil {
		return
	}
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		// The work folder is full, or a program of the image is missing.
		f = &failure{record.CompileFailed, err.Error()}
	}
	fmt.Println("==> failed:", f.message)
	r.result.Failure = &record.Failure{Phase: r.phase, Kind: f.kind, Message: f.message}
}

// enter begins a phase and announces it. The worker measures how long phases take.
func (r *run) enter(p record.Phase) {
	r.phase = p
	fmt.Printf("%s%s\n", job.PhaseMarker, p)
}

// prepareAndScript is what comes before the build backend, and all of a library.
func (r *run) prepareAndScript() error {
	r.enter(record.PhasePrepare)
	if err := r.prepare(); err != nil || r.job.Script == "" {
		return err
	}
	r.enter(record.PhaseScript)
	return r.script("script", r.job.Script, r.job.Dir)
}

func (r *run) build() error {
	if err := r.prepareAndScript(); err != nil {
		return err
	}
	if r.result.Wheel = r.job.Ready; r.job.Ready == "" {
		r.enter(record.PhaseCompile)
		if done, err := r.compileOrAsk(); done || err != nil {
			return err
		}
	}
	if r.job.Post == "" {
		return nil
	}
	r.enter(record.PhasePack)
	if err := unzip(job.Dist+"/"+r.result.Wheel, job.Wheel); err != nil {
		return err
	}
	r.env["WHEELDIR"] = job.Wheel
	return r.script("post script", r.job.Post, job.Wheel)
}

// compileOrAsk makes the wheel, unless the backend has to be asked first and needs more; the build ends then.
func (r *run) compileOrAsk() (done bool, err error) {
	if r.job.Ask {
		if r.result.Requires, err = r.ask(); err != nil || len(r.result.Requires) > 0 {
			return true, err
		}
	}
	return false, r.compile()
}

// static reads the static requirements, as the recipe's patches and script leave them.
func (r *run) static() error {
	if err := r.prepareAndScript(); err != nil {
		return err
	}
	answer, err := r.hook("/usr/bin/python"+r.job.Python, r.job.Dir, request{Hook: "static"})
	r.result.Requires = answer.Requires
	return err
}

func (r *run) makeEnv() error {
	r.enter(record.PhaseEnv)
	if err := r.command(job.Work, "/usr/bin/python"+r.job.Python, "-m", "venv", "--without-pip", job.Env); err != nil {
		return fail(record.Requirements, "making the native environment: %s", err)
	}
	if info, err := os.Stat(job.Lock); err == nil && info.Size() == 0 {
		return nil
	}
	err := r.command(job.Work, "/opt/wasmill/bin/uv", "pip", "install", "--quiet", "--python", job.Env+"/bin/python", "--offline", "--no-index",
		"--find-links", job.Wheels, "--require-hashes", "--no-deps", "--no-cache", "--compile-bytecode", "-r", job.Lock)
	if err != nil {
		return fail(record.Requirements, "installing the locked build requirements: %s", err)
	}
	return nil
}

// command runs a program with the run's environment; its output is the container's. The error tells the exit status.
func (r *run) command(dir, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stdout
	cmd.Env = list(r.env)
	if err := cmd.Start(); err != nil {
		return err
	}
	// When memory runs out the kernel shall take the compiler and not the driver, which can tell about it.
	score := "/proc/" + strconv.Itoa(cmd.Process.Pid) + "/oom_score_adj"
	_ = os.WriteFile(score, []byte("500"), 0o644)
	return cmd.Wait()
}

func list(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}
