"""Text files written by people: UTF-8, with or without a byte order mark. Pure."""

from __future__ import annotations

import codecs

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotUtf8(ValueError):  # what is wrong, as the others of this package
    """What is wrong with a file's encoding and how to correct it, in one line that follows the file's name."""


def decoded(content: bytes) -> str:
    """The text, without its byte order mark. Raises ``NotUtf8``; nothing of the content is in its message."""
    encoding = other_encoding(content)
    if encoding is not None:
        raise NotUtf8(refusal(encoding))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = content.count(b"\n", 0, error.start) + 1
        raise NotUtf8(f"{refusal(None)} (line {at})") from None


def other_encoding(content: bytes) -> str | None:
    """The encoding if the bytes reveal one other than UTF-8; else None."""
    if content.startswith(_UTF_16):
        return "UTF-16"
    if b"\0" in content:
        # Text has none; half of the bytes of Latin letters in UTF-16 are such.
        return "UTF-16LE" if content.find(b"\0") % 2 else "UTF-16BE"
    return None


def refusal(encoding: str | None) -> str:
    """The error for a file in this encoding; None: one that its bytes do not reveal."""
    if encoding is None:
        return "is not in UTF-8: save it as UTF-8, or convert it, from Windows-1251 with iconv -f CP1251 -t UTF-8"
    return f"is in UTF-16, not in UTF-8: save it as UTF-8, or convert it with iconv -f {encoding} -t UTF-8"
