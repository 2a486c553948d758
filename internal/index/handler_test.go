package index_test

import (
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/index"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var runtime = index.Runtime{ABI: "2026_5", Platform: "emscripten_6_0_5", Python: "3.15.0rc1"}

func ask(t *testing.T, h http.Handler, method, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPages(t *testing.T) {
	h := index.NewHandler(farm(t), index.Options{BaseURL: "https://wheels.example.org/2026_5/", Runtime: runtime})
	for file, c := range map[string]struct{ path, accept, contentType string }{
		"list.html":          {"/simple/", "", "text/html; charset=utf-8"},
		"list.json":          {"/simple/", "application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.v1+json"},
		"project.html":       {"/simple/toolz/", "application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.v1+html; charset=utf-8"},
		"project.json":       {"/simple/toolz/", "application/vnd.pypi.simple.v1+json, */*;q=0.01", "application/vnd.pypi.simple.v1+json"},
		"extension.json":     {"/simple/cy-toolz/?format=json", "text/html", "application/vnd.pypi.simple.v1+json"},
		"extension.html":     {"/simple/cy-toolz/", "text/html", "text/html; charset=utf-8"},
		"lock.json":          {"/pyodide-lock.json", "", "application/json"},
		"lock-relative.json": {"/pyodide-lock.json?relative", "", "application/json"},
	} {
		t.Run(file, func(t *testing.T) {
			r := ask(t, h, "GET", c.path, "Accept", c.accept)
			got := body(t, r)
			if r.StatusCode != 200 || r.Header.Get("Content-Type") != c.contentType || r.Header.Get("Cache-Control") != "no-cache" {
				t.Errorf("%s %v", r.Status, r.Header)
			}
			golden := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestContentNegotiation(t *testing.T) {
	h := index.NewHandler(farm(t), index.Options{})
	const json, html, legacy = "application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.v1+html", "text/html"
	for _, c := range []struct{ who, query, accept, want string }{
		{"nobody in particular", "", "", legacy},
		{"curl", "", "*/*", legacy},
		{"a browser", "", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", legacy},
		{"pip", "", json + ", " + html + "; q=0.1, text/html; q=0.01", json},
		{"uv", "", json + ", " + html + ";q=0.2, text/html;q=0.01", json},
		{"micropip", "", json + ", */*;q=0.01", json},
		{"an alias", "", "application/vnd.pypi.simple.latest+json", json},
		{"HTML of v1", "", html + ", " + json + ";q=0.5", html},
		{"anything but HTML", "", "application/*, text/html;q=0", json},
		{"a specific refusal", "", "*/*, text/html;q=0, " + json + ";q=0", html},
		{"a version to come", "", "application/vnd.pypi.simple.v9+json", ""},
		{"images only", "", "image/png", ""},
		{"nonsense", "", ";;,q=", ""},
		{"the query wins", "?format=json", "text/html", json},
		{"the query, in full", "?format=application/vnd.pypi.simple.v1%2Bjson", "text/html", json},
		{"the query, + not escaped", "?format=application/vnd.pypi.simple.v1+html", "", html},
		{"the query, unknown", "?format=xml", json, ""},
	} {
		r := ask(t, h, "GET", "/simple/toolz/"+c.query, "Accept", c.accept)
		got, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if c.want == "" && r.StatusCode != http.StatusNotAcceptable || c.want != "" && (r.StatusCode != 200 || got != c.want) {
			t.Errorf("%s: got %s, %s; want %q", c.who, r.Status, got, c.want)
		}
		if r.Header.Get("Vary") != "Accept" {
			t.Errorf("%s: a cache could give one client another's form", c.who)
		}
	}
}

func TestRedirects(t *testing.T) {
	h := index.NewHandler(farm(t), index.Options{Prefix: "/2026_5"})
	for from, to := range map[string]string{
		"/2026_5/simple":                       "http://example.com/2026_5/simple/",
		"/2026_5/simple/toolz":                 "http://example.com/2026_5/simple/toolz/",
		"/2026_5/simple/Cy.Toolz/?format=json": "http://example.com/2026_5/simple/cy-toolz/?format=json",
	} {
		r := ask(t, h, "GET", from)
		if r.StatusCode != http.StatusMovedPermanently || r.Header.Get("Location") != to {
			t.Errorf("%s: %s to %s", from, r.Status, r.Header.Get("Location"))
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	m := farm(t)
	unpublished := m.Publish(t, wheeltest.Spec{Name: "secret", Version: "1"}, nil)
	m.Files = m.Files[:len(m.Files)-1]
	h := index.NewHandler(m, index.Options{})
	sum := strings.TrimPrefix(string(unpublished.Digest), "sha256:")
	plain := strings.TrimPrefix(string(m.Files[3].Digest), "sha256:")
	for _, path := range []string{
		"/", "/simple/unknown/", "/simple/-bad-/", "/simple/toolz/more", "/files/", "/files/" + sum + "/" + unpublished.Filename,
		"/files/" + sum + "/toolz-1.1.0-py3-none-any.whl",             // another file's name
		"/files/" + plain + "/toolz-2.0rc1-py3-none-any.whl.metadata", // not served apart
		"/files/" + strings.Repeat("0", 64) + "/toolz-1.1.0-py3-none-any.whl", "/files/..%2f..%2fetc/passwd", "/files/x/y",
	} {
		r := ask(t, h, "GET", path)
		if r.StatusCode != 404 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %v", path, r.Status, r.Header)
		}
		if r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: a browser sees a CORS error instead of 404", path)
		}
	}
}

func TestFiles(t *testing.T) {
	m := farm(t)
	h := index.NewHandler(m, index.Options{})
	f := m.Files[0]
	sum := strings.TrimPrefix(string(f.Digest), "sha256:")
	path := "/files/" + sum + "/" + f.Filename

	whole := ask(t, h, "GET", path)
	text := body(t, whole)
	if text != string(m.Blob(f.Digest)) {
		t.Error("other bytes")
	}
	for key, want := range map[string]string{
		"Cache-Control": "public, max-age=31536000, immutable", "ETag": `"` + sum + `"`,
		"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes",
	} {
		if got := whole.Header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if r := ask(t, h, "GET", path+".metadata"); body(t, r) != string(m.Blob(f.Metadata)) {
		t.Error("METADATA has other bytes")
	}
	head := ask(t, h, "HEAD", path)
	if head.StatusCode != 200 || head.ContentLength != f.Size || body(t, head) != "" {
		t.Errorf("HEAD: %s, %d bytes", head.Status, head.ContentLength)
	}
	part := ask(t, h, "GET", path, "Range", "bytes=2-5")
	if part.StatusCode != http.StatusPartialContent || body(t, part) != text[2:6] {
		t.Errorf("range: %s", part.Status)
	}
	if r := ask(t, h, "GET", path, "If-None-Match", `"`+sum+`"`); r.StatusCode != http.StatusNotModified {
		t.Errorf("known already: %s", r.Status)
	}
}

func TestPagesAreRevalidated(t *testing.T) {
	m := farm(t)
	h := index.NewHandler(m, index.Options{})
	for _, path := range []string{"/simple/", "/simple/toolz/", "/pyodide-lock.json"} {
		etag := ask(t, h, "GET", path).Header.Get("ETag")
		if r := ask(t, h, "GET", path, "If-None-Match", etag); r.StatusCode != http.StatusNotModified || etag == "" {
			t.Errorf("%s unchanged: %s", path, r.Status)
		}
	}
	etag := ask(t, h, "GET", "/simple/toolz/").Header.Get("ETag")
	m.Publish(t, wheeltest.Spec{Name: "toolz", Version: "3"}, nil)
	if r := ask(t, h, "GET", "/simple/toolz/", "If-None-Match", etag); r.StatusCode != 200 {
		t.Errorf("after a publication: %s", r.Status)
	}
}

func TestAnyOriginMayRead(t *testing.T) {
	h := index.NewHandler(farm(t), index.Options{})
	r := ask(t, h, "OPTIONS", "/simple/toolz/", "Origin", "https://pyscript.example", "Access-Control-Request-Method", "GET")
	if r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Origin") != "*" ||
		r.Header.Get("Access-Control-Allow-Methods") != "GET, HEAD, OPTIONS" {
		t.Errorf("preflight: %s %v", r.Status, r.Header)
	}
	if r := ask(t, h, "POST", "/simple/"); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") == "" {
		t.Errorf("POST: %s", r.Status)
	}
}

func TestAddressesAreThoseOfTheClient(t *testing.T) {
	for name, c := range map[string]struct {
		options index.Options
		header  []string
		want    string
	}{
		"as asked":         {index.Options{}, nil, "http://example.com/simple/beta/"},
		"mounted":          {index.Options{Prefix: "/x"}, nil, "http://example.com/x/simple/beta/"},
		"configured":       {index.Options{BaseURL: "https://w.example.org"}, []string{"X-Forwarded-Host", "evil"}, "https://w.example.org/simple/beta/"},
		"behind a proxy":   {index.Options{}, []string{"X-Forwarded-Proto", "https, http", "X-Forwarded-Host", "w.example.org:8443", "X-Forwarded-Prefix", "/wheels/"}, "https://w.example.org:8443/wheels/simple/beta/"},
		"behind a bad one": {index.Options{}, []string{"X-Forwarded-Proto", "javascript", "X-Forwarded-Host", `"><script>`, "X-Forwarded-Prefix", "//evil"}, "http://example.com/simple/beta/"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, index.NewHandler(farm(t), c.options), "GET", c.options.Prefix+"/simple/", c.header...)
			if text := body(t, r); !strings.Contains(text, `<a href="`+c.want+`">beta</a>`) {
				t.Errorf("want %s in\n%s", c.want, text)
			}
		})
	}
}

func TestACatalogThatFails(t *testing.T) {
	cause := fault.Errorf(fault.Unavailable, "reading the database: %w", errors.New("disk on fire"))
	var told error
	m := farm(t)
	h := index.NewHandler(m, index.Options{OnError: func(_ *http.Request, err error) { told = err }})

	m.Lose()
	digest := strings.TrimPrefix(string(m.Files[0].Digest), "sha256:")
	if r := ask(t, h, "GET", "/files/"+digest+"/"+m.Files[0].Filename); r.StatusCode != 503 {
		t.Errorf("a published file that is lost is not 404: %s", r.Status)
	}
	m.Broken = cause
	for _, path := range []string{"/simple/", "/simple/toolz/", "/pyodide-lock.json"} {
		told = nil
		r := ask(t, h, "GET", path)
		if text := body(t, r); r.StatusCode != 503 || strings.Contains(text, "fire") || !errors.Is(told, cause) {
			t.Errorf("%s: %s, %q, %v", path, r.Status, text, told)
		}
	}
}
