package wasi

import (
	"sync"

	"github.com/tetratelabs/wazero/experimental"
)

const pageSize = 64 << 10

// allocator gives a run its linear memory, refuses what is beyond the limit, and remembers how much there was. Programs
// have one memory each: wazero doesn't know more.
type allocator struct {
	limit   uint64
	peak    uint64
	refused uint64 // the least that was asked for in vain
}

func newAllocator(limit int64) *allocator {
	const most = 1 << 32
	if limit <= 0 || limit > most {
		limit = most
	}
	return &allocator{limit: uint64(limit) / pageSize * pageSize}
}

// Allocate reserves addresses for as much as the memory may grow to. Only what it grows to is used.
func (a *allocator) Allocate(_, maximum uint64) experimental.LinearMemory {
	return &memory{allocator: a, reserved: reserve(min(maximum, a.limit))}
}

type memory struct {
	*allocator
	reserved reservation
	once     sync.Once
}

// Reallocate gives the memory of a size; nil where that is too much.
func (m *memory) Reallocate(size uint64) []byte {
	if size > m.limit {
		m.refuse(size)
		return nil
	}
	b := m.reserved.use(size)
	if b == nil && size > 0 {
		m.refuse(size)
		return nil
	}
	m.peak = max(m.peak, size)
	return b
}

func (m *memory) refuse(size uint64) {
	if m.refused == 0 || size < m.refused {
		m.refused = size
	}
}

func (m *memory) Free() { m.once.Do(m.reserved.free) }
