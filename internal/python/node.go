package python

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/pyodide"
)

// oldestNode is the first whose WebAssembly runs every runtime.
const oldestNode = 20

// node is a program that runs JavaScript.
type node struct{ program, version string }

var versionLine = regexp.MustCompile(`^v(\d+)\.\d+\.\d+\S*\n`)

func (h home) node(ctx context.Context, o options) (node, error) {
	switch o.node {
	case "npm":
		return h.pinnedNode(ctx)
	case "":
		found, err := exec.LookPath("node")
		if err != nil {
			return h.pinnedNode(ctx)
		}
		n, err := h.probeNode(ctx, found)
		if err != nil {
			return h.pinnedNode(ctx)
		}
		return n, nil
	default:
		n, err := h.probeNode(ctx, o.node)
		if err != nil {
			return node{}, fault.Errorf(fault.Invalid, "--node %s: %w", o.node, err)
		}
		return n, nil
	}
}

// probeNode finds out which node a program is. Starting it for that takes as long as a tenth of all, so the answer is kept for as long
// as the program stays the same file.
func (h home) probeNode(ctx context.Context, program string) (node, error) {
	if _, err := os.Stat(program); err != nil {
		return node{}, err
	}
	sum := sha256.Sum256([]byte(fileIdentity(program)))
	kept := filepath.Join(h.cache, "nodes", hex.EncodeToString(sum[:8]))
	out, _ := os.ReadFile(kept)
	if n, err := readVersion(program, out); err == nil {
		return n, nil
	}
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return node{}, fmt.Errorf("asking it for its version: %w", err)
	}
	n, err := readVersion(program, out)
	if err == nil && os.MkdirAll(filepath.Dir(kept), 0o755) == nil {
		_ = os.WriteFile(kept, out, 0o644) // half of it is no version, and is asked for again
	}
	return n, err
}

// fileIdentity is another text when a program is another file.
func fileIdentity(program string) string {
	info, err := os.Stat(program)
	if err != nil {
		return program
	}
	return fmt.Sprintf("%s %d %d", program, info.Size(), info.ModTime().UnixNano())
}

// readVersion reads what node prints for --version.
func readVersion(program string, out []byte) (node, error) {
	version := strings.TrimSpace(string(out))
	m := versionLine.FindStringSubmatch(string(out))
	if m == nil {
		return node{}, fmt.Errorf("it calls itself %.40q, which is no version of node", version)
	}
	if major, _ := strconv.Atoi(m[1]); major < oldestNode {
		return node{}, fmt.Errorf("it is node %s; at least %d is needed", version, oldestNode)
	}
	return node{program, version}, nil
}

// pinnedNode is the one that npm has.
func (h home) pinnedNode(ctx context.Context) (node, error) {
	system := runtime.GOOS + "/" + runtime.GOARCH
	p, ok := pyodide.Nodes()[system]
	if !ok {
		return node{}, fault.Errorf(fault.NotFound, "no node ≥ %d was found, and npm has none for %s: install one, and name it with --node", oldestNode, system)
	}
	dir, err := h.unpacked(ctx, p.Name+"-"+p.Version, p.Source())
	if err != nil {
		return node{}, fmt.Errorf("no node ≥ %d was found on this machine; getting one from npm: %w", oldestNode, err)
	}
	return node{filepath.Join(dir, "bin", "node"), "v" + p.Version}, nil
}
