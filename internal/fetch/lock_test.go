package fetch

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

var target = Target{Python: "3.15", Glibc: 40, Arch: "x86_64", ExcludeNewer: time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)}

func TestParsePylockTakesTheBestWheel(t *testing.T) {
	data, err := os.ReadFile("testdata/pylock.toml")
	if err != nil {
		t.Fatal(err)
	}
	packages, err := parsePylock(data, target)
	if err != nil {
		t.Fatal(err)
	}
	files := []string{}
	for _, p := range packages {
		files = append(files, p.Name+" "+p.Version+" "+p.File+" "+p.SHA256[:4])
	}
	want := []string{
		"cython 3.3.0 cython-3.3.0-cp315-cp315-manylinux2014_x86_64.manylinux_2_17_x86_64.whl aaaa",
		"patch-ng 1.0 patch_ng-1.0-py3-none-any.whl cccc",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	older := target
	older.Python = "3.9"
	older.Arch = "aarch64"
	_, err = parsePylock([]byte(strings.ReplaceAll(string(data), "py3-none-any", "cp315-cp315-win32")), older)
	if e := (*UnresolvableError)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), "resolving cython==3.3.0: none of its wheels") {
		t.Error(err)
	}
}

func TestLockDigestIsThatOfTheWheels(t *testing.T) {
	a, b := LockedWheel{Name: "a", Version: "1", File: "a-1-py3-none-any.whl", URL: "x", SHA256: sum}, LockedWheel{Name: "b", SHA256: sum}
	lock := &Lock{Requirements: []string{"a"}, Packages: []LockedWheel{a, b}}
	same := &Lock{Requirements: []string{"a", "b"}, ExcludeNewer: target.ExcludeNewer, Packages: []LockedWheel{b, a}}
	same.Packages[1].URL = "a mirror"
	if lock.Digest() != same.Digest() {
		t.Error("the same wheels have two digests")
	}
	other := &Lock{Packages: []LockedWheel{a}}
	if lock.Digest() == other.Digest() {
		t.Error("other wheels have the same digest")
	}
	data, err := json.Marshal(same)
	if err != nil {
		t.Fatal(err)
	}
	var back Lock
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(same, &back); diff != "" {
		t.Error(diff)
	}
}

func TestWhatUVSaysGetsItsKind(t *testing.T) {
	for reason, want := range map[string]fault.Kind{
		"No solution found when resolving dependencies\n  cause: Because docopt==0.6.2 has no usable wheels": fault.Invalid,
		"Couldn't parse requirement in `-` at position 0":                                                    fault.Invalid,
		"Failed to fetch: http://127.0.0.1:9/simple/cython/\n  cause: tcp connect error":                     fault.Unavailable,
		"Request failed after 3 retries in 9.9s\n  cause: dns error":                                         fault.Unavailable,
		"failed to write: No space left on device (os error 28)":                                             fault.Exhausted,
	} {
		err := uvError([]string{"docopt==0.6.2"}, reason)
		if fault.KindOf(err) != want || !strings.Contains(err.Error(), "resolving docopt==0.6.2: ") {
			t.Errorf("%v: %v", fault.KindOf(err), err)
		}
		if e := (*UnresolvableError)(nil); errors.As(err, &e) != (want == fault.Invalid) {
			t.Errorf("typed: %v: %v", e, err)
		}
	}
}

func TestResolveNeedsADay(t *testing.T) {
	if _, err := (&Resolver{}).Resolve(t.Context(), []string{"a"}, nil, Target{}); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

func TestResolveOfNothingAsksNobody(t *testing.T) {
	lock, err := (&Resolver{UV: "/nonexistent"}).Resolve(t.Context(), []string{" "}, nil, target)
	if err != nil || len(lock.Packages) != 0 {
		t.Errorf("%+v, %v", lock, err)
	}
}

// What stands in for an interpreter answers a question as uv asks it, and stays where it is.
func TestInterpreterAnswers(t *testing.T) {
	r := &Resolver{Cache: filepath.Join(t.TempDir(), "cache")}
	for range 2 {
		file, err := r.interpreter(target)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(file, "-I", "-B", "-c", "import sys").Output()
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Result  string
			Markers map[string]string
		}
		if err := json.Unmarshal(out, &answer); err != nil || answer.Result != "success" || answer.Markers["python_version"] != "3.15" {
			t.Errorf("%s: %v", out, err)
		}
	}
	if files, _ := os.ReadDir(r.Cache); len(files) != 1 {
		t.Errorf("%d files", len(files))
	}
}

func TestWheels(t *testing.T) {
	site := newSite(t, map[string]http.HandlerFunc{"/a.whl": whole, "/simple/b/": index("/b.whl"), "/b.whl": whole})
	f := newFetcher(t)
	f.Index = site.URL + "/simple"
	lock := &Lock{Packages: []LockedWheel{
		{Name: "a", File: "a-1-py3-none-any.whl", URL: site.URL + "/a.whl", SHA256: sum},
		{Name: "b", File: "b-1-py3-none-any.whl", URL: site.URL + "/gone.whl", SHA256: sum},
	}}
	dir, err := f.Wheels(t.Context(), lock)
	if err != nil {
		t.Fatal(err)
	}
	house := func() []string {
		files := map[string]bool{}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			got, _ := hashFile(filepath.Join(dir, e.Name()))
			files[e.Name()] = got == sum
		}
		return slices.Sorted(maps.Keys(files))
	}
	want := []string{"a-1-py3-none-any.whl", "b-1-py3-none-any.whl"}
	if diff := cmp.Diff(want, house()); diff != "" {
		t.Error(diff)
	}
	asked := len(site.asked)
	if err := os.Remove(filepath.Join(dir, want[0])); err != nil {
		t.Fatal(err)
	}
	again, err := f.Wheels(t.Context(), lock)
	if err != nil || again != dir || len(site.asked) != asked {
		t.Errorf("the second time: %s, %v, asked for %v", again, err, site.asked)
	}
	if diff := cmp.Diff(want, house()); diff != "" {
		t.Error(diff)
	}
	lock.Packages[0].File = "../a.whl"
	if _, err := f.Wheels(t.Context(), lock); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a wheel with a path: %v", err)
	}
}

func TestTool(t *testing.T) {
	file := filepath.Join(t.TempDir(), "uv.whl")
	if err := os.WriteFile(file, zipOf(t, map[string]fs.FileMode{"uv-1.2.data/scripts/uv": 0o644, "uv/__init__.py": 0o644}), 0o644); err != nil {
		t.Fatal(err)
	}
	f := newFetcher(t)
	hash, err := f.Add(file)
	if err != nil {
		t.Fatal(err)
	}
	src := Source{URL: "https://example.org/uv.whl", SHA256: hash}
	for range 2 {
		tool, err := f.Tool(t.Context(), src, "uv-*.data/scripts/uv")
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(tool)
		if err != nil || info.Mode() != 0o755 || filepath.Base(tool) != "uv" {
			t.Errorf("%s: %v, %v", tool, info, err)
		}
	}
	if _, err := f.Tool(t.Context(), src, "bin/uv"); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}
