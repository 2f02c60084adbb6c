"""``homecall reconcile``: compare the stores of intake, scheduler and notifier, and name what differs.

What may differ, and what to do about it, stands in ``differences``; what counts as a difference in ``rules``.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from prometheus_client import start_http_server, write_to_textfile

from homecall.contract.types import ZONE
from homecall.operations.failure import Failure
from homecall.operations.reconcile import metrics
from homecall.operations.reconcile.differences import WAYS_OUT, Counts, Difference, Judged
from homecall.operations.reconcile.stores import Asked, stores_of
from homecall.operations.terminal import counted, day_named, is_day, json_line, print_bytes, print_error, settings
from homecall.runtime.clock import clock_from
from homecall.runtime.failures import Transient
from homecall.runtime.settings import Settings

_DAYS_BACK: Final = timedelta(days=7)


@dataclass
class Total:
    clinics: set[str] = field(default_factory=set)
    counts: Counts = field(default_factory=Counts)
    drift: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WAYS_OUT, 0))

    def add(self, judged: Judged) -> None:
        self.clinics.add(judged.clinic_id)
        self.counts.add(judged.counts)
        for each in judged.differences:
            self.drift[each.kind] += 1

    @property
    def differences(self) -> int:
        return sum(self.drift.values())


@dataclass(frozen=True)
class Days:
    """Which days to compare, as the options name them: one, or a stretch; of one clinic, or of all.

    A day may stand in the place of ``clinic_id``. ``settle_seconds``: what changed since is on its way.
    """

    clinic_id: str | None
    on: str | None
    first: str | None
    last: str | None
    settle_seconds: float


def reconcile(days: Days, *, as_json: bool, every: float | None, port: int, textfile: Path | None) -> None:
    """Compare, and print what differs; ``Failure`` with code 1 where something does, 2 where it could not be compared.

    With ``every`` it goes on until it is ended, and serves its metrics at ``port``.
    """
    found = settings()
    if every is not None:
        if as_json:
            raise Failure("--json prints one run: leave out --every, or read the metrics")
        _go_on(found, days, every, port, textfile)
        return
    try:
        total = asyncio.run(_once(found, _asked(found, days), _Json() if as_json else _Lines()))
    except Transient as error:
        raise Failure(str(error)) from None
    if textfile is not None:
        _write(textfile)
    if total.differences:
        raise Failure(f"{counted(total.differences, 'difference')} between the stores", code=1)


def _asked(found: Settings, days: Days) -> Asked:
    clinic_id, on = days.clinic_id, days.on
    if on is None and clinic_id is not None and is_day(clinic_id):
        clinic_id, on = None, clinic_id
    if on is not None:
        if days.first is not None or days.last is not None:
            raise Failure("DATE: is one day already: leave out --from and --to")
        day = day_named(on)
        return Asked(clinic_id, day, day, days.settle_seconds)
    today = clock_from(found.clock).now().astimezone(ZONE).date()
    # Open ended: a call may have been moved to a day to come.
    until = day_named(days.last, "--to") if days.last is not None else date.max
    since = day_named(days.first, "--from") if days.first is not None else min(today, until) - _DAYS_BACK
    if since > until:
        raise Failure("--from: must not be after --to")
    return Asked(clinic_id, since, until, days.settle_seconds)


async def _once(found: Settings, asked: Asked, told: _Lines | _Json) -> Total:
    total = Total()
    began = time.perf_counter()
    async with stores_of(found) as stores:
        told.begin(asked)
        async for judged in stores.judged(asked):
            total.add(judged)
            told.tell(judged)
    seconds = time.perf_counter() - began
    told.end(asked, total, seconds)
    for kind, number in total.drift.items():
        metrics.RECONCILE_DRIFT.labels(kind).set(number)
    metrics.RECONCILE_REQUESTS.labels("judged").set(total.counts.requests - total.counts.settling)
    metrics.RECONCILE_REQUESTS.labels("settling").set(total.counts.settling)
    metrics.RECONCILE_SECONDS.set(seconds)
    metrics.RECONCILE_AT.set(time.time())
    return total


class _Lines:
    """A line for each difference, and what was compared in the end."""

    def __init__(self, known: set[Difference] | None = None) -> None:
        self._known = known or set()
        self.found: set[Difference] = set()

    def begin(self, asked: Asked) -> None:
        del asked

    def tell(self, judged: Judged) -> None:
        for each in judged.differences:
            self.found.add(each)
            if each not in self._known:
                print_bytes(f"{each.line}\n".encode())

    def end(self, asked: Asked, total: Total, seconds: float) -> None:
        counts = total.counts
        until = "on" if asked.last == date.max else f"to {asked.last}"
        days = f"from {asked.first} {until}" if asked.first != asked.last else f"{asked.first}"
        handed_on = f"{counts.transferred} handed on, " if counts.transferred else ""
        print_error(
            f"{days}, {counted(len(total.clinics), 'clinic')}: {counted(counts.requests, 'request')}, "
            f"{counts.accepted} accepted, {counted(counts.numbers, 'number')}, "
            f"{counted(counts.entries, 'entry', 'entries')}, {counts.statuses} with statuses, "
            f"{counted(counts.bookings, 'booking')}, {counts.waiting} waiting, {counts.withdrawn} withdrawn, "
            f"{handed_on}{counts.closed} closed; {counts.settling} too young to be judged; "
            f"{counted(total.differences, 'difference') if total.differences else 'no differences'}, {seconds:.1f} s"
        )


class _Json:
    """One object, written as it is found out: its memory does not grow with what differs."""

    def __init__(self) -> None:
        self._days: list[dict[str, Any]] = []
        self._separator = b""

    def begin(self, asked: Asked) -> None:
        head = {
            "clinic_id": asked.clinic_id,
            "from": asked.first,
            "to": None if asked.last == date.max else asked.last,
            "settle_seconds": asked.settle_seconds,
        }
        print_bytes(json_line(head).rstrip()[:-1] + b',"differences":[')

    def tell(self, judged: Judged) -> None:
        self._days.append(judged.as_dict())
        for each in judged.differences:
            print_bytes(self._separator + json_line(each.as_dict()).rstrip())
            self._separator = b","

    def end(self, asked: Asked, total: Total, seconds: float) -> None:
        del asked
        tail = {
            "drift": {kind: number for kind, number in total.drift.items() if number},
            "total": asdict(total.counts) | {"differences": total.differences},
            "days": self._days,
            "seconds": round(seconds, 3),
        }
        print_bytes(b"]," + json_line(tail).rstrip()[1:] + b"\n")


def _go_on(found: Settings, days: Days, every: float, port: int, textfile: Path | None) -> None:
    _asked(found, days)  # what is wrong with the options is said at once
    try:
        start_http_server(port, addr=found.http_host, registry=metrics.RECONCILE)
    except OSError as error:
        raise Failure(f"--port {port}: {error.strerror}: name another, or end what listens there") from None
    print_error(f"comparing every {every:g} s; metrics at http://{found.http_host}:{port}/metrics; Ctrl-C ends it")
    known: set[Difference] = set()
    try:
        while True:
            told = _Lines(known)
            try:
                asyncio.run(_once(found, _asked(found, days), told))
                known = told.found
            except Transient as error:
                metrics.RECONCILE_FAILURES.inc()
                print_error(f"not compared: {error}; tried again in {every:g} s")
            if textfile is not None:
                _write(textfile)
            time.sleep(every)
    except KeyboardInterrupt:
        return


def _write(textfile: Path) -> None:
    try:
        write_to_textfile(str(textfile), metrics.RECONCILE)
    except OSError as error:
        raise Failure(f"--textfile: {textfile} cannot be written: {error.strerror}") from None
