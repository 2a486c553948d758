import toolz


def test_groups_and_frequencies():
    names = ["Alice", "Bob", "Charlie", "Dan", "Edith", "Frank"]
    assert toolz.groupby(len, names)[5] == ["Alice", "Edith", "Frank"]
    assert toolz.frequencies(map(len, names)) == {5: 3, 3: 2, 7: 1}


def test_pipes_and_curries():
    assert toolz.pipe(range(10), toolz.curry(map, lambda x: x * x), sum) == 285


def test_nested_update():
    assert toolz.assoc_in({"a": {"b": 1}}, ["a", "c"], 2) == {"a": {"b": 1, "c": 2}}
