import datetime
import io

import msgpack
import pytest
from msgpack import _cmsgpack, fallback


def test_packer_is_the_compiled_one():
    assert msgpack.Packer is _cmsgpack.Packer
    assert msgpack.Unpacker is _cmsgpack.Unpacker


VALUES = [
    None, True, 0, 127, 128, -1, -33, 2**32, 2**64 - 1, -(2**63), 1.5, float("inf"),
    "", "ö☃\U0001f600", b"\x00\xff", [], [1, [2, [3]]], {"a": {"b": [1, 2.5, None]}}, "x" * 70000,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: repr(v)[:20])
def test_round_trip_and_same_bytes_as_python(value):
    packed = msgpack.packb(value)
    assert packed == fallback.Packer().pack(value)
    assert msgpack.unpackb(packed) == value


def test_stream_of_several_objects_in_pieces():
    data = b"".join(msgpack.packb([i, str(i)]) for i in range(300))
    unpacker = msgpack.Unpacker()
    seen = []
    for start in range(0, len(data), 7):
        unpacker.feed(data[start : start + 7])
        seen.extend(unpacker)
    assert seen == [[i, str(i)] for i in range(300)]


def test_timestamp_extension():
    moment = datetime.datetime(2001, 2, 3, 4, 5, 6, 789000, tzinfo=datetime.timezone.utc)
    assert msgpack.unpackb(msgpack.packb(moment, datetime=True), timestamp=3) == moment


def test_damaged_input_is_an_error():
    with pytest.raises(ValueError):
        msgpack.unpackb(b"\x92\x01")
    with pytest.raises(msgpack.ExtraData):
        msgpack.unpackb(b"\x01\x02")
    with pytest.raises(OverflowError):
        msgpack.packb(2**64)


def test_reads_from_a_file():
    assert list(msgpack.Unpacker(io.BytesIO(b"\x01\x02\x03"))) == [1, 2, 3]
