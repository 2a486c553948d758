package plan_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// world is all that there is when a build of the recipe demo is planned: what its key is to depend on, and what not.
type world struct {
	files map[string]string // of the folder of recipes
	at    func(dir string)  // done to the folder before it is read
	farm  *farm
}

func newWorld(t *testing.T) *world {
	return &world{farm: newFarm(t), files: map[string]string{
		"lib/meta.yaml": fmt.Sprintf(meta("lib", ""), ""),
		"demo/meta.yaml": fmt.Sprintf(meta("demo", "  patches: [a.patch]\nbuild:\n  script: make\n  cflags: -O1\nrequirements:\n  host: [lib]\n"+
			"wasmill:\n  class: small\n  timeout: 5m\nabout: {home: here}\n"), ""),
		"demo/a.patch": "a", "demo/helper.sh": "true", "demo/test_it.py": "def test_it(): pass",
	}}
}

// key is that of demo, with lib built and all requirements locked.
func (w *world) key(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range w.files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if w.at != nil {
		w.at(dir)
	}
	set, err := recipe.LoadSet(dir)
	if err != nil {
		t.Fatal(err)
	}
	if w.farm.Recipes, err = plan.FromSet(set, []string{"demo"}, (*recipe.Recipe).Digests); err != nil {
		t.Fatal(err)
	}
	action := w.farm.plan().Actions[1]
	lock, output := w.farm.History.Locks["of demo"], w.farm.History.Builds["of lib"].Output
	if lock == "" {
		lock = digest("lock")
	}
	if output == "" {
		output = digest("lib")
	}
	if err := action.Complete(lock, map[string]record.Digest{"lib": output}); err != nil {
		t.Fatal(err)
	}
	return action.Key
}

// Each line changes one thing in the world: the key of the build must be another one, or must not.
func TestTheKeyOfARecipeDependsOnItsInputsAndNothingElse(t *testing.T) {
	edit := func(old, new string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			if strings.Count(w.files["demo/meta.yaml"], old) != 1 {
				t.Fatalf("%q is not once in the recipe", old)
			}
			w.files["demo/meta.yaml"] = strings.Replace(w.files["demo/meta.yaml"], old, new, 1)
		}
	}
	write := func(file, content string) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { w.files[file] = content }
	}
	told := func(change func(*farm)) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { change(w.farm) }
	}
	inputs := map[string]func(*testing.T, *world){
		"recipe: version":           edit(`version: "1.0"`, `version: "1.1"`),
		"recipe: script":            edit("script: make", "script: make all"),
		"recipe: flags":             edit("cflags: -O1", "cflags: -O2"),
		"recipe: a file of it":      write("demo/helper.sh", "false"),
		"recipe: another file":      write("demo/more.h", "int a;"),
		"source":                    edit(strings.Repeat("ab", 32), strings.Repeat("ac", 32)),
		"patch: its bytes":          write("demo/a.patch", "b"),
		"patch: none":               edit("  patches: [a.patch]\n", ""),
		"tests":                     write("demo/test_it.py", "def test_it(): assert True"),
		"toolchain's image":         told(func(f *farm) { f.Toolchain.Digest = digest("other image") }),
		"locked build requirements": told(func(f *farm) { f.History.Locks["of demo"] = digest("other lock") }),
		"output of a host dependency": told(func(f *farm) {
			f.History.Builds["of lib"] = plan.Build{Output: digest("other lib")}
		}),
		"allowed environment": told(func(f *farm) { f.Env = map[string]string{"LANG": "C"} }),
		"builder: version":    told(func(f *farm) { f.Builder.Version = "0.2.0" }),
		"builder: program":    told(func(f *farm) { f.Builder.Digest = digest("other wasmcc") }),
	}
	others := map[string]func(*testing.T, *world){
		"path: each story has a folder of its own": func(*testing.T, *world) {},
		"class":                     edit("class: small", "class: large"),
		"timeout":                   edit("timeout: 5m", "timeout: 2h"),
		"a comment":                 edit("script: make", "script: make # all of it"),
		"about":                     edit("{home: here}", "{home: there}"),
		"mirror of the source":      edit("https://example.org/", "https://mirror.example.com/"),
		"the recipe of a host":      write("lib/helper.sh", "true"),
		"a recipe that is not used": write("zzz/meta.yaml", fmt.Sprintf(meta("zzz", ""), "")),
		"clock: of files": func(_ *testing.T, w *world) {
			w.at = func(dir string) {
				old := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
				err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
					if err == nil {
						err = os.Chtimes(path, old, old)
					}
					return err
				})
				if err != nil {
					panic(err)
				}
			}
		},
		"clock: day of the toolchain's requirements": told(func(f *farm) { f.Toolchain.ExcludeNewer = f.Toolchain.ExcludeNewer.AddDate(1, 0, 0) }),
		"host: its environment": func(t *testing.T, _ *world) {
			for name, value := range map[string]string{"HOME": "/nowhere", "HOSTNAME": "other", "TZ": "Asia/Tokyo", "CFLAGS": "-O3", "SOURCE_DATE_EPOCH": "1"} {
				t.Setenv(name, value)
			}
		},
		"host: rights of files": func(_ *testing.T, w *world) {
			w.at = func(dir string) {
				if err := os.Chmod(filepath.Join(dir, "demo/meta.yaml"), 0o600); err != nil {
					panic(err)
				}
			}
		},
		"priority, retries: what the one who asks may choose": told(func(f *farm) { f.Options = plan.Options{RetryFailed: true} }),
		"name of the toolchain":                               told(func(f *farm) { f.Toolchain.Name = "another name" }),
	}
	before := newWorld(t).key(t)
	seen := map[string]string{before: "nothing"}
	for what, change := range inputs {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			change(t, w)
			key := w.key(t)
			if other, ok := seen[key]; ok {
				t.Errorf("changing it gives the key of changing %s", other)
			}
			seen[key] = what
		})
	}
	for what, change := range others {
		t.Run("not "+what, func(t *testing.T) {
			w := newWorld(t)
			change(t, w)
			if w.key(t) != before {
				t.Error("it changes the key")
			}
		})
	}
}
