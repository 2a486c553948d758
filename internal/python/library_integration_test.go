//go:build integration

package python_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the library's modules compile to is kept; what is damaged of it is compiled anew, and what can't be kept is no trouble.
func TestLibraryIsCompiledOnce(t *testing.T) {
	const code = "import wave\ntry: wave.open('/nonexistent')\nexcept OSError as e:\n  import traceback; traceback.print_exc(limit=-1)\nprint(wave.__file__)"
	for _, toolchain := range []string{"2024_0", "2026_5"} {
		t.Run(toolchain, func(t *testing.T) {
			cmd := command(t)
			var cache string
			for _, e := range cmd.Env {
				if value, ok := strings.CutPrefix(e, "WASMILL_PYTHON_CACHE="); ok {
					cache = value
				}
			}
			kept := func(optimized string) string {
				found, _ := filepath.Glob(filepath.Join(cache, "code", "pyodide-*", "wave.py."+optimized))
				for _, file := range found {
					if strings.Contains(file, "-0.27") == (toolchain == "2024_0") {
						return file
					}
				}
				return ""
			}
			os.Remove(kept("0"))
			os.Remove(kept("2"))
			works := func(story string, args ...string) {
				t.Helper()
				got := call(t, "", append([]string{"--toolchain", toolchain}, append(args, "-c", code)...)...)
				// The source's line is there, too.
				if got.status != 0 || !strings.Contains(got.out, ".zip/wave.py") || !strings.Contains(got.err, "builtins.open(f, 'rb')") {
					t.Errorf("%s: %+v", story, got)
				}
			}
			works("nothing may be written", "--fs-readonly")
			if file := kept("0"); file != "" {
				t.Errorf("it wrote %s", file)
			}
			works("at first")
			whole, err := os.ReadFile(kept("0"))
			if err != nil {
				t.Fatal(err)
			}
			works("then")
			works("optimized", "-OO")
			if kept("2") == "" {
				t.Error("what is optimized is not kept")
			}
			for story, damaged := range map[string][]byte{
				"empty": {}, "cut off": whole[:len(whole)/2], "another byte": append(bytes.Clone(whole[:len(whole)-9]), append([]byte{whole[len(whole)-9] ^ 1}, whole[len(whole)-8:]...)...),
				"of another source": append([]byte{whole[0] ^ 1}, whole[1:]...),
			} {
				if err := os.WriteFile(kept("0"), damaged, 0o644); err != nil {
					t.Fatal(err)
				}
				works(story)
				if now, err := os.ReadFile(kept("0")); err != nil || !bytes.Equal(now, whole) {
					t.Errorf("%s: it is not made anew: %v", story, err)
				}
			}
		})
	}
}
