package python

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"github.com/wasmill/wasmill/internal/fault"
)

// children are further runtimes that a program starts. WebAssembly has no processes, so a program asks for them over a socket, in
// lines, and hears of them in lines:
//
//	cpus                          → cpus N
//	start NAME {"argv":…,"env":…} starts one (childJob)
//	send NAME TEXT                the child reads TEXT as a line from its own socket
//	kill NAME
//	                              ← said NAME TEXT: a line that the child wrote to its socket
//	                              ← ended NAME WORDS: it is gone, and how; after its last line
//
// A child has no standard input and output; its errors go where the program's go. It is killed with the program.
type children struct {
	of  *process
	job job // of the program; a child's is the same but for what childJob has

	telling sync.Mutex // held while writing to the program, which may read late: what it asks for is done meanwhile

	mu      sync.Mutex
	byName  map[string]*child
	ended   bool
	running sync.WaitGroup
}

type child struct {
	*process
	lines chan []byte // to be written, so that a child that does not read holds up nobody else
}

// childJob is what a child differs in, encoded as in job.
type childJob struct {
	Argv []string `json:"argv"`
	Env  string   `json:"env"`
	Cwd  string   `json:"cwd"`
}

// socketpair returns this process's end, and the one for a runtime, which does not wait: its reads are to be ended by signals.
func socketpair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, fault.Errorf(fault.Exhausted, "making a socket for a runtime: %w", err)
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	theirs = os.NewFile(uintptr(fds[1]), "runtime") // before it is told not to wait: os/exec would undo that
	return os.NewFile(uintptr(fds[0]), "children"), theirs, syscall.SetNonblock(fds[1], true)
}

// serve does what the program asks for, until it ends or closes its socket.
func (c *children) serve() {
	from := bufio.NewReader(c.of.socket)
	for {
		line, err := from.ReadBytes('\n')
		if err != nil {
			return
		}
		verb, rest, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		name, text, _ := bytes.Cut(rest, []byte(" "))
		switch string(verb) {
		case "cpus":
			c.tell("cpus", "", fmt.Append(nil, runtime.GOMAXPROCS(0)))
		case "start":
			if err := c.start(string(name), text); err != nil {
				c.tell("ended", string(name), []byte(err.Error()))
			}
		case "send":
			if child := c.named(string(name)); child != nil {
				child.lines <- append(text, '\n')
			}
		case "kill":
			if child := c.named(string(name)); child != nil {
				_ = child.cmd.Process.Kill()
			}
		}
	}
}

func (c *children) named(name string) *child {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byName[name]
}

// tell writes a line to the program. One that does not listen any more has ended.
func (c *children) tell(verb, name string, text []byte) {
	line := append([]byte(verb+" "), name...)
	if name != "" {
		line = append(line, ' ')
	}
	line = append(append(line, text...), '\n')
	c.telling.Lock()
	defer c.telling.Unlock()
	_, _ = c.of.socket.Write(line)
}

func (c *children) start(name string, text []byte) error {
	var own childJob
	if err := json.Unmarshal(text, &own); err != nil {
		return fmt.Errorf("reading what to start: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return errors.New("the program has ended")
	}
	p, err := c.of.node.begin(c.of.scripts, null, null, os.Stderr)
	if err != nil {
		return err
	}
	child := &child{process: p, lines: make(chan []byte, 1024)}
	c.byName[name] = child
	j := c.job
	j.Argv, j.Env, j.Cwd, j.PID, j.PPID = own.Argv, own.Env, own.Cwd, p.cmd.Process.Pid, c.job.PID
	c.running.Go(func() { c.attend(name, child, j) })
	return nil
}

// attend feeds a child, passes on what it says, and tells its end.
func (c *children) attend(name string, child *child, j job) {
	go func() {
		_ = json.NewEncoder(child.tell).Encode(j) // a node that does not read has ended, which is noticed below
	}()
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case line := <-child.lines:
				_, _ = child.socket.Write(line)
			case <-ended:
				return
			}
		}
	}()
	from := bufio.NewReader(child.socket)
	for {
		line, err := from.ReadBytes('\n')
		if err != nil {
			break // an unfinished line of one that died is nothing to go by
		}
		c.tell("said", name, line[:len(line)-1])
	}
	_ = child.cmd.Wait() // its state says all
	close(ended)
	for _, file := range []*os.File{child.tell, child.hear, child.socket} {
		file.Close()
	}
	c.mu.Lock()
	delete(c.byName, name)
	c.mu.Unlock()
	c.tell("ended", name, []byte(child.cmd.ProcessState.String()))
}

// end kills those that still run. No more are started: the program has ended.
func (c *children) end() {
	c.mu.Lock()
	c.ended = true
	for _, child := range c.byName {
		_ = child.cmd.Process.Kill()
	}
	c.mu.Unlock()
	_ = c.of.socket.Close()
	c.running.Wait()
}
