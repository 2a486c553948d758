//go:build engine

package build_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/build/buildtest"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// rustFarm builds in the image of the extension rust, which WASMILL_RUST_IMAGE names. It is baked on demand only, so that
// these tests are not in every run: `make nightly` has them.
func rustFarm(t *testing.T) *farm {
	t.Helper()
	ref := os.Getenv("WASMILL_RUST_IMAGE")
	if ref == "" {
		t.Skip("WASMILL_RUST_IMAGE names no image with Rust; `make nightly` bakes one")
	}
	f := *realFarm(t)
	if err := f.builder.Engine.Pull(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	text, err := buildtest.Cat(t.Context(), f.builder.Engine, ref, "/opt/wasmill/etc/toolchain.json")
	if err != nil {
		t.Fatal(err)
	}
	f.image.Facts = toolchain.Facts{}
	if err := json.Unmarshal(text, &f.image.Facts); err != nil {
		t.Fatal(err)
	}
	_, f.image.Build, _ = strings.Cut(ref, "/")
	return &f
}

func TestRustRecipesGiveTheSameBytesTwice(t *testing.T) {
	f := rustFarm(t)
	for name, wheel := range map[string]string{
		"rpds-py": "rpds_py-2026.9.1-cp315-cp315-pyemscripten_2026_5_wasm32.whl", // maturin
		"bcrypt":  "bcrypt-5.0.0-cp315-cp315-pyemscripten_2026_5_wasm32.whl",     // setuptools-rust
	} {
		t.Run(name, func(t *testing.T) {
			r, err := recipe.Load(filepath.Join("..", "..", "recipes", name, recipe.MetaFile))
			if err != nil {
				t.Fatal(err)
			}
			first := f.build(t, r, nil)
			if first.Record.Outcome != record.Passed {
				t.Fatalf("%+v\n%s", first.Record.Failure, tail(first.log))
			}
			if got := filepath.Base(first.Path); got != wheel {
				t.Errorf("the wheel is %s, want %s", got, wheel)
			}
			crates := 0
			for _, in := range first.Record.Inputs {
				if in.Kind == "crate" {
					crates++
				}
			}
			if crates == 0 {
				t.Errorf("the record names no crates: %+v", first.Record.Inputs)
			}
			second := f.build(t, r, func(j *build.Job) { j.Lock = first.Lock })
			a, b := contents(t, first.Path), contents(t, second.Path)
			if !bytes.Equal(a, b) {
				t.Errorf("different wheels, %d and %d bytes", len(a), len(b))
			}
			t.Logf("%d crates, %d bytes", crates, len(a))
		})
	}
}

// Scripts of other people's recipes install a toolchain; ours is there, and says so.
func TestRustupIsAnswered(t *testing.T) {
	f := rustFarm(t)
	files := map[string]string{
		"meta.yaml": "package: {name: story, version: '1.0'}\nsource: {path: src}\nrequirements: {executable: [rustup]}\nwasmill: {pure: true}\nbuild:\n  script: |\n" +
			"    rustup toolchain install nightly-2025-06-27 && rustup default nightly-2025-06-27\n" +
			"    rustup target add wasm32-unknown-emscripten --toolchain nightly-2025-06-27\n" +
			"    rustup component add rust-src\n" +
			"    rustup run stable rustc --version\n" +
			"    if rustup target add riscv64gc-unknown-linux-gnu; then exit 1; fi\n" +
			"    if rustup frobnicate; then exit 1; fi\n",
		"src/pyproject.toml": pyproject,
		"src/story.py":       "x = 1\n",
		"src/setup.cfg":      "[options]\npy_modules = story\n",
	}
	out := f.build(t, loadRecipe(t, "story", files), nil)
	if out.Record.Outcome != record.Passed {
		t.Fatalf("%+v\n%s", out.Record.Failure, tail(out.log))
	}
	for _, want := range []string{"The toolchain of this image is fixed: rustc 1.97.1", "there is no target riscv64gc-unknown-linux-gnu", "does not know frobnicate"} {
		if !strings.Contains(out.log, want) {
			t.Errorf("the log lacks %q:\n%s", want, tail(out.log))
		}
	}
}
