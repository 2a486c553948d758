package pip

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/wheel"
)

func TestWhatFilesAskFor(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("WHICH", "b")
	for name, text := range map[string]string{
		"requirements.txt": "# all that is needed\na==1 \\\n  --hash=sha256:00 --hash=sha256:11\n${WHICH}>2 # a comment\nc; sys_platform == 'win32'\n" +
			"d[x,y]\n-r more/other.txt\n-c constraints.txt\n--extra-index-url http://farm/simple\n./project\nurl @ https://example.org/url-1-py3-none-any.whl\n",
		"more/other.txt":         "e\n-e ../project\n",
		"constraints.txt":        "a<2\nz==1\n",
		"project/pyproject.toml": "[project]\nname = 'mine'\ndependencies = ['needed>=1']\n",
	} {
		path := filepath.Join(dir, name)
		put(t, path, text)
	}
	r := &request{files: []string{dir + "/requirements.txt", dir + "/pylock.dev.toml"}}
	w, err := r.wanted(wheel.Emscripten("3.15"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, q := range w.requirements {
		names = append(names, q.Name)
	}
	if diff := cmp.Diff([]string{"a", "b", "d", "e", "needed", "needed", "url"}, names); diff != "" {
		t.Error(diff)
	}
	if len(w.constraints) != 2 || w.constraints[0].Name != "a" || w.extra[0] != "http://farm/simple" || len(w.locks) != 1 || w.projects[0] != "mine" {
		t.Errorf("%+v", w)
	}
}

func TestWhatCantBeInstalled(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/nameless", 0o755); err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]string{
		"git+https://example.org/x.git":     "version control",
		"x @ git+https://example.org/x.git": "version control",
		dir + "/nowhere":                    "no such project folder",
		dir + "/x-1-py3-none-any.whl":       "does not exist",
		dir + "/nameless":                   "tells the project's name",
	} {
		_, err := (&request{words: []string{word}}).wanted(wheel.Emscripten("3.15"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", word, err)
		}
	}
	if _, err := (&request{files: []string{dir + "/no.txt"}}).wanted(nil); err == nil || !strings.Contains(err.Error(), "Could not open requirements file") {
		t.Error(err)
	}
}

func TestNamesOfProjects(t *testing.T) {
	for file, text := range map[string]string{
		"pyproject.toml": "[project]\nname = 'a-name'\n",
		"setup.cfg":      "[metadata]\nversion = 1\nname = a-name\n",
		"setup.py":       "from setuptools import setup\nsetup(name=\"a-name\", version='1')\n",
	} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, file), text)
		if got := readProject(dir).name; got != "a-name" {
			t.Errorf("%s: %q", file, got)
		}
	}
}
