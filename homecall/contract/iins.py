"""IINs in text: found through any separators, and hidden.

Every text and id of an event that comes in passes through ``without_iins`` (``homecall/contract/types.py``), so no
event, key, log line or store of ours holds an IIN that somebody typed. Hidden is what can be an IIN: twelve digits with
its check digit, and a date of birth where the digits are split or stand in a longer number. Left alone are dates and
times, UUIDs, phones, the BINs of organisations (their fifth digit is 4 or more), and what has another check digit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import mul

HIDDEN = "*" * 12

_WEIGHTS_1 = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
_WEIGHTS_2 = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)
_MOST_LETTERS, _WIDEST_GAP = 3, 16
"""Letters and visible characters between two digits of one IIN."""
_CENTURIES = frozenset("123456")

_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0[1-9]|1[0-2])"
_CLOCK = r"(?:[01]\d|2[0-4]):[0-5]\d"
_GAP = r"[\s().-]{0,3}"
_NO_IIN = re.compile(
    "|".join(
        (
            # A date, with the time of day.
            rf"(?<!\d)(?:19|20)\d\d-{_MONTH}-{_DAY}"
            rf"(?:[Tt ]{_CLOCK}(?::[0-5]\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)?)?(?!\d)",
            rf"(?<!\d){_DAY}[./]{_MONTH}[./](?:19|20)\d\d(?:,? {_CLOCK})?(?!\d)",
            # From one time of day to another.
            rf"(?<![\d:]){_CLOCK} ?[-\u2010-\u2015] ?{_CLOCK}(?![\d:])",
            r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-fA-F])",
            # A phone of Kazakhstan, unless a single digit beside it makes twelve.
            rf"(?<!\d)(?<!\d[^\w\s])(?:\+?7|8){_GAP}(?:7\d\d|800){_GAP}\d{{3}}{_GAP}\d\d{_GAP}\d\d"
            r"(?!\d)(?![^\w\s]\d(?!\d))",
        )
    ),
    re.ASCII,
)


def iin_check_digit(first_eleven: str) -> int | None:
    """The twelfth digit of an IIN or BIN by its first eleven; None when they can carry none."""
    digits = [int(digit) for digit in first_eleven]
    for weights in (_WEIGHTS_1, _WEIGHTS_2):
        remainder: int = sum(map(mul, digits, weights)) % 11
        if remainder < 10:
            return remainder
    return None


def without_iins(text: str, own: Collection[str] = ()) -> str:
    """The text with asterisks in place of each IIN, whatever stands between its digits.

    ``own`` are IINs that are known: they are hidden wherever their digits follow one another.
    """
    if len(text) < 12 or sum(map(str.isdigit, text)) < 12:
        return text
    found = sorted({*_iins(text), *_known(text, own)})
    if not found:
        return text
    kept: list[str] = []
    since = 0
    for begins, ends in _merged(found):
        kept += [text[since:begins], _stars(text[begins:ends])]
        since = ends
    return "".join([*kept, text[since:]])


def holds_iin(text: str) -> bool:
    """Whether an IIN with a date of birth stands in the text. A BIN is none."""
    return len(text) >= 12 and any(_dated(_digits_in(text[begins:ends])) for begins, ends in _iins(text))


@dataclass(frozen=True, slots=True)
class _Digit:
    place: int
    value: str
    group: int
    """Digits of one number, with nothing to see between them, have the same."""


def _iins(text: str) -> Iterator[tuple[int, int]]:
    """From where to where what can be an IIN stands."""
    for chain in _chains(text):
        for first in range(len(chain) - 11):
            window = chain[first : first + 12]
            whole = (first == 0 or chain[first - 1].group != window[0].group) and (
                first + 12 == len(chain) or chain[first + 12].group != window[-1].group
            )
            begins, ends = window[0].place, window[-1].place + 1
            if _can_be("".join(each.value for each in window), window, whole) and not _is_phone(text, begins, ends):
                yield begins, ends


def _can_be(digits: str, window: list[_Digit], whole: bool) -> bool:
    if iin_check_digit(digits[:11]) != int(digits[11]):
        return False
    if whole and window[0].group == window[-1].group:
        return digits[4] < "4"  # of a BIN it is 4, 5 or 6
    return _dated(digits) and (whole or digits[6] in _CENTURIES)


def _dated(digits: str) -> bool:
    return len(digits) == 12 and 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) <= 31


def _chains(text: str) -> Iterator[list[_Digit]]:
    """The digits of a text that may belong to one number, a list for each."""
    guarded = {place for found in _NO_IIN.finditer(text) for place in range(*found.span())}
    places = [place for place, each in enumerate(text) if each.isdigit()]
    chain: list[_Digit] = []
    group = 0
    for before, place in pairwise([-1, *places]):
        gap = [each for each in text[before + 1 : place] if unicodedata.category(each) not in ("Cf", "Mn", "Me")]
        letters = sum(map(str.isalpha, gap))
        apart = before in guarded or letters > _MOST_LETTERS or len(gap) > _WIDEST_GAP
        if (apart or place in guarded) and chain:
            yield chain
            chain = []
        group += bool(gap)
        if place not in guarded:
            chain.append(_Digit(place, str(unicodedata.digit(text[place])), group))
    if chain:
        yield chain


def _is_phone(text: str, begins: int, ends: int) -> bool:
    """Whether the digits are a phone of another country: after a plus sign, and a number that exists."""
    before = text[:begins].rstrip(" (")
    if not before.endswith("+"):
        return False
    import phonenumbers  # takes a while, and is asked hardly ever

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse("+" + text[begins:ends]))
    except phonenumbers.NumberParseException:
        return False


def _known(text: str, own: Collection[str]) -> Iterator[tuple[int, int]]:
    places = [place for place, each in enumerate(text) if each.isdigit()]
    digits = _digits_in(text)
    for iin in own:
        first = digits.find(iin)
        while iin and first >= 0:
            yield places[first], places[first + len(iin) - 1] + 1
            first = digits.find(iin, first + 1)


def _digits_in(text: str) -> str:
    return "".join(str(unicodedata.digit(each)) for each in text if each.isdigit())


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begins, ends in spans:
        if merged and begins < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(ends, merged[-1][1]))
        else:
            merged.append((begins, ends))
    return merged


def _stars(text: str) -> str:
    """Words between the digits stay: they are no separators."""
    if sum(map(str.isalpha, text)) <= _MOST_LETTERS * 4:
        return HIDDEN
    return "".join("*" if each.isdigit() else each for each in text)


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def in_letters(digest: str) -> str:
    """A hexadecimal digest without digits, in which no IIN can be seen: a to f as they are, 0 to 9 as g to p."""
    return digest.translate(_LETTERS)
