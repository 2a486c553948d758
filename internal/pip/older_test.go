package pip

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/wheel"
)

// shop is an index: file names, with what each requires.
type shop map[string][]string

func (s shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if file, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/files/"), ".metadata"); ok {
		parts := strings.Split(file, "-")
		fmt.Fprintf(w, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", parts[0], parts[1])
		for _, q := range s[file] {
			fmt.Fprintf(w, "Requires-Dist: %s\n", q)
		}
		return
	}
	type file map[string]any
	var files []file
	for name := range s {
		if project, _, _ := strings.Cut(name, "-"); wheel.Normalize(project) == strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple"), "/") {
			files = append(files, file{"filename": name, "url": "/files/" + name, "hashes": map[string]string{"sha256": strings.Repeat("a", 64)}})
		}
	}
	if files == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", jsonForm)
	_ = json.NewEncoder(w).Encode(map[string]any{"files": files})
}

func searchIn(t *testing.T, indexes ...shop) *search {
	s := &search{
		projects: &projects{
			client: http.DefaultClient, python: "3.15", platforms: []string{"pyemscripten_2026_5_wasm32"}, pages: map[string]*page{}, texts: map[string]*wheel.Metadata{},
		},
		environment: wheel.Emscripten("3.15"), constraints: map[string][]wheel.Specifier{},
	}
	for _, i := range indexes {
		server := httptest.NewServer(i)
		t.Cleanup(server.Close)
		s.bases = append(s.bases, server.URL+"/simple/")
	}
	return s
}

func requirements(t *testing.T, texts ...string) (out []wheel.Requirement) {
	t.Helper()
	for _, text := range texts {
		q, err := wheel.ParseRequirement(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, q)
	}
	return out
}

const linux = "-cp315-cp315-manylinux_2_17_x86_64.whl"

// pypi is what made people wonder: an ancient pure wheel of a package that has been compiled ever since.
var pypi = shop{
	"model-1.0-py3-none-any.whl":                            nil,
	"model-2.0-py3-none-any.whl":                            {"core==2.5", "words; extra == 'nice'", "winner; sys_platform == 'win32'"},
	"core-0.0.1-py3-none-any.whl":                           nil,
	"core-2.5" + linux:                                      nil,
	"core-2.5.tar.gz":                                       nil,
	"core-2.6" + linux:                                      nil,
	"words-1.0.tar.gz":                                      nil,
	"winner-1.0-cp315-cp315-win_amd64.whl":                  nil,
	"both-1.0-py3-none-any.whl":                             {"core", "old"},
	"old-1.0-py3-none-any.whl":                              {"core<1"},
	"served-1.0-cp315-cp315-pyemscripten_2026_5_wasm32.whl": nil,
	"served-1.1-cp314-cp314-pyemscripten_2026_0_wasm32.whl": nil,
	"early-1.0-py3-none-any.whl":                            nil,
	"early-2.0rc1" + linux:                                  nil,
	"other-1.0-cp315-cp315-pyemscripten_2026_5_wasm32.whl":  nil,
	"other-1.0" + linux:                                     nil,
	"round-1.0-py3-none-any.whl":                            {"trip"},
	"trip-1.0-py3-none-any.whl":                             {"round", "core==2.5"},
	"unknown-1.0-py3-none-any.whl":                          {"not-on-this-index"},
	"extras-1.0-py3-none-any.whl":                           {"model[nice]"},
	"far-1.0-cp315-cp315-macosx_11_0_arm64.whl":             nil,
	"pinned-1.0-py3-none-any.whl":                           {"core>=2"},
}

func TestWhatIsLacking(t *testing.T) {
	for _, c := range []struct {
		name        string
		wanted      []string
		constraints []string
		want        []string // "name version, needed by"
	}{
		{"what everything needs has no wheel", []string{"model"}, nil, []string{"core 2.5, model 2.0"}},
		{"the package itself has none", []string{"core"}, nil, []string{"core 2.6, "}},
		{"who asks for the old version gets it", []string{"core<1"}, nil, nil},
		{"constraints count", []string{"core"}, []string{"core<1"}, nil},
		{"so does what others need", []string{"both"}, nil, nil},
		{"requirements of extras only where asked for", []string{"extras"}, nil, []string{"words 1.0, model 2.0", "core 2.5, model 2.0"}},
		{"a wheel of this ABI is enough", []string{"other"}, nil, nil},
		{"one of another ABI is not", []string{"served"}, nil, []string{"served 1.1, "}},
		{"pre-releases don't count", []string{"early"}, nil, nil},
		{"packages that need each other", []string{"round"}, nil, []string{"core 2.5, trip 1.0"}},
		{"what no index has is uv's to tell", []string{"unknown"}, nil, nil},
		{"no source either", []string{"far"}, nil, []string{"far 1.0, "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := searchIn(t, pypi)
			for _, q := range requirements(t, c.constraints...) {
				s.constraints[q.Name] = append(s.constraints[q.Name], q.Specifier)
			}
			lacks, err := s.findLacks(t.Context(), requirements(t, c.wanted...))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, l := range lacks {
				got[fmt.Sprintf("%s %s, %s", l.name, l.release.version, l.neededBy)] = true
			}
			want := map[string]bool{}
			for _, w := range c.want {
				want[w] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatWouldBeOlder(t *testing.T) {
	s := searchIn(t, pypi)
	got, err := s.compare(t.Context(), []change{
		{"model", "1.0", "installed"}, {"core", "0.0.1", "installed"}, {"other", "1.0", "installed"}, {"old", "1.0", "uninstalled"}, {"mine", "", "installed"},
	}, requirements(t, "model", "core<2.6"))
	if err != nil {
		t.Fatal(err)
	}
	want := []older{{"model", "1.0", "2.0"}, {"core", "0.0.1", "2.5"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(older{})); diff != "" {
		t.Error(diff)
	}
}

// As uv does it: the first index that has a project is the only one that counts.
func TestTheFirstIndexCounts(t *testing.T) {
	farm := shop{"core-2.5-cp315-cp315-pyemscripten_2026_5_wasm32.whl": nil}
	s := searchIn(t, farm, pypi)
	lacks, err := s.findLacks(t.Context(), requirements(t, "model", "core"))
	if err != nil || len(lacks) != 0 {
		t.Error(lacks, err)
	}
}

func TestAnIndexThatFails(t *testing.T) {
	s := searchIn(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer server.Close()
	s.bases = []string{strings.Replace(server.URL, "://", "://me:secret@", 1) + "/simple"}
	_, err := s.compare(context.Background(), []change{{"model", "1.0", "installed"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "500") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestIndexesWithoutJSON(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!DOCTYPE html><a href="../../f/core-1.0-py3-none-any.whl#sha256=`+strings.Repeat("b", 64)+`" data-requires-python="&gt;=3.8">core-1.0-py3-none-any.whl</a>
<a data-yanked="broken" href="../../f/core-2.0-py3-none-any.whl">core-2.0-py3-none-any.whl</a>`)
	}))
	defer server.Close()
	s := searchIn(t)
	s.bases = []string{server.URL + "/simple/"}
	page, err := s.page(t.Context(), "core")
	if err != nil || page == nil {
		t.Fatal(page, err)
	}
	newest := page.newest(false)
	if newest.version.String() != "1.0" || newest.wheel.SHA256 != strings.Repeat("b", 64) || newest.wheel.URL != server.URL+"/f/core-1.0-py3-none-any.whl" {
		t.Errorf("%+v", newest.wheel)
	}
}
