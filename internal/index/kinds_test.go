package index_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/index"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// A wheel, the tests that were split off it, and a library: installers see the wheel only, Pyodide's loader the tests as
// a package of their own, and builds elsewhere the library.
func TestWhatIsNoWheelHasItsOwnPlace(t *testing.T) {
	m := &memory{}
	m.publish(t, wheeltest.Spec{Name: "Story", Version: "1.0", Files: map[string]string{"story.py": ""}}, nil)
	tests, library := m.put([]byte("tests")), m.put([]byte("library"))
	m.files = append(m.files,
		index.File{Kind: record.KindTests, Project: "Story", Version: "1.0", Filename: "story-1.0-tests.tar.gz", Digest: tests, Size: 5},
		index.File{Kind: record.KindLibrary, Project: "libzoo", Version: "2", Filename: "libzoo-2-pyemscripten.tar.gz", Digest: library, Size: 7},
	)
	running := httptest.NewServer(index.NewHandler(m, index.Options{}))
	defer running.Close()
	server := running.URL
	fetch := func(path string) string {
		t.Helper()
		res, err := http.Get(server + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, res.Status, err)
		}
		return string(body)
	}
	if list := fetch("/simple/?format=json"); strings.Contains(list, "libzoo") || strings.Contains(list, "tests") {
		t.Errorf("installers see %s", list)
	}
	if page := fetch("/simple/story/?format=json"); strings.Contains(page, "tests") {
		t.Errorf("installers see %s", page)
	}
	var lock struct {
		Packages map[string]struct {
			Depends []string `json:"depends"`
			File    string   `json:"file_name"`
			Split   bool     `json:"unvendored_tests"`
		}
	}
	if err := json.Unmarshal([]byte(fetch("/pyodide-lock.json")), &lock); err != nil {
		t.Fatal(err)
	}
	if p := lock.Packages["story-tests"]; len(lock.Packages) != 2 || !lock.Packages["story"].Split || len(p.Depends) != 1 || p.Depends[0] != "story" {
		t.Errorf("the lock says %+v", lock.Packages)
	}
	if got := fetch(strings.TrimPrefix(lock.Packages["story-tests"].File, server)); got != "tests" {
		t.Errorf("the tests are %q", got)
	}
	var libraries []struct{ Name, Version, Filename, URL, SHA256 string }
	if err := json.Unmarshal([]byte(fetch("/libraries/?format=json")), &libraries); err != nil {
		t.Fatal(err)
	}
	if len(libraries) != 1 || libraries[0].Name != "libzoo" || "sha256:"+libraries[0].SHA256 != string(library) {
		t.Fatalf("libraries: %+v", libraries)
	}
	if got := fetch(strings.TrimPrefix(libraries[0].URL, server)); got != "library" {
		t.Errorf("the library is %q", got)
	}
	want := `<a href="` + libraries[0].URL + `#sha256=` + libraries[0].SHA256 + `">libzoo-2-pyemscripten.tar.gz</a> libzoo 2<br>`
	if page := fetch("/libraries/"); !strings.Contains(page, want) {
		t.Errorf("a browser sees (-want +got):\n%s", cmp.Diff(want, page))
	}
}
