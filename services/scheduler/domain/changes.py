"""Which parts of a day are not stored yet, so that a day of 1,500 bookings is never written whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Changes:
    """What of a day is not stored yet: fields by name, and entries of its maps by (field, key) with the stored value.

    None stands for an entry that the store does not have.
    """

    fields: set[str] = field(default_factory=set)
    entries: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fields or self.entries)

    def touches(self, *names: str) -> bool:
        return any(name in self.fields for name in names) or any(name in names for name, _ in self.entries)
