package python

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/wasmill/wasmill/internal/fault"
)

// ours are the top folders that the runtime has of its own: Python's library is in /lib.
var ours = []string{"dev", "lib", "proc"}

// mount is a folder of this machine and where Python finds it.
type mount [2]string

// findMounts are the machine's top folders, each at its own path.
func findMounts(_ options) ([]mount, error) {
	entries, err := os.ReadDir("/")
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "listing the machine's folders: %w", err)
	}
	var mounts []mount
	for _, e := range entries {
		if slices.Contains(ours, e.Name()) || !e.IsDir() {
			continue
		}
		path := filepath.Join("/", e.Name())
		mounts = append(mounts, mount{path, path})
	}
	return mounts, nil
}
