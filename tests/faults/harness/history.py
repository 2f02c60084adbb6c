"""What was sent, operation by operation, and the verdict on all that came out.

An operation is ``ok`` (acknowledged), ``failed`` (certainly not written) or ``unknown`` (no acknowledgement came: it
may have been written). What became of an unknown one is read from the topic, as the services read it. Beyond the rules
of `tests.faults.ledger`, every effect must have one id, states may not go back, and complaints must add up.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from homecall.contract.events import (
    ComplaintSubmitted,
    RequestSubmitted,
    RequestTransferred,
    RequestWithdrawn,
    VisitReported,
)
from tests.faults.ledger import Ledger
from tests.infrastructure.reader import Heard
from tests.simulation import hand_judge, transfers

Outcome = Literal["sent", "ok", "failed", "unknown"]
Findings = dict[str, list[str]]

COUNTED = {
    "lost": ("lost", "unanswered", "gap"),
    "doubled": ("doubled", "contradiction", "clash"),
    "gone_back": ("gone_back", "stale"),
    "phantom": ("phantom",),
}
"""The figures of a report, and the kinds of findings that each counts. Any other kind fails a scenario, too."""

# Where a complaint or a visit stands: by sequence or revision it only goes forward, or stays.
_COMPLAINT = {"delivered": 0, "registered": 1, "assigned": 2, "executed": 3, "answered": 4, "refused": 4}
_VISIT = {
    "visit.unplaced": 0,
    "visit.scheduled": 0,
    "visit.rescheduled": 0,
    "visit.cancelled": 1,
    "visit.closed": 1,
}
_DECISIONS = ("request.accepted", "request.deferred", "request.refused", "request.cancelled")


@dataclass
class Operation:
    """An event that was sent: once, or again by a publisher that got no answer."""

    event_id: str
    type: str
    data: Mapping[str, Any]
    outcome: Outcome = "sent"
    tries: int = 1


@dataclass
class History:
    """Every operation, and whose end is awaited."""

    operations: dict[str, Operation] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    may_be_dead: set[str] = field(default_factory=set)
    """Reasons of dead letters that the scenario itself brings about."""

    def begin(self, event_id: str, event_type: str, data: Mapping[str, Any]) -> Operation:
        """Note an operation before it is sent."""
        with self.lock:
            known = self.operations.get(event_id)
            if known is not None:
                known.tries += 1
                return known
            operation = Operation(event_id, event_type, data)
            self.operations[event_id] = operation
            return operation

    def end(self, operation: Operation, outcome: Outcome) -> None:
        """Note what became of a try. One acknowledgement is enough; of two others the worse to know counts."""
        with self.lock:
            if operation.outcome == "ok" or (operation.outcome == "unknown" and outcome == "failed"):
                return
            operation.outcome = outcome

    def counts(self) -> Counter[str]:
        """How many operations have which outcome."""
        with self.lock:
            return Counter(each.outcome for each in self.operations.values())

    def unknown(self) -> list[Operation]:
        """Those that nobody knows of."""
        with self.lock:
            return [each for each in self.operations.values() if each.outcome == "unknown"]

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        with self.lock:
            return sum(each.type == RequestSubmitted.TYPE for each in self.operations.values())

    # ------------------------------------------------------------ what is owed

    def written(self, heard: Iterable[Heard]) -> dict[str, dict[str, Mapping[str, Any]]]:
        """By type, the subjects whose event stands in its topic, or was acknowledged, with its data."""
        found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
        there = {each.id for each in heard if not each.dead}
        with self.lock:
            for each in self.operations.values():
                if each.outcome == "ok" or each.event_id in there:
                    subject = each.data.get("complaint_id") or each.data.get("request_id")
                    if subject is not None:
                        found[each.type].setdefault(subject, each.data)
        return found

    def unfinished(self, heard: Iterable[Heard]) -> list[str]:
        """Whose end has not been said yet, by the statuses alone."""
        heard = list(heard)
        written = self.written(heard)
        said: dict[str, set[str]] = defaultdict(set)
        for each in heard:
            if each.type in {"status.changed", "complaint.status-changed"}:
                said[each.key].add(each.data["status"])
        waiting = []
        for request_id in written[RequestSubmitted.TYPE]:
            names = said[request_id]
            if request_id in written[RequestWithdrawn.TYPE] or request_id in written[RequestTransferred.TYPE]:
                done = names & {"withdrawn", "refused", "completed", "not_completed"}
            elif request_id in written[VisitReported.TYPE]:
                done = names & {"completed", "not_completed"}
            else:
                done = names & {"refused", "scheduled"}
            if not done:
                waiting.append(request_id)
        waiting += [each for each in transfers.successors(heard) if not said[each] & {"refused", "scheduled"}]
        for complaint_id in written[ComplaintSubmitted.TYPE]:
            last = {"complaint.answered": "answered", "complaint.assigned": "assigned"}
            wanted = next((name for kind, name in last.items() if complaint_id in written[kind]), "registered")
            if wanted not in said[complaint_id]:
                waiting.append(complaint_id)
        return waiting

    # ------------------------------------------------------------ the verdict

    def judge(self, heard: Iterable[Heard]) -> Findings:
        """All that does not add up, by kind; empty where everything does."""
        heard = list(heard)
        written = self.written(heard)
        ledger = Ledger(
            dict(written[RequestSubmitted.TYPE]),
            set(written[RequestWithdrawn.TYPE]) & set(written[RequestSubmitted.TYPE]),
        )
        transfers.expect(heard, ledger)
        found: Findings = defaultdict(list, ledger.judge(heard))
        found.pop("dead", None)
        self._acknowledged(heard, found)
        self._dead(heard, found)
        ours = [each for each in heard if each.type in _EFFECTS and not each.dead]
        _one_id(ours, found)
        _never_back(ours, found)
        _never_sent(ours, ledger.sent.keys() | written[ComplaintSubmitted.TYPE].keys(), found)
        _complaints(ours, written[ComplaintSubmitted.TYPE], found)
        _deadlines(ours, found)
        found["handed_on"] += transfers.judge(heard)
        placed = hand_judge.chosen(heard)
        found["by_hand"] += [*hand_judge.answered_once(placed), *hand_judge.planned_away(placed, heard)]
        return {kind: entries for kind, entries in sorted(found.items()) if entries}

    def _acknowledged(self, heard: Iterable[Heard], found: Findings) -> None:
        there = {each.id for each in heard if not each.dead}
        for each in self.operations.values():
            if each.outcome == "ok" and each.event_id not in there:
                found["lost"].append(f"{each.type} {each.event_id} was acknowledged, and its topic does not hold it")
            if each.outcome == "failed" and each.event_id in there:
                found["phantom"].append(f"{each.type} {each.event_id} failed, and its topic holds it")

    def _dead(self, heard: Iterable[Heard], found: Findings) -> None:
        for each in heard:
            if (
                each.dead
                and each.headers["homecall-dead-reason"] not in self.may_be_dead
                and not transfers.foreseen(each)
            ):
                where = f"{each.headers['homecall-dead-topic']} by {each.headers['homecall-dead-service']}"
                detail = each.headers.get("homecall-dead-detail", "")
                found["dead"].append(f"{each.type} from {where}: {each.headers['homecall-dead-reason']}, {detail}")


def effects(heard: Iterable[Heard]) -> dict[tuple[str, ...], set[tuple[str, bytes]]]:
    """Each effect that was said, with the ids and the bytes under which it was: one of each, if all is well."""
    found: dict[tuple[str, ...], set[tuple[str, bytes]]] = defaultdict(set)
    for each in heard:
        if each.type in _EFFECTS and not each.dead:
            found[_effect(each)].add((each.id, each.value))
    return found


def late(heard: Iterable[Heard]) -> list[str]:
    """What stands in its topic before something that is numbered lower, where each is said for the first time.

    No consumer is to rely on it: it is what a killed process leaves to its successor, and the successor makes good.
    """
    said: dict[tuple[str, str], list[int]] = defaultdict(list)
    in_order = sorted(heard, key=lambda each: (each.topic, each.partition, each.offset))
    for each in in_order:
        if each.type in _EFFECTS and not each.dead:
            kind, subject, place = (*_effect(each), "")[:3]
            if place.isdigit():
                said[kind, subject].append(int(place))
    found = []
    for (kind, subject), places in said.items():
        first = list(dict.fromkeys(places))
        if first != sorted(first):
            found.append(f"{kind} {subject} came as {first}")
    return found


_EFFECTS = {
    *_DECISIONS,
    *_VISIT,
    "status.changed",
    "journal.entry",
    "complaint.status-changed",
    "deadline.approaching",
    "deadline.missed",
}


def _effect(each: Heard) -> tuple[str, ...]:
    """What an event does, whatever its id: two events of one effect are one event, or something was doubled."""
    data = each.data
    if each.type.startswith("deadline."):
        return (each.type, data["subject_id"], data["deadline"], data["due_at"])
    if each.type in _DECISIONS:
        return (each.type, data["request_id"], str(data.get("opens_at", "")))
    place = data.get("sequence", data.get("revision"))
    # Scheduler's revisions are one row over all its types; a status, a register line, has one of its own.
    kind = "visit" if each.type in _VISIT else each.type
    return (kind, data.get("complaint_id") or data["request_id"], str(place))


def _one_id(ours: Iterable[Heard], found: Findings) -> None:
    for effect, said in effects(ours).items():
        if len({event_id for event_id, _ in said}) > 1:
            found["doubled"].append(f"{' '.join(effect)} was said under {len(said)} ids")
        elif len(said) > 1:
            found["contradiction"].append(f"{' '.join(effect)} was said in {len(said)} ways under one id")


def _never_back(ours: Iterable[Heard], found: Findings) -> None:
    """By sequence or revision, never by offset: what comes late is history, what is numbered later may not go back."""
    rows: dict[tuple[str, str], dict[int, tuple[int, str]]] = defaultdict(dict)
    numbers: dict[str, dict[int, Any]] = defaultdict(dict)
    for each in ours:
        data = each.data
        if each.type in _VISIT:
            rows["visit", data["request_id"]][data["revision"]] = (_VISIT[each.type], each.type)
        elif each.type == "complaint.status-changed" and data["status"] in _COMPLAINT:
            stage = f"{data['complaint_id']} {data['stage']}"
            rows["complaint", stage][data["sequence"]] = (_COMPLAINT[data["status"]], data["status"])
        elif each.type == "journal.entry":
            numbers[data["request_id"]][data["revision"]] = data.get("register_number")
    for (kind, subject), row in rows.items():
        in_order = [row[place] for place in sorted(row)]
        for (before, was), (after, now) in pairwise(in_order):
            if after < before:
                found["gone_back"].append(f"the {kind} {subject} went from {was} to {now}")
    for request_id, line in numbers.items():
        given = [line[place] for place in sorted(line)]
        kept = [number for number in given if number is not None]
        if len(set(kept)) > 1 or (kept and given[-1] is None):
            found["gone_back"].append(f"the register's line of {request_id} had the numbers {given}")


def _never_sent(ours: Iterable[Heard], sent: Collection[str], found: Findings) -> None:
    strangers = {
        subject
        for each in ours
        for subject in (each.data.get(name) for name in ("complaint_id", "request_id", "subject_id"))
        if subject is not None and subject not in sent
    }
    found["phantom"].extend(f"{subject} was never sent" for subject in sorted(strangers))


def _complaints(ours: Iterable[Heard], sent: Mapping[str, Mapping[str, Any]], found: Findings) -> None:
    registered = {
        each.data["complaint_id"]
        for each in ours
        if each.type == "complaint.status-changed" and each.data["status"] == "registered"
    }
    for complaint_id in sent:
        if complaint_id not in registered:
            found["lost"].append(f"the complaint {complaint_id} was never registered")


def _deadlines(ours: Iterable[Heard], found: Findings) -> None:
    """A deadline is missed once, whoever watches it when it is."""
    missed: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for each in ours:
        if each.type == "deadline.missed":
            data = each.data
            stage = data["stage"] if data["subject_kind"] == "complaint" else ""
            missed[data["subject_id"], data["deadline"], data["due_at"] + stage].add(each.id)
    for (subject, deadline, _), ids in missed.items():
        if len(ids) > 1:
            found["doubled"].append(f"the deadline {deadline} of {subject} was missed {len(ids)} times")
