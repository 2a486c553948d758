//go:build engine

package clients

import (
	"bytes"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/runtimes/runtimestest"
	"github.com/wasmill/wasmill/internal/wheel"
)

// client is Pyodide under node; what it prints is shown when the test fails.
func client(t *testing.T) *runtimes.Client {
	image := runtimestest.Image(t)
	docker, err := engine.NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docker.Close() })
	var log bytes.Buffer
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("node printed:\n%s", &log)
		}
	})
	return &runtimes.Client{Engine: docker, Image: image, Work: t.TempDir(), Log: &log}
}

// page is Pyodide in Chromium.
func page(t *testing.T) *runtimes.Client {
	c := client(t)
	c.Browser = os.Getenv("WASMILL_BROWSER_IMAGE")
	if c.Browser == "" {
		t.Skip("WASMILL_BROWSER_IMAGE does not name an image with Chromium; `make test` sets it")
	}
	tools := &runtimes.Tools{Fetcher: &fetch.Fetcher{Cache: t.TempDir()}, Dir: t.TempDir()}
	c.Pyodide = &runtimes.Pyodide{Engine: c.Engine.(*engine.Docker), Cache: t.TempDir(), Work: t.TempDir(), Tools: tools.Folder}
	return c
}

// What a page may fetch from another origin, and how it reads a lock, differs from node.
func TestAPageInstalls(t *testing.T) {
	c, s := page(t), serve(t)
	got, err := c.Micropip(t.Context(), s.simple(), []string{"wasmill-test-app"}, []string{"wasmill_test_app"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Error != "" || got.Tag != "cp315-cp315-pyemscripten_2026_5_wasm32" || !strings.Contains(got.Client, "Chromium") {
		t.Errorf("%+v", got)
	}
	checkInstalled(t, got, "wasmill-test-app 1.0", "wasmill-test-dep 2.0")
	got, err = c.LoadPackage(t.Context(), s.lock(), []string{"wasmill-test-app"}, []string{"wasmill_test_app"})
	if err != nil || got.Error != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	checkInstalled(t, got, "wasmill-test-app 1.0", "wasmill-test-dep 2.0")
	s.tamper = func(path string, body []byte) []byte {
		if strings.HasSuffix(path, ".whl") {
			body[len(body)-1]++
		}
		return body
	}
	got, err = c.LoadPackage(t.Context(), s.lock(), []string{"wasmill-test-app"}, nil)
	if err != nil || got.Error == "" {
		t.Errorf("the browser took what the lock does not name: %+v, %v", got, err)
	}
	t.Log(got.Error)
}

// Names that no lock and no other index has: what is installed can only have come from here.
func TestMicropip(t *testing.T) {
	c, s := client(t), serve(t)
	got, err := c.Micropip(t.Context(), s.simple(), []string{"wasmill-test-app"}, []string{"wasmill_test_app"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Error != "" || got.Tag != "cp315-cp315-pyemscripten_2026_5_wasm32" {
		t.Errorf("error %q, tag %q", got.Error, got.Tag)
	}
	checkInstalled(t, got, "wasmill-test-app 1.0", "wasmill-test-dep 2.0")
	if !s.asked("/simple/wasmill-test-dep/", "application/vnd.pypi.simple.v1+json") {
		t.Errorf("micropip asked for %q", s.requests())
	}
	if !s.asked(".whl.metadata", "") {
		t.Errorf("micropip did not use the metadata: it asked for %q", s.requests())
	}
}

// The wheel of the platform is taken before the pure one of an older version.
func TestMicropipTakesThePlatform(t *testing.T) {
	c, s := client(t), serve(t)
	got, err := c.Micropip(t.Context(), s.simple(), []string{"wasmill-test-native"}, []string{"wasmill_test_native"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Error != "" {
		t.Errorf("error %q", got.Error)
	}
	checkInstalled(t, got, "wasmill-test-dep 2.0", "wasmill-test-native 1.0")
}

func TestMicropipRefusesAWrongHash(t *testing.T) {
	c, s := client(t), serve(t)
	s.tamper = func(path string, body []byte) []byte {
		if strings.HasSuffix(path, ".whl") {
			body[len(body)-1]++
		}
		return body
	}
	got, err := c.Micropip(t.Context(), s.simple(), []string{"wasmill-test-dep"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.Error, "checksum") {
		t.Errorf("error %q", got.Error)
	}
}

func TestMicropipDoesNotFindWhatIsNotThere(t *testing.T) {
	c, s := client(t), serve(t)
	got, err := c.Micropip(t.Context(), s.simple(), []string{"wasmill-test-nothing"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.Error, "wasmill-test-nothing") {
		t.Errorf("error %q", got.Error)
	}
}

// The same packages by the lock: their dependencies come along, and nothing is loaded that was not asked for.
func TestLoadPackage(t *testing.T) {
	c, s := client(t), serve(t)
	got, err := c.LoadPackage(t.Context(), s.lock(), []string{"wasmill-test-app"}, []string{"wasmill_test_app"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Error != "" {
		t.Errorf("error %q", got.Error)
	}
	checkInstalled(t, got, "wasmill-test-app 1.0", "wasmill-test-dep 2.0")
}

// A page on another origin may read all that is served.
func TestAnyOrigin(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/simple/", "/simple/wasmill-test-dep/", "/pyodide-lock.json"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", "https://example.org")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK || response.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %s, Access-Control-Allow-Origin %q", path, response.Status, response.Header.Get("Access-Control-Allow-Origin"))
		}
	}
}

func checkInstalled(t *testing.T, got *runtimes.Installation, want ...string) {
	t.Helper()
	var names []string
	for _, d := range got.Installed {
		names = append(names, wheel.Normalize(d.Name)+" "+d.Version)
	}
	slices.Sort(names)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}
