"""One history: a seeded crowd, seeded faults, and what the judges find afterwards."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from homecall.contract.topics import DESK, SCHEDULER, TOPICS
from homecall.operations.serve import build
from tests.faults import plan as plans
from tests.faults.ledger import Ledger, Message
from tests.infrastructure.reader import Heard
from tests.simulation import desk_judge, hand_judge, transfers
from tests.simulation.crowd import Crowd, stated_at
from tests.simulation.desk import Desk
from tests.simulation.dispatchers import Dispatchers, work_in
from tests.simulation.faults import Fault, draw, services_of
from tests.simulation.judge import (
    but_withdrawn_unchecked,
    differences,
    not_buried,
    one_open_request,
    out_of_order,
    promised,
    withdrew_what_was_refused,
)
from tests.simulation.loop import SimulatedLoop
from tests.simulation.replaced import instead
from tests.simulation.sms import SECRET
from tests.simulation.sometimes import noted
from tests.simulation.world import Process, World

SPEED = 30.0
"""Seconds of the services' clock in one of the loop's."""
REPLICAS = 2
_BEFORE = timedelta(seconds=60)
"""So long before the clinics' opening the history begins."""
_FAULTS_UNTIL = 25.0
_PATIENCE = 200.0
_TRANSACTION_SECONDS = 1.5
"""The longest of somebody else's."""
_COMPACTED_AFTER = 8.0
"""So old is what is compacted: by then each service has stored what it must not lose."""
_SETTLES = 6.0
_POISON = ((b"no json", "request.submitted"), (b"{}", "clinic.published"), (b'{"a":1}', "visit.reported"))

_imported: set[tuple[str, ...]] = set()
"""The services that were built once in this process, with the gateways that they had."""
_ENDS = frozenset({"refused", "withdrawn", "completed", "not_completed"})
_ANSWERED = _ENDS | {"scheduled", "rescheduled"}


@dataclass
class Result:
    """What came of a seed. ``digest`` is of all records in their order: the same seed gives the same one."""

    seed: int
    findings: dict[str, list[str]]
    faults: Sequence[Fault]
    events: int = 0
    crashes: int = 0
    rebalances: int = 0
    seconds: float = 0.0
    reached: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    digest: str = ""


class _Answers:
    """What has been said of requests and complaints so far; each record is looked at once."""

    def __init__(self) -> None:
        self._read = 0
        self._last: dict[str, tuple[int, str]] = {}
        self._steps: dict[str, set[int]] = defaultdict(set)

    def unfinished(self, heard: Sequence[Heard], ledger: Ledger) -> bool:
        """Whether a request has no answer yet, or a complaint fewer statuses than it is to have."""
        for each in heard[self._read :]:
            if each.type == "complaint.status-changed":
                self._steps[each.key].add(each.data["sequence"])
            elif each.type == "status.changed":
                told = (each.data["sequence"], each.data["status"])
                self._last[each.key] = max(self._last.get(each.key, (0, "")), told)
        self._read = len(heard)
        answered = all(
            self._last.get(each, (0, ""))[1] in (_ENDS if each in ledger.withdrawn else _ANSWERED)
            for each in ledger.sent
        )
        complaints = ledger.complaints.items()
        return not answered or any(len(self._steps[key]) < len(names) for key, (_, names) in complaints)


class History:
    """Plays a seed once. ``faults`` and ``left_out`` are for a shorter history than the seed's own."""

    def __init__(
        self,
        seed: int,
        requests: int,
        *,
        faults: Sequence[Fault] | None = None,
        left_out: frozenset[str] = frozenset(),
        mutant: Callable[[], AbstractContextManager[None]] = nullcontext,
        crowd: Crowd | None = None,
        until: float = _FAULTS_UNTIL,
    ) -> None:
        self.seed = seed
        self.loop = SimulatedLoop(random.Random(f"order {seed}"))
        self._until = until
        """Seconds of the loop for which faults go on at least."""
        self.crowd = crowd or Crowd(seed, requests)
        self.crowd.without(left_out)
        self.services = services_of(seed)
        self.faults = draw(seed, _FAULTS_UNTIL, REPLICAS) if faults is None else faults
        self.world = World(self.loop, seed, plans.OPENING - _BEFORE, SPEED)
        self.desk = Desk(self.world, seed, self.crowd) if DESK in self.services else None
        self.dispatchers = Dispatchers(seed) if work_in(seed) else None
        clinics = [each["clinic_id"] for each in self.crowd.plan.clinics]
        self.transfers = transfers.Transfers(seed, clinics) if transfers.hand_on_in(seed) else None
        self._heard: list[Heard] = []
        self._waited_for = _Answers()
        self._mutant = mutant
        self._late_until = 0.0
        self._over = False
        """Whether all that is to be judged has come."""
        self._held_up: list[tuple[str, Any]] = []
        self._poison: set[str] = set()
        """The ids of records that must become dead letters."""
        self._aborted: set[str] = set()
        """The ids of records that nobody may read."""
        self._transactions = random.Random(f"transactions {seed}")

    def play(self) -> Result:
        """Play it to its end, and judge it."""
        began = time.perf_counter()
        self._import()
        collects = gc.isenabled()
        gc.disable()  # what a history leaves is collected once, when it is over
        with instead(self.world, self.seed), noted(self.world.places), self._mutant():
            asyncio.set_event_loop(self.loop)
            try:
                findings = self.loop.run_until_complete(self._all())
            finally:
                asyncio.set_event_loop(None)
                result = self._end()
                if collects:
                    gc.enable()
        result.findings = {kind: entries for kind, entries in findings.items() if entries}
        result.seconds = time.perf_counter() - began
        return result

    def _import(self) -> None:
        """Import what is imported only when a service is built: it must be there to be replaced in."""
        for name in self.services:
            kind = (name, *sorted(self.world.gateways.settings))
            if kind not in _imported:
                build(name, self.world.settings, self.world.clock)
                _imported.add(kind)

    def _end(self) -> Result:
        """Kill what still runs, and unwind within the world what is suspended, of which nobody is to hear."""
        world, heard = self.world, self.heard()
        result = Result(
            self.seed,
            {},
            self.faults,
            events=len(world.kafka.history),
            crashes=world.kills,
            rebalances=world.kafka.rebalances,
            reached=world.places | _words(heard) | world.gateways.ways | {f"fault {each.kind}" for each in self.faults},
            lines=[*world.notes],
            digest=_digest(heard),
        )
        world.close()
        self.loop.end()
        return result

    async def _all(self) -> dict[str, list[str]]:
        world = self.world
        for event_type, each in [
            *(("clinic.published", each) for each in self.crowd.plan.clinics),
            *(("roster.published", each) for each in self.crowd.plan.rosters),
        ]:
            world.kafka.append(*self.crowd.record(event_type, each))
        world.processes = [Process(world, name, number) for name in self.services for number in range(1, REPLICAS + 1)]
        for process in world.processes:
            process.start()
        watching = [self.loop.create_task(each) for each in (self._expel(), self._answer(), self._report())]
        if self.desk is not None:
            self.desk.publish_rosters()
        elif self.dispatchers is not None:
            for at, event in self.dispatchers.rosters(self.crowd.plan.rosters):
                ahead = (at - world.clock.now()).total_seconds() / SPEED
                self.loop.call_later(ahead, self._publish, event)
        await asyncio.gather(self._send(), self._go_wrong())
        world.heal()
        world.note("faults end")
        ends = self.loop.time() + _PATIENCE
        # Polled in the loop's own time, which jumps.
        while self.loop.time() < ends and self._goes_on():  # noqa: ASYNC110
            await asyncio.sleep(1)  # of the loop's own time, which jumps
        await asyncio.sleep(_SETTLES)
        # What came meanwhile, as a late answer of the register of persons or a late report, is to be taken up as well.
        while self.loop.time() < ends and self._goes_on():  # noqa: ASYNC110
            await asyncio.sleep(0.2)  # of the loop's own time
        self._over = True
        for task in watching:
            task.cancel()
        behind = {"behind": world.kafka.behind(), "failed": [*world.kafka.failures]}
        found = self._judge() | behind | await differences(world.settings) | await self._of_the_desk()
        return found | {"by_hand": await self._of_dispatchers()}

    def heard(self) -> list[Heard]:
        """All records, as the ledger reads them."""
        for each in self.world.kafka.history[len(self._heard) :]:
            headers = {name: (value or b"").decode() for name, value in each.headers}
            key = (each.key or b"").decode()
            self._heard.append(Heard(each.topic, each.partition, each.offset, key, headers, each.value or b""))
        return self._heard

    def _goes_on(self) -> bool:
        """Whether anything is still to come that the history waits for."""
        desk = self.desk is not None and (self.desk.busy or any("unsent" in each for each in self._actions()))
        return desk or self._unfinished() or self._messages_wait() or bool(self.world.kafka.behind())

    def _unfinished(self) -> bool:
        """Whether a request has no answer yet, or a complaint fewer statuses than it is to have."""
        if self.transfers is not None:
            self.transfers.note(self.heard(), self.crowd.plan.ledger)
        return self._waited_for.unfinished(self.heard(), self.crowd.plan.ledger)

    # ------------------------------------------------------------ the judges

    def _judge(self) -> dict[str, list[str]]:
        ledger, heard = self.crowd.plan.ledger, self.heard()
        if self.transfers is not None:
            self.transfers.note(heard, ledger)
        findings = ledger.judge(
            [each for each in heard if not (withdrew_what_was_refused(each) or transfers.foreseen(each))]
        )
        if self._poison or any(each.kind == "again" for each in self.faults):
            findings.pop("dead", None)
        if self.world.gateways.checks_signatures and "lost" in findings:
            findings["lost"] = but_withdrawn_unchecked(findings["lost"], heard)
        for found in (
            promised(heard),
            not_buried(heard, self._poison),
            {"aborted": sorted({each.id for each in heard if each.dead} & self._aborted)},
            one_open_request(heard, ledger.sent),
            {"stale": out_of_order(heard), "handed_on": transfers.judge(heard)},
            ledger.judge_messages(heard, self._messages(), self.world.sms.times()),
            ledger.judge_order(each.reference for each in self.world.sms.taken),
        ):
            for kind, entries in found.items():
                findings.setdefault(kind, []).extend(entries)
        return findings

    def _messages(self) -> list[Message]:
        store = self.world.mongo.databases["simulated_notifier"].get("messages")
        return [
            Message(doc["_id"], each["sequence"], each["state"], each["reason"])
            for doc in (store.find({}) if store else ())
            for each in doc["s"]["messages"]
        ]

    def _actions(self) -> list[dict[str, Any]]:
        """What people did at the desk, as its database has it."""
        store = self.world.mongo.databases[f"simulated_{DESK}"].get("actions")
        return store.find({}) if store else []

    async def _of_the_desk(self) -> dict[str, list[str]]:
        if self.desk is None:
            return {}
        return {
            "desk": [*self.desk.failed, *desk_judge.done_once(self.desk.forms, self.heard(), self._actions())],
            "view": await desk_judge.of_the_view(self.world.settings),
        }

    async def _of_dispatchers(self) -> list[str]:
        if self.dispatchers is None:
            return []
        placed = hand_judge.chosen(self.heard())
        days = self.world.mongo.databases[f"simulated_{SCHEDULER}"].get("days")
        return [
            *hand_judge.answered_once(placed),
            *hand_judge.planned_away(placed, self.heard()),
            *await hand_judge.as_kept(self.world.settings, placed, [*days.docs] if days else []),
        ]

    def _messages_wait(self) -> bool:
        kept = self.world.mongo.databases["simulated_notifier"]
        marks = (("requests", "notices_at"), ("messages", "waiting_since"))
        return any(name in kept and kept[name].find({mark: {"$exists": True}}) for name, mark in marks)

    # ------------------------------------------------------------ the world

    async def _send(self) -> None:
        """Each event goes out at the time that it states, or a little later."""
        rng = random.Random(f"sent {self.seed}")
        for event_type, data in self.crowd.events:
            ahead = (stated_at(data) - self.world.clock.now()).total_seconds() / SPEED
            await asyncio.sleep(max(0.0, ahead) + rng.expovariate(50))
            for _ in range(self.crowd.times()):
                self._publish((event_type, data))

    async def _answer(self) -> None:
        """Clinics hear of statuses, and do what they do about them."""
        read = 0
        while True:
            await asyncio.sleep(0.2)
            heard = self.heard()
            for each in heard[read:]:
                for people in (self.crowd, self.dispatchers, self.transfers):
                    for after, event in people.answers(each, self.world.clock.now()) if people is not None else ():
                        self.loop.call_later(after / SPEED, self._publish, event)
            read = len(heard)

    def _publish(self, event: tuple[str, Any]) -> None:
        if self._over:
            return  # somebody's choice that was still to come: judging takes its time, and would find it half done
        if self.loop.time() < self._late_until:
            self._held_up.append(event)
            return
        if self.desk is not None and self.desk.takes(event):
            self.desk.do(event)
            return
        topic, key, value, headers = self.crowd.record(*event)
        partition = self.crowd.partition(topic, key)
        if self.seed % 4 == 0 and self._transactions.random() < 0.3:
            # A clinic's system that writes in transactions: others see it all at once, later.
            transaction = self.world.kafka.begin()
            transaction.append(topic, key, value, headers, partition)
            seconds = self._transactions.random() * _TRANSACTION_SECONDS
            self.loop.call_later(seconds, lambda: transaction.end(committed=True))
        else:
            self.world.kafka.append(topic, key, value, headers, partition)

    def _let_go(self) -> None:
        held_up, self._held_up = self._held_up, []
        for event in held_up:
            self._publish(event)

    async def _expel(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self.world.expel_silent()

    async def _report(self) -> None:
        """Delivery reports, to a notifier that answers."""
        told = 0
        headers = {"authorization": f"Bearer {SECRET}"}
        while True:
            await asyncio.sleep(0.7)
            reports = self.world.sms.reports(told)
            told = len(self.world.sms.taken)
            notifiers = [each for each in self.world.processes if each.service == "notifier" and each.alive]
            if reports and notifiers:
                process = self.world.rng.choice(notifiers)
                node, service = process.alive, process.running
                if node is not None and service is not None:
                    for receive in service.receives.values():
                        for report in reports:
                            process.do(node, _told(receive, report, headers))

    # ------------------------------------------------------------ faults

    async def _go_wrong(self) -> None:
        self.world.network.slow = 0.002 if self.seed % 3 == 0 else 0.0
        self.world.sms.bad = 0.05 if self.seed % 2 == 0 else 0.0
        self.world.mongo.slowest = (0.0, 0.005, 0.05)[self.seed % 3]
        for fault in self.faults:
            await asyncio.sleep(max(0.0, fault.at - self.loop.time()))
            self.world.note(f"fault: {fault}")
            self._make(fault)
        await asyncio.sleep(max(0.0, self._until - self.loop.time()))

    def _make(self, fault: Fault) -> None:
        world = self.world
        process = next((each for each in world.processes if each.name == fault.who), None)
        node = process.alive if process is not None else None
        match fault.kind:
            case "kill" if node is not None:
                node.dies_in = int(fault.amount)
            case "kill_at_place" if node is not None:
                world.dies_at[node] = fault.place
            case "kill_group":
                for each in world.processes:
                    if each.service == fault.who and each.alive is not None:
                        each.alive.kill()
            case "stand_still" if node is not None and not node.stands_still:
                node.stands_still = True
                self.loop.call_later(fault.amount, self.loop.go_on, node)
            case "restart" if process is not None:
                process.stop()
            case "skew" if node is not None:
                node.skew = fault.amount
            case "away":
                world.network.away[fault.who] = self.loop.time() + fault.amount
            case "errors":
                world.network.errors[fault.who] = fault.amount
            case "step_down":
                world.stop_replication(fault.amount)
            case "poison":
                value, event_type = _POISON[int(fault.amount * len(_POISON))]
                topic, key, _, headers = self.crowd.record(event_type, {"clinic_id": "clinic-00"})
                self._poison.add(str(fault.at))
                world.kafka.append(topic, key, value, [*headers[:1], ("ce_id", str(fault.at).encode()), *headers[2:]])
            case "abort":
                self._abort(f"aborted at {fault.at}", fault.amount)
            case "compact":
                self._compact(fault.amount)
            case "expire" if len(world.kafka.groups) == len(self.services) and all(
                each.topics for each in world.kafka.groups.values()
            ):  # not what a service is still to read for the first time
                for each in (topic for topic in TOPICS if not topic.compacted):
                    world.kafka.expire(each.name)
            case "late":
                self._late_until = max(self._late_until, self.loop.time() + fault.amount)
                self.loop.call_at(self._late_until, self._let_go)
            case "again":
                inputs = [each for each in world.kafka.history if dict(each.headers).get("ce_source") == b"/simulation"]
                each = inputs[int(fault.amount * len(inputs))]
                world.kafka.append(each.topic, each.key, each.value, each.headers)

    def _abort(self, ce_id: str, amount: float) -> None:
        """Somebody's transaction that is aborted after a while: it held what would be dead letters."""
        self._aborted.add(ce_id)
        transaction = self.world.kafka.begin()
        for value, event_type in _POISON:
            topic, key, _, headers = self.crowd.record(event_type, {"clinic_id": "clinic-00"})
            transaction.append(topic, key, value, [*headers[:1], ("ce_id", ce_id.encode()), *headers[2:]])
        self.loop.call_later(amount * _TRANSACTION_SECONDS, lambda: transaction.end(committed=False))

    def _compact(self, amount: float) -> None:
        """Compact, and publish some clinics again as they are, so that there is something to compact."""
        kafka = self.world.kafka
        for topic in TOPICS:
            if topic.compacted:
                gone = kafka.compact(topic.name, _COMPACTED_AFTER * SPEED, tombstones=amount < 0.5)
                # Where a newer record of its key came before it was read, nobody is to hear of it.
                self._poison -= {dict(each.headers)["ce_id"].decode() for each in gone}
        for each in self.crowd.plan.clinics:
            if self._transactions.random() < amount:
                kafka.append(*self.crowd.record("clinic.published", each))


async def _told(receive: Any, report: Any, headers: dict[str, str]) -> None:
    await receive(json.dumps(report).encode(), headers)


def _words(heard: Sequence[Heard]) -> set[str]:
    """The types of events, refusals, statuses and dead letters that a history had."""
    found: set[str] = set()
    for each in heard:
        if each.dead:
            found.add(f"dead letter {each.headers['homecall-dead-reason']}")
            continue
        found.add(each.type)
        if each.type == "request.refused":
            found.add(f"refused {each.data['code']}")
        elif each.type == "visit.assignment-refused":
            found.add(f"assignment refused {each.data['cause']}")
        elif each.type in {"visit.scheduled", "visit.rescheduled"} and each.data["basis"] == "dispatcher":
            found.add("placed by hand")
        elif each.type == "request.cancelled" and "transferred_to" in each.data:
            found.add("handed on")
        elif each.type == "visit.scheduled" and (each.data.get("why") or {}).get("by") == "sampled days":
            found.add("placed by sampled days")
        elif each.type in {"visit.assigned", "visit.released"}:
            found.add(f"{each.type} by {each.headers['ce_source']}")
        elif each.type in {"status.changed", "complaint.status-changed"}:
            found.add(f"{each.type} {each.data['status']}")
    return found


def _digest(heard: Sequence[Heard]) -> str:
    told = hashlib.sha256()
    for each in heard:
        told.update(repr((each.topic, each.partition, each.key, sorted(each.headers.items()), each.value)).encode())
    return told.hexdigest()[:16]


def play(seed: int, requests: int = 60, **more: Any) -> Result:
    """Play one seed; see ``History``."""
    result = History(seed, requests, **more).play()
    gc.collect()  # once for all that it leaves: nothing refers to it any more
    return result
