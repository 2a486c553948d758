package store

import (
	"net/http"
	"syscall"
)

// leastFree is the space below which a server error of the registry is taken for a full disk. A write fails somewhat
// before the last byte is gone: the file system keeps blocks back and one upload is buffered.
const leastFree = 8 << 20

// tellFullDisk turns "500 Internal Server Error", which is how the registry library reports that a write failed, into
// "507 Insufficient Storage" while the file system of dir is full, so that a client can tell a broken registry from a
// full one.
func tellFullDisk(dir string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(&fullDiskWriter{ResponseWriter: w, dir: dir}, r)
	})
}

type fullDiskWriter struct {
	http.ResponseWriter
	dir string
}

func (w *fullDiskWriter) WriteHeader(status int) {
	if status == http.StatusInternalServerError && free(w.dir) < leastFree {
		status = http.StatusInsufficientStorage
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *fullDiskWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// free is what an ordinary user may still write to the file system of dir, in bytes; a file system that can't be asked
// counts as not full.
func free(dir string) uint64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 1 << 62
	}
	return fs.Bavail * uint64(fs.Bsize)
}
