package provenance

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestStatementNamesEveryInputAndTheCompiler(t *testing.T) {
	hex := func(c byte) record.Digest {
		d := []byte("sha256:")
		for range 64 {
			d = append(d, c)
		}
		return record.Digest(d)
	}
	b := &record.Build{
		Key: "k1", Recipe: "markupsafe", Version: "3.0.3", Started: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		Toolchain: record.Toolchain{Name: "pyemscripten_2026_5", Digest: hex('a'), Compiler: "Debian emscripten 6.0.5, without Pyodide's patches"},
		Inputs: []record.Input{
			{Kind: "source", Name: "markupsafe-3.0.3.tar.gz", URL: "https://example.org/markupsafe-3.0.3.tar.gz", Digest: hex('b')},
			{Kind: "toolchain", Name: "pyemscripten_2026_5", Digest: hex('a')},
		},
		Requires:  []record.Requirement{{Name: "setuptools", Version: "80.0", File: "setuptools-80.0-py3-none-any.whl", Digest: hex('c')}},
		Phases:    []record.PhaseTime{{Phase: record.PhaseCompile, Seconds: 1.5}},
		Artifacts: []record.Artifact{{Filename: "markupsafe-3.0.3-cp315-cp315-pyemscripten_2026_5_wasm32.whl", Digest: hex('d')}},
		Log:       &record.Blob{Digest: hex('e')},
	}
	got, err := Statement(b, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/statement.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestABuildWithoutArtifactHasNoProvenance(t *testing.T) {
	if _, err := Statement(&record.Build{Recipe: "x"}, "1"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("err = %v", err)
	}
}
