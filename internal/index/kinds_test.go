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
	"github.com/wasmill/wasmill/internal/index/indextest"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// A wheel, the tests that were split off it, and a library: installers see the wheel only, Pyodide's loader the tests as
// a package of their own, and builds elsewhere the library.
func TestWhatIsNoWheelHasItsOwnPlace(t *testing.T) {
	m := &indextest.Catalog{}
	m.Publish(t, wheeltest.Spec{Name: "Story", Version: "1.0", Files: map[string]string{"story.py": ""}}, nil)
	tests, library := m.Put([]byte("tests")), m.Put([]byte("library"))
	m.Files = append(m.Files,
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

// What is linked is on the pages for people, beside the wheels of its name, and never on those that installers read.
func TestWhatIsLinkedIsForPeople(t *testing.T) {
	m := &indextest.Catalog{}
	m.Publish(t, wheeltest.Spec{Name: "Story", Version: "1.0", Files: map[string]string{"story.py": ""}}, nil)
	program := &record.Requires{Loaders: []string{"wasip1"}, Imports: []string{"wasi_snapshot_preview1.fd_write"}}
	m.Files = append(m.Files,
		index.File{Kind: record.KindStatic, Toolchain: "wasip1_cp313", Key: "k1", Project: "Story", Version: "1.0", Filename: "story-1.0-cp313-wasi_wasm32.tar.gz", Digest: m.Put([]byte("package")), Size: 7, Requires: program},
		index.File{Kind: record.KindStatic, Toolchain: "wasip1_cp313", Key: "k2", Project: "only-linked", Version: "2", Filename: "only-linked-2-cp313-wasi_wasm32.tar.gz", Digest: m.Put([]byte("other")), Size: 3 << 19},
		index.File{Kind: record.KindApp, Toolchain: "wasip1_cp313", Key: "k3", Project: "tell", Version: "3", Filename: "tell-3.wasm", Digest: m.Put([]byte("app")), Size: 3, Requires: program},
	)
	h := index.NewHandler(m, index.Options{BaseURL: "https://farm.example.org"})
	for path, c := range map[string]struct{ has, hasNot []string }{
		"/simple/?format=json":   {[]string{`"story"`}, []string{"only-linked", "tell"}},
		"/simple/story/":         {[]string{"story-1.0-py3-none-any.whl"}, []string{"wasi_wasm32", "/packages/"}},
		"/packages/":             {[]string{">only-linked<", ">story<"}, []string{"tell"}},
		"/packages/?format=json": {[]string{`"url":"https://farm.example.org/packages/only-linked/"`}, nil},
		"/packages/only-linked/": {[]string{"only-linked-2-cp313-wasi_wasm32.tar.gz</a>, 1.5 MiB"}, []string{"as WIT"}},
		"/packages/story/story-1.0-cp313-wasi_wasm32.tar.gz": {[]string{"package"}, nil},
		"/packages/story/": {[]string{
			"story-1.0-py3-none-any.whl", "wasmill app story==1.0 --out python.wasm", `<a href="https://farm.example.org/api/v1/builds/k1">`,
			"<h2>1.0 for wasip1_cp313</h2>", `<td>story-1.0-cp313-wasi_wasm32.tar.gz</td><td class="no"`,
		}, []string{"only-linked"}},
		"/apps/":                  {[]string{`<a href="https://farm.example.org/apps/tell/">tell</a>`}, []string{"story"}},
		"/apps/tell/":             {[]string{"wasmill exec tell-3.wasm", "as WIT: <code>wasmill check --wit tell-3.wasm</code>"}, nil},
		"/apps/tell/?format=json": {[]string{`"wazero":"yes"`, `"wasmtime":"yes"`, `"node24-wasi":"yes"`, `"node24":"no"`, `"size_bytes":3`, `"record":"https://farm.example.org/api/v1/builds/k3"`}, nil},
		"/apps/tell/tell-3.wasm":  {[]string{"app"}, nil},
	} {
		r := ask(t, h, "GET", path)
		text := body(t, r)
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, r.Status)
		}
		for _, words := range c.has {
			if !strings.Contains(text, words) {
				t.Errorf("%s has no %s:\n%s", path, words, text)
			}
		}
		for _, words := range c.hasNot {
			if strings.Contains(text, words) {
				t.Errorf("%s has %s:\n%s", path, words, text)
			}
		}
	}
	sent := ask(t, h, "GET", "/apps/tell/tell-3.wasm").Header
	if sent.Get("Content-Type") != "application/wasm" || sent.Get("Cache-Control") != "no-cache" || sent.Get("ETag") == "" {
		t.Errorf("a program comes with %v", sent)
	}
	for _, path := range []string{"/apps/story/", "/packages/tell/", "/packages/none/", "/apps/tell/tell-4.wasm", "/apps/%22%3Cscript%3E/"} {
		if r := ask(t, h, "GET", path); r.StatusCode != http.StatusNotFound && r.StatusCode != http.StatusMovedPermanently {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	if r := ask(t, h, "GET", "/packages/Only.Linked/"); r.Header.Get("Location") != "https://farm.example.org/packages/only-linked/" {
		t.Errorf("another spelling leads to %s", r.Header.Get("Location"))
	}
}
