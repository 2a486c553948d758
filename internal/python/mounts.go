package python

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/wasmill/wasmill/internal/fault"
)

// ours are the top folders that the runtime has of its own: Python's library is in /lib.
var ours = []string{"dev", "lib", "proc"}

// folders are what Python finds of this machine.
type folders struct {
	Mounts   []mount     `json:"mounts"`
	Links    [][2]string `json:"links"`  // [path, target]
	Hidden   []string    `json:"hidden"` // folders of which Python sees empty ones
	Readonly bool        `json:"readonly"`
	Scratch  string      `json:"scratch,omitempty"` // a folder in memory
}

// mount is where Python finds a folder, and the folder.
type mount [2]string

// scratch is where temporary files go when nothing on the machine is written.
const scratch = "/scratch"

// findFolders are the machine's top folders, each at its own path, and its links beside them, as the options want them.
func findFolders(o options) (folders, error) {
	f := folders{Mounts: []mount{}, Links: [][2]string{}, Hidden: []string{}, Readonly: o.readonly}
	if o.readonly {
		f.Scratch = scratch
	}
	for _, dir := range o.exclude {
		path, err := filepath.Abs(dir)
		if err != nil {
			return folders{}, fault.Errorf(fault.Invalid, "--fs-exclude %s: %w", dir, err)
		}
		if info, err := os.Stat(path); err != nil || !info.IsDir() || path == "/" {
			return folders{}, fault.Errorf(fault.Invalid, "--fs-exclude %s: there is no such folder to hide", dir)
		}
		f.Hidden = append(f.Hidden, path)
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return folders{}, fault.Errorf(fault.Unavailable, "listing the machine's folders: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join("/", e.Name())
		switch {
		case slices.Contains(ours, e.Name()), slices.Contains(f.Hidden, path):
		case e.IsDir():
			f.Mounts = append(f.Mounts, mount{path, path})
		case e.Type()&os.ModeSymlink != 0:
			if target, err := os.Readlink(path); err == nil {
				f.Links = append(f.Links, [2]string{path, target})
			}
		}
	}
	return f, nil
}
