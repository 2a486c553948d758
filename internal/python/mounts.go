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

// findMounts are the machine's top folders, each at its own path, and its links beside them.
func findMounts(_ options) (mounts []mount, links [][2]string, err error) {
	entries, err := os.ReadDir("/")
	if err != nil {
		return nil, nil, fault.Errorf(fault.Unavailable, "listing the machine's folders: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join("/", e.Name())
		switch {
		case slices.Contains(ours, e.Name()):
		case e.IsDir():
			mounts = append(mounts, mount{path, path})
		case e.Type()&os.ModeSymlink != 0:
			if target, err := os.Readlink(path); err == nil {
				links = append(links, [2]string{path, target})
			}
		}
	}
	return mounts, links, nil
}
