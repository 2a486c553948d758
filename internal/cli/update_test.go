package cli

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fetch/fetchtest"
)

// packageIndex serves projects in the simple API, with PyPI's JSON beside it: name → file name → content. A file's
// content is what its hash is of; requires is by name, or by name and version ("name 1.0").
func packageIndex(t *testing.T, projects map[string]map[string][]byte, requires map[string][]string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		files := projects[parts[1]]
		if files == nil {
			http.NotFound(w, r)
			return
		}
		switch parts[0] {
		case "simple":
			list := []map[string]any{}
			for name, content := range files {
				sum := sha256.Sum256(content)
				list = append(list, map[string]any{"filename": name, "url": "/files/" + parts[1] + "/" + name, "hashes": map[string]string{"sha256": hex.EncodeToString(sum[:])}})
			}
			json.NewEncoder(w).Encode(map[string]any{"files": list})
		case "pypi":
			version := parts[2]
			needs, ok := requires[parts[1]+" "+version]
			if !ok {
				needs = requires[parts[1]]
			}
			json.NewEncoder(w).Encode(map[string]any{"info": map[string]any{"version": version, "summary": "Summary of " + parts[1], "requires_dist": needs}})
		case "files":
			w.Write(files[parts[2]])
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/simple/"
}

// zipped is a wheel as far as names go.
func zipped(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	z.Close()
	return b.Bytes()
}

func TestUpdateOfAFolder(t *testing.T) {
	dir := recipesOf(t, map[string][]string{"old": nil, "current": nil, "pinned": nil, "unknown": nil})
	meta := filepath.Join(dir, "pinned", "meta.yaml")
	text, _ := os.ReadFile(meta)
	os.WriteFile(meta, []byte(strings.Replace(string(text), "source:", "  pinned: true\nsource:", 1)), 0o644)
	meta = filepath.Join(dir, "old", "meta.yaml")
	before, _ := os.ReadFile(meta)
	before = append(before, "  patches: [a.patch]\n# of 1.0\n"...)
	os.WriteFile(meta, before, 0o644)
	os.WriteFile(filepath.Join(dir, "old", "a.patch"), nil, 0o644)
	index := packageIndex(t, map[string]map[string][]byte{
		"old":     {"old-1.0.tar.gz": []byte("1"), "old-2.5.tar.gz": []byte("2"), "old-3.0b1.tar.gz": []byte("3")},
		"current": {"current-1.0.tar.gz": []byte("1")},
	}, nil)

	var story strings.Builder
	for _, args := range [][]string{{"--dry-run"}, {"--check"}, {"old", "current", "pinned"}, {"old"}} {
		out, err := wasmill(t, &api.Fake{}, append([]string{"recipe", "update", "--index", index, "--recipes", dir}, args...)...)
		story.WriteString("$ wasmill recipe update " + strings.Join(args, " ") + "\n" + strings.ReplaceAll(strings.ReplaceAll(out, dir, "DIR"), index, "INDEX/"))
		if err != nil {
			story.WriteString("error: " + err.Error() + "\n")
		}
		if failed := err == command.ErrFailed; failed != (len(args) == 1 && args[0] != "old") { // `unknown` is nowhere
			t.Errorf("%v: %v", args, err)
		}
		if after, _ := os.ReadFile(meta); args[0] == "--dry-run" || args[0] == "--check" {
			if !bytes.Equal(before, after) {
				t.Errorf("%v has written", args)
			}
		}
	}
	golden(t, "update.txt", story.String())
	after, _ := os.ReadFile(meta)
	sum := sha256.Sum256([]byte("2"))
	want := strings.NewReplacer(`"1.0"`, `"2.5"`, strings.Repeat("a", 64), hex.EncodeToString(sum[:])).Replace(string(before))
	if got := string(after); !strings.Contains(got, "# of 1.0") || strings.SplitN(got, "url:", 2)[0] != strings.SplitN(want, "url:", 2)[0] || !strings.Contains(got, "/files/old/old-2.5.tar.gz") {
		t.Errorf("written:\n%s", got)
	}
}

// A project without a recipe that requires another without one: both come from the index, the one built from its source,
// the other hosted again.
func TestSkeletonLooksIntoTheRelease(t *testing.T) {
	index := packageIndex(t, map[string]map[string][]byte{
		"fast": {
			"fast-1.0.tar.gz": fetchtest.TarGz(t, fetchtest.Below("fast-1.0", map[string]string{
				"pyproject.toml": "[build-system]\nbuild-backend = 'mesonpy'\nrequires = ['meson-python']\n", "meson.build": "project('fast')\nz = dependency('zlib')\n", "fast.c": "",
			})),
			"fast-1.0-cp315-cp315-manylinux_2_28_x86_64.whl": zipped(t, "fast/__init__.py", "fast/_core.cpython-315-x86_64-linux-gnu.so", "fast-1.0.dist-info/METADATA"),
		},
		"helper": {"helper-2.0-py3-none-any.whl": zipped(t, "helping.py"), "helper-2.0.tar.gz": []byte("not looked at")},
	}, map[string][]string{"fast": {"helper>=1", "winonly; sys_platform == 'win32'"}})
	dir := recipesOf(t, map[string][]string{"libzlib": nil})
	args := []string{"recipe", "skeleton", "--index", index, "--toolchains", "../../toolchains", "--recipes", dir}
	out, err := wasmill(t, &api.Fake{}, append(args, "--stdout", "fast")...)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "skeleton.txt", strings.ReplaceAll(out, strings.TrimSuffix(index, "/simple/"), "INDEX"))

	out, err = wasmill(t, &api.Fake{}, append(args, "--needs", "--dry-run", "fast")...)
	if err != nil || strings.Count(out, "would be written") != 2 {
		t.Errorf("a dry run: %v: %s", err, out)
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) != 1 {
		t.Errorf("a dry run has written something: %v, %v", made, err)
	}
	out, err = wasmill(t, &api.Fake{}, append(args, "--needs", "fast")...)
	if err != nil || strings.Count(out, "\n") != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := wasmill(t, &api.Fake{}, "recipe", "check", dir); err != nil || out != "checked 3, no mistakes\n" {
		t.Errorf("%v: %s", err, out)
	}

	// Without a folder of recipes the same is planned for at once.
	if _, err := wasmill(t, &api.Fake{}, "plan", "--index", index, "--toolchains", "../../toolchains", "--recipes", t.TempDir(), "fast==1.0"); err != nil {
		t.Error(err)
	}
}
