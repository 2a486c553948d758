//go:build integration

package temporald

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/fault"
)

const queue = "test"

// nap sleeps longer than a restart takes.
func nap(ctx workflow.Context) (string, error) {
	return "rested", workflow.Sleep(ctx, 3*time.Second)
}

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// connect gives a client and a running worker; both end with done.
func connect(t *testing.T, s *Server) (c client.Client, done func()) {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.Address(), Namespace: s.Namespace(), Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(nap)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return c, func() { w.Stop(); c.Close() }
}

type quiet struct{ log.Logger }

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

func TestWorkflowsGoOnAfterARestartOnTheSameFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "temporal.db")
	first := start(t, Options{File: file})
	c, done := connect(t, first)
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "nap", TaskQueue: queue,
		WorkflowTaskTimeout: time.Second, // the stop may interrupt the first task; the next attempt should not take ten seconds
	}, nap)
	if err != nil {
		t.Fatal(err)
	}
	done()
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	second := start(t, Options{File: file, Address: first.Address()})
	c, done = connect(t, second)
	defer done()
	var got string
	if err := c.GetWorkflow(t.Context(), "nap", "").Get(t.Context(), &got); err != nil || got != "rested" {
		t.Fatalf("after the restart the workflow gave %q, %v", got, err)
	}
}

func TestInMemoryServersAreApart(t *testing.T) {
	one, two := start(t, Options{}), start(t, Options{})
	c, done := connect(t, one)
	if _, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "nap", TaskQueue: queue}, nap); err != nil {
		t.Fatal(err)
	}
	done()
	c, done = connect(t, two)
	defer done()
	if _, err := c.DescribeWorkflowExecution(t.Context(), "nap", ""); err == nil {
		t.Fatal("the second server knows a workflow of the first")
	}
}

func TestRefusals(t *testing.T) {
	used := filepath.Join(t.TempDir(), "used.db")
	start(t, Options{File: used})
	old := filepath.Join(t.TempDir(), "old.db")
	for name, content := range map[string]string{old: "data", old + ".version": "temporal 1.2.3, 4 shards\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()

	for _, tc := range []struct {
		story string
		opts  Options
		kind  fault.Kind
		says  string
	}{
		{"a file in use", Options{File: used}, fault.Conflict, "in use by another process"},
		{"a file of another version", Options{File: old}, fault.Conflict, "written by temporal 1.2.3, 4 shards"},
		{"an address that others reach", Options{Address: "0.0.0.0:0"}, fault.Invalid, "loopback only"},
		{"an address without a port", Options{Address: "127.0.0.1"}, fault.Invalid, "missing port"},
		{"a port that is taken", Options{Address: taken.Addr().String()}, fault.Unavailable, "address already in use"},
	} {
		t.Run(tc.story, func(t *testing.T) {
			_, err := Start(t.Context(), tc.opts)
			if fault.KindOf(err) != tc.kind || err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v (%v), want %v with %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
		})
	}
	if content, err := os.ReadFile(old); err != nil || string(content) != "data" {
		t.Errorf("the file of another version was touched: %q, %v", content, err)
	}
}

func TestAHalfMadeFileIsMadeAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "half.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil { // as left by a process killed before the record was written
		t.Fatal(err)
	}
	start(t, Options{File: file})
}

func TestFatalMessagesDoNotEndTheProcess(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a fatal message of the server was not raised")
		}
	}()
	newLogger(nil, zap.NewAtomicLevelAt(zap.ErrorLevel)).Fatal("no way on")
}
