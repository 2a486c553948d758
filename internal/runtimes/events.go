package runtimes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/record"
)

// event is one line of events.jsonl, which run.mjs, run.py and host.py write.
type event struct {
	Event   string         `json:"event"` // runtime, start, end, needs, died, fatal, gave-up, done
	Phase   string         `json:"phase"` // import or test, of start, end and gave-up
	Name    string         `json:"name"`
	From    string         `json:"from"` // the command whose test it is
	Outcome record.Outcome `json:"outcome"`
	Seconds float64        `json:"seconds"`
	Message string         `json:"message"`
	Detail  string         `json:"detail"`

	Memory     int64 `json:"memory"` // of needs
	Stack      int64 `json:"stack"`
	StackLimit int64 `json:"stack_limit"`
}

type events []event

// eventsLimit is far more than any recipe's tests tell; a package may write what it likes.
const eventsLimit = 64 << 20

// events reads what the container told. The package had the folder in its hands: a link that leads out of it is not
// followed, and reading ends at the first line that is none of ours.
func (s *stage) events(part string) (events, error) {
	root, err := os.OpenRoot(s.path("out/" + part))
	if err != nil {
		return nil, staging(err)
	}
	defer root.Close()
	info, err := root.Lstat("events.jsonl")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, staging(err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil
	}
	file, err := root.Open("events.jsonl")
	if err != nil {
		return nil, staging(err)
	}
	defer file.Close()
	return readEvents(io.LimitReader(file, eventsLimit)), nil
}

func readEvents(r io.Reader) events {
	var all events
	for lines := json.NewDecoder(r); ; {
		var e event
		if lines.Decode(&e) != nil {
			return all
		}
		all = append(all, e)
	}
}

func (all events) has(kind string) bool {
	for _, e := range all {
		if e.Event == kind {
			return true
		}
	}
	return false
}

func (all events) started() bool { return all.has("runtime") }
func (all events) done() bool    { return all.has("done") }

// ending is how the container ended.
type ending struct {
	engine.Result
	limits  Limits
	logFull bool
	tail    string
}

// killed explains a container that reached a limit; nil means that it did not.
func (e ending) killed() *record.Failure {
	switch {
	case e.OOMKilled:
		return &record.Failure{Kind: record.OutOfMemory, Message: fmt.Sprintf("out of memory: more than %d MiB", e.limits.Memory>>20)}
	case e.TimedOut:
		return &record.Failure{Kind: record.OutOfTime, Message: fmt.Sprintf("out of time: more than %s", e.limits.Time)}
	case e.logFull:
		return &record.Failure{Kind: record.LogLimit, Message: fmt.Sprintf("too much output: more than %d bytes", e.limits.Log)}
	}
	return nil
}

// clip bounds a text that the package may have made up.
func clip(text string) string {
	if len(text) > tailSize {
		text = text[:tailSize]
	}
	return strings.ToValidUTF8(text, "")
}

func during(e event) string {
	if e.Phase == "import" {
		return "importing " + e.Name
	}
	return e.Name
}

// kind of a failure in a phase; what goes wrong before the imports (a wheel that can't be unpacked) counts to them.
func kind(phase string) record.FailureKind {
	if phase == "test" {
		return record.TestFailed
	}
	return record.ImportFailed
}

func explain(e event) *record.Failure {
	return &record.Failure{Kind: kind(e.Phase), Message: during(e) + ": " + firstLine(e.Message), Detail: clip(e.Detail)}
}

// died explains a runtime that did not come to the end of the job.
func (all events) died(end ending) *record.Failure {
	failure := end.killed()
	if failure == nil {
		failure = &record.Failure{Message: fmt.Sprintf("the runtime's process ended with status %d", end.ExitStatus)}
		phase := ""
		for _, e := range all {
			if e.Phase != "" {
				phase = e.Phase
			}
			switch e.Event {
			case "fatal":
				failure.Message = "the runtime died: " + firstLine(e.Message)
			case "gave-up":
				failure.Message = firstLine(e.Message)
			}
		}
		failure.Kind = kind(phase)
	}
	failure.Detail = end.tail
	return failure
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return clip(line)
}
