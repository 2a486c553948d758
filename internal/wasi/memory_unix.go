//go:build unix

package wasi

import "golang.org/x/sys/unix"

// reservation is a range of addresses of which the front can be used. Memory that grows is not copied, and is given back
// when the run ends, not when Go's collector comes to it.
type reservation struct {
	all  []byte
	used uint64
}

// reserve takes a range; nothing where there is none of this size.
func reserve(size uint64) reservation {
	if size == 0 {
		return reservation{}
	}
	b, err := unix.Mmap(-1, 0, int(size), unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return reservation{}
	}
	return reservation{all: b}
}

// use makes the first bytes usable; nil where the machine has none left.
func (r *reservation) use(size uint64) []byte {
	if size > uint64(len(r.all)) {
		return nil
	}
	if size > r.used {
		if unix.Mprotect(r.all[r.used:size], unix.PROT_READ|unix.PROT_WRITE) != nil {
			return nil
		}
		r.used = size
	}
	return r.all[:size:size]
}

func (r *reservation) free() {
	if r.all != nil {
		_ = unix.Munmap(r.all)
		r.all = nil
	}
}
