package python

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/fetch"
)

// unpacked is a folder with an archive's contents, named after its hash. Beside it stands a list of what was unpacked, against which
// the folder is held each time: one that was cut off by a crash, or changed, is unpacked anew.
func (h home) unpacked(ctx context.Context, name string, src fetch.Source) (string, error) {
	dir := filepath.Join(h.cache, "npm", name+"-"+src.SHA256[:16])
	if compare(dir) == nil {
		return dir, nil
	}
	archive, err := h.fetcher().Get(ctx, src)
	if err != nil {
		return "", cacheError(err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", cacheError(err)
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", cacheError(err)
	}
	defer unlock()
	err = compare(dir)
	if err == nil {
		return dir, nil // another process was faster
	}
	if _, there := os.Stat(dir); there == nil {
		if !errors.Is(err, errNoList) {
			fmt.Fprintf(os.Stderr, "python-wasm: what was unpacked into %s is not what it was: %v; it is unpacked anew\n", dir, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", cacheError(err)
		}
	}
	if err := fetch.Unpack(archive, dir, fetch.Unpacking{}); err != nil {
		return "", cacheError(err)
	}
	if err := os.WriteFile(dir+listSuffix, []byte(list(dir)), 0o644); err != nil {
		return "", cacheError(err)
	}
	return dir, nil
}

const (
	listSuffix = ".files"
	listEnd    = "end\n"
)

var errNoList = errors.New("there is no list of it")

// list tells of each file how long it is.
func list(dir string) string {
	var out strings.Builder
	_ = fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // what can't be looked at is missing in the list
		}
		if info, err := entry.Info(); err == nil {
			fmt.Fprintf(&out, "%d %s\n", info.Size(), name)
		}
		return nil
	})
	return out.String() + listEnd
}

// compare holds a folder against the list of what was unpacked into it. What is unpacked gets one time of change, so that a file
// that was written to shows it.
func compare(dir string) error {
	text, err := os.ReadFile(dir + listSuffix)
	if err != nil {
		return errNoList
	}
	if !strings.HasSuffix(string(text), listEnd) {
		return errNoList // half of one
	}
	for line := range strings.Lines(strings.TrimSuffix(string(text), listEnd)) {
		length, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		size, _ := strconv.ParseInt(length, 10, 64)
		info, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		case info.Size() != size:
			return fmt.Errorf("%s has %d bytes instead of %d", name, info.Size(), size)
		case info.Mode().IsRegular() && !info.ModTime().Equal(fetch.Mtime):
			return fmt.Errorf("%s was changed on %s", name, info.ModTime().Format("2006-01-02 15:04"))
		}
	}
	return nil
}
