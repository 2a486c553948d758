//go:build engine

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

const toolchainName = "pyemscripten_2026_5"

// cleaner takes what is to be done in the end: a test, or the run of all tests.
type cleaner interface{ Cleanup(func()) }

// exit is the cleaner of what the tests share.
type exit struct{ todo []func() }

func (e *exit) Cleanup(f func()) { e.todo = append(e.todo, f) }

var atExit exit

func TestMain(m *testing.M) {
	status := m.Run()
	for i := len(atExit.todo) - 1; i >= 0; i-- {
		atExit.todo[i]()
	}
	os.Exit(status)
}

// registry is the address of the one that has the toolchain's images. Without it the test is skipped.
func registry(t testing.TB) string {
	t.Helper()
	address := os.Getenv("WASMILL_TEST_REGISTRY")
	if address == "" {
		t.Skip("WASMILL_TEST_REGISTRY does not name a registry with the toolchain's images; `make test` sets it")
	}
	return address
}

// program is the path of one of the programs that are tested.
func program(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("WASMILL_BIN")
	if dir == "" {
		dir = "../../bin"
	}
	path, err := filepath.Abs(filepath.Join(dir, name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Skipf("%v: `make build` makes it, and WASMILL_BIN names its folder", err)
	}
	return path
}

// cacheDir holds what is fetched and what is made of it. It outlives a run of the tests; `make test` on a machine that
// has none makes it.
func cacheDir() string { return filepath.Join(os.TempDir(), "wasmill-e2e-test") }

// dataFolder is a fresh data folder, which shares downloads and environments with all others.
func dataFolder(t testing.TB, c cleaner) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wasmill-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	c.Cleanup(func() { os.RemoveAll(dir) })
	warm(t, dir)
	return dir
}

// warm lets a data folder share downloads and environments.
func warm(t testing.TB, dir string) {
	t.Helper()
	for _, sub := range []string{"downloads", "environments"} {
		shared := filepath.Join(cacheDir(), sub)
		if err := os.MkdirAll(shared, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(shared, filepath.Join(dir, sub)); err != nil {
			t.Fatal(err)
		}
	}
}

// shared is what most tests use: an orchestrator and a worker with two slots, three of them on the scaled form.
var shared struct {
	farm   *farm
	worker *worker
}

func sharedFarm(t testing.TB) (*farm, *worker) {
	t.Helper()
	address := registry(t)
	if shared.worker == nil {
		shared.farm = newFarm(t, &atExit, address)
		shared.worker = shared.farm.join(t, &atExit)
		if scaled() {
			shared.farm.join(t, &atExit)
			shared.farm.join(t, &atExit)
		}
	}
	return shared.farm, shared.worker
}
