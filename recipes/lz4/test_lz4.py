import io

import lz4
import lz4.block
import lz4.frame
import pytest

TEXT = b"".join(b"line %d of a text that repeats itself\n" % (i % 97) for i in range(5000))


def test_library_tells_its_version():
    assert lz4.library_version_string().split(".")[0] == "1"
    assert lz4.library_version_number() >= 10900


@pytest.mark.parametrize("mode", ["default", "fast", "high_compression"])
def test_block(mode):
    packed = lz4.block.compress(TEXT, mode=mode)
    assert len(packed) < len(TEXT) // 4
    assert lz4.block.decompress(packed) == TEXT


def test_block_with_dictionary():
    packed = lz4.block.compress(TEXT[:500], dict=TEXT, store_size=False)
    assert len(packed) < len(lz4.block.compress(TEXT[:500], store_size=False))
    assert lz4.block.decompress(packed, uncompressed_size=500, dict=TEXT) == TEXT[:500]


def test_frame_has_the_magic_number_and_checks_itself():
    packed = lz4.frame.compress(TEXT, content_checksum=True, compression_level=9)
    assert packed[:4] == bytes.fromhex("04224d18")
    assert lz4.frame.decompress(packed) == TEXT
    broken = bytearray(packed)
    broken[len(packed) // 2] ^= 0xFF
    with pytest.raises(RuntimeError):
        lz4.frame.decompress(bytes(broken))


def test_frame_in_pieces():
    file = io.BytesIO()
    with lz4.frame.open(file, mode="wb") as out:
        for start in range(0, len(TEXT), 1000):
            out.write(TEXT[start : start + 1000])
    assert lz4.frame.decompress(file.getvalue()) == TEXT


def test_damaged_block_is_an_error():
    with pytest.raises(lz4.block.LZ4BlockError):
        lz4.block.decompress(b"\x10\x00\x00\x00\xff\xff")
