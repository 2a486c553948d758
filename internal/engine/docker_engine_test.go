//go:build engine

package engine_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/engine/enginetest"
	"github.com/wasmill/wasmill/internal/fault"
)

func newDocker(t testing.TB) *engine.Docker {
	t.Helper()
	d, err := engine.NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestDockerKeepsTheContract(t *testing.T) {
	setup := enginetest.Serve(t, newDocker(t))
	enginetest.Test(t, setup)
	enginetest.TestIsolation(t, setup)
}

func TestDockerIsNotThere(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "docker.sock"))
	err := newDocker(t).Ping(t.Context())
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "apt-get install docker.io") {
		t.Errorf("got %v", err)
	}
}

// A build that an engine loses is neither a success nor a failure, whether the engine crashes or is shut down.
func TestDockerGoesAwayMidway(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			daemon := startDaemon(t)
			d := newDocker(t)
			setup := enginetest.Serve(t, d)
			if err := d.Pull(t.Context(), setup.Image); err != nil {
				t.Fatal(err)
			}
			running := false
			_, err := d.Run(t.Context(), setup.Spec("sleep"), writerFunc(func(p []byte) {
				if !running && bytes.Contains(p, []byte("sleeping")) {
					running = true
					daemon.Signal(signal)
				}
			}))
			if !running || fault.KindOf(err) != fault.Unavailable {
				t.Errorf("running: %v, error: %v", running, err)
			}
		})
	}
}

// startDaemon starts a second dockerd that a test may kill, and points DOCKER_HOST at it.
func startDaemon(t *testing.T) *os.Process {
	t.Helper()
	dockerd, err := exec.LookPath("dockerd")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs root and a dockerd of its own")
	}
	// Not t.TempDir: a socket's path has at most 108 bytes.
	dir, err := os.MkdirTemp("", "wasmill-dockerd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	host := "unix://" + dir + "/docker.sock"
	var log bytes.Buffer
	cmd := exec.Command(dockerd, "--host", host, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"--bridge", "none", "--iptables=false", "--ip6tables=false", "--config-file", dir+"/none.json", "--shutdown-timeout", "1")
	if err := os.WriteFile(dir+"/none.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Its containerd and shims are its children, in its group or sessions of their own: they know dir.
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		killUsing(dir)
	})
	t.Setenv("DOCKER_HOST", host)
	d := newDocker(t)
	for deadline := time.Now().Add(30 * time.Second); d.Ping(t.Context()) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("dockerd does not answer:\n%s", log.String())
		}
	}
	return cmd.Process
}

// killUsing kills the processes whose command line names dir, and unmounts what they had mounted.
func killUsing(dir string) {
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, entry := range entries {
		line, err := os.ReadFile(entry)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(entry)))
		if err == nil && pid > 1 && bytes.Contains(line, []byte(dir)) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], dir) {
			_ = syscall.Unmount(fields[1], syscall.MNT_DETACH)
		}
	}
}
