package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// errLogLimit ends a container that prints too much.
var errLogLimit = errors.New("the build prints more than it may")

// maxLine is how much of a line is looked at. A longer one is passed on in full.
const maxLine = 4 << 10

// output is what the containers of a build say, on its way to the log: it is counted against the limit, searched for
// phases, and remembered as far as a diagnosis needs it.
type output struct {
	mu    sync.Mutex
	to    io.Writer
	limit int64
	on    func(record.Phase)
	line  []byte
	said  diagnosis
}

func newOutput(to io.Writer, limit int64, on func(record.Phase)) *output {
	return &output{to: to, limit: limit, on: on}
}

// Write implements io.Writer. It passes p on until the limit; with the byte after it, it fails with errLogLimit.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	allowed := p
	if int64(len(p)) > o.limit {
		allowed = p[:max(o.limit, 0)]
	}
	n, err := o.to.Write(allowed)
	o.limit -= int64(n)
	o.scan(allowed[:n])
	if err != nil {
		return n, fmt.Errorf("writing the log: %w", err)
	}
	if len(allowed) < len(p) {
		return n, errLogLimit
	}
	return n, nil
}

// sayf adds a line of the worker's own, whatever the limit.
func (o *output) sayf(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.line) > 0 {
		format = "\n==> " + format
	} else {
		format = "==> " + format
	}
	// The log is not what a build must fail for at its end.
	fmt.Fprintf(o.to, format+"\n", args...)
}

func (o *output) scan(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part, p = p[:end], p[end+1:]
		} else {
			p = nil
		}
		o.line = append(o.line, part[:min(len(part), maxLine-len(o.line))]...)
		if end >= 0 {
			o.full(strings.TrimRight(string(o.line), "\r"))
			o.line = o.line[:0]
		}
	}
}

var driverPhases = map[string]bool{
	string(record.PhasePrepare): true, string(record.PhaseScript): true, string(record.PhaseCompile): true, string(record.PhasePack): true,
}

func (o *output) full(line string) {
	// What a package prints must not bring a phase that there isn't.
	if phase, ok := strings.CutPrefix(line, job.PhaseMarker); ok && driverPhases[phase] {
		o.said = diagnosis{}
		o.on(record.Phase(phase))
		return
	}
	o.said.add(line)
}

// diagnosis is what has been said in the current phase, the line without an end included.
func (o *output) diagnosis() *diagnosis {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.line) > 0 {
		o.said.add(string(o.line))
		o.line = o.line[:0]
	}
	return &o.said
}
