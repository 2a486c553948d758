package recipe_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

// What is converted, with what is said about it, and what is refused, with the reasons: one golden file for each recipe.
func TestImport(t *testing.T) {
	folders, err := filepath.Glob("testdata/forge/*/recipe.yaml")
	if err != nil || len(folders) == 0 {
		t.Fatal("no test data", err)
	}
	have := func(name string) bool { return name == "libzlib" } // under the name that Pyodide's recipes give zlib
	for _, file := range folders {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			im, err := recipe.Import(filepath.Dir(file), have)
			if refused := strings.HasPrefix(name, "refused-"); refused != (err != nil) {
				t.Fatalf("%v", err)
			}
			var b strings.Builder
			if err != nil {
				if kind := fault.KindOf(err); kind != fault.Invalid {
					t.Errorf("kind is %v", kind)
				}
				b.WriteString(err.Error() + "\n")
			} else {
				for _, n := range im.Notes {
					b.WriteString(n.Error() + "\n")
				}
				for _, f := range im.Files {
					b.WriteString("--- " + f.Name + "\n")
					if f.Name == recipe.MetaFile {
						b.Write(f.Data)
					}
				}
			}
			golden(t, filepath.Join("testdata/forge", name+".golden"), b.String())
		})
	}
}

// The recipes of emscripten-forge that are at hand: those that are known to say nothing that our form can't, and those
// that do.
func TestImportOfForeignRecipes(t *testing.T) {
	shared := filepath.Join(root, "../shared/corpus")
	for folder, converts := range map[string]bool{"emscripten-forge": true, "emscripten-forge-refuse": false} {
		files, err := filepath.Glob(filepath.Join(shared, folder, "*/recipe.yaml"))
		if err != nil || len(files) == 0 {
			t.Skip("../shared/corpus is not on this machine")
		}
		for _, file := range files {
			im, err := recipe.Import(file, nil)
			if (err == nil) != converts {
				t.Errorf("%s: %v", file, err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "recipe.yaml:") && !strings.Contains(err.Error(), "build.sh:") {
					t.Errorf("%s is refused without a place: %v", file, err)
				}
				continue
			}
			if !slices.ContainsFunc(im.Files, func(f recipe.ImportedFile) bool { return strings.HasPrefix(f.Name, "test_") }) {
				t.Errorf("%s: its tests are left behind", file)
			}
		}
	}
}

func TestImportOfWhatIsNotThere(t *testing.T) {
	if _, err := recipe.Import(t.TempDir(), nil); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}

// Whatever a recipe.yaml and its script hold, there is a recipe or a refusal with its place.
func FuzzImport(f *testing.F) {
	files, err := filepath.Glob("testdata/forge/*/recipe.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		script, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "build.sh"))
		f.Add(string(data), string(script))
	}
	f.Fuzz(func(t *testing.T, data, script string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"recipe.yaml": data, "build.sh": script} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		im, err := recipe.Import(dir, nil)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%v: %v", fault.KindOf(err), err)
			}
			return
		}
		if _, err := recipe.Parse("meta.yaml", im.Files[0].Data); err != nil {
			t.Fatalf("%v\n%s", err, im.Files[0].Data)
		}
	})
}
