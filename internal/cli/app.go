package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	wasmapp "github.com/wasmill/wasmill/internal/app"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/term"
	"github.com/wasmill/wasmill/internal/worker"
)

// wasiToolchain is what apps are linked with unless --toolchain names another.
const wasiToolchain = "wasip1_cp313"

// madeApp is an app that was written, and what is inside it.
type madeApp struct {
	File     string           `json:"file"`
	Size     int64            `json:"size_bytes"`
	Digest   record.Digest    `json:"digest"`
	Key      string           `json:"key"`
	Contents wasmapp.Contents `json:"contents"`
	Requires *record.Requires `json:"requires,omitempty"`
	Run      api.Run          `json:"run"`
}

func (a *app) appCommand() *cobra.Command {
	t, out, slots, dry := targets{lane: "interactive", toolchain: wasiToolchain}, "app.wasm", worker.DefaultSlots(), false
	var spec recipe.AppSpec
	var script []byte
	making := a.outliving(func(ctx context.Context, farm api.Farm, args []string) error {
		req, name, err := a.appRequest(ctx, farm, &t, args, spec, script)
		if err != nil {
			return err
		}
		if dry {
			return a.showPlan(ctx, farm, req)
		}
		run, err := a.carryOut(ctx, farm, req, slots)
		if err != nil {
			return err
		}
		if run.State != "passed" {
			if err := a.print(madeApp{Run: run}, func(w io.Writer) error { return runTable(w, run) }); err != nil {
				return err
			}
			return outcome(run)
		}
		made, err := a.writeApp(ctx, farm, run, name, out)
		if err != nil {
			return err
		}
		return a.print(made, func(w io.Writer) error { return made.write(w) })
	})
	cmd := &cobra.Command{
		Use:   "app [flags] NAME… | NAME==VERSION | PROJECT-DIR",
		Short: "Make one .wasm of a project or of packages, which runs on any WASI without a file beside it",
		Long: `Builds recipes of a folder, releases on the package index, or a project's folder, and what they need, for WASI (preview 1), and
links them with the interpreter and the standard library into one program: their modules, their data, their metadata. What the
program runs is --entry or --script, and its arguments are theirs. Without either it is a Python, with Python's command line and
these packages inside.

The farm does it all, as with ` + "`wasmill build`" + `; what was linked before of the same is not linked again, and the same gives the
same bytes. Pure packages that are required and have no recipe are taken from the package index, by their sha256.
` + "`wasmill exec`" + ` runs the program here, ` + "`wasmill app show`" + ` says what is inside it. docs/reference/apps.md has more.`,
		Example: `  wasmill app . --entry hello.main:run --out hello.wasm       # the project here
  wasmill app markupsafe msgpack --out python.wasm            # a Python with packages
  wasmill app lz4 --script pack.py --out pack.wasm            # a file, with what it imports
  wasmill app . --entry hello --strip-sources --exclude-modules unittest,pydoc,_codecs_jp
  wasmill exec hello.wasm --name you`,
		Args: command.Arguments(1, -1, "a recipe, a release or a project's folder"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if script, err = readEntry(&spec); err != nil { // before anything is started
				return err
			}
			return making(cmd, args)
		},
	}
	t.which(cmd)
	t.how(cmd)
	command.MirrorsFlag(cmd.Flags(), &a.mirrors)
	command.CacheFlag(cmd.Flags(), &a.cache, worker.DefaultCache)
	command.CratesFlag(cmd.Flags(), &a.crates)
	dryFlag(cmd, &dry, "built", "build")
	flags := cmd.Flags()
	flags.StringVar(&spec.Entry, "entry", "", "what the app runs: MODULE, as python -m does, or MODULE:FUNCTION")
	flags.StringVar(&spec.Script, "script", "", "what the app runs: a file")
	flags.StringSliceVar(&spec.ExcludeModules, "exclude-modules", nil, "modules to leave out, with all below them: of the packages, of the standard library, compiled ones too")
	flags.BoolVar(&spec.StripSources, "strip-sources", false, "keep byte code only: tracebacks are then without the lines")
	flags.StringVar(&out, "out", out, "the file to write")
	flags.IntVar(&slots, "slots", slots, "how many small builds run at a time; half as many medium and a quarter as many large ones beside them")
	cmd.AddCommand(a.appShowCommand())
	return cmd
}

// readEntry checks what an app is to run, and reads its script, which becomes one without a folder.
func readEntry(spec *recipe.AppSpec) (script []byte, err error) {
	file := spec.Script
	if file != "" {
		spec.Script = filepath.Base(file)
	}
	if key, problem := spec.Check(); problem != "" {
		return nil, fault.Errorf(fault.Invalid, "--%s: %s", key, problem)
	}
	if file == "" {
		return nil, nil
	}
	script, err = os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.Errorf(fault.NotFound, "--script: there is no file %s", file)
	}
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "--script: %w", err)
	}
	return script, nil
}

// appRequest is a request for an app: a recipe that needs what was named. Its name is that of the app's recipe.
func (a *app) appRequest(ctx context.Context, farm api.Farm, t *targets, args []string, spec recipe.AppSpec, script []byte) (req api.RunRequest, name string, err error) {
	found, err := t.find(ctx, a, farm, args)
	if err != nil {
		return req, "", err
	}
	named := append(found.given, found.chosen...)
	if len(named) == 0 {
		return req, "", fault.Errorf(fault.NotFound, "nothing was chosen that an app could be made of")
	}
	dir, err := os.MkdirTemp("", "wasmill-app-")
	if err != nil {
		return req, "", fmt.Errorf("writing the app's recipe: %w", err)
	}
	defer os.RemoveAll(dir)
	r, err := recipe.WriteApp(dir, named, spec, script)
	if err != nil {
		return req, "", err
	}
	req = t.options()
	found.given, found.found, found.chosen = []*recipe.Recipe{r}, append(found.found, found.given...), nil
	return req, r.Name, found.upload(ctx, farm, &req)
}

// writeApp writes the app of a run aside, and renames it.
func (a *app) writeApp(ctx context.Context, farm api.Farm, run api.Run, name, out string) (madeApp, error) {
	made := madeApp{File: out, Run: run}
	for _, act := range run.Actions {
		if act.Recipe != name {
			continue
		}
		made.Size, made.Digest, made.Key = act.Size, record.Digest(act.Digest), act.Key
	}
	if made.Digest == "" {
		return made, fault.Errorf(fault.Internal, "run %s has passed and made no app", run.ID)
	}
	if build, err := farm.Build(ctx, made.Key); err == nil && len(build.Artifacts) > 0 {
		made.Requires = build.Artifacts[0].Requires
	}
	if err := save(ctx, farm, record.Artifact{Filename: filepath.Base(out), Digest: made.Digest}, filepath.Dir(out)); err != nil {
		return made, err
	}
	var err error
	made.Contents, err = readApp(out)
	return made, err
}

func readApp(file string) (wasmapp.Contents, error) {
	program, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return wasmapp.Contents{}, fault.Errorf(fault.NotFound, "there is no file %s", file)
	}
	if err != nil {
		return wasmapp.Contents{}, fmt.Errorf("reading the app: %w", err)
	}
	c, err := wasmapp.Read(program)
	if err != nil {
		return c, fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return c, nil
}

func (m madeApp) write(w io.Writer) error {
	if m.Run.ID != "" {
		if err := runTable(w, m.Run); err != nil {
			return err
		}
	}
	var parts []string
	for _, p := range m.Contents.Packages {
		parts = append(parts, p.Name+" "+p.Version)
	}
	_, err := fmt.Fprintf(w, "%s (%s): %s, with %s\n", m.File, term.Bytes(m.Size), runs(m.Contents), strings.Join(parts, ", "))
	return err
}

// runs says what an app runs.
func runs(c wasmapp.Contents) string {
	switch {
	case c.Entry != "":
		return "runs " + c.Entry
	case c.Script != "":
		return "runs " + c.Script
	}
	return "Python " + c.Interpreter.Version + " itself"
}

func (a *app) appShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "Say what is inside an app",
		Long: `Says what an app was linked of: the interpreter and the packages, with their versions, the digests of what was built of them, and their
compiled modules; what it runs, and what was left out. It stands in the program itself, as the custom section wasmill.app. A FILE that
isn't there and looks like none is an app of the farm, RECIPE@TOOLCHAIN or a key, which is downloaded once.`,
		Example: "  wasmill app show app.wasm\n  wasmill app show hello-app@wasip1_cp313                  # the last that the farm has made\n  wasmill app show --json app.wasm | jq -r '.packages[].digest'",
		Args:    command.Arguments(1, 1, "an app"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := a.program(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			c, err := readApp(file)
			if err != nil {
				return err
			}
			return a.print(c, func(w io.Writer) error {
				var text bytes.Buffer
				fmt.Fprintf(&text, "%s: %s\n", file, runs(c))
				if len(c.Excluded) > 0 {
					fmt.Fprintf(&text, "left out: %s\n", strings.Join(c.Excluded, ", "))
				}
				if c.NoSources {
					fmt.Fprintln(&text, "without sources")
				}
				fmt.Fprintf(&text, "toolchain %s (%s)\n\n", c.Toolchain, c.Compiler)
				rows := [][]string{{"recipe", "version", "digest", "compiled modules"}}
				for _, p := range append([]wasmapp.Part{c.Interpreter}, c.Packages...) {
					rows = append(rows, []string{p.Name, p.Version, string(p.Digest), strings.Join(p.Modules, " ")})
				}
				if _, err := text.WriteTo(w); err != nil {
					return err
				}
				return term.Table(w, rows)
			})
		},
	}
}
