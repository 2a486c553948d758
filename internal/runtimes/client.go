package runtimes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
)

// HostRunner runs containers that reach the machine's network; engine.Docker is one.
type HostRunner interface {
	Pull(ctx context.Context, ref string) error
	RunOnHost(ctx context.Context, spec engine.Spec, out io.Writer) (engine.Result, error)
}

// Client installs packages into a fresh Pyodide as any user would, from an index that this machine reaches, 127.0.0.1
// included: under node, or in a page of Chromium.
type Client struct {
	Engine  HostRunner
	Image   string    // a Runtime image, with digest
	Work    string    // a folder for temporary files
	Log     io.Writer // gets what the runtime prints; nil discards it
	Browser string    // the image with Chromium; empty for node
	Pyodide *Pyodide  // for Chromium: where the runtime's files and the browser's driver come from
}

// Installation is what became of an installation.
type Installation struct {
	Client    string         `json:"client"`    // e.g. "pyodide 315.0.0-alpha.2, node v24.21.0"
	Tag       string         `json:"tag"`       // the runtime's first wheel tag, as packaging.tags has it
	Installed []Distribution `json:"installed"` // in no order, dependencies included
	Error     string         `json:"error"`     // one line; empty for success
}

// Distribution is an installed package.
type Distribution struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// clientJob is client.json.
type clientJob struct {
	Index   string   `json:"index"`
	Lock    string   `json:"lock"`
	Names   []string `json:"names"`
	Imports []string `json:"imports"`
}

// Micropip runs micropip.install(names) against a simple index (".../simple") and imports the modules. What the client
// refuses is Installation.Error; an error is trouble with the engine.
func (c *Client) Micropip(ctx context.Context, index string, names, imports []string) (*Installation, error) {
	return c.run(ctx, clientJob{Index: index, Names: names, Imports: imports})
}

// LoadPackage runs pyodide.loadPackage(names) with the lock served at a URL and imports the modules. Under node that
// reads local files only, so the wheels are downloaded before, and their hashes checked; Chromium does both itself. Errors
// are as for Micropip.
func (c *Client) LoadPackage(ctx context.Context, lock string, names, imports []string) (*Installation, error) {
	return c.run(ctx, clientJob{Lock: lock, Names: names, Imports: imports})
}

func (c *Client) run(ctx context.Context, job clientJob) (*Installation, error) {
	if err := c.Engine.Pull(ctx, c.Image); err != nil {
		return nil, err
	}
	stage, err := newStage(c.Work)
	if err != nil {
		return nil, err
	}
	defer stage.remove()
	job.Names, job.Imports = append([]string{}, job.Names...), append([]string{}, job.Imports...)
	text, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("describing the installation: %w", err)
	}
	if err := os.WriteFile(stage.path("in/client.json"), text, 0o644); err != nil {
		return nil, staging(err)
	}
	spec, err := c.spec(ctx, stage)
	if err != nil {
		return nil, err
	}
	log := newLog(c.Log, 0)
	result, err := c.Engine.RunOnHost(ctx, spec, log)
	if err != nil {
		return nil, fmt.Errorf("installing %q: %w", job.Names, err)
	}
	report, err := stage.report()
	if err != nil {
		return nil, fault.Errorf(fault.Internal, "installing %q: the client ended with status %d: %s: %w", job.Names, result.ExitStatus, log.tail(), err)
	}
	return report, nil
}

func (c *Client) spec(ctx context.Context, stage *stage) (engine.Spec, error) {
	spec, err := stage.spec(Job{Image: c.Image}, "client", "/usr/bin/node", "/job/client.mjs")
	if err != nil || c.Browser == "" {
		return spec, err
	}
	snapshot, err := c.Pyodide.snapshot(ctx, Job{Image: c.Image})
	if err != nil {
		return spec, err
	}
	natively(&spec, snapshot, c.Browser, "client.py")
	if err := c.Pyodide.withTools(ctx, &spec); err != nil {
		return spec, err
	}
	return spec, c.Engine.Pull(ctx, c.Browser)
}

// report reads report.json without following a link out of the folder, which installed packages could write to.
func (s *stage) report() (*Installation, error) {
	root, err := os.OpenRoot(s.path("out/client"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	text, err := root.ReadFile("report.json")
	if err != nil {
		return nil, err
	}
	var report Installation
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("reading report.json: %w", err)
	}
	return &report, nil
}
