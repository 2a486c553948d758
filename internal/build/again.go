package build

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/wasmill/wasmill/internal/fetch"
)

// Again makes of a job one whose build must come out the same, and which differs from the first in all that no build may
// depend on and that is not the same for all builds of a farm anyway: how many commands run at a time, and the order of files.
// first is the first build's Jobs. It says what it has changed, in words.
func Again(job *Job, first int) (varied []string) {
	// As near as can be, as memory and time are limited as in the first build.
	if job.Jobs = first - 1; first <= 2 {
		job.Jobs = first + 1
	}
	job.Reversed = true
	return []string{
		fmt.Sprintf("%d commands at a time instead of %d", job.Jobs, first),
		"the source's files were written in reverse order",
	}
}

// reverse makes each folder below dir anew, with its entries put there in the reverse of their order by name.
func reverse(dir string) error {
	if err := reverseFolder(dir); err != nil {
		return fmt.Errorf("writing the source in reverse order: %w", diskError(err))
	}
	return nil
}

func reverseFolder(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), ".reversed-")
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(entries) {
		if e.IsDir() {
			if err := reverseFolder(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
		if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(aside, e.Name())); err != nil {
			return err
		}
	}
	return errors.Join(os.Chmod(aside, info.Mode().Perm()), os.Remove(dir), os.Rename(aside, dir), os.Chtimes(dir, fetch.Mtime, fetch.Mtime))
}
