"""How people's texts are compared in search and sorting: without regard to case, ``ё`` as ``е``, blanks as one."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_NOT_A_WORD: Final = re.compile(r"[^\w]+")
_NOT_A_DIGIT: Final = re.compile(r"\D+")
_SUBSCRIBER_DIGITS: Final = 10
"""Digits of a phone number behind the country's code, or behind the 8 that people dial in its place."""

_SHORTEST_PREFIX: Final = 2
_LONGEST_PREFIX: Final = 8
_ALPHABET: Final = "аәбвгғдежзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя"
_KAZAKH: Final = {letter: chr(0x100 + place) for place, letter in enumerate(_ALPHABET)}


def folded(text: str) -> str:
    """The form in which texts are compared: one case, ``ё`` as ``е``, words one blank apart. Kazakh letters stay."""
    plain = unicodedata.normalize("NFC", text).casefold().replace("ё", "е")
    return " ".join(_NOT_A_WORD.sub(" ", plain).split())


def finds(query: str, text: str) -> bool:
    """Whether each word of the query begins a word of the text."""
    words = folded(text).split()
    return all(any(word.startswith(part) for word in words) for part in folded(query).split())


def prefixes(text: str) -> list[str]:
    """What a name is indexed by: the beginnings of its words. See ``asked_prefix``."""
    words = folded(text).split()
    lengths = range(_SHORTEST_PREFIX, _LONGEST_PREFIX + 1)
    return sorted({word[:length] for word in words for length in lengths if len(word) >= length})


def asked_prefix(query: str) -> str:
    """The beginning by which a name is looked up, of the query's longest word; empty where all are too short.

    What it finds is to be held against the whole query with ``finds``.
    """
    longest = max(folded(query).split(), key=len, default="")
    return longest[:_LONGEST_PREFIX] if len(longest) >= _SHORTEST_PREFIX else ""


def sort_key(text: str) -> str:
    """The place of a text in the order of the Kazakh alphabet, which holds all letters of the Russian one but ``ё``."""
    return "".join(_KAZAKH.get(letter, letter) for letter in folded(text))


def phone_digits(text: str) -> str:
    """The digits by which a phone number is found, however it is written; empty where there are too few."""
    digits = _NOT_A_DIGIT.sub("", text)
    return digits[-_SUBSCRIBER_DIGITS:] if len(digits) >= _SUBSCRIBER_DIGITS else ""
