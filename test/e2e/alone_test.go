//go:build engine

package e2e

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// lone is a data folder without a farm, in whose registry the toolchain's images are already.
var lone string

func loneFolder(t testing.TB) string {
	t.Helper()
	from := registry(t)
	if scaled() {
		t.Skip("a command without a farm has no scaled form")
	}
	if lone != "" {
		return lone
	}
	dir := dataFolder(t, &atExit)
	r, err := store.StartRegistry(context.Background(), filepath.Join(dir, "registry"), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tc, err := toolchain.Load(filepath.Join("../../toolchains", toolchainName))
	if err != nil {
		t.Fatal(err)
	}
	images := []string{"toolchains/" + toolchainName + "@" + tc.Lock.Build, "runtimes/" + toolchainName + "@" + tc.Lock.Runtime}
	if nightly() {
		images = append(images, "toolchains/"+toolchainName+"@"+tc.Lock.Extensions["chromium"])
	}
	for _, image := range images {
		copyImage(t, from+"/"+image, r.Addr()+"/"+image)
	}
	lone = dir
	return dir
}

func copyImage(t testing.TB, from, to string) {
	t.Helper()
	source, err := name.NewDigest(from, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	dest, err := name.NewDigest(to, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(source)
	if err != nil {
		t.Fatalf("%s: %v", from, err)
	}
	if err := remote.Write(dest, image); err != nil {
		t.Fatalf("%s: %v", to, err)
	}
}

// alone runs `wasmill build` without a farm.
func alone(t testing.TB, args ...string) result {
	t.Helper()
	return wasmill(t, []string{"WASMILL_DATA=" + loneFolder(t)}, append([]string{"build"}, args...)...)
}

// What a project's own CI calls: wheels of what was named, in a folder, and nothing the second time.
func TestBuildAlone(t *testing.T) {
	s, out := newRecipes(t), t.TempDir()
	s.extension(t, "base", "")
	s.extension(t, "user", "requirements:\n  run: [base]\n")
	s.extension(t, "other", "")
	alone(t, "--recipes", s.dir, "--out", out, "user").expect(t, 0, "2 passed")
	if got := files(t, out); !slices.Equal(got, []string{"user-1.0-cp315-cp315-pyemscripten_2026_5_wasm32.whl"}) {
		t.Errorf("wheels: %v", got)
	}
	alone(t, "--recipes", s.dir, "--out", t.TempDir(), "user").expect(t, 0, "nothing to build: all 2 are cached")
	noContainers(t, loneFolder(t))
}

func TestBuildAProject(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	write(t, dir, project("my-project", nil))
	r := alone(t, "--json", "--out", out, dir)
	r.expect(t, 0)
	passed(t, read[api.Run](t, r))
	if got := files(t, out); len(got) != 1 || !strings.HasPrefix(got[0], "my_project-1.0-cp315-") {
		t.Errorf("wheels: %v", got)
	}
}

func TestBuildARelease(t *testing.T) {
	out := t.TempDir()
	alone(t, "--out", out, "markupsafe==3.0.3").expect(t, 0, "1 passed")
	if got := files(t, out); len(got) != 1 || !strings.HasPrefix(got[0], "markupsafe-3.0.3-cp315-") {
		t.Errorf("wheels: %v", got)
	}
	alone(t, "--out", out, "markupsafe==0.0.77").expect(t, 2, "0.0.77")
}

func TestBuildAloneFails(t *testing.T) {
	s, out := newRecipes(t), t.TempDir()
	s.source(t, "broken", "", map[string]string{"broken.c": "int f(void) { return undeclared; }\n"})
	s.extension(t, "sound", "")
	alone(t, "--recipes", s.dir, "--out", out, "*").expect(t, 1, "broken.c:1:", "1 passed, 1 failed")
	if got := files(t, out); len(got) != 1 || !strings.HasPrefix(got[0], "sound-1.0-") {
		t.Errorf("wheels: %v", got)
	}
}

// Ctrl-C ends the build's container before the command ends.
func TestInterrupt(t *testing.T) {
	dir, s, c := loneFolder(t), newRecipes(t), docker(t)
	s.extension(t, "slow", "build:\n  script: "+gate+"\n")
	out := filepath.Join(t.TempDir(), "dist")
	p := start(t, []string{"WASMILL_DATA=" + dir}, program(t, "wasmill"), "build", "--recipes", s.dir, "--out", out, "slow")
	waiting(t, c, dir, 1)
	if status := p.end(syscall.SIGINT); status != 130 {
		t.Errorf("exit status %d\n%s", status, p)
	}
	if left := containers(t, c, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(out); err == nil {
		t.Errorf("wheels: %v", files(t, out))
	}
}

// Without an engine, the command says what to do.
func TestNoDocker(t *testing.T) {
	f, _ := sharedFarm(t)
	s := newRecipes(t)
	s.extension(t, "one", "")
	env := []string{"DOCKER_HOST=unix://" + filepath.Join(t.TempDir(), "docker.sock"), "WASMILL_DATA=" + loneFolder(t)}
	words := []string{"no Docker engine answers", "apt-get install docker.io", "DOCKER_HOST"}
	wasmill(t, env, "build", "--recipes", s.dir, "--out", t.TempDir(), "one").expect(t, 3, words...)
	p := start(t, env, program(t, "worker"), "--orchestrator", f.url, "--data", dataFolder(t, t))
	<-p.ended
	result{p.cmd.ProcessState.ExitCode(), "", p.String()}.expect(t, 3, words...)
}

// A worker without an orchestrator says which one it missed.
func TestNoOrchestrator(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p := start(t, nil, program(t, "worker"), "--orchestrator", "http://"+l.Addr().String(), "--data", dataFolder(t, t))
	<-p.ended
	result{p.cmd.ProcessState.ExitCode(), "", p.String()}.expect(t, 3, "no orchestrator answers at http://"+l.Addr().String())
}

func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
