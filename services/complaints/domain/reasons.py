"""What counts as a reason: one rule for a complaint, measures, an answer and grounds (C10.5)."""

from __future__ import annotations

from typing import Final

_LETTERS: Final = 5
_DIFFERENT_LETTERS: Final = 3
_LONGEST_WORD: Final = 3


def in_words(text: str) -> bool:
    """Whether a text says something: five letters, three of them different, and a word of three letters.

    One word is enough ("Келіспеймін"), a letter is not.
    """
    letters = [sign for sign in text.casefold() if sign.isalpha()]
    words = "".join(sign if sign.isalpha() else " " for sign in text).split()
    return (
        len(letters) >= _LETTERS
        and len(set(letters)) >= _DIFFERENT_LETTERS
        and max(map(len, words), default=0) >= _LONGEST_WORD
    )
