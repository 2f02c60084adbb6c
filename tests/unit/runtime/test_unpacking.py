"""Decompression up to a limit: what fits comes out whole, and what does not takes no memory."""

from __future__ import annotations

import gzip
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import cramjam
import pytest
from aiokafka import codec
from aiokafka.errors import UnsupportedCodecError

from homecall_client.unpacking import Damaged, TooLarge, unpack

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CODECS = (GZIP, SNAPPY, LZ4, ZSTD)
PACK: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    GZIP: codec.gzip_encode,
    SNAPPY: codec.snappy_encode,
    LZ4: codec.lz4_encode,
    ZSTD: codec.zstd_encode,
}
MIB = 1024 * 1024
NOISE = random.Random(7).randbytes(200_000)


@pytest.mark.parametrize("number", PACK)
@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_what_fits_comes_out_whole_and_a_byte_more_does_not(number: int, size: int) -> None:
    data = NOISE[:size]
    if number == SNAPPY and not size:
        return  # its framing has no block for nothing
    packed = PACK[number](data)
    assert unpack(number, packed, size) == data
    assert unpack(number, memoryview(packed), size + 1) == data
    if size:
        with pytest.raises(TooLarge):
            unpack(number, packed, size - 1)


def zstd_frame(blocks: int, window: int = 20) -> bytes:
    """A frame of blocks that repeat one byte 131,072 times each: four bytes a block."""
    sizes = [(place == blocks - 1) | 1 << 1 | 131_072 << 3 for place in range(blocks)]
    return (
        b"\x28\xb5\x2f\xfd\x00"
        + bytes([(window - 10) << 3])
        + b"".join(struct.pack("<I", each)[:3] + b"A" for each in sizes)
    )


BOMBS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "gzip": (GZIP, lambda: gzip.compress(bytes(100 * MIB))),
    "gzip in members": (GZIP, lambda: gzip.compress(bytes(MIB)) * 100),
    "snappy": (SNAPPY, lambda: bytes(cramjam.snappy.compress_raw(bytes(100 * MIB)))),
    "snappy in blocks": (SNAPPY, lambda: codec.snappy_encode(bytes(100 * MIB), xerial_blocksize=MIB)),
    "snappy declares 4 GiB": (SNAPPY, lambda: b"\xff\xff\xff\xff\x0f\x00a"),
    "lz4": (LZ4, lambda: bytes(cramjam.lz4.compress(bytes(100 * MIB)))),
    "lz4 in frames": (LZ4, lambda: bytes(cramjam.lz4.compress(bytes(MIB))) * 100),
    "zstd": (ZSTD, lambda: zstd_frame(800)),
    "zstd in frames": (ZSTD, lambda: zstd_frame(8) * 100),
    "zstd after a skippable frame": (ZSTD, lambda: b"\x50\x2a\x4d\x18\x04\0\0\0junk" + zstd_frame(800)),
    "zstd with a window of 1 GiB": (ZSTD, lambda: zstd_frame(1, window=30)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_too_large_and_takes_no_memory(name: str) -> None:
    number, make = BOMBS[name]
    packed = make()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpack(number, packed, 2 * MIB)
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


DAMAGED: dict[str, tuple[int, bytes]] = {
    **{f"{number} of garbage": (number, b"garbage, and nothing else") for number in CODECS},
    **{f"{number} of nothing": (number, b"") for number in CODECS if number != GZIP},
    **{f"{number} cut off": (number, PACK[number](NOISE)[:-1_000]) for number in CODECS},
    "gzip with something behind it": (GZIP, gzip.compress(b"x") + b"junk"),
    "gzip with a wrong checksum": (GZIP, gzip.compress(b"x")[:-8] + struct.pack("<II", zlib.crc32(b"y"), 1)),
    "a block of snappy with a negative length": (SNAPPY, codec.snappy_encode(b"x")[:16] + b"\xff\xff\xff\xfc"),
    "a block of snappy with no length": (SNAPPY, codec.snappy_encode(b"x")[:16] + b"\0\0\0\0"),
    "a block of snappy that is longer than all": (SNAPPY, codec.snappy_encode(b"x")[:16] + b"\0\0\0\x09a"),
    "a block's length that is cut off": (SNAPPY, codec.snappy_encode(b"x")[:18]),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_decompressed_is_damaged(name: str) -> None:
    number, packed = DAMAGED[name]
    with pytest.raises(Damaged):
        unpack(number, packed, MIB)


@pytest.mark.parametrize("text", ["Allocation error : not enough memory", "lz4: ERROR_allocation_failed"])
def test_where_there_is_no_memory_the_data_are_not_to_blame(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> int:
        raise cramjam.DecompressionError(text)

    monkeypatch.setattr(cramjam, "zstd", type("Zstd", (), {"decompress_into": staticmethod(fails)}))
    with pytest.raises(MemoryError):
        unpack(ZSTD, b"x", MIB)


def test_a_codec_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UnsupportedCodecError):
        unpack(5, b"x", MIB)
