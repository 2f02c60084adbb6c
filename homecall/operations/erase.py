"""``homecall erase``: personal data of requests and complaints that are long over go; how they were ruled on stays.

What remains is each service's own to say (its ``retention.py``); here it is carried out, in each database by itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import typer

from homecall.contract.envelope import OutgoingRecord
from homecall.contract.topics import COMPLAINTS, DESK, INTAKE, NOTIFIER, RETENTION_DAYS, SCHEDULER
from homecall.contract.types import ZONE
from homecall.operations.databases import REPOSITORIES, database_of
from homecall.operations.failure import Failure, advised
from homecall.operations.terminal import counted, settings
from homecall.runtime.clock import clock_from
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.settings import Settings
from services.complaints.domain import retention as complaints
from services.desk.domain import retention as desk
from services.desk.store.actions import forget_actions
from services.desk.store.stores import Complaints as DeskComplaints
from services.desk.store.ticks import forget_ticks
from services.intake.domain import retention as intake
from services.notifier import retention as notifier
from services.scheduler.domain import retention as scheduler
from services.scheduler.store import SchedulerStore

_AT_ONCE = 500


@dataclass(frozen=True)
class Erasure:
    """What personal data a service keeps, and what remains of a state and of an event."""

    what: str
    remains: Callable[[Any], Any]
    said: Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
    also: Callable[[Database, date], Awaitable[int]] | None = None
    """Erases what stands elsewhere in the service's database up to a day; how many documents."""


async def _at_the_desk(database: Database, last_day: date) -> int:
    erasure = Erasure("complaints", desk.complaint_remains, _as_it_is)
    erased, _ = await erase_from(DeskComplaints(database), erasure, last_day)
    return erased + await forget_actions(database, last_day) + await forget_ticks(database, last_day)


def _as_it_is(event_type: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of an event that the desk has sent nothing is kept: nothing is to be erased in it."""
    del event_type
    return data


ERASURES: Mapping[str, Erasure] = {
    INTAKE: Erasure("requests", intake.remains, intake.said),
    SCHEDULER: Erasure(
        "calls", scheduler.remains, scheduler.said, lambda db, day: SchedulerStore(db).forget_places(day)
    ),
    NOTIFIER: Erasure("calls", notifier.remains, notifier.said),
    COMPLAINTS: Erasure("complaints", complaints.remains, complaints.said),
    DESK: Erasure("calls", desk.call_remains, _as_it_is, _at_the_desk),
}


def erase(days: int, service: str, *, dry_run: bool, yes: bool) -> None:
    """Erase what was over more than ``days`` ago, or with ``dry_run`` count it. ``Failure`` where it cannot."""
    asked = settings()
    if days <= RETENTION_DAYS:
        raise Failure(
            f"--older-than must be more than {RETENTION_DAYS}: for so many days topics keep what came, and what comes "
            "again from them must find what was said"
        )
    try:
        last_day = clock_from(asked.clock).now().astimezone(ZONE).date() - timedelta(days=days + 1)
    except OverflowError:
        raise Failure("--older-than is more days than there were") from None
    if not (dry_run or yes):
        if not sys.stdin.isatty():
            raise Failure("what is erased is gone: say --yes, or look first with --dry-run")
        typer.confirm(f"Erase the personal data of all that was over by {last_day}, for good?", abort=True)
    with advised("run it again, it goes on there"):
        asyncio.run(_all(asked, ERASURES if service == "all" else {service: ERASURES[service]}, last_day, dry_run))


def _counted(number: int, erasure: Erasure) -> str:
    return counted(number, erasure.what.removesuffix("s"), erasure.what)


async def _all(asked: Settings, erasures: Mapping[str, Erasure], last_day: date, dry_run: bool) -> None:
    for service, erasure in erasures.items():
        async with database_of(asked, service) as database:
            store = REPOSITORIES[service](database)
            if dry_run:
                over = _counted(await store.count_over(last_day), erasure)
                print(f"{service}: {over} over by {last_day} to be erased")
            else:
                erased, left = await erase_from(store, erasure, last_day)
                if erasure.also is not None:
                    await erasure.also(database, last_day)
                waiting = f"; {left} {'has' if left == 1 else 'have'} events still to be sent: run it again later"
                print(f"{service}: {_counted(erased, erasure)} over by {last_day} erased{waiting if left else ''}")


async def erase_from(
    store: Repository[Any], erasure: Erasure, last_day: date, at_once: int = _AT_ONCE
) -> tuple[int, int]:
    """Erase in one store what was over, and last changed, by ``last_day``: (how many, how many were left).

    One query and one bulk write for each ``at_once``, by compare-and-set: what a service changes meanwhile is its own
    again, and is not over by that day any more. What has been erased is not found again.
    """
    erased = 0
    left: set[str] = set()
    # Those that are left stand first whenever it is asked: the limit reaches past them.
    while found := [each for each in await store.over(last_day, at_once + len(left)) if each.id not in left]:
        ready = [each for each in found if not each.outbox]
        left |= {each.id for each in found if each.outbox}
        for each in ready:
            _erase(each, erasure, last_day)
        erased += len(ready) - len(await store.save(ready))
    return erased, len(left)


def _erase(aggregate: Aggregate[Any], erasure: Erasure, last_day: date) -> None:
    aggregate.state = erasure.remains(aggregate.state)
    aggregate.parked = [kept for kept in aggregate.parked if kept.until.astimezone(ZONE).date() > last_day]
    for causation_id, events in aggregate.processed.items():
        remaining = [_remaining(event, erasure) for event in events]
        if remaining != events:
            aggregate.fresh[causation_id] = remaining


def _remaining(event: OutgoingRecord, erasure: Erasure) -> OutgoingRecord:
    data = json.loads(event.value)
    remaining = erasure.said(event.type, data)
    if remaining == data:
        return event
    return replace(event, value=json.dumps(remaining, ensure_ascii=False, separators=(",", ":")).encode())
