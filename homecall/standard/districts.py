"""Which district an address belongs to, by the prefixes that the clinic published."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

DistrictKind = Literal["adult", "child", "mixed"]


def district_of(
    address_text: str, districts: Iterable[tuple[str, DistrictKind, Sequence[str]]], *, is_child: bool
) -> str | None:
    """The ``district_id`` whose address prefix the address begins with, or None.

    ``districts`` are (district_id, kind, address prefixes). Case and spacing do not count; a prefix ends where a word
    does ("Abai 1" is not "Abai 12", nor "Abai 1A"). The longest prefix wins, then the district of the patient's own
    kind before a mixed one, then the lower id. An adult is never matched to a child district, nor a child to an adult
    one.
    """
    own: DistrictKind = "child" if is_child else "adult"
    address = _plain(address_text)
    matches = [
        (-len(prefix), kind != own, district_id)
        for district_id, kind, prefixes in districts
        if kind in (own, "mixed")
        for prefix in map(_plain, prefixes)
        if _begins_with(address, prefix)
    ]
    return min(matches)[2] if matches else None


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _begins_with(address: str, prefix: str) -> bool:
    if not prefix or not address.startswith(prefix):
        return False
    rest = address[len(prefix) :]
    return not (rest and rest[0].isalnum() and prefix[-1].isalnum())
