//go:build integration

package workflows

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/relay"
	"github.com/wasmill/wasmill/internal/relay/relaytest"
	"github.com/wasmill/wasmill/internal/temporald"
)

var update = flag.Bool("update", false, "rewrite testdata/histories from the runs of these tests")

// cluster names a Temporal cluster ("host:port") to use instead of embedded servers, and clusterKeys the folder with what it
// wants to be shown, where that is mutual TLS.
const (
	cluster     = "WASMILL_TEST_TEMPORAL"
	clusterKeys = "WASMILL_TEST_KEYS"
	clusterName = "temporal.test" // in its certificate
)

// These tell this test's binary to be a worker at an address, until it is killed.
const (
	workerProcess   = "WASMILL_TEST_WORKER"
	workerNamespace = "WASMILL_TEST_WORKER_NAMESPACE"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(workerProcess); address != "" {
		beWorker(address)
	}
	os.Exit(m.Run())
}

// beWorker says which build it has begun, and never ends one.
func beWorker(address string) {
	c, err := DialRelay(context.Background(), Relay{Address: address}, os.Getenv(workerNamespace), nil)
	if err != nil {
		panic(err)
	}
	begun := func(recipe string) { fmt.Println(recipe) }
	stuck := untilCanceled(begun, begun)
	if _, err := StartWorker(c, &fakeWorker{build: map[string]step{"a": stuck}}, WorkerOptions{Slots: map[Class]int{Small: 1}}); err != nil {
		panic(err)
	}
	select {}
}

// secured is how the cluster is spoken to, nil where there is no TLS.
func secured(t *testing.T) *tls.Config {
	t.Helper()
	keys := os.Getenv(clusterKeys)
	if os.Getenv(cluster) == "" || keys == "" {
		return nil
	}
	roots, shown, err := clusterTLS(keys)
	if err != nil {
		t.Fatal(err)
	}
	return access.ClientTLS(roots, shown, clusterName)
}

// clusterTLS is whom to trust and what to show.
func clusterTLS(keys string) (*x509.CertPool, *access.Certificate, error) {
	roots, err := access.Roots(filepath.Join(keys, "ca.pem"))
	if err != nil {
		return nil, nil, err
	}
	shown, err := access.LoadCertificate(filepath.Join(keys, "farm.pem"), filepath.Join(keys, "farm.key"), nil)
	return roots, shown, err
}

// startWorkerProcess gives a worker in a process of its own, and its output.
func startWorkerProcess(t *testing.T, address, namespace string) (*exec.Cmd, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerProcess+"="+address, workerNamespace+"="+namespace)
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = r.Close() })
	return cmd, r
}

// stage is a server with a farm on it, and a relay for workers.
type stage struct {
	*testing.T
	server *temporald.Server // nil on a cluster
	relay  *relaytest.Server
	client client.Client
	farm   *fakeFarm
	crew   *Crew
	file   string

	address, namespace string
}

func newStage(t *testing.T, farm *fakeFarm) *stage {
	t.Helper()
	s := &stage{T: t, farm: farm, file: filepath.Join(t.TempDir(), "temporal.db")}
	s.begin("")
	t.Cleanup(func() { s.end() })
	return s
}

func (s *stage) begin(address string) {
	s.Helper()
	var err error
	if at := os.Getenv(cluster); at != "" {
		s.join(at)
	} else {
		if s.server, err = temporald.Start(context.Background(), temporald.Options{File: s.file, Address: address}); err != nil {
			s.Fatal(err)
		}
		s.address, s.namespace = s.server.Address(), s.server.Namespace()
	}
	s.client = s.dial()
	if s.crew, err = StartFarm(s.client, s.farm); err != nil {
		s.Fatal(err)
	}
	front := ""
	if s.relay != nil {
		front = s.relay.Address
	}
	s.relay = relaytest.Serve(s, front, s.address, secured(s.T), relay.Config{Guard: relaytest.NewGuard(nil), Key: access.Key("k"), Namespace: s.namespace, Queues: WorkerQueues(), Silence: Silence})
}

// join makes a namespace of its own on a cluster, the first time.
func (s *stage) join(address string) {
	s.Helper()
	if s.namespace != "" {
		return
	}
	s.address, s.namespace = address, "test-"+strings.ToLower(rand.Text())
	c := s.dial()
	defer c.Close()
	if err := EnsureNamespace(s.Context(), c, s.namespace, 24*time.Hour); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) end() {
	s.relay.Kill()
	s.crew.Stop()
	s.client.Close()
	if s.server == nil {
		return
	}
	if err := s.server.Stop(); err != nil {
		s.Error(err)
	}
}

func (s *stage) dial() client.Client {
	s.Helper()
	c, err := Dial(context.Background(), s.address, s.namespace, nil, Secured(secured(s.T)))
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// hire starts a worker with a connection of its own, to the relay.
func (s *stage) hire(w *fakeWorker, slots int) *Crew {
	s.Helper()
	c, err := DialRelay(context.Background(), Relay{Address: s.relay.Address}, s.namespace, nil)
	if err != nil {
		s.Fatal(err)
	}
	crew, err := StartWorker(c, w, WorkerOptions{Slots: map[Class]int{Small: slots}})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { crew.Stop(); c.Close() })
	return crew
}

// impatient notices soon that a worker is gone. A busy machine may miss it for one that is not, so only stories of lost
// workers use it.
var impatient = Tunables{WorkerHeartbeat: 2 * time.Second}

// ask starts a run that tries again soon.
func (s *stage) ask(runID string, lane Lane, t Tunables) {
	s.Helper()
	t.FirstRetry = 50 * time.Millisecond
	in := RunInput{RunID: runID, Request: "sha256:request", Lane: lane, Toolchain: "tc", Tunables: t}
	if err := StartRun(context.Background(), s.client, in); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) await(runID string) RunResult {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	result, err := awaitRun(ctx, s.client, runID)
	if err != nil {
		s.Fatal(err)
	}
	return result
}

// awaitRun waits for the end of a run. A canceled run gives its result, too. The error is fault.NotFound for an unknown
// run, and otherwise why the run could not be carried out. While Temporal is away it goes on waiting, until ctx ends.
func awaitRun(ctx context.Context, c client.Client, runID string) (RunResult, error) {
	for {
		var result RunResult
		err := c.GetWorkflow(ctx, RunWorkflowID(runID), "").Get(ctx, &result)
		var canceled *temporal.CanceledError
		var ended *temporal.WorkflowExecutionError
		switch {
		case err == nil:
			return result, nil
		case errors.As(err, &canceled) && canceled.HasDetails() && canceled.Details(&result) == nil:
			return result, nil
		case errors.As(err, &ended) || ctx.Err() != nil || fault.KindOf(fromTemporal(err)) != fault.Unavailable:
			return result, fromTemporal(err)
		}
		select {
		case <-ctx.Done():
			return result, fromTemporal(ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// begun says whether an attempt of a build's step runs; false with a step means that it waits for a slot.
func (s *stage) begun(build string) (step string, running bool) {
	reply, err := s.client.DescribeWorkflowExecution(context.Background(), build, "")
	if err != nil {
		return "", false
	}
	for _, a := range reply.GetPendingActivities() {
		return a.GetActivityType().GetName(), a.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED
	}
	return "", false
}

// joined waits until a second run has told a build that it wants it, too.
func (s *stage) joined(workflowID string) {
	for !s.signaled(workflowID) {
		time.Sleep(10 * time.Millisecond)
	}
}

// signaled says whether a workflow was told something.
func (s *stage) signaled(workflowID string) bool {
	events := s.client.GetWorkflowHistory(context.Background(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			s.Fatal(err)
		}
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			return true
		}
	}
	return false
}

var (
	identities = regexp.MustCompile(`"identity": *"[^"]*"`)
	times      = regexp.MustCompile(`"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"`)
)

// keep writes the history of a workflow to testdata/histories, when asked to, without the names of this machine and
// day.
func (s *stage) keep(file, workflowID, runID string) {
	s.Helper()
	if !*update {
		return
	}
	var h historypb.History
	events := s.client.GetWorkflowHistory(context.Background(), workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			s.Fatal(err)
		}
		h.Events = append(h.Events, e)
	}
	data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&h)
	if err != nil {
		s.Fatal(err)
	}
	data = identities.ReplaceAll(data, []byte(`"identity": "test"`))
	if host, err := os.Hostname(); err == nil { // in the names of sticky task queues
		data = bytes.ReplaceAll(data, []byte(host), []byte("test"))
	}
	shift := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Sub(h.Events[0].GetEventTime().AsTime())
	data = times.ReplaceAllFunc(data, func(quoted []byte) []byte {
		at, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(quoted))
		if err != nil {
			return quoted
		}
		return at.Add(shift).AppendFormat(nil, `"`+time.RFC3339Nano+`"`)
	})
	if err := os.WriteFile(filepath.Join("testdata", "histories", file+".json"), slices.Concat(data, []byte("\n")), 0o644); err != nil {
		s.Fatal(err)
	}
}
