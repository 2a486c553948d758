package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/recipe"
)

// Write makes a folder of recipes: a meta.yaml for each, for some a patch and a test as well, as real recipes have.
func (g Graph) Write(dir string) error {
	for _, r := range g {
		for name, content := range r.files() {
			file := filepath.Join(dir, r.Name, name)
			err := os.WriteFile(file, []byte(content), 0o644)
			if errors.Is(err, fs.ErrNotExist) {
				if err = os.MkdirAll(filepath.Dir(file), 0o755); err == nil {
					err = os.WriteFile(file, []byte(content), 0o644)
				}
			}
			if err != nil {
				return fmt.Errorf("writing the recipes of a graph: %w", err)
			}
		}
	}
	return nil
}

// files are those of the recipe's folder by name. What they say depends on nothing but the recipe.
func (r Recipe) files() map[string]string {
	sum := sha256.Sum256([]byte(r.Name + " " + r.Version))
	isPackage := r.Type != recipe.StaticLibrary && r.Type != recipe.SharedLibrary
	var meta strings.Builder
	fmt.Fprintf(&meta, "package:\n  name: %s\n  version: %q\n", r.Name, r.Version)
	if isPackage {
		fmt.Fprintf(&meta, "  top-level:\n    - %s\n", Module(r.Name))
	}
	fmt.Fprintf(&meta, "source:\n  url: https://example.org/%[1]s/%[1]s-%[2]s.tar.gz\n  sha256: %[3]s\n", r.Name, r.Version, hex.EncodeToString(sum[:]))
	files := map[string]string{}
	if isPackage && sum[0]%3 == 0 {
		meta.WriteString("  patches:\n    - patches/0001-no-threads.patch\n")
		files["patches/0001-no-threads.patch"] = patch(r.Name)
	}
	if isPackage && sum[1]%2 == 0 {
		files["test_"+Module(r.Name)+".py"] = fmt.Sprintf("import %[1]s\n\n\ndef test_version():\n    assert %[1]s.__version__ == %[2]q\n", Module(r.Name), r.Version)
	}
	switch {
	case !isPackage:
		fmt.Fprintf(&meta, "build:\n  type: %s\n  script: |\n    emconfigure ./configure --prefix=${WASM_LIBRARY_DIR} --disable-dependency-tracking\n"+
			"    emmake make -j ${PYODIDE_JOBS:-2}\n    emmake make install\n", r.Type)
	case len(r.Host) > 0:
		meta.WriteString("build:\n  cflags: -I$(WASM_LIBRARY_DIR)/include\n  ldflags: -L$(WASM_LIBRARY_DIR)/lib\n")
	}
	if len(r.Host)+len(r.Run) > 0 {
		meta.WriteString("requirements:\n")
	}
	for _, list := range []struct {
		key   string
		names []string
	}{{"host", r.Host}, {"run", r.Run}} {
		if len(list.names) > 0 {
			fmt.Fprintf(&meta, "  %s:\n    - %s\n", list.key, strings.Join(list.names, "\n    - "))
		}
	}
	fmt.Fprintf(&meta, "about:\n  home: https://example.org/%[1]s\n  PyPI: https://pypi.org/project/%[1]s\n  summary: One of many recipes.\n  license: MIT\n", r.Name)
	files[recipe.MetaFile] = meta.String()
	return files
}

// Module is what a recipe of that name is imported as.
func Module(name string) string {
	return strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(name))
}

// patch is one of ordinary size.
func patch(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- a/%[1]s/threads.c\n+++ b/%[1]s/threads.c\n@@ -1,40 +1,40 @@\n", name)
	for i := range 40 {
		fmt.Fprintf(&b, "-    start_thread(%[1]d);\n+    run_at_once(%[1]d);\n", i)
	}
	return b.String()
}
