package pip

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
)

// pure says whether a version without a wheel has a source archive that holds nothing to compile. Nothing of it is run.
func (p *Python) pure(ctx context.Context, l lack) (bool, error) {
	source := l.release.source
	if source == nil || len(l.release.others) > 0 || source.SHA256 == "" {
		return false, nil
	}
	archive, err := p.fetcher().Get(ctx, fetch.Source{URL: source.URL, SHA256: source.SHA256, Package: l.name})
	if err != nil {
		return false, fmt.Errorf("looking into the source of %s: %w", l.name, err)
	}
	dir, err := os.MkdirTemp("", "wasmill-look-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if err := fetch.Unpack(archive, filepath.Join(dir, "source"), fetch.Unpacking{}); err != nil {
		return false, fmt.Errorf("looking into %s: %w", source.Name, err)
	}
	facts := recipe.LookAtSource(os.DirFS(filepath.Join(dir, "source")))
	return !facts.Compiles() && len(facts.Executables) == 0, nil
}

// envServer names a farm, as for wasmill itself.
const envServer = "WASMILL_SERVER"

// server is the farm's address; empty: there is none.
func (p *Python) server() string { return strings.TrimSuffix(p.lookup(envServer), "/") }

// buildWheel has wasmill build a version: in this machine's own containers, or on the farm.
func (in *installation) buildWheel(ctx context.Context, l lack) error {
	p := in.p
	if p.Static {
		return failed("--build: what is compiled for WASI can't be installed, only linked in. %s\nNothing was changed.", linkedIn(l.name+"=="+l.release.version.String()))
	}
	wasmill, err := p.wasmill()
	if err != nil {
		return err
	}
	pin := l.name + "==" + l.release.version.String()
	toolchain := strings.TrimSuffix(p.Release.PlatformTag, "_wasm32")
	args := []string{"build", "--out", p.builtWheels(), "--toolchain", toolchain, pin}
	if p.server() != "" {
		args = []string{"submit", "--wait", "--toolchain", toolchain, pin}
	}
	fmt.Fprintf(p.Stderr, "%s has no wheel for %s: wasmill %s\n", pin, p.Release.PlatformTag, strings.Join(args, " "))
	cmd := exec.Command(wasmill, args...)
	cmd.Env = p.Environ
	cmd.Stdout, cmd.Stderr = p.Stderr, p.Stderr
	err = run(ctx, cmd)
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return failed("%s was not built (wasmill ended with %d). Nothing was changed.", pin, e.ExitCode())
	}
	if err != nil {
		return err
	}
	in.s.forget() // the farm's index has something new
	return nil
}

// wasmill is beside python-wasm, or on PATH.
func (p *Python) wasmill() (string, error) {
	if program, err := filepath.EvalSymlinks(p.Program); err == nil {
		beside := filepath.Join(filepath.Dir(program), "wasmill")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	found, err := exec.LookPath("wasmill")
	if err != nil {
		return "", fault.Errorf(fault.NotFound, "--build needs the program wasmill, which is neither beside python-wasm nor on PATH")
	}
	return found, nil
}
