// Package program compiles the project's programs for what is given away: the same commit gives the same bytes everywhere.
package program

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Root is the root of the project, from wherever in it this process runs.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if text, err := os.ReadFile(filepath.Join(at, "go.mod")); err == nil && strings.HasPrefix(string(text), "module github.com/wasmill/wasmill\n") {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fault.Errorf(fault.Invalid, "%s does not belong to wasmill's sources", dir)
		}
	}
}

// Build compiles a program of cmd/ for a system and processor, by Go's names of them.
func Build(ctx context.Context, name, goos, goarch, path string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	// Neither the folder nor the state of the work tree gets into the program.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-buildid=", "-o", path, "./cmd/"+name)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fault.Errorf(fault.Invalid, "compiling %s for %s/%s: %w\n%s", name, goos, goarch, err, out)
	}
	return nil
}
