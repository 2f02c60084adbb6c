"""Calls that the ambulance service (103) handed on to a clinic (R13): which they are, and which go first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

REASON: Final = "passed_on_by_ambulance"
"""The reason that says so."""
UNKNOWN: Final = 5
"""The place of a call whose category is not known: after those of the four that are."""

_CATEGORIES: Final = {"1": 1, "2": 2, "3": 3, "4": 4, "i": 1, "ii": 2, "iii": 3, "iv": 4}


def is_referred(reasons: Collection[str], *, has_referral: bool) -> bool:
    """Whether 103 handed the call on: by its reason, or by the card alone."""
    return has_referral or REASON in reasons


LABELS: Final = ("1", "2", "3", "4", "other", "none")
"""What ``label`` gives."""


def label(category: str | None) -> str:
    """The category as it is counted: 1 to 4, else ``other``; ``none`` without a card."""
    found = place(category)
    return "none" if category is None else "other" if found == UNKNOWN else str(found)


def place(category: str | None) -> int:
    """The place of a category among such calls, the most urgent first: 1 to 4, else ``UNKNOWN``."""
    return _CATEGORIES.get((category or "").strip().lower(), UNKNOWN)
