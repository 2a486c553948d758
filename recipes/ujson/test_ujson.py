import json

import pytest
import ujson


@pytest.mark.parametrize("number", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -2.5, 1e21, 123456789.123456789])
def test_numbers_go_through_the_cpp_library_and_come_back_exactly(number):
    # Shortest digits and exact reading are the work of double-conversion, the part in C++.
    assert float(ujson.dumps(number)) == number
    assert ujson.loads(repr(number)) == number


def test_agrees_with_json_on_a_nested_document():
    document = {"a": [1, 2, {"b": None, "c": True}], "text": "ö☃\U0001f600\n", "empty": {}, "deep": [[[[0]]]]}
    assert json.loads(ujson.dumps(document)) == document
    assert ujson.loads(json.dumps(document)) == document


def test_options():
    assert ujson.dumps({"b": 1, "a": "/é"}, sort_keys=True, ensure_ascii=False, escape_forward_slashes=False) == '{"a":"/é","b":1}'
    assert ujson.dumps([1], indent=2) == "[\n  1\n]"


@pytest.mark.parametrize("broken", ["", "{", "[1,]", '{"a" 1}', "nul", '"open'])
def test_broken_documents_are_errors(broken):
    with pytest.raises(ujson.JSONDecodeError):
        ujson.loads(broken)


def test_what_has_no_json_form_is_an_error():
    with pytest.raises(TypeError):
        ujson.dumps(object())


def test_endless_nesting_is_an_error_not_a_crash():
    endless = []
    endless.append(endless)
    with pytest.raises(OverflowError):
        ujson.dumps(endless)
