"""Phone numbers and words that stay on one line, in PDF and in HTML. Pure."""

from __future__ import annotations

import re
from html import escape
from typing import Final

_PHONE: Final = re.compile(r"(?<![0-9])\+?(?:[0-9][ \u00a0()-]{0,2}){9,13}[0-9](?![0-9])")
"""Ten to fourteen digits, with what people put between them."""
STYLE: Final = ".whole { white-space: nowrap; }\n"


def unbroken(text: str) -> str:
    """The text with no-break spaces within its phone numbers."""
    return _PHONE.sub(lambda found: found[0].replace(" ", "\u00a0"), text)


def marked_up(text: str) -> str:
    """The text, escaped for HTML, each phone number within a ``span`` that no line break divides.

    A no-break space is not enough: a browser breaks a line behind a hyphen too.
    """
    return _PHONE.sub(lambda found: f'<span class="whole">{found[0]}</span>', escape(unbroken(text)))


def whole_words(text: str) -> str:
    """The text, escaped for HTML; a word with a hyphen is not divided behind it."""
    words = (f'<span class="whole">{escape(word)}</span>' if "-" in word else escape(word) for word in text.split(" "))
    return " ".join(words)
