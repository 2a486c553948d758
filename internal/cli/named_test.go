package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasi/assembler"
)

// What the farm has built is checked and run by its name.
func TestBuildsByName(t *testing.T) {
	program := &record.Requires{Loaders: []string{"wasip1"}}
	farm := &api.Fake{}
	var p assembler.Program
	blob, err := farm.PutBlob(t.Context(), bytes.NewReader(p.Assemble(p.Exit(assembler.I32(7)))))
	if err != nil {
		t.Fatal(err)
	}
	farm.Builds = map[string]record.Build{
		"markupsafe@wasip1_cp313": {Recipe: "markupsafe", Artifacts: []record.Artifact{{Filename: "markupsafe-3-cp313-wasi_wasm32.tar.gz", Kind: record.KindStatic, Requires: program}}},
		"hello@wasip1_cp313":      {Recipe: "hello", Artifacts: []record.Artifact{{Filename: "hello-1.wasm", Kind: record.KindApp, Digest: blob.Digest, Requires: program}}},
		"libzlib":                 {Recipe: "libzlib", Artifacts: []record.Artifact{{Filename: "libzlib-1.tar.gz", Kind: record.KindLibrary}}},
		"broken":                  {Recipe: "broken", Key: "abcdef", Outcome: record.Failed},
	}
	if out, err := wasmill(t, farm, "check", "markupsafe@wasip1_cp313", "--runtime", "wazero"); err != nil || out != "markupsafe-3-cp313-wasi_wasm32.tar.gz: can work on wazero\n" {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := wasmill(t, farm, "check", "hello@wasip1_cp313", "--runtime", "node24"); !errors.Is(err, command.ErrFailed) {
		t.Errorf("a program in a JavaScript host of wheels: %v", err)
	}
	if _, err := wasmill(t, farm, "exec", "hello@wasip1_cp313"); !errors.Is(err, command.Ended(7)) {
		t.Errorf("the program ended with %v", err)
	}
	if _, err := wasmill(t, farm, "app", "show", "hello@wasip1_cp313"); err == nil || !strings.Contains(err.Error(), "hello-1.wasm: ") {
		t.Errorf("what is inside a program of another maker: %v", err)
	}
	for args, want := range map[string]string{
		"exec markupsafe@wasip1_cp313": "is no program but a static package: `wasmill app markupsafe` links it into one",
		"check libzlib":                "is nothing that a runtime loads",
		"check broken":                 "no build of broken has passed",
		"exec nothing-of-this-name":    "is no file here, and of the farm's builds",
		"exec nothing.wasm":            "there is no file nothing.wasm",
	} {
		_, err := wasmill(t, farm, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err).ExitStatus() != 2 {
			t.Errorf("%s: %v", args, err)
		}
	}
}
