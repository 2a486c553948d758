package enginetest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
)

// TestIsolation proves, from inside, what a container may not do.
func TestIsolation(t *testing.T, s Setup) {
	if err := s.Engine.Pull(t.Context(), s.Image); err != nil {
		t.Fatal(err)
	}
	t.Run("no network", s.noNetwork)
	t.Run("files", s.files)
	t.Run("privileges", s.privileges)
	t.Run("processes", s.processes)
}

// A listener on the machine is as near as a network can be.
func (s Setup) noNetwork(t *testing.T) {
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	for _, host := range []string{"127.0.0.1", "172.17.0.1", "192.0.2.1"} {
		got, out := s.run(t, s.Spec("dial", fmt.Sprintf("%s:%d", host, port)))
		if got.ExitStatus != 1 || !strings.Contains(out, "dial tcp") {
			t.Errorf("dialing %s: %+v, %q", host, got, out)
		}
	}
}

func (s Setup) files(t *testing.T) {
	read, write := t.TempDir(), t.TempDir()
	for _, dir := range []string{read, write} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	spec := s.Spec()
	spec.Mounts = []engine.Mount{{Source: read, Target: "/read"}, {Source: write, Target: "/write", Writable: true}}
	spec.Tmpfs = map[string]int64{"/tmp": 1 << 20}
	for path, want := range map[string]int{"/file": 1, "/etc/file": 1, "/read/file": 1, "/write/file": 0, "/tmp/file": 0} {
		spec.Command = []string{"/helper", "write", path}
		if got, out := s.run(t, spec); got.ExitStatus != want {
			t.Errorf("writing %s: %+v, %q", path, got, out)
		}
	}
	if data, err := os.ReadFile(filepath.Join(write, "file")); err != nil || string(data) != "written" {
		t.Errorf("on the machine: %q, %v", data, err)
	}
	spec.Mounts[0].Source = filepath.Join(read, "missing")
	if _, err := s.Engine.Run(t.Context(), spec, new(strings.Builder)); err == nil {
		t.Error("a mount of a folder that does not exist was accepted")
	}
}

func (s Setup) privileges(t *testing.T) {
	got, out := s.run(t, s.Spec("status"))
	want := "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n"
	if diff := cmp.Diff(want, out); got.ExitStatus != 0 || diff != "" {
		t.Errorf("%+v\n%s", got, diff)
	}
}

func (s Setup) processes(t *testing.T) {
	got, out := s.run(t, s.Spec("threads", "64"))
	if got.ExitStatus == 0 {
		t.Errorf("64 processes under a limit of 32: %+v, %q", got, out)
	}
	// Those who have died don't count.
	got, out = s.run(t, s.Spec("orphans", "64"))
	if got.ExitStatus != 0 {
		t.Errorf("64 processes one after the other under a limit of 32: %+v, %q", got, out)
	}
}
