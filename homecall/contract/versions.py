"""Which of two records of one key is newer: by ``revision``, or by the time of the event. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from homecall.contract.envelope import Incoming

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Version:
    """How new a record is.

    Revisions decide if both records have one, then times, then offsets. ``highest`` is the highest revision that the
    key has had: after a record without a revision, a lower revision is still older.
    """

    revision: int | None
    highest: int | None
    time: datetime
    offset: int
    causation_id: str = ""
    """The causation id of the event; empty of what an earlier release kept, and of a record without a value."""

    def replaces(self, held: Version | None) -> bool:
        """Whether this one holds in place of ``held``, or is the same one."""
        if held is None:
            return True
        if self.revision is not None and held.highest is not None and self.revision < held.highest:
            return False
        if self.revision is not None and held.revision is not None and self.revision != held.revision:
            return self.revision > held.revision
        return (self.time, self.offset) >= (held.time, held.offset)

    def rivals(self, held: Version | None) -> bool:
        """Whether another event claims the place of ``held`` with the same revision and the same time."""
        if held is None or not held.causation_id or self.causation_id == held.causation_id:
            return False
        return (self.revision, self.time) == (held.revision, held.time)

    def after(self, held: Version | None) -> Version:
        """This version as the one that holds, once it has replaced ``held``."""
        known = [each.highest for each in (self, held) if each is not None and each.highest is not None]
        return Version(self.revision, max(known, default=None), self.time, self.offset, self.causation_id)

    def as_doc(self) -> list[Any]:
        """The version as a store keeps it."""
        return [self.revision, self.highest, self.time.isoformat(), self.offset, self.causation_id]


def version_from(doc: list[Any]) -> Version:
    """What ``as_doc`` gave."""
    revision, highest, time, offset, *causation_id = doc  # an earlier release kept no cause
    return Version(revision, highest, datetime.fromisoformat(time), offset, *causation_id)


def version_of(event: Incoming) -> Version:
    """The version of an event; its time is ``ce_time``, or the record's where it has none."""
    revision = getattr(event.data, "revision", None)
    time = datetime.fromisoformat(event.time) if event.time else event.record.recorded_at or _NEVER
    return Version(revision, revision, time, event.record.offset, event.causation_id)
