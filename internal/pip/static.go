package pip

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/world"
)

// linkedIn is the command that makes a Python for WASI with packages in it.
func linkedIn(pins string) string {
	return fmt.Sprintf("wasmill app %s --out python.wasm   and then python-wasm --runtime wasi --wasi-python python.wasm", pins)
}

// refuseCompiled is for WASI, where nothing can be loaded: it says of the compiled wheels on the command line what they want that isn't
// there. uv would only say that their tags are others.
func (in *installation) refuseCompiled() error {
	if !in.p.Static {
		return nil
	}
	for _, word := range in.r.words {
		path, _, _ := strings.Cut(word, "[")
		if !isPath(word) || !strings.HasSuffix(path, ".whl") || forAny(filepath.Base(path)) {
			continue
		}
		host, err := world.Find("wazero")
		if err != nil {
			return err
		}
		if _, err := os.Stat(path); err != nil {
			return failed("%v\nNothing was changed.", err)
		}
		name, err := wheel.ParseFilename(filepath.Base(path))
		if err != nil {
			return failed("%v\nNothing was changed.", err)
		}
		why := []string{"Python for WASI loads no modules: those of packages are linked into it"}
		// What is for this machine is in no language that a WebAssembly runtime could lack something of.
		if requires, err := audit.Requires(path); err == nil {
			for _, m := range world.Check(requires, host) {
				why = append(why, host.Name+" lacks "+m.String())
			}
		}
		return failed("%s can't be loaded under WASI:\n  %s\nLink it in:     %s\nNothing was changed.", filepath.Base(path), strings.Join(why, "\n  "), linkedIn(name.Name+"=="+name.Version))
	}
	return nil
}

// exclude keeps uv from looking for what is linked in.
func (in *installation) exclude() error {
	if len(in.p.Linked) == 0 {
		return nil
	}
	f, err := os.CreateTemp("", "wasmill-linked-*.txt")
	if err != nil {
		return fault.Errorf(fault.KindOf(err), "noting what is linked in: %w", err)
	}
	in.excludes = f.Name()
	for _, pin := range in.p.Linked {
		name, _, _ := strings.Cut(pin, "==")
		fmt.Fprintln(f, name)
		if in.r.quiet == 0 && slices.ContainsFunc(in.w.requirements, func(q wheel.Requirement) bool { return wheel.Normalize(q.Name) == wheel.Normalize(name) }) {
			fmt.Fprintln(in.p.Stdout, "Requirement already satisfied:", pin, "(it is linked into this Python)")
		}
	}
	return f.Close()
}
