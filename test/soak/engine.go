package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// dockerd is a container engine of the soak's own: other sockets, other folders, no network. The machine's engine, where there
// is one, is left alone.
type dockerd struct {
	*process
	dir    string
	client *client.Client
}

func newDockerd(dir, log string) (*dockerd, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	d := &dockerd{dir: dir}
	args := []string{
		"--host", d.host(), "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--bridge", "none", "--iptables=false", "--ip6tables=false",
	}
	// The containerd that a killed engine has left may not answer the next one, which then gives up.
	d.process = &process{name: "dockerd", path: "dockerd", args: args, log: log, restarts: 3, clean: d.endContainerd}
	var err error
	if d.client, err = client.NewClientWithOpts(client.WithHost(d.host()), client.WithAPIVersionNegotiation()); err != nil {
		return nil, fmt.Errorf("speaking to an engine: %w", err)
	}
	d.ready = func(ctx context.Context) error {
		_, err := d.client.Ping(ctx)
		return err
	}
	return d, nil
}

func (d *dockerd) host() string { return "unix://" + filepath.Join(d.dir, "socket") }

// containers are all that there are, running or not: nobody else uses this engine.
func (d *dockerd) containers(ctx context.Context) ([]container.Summary, error) {
	return d.client.ContainerList(ctx, container.ListOptions{All: true})
}

// stop ends the engine with all that a killed one has left: containerd and the shims of containers, which outlive it, and mounts.
func (d *dockerd) stop() error {
	errs := []error{d.process.stop()}
	d.endContainerd()
	errs = append(errs, d.endShims())
	for _, mount := range mountsBelow(d.dir) {
		if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			errs = append(errs, fmt.Errorf("unmounting %s: %w", mount, err))
		}
	}
	return errors.Join(errs...)
}

func (d *dockerd) endContainerd() {
	text, err := os.ReadFile(filepath.Join(d.dir, "exec", "containerd", "containerd.pid"))
	pid, bad := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || bad != nil || !strings.Contains(commandOf(pid), d.dir) {
		return
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
		time.Sleep(time.Second)
	}
}

// endShims ends what else has the engine's folder on its command line, and is nobody's but the engine's.
func (d *dockerd) endShims() error {
	entries, err := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, bad := strconv.Atoi(entry.Name())
		if bad != nil || pid == os.Getpid() || !strings.Contains(commandOf(pid), d.dir+"/") {
			continue
		}
		if bad := syscall.Kill(pid, syscall.SIGKILL); bad != nil && !errors.Is(bad, syscall.ESRCH) {
			err = errors.Join(err, bad)
		}
	}
	return err
}

func commandOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(text)
}

// mountsBelow are the mounts in a folder, the inner ones first.
func mountsBelow(dir string) (list []string) {
	text, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			list = append([]string{fields[1]}, list...)
		}
	}
	return list
}
