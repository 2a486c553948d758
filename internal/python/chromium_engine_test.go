//go:build engine && integration

package python_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The browser's image has what this machine may lack: the tests of Chromium run in it, by this same program. It has no network.
func TestInChromium(t *testing.T) {
	image := os.Getenv("WASMILL_BROWSER_IMAGE")
	if image == "" {
		t.Skip("WASMILL_BROWSER_IMAGE names no image with Chromium")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	packages, cache := filepath.Join(dir, "packages"), filepath.Join(dir, "cache")
	if got := finish(t, command(t, "-m", "pip", "install", "--target", packages, "pytest", "toolz")); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	warm := command(t, "--wasm-info") // fetches the runtime
	warm.Env = append(warm.Env, "WASMILL_PYTHON_CACHE="+cache)
	if got := finish(t, warm); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	if out, err := exec.Command("chmod", "-R", "a+rwX", dir, filepath.Dir(dir)).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	cmd := exec.Command("docker", "run", "--rm", "--network", "none", "--tmpfs", "/tmp:exec", "-v", dir+":/d", "-v", self+":/test:ro",
		"-e", "HOME=/tmp", "-e", "WASMILL_PYTHON_CACHE=/d/cache", "-e", "TEST_PACKAGES=/d/packages", "-e", "WASMILL_TEST_NIGHTLY", "-w", "/tmp",
		image, "/test", "-test.run", "AsNative/chromium|TestChromium", "-test.timeout", "30m", "-test.v")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
