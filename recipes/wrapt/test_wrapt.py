import copy

import pytest
import wrapt
from wrapt import _wrappers


def test_proxies_are_the_compiled_ones():
    assert issubclass(wrapt.ObjectProxy, _wrappers.ObjectProxy)
    assert issubclass(wrapt.FunctionWrapper, _wrappers.FunctionWrapper)


def test_proxy_is_like_what_it_wraps():
    # Each operator is a slot of the type in C, called through a function pointer.
    three, words = wrapt.ObjectProxy(3), wrapt.ObjectProxy(["a", "b"])
    assert (three + 4, 4 - three, three**2, -three, divmod(10, three), three << 1) == (7, 1, 9, -3, (3, 1), 6)
    assert three == 3 and three < 4 and hash(three) == hash(3) and isinstance(three, int)
    assert len(words) == 2 and "a" in words and words[1] == "b"
    words[0] = "c"
    words += ["d"]
    assert words.__wrapped__ == ["c", "b", "d"]


def test_attributes_pass_through():
    class Thing:
        colour = "red"

    thing = Thing()
    proxy = wrapt.ObjectProxy(thing)
    proxy.colour = "blue"
    proxy._self_own = 1
    assert thing.colour == "blue" and not hasattr(thing, "_self_own")
    with pytest.raises(AttributeError):
        proxy.missing
    with pytest.raises(NotImplementedError):
        copy.copy(proxy)


def test_decorator_knows_the_instance():
    calls = []

    @wrapt.decorator
    def spy(wrapped, instance, args, kwargs):
        calls.append((wrapped.__name__, type(instance).__name__, args, kwargs))
        return wrapped(*args, **kwargs)

    class Adder:
        @spy
        def add(self, a, b=1):
            return a + b

        @spy
        @classmethod
        def make(cls):
            return cls()

    assert Adder.make().add(2, b=3) == 5
    assert calls == [("make", "type", (), {}), ("add", "Adder", (2,), {"b": 3})]


def test_partial_callable():
    assert wrapt.PartialCallableObjectProxy(int, base=2)("101") == 5
