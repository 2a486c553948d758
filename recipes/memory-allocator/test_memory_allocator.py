import pytest
from memory_allocator.test import TestMemoryAllocator as Allocator  # the wheel's own window on its C interface


def test_pointers_are_aligned():
    memory = Allocator()
    for exponent in range(12):
        pointer = memory.aligned_malloc(2**exponent, 4096)
        assert pointer % 2**exponent == 0


def test_many_allocations_of_one_owner():
    memory = Allocator()
    pointers = {memory.malloc(100) for _ in range(1000)}
    assert len(pointers) == 1000 and 0 not in pointers
    assert memory.n() == 1000 and memory.size() >= 1000


def test_realloc_only_of_its_own():
    memory = Allocator()
    assert memory.realloc(memory.malloc(10), 10_000) != 0
    with pytest.raises(ValueError):
        memory.realloc(memory.malloc(10) + 8, 20)


def test_too_much_is_an_exception():
    memory = Allocator()
    with pytest.raises(MemoryError):
        memory.malloc(memory.size_t_max())
    with pytest.raises(MemoryError):
        memory.calloc(memory.size_t_max(), 2)


def test_owners_free_what_they_hold():
    for _ in range(200):  # together more than the address space of wasm32, unless each is freed
        Allocator().malloc(32 << 20)
