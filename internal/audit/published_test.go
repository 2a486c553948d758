//go:build integration

package audit_test

import (
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/wheel"
)

const files = "https://files.pythonhosted.org/packages/"

// others are wheels that their projects built with other tools than ours and published: C, Cython, C++ and Rust, for
// three ABIs. (No project has published one for 2024_0, which PyPI did not take.)
var others = []struct {
	url, sha256 string
	warnings    []string // that are true
}{
	{"9d/99/ebc6d669165e1a98a363c0cd558dfde035d0e78dd8a39dbb0662f1345721/dummy_pyodide_ext_test-0.1.0-cp313-cp313-pyemscripten_2025_0_wasm32.whl", "763299694fefe6946961f33c429647163fcceeffabdccb7cbd8d2d122f7b97c9", nil},
	{"9a/85/33abd4315c052d3d4f54c92b1ee49bfbc0dc7115a981e462a793b6d2ab87/charset_normalizer-3.5.2-cp313-cp313-pyemscripten_2025_0_wasm32.whl", "a090bb2c68df85450502e3e20d665e3a5af9c65a84d6508ed477badd49166fd3", nil},
	{"60/76/7f39f49cbcdaa4aafe64b4941b2640772dbdc1cac3a9332f4c9ba6994da9/msgpack-1.2.4-cp313-cp313-pyemscripten_2025_0_wasm32.whl", "d088d1f552e129859db830692268747aba0a1ee3e6e0fe6344dbb3aab1df9f6c", nil},
	{"41/29/efdc3d1d09e4e0e45955b0aad559b4c1f5d908767c9fb1021990c52182a5/msgpack-1.2.4-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "06a0657a4110d563255006b7cb7147432f67827144e429c2cdb1c967548d1817", nil},
	{"f7/4c/070b38bdb5f49a70199fce923ec0726a49536a63ab262abbfcaaf351110b/charset_normalizer-3.5.2-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "ee43c17b173d46a3212baa6ead3ae258eeabdae48c263a01ccf0218c366dd655", nil},
	{"75/5d/c0e6bdb81a87f6bd56a663a330c271af7670490c80d8d635d9fa21ad1adf/msgspec-0.22.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "a66b1766311e42371e509c996c3933b161c7ae0eabdf361af5316dec197e1022", nil},
	{"51/e7/80bf252bb7796fda3115aceadf1dba26448e0bf5d05fafc884cd83a9e792/luau_wasm-0.1a0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "15c352440d63b9d5d7c9b4ebf6970526de3f1ed80525105b7944833767d6824e", nil},
	{"ce/aa/14e436a6a0fa643a66867f32e68e9683e5ccfaa8ff6df13781611dc62783/jiter-0.19.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "707b8194222a343c4a5e1574df95f5ade03e3f1cbdba77d8c89c6af0f40d92cd", []string{"build-path"}},
	{"c6/07/a7d8615b8677bf69e24666bbce431299850c95a7b084649342582a1c3210/pydantic_core-2.50.4-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "e6da138a1ecc1341c8b788a5ee822670b03788e1f5decf7af9d461de6e508b8e", []string{"build-path"}},
	{"f4/cf/14db289e0ad531e22ce0f03284865f81d14fbc80bf3f79d3b1714bcf76cf/msgpack-1.2.4-cp315-cp315-pyemscripten_2026_5_wasm32.whl", "b1f08ec826417e3c8dc3edadb50f38debba033af6cb849229f0eac72f80f2342", nil},
}

// What others built and published, and people use, must not be called broken.
func TestNoFalseAlarmOnPublishedWheels(t *testing.T) {
	for _, c := range others {
		name := path.Base(c.url)
		t.Run(name, func(t *testing.T) {
			cached, err := fetcher.Get(t.Context(), fetch.Source{URL: files + c.url, SHA256: c.sha256})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), name)
			if err := os.Symlink(cached, file); err != nil {
				t.Fatal(err)
			}
			parsed, err := wheel.ParseFilename(name)
			if err != nil {
				t.Fatal(err)
			}
			target := on(t, parsed.Platform)
			found, err := audit.Wheel(file, target)
			if err != nil {
				t.Fatal(err)
			}
			var rules []string
			for _, f := range found {
				rules = append(rules, f.Rule)
			}
			if d := cmp.Diff(c.warnings, rules); d != "" {
				t.Errorf("%s\n%+v", d, found)
			}
			// The audit must have looked: without the runtime's exports, what is imported is undefined.
			target.Runtime = nil
			if without, _ := audit.Wheel(file, target); len(without) <= len(found) {
				t.Errorf("an empty runtime provides all that it needs? %+v", without)
			}
		})
	}
}
