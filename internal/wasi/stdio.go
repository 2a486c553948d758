package wasi

import (
	"context"
	"io"
)

// input is a program's standard input. Its read ends with the run, also where nothing comes: the read of the reader behind
// it then goes on until it ends by itself, and what it brings is lost.
type input struct {
	ctx context.Context
	r   io.Reader
}

func (i *input) Read(p []byte) (int, error) {
	type read struct {
		b   []byte
		err error
	}
	done := make(chan read, 1)
	go func() {
		b := make([]byte, min(len(p), 64<<10)) // not p: the program's memory may be gone by then
		n, err := i.r.Read(b)
		done <- read{b[:n], err}
	}()
	select {
	case r := <-done:
		return copy(p, r.b), r.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	}
}

// output counts what a program prints.
type output struct {
	w io.Writer
	q *quota
}

func (o *output) Write(p []byte) (int, error) {
	if err := o.q.print(len(p)); err != nil {
		return 0, err
	}
	if o.w == nil {
		return len(p), nil
	}
	return o.w.Write(p)
}
