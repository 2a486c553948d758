//go:build !unix

package wasi

// reservation is memory that is copied when it grows.
type reservation struct{ b []byte }

func reserve(uint64) reservation { return reservation{} }

func (r *reservation) use(size uint64) []byte {
	if grown := int(size) - len(r.b); grown > 0 {
		r.b = append(r.b, make([]byte, grown)...)
	}
	return r.b[:size:size]
}

func (r *reservation) free() { r.b = nil }
