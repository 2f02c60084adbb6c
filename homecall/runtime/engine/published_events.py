"""What a service has said, as its own topics have it: for a store that has forgotten it.

After a restore the records since the backup are handled again. What came of them was told to the world: numbers,
windows, statuses. It must come out as it was told, whatever the time is now, and nothing of it is sent a second time.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from homecall.contract.envelope import Incoming, OutgoingRecord, Record
from homecall.contract.ids import event_id
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX

_SLACK = timedelta(seconds=5)
"""How far before its record's time an event may have been said: clocks of two machines, and portions of the replay."""
_NUMBERED = {"visit", "status.changed", "journal.entry", "complaint.status-changed"}
"""Kinds of which a subject has a first, a second and so on."""
_OWN_TIMES = {"occurred_at", "at", "since"}
_COLUMNS = "type, id, key, source, subject, time, traceparent, value"


class PublishedEvents:
    """Events by their subject and by what tells siblings apart, in a file of its own: a day of a country is not held in
    memory. What it is asked for counts as heard of again.
    """

    def __init__(self, service: str) -> None:
        self.source = f"/homecall/{service}"
        self.slack = _SLACK
        self._file = tempfile.NamedTemporaryFile(prefix="homecall-recall-")  # noqa: SIM115  # closed with it
        self._db = sqlite3.connect(self._file.name, isolation_level=None)
        # Each recovery has its own: nothing of it has to outlive this process.
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            f"CREATE TABLE said (kind TEXT, which TEXT, seen INTEGER DEFAULT 0, {_COLUMNS}, "
            "PRIMARY KEY (subject, kind, which)) WITHOUT ROWID"
        )
        self.as_told = Counter[str]()
        """By type, what came out as it had been told."""
        self.otherwise = Counter[str]()
        """What came out otherwise: what was told stands all the same."""
        self.new = Counter[str]()
        """What had not been told."""

    def close(self) -> None:
        self._db.close()
        self._file.close()

    # ------------------------------------------------------------ filling it

    def take(self, record: Record) -> bool:
        """Keep a record of ours; the first of several with one id. Whether it is one."""
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
        if headers.get("ce_source") != self.source or record.value is None:
            return False
        event_type = headers.get("ce_type", "").removeprefix(TYPE_PREFIX)
        if event_type not in TOPIC_OF_TYPE:
            return False
        kind, which = _place(event_type, json.loads(record.value))
        self._db.execute(
            f"INSERT OR IGNORE INTO said (kind, which, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                kind,
                which,
                event_type,
                headers.get("ce_id", ""),
                (record.key or b"").decode("utf-8", "replace"),
                self.source,
                headers.get("ce_subject", ""),
                headers.get("ce_time", ""),
                headers.get("traceparent"),
                record.value,
            ),
        )
        return True

    # ------------------------------------------------------------ asking it

    def of(self, subject: str, kind: str, which: str) -> OutgoingRecord | None:
        """The event of a subject: ``kind`` is its type, or ``visit`` for all of a visit's."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM said WHERE subject = ? AND kind = ? AND which = ?", (subject, kind, which)
        ).fetchone()
        return None if row is None else _event(row)

    def all(self, event_type: str) -> Iterator[Mapping[str, Any]]:
        """The data of every event of a type."""
        for (value,) in self._db.execute("SELECT value FROM said WHERE type = ?", (event_type,)):
            yield json.loads(value)

    def waits(self, subject: str) -> bool:
        """Whether something was told of a subject that has not come out again yet."""
        found = self._db.execute("SELECT 1 FROM said WHERE subject = ? AND seen = 0 LIMIT 1", (subject,)).fetchone()
        return found is not None

    def subjects(self, after: str, limit: int) -> list[str]:
        """Whom something was told of, in their order, after one of them."""
        rows = self._db.execute(
            "SELECT DISTINCT subject FROM said WHERE subject > ? ORDER BY subject LIMIT ?", (after, limit)
        ).fetchall()
        return [subject for (subject,) in rows]

    def know(self, event: OutgoingRecord) -> None:
        """The store has this event: it was told before the backup, and need not come out again."""
        kind, which = _place(event.type, json.loads(event.value))
        self._db.execute(
            "UPDATE said SET seen = 1 WHERE subject = ? AND kind = ? AND which = ?", (event.subject, kind, which)
        )

    def early(self, event: Incoming) -> bool:
        """Whether an event was heard later than its time says: of its subject something else was told before.

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

    def told_at(self, subject: str, now: datetime) -> datetime:
        """When what comes next of a subject was decided; ``now`` where nothing was told."""
        rows = self._db.execute(
            "SELECT time FROM said WHERE subject = ? AND seen = 0 AND kind NOT LIKE 'deadline%'", (subject,)
        ).fetchall()
        moments = [datetime.fromisoformat(time) for (time,) in rows]
        return min((each for each in moments if each >= now - self.slack), default=now)

    def as_said(self, event: OutgoingRecord) -> OutgoingRecord:
        """An event as it was told: its id, its time, its bytes. As it is where it was not."""
        kind, which = _place(event.type, json.loads(event.value))
        told = self.of(event.subject, kind, which)
        if told is None:
            self.new[event.type] += 1
            return event
        self._db.execute(
            "UPDATE said SET seen = 1 WHERE subject = ? AND kind = ? AND which = ?", (event.subject, kind, which)
        )
        same = told.type == event.type and json.loads(told.value) == json.loads(event.value)
        (self.as_told if same else self.otherwise)[event.type] += 1
        return replace(told, topic=TOPIC_OF_TYPE[told.type].name)

    def event_of(self, record: Record) -> OutgoingRecord | None:
        """The event of a record of ours, as it was told first."""
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
        if headers.get("ce_source") != self.source or record.value is None:
            return None
        event_type = headers.get("ce_type", "").removeprefix(TYPE_PREFIX)
        return self.of(headers.get("ce_subject", ""), *_place(event_type, json.loads(record.value)))

    def told(self, event: OutgoingRecord) -> bool:
        """Whether this is what was told in its place, and has not come out yet; times of its own aside."""
        data = json.loads(event.value)
        kind, which = _place(event.type, data)
        row = self._db.execute(
            "SELECT type, value FROM said WHERE subject = ? AND kind = ? AND which = ? AND seen = 0",
            (event.subject, kind, which),
        ).fetchone()
        if row is None or row[0] != event.type:
            return False
        other = json.loads(row[1])
        return all(data.get(name) == other.get(name) for name in data.keys() | other.keys() if name not in _OWN_TIMES)

    def was_said(self, event: OutgoingRecord) -> bool:
        """Whether the topics have this very event."""
        kind, which = _place(event.type, json.loads(event.value))
        told = self.of(event.subject, kind, which)
        return told is not None and told.id == event.id

    def silent(self) -> dict[str, int]:
        """By type, what was told and has not come out again."""
        return dict(self._db.execute("SELECT type, COUNT(*) FROM said WHERE seen = 0 GROUP BY type").fetchall())

    def last_time(self) -> datetime | None:
        """When the last of it was told, by the service's clock."""
        times = (time for (time,) in self._db.execute("SELECT time FROM said WHERE kind NOT LIKE 'deadline%'"))
        last: datetime | None = None
        for each in times:
            with suppress(ValueError):
                moment = datetime.fromisoformat(each)
                last = moment if last is None else max(last, moment)
        return last


def _place(event_type: str, data: Mapping[str, Any]) -> tuple[str, str]:
    """What tells an event from the others of its subject: its kind, and which of these it is."""
    if event_type.startswith("visit."):
        return "visit", str(data["revision"])
    if event_type.startswith("deadline."):
        return event_type, f"{data['deadline']} {data['due_at']}"
    if event_type == "request.held":
        return event_type, f"{data.get('waits_for')} {data.get('deadline')}"
    for name in ("sequence", "revision", "opens_at"):
        if name in data:
            return event_type, str(data[name])
    return event_type, ""


def _sibling(data: Mapping[str, Any]) -> str:
    """What went into an event's id beside its cause."""
    return f"{data['status']} {data['sequence']}" if "sequence" in data else str(data["revision"])


def _event(row: tuple[Any, ...]) -> OutgoingRecord:
    event_type, event_id, key, source, subject, time, traceparent, value = row
    return OutgoingRecord(
        TOPIC_OF_TYPE[event_type].name, key, event_type, event_id, source, subject, time, bytes(value), traceparent
    )
