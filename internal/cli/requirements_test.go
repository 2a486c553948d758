package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fetch/fetchtest"
)

// A project says which versions it goes with, and so does what it requires: all of them are kept to, also where the one that
// asks for less is found last.
func TestRequirementsAreOfTheVersionsThatAreAskedFor(t *testing.T) {
	source := func(name, version string) []byte {
		return fetchtest.TarGz(t, fetchtest.Below(name+"-"+version, map[string]string{
			"pyproject.toml": "[project]\nname = '" + name + "'\nversion = '" + version + "'\n", name + ".py": "",
		}))
	}
	projects := map[string]map[string][]byte{}
	for name, versions := range map[string][]string{"escape": {"3.0.2", "3.0.3", "4.0"}, "web": {"2.0"}, "server": {"1.0"}, "extra": {"1.0"}, "recipe": {"2.0"}} {
		projects[name] = map[string][]byte{}
		for _, v := range versions {
			projects[name][name+"-"+v+".tar.gz"] = source(name, v)
		}
	}
	index := packageIndex(t, projects, map[string][]string{
		"escape 4.0": {"extra"}, // nothing requires extra when 4.0 isn't taken
		"server":     {"web>=2"},
		"web":        {"escape<4", "winonly>=2; sys_platform == 'win32'"},
	})
	dir := recipesOf(t, map[string][]string{"recipe": nil}) // 1.0
	plan := func(dependencies string) (string, error) {
		project := filepath.Join(t.TempDir(), "mine")
		if err := os.MkdirAll(project, 0o755); err != nil {
			t.Fatal(err)
		}
		text := "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n[project]\nname = 'mine'\nversion = '1.0'\ndependencies = [" + dependencies + "]\n"
		if err := os.WriteFile(filepath.Join(project, "pyproject.toml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, stderr, err := wasmillStreams(t, &api.Fake{}, "plan", "--index", index, "--toolchains", "../../toolchains", "--recipes", dir, project)
		return stderr, err
	}
	for _, c := range []struct{ dependencies, said string }{
		{"'escape'", "escape 4.0, extra 1.0"},
		{"'escape==3.0.2'", "escape 3.0.2"},
		{"'escape', 'server'", "escape 3.0.3, server 1.0, web 2.0"},
		{"'server', 'escape!=3.0.3'", "server 1.0, escape 3.0.2, web 2.0"},
	} {
		stderr, err := plan(c.dependencies)
		if err != nil {
			t.Errorf("%s: %v", c.dependencies, err)
		}
		var said []string
		for line := range strings.Lines(stderr) {
			if what, ok := strings.CutSuffix(line, " is required and has no recipe: taken from the index\n"); ok {
				said = append(said, what)
			}
		}
		if !slices.Equal(said, strings.Split(c.said, ", ")) {
			t.Errorf("%s: taken %q, want %s", c.dependencies, said, c.said)
		}
	}
	if _, err := plan("'server', 'escape>=4'"); err == nil || !strings.Contains(err.Error(), "no release of `escape` within >=4,<4") || !strings.Contains(err.Error(), "mine 1.0 (>=4), web 2.0 (<4)") {
		t.Errorf("what can't be had together: %v", err)
	}
	if stderr, err := plan("'recipe>=2'"); err != nil || !strings.Contains(stderr, "recipe is taken as the recipe has it, 1.0, which is not what is required by mine 1.0 (>=2)") {
		t.Errorf("the folder's recipe: %v: %s", err, stderr)
	}
}
