package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make, list and revoke the tokens that let people and workers in"}
	cmd.AddCommand(a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand())
	return cmd
}

func (a *app) tokenCreateCommand() *cobra.Command {
	req, expires, dry := api.TokenRequest{}, "never", false
	cmd := &cobra.Command{
		Use:   "create --role ROLE",
		Short: "Make a token and print it, this once",
		Long: `Makes a token and prints it on standard output. The farm keeps only its hash: nobody can print it again. Roles:
  worker     builds and tests what it is given, and nothing else
  submitter  sees all, starts runs that do not publish, cancels runs
  operator   may all that people may, these commands included
  reader     sees runs, builds, logs and the index
A farm that listens on loopback only asks for no tokens, unless it was started with --require-tokens.`,
		Example: `  wasmill token create --role worker --name builder-1 > builder-1.token
  wasmill token create --role submitter --name ann --expires 90d
  worker --orchestrator https://farm:7470 --token-file builder-1.token`,
		Args: command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if req.Role == "" {
				return fault.Errorf(fault.Invalid, "say with --role what the token is for: worker, submitter, operator or reader")
			}
			if expires != "never" {
				age, err := parseAge("--expires", expires)
				if err != nil {
					return err
				}
				req.Expires = max(1, int64(age/time.Second))
			}
			return a.onFarm(func(ctx context.Context, farm api.Farm, _ []string) error {
				if dry {
					return a.print(req, func(w io.Writer) error {
						_, err := fmt.Fprintf(w, "would make a token with the role %s\n", req.Role)
						return err
					})
				}
				t, err := farm.CreateToken(ctx, req)
				if err != nil {
					return err
				}
				return a.print(t, func(w io.Writer) error {
					_, err := fmt.Fprintln(w, t.Secret)
					return err
				})
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&req.Role, "role", "", "what it is for: worker, submitter, operator, reader")
	cmd.Flags().StringVar(&req.Name, "name", "", "whose it is, for lists and the journal (default: the role)")
	cmd.Flags().StringVar(&expires, "expires", expires, "after which time it is of no use any more: 90d, 12h, never")
	dryFlag(cmd, &dry, "made", "make")
	return cmd
}

func (a *app) tokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the tokens that were made, and what has become of them",
		Example: "  wasmill token list\n  wasmill token list --json | jq '.[] | select(.last_used == null)'",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, _ []string) error {
			list, err := farm.Tokens(ctx)
			if err != nil {
				return err
			}
			return a.print(list, func(w io.Writer) error {
				rows := [][]string{{"id", "name", "role", "created", "last used", "state"}}
				for _, t := range list {
					rows = append(rows, []string{t.ID, t.Name, t.Role, day(&t.Created), day(t.Used), tokenState(t, time.Now())})
				}
				return term.Table(w, rows)
			})
		}),
	}
}

func day(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.UTC().Format("2006-01-02 15:04")
}

func tokenState(t api.Token, now time.Time) string {
	switch {
	case t.Revoked != nil:
		return "revoked " + day(t.Revoked)
	case t.Expires == nil:
		return "good"
	case !now.Before(*t.Expires):
		return "expired " + day(t.Expires)
	}
	return "good until " + day(t.Expires)
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	dry := false
	cmd := &cobra.Command{
		Use:   "revoke ID|NAME…",
		Short: "Make tokens useless, at once and for good",
		Long: `Makes tokens useless, by their IDs, or by names that only one token has that is of use. Who comes with one is refused from
then on; what a worker that has it was building is tried again on another.`,
		Example: "  wasmill token revoke builder-1\n  wasmill token revoke 4kq2vn7xaj",
		Args:    command.Arguments(1, -1, "at least one token"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			revoked := []api.Token{}
			for _, name := range args {
				do := farm.RevokeToken
				if dry {
					do = func(ctx context.Context, name string) (api.Token, error) { return findToken(ctx, farm, name) }
				}
				t, err := do(ctx, name)
				if err != nil {
					return err
				}
				revoked = append(revoked, t)
			}
			verb := "revoked"
			if dry {
				verb = "would be revoked"
			}
			return a.print(revoked, func(w io.Writer) error {
				for _, t := range revoked {
					if _, err := fmt.Fprintf(w, "%s (%s): %s\n", t.Name, t.ID, verb); err != nil {
						return err
					}
				}
				return nil
			})
		}),
	}
	dryFlag(cmd, &dry, "revoked", "revoke")
	return cmd
}

// findToken is the one that a revocation would mean.
func findToken(ctx context.Context, farm api.Farm, name string) (api.Token, error) {
	list, err := farm.Tokens(ctx)
	if err != nil {
		return api.Token{}, err
	}
	for _, t := range list {
		if t.ID == name || t.Name == name && t.Revoked == nil {
			return t, nil
		}
	}
	return api.Token{}, fault.Errorf(fault.NotFound, "there is no token %q to revoke: `wasmill token list` shows what there is", name)
}

func (a *app) journalCommand() *cobra.Command {
	limit := 50
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Say who has done what on a farm",
		Long: `Lists what was done by whom, and what was refused: runs started and canceled, what was published by them, pins, garbage
collections, sources, schedules, tokens, and workers that have joined. The newest is the first. The farm forgets nothing of it.`,
		Example: "  wasmill journal\n  wasmill journal --limit 0 --json | jq '.[] | select(.outcome == \"forbidden\")'",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, _ []string) error {
			if limit < 0 {
				return fault.Errorf(fault.Invalid, "--limit %d: 0 is all, and there is no less", limit)
			}
			list, err := farm.Journal(ctx, limit)
			if err != nil {
				return err
			}
			return a.print(list, func(w io.Writer) error {
				rows := [][]string{{"when", "who", "role", "what", "of", "outcome"}}
				for _, e := range list {
					who := e.Who
					if e.Token != "" {
						who += " (" + e.Token + ")"
					}
					rows = append(rows, []string{day(&e.At), strings.TrimSpace(who), e.Role, e.Action, e.Subject, e.Outcome})
				}
				return term.Table(w, rows)
			})
		}),
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "how many entries; 0 is all")
	return cmd
}
