//go:build engine

package e2e

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/docker/docker/client"

	"github.com/wasmill/wasmill/internal/api"
)

// daemon is a dockerd of a test's own, which it may kill.
type daemon struct {
	dir, host string
	*process
}

func startDaemon(t testing.TB) *daemon {
	t.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil || os.Getuid() != 0 {
		t.Skip("needs root and a dockerd of its own")
	}
	// Not t.TempDir: a socket's path has at most 108 bytes.
	dir, err := os.MkdirTemp("", "wasmill-dockerd")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{dir: dir, host: "unix://" + dir + "/docker.sock"}
	if err := os.WriteFile(dir+"/none.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.end(syscall.SIGTERM)
		killUsing(dir)
		os.RemoveAll(dir)
	})
	d.start(t)
	return d
}

func (d *daemon) start(t testing.TB) {
	t.Helper()
	// Its containerd dies with a killed dockerd, but where nobody reaps orphans the next one takes it for alive.
	_ = os.Remove(d.dir + "/exec/containerd/containerd.pid")
	d.process = start(t, nil, "dockerd", "--host", d.host, "--data-root", d.dir+"/data", "--exec-root", d.dir+"/exec", "--pidfile", d.dir+"/pid",
		"--bridge", "none", "--iptables=false", "--ip6tables=false", "--config-file", d.dir+"/none.json", "--shutdown-timeout", "1")
	c := d.client(t)
	eventually(t, "dockerd answers", func() bool {
		_, err := c.Ping(t.Context())
		return err == nil
	})
}

func (d *daemon) client(t testing.TB) *client.Client {
	t.Helper()
	c, err := client.NewClientWithOpts(client.WithHost(d.host), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// killUsing kills the processes whose command line names dir, which a killed dockerd leaves, and unmounts what they
// had mounted.
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
	for line := range bytes.Lines(mounts) {
		if fields := bytes.Fields(line); len(fields) > 1 && bytes.HasPrefix(fields[1], []byte(dir)) {
			_ = syscall.Unmount(string(fields[1]), syscall.MNT_DETACH)
		}
	}
}

// An engine that dies in the middle of a build is no failure of the recipe: when it is back, the next attempt is made.
func TestDockerDies(t *testing.T) {
	t.Parallel()
	f := newFarm(t, t, registry(t))
	d := startDaemon(t)
	c := d.client(t)
	w := f.join(t, t, "DOCKER_HOST="+d.host)
	id := f.begin(t, gated(t), "*")
	waiting(t, c, w.dir, 1)
	d.end(syscall.SIGKILL)
	if got := f.projects(t); len(got) > 0 {
		t.Errorf("on the index: %v", got)
	}
	d.start(t)
	openAll(t, w.dir)
	run := f.ends(t, id)
	passed(t, run)
	if b := f.record(t, action(t, run, "slow")); b.Attempt < 2 {
		t.Errorf("attempt %d", b.Attempt)
	}
	eventually(t, "no container is left", func() bool { return len(containers(t, c, w.dir)) == 0 })
}

// A disk that is full is no failure of a recipe either: the worker takes itself out and says why, and once there is room, it
// comes back and the same run passes.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	f, dir := newFarm(t, t, registry(t)), t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	warm(t, dir)
	w := f.joinAt(t, t, dir)
	s := newRecipes(t)
	s.extension(t, "large", "build:\n  script: head -c 64M /dev/zero > /work/large; rm /work/large\n")
	id := f.begin(t, s, "large")
	eventually(t, "the worker takes itself out", func() bool {
		workers, err := f.Workers(t.Context())
		if err != nil || len(workers) != 1 || workers[0].State != api.Out {
			return false
		}
		if why := workers[0].Reason; !strings.Contains(why, "is full") {
			t.Errorf("it says: %s", why)
		}
		return true
	})
	if got := f.projects(t); len(got) > 0 {
		t.Errorf("on the index: %v", got)
	}
	noContainers(t, w.dir)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=2g"); err != nil {
		t.Fatal(err)
	}
	passed(t, f.ends(t, id)) // when there is room, the worker comes back by itself
}

// door is an address behind which a registry is, as long as the door is open.
type door struct {
	address string
	to      string
	mu      sync.Mutex
	l       net.Listener
	conns   []net.Conn
}

func newDoor(t testing.TB, to string) *door {
	d := &door{to: to, address: freeAddress(t)}
	d.open(t)
	t.Cleanup(d.close)
	return d
}

func (d *door) open(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	d.l = l
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", d.to)
			if err != nil {
				in.Close()
				continue
			}
			d.mu.Lock()
			d.conns = append(d.conns, in, out)
			d.mu.Unlock()
			pipe := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				to.Close()
				from.Close()
			}
			go pipe(in, out)
			go pipe(out, in)
		}
	}()
}

func (d *door) close() {
	d.l.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.Close()
	}
	d.conns = nil
}

// While the registry is away nothing can be asked for, and what is under way waits for it.
func TestRegistryIsAway(t *testing.T) {
	t.Parallel()
	d := newDoor(t, registry(t))
	f, c := newFarm(t, t, d.address), docker(t)
	forget(t, c, d.address)
	w := f.join(t, t)
	s := gated(t)
	id := f.begin(t, s, "*")
	at := waiting(t, c, w.dir, 1)
	d.close()
	for _, command := range []string{"submit", "plan", "build"} {
		f.wasmill(t, command, "--recipes", s.dir, "slow").expect(t, 3, d.address)
	}
	open(t, at...)
	eventually(t, "the build has ended", func() bool { return len(containers(t, c, w.dir)) == 0 })
	openAll(t, w.dir)
	d.open(t)
	passed(t, f.ends(t, id))

	d.close()
	p := start(t, f.env, program(t, "orchestrator"), "--data", dataFolder(t, t), "--listen", freeAddress(t), "--registry", d.address)
	<-p.ended
	result{p.cmd.ProcessState.ExitCode(), "", p.String()}.expect(t, 3, d.address)
}
