//go:build engine

package build_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/build/buildtest"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// The tests in this file build real packages in the real toolchain image, which WASMILL_BUILD_IMAGE names
// ("host:port/repository@sha256:…", with WASMILL_RUNTIME_IMAGE beside it). Sources and build requirements come from the package index.

// farm is what all tests build with: the folders for what was fetched outlive a test run.
type farm struct {
	builder build.Builder
	image   toolchain.Image
}

var theFarm = sync.OnceValues(newFarm)

func realFarm(t *testing.T) *farm {
	t.Helper()
	if os.Getenv("WASMILL_BUILD_IMAGE") == "" {
		t.Skip("WASMILL_BUILD_IMAGE names no toolchain image")
	}
	f, err := theFarm()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newFarm() (*farm, error) {
	real, err := buildtest.New(context.Background(), os.Getenv("WASMILL_BUILD_IMAGE"), os.Getenv("WASMILL_RUNTIME_IMAGE"))
	if err != nil {
		return nil, err
	}
	return &farm{real.Builder, real.Image}, nil
}

// built is one build and what it printed.
type built struct {
	*build.Output
	log string
}

// build builds a recipe; change may alter the job before.
func (f *farm) build(t *testing.T, r *recipe.Recipe, change func(*build.Job)) built {
	t.Helper()
	var log bytes.Buffer
	job := build.Job{
		Recipe: r, Toolchain: f.image, Limits: build.LimitsOf(r, r.Wasmill.Class), Attempt: strings.ReplaceAll(t.Name(), "/", "-") + "-" + time.Now().Format("150405.000000"),
		Out: t.TempDir(), Log: &log,
	}
	if change != nil {
		change(&job)
	}
	start := time.Now()
	out, err := f.builder.Build(t.Context(), job)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	t.Logf("%s: %s in %.2f s, phases %v, peak %d MiB", r.Name, out.Record.Outcome, time.Since(start).Seconds(), out.Record.Phases, out.Record.PeakMemory>>20)
	return built{out, log.String()}
}

// loadRecipe writes a recipe's folder and reads it.
func loadRecipe(t *testing.T, name string, files map[string]string) *recipe.Recipe {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	writeFiles(t, dir, files)
	r, err := recipe.Load(filepath.Join(dir, recipe.MetaFile))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// project is a recipe for a project in a folder.
func project(t *testing.T, files map[string]string) *recipe.Recipe {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	writeFiles(t, dir, files)
	r, err := recipe.FromProject(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const markupsafe = `package:
  name: markupsafe
  version: 3.0.3
source:
  url: https://files.pythonhosted.org/packages/7e/99/7690b6d4034fffd95959cbe0c02de8deb3098cc577c67bb6a24fe5d7caa7/markupsafe-3.0.3.tar.gz
  sha256: 722695808f4b6457b320fdc131280796bdceb04ab50fe1795cd540799ebe1698
`

func TestMarkupsafeFromItsSdist(t *testing.T) {
	f := *realFarm(t)
	f.builder.Work = t.TempDir() // what a killed test has left in the one of all others says nothing about this one
	r := loadRecipe(t, "markupsafe", map[string]string{"meta.yaml": markupsafe})
	first := f.build(t, r, nil)
	if first.Record.Outcome != record.Passed {
		t.Fatalf("%+v\n%s", first.Record.Failure, first.log)
	}
	if got, want := filepath.Base(first.Path), "markupsafe-3.0.3-cp315-cp315-pyemscripten_2026_5_wasm32.whl"; got != want {
		t.Errorf("the wheel is %s, want %s", got, want)
	}
	if first.Lock == nil || len(first.Lock.Packages) == 0 || len(first.Record.Requires) == 0 {
		t.Errorf("the lock is missing: %+v", first.Lock)
	}
	// Another build of the same inputs, in another work folder, with the lock at hand.
	second := f.build(t, r, func(j *build.Job) { j.Lock = first.Lock })
	a, b := contents(t, first.Path), contents(t, second.Path)
	if !bytes.Equal(a, b) {
		t.Errorf("two builds gave different wheels, %d and %d bytes", len(a), len(b))
	}
	for _, p := range second.Record.Phases {
		if p.Phase == record.PhaseLock || p.Phase == record.PhaseEnv {
			t.Errorf("with lock and environment ready, phase %s was gone through", p.Phase)
		}
	}
	if entries, err := os.ReadDir(f.builder.Work); err != nil || len(entries) != 0 {
		t.Errorf("work folders left behind: %v, %v", entries, err)
	}
}

// What runs during a build is compiled for this machine, also where the wrapper has the plain names.
func TestGeneratorsAreNative(t *testing.T) {
	f := realFarm(t)
	for system, files := range map[string]map[string]string{
		"meson": {
			"pyproject.toml": strings.NewReplacer(`"setuptools"`, `"meson-python"`, "setuptools.build_meta", "mesonpy").Replace(pyproject),
			"meson.build": "project('story', 'c', version: '1.0')\npy = import('python').find_installation(pure: false)\n" +
				"generate = executable('generate', 'generate.c', native: true)\n" +
				"made = custom_target('made', output: 'made.h', command: [generate], capture: true)\n" +
				"py.extension_module('story', 'story.c', made, install: true)\n",
		},
		"make": {
			"pyproject.toml": pyproject,
			"setup.py": "import os, subprocess\nfrom setuptools import Extension, setup\n" +
				"subprocess.check_call([os.environ['CC_FOR_BUILD'], 'generate.c', '-o', 'generate'])\n" +
				"open('made.h', 'w').write(subprocess.check_output(['./generate'], text=True))\nsetup(ext_modules=[Extension('story', ['story.c'])])\n",
		},
	} {
		t.Run(system, func(t *testing.T) {
			files["generate.c"] = "#include <stdio.h>\nint main(void) { printf(\"#define POINTERS %d\\n\", (int)sizeof(void *)); return 0; }\n"
			files["story.c"] = "#include <Python.h>\n#include \"made.h\"\n_Static_assert(POINTERS == 8 && sizeof(void *) == 4, \"generated on the wrong machine\");\n" +
				"static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, \"story\"};\nPyMODINIT_FUNC PyInit_story(void) { return PyModule_Create(&def); }\n"
			out := f.build(t, project(t, files), nil)
			if out.Record.Outcome != record.Passed {
				t.Fatalf("%+v\n%s", out.Record.Failure, tail(out.log))
			}
		})
	}
}
