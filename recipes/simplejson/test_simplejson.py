from decimal import Decimal

import pytest
import simplejson
from simplejson import _speedups, decoder, encoder, scanner


def test_encoder_and_scanner_are_the_compiled_ones():
    assert encoder.c_make_encoder is _speedups.make_encoder
    assert scanner.c_make_scanner is _speedups.make_scanner
    assert decoder.scanstring is _speedups.scanstring


@pytest.mark.parametrize("value", [None, True, 0, -1, 2**70, 1.5, "", "ö☃\U0001f600\"\\", [], {}, {"a": [1, {"b": None}]}], ids=repr)
def test_round_trip(value):
    assert simplejson.loads(simplejson.dumps(value)) == value


def test_decimals_keep_their_digits():
    text = '{"price": 1.10}'
    price = simplejson.loads(text, use_decimal=True)["price"]
    assert isinstance(price, Decimal) and str(price) == "1.10"
    assert simplejson.dumps({"price": price}, use_decimal=True) == text


def test_hooks_are_called_from_c():
    assert simplejson.loads('{"a": {"b": 1}}', object_hook=lambda d: sorted(d)) == ["a"]
    assert simplejson.dumps({1, 2}, default=sorted) == "[1, 2]"
    assert simplejson.dumps(iter([1, 2]), iterable_as_array=True) == "[1, 2]"


def test_mistakes_are_placed():
    with pytest.raises(simplejson.JSONDecodeError) as caught:
        simplejson.loads('{"a": 1,\n "b": }')
    assert (caught.value.lineno, caught.value.colno) == (2, 7)


def test_circles_are_found():
    circle = []
    circle.append(circle)
    with pytest.raises(ValueError):
        simplejson.dumps(circle)
