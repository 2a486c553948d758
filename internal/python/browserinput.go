package python

import (
	"errors"
	"io"
	"syscall"
)

// terminalInput is a standard input of which a read can be left when a signal comes; what it brings then is for the next one.
type terminalInput struct {
	wants chan int
	got   chan inputPart
	busy  bool
	rest  []byte
	left  chan struct{}
}

type inputPart struct {
	data []byte
	err  error
}

func newTerminalInput(from io.Reader) *terminalInput {
	t := &terminalInput{wants: make(chan int), got: make(chan inputPart), left: make(chan struct{}, 1)}
	go func() {
		for size := range t.wants {
			part := make([]byte, size)
			n, err := from.Read(part)
			t.got <- inputPart{part[:n], err}
		}
	}()
	return t
}

// read is for one caller at a time: a program has one thread.
func (t *terminalInput) read(size int) ([]byte, error) {
	if len(t.rest) == 0 {
		if !t.busy {
			t.wants <- size
			t.busy = true
		}
		select {
		case part := <-t.got:
			t.busy = false
			if len(part.data) == 0 && part.err != nil && !errors.Is(part.err, io.EOF) {
				return nil, part.err
			}
			t.rest = part.data
		case <-t.left:
			return nil, syscall.EINTR
		}
	}
	n := min(size, len(t.rest))
	out := t.rest[:n]
	t.rest = t.rest[n:]
	return out, nil
}

// leave ends a read that waits.
func (t *terminalInput) leave() {
	select {
	case t.left <- struct{}{}:
	default:
	}
}
