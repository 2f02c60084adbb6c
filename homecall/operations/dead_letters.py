"""``homecall dead-letters``: look at the records that could not be handled, and send them again."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, get_args

import typer

from homecall.contract.envelope import DeadReason, Record
from homecall.contract.iins import without_iins
from homecall.contract.topics import BY_NAME, DEAD_LETTERS
from homecall.contract.types import in_zone
from homecall.operations.failure import Failure
from homecall.operations.kafka import Message, Sent, read_to_end, send, topic_named
from homecall.operations.table import Column, print_table
from homecall.operations.terminal import counted, did_you_mean, json_line, print_bytes, print_error, printable, settings

_DEAD = "homecall-dead-"
_COLUMNS = (
    Column("offset", folds=0),
    Column("when", folds=2),
    Column("reason", folds=0),
    Column("service", folds=3),
    Column("from", folds=1),
    Column("key", folds=4),
    Column("detail", folds=5),
)


@dataclass(frozen=True)
class Letter:
    """A dead letter: the record as it stands in its topic, and what its headers say of its death."""

    record: Record
    reason: str
    detail: str
    topic: str
    partition: str
    offset: str
    service: str

    @property
    def key(self) -> str | None:
        """Whose it is by its key, a clinic's or a subject's id; None without one. Nobody's IIN, whatever was sent."""
        key = self.record.key
        return None if key is None else without_iins(key.decode("utf-8", "replace"))

    @property
    def when(self) -> str | None:
        """When it was written, in the clinics' zone; None where its record bears no time."""
        moment = self.record.recorded_at
        return None if moment is None else in_zone(moment.replace(microsecond=0))

    def message(self) -> Message:
        """The record as it first came, for the topic that it came from."""
        kept = tuple((name, value or b"") for name, value in self.record.headers if not name.startswith(_DEAD))
        return Message(self.topic, self.record.key, self.record.value, kept)


def letter_of(record: Record) -> Letter:
    """A record of the topic as a letter; what its headers do not say is empty."""
    said = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    names = ("reason", "detail", "topic", "partition", "offset", "service")
    return Letter(record, **{name: said.get(_DEAD + name, "") for name in names})


def show(*, reason: str | None, topic: str | None, as_json: bool, show_value: bool) -> None:
    """Print the dead letters, oldest first. Their values, which may be personal data, only when asked for."""
    letters = _chosen(reason, topic, (), values=show_value)
    if as_json:
        print_bytes(b"".join(json_line(_as_json(letter, show_value)) for letter in letters))
        return
    if not letters:
        print("no dead letters")
        return
    under = [[f"    {printable(_value(letter))}"] if show_value else [] for letter in letters]
    print_table(_COLUMNS, [_row(letter) for letter in letters], under=under)
    print(f"{counted(len(letters), 'dead letter')}: {_by_reason(letters)}")


def replay(*, reason: str | None, topic: str | None, offsets: Collection[int], yes: bool) -> None:
    """Send dead letters back to their topics, as they first came: by the same ids, so a second time changes nothing.

    They stay where they are; what cannot be handled this time either comes back as a newer letter. ``Failure`` with
    code 1 if any was not sent.
    """
    letters = _chosen(reason, topic, offsets, values=True)
    ready = []
    for letter in letters:
        if letter.topic not in BY_NAME or letter.topic == DEAD_LETTERS.name:
            print_error(f"offset {letter.record.offset}: names no topic of the contract to go back to")
        elif not letter.record.value:
            # A key without a value would be a tombstone: on a compacted topic it deletes what it was meant to mend.
            print_error(f"offset {letter.record.offset}: holds no value to send again: see its detail")
        else:
            ready.append(letter)
    if ready and not yes and sys.stdin.isatty():
        _ask(ready)
    sent = 0
    places = asyncio.run(send(settings(), [each.message() for each in ready]))
    for letter, place in zip(ready, places, strict=True):
        if isinstance(place, Sent):
            sent += 1
        else:
            print_error(f"offset {letter.record.offset}: {place}")
    print(f"{sent} of {counted(len(letters), 'dead letter')} sent again")
    if left := len(letters) - sent:
        raise Failure(f"{counted(left, 'dead letter')} {'was' if left == 1 else 'were'} not sent", code=1)


def _ask(letters: list[Letter]) -> None:
    where = ", ".join(f"{count} to {topic}" for topic, count in sorted(Counter(each.topic for each in letters).items()))
    typer.confirm(f"Send again {where} ({_by_reason(letters)})?", abort=True)


def _chosen(reason: str | None, topic: str | None, offsets: Collection[int], *, values: bool) -> list[Letter]:
    """The letters that were asked for; without ``values``, which may be a megabyte each, where nobody looks at them."""
    source = topic_named(topic).name if topic is not None else None
    if reason is not None and reason not in get_args(DeadReason):
        reasons = get_args(DeadReason)
        raise Failure(
            f"--reason {reason}: is no such reason{did_you_mean(reason, reasons)}: they are {', '.join(reasons)}"
        )
    there: set[int] = set()

    def take(record: Record) -> Record | None:
        there.add(record.offset)
        letter = letter_of(record)
        wanted = (
            (reason is None or letter.reason == reason)
            and (source is None or letter.topic == source)
            and (not offsets or record.offset in offsets)
        )
        return None if not wanted else record if values else replace(record, value=None)

    records = asyncio.run(read_to_end(settings(), DEAD_LETTERS.name, take=take))
    missing = set(offsets) - there
    if missing:
        raise Failure(f"--offset {min(missing)}: no dead letter stands there: see homecall dead-letters list")
    return [letter_of(record) for record in records]


def _by_reason(letters: Iterable[Letter]) -> str:
    counts = Counter(letter.reason or "no reason" for letter in letters)
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))


def _row(letter: Letter) -> tuple[str, ...]:
    source = f"{letter.topic}/{letter.partition}/{letter.offset}"
    when, key = letter.when or "no time", letter.key or "none"
    row = (str(letter.record.offset), when, letter.reason, letter.service, source, key, letter.detail)
    return tuple(map(printable, row))


def _as_json(letter: Letter, show_value: bool) -> dict[str, Any]:
    return {
        "offset": letter.record.offset,
        "when": letter.when,
        "reason": letter.reason,
        "detail": letter.detail,
        "service": letter.service,
        "key": letter.key,
        "from": {"topic": letter.topic, "partition": letter.partition, "offset": letter.offset},
        **({"value": _value(letter)} if show_value else {}),
    }


def _value(letter: Letter) -> str:
    return (letter.record.value or b"").decode("utf-8", "replace")
