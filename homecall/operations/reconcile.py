"""``homecall reconcile``: compare the stores of intake, scheduler and notifier, and name what differs.

It reads day by day and a few clinics at a time, so that its memory does not grow with what it compares: one query per
store for each portion, and one more where a request of another day has to do with this one. It writes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pymongo.errors import PyMongoError

from homecall.contract.topics import INTAKE, NOTIFIER, SCHEDULER
from homecall.contract.types import ZONE, Day
from homecall.operations import metrics
from homecall.operations.drift import WAYS_OUT, Counts, Difference, Facts, Judged, judge
from homecall.operations.failure import Failure
from homecall.operations.terminal import counted, json_line, print_bytes, print_error, settings
from homecall.runtime.clock import clock_from
from homecall.runtime.failures import Transient
from homecall.runtime.mongo.errors import outage, place_of
from homecall.runtime.mongo.mongo import Database
from homecall.runtime.settings import Settings
from services.intake.store import IntakeStore
from services.notifier.store import Calls
from services.scheduler.domain import day_key
from services.scheduler.store import SchedulerStore

SETTLE_SECONDS: Final = 300.0
"""What changed later than so long ago is on its way: a redelivery after a crash, with its backoff, takes less."""
_DAYS_BACK: Final = timedelta(days=7)
_PORTION: Final = 2_000
"""Requests that are read together, of one clinic or of several small ones."""
_DATE: TypeAdapter[date] = TypeAdapter(Day)


@dataclass(frozen=True)
class Asked:
    """What is to be compared. ``first`` and ``last`` are days of the register; ``clinic_id`` None: every clinic."""

    clinic_id: str | None
    first: date
    last: date
    settle_seconds: float = SETTLE_SECONDS


@dataclass
class Total:
    """What a whole run found."""

    clinics: set[str]
    days: set[str]
    counts: Counts
    drift: dict[str, int]

    @classmethod
    def nothing(cls) -> Total:
        return cls(set(), set(), Counts(), dict.fromkeys(WAYS_OUT, 0))

    def add(self, judged: Judged) -> None:
        self.clinics.add(judged.clinic_id)
        self.days.add(judged.date)
        self.counts.add(judged.counts)
        for each in judged.differences:
            self.drift[each.kind] += 1

    @property
    def differences(self) -> int:
        return sum(self.drift.values())


# ---------------------------------------------------------------- the stores


class Stores:
    """The three stores that are compared."""

    def __init__(self, asked: Settings) -> None:
        self._databases = {
            service: Database(asked.mongo_url, f"{asked.mongo_prefix}_{service}")
            for service in (INTAKE, SCHEDULER, NOTIFIER)
        }
        self.intake = IntakeStore(self._databases[INTAKE])
        self.scheduler = SchedulerStore(self._databases[SCHEDULER])
        self.notifier = Calls(self._databases[NOTIFIER])

    @property
    def commands(self) -> int:
        """Queries sent so far."""
        return sum(each.commands for each in self._databases.values())

    def close(self) -> None:
        for each in self._databases.values():
            each.close()

    async def judged(self, asked: Asked) -> AsyncIterator[Judged]:
        """Each clinic's day that any of the stores knows, the oldest day first."""
        pages = _by_day(await self.intake.pages.names(), asked)
        booked = _by_day(await self.scheduler.day_keys(), asked)
        days = {*pages, *booked}
        for store in (self.intake, self.notifier, self.scheduler):
            days |= await store.days(asked.first, asked.last)
        for day in sorted(days):
            known = dict.fromkeys(pages.get(day, set()) | booked.get(day, set()), 0)
            for store in (self.intake, self.notifier, self.scheduler):
                for clinic_id, number in (await store.clinics_on(day)).items():
                    known[clinic_id] = max(known.get(clinic_id, 0), number)
            if asked.clinic_id is not None:
                known = {name: number for name, number in known.items() if name == asked.clinic_id}
            for clinics in _portions(known):
                for judged in await self._portion(clinics, day, asked.settle_seconds):
                    yield judged

    async def _portion(self, clinics: list[str], day: date, settle_seconds: float) -> list[Judged]:
        settled_before = datetime.now(UTC) - timedelta(seconds=settle_seconds)
        found = judge(clinics, day, await self._facts(clinics, day), settled_before)
        if not any(each.differences for each in found):
            return found
        # While we went from store to store, services went on: what differs must do so when it is read again.
        again = judge(clinics, day, await self._facts(clinics, day), settled_before)
        return [one.confirmed_by(other) for one, other in zip(found, again, strict=True)]

    async def _facts(self, clinics: list[str], day: date) -> Facts:
        facts = Facts()
        keys = [day_key(clinic_id, day.isoformat()) for clinic_id in clinics]
        # What is caused is read before its cause: what we then find has its cause with it.
        for told in await self.notifier.on(day, clinics):
            facts.told[told.id] = told
            facts.here.add((NOTIFIER, told.id))
        facts.days = await self.scheduler.bookings_on(keys)
        for call in await self.scheduler.on(day, clinics):
            facts.calls[call.id] = call
            facts.here.add((SCHEDULER, call.id))
        facts.pages = await self.intake.pages.look(keys)
        for request in await self.intake.on(day, clinics):
            facts.requests[request.id] = request
            facts.here.add((INTAKE, request.id))
        await self._complete(facts, set(keys))
        return facts

    async def _complete(self, facts: Facts, asked: set[str]) -> None:
        """Read what the stores count to other days: of the same requests; days and pages but those ``asked``."""
        ids = {*facts.requests, *facts.calls, *facts.told}
        ids |= {each for page in facts.pages.values() for each in page.numbers}
        ids |= {each for day in facts.days.values() for each in day.bookings}
        facts.told |= {each.id: each for each in await self.notifier.of(ids - facts.told.keys())}
        facts.calls |= {each.id: each for each in await self.scheduler.of(ids - facts.calls.keys())}
        facts.requests |= {each.id: each for each in await self.intake.of(ids - facts.requests.keys())}
        moved_to = {day_key(each.state.clinic_id, each.state.day) for each in facts.calls.values() if each.state}
        if moved_to - asked:
            facts.days |= await self.scheduler.bookings_on(moved_to - asked)
        entered = {
            day_key(each.state.clinic_id, each.state.register_date)
            for each in facts.requests.values()
            if each.state is not None and each.state.register_date is not None
        }
        facts.pages |= await self.intake.pages.look(entered - asked)


def _by_day(keys: Iterable[str], asked: Asked) -> dict[date, set[str]]:
    """The clinics of each day, by the keys of their pages or days."""
    found: dict[date, set[str]] = {}
    for key in keys:
        clinic_id, _, text = key.rpartition("|")
        day = date.fromisoformat(text)
        if asked.first <= day <= asked.last and asked.clinic_id in {None, clinic_id}:
            found.setdefault(day, set()).add(clinic_id)
    return found


def _portions(clinics: Mapping[str, int]) -> Iterator[list[str]]:
    """Clinics in their order, as many as have so many requests together."""
    portion: list[str] = []
    size = 0
    for clinic_id, number in sorted(clinics.items()):
        if portion and size + number > _PORTION:
            yield portion
            portion, size = [], 0
        portion.append(clinic_id)
        size += number
    if portion:
        yield portion


@asynccontextmanager
async def stores_of(found: Settings) -> AsyncIterator[Stores]:
    """The stores, closed in the end. Raises ``Transient`` while a database is unavailable."""
    stores = Stores(found)
    try:
        yield stores
    except PyMongoError as error:
        raise outage(error, place_of(found.mongo_url)) from error
    finally:
        stores.close()


# ---------------------------------------------------------------- the command


def reconcile(
    clinic_id: str | None,
    on: str | None,
    *,
    first: str | None,
    last: str | None,
    settle_seconds: float,
    as_json: bool,
    every: float | None,
    port: int,
    textfile: Path | None,
) -> None:
    """Compare, and print what differs; ``Failure`` with code 1 where something does, 2 where it could not be compared.

    With ``every`` it goes on until it is ended, and serves its metrics at ``port``.
    """
    found = settings()
    if every is not None:
        if as_json:
            raise Failure("--json prints one run: leave out --every, or read the metrics")
        _go_on(found, lambda: _asked(found, clinic_id, on, first, last, settle_seconds), every, port, textfile)
        return
    asked = _asked(found, clinic_id, on, first, last, settle_seconds)
    try:
        total = asyncio.run(_once(found, asked, _Json() if as_json else _Lines()))
    except Transient as error:
        raise Failure(f"{error}") from None
    if textfile is not None:
        _write(textfile)
    if total.differences:
        raise Failure(f"{counted(total.differences, 'difference')} between the stores", code=1)


def _asked(
    found: Settings, clinic_id: str | None, on: str | None, first: str | None, last: str | None, settle_seconds: float
) -> Asked:
    if on is None and clinic_id is not None and _is_day(clinic_id):
        clinic_id, on = None, clinic_id
    if on is not None:
        if first is not None or last is not None:
            raise Failure("DATE: is one day already: leave out --from and --to")
        day = _day("DATE", on)
        return Asked(clinic_id, day, day, settle_seconds)
    today = clock_from(found.clock).now().astimezone(ZONE).date()
    # Open ended: a call may have been moved to a day to come.
    until = _day("--to", last) if last is not None else date.max
    since = _day("--from", first) if first is not None else min(today, until) - _DAYS_BACK
    if since > until:
        raise Failure("--from: must not be after --to")
    return Asked(clinic_id, since, until, settle_seconds)


def _is_day(text: str) -> bool:
    try:
        _DATE.validate_python(text)
    except ValidationError:
        return False
    return True


def _day(name: str, text: str) -> date:
    try:
        return _DATE.validate_python(text)
    except ValidationError:
        raise Failure(f"{name}: must be a date, as in 2026-11-23") from None


async def _once(found: Settings, asked: Asked, told: _Lines | _Json) -> Total:
    total = Total.nothing()
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
        print_error(
            f"{days}, {counted(len(total.clinics), 'clinic')}: {counted(counts.requests, 'request')}, "
            f"{counts.accepted} accepted, {counted(counts.numbers, 'number')}, "
            f"{counted(counts.entries, 'entry', 'entries')}, {counts.statuses} with statuses, "
            f"{counted(counts.bookings, 'booking')}, {counts.waiting} waiting, {counts.withdrawn} withdrawn, "
            f"{counts.closed} closed; {counts.settling} too young to be judged; "
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


# ---------------------------------------------------------------- again and again, for Prometheus


def _go_on(found: Settings, ask: Callable[[], Asked], every: float, port: int, textfile: Path | None) -> None:
    from prometheus_client import start_http_server

    ask()  # what is wrong with the options is said at once
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
                asyncio.run(_once(found, ask(), told))
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
    from prometheus_client import write_to_textfile

    try:
        write_to_textfile(str(textfile), metrics.RECONCILE)
    except OSError as error:
        raise Failure(f"--textfile: {textfile} cannot be written: {error.strerror}") from None
