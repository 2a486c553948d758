package recipe_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/recipe"
)

// The graph: tiff (a library) needs jpeg and zlib, zlib needs nothing; pillow links tiff only. numpy and cffi are seen
// by builds; contour only runs with numpy, and scipy both links and runs with it; cffi runs with pycparser.
func TestHosts(t *testing.T) {
	parsed := func(name, build string, host, run string) *recipe.Recipe {
		t.Helper()
		text := "package: {name: " + name + ", version: '1'}\nsource: {path: src}\nbuild: {" + build + "}\nrequirements: {host: [" + host + "], run: [" + run + "]}\n"
		r, err := recipe.Parse(name+"/meta.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const library, seen = "type: static_library", "cross-build-env: true"
	set, err := recipe.NewSet(
		parsed("zlib", library, "", ""), parsed("jpeg", library, "", ""), parsed("tiff", library, "jpeg, zlib", ""),
		parsed("pillow", "", "Tiff", ""),
		parsed("numpy", seen, "openblas", ""), parsed("openblas", library, "", ""),
		parsed("contour", "", "", "numpy, six"), parsed("six", "", "", ""),
		parsed("scipy", "", "numpy", "numpy"),
		parsed("pycparser", seen, "", ""), parsed("cffi", seen, "", "pycparser"), parsed("argon", "", "", "cffi"), parsed("argon-cli", "", "", "argon"),
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"zlib":      nil,
		"tiff":      {"jpeg", "zlib"},
		"pillow":    {"jpeg", "zlib", "tiff"}, // and what tiff is linked with
		"numpy":     {"openblas"},
		"contour":   {"numpy"}, // what it runs with, since it may be compiled against it; not numpy's own libraries
		"scipy":     {"numpy"},
		"argon":     {"pycparser", "cffi"},
		"argon-cli": nil,
	} {
		var got []string
		for _, h := range set.Hosts(set.Get(name)) {
			got = append(got, h.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("hosts of %s (-want +got):\n%s", name, diff)
		}
	}
}
