//go:build engine

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
)

// A second worker joins with one command and gets work: four builds run at a time, on two workers with two slots each.
func TestSecondWorker(t *testing.T) {
	f := newFarm(t, t, registry(t))
	first, second, c, s := f.join(t, t), f.join(t, t), docker(t), newRecipes(t)
	for _, name := range []string{"four-a", "four-b", "four-c", "four-d"} {
		s.extension(t, name, "build:\n  script: "+gate+"\n")
	}
	id := f.begin(t, s, "*")
	waiting(t, c, first.dir, 2)
	waiting(t, c, second.dir, 2)
	openAll(t, first.dir)
	openAll(t, second.dir)
	run := f.ends(t, id)
	passed(t, run)
	r := f.wasmill(t, "workers", "--json")
	r.expect(t, 0)
	var names []string
	for _, w := range read[[]api.Worker](t, r) {
		names = append(names, w.Name)
	}
	if !slices.Contains(names, first.name) || !slices.Contains(names, second.name) {
		t.Errorf("workers: %v", names)
	}
}

// A schedule's run starts without anybody's command, and publishes.
func TestSchedule(t *testing.T) {
	f, _ := sharedFarm(t)
	s := newRecipes(t)
	s.extension(t, "by-night", "")
	f.wasmill(t, "schedule", "add", "nightly", "--cron", "0 2 1 1 *", "--recipes", s.dir, "*").expect(t, 0)
	r := f.wasmill(t, "schedule", "list", "--json")
	r.expect(t, 0)
	if list := read[[]api.Schedule](t, r); len(list) != 1 || list[0].Name != "nightly" || list[0].Next == nil || len(list[0].Run.Select) == 0 {
		t.Errorf("schedules: %+v", list)
	}
	f.wasmill(t, "schedule", "trigger", "nightly").expect(t, 0)
	id := ""
	eventually(t, "the schedule starts a run", func() bool {
		all, err := f.Runs(t.Context(), 1000)
		i := slices.IndexFunc(all, func(r api.Run) bool { return r.Lane == "nightly" })
		if err == nil && i >= 0 {
			id = all[i].ID
		}
		return id != ""
	})
	passed(t, f.ends(t, id))
	if got := f.projects(t); !slices.Contains(got, "by-night") {
		t.Errorf("on the index: %v", got)
	}
	f.wasmill(t, "schedule", "remove", "nightly").expect(t, 0)
	f.wasmill(t, "schedule", "trigger", "nightly").expect(t, 2, "nightly")
}

// A refresh locks the build requirements as of today. Where the same wheels come out, nothing is built, and the runs after it know it.
func TestARefreshBuildsOnlyWhatItChanges(t *testing.T) {
	f, _ := sharedFarm(t)
	s := newRecipes(t)
	fixed := map[string]string{"pyproject.toml": "[build-system]\nrequires = [\"setuptools==80.9.0\"]\nbuild-backend = \"setuptools.build_meta\"\n[project]\nname = \"refreshed\"\nversion = \"1.0\"\n"}
	s.source(t, "refreshed", "", fixed)
	s.extension(t, "needs-refreshed", "requirements:\n  run: [refreshed]\n")
	first, status := f.submit(t, s, "refreshed")
	if status != 0 {
		t.Fatalf("exit status %d", status)
	}
	was := action(t, first, "refreshed")

	f.wasmill(t, "schedule", "add", "refreshing", "--cron", "0 2 1 1 *", "--refresh", "--recipes", s.dir, "*").expect(t, 0)
	r := f.wasmill(t, "schedule", "trigger", "refreshing", "--json")
	r.expect(t, 0)
	id := read[api.ChangedSchedule](t, r).Run
	f.wasmill(t, "schedule", "remove", "refreshing").expect(t, 0)
	run := f.ends(t, id)
	passed(t, run)
	now := action(t, run, "refreshed")
	if now.Status != "cached" || now.Key != was.Key || now.Digest != was.Digest {
		t.Errorf("%s under the key %s (%s); it was %s", now.Status, now.Key, now.Reason, was.Key)
	}
	if got := action(t, run, "needs-refreshed"); got.Status != "passed" {
		t.Errorf("what needs it: %s %s", got.Status, got.Cause)
	}
	again, _ := f.submit(t, s, "refreshed")
	if got := action(t, again, "refreshed"); got.Kind != "reuse" || got.Status != "cached" {
		t.Errorf("after it: %s, %s: %s", got.Kind, got.Status, got.Reason)
	}
}

// watch reads the whole index again and again until the test ends: whatever is listed is there, with its metadata and
// the bytes that its hash promises.
func watch(t *testing.T, f *farm) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		seen := map[string]bool{}
		for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) { // the builds need the processors, too
			for _, name := range f.projects(t) {
				var page struct {
					Files []struct {
						Filename, URL string
						Hashes        map[string]string
						Metadata      map[string]string `json:"core-metadata"`
					}
				}
				f.get(t, "/simple/"+name+"/", &page)
				if len(page.Files) == 0 {
					t.Errorf("%s is on the index without a file", name)
				}
				for _, file := range page.Files {
					if seen[file.URL] {
						continue
					}
					seen[file.URL] = true
					check(t, f, file.URL, file.Hashes["sha256"])
					check(t, f, file.URL+".metadata", file.Metadata["sha256"])
				}
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

func check(t *testing.T, f *farm, address, sha string) {
	base, err := url.Parse(f.url + "/simple/x/")
	if err != nil {
		t.Error(err)
		return
	}
	full, err := base.Parse(address)
	if err != nil {
		t.Error(err)
		return
	}
	resp, err := f.http.Get(full.String())
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, resp.Body); err != nil || resp.StatusCode != http.StatusOK || hex.EncodeToString(h.Sum(nil)) != sha {
		t.Errorf("%s: %s, %v, sha256 %x, want %s", full, resp.Status, err, h.Sum(nil), sha)
	}
}

// Publication is atomic, and what is published pip downloads, dependencies included.
func TestPublication(t *testing.T) {
	f, _ := sharedFarm(t)
	s := newRecipes(t)
	s.source(t, "published-app", "requirements:\n  run: [published-dep]\n", map[string]string{"pyproject.toml": "[build-system]\nrequires = [\"setuptools\"]\n" +
		"build-backend = \"setuptools.build_meta\"\n[project]\nname = \"published-app\"\nversion = \"1.0\"\ndependencies = [\"published-dep>=1\"]\n"})
	s.extension(t, "published-dep", "")
	for _, name := range []string{"published-a", "published-b"} {
		s.extension(t, name, "")
	}
	stop := watch(t, f)
	run, _ := f.submit(t, s, "*")
	stop()
	passed(t, run)

	download := pip(t)
	dest := t.TempDir()
	args := []string{"download", "--isolated", "--no-cache-dir", "--dest", dest, "--index-url", f.url + "/simple/",
		"--platform", "pyemscripten_2026_5_wasm32", "--python-version", "3.15", "--implementation", "cp", "--abi", "cp315", "--only-binary", ":all:"}
	if scaled() {
		args = append(args, "--cert", key("ca.pem"))
	}
	command := exec.CommandContext(t.Context(), download, append(args, "published-app")...)
	if scaled() { // it counts for more than the flag, where it is set
		command.Env = append(os.Environ(), "REQUESTS_CA_BUNDLE="+key("ca.pem"))
	}
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{"published_app-1.0-cp315-cp315-pyemscripten_2026_5_wasm32.whl", "published_dep-1.0-cp315-cp315-pyemscripten_2026_5_wasm32.whl"}
	if got := files(t, dest); !slices.Equal(got, want) {
		t.Errorf("pip downloaded %v\n%s", got, out)
	}
}

// pip is one that knows WebAssembly's tags. Without Python on the machine the test is skipped: pip is a client here,
// and the farm needs none.
func pip(t *testing.T) string {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 on this machine to run pip")
	}
	venv := filepath.Join(cacheDir(), "venv")
	path := filepath.Join(venv, "bin/pip")
	if out, err := exec.CommandContext(t.Context(), path, "--version").Output(); err == nil && strings.HasPrefix(string(out), "pip 26") {
		return path
	}
	for _, command := range [][]string{{python, "-m", "venv", "--clear", venv}, {path, "install", "--quiet", "pip>=26"}} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", command, err, out)
		}
	}
	return path
}
