package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/wasmill/wasmill/internal/fault"
)

// setupTimeout bounds requests that must not be cut short by the caller's context: a create whose answer is thrown
// away leaves a container that nobody knows.
const setupTimeout = time.Minute

// cleanupTimeout bounds killing and removing once the caller's context has ended.
const cleanupTimeout = 30 * time.Second

// Docker is the Engine on a Docker daemon, version 20.10 or newer.
//
// Limits hold under cgroup v1 and v2 alike. Result.OOMKilled is what the daemon reports: on both, it is set when any
// process of the container was killed for memory, not only the first one. Tmpfs counts as memory. Without swap
// accounting in the kernel (cgroup v1 without swapaccount=1), Spec.Memory limits memory only, and swap comes on top.
//
// Output goes through the attach stream and is never logged by the daemon: a build that prints a gigabyte must not
// fill the daemon's disk. Once the container has ended, the daemon keeps unread output for two seconds only, so the
// writer given to Run must not block longer than that.
type Docker struct {
	client   *client.Client
	keychain authn.Keychain
}

// DockerOption changes how a Docker is used.
type DockerOption func(*Docker)

// WithKeychain has the daemon pull with these credentials.
func WithKeychain(k authn.Keychain) DockerOption { return func(d *Docker) { d.keychain = k } }

var _ Engine = (*Docker)(nil)

// NewDocker prepares a client for the daemon that DOCKER_HOST (and DOCKER_CERT_PATH, DOCKER_TLS_VERIFY) names, by
// default the local socket. It does not connect: Ping does. Its only error is fault.Invalid, for an unusable DOCKER_HOST.
func NewDocker(options ...DockerOption) (*Docker, error) {
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "configuring the Docker client from the environment: %w", err)
	}
	d := &Docker{client: c, keychain: authn.DefaultKeychain}
	for _, o := range options {
		o(d)
	}
	return d, nil
}

// Ping implements Engine.
func (d *Docker) Ping(ctx context.Context) error {
	if _, err := d.client.Ping(ctx); err != nil {
		return d.explain(ctx, "asking the Docker engine whether it is there", err)
	}
	return nil
}

// Close implements Engine.
func (d *Docker) Close() error { return d.client.Close() }

// Run implements Engine.
func (d *Docker) Run(ctx context.Context, spec Spec, out io.Writer) (Result, error) {
	return d.run(ctx, spec, isolated, out)
}

// RunOnHost is Run with the machine's own network, for clients that install from an index on this machine. It is no
// method of Engine, so that nothing which builds or tests a package can reach it.
func (d *Docker) RunOnHost(ctx context.Context, spec Spec, out io.Writer) (Result, error) {
	return d.run(ctx, spec, onHost, out)
}

func (d *Docker) run(ctx context.Context, spec Spec, n network, out io.Writer) (Result, error) {
	if err := spec.validate(); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	setup, cancel := context.WithTimeout(context.WithoutCancel(ctx), setupTimeout)
	defer cancel()
	config, host := translate(spec, n)
	created, err := d.client.ContainerCreate(setup, config, host, nil, nil, "wasmill-"+rand.Text())
	if err != nil {
		return Result{}, d.explain(ctx, "creating a container from "+spec.Image, err)
	}
	defer func() {
		// A failed removal doesn't spoil a good result: what stays behind carries the labels, and Reap finds it.
		// Where the run failed as well, the daemon's trouble is already in err.
		_ = d.remove(context.WithoutCancel(ctx), created.ID)
	}()

	// Attach and wait come before start, so that neither the output nor the end of a container that exits at once
	// can be missed.
	stream, err := d.client.ContainerAttach(setup, created.ID, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return Result{}, d.explain(ctx, "attaching to a container", err)
	}
	defer stream.Close()
	waiting, stopWaiting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWaiting()
	exited, lost := d.client.ContainerWait(waiting, created.ID, container.WaitConditionNextExit)
	if err := d.client.ContainerStart(setup, created.ID, container.StartOptions{}); err != nil {
		return Result{}, d.explain(ctx, fmt.Sprintf("starting %q", spec.Command), err)
	}
	r := run{docker: d, id: created.ID, exited: exited, lost: lost, copied: copyOutput(stream, out)}
	if spec.Time > 0 {
		timer := time.NewTimer(spec.Time)
		defer timer.Stop()
		r.timeout = timer.C
	}
	if err := r.follow(ctx); err != nil {
		return Result{}, err
	}
	return r.result(ctx)
}

// run is a started container.
type run struct {
	docker   *Docker
	id       string
	exited   <-chan container.WaitResponse
	lost     <-chan error // the daemon went away
	copied   <-chan error // one value, when all output has been copied or can't be
	timeout  <-chan time.Time
	timedOut bool
}

// follow returns when the container has ended and its output is copied. An error means that one of the two will not
// happen; the container may then still run.
func (r *run) follow(ctx context.Context) error {
	for r.exited != nil || r.copied != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-r.lost:
			return r.docker.explain(ctx, "waiting for a container", err)
		case err := <-r.copied:
			if e := (*writeError)(nil); errors.As(err, &e) {
				return e.err
			}
			if err != nil {
				return r.docker.explain(ctx, "reading a container's output", err)
			}
			r.copied = nil
		case w := <-r.exited:
			if w.Error != nil {
				return r.docker.explain(ctx, "waiting for a container", errors.New(w.Error.Message))
			}
			r.exited, r.timeout = nil, nil
		case <-r.timeout:
			r.timeout, r.timedOut = nil, true
			if err := r.docker.client.ContainerKill(ctx, r.id, "KILL"); err != nil && !gone(err) {
				return r.docker.explain(ctx, "killing a container whose time is up", err)
			}
		}
	}
	return nil
}

func (r *run) result(ctx context.Context) (Result, error) {
	info, err := r.docker.client.ContainerInspect(ctx, r.id)
	if gone(err) || err == nil && (info.State.Status == container.StateRemoving || info.State.Dead) {
		return Result{}, errReaped
	}
	if err != nil {
		return Result{}, r.docker.explain(ctx, "inspecting a container", err)
	}
	if info.State.ExitCode == stoppedStatus && !r.timedOut {
		return Result{}, errStopped
	}
	result := Result{ExitStatus: info.State.ExitCode, OOMKilled: info.State.OOMKilled, TimedOut: r.timedOut}
	if result.ExitStatus == killedStatus && !result.OOMKilled && !r.timedOut {
		result.OOMKilled = r.lateOOM(ctx, info.Created)
	}
	started, err1 := time.Parse(time.RFC3339Nano, info.State.StartedAt)
	finished, err2 := time.Parse(time.RFC3339Nano, info.State.FinishedAt)
	if err := errors.Join(err1, err2); err != nil {
		return Result{}, fmt.Errorf("reading when a container ran: %w", err)
	}
	// The daemon notes the start a little late: what ends at once has ended before.
	result.Wall = max(0, finished.Sub(started))
	return result, nil
}

const killedStatus = 128 + 9

// lateOOM looks for word of a kill for memory that came after word of the container's end: the two reach the daemon
// on different ways. It is asked only about a command that ended by SIGKILL, and so may take its time.
func (r *run) lateOOM(ctx context.Context, created string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	found, end := r.docker.client.Events(ctx, events.ListOptions{
		Since:   created, // a container that is killed at once is dead before the daemon notes its start
		Filters: filters.NewArgs(filters.Arg("container", r.id), filters.Arg("event", string(events.ActionOOM))),
	})
	select {
	case <-found:
		return true
	case <-end: //nolint:errcheck // the end of waiting, whatever its reason
		return false
	}
}

// errReaped is what Run returns when somebody else has removed its container.
var errReaped = fault.Errorf(fault.Unavailable, "waiting for a container: somebody removed it while it ran")

// errStopped is what Run returns when the daemon has stopped the container: at its own shutdown, or by `docker stop`.
var errStopped = fault.Errorf(fault.Unavailable, "waiting for a container: the Docker engine stopped it (is the engine shutting down?)")

// Reap implements Engine. Without labels it would remove every container of the machine, so it refuses.
func (d *Docker) Reap(ctx context.Context, labels map[string]string) (int, error) {
	if len(labels) == 0 {
		return 0, fault.Errorf(fault.Invalid, "removing containers: no labels given")
	}
	args := filters.NewArgs()
	for k, v := range labels {
		args.Add("label", k+"="+v)
	}
	found, err := d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: args})
	if err != nil {
		return 0, d.explain(ctx, "listing containers", err)
	}
	errs := make([]error, len(found))
	var wg sync.WaitGroup
	for i, c := range found {
		wg.Go(func() { errs[i] = d.remove(ctx, c.ID) })
	}
	wg.Wait()
	removed := len(slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err != nil }))
	return removed, errors.Join(errs...)
}

// remove kills and removes a container. One that is gone already is no error.
func (d *Docker) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, cleanupTimeout)
	defer cancel()
	err := d.client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !gone(err) {
		return d.explain(ctx, "removing a container", err)
	}
	return nil
}

// gone says that a container has ended, is removed, or is being removed by somebody else.
func gone(err error) bool { return errdefs.IsNotFound(err) || errdefs.IsConflict(err) }
