import cytoolz
import cytoolz.curried
import pytest
import toolz

WORDS = "the quick brown fox jumps over the lazy dog".split()


def test_functions_are_compiled():
    for function in (cytoolz.groupby, cytoolz.merge, cytoolz.frequencies):
        assert type(function).__name__ == "cython_function_or_method"
    assert not cytoolz.itertoolz.__file__.endswith(".py")


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.groupby(len, WORDS),
        lambda t: t.frequencies(WORDS),
        lambda t: list(t.unique(WORDS, key=len)),
        lambda t: list(t.partition_all(4, WORDS)),
        lambda t: list(t.sliding_window(3, WORDS)),
        lambda t: list(t.merge_sorted([1, 4], [2, 3], [0, 5])),
        lambda t: t.merge_with(sum, {"a": 1, "b": 2}, {"a": 3}),
        lambda t: t.update_in({"a": {"b": 1}}, ["a", "b"], lambda x: x + 1),
        lambda t: t.reduceby(len, lambda n, w: n + 1, WORDS, 0),
        lambda t: t.compose(str, abs)(-3),
        lambda t: list(t.join(len, WORDS, lambda n: n, [3, 5])),
    ],
)
def test_agrees_with_toolz(call):
    assert call(cytoolz) == call(toolz)


def test_curry_is_a_type_of_the_extension():
    add = cytoolz.curry(lambda a, b, c: a + b + c)
    assert add(1)(2, 3) == add(1, 2)(3) == 6
    assert cytoolz.curried.map(str)([1, 2]).__next__() == "1"


def test_exceptions_pass_through_c():
    with pytest.raises(ZeroDivisionError):
        cytoolz.groupby(lambda x: 1 / x, [1, 0])
    with pytest.raises(KeyError):
        cytoolz.get("missing", {})
