package engine

import (
	"bytes"
	"io"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/pkg/stdcopy"
)

// maxLine is how much of a line is held back until its end comes.
const maxLine = 16 << 10

// copyOutput writes a container's two streams to out. The daemon reads them in pieces that end anywhere, so each is
// cut into lines here: a line of one stream never has a piece of the other in its middle.
func copyOutput(stream types.HijackedResponse, out io.Writer) <-chan error {
	copied := make(chan error, 1)
	go func() {
		stdout, stderr := &lineWriter{out: out}, &lineWriter{out: out}
		_, err := stdcopy.StdCopy(stdout, stderr, stream.Reader)
		for _, w := range []*lineWriter{stdout, stderr} {
			if err == nil {
				err = w.flush(len(w.held))
			}
		}
		copied <- err
	}()
	return copied
}

type lineWriter struct {
	out  io.Writer
	held []byte // the begin of a line whose end hasn't come yet
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	whole := bytes.LastIndexByte(w.held, '\n') + 1
	if len(w.held)-whole > maxLine {
		whole = len(w.held)
	}
	if err := w.flush(whole); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush writes the first n bytes held.
func (w *lineWriter) flush(n int) error {
	if n == 0 {
		return nil
	}
	if _, err := w.out.Write(w.held[:n]); err != nil {
		return &writeError{err}
	}
	w.held = append(w.held[:0], w.held[n:]...)
	return nil
}

// writeError tells an error of the caller's writer from one of the stream.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
