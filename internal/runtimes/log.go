package runtimes

import (
	"errors"
	"io"
	"strings"
)

// errLogLimit makes the engine end a container that prints too much.
var errLogLimit = errors.New("the log is full")

// tailSize is how much of the log's end explains a failure (record.Failure.Detail).
const tailSize = 4 << 10

// log passes on what a runtime prints, up to a limit, and keeps the end of it.
type log struct {
	out   io.Writer
	limit int64 // 0: none
	size  int64
	last  []byte
}

func newLog(out io.Writer, limit int64) *log {
	if out == nil {
		out = io.Discard
	}
	return &log{out: out, limit: limit}
}

func (l *log) Write(p []byte) (int, error) {
	whole := len(p)
	if l.limit > 0 && l.size+int64(whole) > l.limit {
		p = p[:l.limit-l.size]
	}
	n, err := l.out.Write(p)
	l.size += int64(n)
	l.last = append(l.last, p[:n]...)
	if len(l.last) > 2*tailSize {
		l.last = append([]byte(nil), l.last[len(l.last)-tailSize:]...)
	}
	if err == nil && n < whole {
		err = errLogLimit
	}
	return n, err
}

// tail is the end of the log, from the beginning of a line where it was cut.
func (l *log) tail() string {
	if len(l.last) <= tailSize {
		return string(l.last)
	}
	cut := string(l.last[len(l.last)-tailSize:])
	if _, rest, ok := strings.Cut(cut, "\n"); ok {
		return rest
	}
	return cut
}
