package python

import (
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// findExecutable is where the program lies that was called by this name, with no link resolved: what `.venv/bin/python` is a
// link to must not be lost.
func findExecutable(name string) (string, error) {
	if !strings.Contains(name, "/") {
		found, err := exec.LookPath(name)
		if err != nil {
			return "", fault.Errorf(fault.NotFound, "finding the program itself: %w", err)
		}
		name = found
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "finding the program itself: %w", err)
	}
	return path, nil
}
