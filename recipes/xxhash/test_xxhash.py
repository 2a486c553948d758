import pytest
import xxhash

# The digests of the empty input are in the specification of xxHash.
EMPTY = {
    "xxh32": "02cc5d05",
    "xxh64": "ef46db3751d8e999",
    "xxh3_64": "2d06800538d394c2",
    "xxh3_128": "99aa06d3014798d86001c324468d497f",
}


@pytest.mark.parametrize("name", EMPTY)
def test_digest_of_nothing(name):
    assert getattr(xxhash, name)().hexdigest() == EMPTY[name]


def test_seed_and_64_bit_arithmetic():
    # On a machine of 32 bits these go wrong first.
    assert xxhash.xxh64_intdigest(b"xxhash", seed=20141025) == 13067679811253438005
    assert xxhash.xxh32_intdigest(b"xxhash", seed=20141025) == 1740325085


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("size", [1, 3, 8, 16, 17, 128, 129, 240, 241, 1024, 100_003])
def test_pieces_give_the_same_as_the_whole(name, size):
    data = bytes(i * 31 % 251 for i in range(size))
    whole = getattr(xxhash, name)(data, seed=7)
    pieces = getattr(xxhash, name)(seed=7)
    for start in range(0, size, 1000):
        pieces.update(data[start : start + 1000])
    assert pieces.hexdigest() == whole.hexdigest() == getattr(xxhash, name + "_hexdigest")(data, seed=7)
    copy = pieces.copy()
    copy.update(b"more")
    assert copy.digest() != pieces.digest()


def test_takes_buffers_not_text_of_other_kinds():
    assert xxhash.xxh64(memoryview(b"abc")).digest() == xxhash.xxh64(bytearray(b"abc")).digest()
    with pytest.raises(TypeError):
        xxhash.xxh64(1)
