"""Texts of one call, by a notifier that stood still while the other one sent a newer one."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

from pymongo import MongoClient

from homecall.contract.events import RequestRefused, RequestStatus, RequestSubmitted, RequestWithdrawn, VisitReported
from homecall.contract.topics import TYPE_PREFIX
from tests.faults.harness.arena import SOUND, Arena, Slot, arena
from tests.faults.harness.feed import DAY, Plan
from tests.faults.harness.run import Options, Report
from tests.faults.ledger import Ledger, Message
from tests.infrastructure.reader import Heard
from tests.infrastructure.sms_gateway import ACCEPT, SECRET, Reporter, SmsGateway
from tests.infrastructure.world import World

PLACES = ("sms.marked",)
"""The failpoints that a notifier comes by only where it has a gateway."""
FAILPOINT = f"{PLACES[0]}:stop@3"

SMS = {
    "HOMECALL_SMS_SETTLE_SECONDS": "0",
    "HOMECALL_SMS_WAIT_SECONDS": "2",
    "HOMECALL_SMS_REPORT_SECRET": SECRET,
    "HOMECALL_SMS_STATUSES": ",".join(get_args(RequestStatus)),
}


@contextlib.contextmanager
def a_gateway(world: World, seed: int, **badly: float) -> Iterator[SmsGateway]:
    """A gateway of which this share of calls goes badly, and which reports to whichever notifier answers."""
    rng, lock = random.Random(seed), threading.Lock()

    def behaves(_: Mapping[str, Any]) -> str:
        with lock:
            return rng.choices([ACCEPT, *badly], [1 - sum(badly.values()), *badly.values()])[0]

    def choose(of: int) -> int:
        with lock:
            return rng.randrange(of)

    def reports_go_to() -> list[str]:
        return [f"http://127.0.0.1:{each.port}/sms/reports" for each in world.processes if each.name == "notifier"]

    gateway = SmsGateway(behaves)
    world.extra = {**world.extra, **SMS, "HOMECALL_SMS": gateway.url}
    reporter = Reporter(gateway, reports_go_to, choose)
    reporter.start()
    try:
        yield gateway
        reporter.end()
        print(f"the gateway was called {len(gateway.calls)} times, took {len(gateway.entries())}, ", end="")
        print(f"and {reporter.posted} reports were taken from it")
    finally:
        reporter.end()
        gateway.close()


def kept_messages(world: World) -> list[Message]:
    """The messages to patients as the notifier keeps them."""
    client: MongoClient[dict[str, Any]] = MongoClient(world.mongo, serverSelectionTimeoutMS=5000)
    with client:
        found = client[f"{world.prefix}_notifier"]["messages"].find()
        return [
            Message(doc["_id"], each["sequence"], each["state"], each["reason"])
            for doc in found
            for each in doc["s"]["messages"]
        ]


def messages_wait(world: World) -> bool:
    """Whether there are messages that have not come to an end, or notices that are none yet."""
    client: MongoClient[dict[str, Any]] = MongoClient(world.mongo, serverSelectionTimeoutMS=5000)
    with client:
        database = client[f"{world.prefix}_notifier"]
        return any(
            database[name].find_one({mark: {"$exists": True}}) is not None
            for name, mark in (("requests", "notices_at"), ("messages", "waiting_since"))
        )


class _WithPhones(Plan):
    """A plan whose patients can be sent a text."""

    def _request(self, clinic: str, number: int, at: datetime, channel: str) -> dict[str, Any]:
        data = super()._request(clinic, number, at, channel)
        data["patient"]["phone"] = f"+7 701 {number % 10_000_000:07}"
        return data


def stale(options: Options, report: Report) -> None:
    """A notifier stands still between marking a text and sending it; a newer text of the call goes out meanwhile."""
    _held(options, report, victims=(0, 1))


def without_last_check(options: Options, report: Report) -> None:
    """A notifier that stood still sends what it had marked, however old it is by then."""
    report.defect = "gone_back"
    _held(options, report, victims=(0,), command=("tests.faults.broken", "no_last_check"))


def _held(options: Options, report: Report, victims: Sequence[int], command: tuple[str, ...] = SOUND) -> None:
    # Every clinic is open, and the clock runs as ours does: a lease lasts as long as it does in production.
    with (
        arena(seed=options.seed, at=DAY + timedelta(hours=8, minutes=40), speed=1) as system,
        a_gateway(system.world, options.seed, cut=0.02) as gateway,
    ):
        notifiers = [system.of("notifier", number) for number in (0, 1)]
        for slot in notifiers:
            slot.command = command
        first = notifiers[victims[0]]
        first.failpoint = FAILPOINT
        system.start(rate=8, plan=_WithPhones(options.seed, clinics=24, minutes=14))
        for number in victims:
            victim = notifiers[number]
            if victim is not first:
                system.stop_all([victim])
                victim.failpoint = FAILPOINT
                system.launch(victim)
            _overtake(system, gateway, victim)
        system.tick(2)
        system.drain()
        system.expect(lambda: not messages_wait(system.world), "every text to have come to its end", 60)
        system.settle()
        heard = system.world.reader.heard
        for found in (
            Ledger().judge_messages(heard, kept_messages(system.world), gateway.taken()),
            Ledger.judge_order(each.reference for each in gateway.entries()),
        ):
            for kind, entries in found.items():
                system.findings.setdefault(kind, []).extend(entries)
        report.notes.append(f"{len(gateway.entries())} texts")
        report.take(system)


def _overtake(system: Arena, gateway: SmsGateway, victim: Slot) -> None:
    """Wait until a notifier stands still with texts in hand, have newer ones of their calls sent, and let it go on."""
    system.expect(lambda: victim.held, f"{victim.name} stands still at {victim.failpoint}", 60)
    marked = {(each.request_id, each.sequence) for each in kept_messages(system.world) if each.state == "sending"}
    _withdraw(system, {request_id for request_id, _ in marked})

    def overtaken() -> set[tuple[str, int]]:
        """Texts that were marked and did not reach the gateway, where a newer one of the call did."""
        taken = [each.reference.rpartition("-") for each in gateway.entries()]
        newest: dict[str, int] = {}
        for request_id, _, number in taken:
            newest[request_id] = max(newest.get(request_id, 0), int(number))
        there = {(request_id, int(number)) for request_id, _, number in taken}
        return {each for each in marked - there if newest.get(each[0], 0) > each[1]}

    system.expect(lambda: bool(overtaken()), f"a newer text than one that {victim.name} has in hand", 60)
    if victim.held:
        system.kills["held"] += 1
        system.kills["overtaken texts"] += len(overtaken())
    system.release(victim)
    system.wait_ready([victim])


def _withdraw(system: Arena, request_ids: set[str]) -> None:
    """Withdraw these, so that each has a newer status; where a visit's report is to come, that makes one."""
    assert system.feed is not None
    sent = system.history.written([])
    over = sent[RequestWithdrawn.TYPE].keys() | {
        each.data["request_id"] for each in system.world.heard(RequestRefused.TYPE)
    }
    for request_id in sorted(request_ids & sent[RequestSubmitted.TYPE].keys() - over):
        about = {"request_id": request_id, "clinic_id": sent[RequestSubmitted.TYPE][request_id]["clinic_id"]}
        now = system.world.now().isoformat()
        channel = sent[RequestSubmitted.TYPE][request_id]["channel"]
        said = {"status": "scheduled", "channel": channel, "occurred_at": now, "due_at": now, **about}
        scheduled = Heard("", 0, 0, request_id, {"ce_type": f"{TYPE_PREFIX}status.changed"}, json.dumps(said).encode())
        if VisitReported.TYPE not in dict(system.plan.follow_up(scheduled)):
            at = system.world.now().isoformat()
            system.feed.send(RequestWithdrawn.TYPE, about | {"at": at, "reason": "recovered"})
