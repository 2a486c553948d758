// Command images makes the container images of the daemons, and pushes them to a registry or writes them as OCI layouts:
//
//	go run ./deploy/images --registry registry.example/wasmill --kustomization deploy/k8s/images/kustomization.yaml
//	go run ./deploy/images --layout dist/images
//
// An image holds static programs, the certificates of the authorities that Mozilla trusts, and nothing else; no shell, no
// package manager. The same commit gives the same digest on every machine. The exit statuses are those of wasmill.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
)

// images are the programs that each holds; the first is what it runs.
var images = map[string][]string{
	"orchestrator": {"orchestrator", "wasmcc", "wasirun"},
	"worker":       {"worker"},
}

func main() { os.Exit(command.Run(root(), os.Args[1:])) }

func root() *cobra.Command {
	registry, folder, kustomization := "", "", ""
	cmd := &cobra.Command{
		Use:   "images",
		Short: "Make the container images of the daemons",
		Args:  command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (registry == "") == (folder == "") {
				return fault.Errorf(fault.Invalid, "say where to, with either --registry or --layout")
			}
			for _, image := range []string{"orchestrator", "worker"} {
				made, err := makeImage(cmd.Context(), images[image])
				if err != nil {
					return fmt.Errorf("making the image of %s: %w", image, err)
				}
				digest, err := made.Digest()
				if err != nil {
					return err
				}
				where := filepath.Join(folder, image)
				if registry != "" {
					where = registry + "/" + image
					err = push(cmd, where, made)
				} else {
					_, err = layout.Write(where, empty.Index)
					if err == nil {
						err = layout.Path(where).AppendImage(made)
					}
				}
				if err != nil {
					return fault.Errorf(fault.Unavailable, "writing the image of %s: %w", image, err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s@%s\n", where, digest)
				if kustomization != "" {
					if err := note(kustomization, image, where, digest); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&registry, "registry", "", "registry and prefix to push to; credentials come from Docker's configuration")
	cmd.Flags().StringVar(&folder, "layout", "", "folder to write OCI layouts to")
	cmd.Flags().StringVar(&kustomization, "kustomization", "", "file in which to note the digests, as in deploy/k8s/images")
	return cmd
}

func push(cmd *cobra.Command, where string, image v1.Image) error {
	to, err := name.NewRepository(where)
	if err != nil {
		return fault.Errorf(fault.Invalid, "reading --registry: %w", err)
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	return remote.Write(to.Digest(digest.String()), image, remote.WithContext(cmd.Context()), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// note puts an image's place and digest into a kustomization.
func note(file, image, where string, digest v1.Hash) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fault.Errorf(fault.Invalid, "noting a digest: %w", err)
	}
	line := regexp.MustCompile(`(?m)^  - \{name: wasmill/` + regexp.QuoteMeta(image) + `, .*\}$`)
	if !line.Match(text) {
		return fault.Errorf(fault.Invalid, "%s has no line for wasmill/%s", file, image)
	}
	now := fmt.Sprintf("  - {name: wasmill/%s, newName: %s, digest: %q}", image, where, digest)
	return os.WriteFile(file, line.ReplaceAllLiteral(text, []byte(now)), 0o644)
}
