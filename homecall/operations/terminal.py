"""What the commands take from where they are called, and what they print there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homecall.contract.encoding import other_encoding, refusal
from homecall.operations.failure import Failure

if TYPE_CHECKING:
    from homecall.runtime.settings import Settings

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def settings() -> Settings:
    """The settings of this process; ``Failure`` names the first that is wrong."""
    from homecall.runtime.settings import SettingsError, load_settings

    try:
        return load_settings()
    except SettingsError as error:
        raise Failure(str(error)) from None


def day_named(text: str, option: str = "DATE") -> date:
    """A day as it is written in an option; ``Failure`` names the option where it is none."""
    from pydantic import TypeAdapter, ValidationError

    from homecall.contract.types import Day

    adapter: TypeAdapter[date] = TypeAdapter(Day)
    try:
        return adapter.validate_python(text)
    except ValidationError:
        raise Failure(f"{option}: must be a date, as in 2026-11-23") from None


def is_day(text: str) -> bool:
    """Whether it is written as a day is."""
    try:
        day_named(text)
    except Failure:
        return False
    return True


def numbered_lines(file: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, or of standard input for ``-``, numbered from 1; blank ones are passed over.

    ``Failure`` when there is no such file.
    """
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
            for number, raw in enumerate(stream, start=1):
                if number == 1 and (encoding := other_encoding(raw[:2])):
                    raise Failure(f"{'the input' if file == '-' else file}: {refusal(encoding)}")
                line = (raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw).strip()
                if line:
                    yield number, line
    except OSError as error:
        raise Failure(f"{file}: cannot be read: {error.strerror}") from None


def json_line(value: Any) -> bytes:
    """A value as one line of JSON, in UTF-8 whatever the terminal's own encoding."""
    from pydantic_core import to_json

    return to_json(value, inf_nan_mode="null") + b"\n"


def print_bytes(line: bytes) -> None:
    """Print bytes as they are, at once."""
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def no_pdf_for_a_terminal(form: str, output: Path | None) -> None:
    """``Failure`` where a PDF would be printed on a terminal."""
    if form == "pdf" and output is None and sys.stdout.isatty():
        raise Failure(
            "a PDF cannot be shown on a terminal: write it to a file with -o FILE.pdf, or choose --format html"
        )


def write_out(document: bytes, output: Path | None) -> None:
    """Write a document to a file, or to standard output where there is none; ``Failure`` when that cannot be.

    An earlier document of the same format is replaced, as when a list is printed again. Any other file stays: a
    mistyped path must not cost the keys.
    """
    if output is None:
        print_bytes(document)
        return
    try:
        if _holds_another(output, document):
            raise Failure(f"{output}: is there already, and is no such document: name another file, or remove it")
        output.write_bytes(document)
    except OSError as error:
        raise Failure(f"{output}: cannot be written: {error.strerror}") from None


_BEGINNING = 3
"""Bytes by which our formats are told apart: ``%PD``, ``<!d``, a byte order mark (CSV), ``{"t`` (GeoJSON)."""


def _holds_another(output: Path, document: bytes) -> bool:
    """Whether there is a file already, neither empty nor of the document's format."""
    if not output.is_file():
        return False
    with output.open("rb") as stream:
        beginning = stream.read(_BEGINNING)
    return bool(beginning) and beginning != document[:_BEGINNING]


def print_error(line: str) -> None:
    """Print one line for a person, where it does not mix with the output."""
    print(line, file=sys.stderr, flush=True)


def counted(number: int, one: str, several: str | None = None) -> str:
    """How many of something: ``1 clinic``, ``2 clinics``; ``several`` where an s does not make the plural."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def none_left(left: int, total: int, one: str, done: str) -> None:
    """``Failure`` with code 1 where some of so many are left: ``1 of 2 lines was not sent``."""
    if left:
        raise Failure(f"{left} of {counted(total, one)} {'was' if left == 1 else 'were'} not {done}", code=1)


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """`` (did you mean X?)`` with the nearest of the names; nothing where none is near."""
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def printable(text: str) -> str:
    """A text of anybody's on one line: what would move the cursor, or colour the screen, as its code."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)
