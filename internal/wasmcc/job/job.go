// Package job is what the worker and the driver inside a build container say to each other: a Job, written by the worker
// before the container starts, and a Result, written by the driver when it ends. It also names the places that both sides
// know. It holds no behaviour.
package job

import "github.com/wasmill/wasmill/internal/record"

// Schema is the form of Job and Result. The worker mounts the driver that it was built with, so they never differ; a check
// turns a mistake in a deployment into words.
const Schema = 1

// Places in the container. All of Work is one folder of the worker's; Env and Wheels are mounted beside it.
const (
	Work   = "/work"
	Source = Work + "/src"    // the unpacked source, in a folder of its own
	Recipe = Work + "/recipe" // patches, extras and what else the recipe's folder holds: $PKGDIR
	Libs   = Work + "/libs"   // headers and static libraries of host dependencies: $WASM_LIBRARY_DIR
	Dist   = Work + "/dist"   // where wheels are put: $DISTDIR
	Wheel  = Work + "/wheel"  // the unpacked wheel, if there is a post script
	Home   = Work + "/home"
	Cargo  = Work + "/cargo" // $CARGO_HOME: the crates of a recipe in Rust, in vendor
	File   = Work + "/job.json"
	Out    = Work + "/result.json"

	Env    = "/env"    // the native environment of the lock
	Wheels = "/wheels" // while Env is made: the locked wheels
	Lock   = Work + "/requirements.txt"
)

// PhaseMarker begins the line of output with which the driver announces a phase.
const PhaseMarker = "==> phase: "

// Kind says what a container is for.
type Kind string

// The kinds of jobs.
const (
	MakeEnv  Kind = "env"      // fill Env from Wheels and Lock
	Requires Kind = "requires" // what build-system.requires says once patches and script have been at the source
	Build    Kind = "build"    // make a wheel
	Install  Kind = "install"  // patches and script only: of a library, which it installs into Libs or Dist, or of a source that is looked at
)

// Job is the work of one container.
type Job struct {
	Schema  int    `json:"schema"`
	Kind    Kind   `json:"kind"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Dir is the source's folder, below Source.
	Dir     string      `json:"dir,omitempty"`
	Patches []string    `json:"patches,omitempty"` // below Recipe, in order
	Extras  [][2]string `json:"extras,omitempty"`  // from below Recipe, to below Dir

	Script      string `json:"script,omitempty"`
	CrossScript string `json:"cross_script,omitempty"`
	Post        string `json:"post,omitempty"`
	// Ready is the name of a wheel that is in Dist already: nothing is compiled, only scripts run.
	Ready string `json:"ready,omitempty"`
	// Ask: run get_requires_for_build_wheel first, and if it names requirements that Known lacks, stop and say so.
	Ask   bool     `json:"ask,omitempty"`
	Known []string `json:"known,omitempty"`

	// Flags and settings with their variables, which are substituted after Script.
	CFlags   string    `json:"cflags,omitempty"`
	CXXFlags string    `json:"cxxflags,omitempty"`
	LDFlags  string    `json:"ldflags,omitempty"`
	Settings []Setting `json:"settings,omitempty"`
	Exports  string    `json:"exports,omitempty"`
	Symbols  []string  `json:"symbols,omitempty"`

	Executables []string `json:"executables,omitempty"` // must be there
	Python      string   `json:"python"`                // "3.15"
	// Environment is set before anything else: the toolchain's variables.
	Environment map[string]string `json:"environment,omitempty"`
	Target      string            `json:"target,omitempty"` // the compiler's name of what is compiled for; empty for Emscripten's
	PlatformTag string            `json:"platform_tag"`
	Emscripten  string            `json:"emscripten"`
	Jobs        int               `json:"jobs"`  // compilers at a time
	Epoch       int64             `json:"epoch"` // SOURCE_DATE_EPOCH
}

// Setting is a config setting of PEP 517; several values make a list.
type Setting struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
}

// Result is what the driver leaves. A Result without Failure and Requires means that Dist or Wheel holds the wheel.
type Result struct {
	Schema int `json:"schema"`
	// Failure has no Detail: the worker, who has the log, adds it.
	Failure *record.Failure `json:"failure,omitempty"`
	// Requires are requirements that the environment lacks (Job.Ask), or the static ones (kind Requires).
	Requires []string `json:"requires,omitempty"`
	// Wheel is the name of the wheel's file in Dist.
	Wheel string `json:"wheel,omitempty"`
	// Modules are the dotted names of the extension modules that the source's own build set out to make.
	Modules []string `json:"modules,omitempty"`
	// Optional are those of Modules that the build does without, by its own words, where they do not compile.
	Optional []string `json:"optional,omitempty"`
	// Links are the base names of the shared objects that were linked or tried to be.
	Links []string `json:"links,omitempty"`
	// Unlinked are those of Links that could not be linked.
	Unlinked []string `json:"unlinked,omitempty"`
	// Headers are the folders in Env, relative to it, in which compilers looked for headers.
	Headers []string `json:"headers,omitempty"`

	Compilers record.Compilers `json:"compilers"`

	PeakMemory  int64 `json:"peak_memory_bytes"`
	OOMKills    int64 `json:"oom_kills"`    // processes that the kernel killed for memory
	RefusedPids int64 `json:"refused_pids"` // forks that failed for the limit
}
