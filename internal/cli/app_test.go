package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	wasmapp "github.com/wasmill/wasmill/internal/app"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fetch/fetchtest"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasi/assembler"
)

// asked is a farm that remembers what it was asked last.
type asked struct {
	*api.Fake
	last api.RunRequest
}

func (a *asked) StartRun(ctx context.Context, req api.RunRequest) (api.Run, error) {
	a.last = req
	return a.Fake.StartRun(ctx, req)
}

// A farm is asked for one recipe, of an app, and is given all that it needs; what it makes is written, and said.
func TestAFarmIsAskedForAnApp(t *testing.T) {
	var p assembler.Program
	program, err := wasmapp.Describe(p.Assemble(p.Exit(assembler.I32(0))), wasmapp.Contents{
		Schema: wasmapp.Schema, Script: "main.py", Packages: []wasmapp.Part{{Name: "A", Version: "1.0"}, {Name: "B", Version: "2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	farm := &asked{Fake: &api.Fake{Builds: map[string]record.Build{"k": {Artifacts: []record.Artifact{{Requires: &record.Requires{Loaders: []string{"wasip1"}}}}}}}}
	blob, err := farm.PutBlob(t.Context(), bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	farm.Planned = []api.Action{{Recipe: "a", Kind: "build", Status: "queued"}, {Recipe: "app-a", Kind: "build", Status: "queued"}}
	farm.Script = func(_ int, run *api.Run) {
		run.State = "passed"
		for i := range run.Actions {
			run.Actions[i].Status = "passed"
		}
		run.Actions[1].Digest, run.Actions[1].Size, run.Actions[1].Key = string(blob.Digest), blob.Size, "k"
	}
	dir := recipesOf(t, map[string][]string{"a": {"b"}, "b": nil, "unused": nil})
	script, out := filepath.Join(t.TempDir(), "main.py"), filepath.Join(t.TempDir(), "new", "hello.wasm")
	if err := os.WriteFile(script, []byte("import a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	said, err := wasmill(t, farm, "app", "a", "--recipes", dir, "--script", script, "--exclude-modules", "y,x", "--out", out, "--json")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if written, err := os.ReadFile(out); err != nil || !bytes.Equal(written, program) {
		t.Errorf("%v: %d bytes are written", err, len(written))
	}
	var made madeApp
	if err := json.Unmarshal([]byte(said), &made); err != nil || made.Key != "k" || made.Digest != blob.Digest || made.Contents.Script != "main.py" || made.Requires == nil {
		t.Errorf("%v, it says\n%s", err, said)
	}
	if diff := cmp.Diff([]string{"app-a"}, farm.last.Select); diff != "" || farm.last.Toolchain != wasiToolchain || farm.last.Publish {
		t.Errorf("asked for %+v", farm.last)
	}
	r, err := farm.OpenBlob(t.Context(), farm.last.Recipes)
	if err != nil {
		t.Fatal(err)
	}
	pack, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	set, err := recipe.Unpack(pack, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range set.Recipes() {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"a", "app-a", "b"}, names); diff != "" {
		t.Errorf("recipes that were sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&recipe.AppSpec{Script: "main.py", ExcludeModules: []string{"x", "y"}}, set.Get("app-a").Wasmill.App); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An app that can't be made is the run's failure, and nothing is written.
func TestAnAppThatFailsWritesNothing(t *testing.T) {
	farm := &api.Fake{Planned: []api.Action{{Recipe: "app-a", Kind: "build", Status: "queued"}}, Script: func(_ int, run *api.Run) {
		run.State, run.Actions[0].Status, run.Actions[0].Cause = "failed", "failed", "--entry b: there is no module b in the app"
	}}
	out := filepath.Join(t.TempDir(), "app.wasm")
	said, err := wasmill(t, farm, "app", "a", "--recipes", recipesOf(t, map[string][]string{"a": nil}), "--entry", "b", "--out", out)
	if err != command.ErrFailed || !strings.Contains(said, "--entry b: there is no module b in the app") {
		t.Errorf("%v\n%s", err, said)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
}

// What a release requires is decided by the toolchain that it is built on.
func TestAReleaseRequiresWhatItsToolchainsPythonNeeds(t *testing.T) {
	files := map[string]string{"pyproject.toml": "[build-system]\nbuild-backend = 'setuptools.build_meta'\nrequires = ['setuptools']\n"}
	index := packageIndex(t, map[string]map[string][]byte{"fast": {"fast-1.0.tar.gz": fetchtest.TarGz(t, fetchtest.Below("fast-1.0", files))}}, map[string][]string{
		"fast": {"wasi-only; sys_platform == 'wasi'", "old; python_version < '3.14'", "new; python_version >= '3.14'", "browser; sys_platform == 'emscripten'"},
	})
	dir := recipesOf(t, map[string][]string{"wasi-only": nil, "old": nil, "new": nil, "browser": nil, "cpython-wasi": nil})
	for toolchain, want := range map[string][]string{"wasip1_cp313": {"old", "wasi-only"}, "pyemscripten_2026_5": {"browser", "new"}} {
		farm := &asked{Fake: &api.Fake{Baked: []api.Toolchain{
			{Name: "wasip1_cp313", Target: "wasm32-wasip1", Python: "3.13", Interpreter: "cpython-wasi"},
			{Name: "pyemscripten_2026_5", Target: "wasm32-unknown-emscripten", Python: "3.15"},
		}, Script: func(_ int, run *api.Run) { run.State = "passed" }}}
		said, err := wasmill(t, farm, "submit", "fast==1.0", "--index", index, "--recipes", dir, "--toolchain", toolchain)
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		r, err := farm.OpenBlob(t.Context(), farm.last.Recipes)
		if err != nil {
			t.Fatal(err)
		}
		pack, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		set, err := recipe.Unpack(pack, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, set.Get("fast").Requirements.Run); diff != "" {
			t.Errorf("%s (-want +got):\n%s", toolchain, diff)
		}
	}
}
