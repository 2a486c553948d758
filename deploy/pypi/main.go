// Command pypi makes the wheels of python-wasm, one for each platform, for `pip install python-wasm`:
//
//	go run ./deploy/pypi --out dist
//	uv publish dist/python_wasm-*.whl
//
// A wheel holds the static program, which pip puts on PATH, and the licences of all that is in it. The same commit gives the same
// wheels on every machine. The exit statuses are those of wasmill.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
)

func main() { os.Exit(command.Run(root(), os.Args[1:])) }

func root() *cobra.Command {
	out, only := "", []string{}
	cmd := &cobra.Command{
		Use:   "pypi --out DIR",
		Short: "Make the wheels of python-wasm",
		Example: "  go run ./deploy/pypi --out dist\n" +
			"  go run ./deploy/pypi --out dist --platform linux/amd64",
		Args: command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range only {
				if !slices.Contains(platformNames(), name) {
					return fault.Errorf(fault.Invalid, "there is no wheel for --platform %s: known are %s", name, strings.Join(platformNames(), ", "))
				}
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return fault.Errorf(fault.Invalid, "making the folder for the wheels: %w", err)
			}
			for _, p := range platforms {
				if len(only) > 0 && !slices.Contains(only, p.name()) {
					continue
				}
				file, err := makeWheel(cmd.Context(), p, out)
				if err != nil {
					return fmt.Errorf("making the wheel for %s: %w", p.name(), err)
				}
				fmt.Fprintln(cmd.OutOrStdout(), file)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "dist", "folder for the wheels")
	cmd.Flags().StringSliceVar(&only, "platform", nil, "only this one, as linux/arm64; may be repeated")
	return cmd
}
