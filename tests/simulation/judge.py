"""What a simulated history must hold beyond the ledger of the fault tests."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from homecall.operations.reconcile.stores import Asked, Stores
from homecall.runtime.service import TICK_SECONDS
from homecall.runtime.settings import Settings
from tests.infrastructure.reader import Heard

_ONCE: Final = ("deadline.approaching", "deadline.missed")
_NUMBERED: Final = ("status.changed", "complaint.status-changed")
_LOOKS: Final = 4


def promised(heard: Iterable[Heard]) -> dict[str, list[str]]:
    """What was promised and not said, or said under two ids, by kind.

    A request that was deferred has a status that says so (R4); each deadline of a subject comes near once, and is
    missed once.
    """
    found: dict[str, list[str]] = defaultdict(list)
    deferred: set[str] = set()
    statuses: dict[str, set[str]] = defaultdict(set)
    deadlines: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for each in heard:
        if each.dead:
            continue
        if each.type == "request.deferred":
            deferred.add(each.data["request_id"])
        elif each.type == "status.changed":
            statuses[each.data["request_id"]].add(each.data["status"])
        elif each.type in _ONCE:
            data = each.data
            subject = data["subject_id"]
            deadlines[each.type, subject, data["deadline"], str(data.get("stage", "")), data["due_at"]].add(each.id)
    for request_id in deferred:
        if "deferred" not in statuses[request_id]:
            found["untold"].append(f"{request_id} was deferred, and has the statuses {sorted(statuses[request_id])}")
    for place, ids in deadlines.items():
        if len(ids) > 1:
            found["twice"].append(f"{' '.join(place)} was said {len(ids)} times")
    return dict(found)


def out_of_order(heard: Iterable[Heard]) -> list[str]:
    """The subjects whose numbered events stand in their topic for the first time behind a later one."""
    highest: dict[tuple[str, str], int] = defaultdict(int)
    seen: set[str] = set()
    found: dict[str, None] = {}
    for each in heard:
        if each.type not in _NUMBERED or each.dead or each.id in seen:
            continue
        seen.add(each.id)
        place, sequence = (each.type, each.key), each.data["sequence"]
        if sequence < highest[place]:
            found[f"{each.type} {each.key}: {sequence} stands behind {highest[place]}"] = None
        highest[place] = max(highest[place], sequence)
    return list(found)


def but_withdrawn_unchecked(found: Iterable[str], heard: Iterable[Heard]) -> list[str]:
    """What is lost, without the requests that were withdrawn before anybody could check their signature."""
    cancelled = [each.data["request_id"] for each in heard if each.type == "request.cancelled" and not each.dead]
    return [
        each
        for each in found
        if "never decided on" not in each or not any(request_id in each for request_id in cancelled)
    ]


def withdrew_what_was_refused(each: Heard) -> bool:
    """Whether it is the dead letter of a withdrawal that came after the refusal: there is nothing wrong with that."""
    return each.dead and "nothing left to withdraw" in each.headers.get("homecall-dead-detail", "")


def not_buried(heard: Iterable[Heard], poison: set[str]) -> dict[str, list[str]]:
    """Records that cannot be read, by their ids, and of which no dead letter tells."""
    buried = {each.id for each in heard if each.dead}
    return {"not_buried": [f"the record {each} has no dead letter" for each in sorted(poison - buried)]}


def one_open_request(heard: Iterable[Heard], sent: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Two accepted requests of one patient at one clinic, of which neither ended before the other came (R11)."""
    accepted: dict[tuple[str, str], set[str]] = defaultdict(set)
    ended: set[str] = set()
    for each in heard:
        if each.dead:
            continue
        if each.type == "request.accepted" and each.data["request_id"] in sent:
            request = sent[each.data["request_id"]]
            accepted[request["clinic_id"], request["patient"]["iin"]].add(each.data["request_id"])
        elif each.type in {"request.cancelled", "visit.closed"}:
            ended.add(each.data["request_id"])
    return {
        "two_open": [
            f"{sorted(open_)} are of one patient" for found in accepted.values() if len(open_ := found - ended) > 1
        ]
    }


async def differences(settings: Settings) -> dict[str, list[str]]:
    """What ``homecall reconcile`` finds between the stores each time, of several looks with a tick between them.

    As the clinic's clock goes on, a visit that ends marks its day, and the next tick settles it: found once, that is
    work on its way. What stands still is found by each look.
    """
    stores = Stores(settings)
    asked = Asked(None, date(2026, 11, 1), date.max, settle_seconds=0)
    found: list[str] = []
    for look in range(_LOOKS):
        lines = [each.line async for judged in stores.judged(asked) for each in judged.differences]
        found = lines if look == 0 else [each for each in found if each in lines]
        if not found:
            break
        await asyncio.sleep(TICK_SECONDS * 1.5)  # of the loop's own time
    return {"drift": found}
