import pickle

import pytest
import rpds
from rpds import HashTrieMap, HashTrieSet, List, Queue


def test_it_is_the_extension():
    assert rpds.rpds.__file__.endswith(".so")


def test_maps_are_persistent():
    empty = HashTrieMap()
    one = empty.insert("a", 1)
    two = one.insert("b", 2).insert("a", 3)
    assert (dict(empty), dict(one), dict(two)) == ({}, {"a": 1}, {"a": 3, "b": 2})
    assert two.remove("b").remove("a") == empty
    assert one.get("missing") is None and "a" in one


def test_many_entries():
    grown = HashTrieMap({str(n): n for n in range(10_000)})
    assert len(grown) == 10_000 and grown["4711"] == 4711
    assert sorted(grown.values()) == list(range(10_000))


def test_the_other_structures():
    assert HashTrieSet([1, 2]).union(HashTrieSet([2, 3])) == HashTrieSet([1, 2, 3])
    assert list(List([1, 2]).push_front(0)) == [0, 1, 2] and List([1, 2]).rest == List([2])
    assert Queue([1, 2]).enqueue(3).dequeue() == Queue([2, 3])


def test_errors_cross_from_rust():
    with pytest.raises(KeyError):
        HashTrieMap({"a": 1})["b"]
    with pytest.raises(IndexError):
        List().first
    with pytest.raises(TypeError):
        HashTrieMap({}).insert([], 1)  # not hashable: the error is Python's, met inside of Rust


def test_pickle():
    m = HashTrieMap({"a": List([1, 2])})
    assert pickle.loads(pickle.dumps(m)) == m
