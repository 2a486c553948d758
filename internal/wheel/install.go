package wheel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Install writes the wheel's files into a folder as they would lie in site-packages: for a Python that is given the
// folder as a whole. Scripts, headers and data, which belong elsewhere, stay out, and nothing of the wheel is run. What
// another wheel has put into the folder before is added to, and replaced where both have it.
func (w *Wheel) Install(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("installing %s: %w", path.Base(w.path), err)
	}
	defer root.Close()
	data := strings.TrimSuffix(w.DistInfo, ".dist-info") + ".data/"
	for _, f := range w.Files {
		to := w.Installed(f.Name)
		if strings.HasPrefix(to, data) {
			continue
		}
		if err := w.install(root, f, to); err != nil {
			return fmt.Errorf("installing %s: %w", path.Base(w.path), err)
		}
	}
	return nil
}

func (w *Wheel) install(root *os.Root, f File, to string) error {
	if err := root.MkdirAll(path.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := w.OpenFile(f.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	mode := os.FileMode(0o644)
	if f.Executable {
		mode = 0o755
	}
	out, err := root.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
