"""Decompress what Kafka carries, up to a limit: a few bytes may stand for gigabytes.

The services read through this file too.
"""

from __future__ import annotations

import gzip
import io
import mmap
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cramjam
from aiokafka.errors import UnsupportedCodecError

_PLAIN, _GZIP, _SNAPPY, _LZ4, _ZSTD = range(5)
_CHUNK = 256 * 1024
_FIRST_TRY = 64 * 1024
"""Most batches are smaller: they get a small buffer, and only larger ones one of the limit's size."""
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
# The decoders give no other sign of what went wrong than these texts.
_FULL = "failed to write whole buffer"
_WINDOW = "requires too much memory"


class TooLarge(Exception):
    """The data are larger than the limit."""


class Damaged(Exception):
    """The data cannot be decompressed."""


def unpack(codec: int, packed: bytes | memoryview, limit: int) -> bytes:
    """Decompress with a codec of Kafka's (0 to 4), using no more than ``limit`` bytes for the result.

    Raises ``TooLarge`` or ``Damaged``; ``MemoryError`` where there is no memory even for that.
    """
    if codec == _GZIP:
        return _gunzip(packed, limit)
    if codec == _SNAPPY:
        return _unsnap(bytes(packed), limit)
    if codec == _LZ4:
        return _stream(cramjam.lz4.decompress_into, bytes(packed), limit)
    if codec == _ZSTD:
        return _stream(cramjam.zstd.decompress_into, bytes(packed), limit)
    if codec == _PLAIN:
        if len(packed) > limit:
            raise TooLarge
        return bytes(packed)
    raise UnsupportedCodecError(f"compression codec {codec}")


def _gunzip(packed: bytes | memoryview, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            while part := file.read(_CHUNK):
                size += len(part)
                if size > limit:
                    raise TooLarge
                parts.append(part)
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged(str(error)) from error
    return b"".join(parts)


def _unsnap(packed: bytes, limit: int) -> bytes:
    """Snappy's raw format, or blocks of it with their lengths before them, as Java's library writes it."""
    if not packed.startswith(_XERIAL):
        return _unsnap_block(packed, limit)
    parts: list[bytes] = []
    left, at = limit, _XERIAL_HEADER
    while at < len(packed):
        if len(packed) - at < 4:
            raise Damaged("a block's length is cut off")
        (length,) = struct.unpack_from(">i", packed, at)
        at += 4
        if not 0 < length <= len(packed) - at:
            raise Damaged("a block's length is wrong")
        parts.append(_unsnap_block(packed[at : at + length], left))
        left -= len(parts[-1])
        at += length
    return b"".join(parts)


def _unsnap_block(packed: bytes, limit: int) -> bytes:
    try:
        # The decoder allocates what the block declares, and writes no more than that.
        if cramjam.snappy.decompress_raw_len(packed) > limit:
            raise TooLarge
        return bytes(cramjam.snappy.decompress_raw(packed))
    except cramjam.DecompressionError as error:
        raise Damaged(str(error)) from error


def _stream(decompress_into: Callable[[bytes, Any], int], packed: bytes, limit: int) -> bytes:
    if limit > _FIRST_TRY:
        small = bytearray(_FIRST_TRY)
        try:
            return bytes(memoryview(small)[: _filled(decompress_into, packed, small)])
        except TooLarge:
            pass
    try:
        # Its pages take memory only once they are written to.
        room = mmap.mmap(-1, max(1, limit))
    except OSError as error:
        raise MemoryError from error
    with room as large:
        size = _filled(decompress_into, packed, large)
        if size > limit:
            raise TooLarge
        return large[:size]


def _filled(decompress_into: Callable[[bytes, Any], int], packed: bytes, room: Any) -> int:
    try:
        return decompress_into(packed, room)
    except cramjam.DecompressionError as error:
        text = str(error)
        if _FULL in text or _WINDOW in text:
            raise TooLarge from error
        if "memory" in text or "allocation" in text:
            raise MemoryError(text) from error
        raise Damaged(text) from error
