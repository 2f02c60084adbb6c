"""The events that a service has published, read back from its topics: for a store that was restored from a backup.

After a restore the records since the backup are handled again. Their events are public already: numbers, windows,
statuses. They must come out as they were told, whatever the time is now, and none is sent a second time.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from homecall.contract.envelope import Incoming, OutgoingRecord, Record
from homecall.contract.ids import event_id
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX

_SLACK = timedelta(seconds=5)
"""How far before its record's time an event may have been published: clocks differ, and replays work in portions."""
_NUMBERED = {"visit", "status.changed", "journal.entry", "complaint.status-changed"}
"""Kinds of which a subject has a first, a second and so on."""
_OWN_TIMES = {"occurred_at", "at", "since"}
_COLUMNS = "type, id, key, source, subject, time, traceparent, value"
"""The fields of an event, all but its topic."""
_AT = "subject = ? AND kind = ? AND which = ?"


class PublishedEvents:
    """Events by subject, kind and number, in a temporary file: a day of the whole country is too large for memory.

    An event that was asked for counts as seen.
    """

    def __init__(self, service: str) -> None:
        self.source = f"/homecall/{service}"
        self.slack = _SLACK
        self._file = tempfile.NamedTemporaryFile(prefix="homecall-recall-")  # noqa: SIM115  # closed with it
        import sqlite3  # 2 MiB, which a service holds for no restore

        self._db = sqlite3.connect(self._file.name, isolation_level=None)
        # Each recovery has its own: nothing of it has to outlive this process.
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            f"CREATE TABLE said (kind TEXT, which TEXT, seen INTEGER DEFAULT 0, {_COLUMNS}, "
            "PRIMARY KEY (subject, kind, which)) WITHOUT ROWID"
        )
        self.as_told = Counter[str]()
        """By type, events that came out as they were published."""
        self.otherwise = Counter[str]()
        """Events that would differ now: the published ones are kept."""
        self.new = Counter[str]()
        """Events that were not published before."""

    def close(self) -> None:
        self._db.close()
        self._file.close()

    # ------------------------------------------------------------ filling it

    def take(self, record: Record) -> bool:
        """Keep a record of ours; the first of several with one id. Whether it is one."""
        event = self._ours(record)
        if event is None:
            return False
        _, kind, which = _place(event)
        self._db.execute(
            f"INSERT OR IGNORE INTO said (kind, which, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (kind, which, *(getattr(event, name) for name in _COLUMNS.split(", "))),
        )
        return True

    def _ours(self, record: Record) -> OutgoingRecord | None:
        """The event that a record carries, if this service wrote it."""
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
        event_type = headers.get("ce_type", "").removeprefix(TYPE_PREFIX)
        if headers.get("ce_source") != self.source or record.value is None or event_type not in TOPIC_OF_TYPE:
            return None
        return OutgoingRecord(
            topic=TOPIC_OF_TYPE[event_type].name,
            key=(record.key or b"").decode("utf-8", "replace"),
            type=event_type,
            id=headers.get("ce_id", ""),
            source=self.source,
            subject=headers.get("ce_subject", ""),
            time=headers.get("ce_time", ""),
            value=record.value,
            traceparent=headers.get("traceparent"),
        )

    # ------------------------------------------------------------ asking it

    def of(self, subject: str, kind: str, which: str) -> OutgoingRecord | None:
        """The event of a subject: ``kind`` is its type, or ``visit`` for all of a visit's."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM said WHERE {_AT}", (subject, kind, which)).fetchone()
        return None if row is None else _event(row)

    def all(self, event_type: str) -> Iterator[Mapping[str, Any]]:
        """The data of every event of a type."""
        for (value,) in self._db.execute("SELECT value FROM said WHERE type = ?", (event_type,)):
            yield json.loads(value)

    def waits(self, subject: str) -> bool:
        """Whether an event of a subject has not come out again yet."""
        found = self._db.execute("SELECT 1 FROM said WHERE subject = ? AND seen = 0 LIMIT 1", (subject,)).fetchone()
        return found is not None

    def subjects(self, after: str, limit: int) -> list[str]:
        """The subjects with events, in order, after one of them."""
        rows = self._db.execute(
            "SELECT DISTINCT subject FROM said WHERE subject > ? ORDER BY subject LIMIT ?", (after, limit)
        ).fetchall()
        return [subject for (subject,) in rows]

    def know(self, event: OutgoingRecord) -> None:
        """The store has this event: it was published before the backup, and need not come out again."""
        self._db.execute(f"UPDATE said SET seen = 1 WHERE {_AT}", _place(event))

    def early(self, event: Incoming) -> bool:
        """Whether a later record of its subject was handled before this event.

        Between topics there is no order: a service may have read the later of two records first.
        """
        rows = self._db.execute(
            "SELECT kind, which, seen, id, type, value FROM said WHERE subject = ?", (event.subject,)
        )
        caused: dict[str, int] = {}
        open_ones: dict[str, list[int]] = {}
        for kind, which, seen, told_id, event_type, value in rows.fetchall():
            if kind not in _NUMBERED:
                continue
            sibling = _sibling(json.loads(value))
            if told_id == event_id(event.causation_id, event_type, event.subject, sibling):
                caused[kind] = min(int(which), caused.get(kind, int(which)))
            elif not seen:
                open_ones.setdefault(kind, []).append(int(which))
        return any(number < first for kind, first in caused.items() for number in open_ones.get(kind, ()))

    def told_at(self, subject: str, now: datetime, causation_id: str = "") -> datetime:
        """When what this causation id led to was decided, else the next event of the subject; ``now`` if none was."""
        rows = self._db.execute(
            "SELECT time, seen, kind, id, type, value FROM said WHERE subject = ? AND kind NOT LIKE 'deadline%'",
            (subject,),
        ).fetchall()
        caused, following = [], []
        for time, seen, kind, told_id, event_type, value in rows:
            moment = datetime.fromisoformat(time)
            sibling = _sibling(json.loads(value)) if kind in _NUMBERED else ""
            if told_id == event_id(causation_id, event_type, subject, sibling):
                caused.append(moment)
            elif not seen and moment >= now - self.slack:
                following.append(moment)
        # A record that is handled late here has its own time all the same: it may have waited for an earlier one.
        return min(caused or following, default=now)

    def as_said(self, event: OutgoingRecord) -> OutgoingRecord:
        """An event as it was published: its id, time and bytes. Unchanged if it was not."""
        told = self.of(*_place(event))
        if told is None:
            self.new[event.type] += 1
            return event
        self.know(event)
        same = told.type == event.type and json.loads(told.value) == json.loads(event.value)
        (self.as_told if same else self.otherwise)[event.type] += 1
        return told

    def event_of(self, record: Record) -> OutgoingRecord | None:
        """The event of a record of ours, as it was published first."""
        event = self._ours(record)
        return None if event is None else self.of(*_place(event))

    def told(self, event: OutgoingRecord) -> bool:
        """Whether this event was published, but for its own times, and has not come out yet."""
        row = self._db.execute(f"SELECT type, value FROM said WHERE {_AT} AND seen = 0", _place(event)).fetchone()
        if row is None or row[0] != event.type:
            return False
        data, other = json.loads(event.value), json.loads(row[1])
        return all(data.get(name) == other.get(name) for name in data.keys() | other.keys() if name not in _OWN_TIMES)

    def was_said(self, event: OutgoingRecord) -> bool:
        """Whether the topics have this very event."""
        told = self.of(*_place(event))
        return told is not None and told.id == event.id

    def silent(self) -> dict[str, int]:
        """By type, how many published events have not come out again."""
        return dict(self._db.execute("SELECT type, COUNT(*) FROM said WHERE seen = 0 GROUP BY type").fetchall())

    def last_time(self) -> datetime | None:
        """When the last event was published, by the service's clock."""
        times = (time for (time,) in self._db.execute("SELECT time FROM said WHERE kind NOT LIKE 'deadline%'"))
        last: datetime | None = None
        for each in times:
            with suppress(ValueError):
                moment = datetime.fromisoformat(each)
                last = moment if last is None else max(last, moment)
        return last


def _place(event: OutgoingRecord) -> tuple[str, str, str]:
    """The key of an event: its subject, its kind, and which of these it is."""
    data = json.loads(event.value)
    if event.type.startswith("visit."):
        return event.subject, "visit", str(data["revision"])
    if event.type.startswith("deadline."):
        return event.subject, event.type, f"{data['deadline']} {data['due_at']}"
    if event.type == "request.held":
        return event.subject, event.type, f"{data.get('waits_for')} {data.get('deadline')}"
    which = next((str(data[name]) for name in ("sequence", "revision", "opens_at") if name in data), "")
    return event.subject, event.type, which


def _sibling(data: Mapping[str, Any]) -> str:
    """What went into an event's id beside its cause."""
    return f"{data['status']} {data['sequence']}" if "sequence" in data else str(data["revision"])


def _event(row: tuple[Any, ...]) -> OutgoingRecord:
    fields = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return OutgoingRecord(topic=TOPIC_OF_TYPE[fields["type"]].name, **fields)
