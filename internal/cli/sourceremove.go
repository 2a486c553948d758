package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

// removedSource is a file that was forgotten.
type removedSource struct {
	api.Source
	Shared bool `json:"shared,omitempty"` // its bytes stay, as an artifact is the same file
}

func (a *app) sourceRemove() *cobra.Command {
	dry := false
	cmd := &cobra.Command{
		Use:   "remove SHA256…",
		Short: "Forget files that the farm keeps",
		Long: `Forgets files by their sha256, all or none: if one of them is not kept, nothing is removed. A build that was made from such a
file can be repeated only as long as its host has it. The embedded registry gives the space back at once, another one
when it collects its garbage; what is an artifact of the farm, too, stays as that. A worker that fetches the file later
keeps it again.`,
		Example: `  wasmill source remove --dry-run a6533f45b1670b5d59b38a514d82b09c6fb70cc1050467220216335e873074e8
  wasmill source list --json | jq -r '.[] | select(.name | endswith(".whl")) | .sha256' | xargs wasmill source remove`,
		Args: command.Arguments(1, -1, "at least one sha256"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			list, err := farm.Sources(ctx)
			if err != nil {
				return err
			}
			wanted, err := chosenSources(list, args)
			if err != nil {
				return err
			}
			removed := []removedSource{}
			for _, s := range wanted {
				r := removedSource{Source: s}
				if !dry {
					answer, err := farm.RemoveSource(ctx, s.SHA256)
					if err != nil {
						return fmt.Errorf("removing %s (%d of %d are removed): %w", s.Name, len(removed), len(wanted), err)
					}
					r.Shared = answer.Shared
				}
				removed = append(removed, r)
			}
			return a.print(removed, func(w io.Writer) error { return removedLines(w, removed, dry) })
		}),
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed and remove nothing")
	return cmd
}

// chosenSources finds each of the hashes, once; it is an error if some are not there.
func chosenSources(list []api.Source, sums []string) (chosen []api.Source, err error) {
	var unknown []string
	for _, sum := range sums {
		sum = strings.ToLower(strings.TrimPrefix(sum, "sha256:"))
		same := func(s api.Source) bool { return s.SHA256 == sum }
		switch i := slices.IndexFunc(list, same); {
		case i < 0:
			unknown = append(unknown, sum)
		case !slices.ContainsFunc(chosen, same):
			chosen = append(chosen, list[i])
		}
	}
	if len(unknown) > 0 {
		return nil, fault.Errorf(fault.NotFound, "nothing is removed, as the farm keeps no source with the sha256 %s: `wasmill source list` shows what it keeps",
			strings.Join(unknown, ", "))
	}
	return chosen, nil
}

func removedLines(w io.Writer, removed []removedSource, dry bool) error {
	verb, total := "removed", int64(0)
	if dry {
		verb = "would be removed"
	}
	for _, s := range removed {
		note := ""
		if s.Shared {
			note = ", but stays as an artifact of the farm"
		} else {
			total += s.Size
		}
		if _, err := fmt.Fprintf(w, "%s  %s %s%s\n", s.SHA256, s.Name, verb, note); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s %s\n", term.Bytes(total), verb)
	return err
}
