package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/audit/sarif"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/version"
	"github.com/wasmill/wasmill/internal/wheel"
)

// auditing is what `wasmill audit` was asked for.
type auditing struct {
	*app
	abi, runtime, format, maxSize string
	strict                        bool
	runtimes                      map[string]*knownRuntime // by platform tag
}

func (a *app) auditCommand() *cobra.Command {
	c := &auditing{app: a, runtimes: map[string]*knownRuntime{}}
	cmd := &cobra.Command{
		Use:   "audit FILE.whl…",
		Short: "Say from a wheel's bytes whether it will load on its ABI",
		Long: `Holds wheels against the ABI that their names promise, without running them: what their modules import against
what the runtime provides, function by function with its type, needed libraries against the runtime path, instructions
against what the ABI's engines know, tags, METADATA and RECORD against the files. No farm and no container engine is
needed. docs/reference/audit.md explains each rule.

The runtime is that of the ABI's toolchain where its images are baked, else Pyodide's release for the ABI by its sha256,
which npm is asked for once. --runtime names another: an npm package of pyodide (.tgz), or a folder with pyodide.asm.wasm
and the script beside it.

Exit status: 0 no errors, warnings perhaps · 1 a finding of severity error, or with --strict any finding · 2 what was
asked for is wrong: no such file, an unknown ABI, a wheel for another platform without --abi · 3 the runtime can't be
downloaded.`,
		Example: `  wasmill audit dist/*.whl
  wasmill audit --abi 2026_0 spam-1.0-cp314-cp314-linux_x86_64.whl    # what keeps it from being one for WebAssembly?
  wasmill audit --format sarif dist/*.whl > audit.sarif               # for code hosts and editors
  wasmill audit --strict --max-size 5MB dist/*.whl
  wasmill audit --runtime node_modules/pyodide dist/*.whl             # offline`,
		Args: command.Arguments(1, -1, "wheel files"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&c.abi, "abi", "", "hold the wheels against this ABI, by its platform tag or the part 2026_0 of it, instead of those of their names")
	flags.StringVar(&c.runtime, "runtime", "", "folder or npm package of the Pyodide to compare with, instead of the ABI's release")
	flags.StringVar(&c.format, "format", "text", "text, json or sarif")
	flags.StringVar(&c.maxSize, "max-size", "", "the largest size of a wheel that is no error, such as 5MB or 800KiB")
	flags.BoolVar(&c.strict, "strict", false, "let warnings decide the exit status too")
	return cmd
}

func (c *auditing) run(ctx context.Context, files []string) error {
	if c.json {
		c.format = "json"
	}
	if !slices.Contains([]string{"text", "json", "sarif"}, c.format) {
		return fault.Errorf(fault.Invalid, "--format is text, json or sarif, not %q", c.format)
	}
	var limit recipe.Size
	if c.maxSize != "" {
		var err error
		if limit, err = recipe.ParseSize(c.maxSize); err != nil {
			return fault.Errorf(fault.Invalid, "--max-size: %w", err)
		}
	}
	reports := []audit.Report{}
	for _, file := range files {
		of, err := c.wheel(ctx, file, int64(limit))
		if err != nil {
			return err
		}
		reports = append(reports, of...)
	}
	if err := c.write(reports); err != nil {
		return err
	}
	for _, r := range reports {
		if r.Errors > 0 || c.strict && r.Warnings > 0 {
			return command.ErrFailed
		}
	}
	return nil
}

// wheel audits one file against each ABI that it promises.
func (c *auditing) wheel(ctx context.Context, file string, limit int64) ([]audit.Report, error) {
	abis, err := c.abis(filepath.Base(file))
	if err != nil {
		return nil, err
	}
	var reports []audit.Report
	for _, abi := range abis {
		target := audit.Target{ABI: abi, MaxSize: limit}
		name := ""
		if abi.PlatformTag != "" {
			known, err := c.runtimeOf(ctx, abi)
			if err != nil {
				return nil, err
			}
			target.Runtime, name = known.Runtime, known.name
		}
		found, err := audit.Wheel(file, target)
		if err != nil {
			return nil, err
		}
		reports = append(reports, audit.NewReport(file, abi.PlatformTag, name, found))
	}
	return reports, nil
}

func (c *auditing) abis(file string) ([]audit.ABI, error) {
	if c.abi != "" {
		abi, err := audit.FindABI(c.abi)
		return []audit.ABI{abi}, err
	}
	name, err := wheel.ParseFilename(file)
	if err != nil {
		return nil, err
	}
	abis, err := audit.Promised(name)
	if len(abis) == 0 {
		abis = []audit.ABI{{}} // for any platform
	}
	return abis, err
}

func (c *auditing) write(reports []audit.Report) error {
	switch c.format {
	case "sarif":
		return sarif.Write(c.out, version.Version, reports)
	case "json":
		c.json = true
	}
	return c.print(reports, func(w io.Writer) error {
		for _, r := range reports {
			if err := r.WriteText(w); err != nil {
				return fmt.Errorf("writing the report: %w", err)
			}
		}
		return nil
	})
}
