// Package wasirun is the process inside the container in which a package for WASI is tested. It compiles the interpreter once and runs it
// in wazero: once for each import, and for the tests, each in memory of its own. What the interpreter tells, and what becomes of it, are
// lines of /out/events.jsonl, as run.mjs writes them for Pyodide. It is used by cmd/wasirun alone, and imports nothing of the farm's but
// what runs programs.
package wasirun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/wasmill/wasmill/internal/wasi"
)

// Job is the part of job.json that this process reads.
type Job struct {
	Memory   int64      `json:"memory"` // bytes that the interpreter may have
	Imports  []string   `json:"imports"`
	Tests    []string   `json:"tests"`
	Commands [][]string `json:"commands"`
}

// event is one line of events.jsonl.
type event struct {
	Event   string  `json:"event"`
	Phase   string  `json:"phase,omitempty"`
	Name    string  `json:"name,omitempty"`
	From    string  `json:"from,omitempty"`
	Outcome string  `json:"outcome,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Message string  `json:"message,omitempty"`
	Detail  string  `json:"detail,omitempty"`
	Memory  int64   `json:"memory,omitempty"`
}

// The statuses by which the interpreter says that it came to its end.
const (
	passed = 10
	failed = 11
	gaveUp = 12 // and has told why
)

// Places in the container.
const (
	jobFolder = "/job"
	outFolder = "/out"
	pytest    = "/opt/pytest"
	linked    = "python.wasm" // in the job's folder
)

// Main carries out a job in one of its modes, and returns the exit status.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &runner{ctx: ctx, job: jobFolder, out: outFolder, pytest: pytest, temp: os.TempDir()}
	if err := r.run(args); err != nil {
		fmt.Println("wasirun:", err)
		return 1
	}
	return 0
}

type runner struct {
	ctx                    context.Context
	job, out, pytest, temp string // folders of the machine
	about                  Job
	program                *wasi.Program
	events                 *os.File
}

func (r *runner) run(args []string) error {
	if len(args) != 1 || args[0] != "test" && args[0] != "suite" {
		return fmt.Errorf("it is called as `wasirun test` or `wasirun suite`, not with %q", args)
	}
	text, err := os.ReadFile(filepath.Join(r.job, "job.json"))
	if err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	if err := json.Unmarshal(text, &r.about); err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	if r.events, err = os.OpenFile(filepath.Join(r.out, "events.jsonl"), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o666); err != nil {
		return fmt.Errorf("opening the events: %w", err)
	}
	defer r.events.Close()
	engine, err := wasi.NewEngine("")
	if err != nil {
		return err
	}
	defer engine.Close()
	r.tell(event{Event: "runtime"}) // it is known to who asks
	if r.program, err = engine.LoadFile(r.ctx, filepath.Join(r.job, linked)); err != nil {
		r.tell(event{Event: "gave-up", Phase: "import", Message: err.Error()})
		return err
	}
	defer r.program.Close()
	if args[0] == "suite" {
		err = r.suite()
	} else {
		err = r.test()
	}
	if err == nil {
		r.tell(event{Event: "done"})
	}
	return err
}

func (r *runner) test() error {
	good := true
	for _, name := range r.about.Imports {
		ok, _, err := r.start("import", name)
		if err != nil {
			return err
		}
		good = good && ok
	}
	if !good || len(r.about.Tests) == 0 {
		return nil
	}
	return r.untilEnded("tests")
}

func (r *runner) suite() error {
	for i := range r.about.Commands {
		if err := r.untilEnded("command", strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return nil
}

// maxDeaths is how often an interpreter may die in one command's tests: each time, pytest starts anew.
const maxDeaths = 10

// untilEnded runs tests. One that kills the interpreter must not hide the others: they run once more, without those that have ended.
func (r *runner) untilEnded(mode ...string) error {
	for range maxDeaths {
		if _, died, err := r.start(mode...); err != nil || !died {
			return err
		}
	}
	why := fmt.Sprintf("the interpreter died in %d tests, and the others have not been run", maxDeaths)
	r.tell(event{Event: "gave-up", Phase: "test", Message: why})
	return errors.New(why)
}

// start runs the interpreter once. A death is told as the end of what was going on; where nothing was, the error ends the job.
func (r *runner) start(mode ...string) (ok, died bool, err error) {
	temp, err := os.MkdirTemp(r.temp, "run")
	if err != nil {
		return false, false, fmt.Errorf("making a folder for temporary files: %w", err)
	}
	defer os.RemoveAll(temp)
	// A file is as good as the device for what pytest and others do with it, and goes with the run.
	for _, folder := range []string{"tmp", "dev"} {
		if err := os.Mkdir(filepath.Join(temp, folder), 0o700); err != nil {
			return false, false, fmt.Errorf("making a folder for temporary files: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(temp, "dev", "null"), nil, 0o600); err != nil {
		return false, false, fmt.Errorf("making a folder for temporary files: %w", err)
	}
	limits := wasi.Untrusted
	limits.Memory, limits.Time, limits.Output, limits.Written = r.about.Memory, 0, 0, 1<<30 // time and output are the container's to bound
	result, err := r.program.Run(r.ctx, wasi.Config{
		Args: append([]string{"python", "-s", "-P", "-B", "-X", "utf8", "/job/wasi.py"}, mode...), Env: []string{"PYTHONHOME=/usr/local"}, Stdout: os.Stdout, Stderr: os.Stdout,
		Folders: []wasi.Folder{
			{Host: filepath.Join(r.job, "python"), Guest: "/usr/local"},
			{Host: r.job, Guest: "/job"},
			{Host: r.pytest, Guest: pytest},
			{Host: r.out, Guest: "/out", Writable: true},
			{Host: filepath.Join(temp, "tmp"), Guest: "/tmp", Writable: true},
			{Host: filepath.Join(temp, "dev"), Guest: "/dev", Writable: true},
		},
		Limits: limits,
	})
	if err != nil {
		return false, false, err
	}
	r.tell(event{Event: "needs", Memory: result.Memory})
	if result.Trap == "" && (result.Status == passed || result.Status == failed) {
		if result.End != wasi.Exited { // it met a limit, and went on
			r.tell(event{Event: "note", Message: afterLimit(result)})
		}
		return result.Status == passed, false, nil
	}
	if result.Trap == "" && result.Status == gaveUp {
		return false, false, fmt.Errorf("the tests could not run")
	}
	fmt.Println("fatal: " + result.String() + "\n" + result.Trap)
	running, err := r.running()
	if err != nil {
		return false, false, err
	}
	end := event{Message: "the interpreter died: " + explain(result), Detail: result.Trap}
	if running == nil {
		end.Event, end.Phase = "gave-up", phaseOf(mode[0])
		r.tell(end)
		return false, false, fmt.Errorf("the interpreter died: %s", result)
	}
	end.Event, end.Phase, end.Name, end.From, end.Outcome = "end", running.Phase, running.Name, running.From, "failed"
	r.tell(end)
	// A command that is no pytest is one test, and has ended with its interpreter.
	return false, running.Phase == "test" && running.Name != running.From, nil
}

func phaseOf(mode string) string {
	if mode == "import" {
		return "import"
	}
	return "test"
}

// running is the import or the test that has begun and not ended.
func (r *runner) running() (*event, error) {
	text, err := os.ReadFile(r.events.Name())
	if err != nil {
		return nil, fmt.Errorf("reading the events: %w", err)
	}
	var running *event
	for line := range strings.Lines(string(text)) {
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			continue // half of a line that the interpreter died in
		}
		switch e.Event {
		case "start":
			running = &e
		case "end":
			running = nil
		}
	}
	return running, nil
}

// tell writes an event on a line of its own, also where the interpreter died in the middle of one.
func (r *runner) tell(e event) {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // texts and numbers
	}
	if info, err := r.events.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := r.events.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	_, _ = r.events.Write(append(line, '\n')) // a full disk shows as a job without an end
}
