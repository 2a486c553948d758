package recipe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/wheel"
)

const page = "https://index.example/simple/the-name/"

// simple is a project's page in an index's simple API, for files of the given names.
func simple(t *testing.T, files ...string) []byte {
	t.Helper()
	var list []map[string]any
	for i, f := range files {
		list = append(list, map[string]any{
			"filename": f, "url": "../../files/" + f + "#sha256=0", "hashes": map[string]string{"sha256": fmt.Sprintf("%064x", i+1)},
		})
	}
	data, err := json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": "the-name", "files": list})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const about = `{"info": {"version": "1.10", "summary": "It does: \"things\" # and more", "license": "Long\ntext", "license_expression": "MIT",
 "home_page": null, "project_urls": {"Source": "https://example.org/source", "Homepage": "https://example.org"},
 "requires_dist": ["Six>=1.0", "typing_extensions>=4 ; python_version < \"3.11\"", "pytest; extra == 'test'", "numpy[all] (>1)", "pkg @ https://example.org/p.whl"]}}`

func TestSkeletons(t *testing.T) {
	for _, c := range []struct {
		name, version string
		info          string
		files         []string
	}{
		{"source-and-platform-wheels", "1.10", about, []string{
			"the_name-1.9.tar.gz", "the_name-1.10.zip", "the_name-1.10.tar.gz", "the_name-1.10-cp315-cp315-manylinux_2_28_x86_64.whl", "the_name-1.10-py3-none-any.whl",
		}},
		{"source-and-pure-wheel", "", about, []string{"The.Name-1.10.tar.gz", "the_name-1.10-py2.py3-none-any.whl"}},
		{"metadata-of-another-version", "1.9", about, []string{"the_name-1.9.tar.gz"}},
		{"source-alone", "1.10.0", "", []string{"the-name-1.10.tar.gz"}},
		{"pure-wheel-alone", "1.10", about, []string{"the_name-1.10-py3-none-any.whl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var info []byte
			if c.info != "" {
				info = []byte(c.info)
			}
			r, err := recipe.NewRelease(page, simple(t, c.files...), info, "The_Name", c.version)
			if err != nil {
				t.Fatal(err)
			}
			s, err := r.Skeleton(recipe.Evidence{Target: wheel.Emscripten("3.15")})
			if err != nil {
				t.Fatal(err)
			}
			if s.Recipe.Name != "the-name" || !strings.HasPrefix(s.Recipe.Version, "1.") {
				t.Errorf("%s %s", s.Recipe.Name, s.Recipe.Version)
			}
			golden(t, "testdata/skeleton/"+c.name+".golden", string(s.Meta))
		})
	}
}

func TestSkeletonOfWhatCannotBeBuilt(t *testing.T) {
	unverified := []byte(`{"files": [{"filename": "the-name-1.0.tar.gz", "url": "x", "hashes": {"md5": "0"}}]}`)
	for _, c := range []struct {
		version string
		simple  []byte
		want    string
		kind    fault.Kind
	}{
		{"1.0", simple(t, "the_name-1.0-cp312-abi3-win_amd64.whl", "the_name-1.0-cp39-cp39-macosx_11_0_arm64.whl"),
			"looking for a source: `the-name` 1.0 has no source archive and no wheel for any platform, only wheels for macosx_11_0_arm64, win_amd64: its source must be found elsewhere", fault.NotFound},
		{"2.0", simple(t, "the_name-1.0.tar.gz"), "looking for a source: the index has no file of `the-name` 2.0", fault.NotFound},
		{"1.0", simple(t, "the_name_more-1.0.tar.gz"), "looking for a source: the index has no file of `the-name` 1.0", fault.NotFound},
		{"1.0", unverified, "looking for a source: the index tells no sha256 for the-name-1.0.tar.gz, so it could not be verified", fault.Invalid},
		{"", simple(t), "the index has no release of `the-name` that could be built", fault.NotFound},
	} {
		_, err := recipe.NewRelease(page, c.simple, nil, "the-name", c.version)
		if err == nil || err.Error() != c.want || fault.KindOf(err) != c.kind {
			t.Errorf("%v (%v), want %s", err, fault.KindOf(err), c.want)
		}
	}
}

func TestFetchReleaseAsksTheIndex(t *testing.T) {
	var asked []string
	pages := map[string][]byte{
		"https://index.example/simple/the-name/":        simple(t, "the_name-1.10.tar.gz"),
		"https://index.example/pypi/the-name/json":      []byte(about),
		"https://plain.example/packages/the-name/":      simple(t, "the_name-1.10.tar.gz"),
		"https://index.example/pypi/the-name/1.10/json": []byte(about), // but not for 1.10.0
	}
	get := func(_ context.Context, url, accept string) ([]byte, error) {
		asked = append(asked, url)
		if data, ok := pages[url]; ok {
			return data, nil
		}
		return nil, fault.Errorf(fault.NotFound, "%s: 404", url)
	}
	for _, c := range []struct{ index, version, asks string }{
		{"https://index.example/simple/", "", "https://index.example/simple/the-name/ https://index.example/pypi/the-name/1.10/json"},
		{"https://index.example/simple", "1.10", "https://index.example/simple/the-name/ https://index.example/pypi/the-name/1.10/json"},
		{"https://index.example/simple", "1.10.0", "https://index.example/simple/the-name/ https://index.example/pypi/the-name/1.10.0/json https://index.example/pypi/the-name/json"},
		{"https://plain.example/packages", "1.10", "https://plain.example/packages/the-name/"},
	} {
		asked = nil
		s, err := recipe.FetchRelease(t.Context(), get, c.index, "The.Name", c.version, nil)
		if err != nil || s.Version != "1.10" {
			t.Fatal(err)
		}
		if got := strings.Join(asked, " "); got != c.asks {
			t.Errorf("asked %s, want %s", got, c.asks)
		}
	}
	if _, err := recipe.FetchRelease(t.Context(), get, "https://index.example/simple", "unknown", "", nil); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	if _, err := recipe.FetchRelease(t.Context(), get, "https://index.example/simple", "../admin", "", nil); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}
