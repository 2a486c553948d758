package python

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/pyodide"
	"github.com/wasmill/wasmill/internal/term"
	"github.com/wasmill/wasmill/internal/version"
	"github.com/wasmill/wasmill/internal/wasi"
	"github.com/wasmill/wasmill/internal/world"
)

// info is what runs Python here, as --wasm-info tells it.
type info struct {
	Version     string   `json:"version"` // of python-wasm
	Executable  string   `json:"executable"`
	Kind        string   `json:"kind"`      // of runtime: node, chromium, wasi
	Toolchain   string   `json:"toolchain"` // the ABI's platform tag
	Python      string   `json:"python"`
	Pyodide     string   `json:"pyodide,omitempty"`
	Runtime     string   `json:"runtime"` // Pyodide's folder, or python.wasm
	Node        *program `json:"node,omitempty"`
	Chromium    *program `json:"chromium,omitempty"`
	Environment string   `json:"virtual_environment,omitempty"` // folder
	Prefix      string   `json:"prefix"`                        // of packages outside of virtual environments
	Cache       string   `json:"cache"`
	Snapshot    string   `json:"snapshot,omitempty"` // file that a plain start begins with, where it is there and whole
	// Measured is the name under which such a node was measured (wasmill runtime show NAME), and Features what was found of what a
	// host may offer, whichever ABI is chosen: "host.jspi". Both are empty where no such node was.
	Measured string          `json:"measured,omitempty"`
	Features map[string]bool `json:"features,omitempty"`
}

type program struct {
	Program string `json:"program"`
	Version string `json:"version"`
}

// tellWASI is tell for a Python for WASI.
func (h home) tellWASI(ctx context.Context, o options, executable string, out io.Writer) error {
	w, err := h.wasiPython(ctx, o, executable)
	if err != nil {
		return err
	}
	i := info{
		Version: version.Version, Executable: executable, Kind: runtimeWASI, Toolchain: wasiTag, Python: w.python, Runtime: w.program,
		Prefix: h.prefix, Cache: h.cache,
	}
	return i.tell(o, executable, "wazero", out)
}

// tellChromium is tell for a browser.
func (h home) tellChromium(ctx context.Context, o options, executable string, r pyodide.Release, out io.Writer) error {
	browser, runtime, _, err := h.browserParts(ctx, o, r)
	if err != nil {
		return err
	}
	found, err := chromiumVersion(ctx, browser)
	if err != nil {
		return err
	}
	i := info{
		Version: version.Version, Executable: executable, Kind: runtimeChromium, Toolchain: r.PlatformTag, Python: r.Python, Pyodide: r.Version,
		Runtime: runtime, Prefix: h.prefix, Cache: h.cache, Chromium: &program{browser, found},
	}
	return i.tell(o, executable, "chromium", out)
}

// tell says what runs Python here. What is missing of it is fetched: after it, no start needs the network.
func (h home) tell(ctx context.Context, o options, executable string, r pyodide.Release, out io.Writer) error {
	n, runtime, scripts, err := h.parts(ctx, o, r)
	if err != nil {
		return err
	}
	i := info{
		Version: version.Version, Executable: executable, Kind: runtimeNode, Toolchain: r.PlatformTag, Python: r.Python, Pyodide: r.Version, Runtime: runtime,
		Prefix: h.prefix, Cache: h.cache, Node: &program{n.program, n.version},
	}
	s := h.snapshotFor(filepath.Base(runtime), n.version, filepath.Base(scripts), planStart(nil, nil))
	if _, err := s.check(); err == nil {
		i.Snapshot = s.file
	}
	return i.tell(o, executable, n.world(), out)
}

// tell adds what was measured of such a runtime.
func (i info) tell(o options, executable, runtime string, out io.Writer) error {
	if folder, ok := venvFolder(executable); ok {
		i.Environment = folder
	}
	if measured, err := world.Find(runtime); err == nil {
		i.Measured, i.Features = measured.Name, map[string]bool{}
		for name, answer := range measured.Answers {
			if strings.HasPrefix(name, "host.") {
				i.Features[name] = answer.Has
			}
		}
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(i)
	}
	return i.print(out)
}

func (i info) print(out io.Writer) error {
	rows := [][]string{
		{"python-wasm", i.Version + ", " + i.Executable},
		{"runtime", i.Kind},
		{"toolchain", i.Toolchain + ": Python " + i.Python},
	}
	if i.Pyodide != "" {
		rows = append(rows, []string{"pyodide", i.Pyodide + ", " + i.Runtime})
	} else {
		rows = append(rows, []string{"python.wasm", i.Runtime}, []string{"wazero", wasi.Version})
	}
	if i.Chromium != nil {
		rows = append(rows, []string{"chromium", i.Chromium.Version + ", " + i.Chromium.Program})
	}
	rows = append(rows, []string{"cache", i.Cache})
	if i.Node != nil {
		snapshot := i.Snapshot
		if snapshot == "" {
			snapshot = "none yet: the next start makes it"
		}
		rows = append(rows, []string{"node", i.Node.Version + ", " + i.Node.Program}, []string{"snapshot", snapshot})
	}
	if i.Environment != "" {
		rows = append(rows, []string{"virtual environment", i.Environment})
	} else {
		rows = append(rows, []string{"packages", i.Prefix})
	}
	if i.Node != nil && i.Measured != "" {
		jspi := "no: asyncio waits for time only"
		if i.Features["host.jspi"] {
			jspi = "yes"
		}
		rows = append(rows, []string{"JSPI", fmt.Sprintf("%s (wasmill runtime show %s)", jspi, i.Measured)})
	}
	return term.Table(out, rows)
}
