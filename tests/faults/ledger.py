"""A ledger outside the system: all that went in, every effect that came out, and what does not add up.

It knows the contract, and nothing of how the services work. It judges raw records at the end, in any order, however
often each came; the demo's ledger (``homecall.demo.ledger``) follows a day as it goes, and must know at each moment
what is still to come. Both judge a request by ``homecall.demo.fate`` and all else by ``homecall.demo.rules``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from homecall.demo.fate import Known, judge
from homecall.demo.rules import missing, overloaded, twice
from tests.infrastructure.reader import Heard

_TRANSPORT = {"traceparent"}
_RANK = {
    "deferred": 0,
    "registered": 1,
    "scheduled": 2,
    "rescheduled": 2,
    "delayed": 2,
    "refused": 3,
    "withdrawn": 3,
    "completed": 4,
    "not_completed": 4,
}
"""How far a request has come: a visit that was made is told even after a withdrawal."""
_DECISIONS = ("request.deferred", "request.refused", "request.accepted", "request.cancelled")
"""The first that is there says what became of a request at once."""
_OURS = {
    *_DECISIONS,
    "visit.scheduled",
    "visit.rescheduled",
    "visit.unplaced",
    "visit.cancelled",
    "visit.closed",
    "status.changed",
    "journal.entry",
    "deadline.approaching",
    "deadline.missed",
    "complaint.status-changed",
}


ROSTERS = "homecall.rosters.v1"
MOST_TIMES = 60
"""How often one event may be said: once more for each replica that was killed with it, and each reading anew. Beyond
that, two services tell each other the same without end."""
VISIT = timedelta(minutes=20)
"""What a visit takes where the roster says nothing; the way to it, whatever it takes, comes on top."""


@dataclass(frozen=True)
class Message:
    """A message to a patient, as its sender keeps it."""

    request_id: str
    sequence: int
    state: str
    reason: str

    @property
    def reference(self) -> str:
        return f"{self.request_id}-{self.sequence}"


@dataclass
class Ledger:
    """What was sent: request ids, those whose withdrawal was sent, and complaints with their clinic and statuses."""

    sent: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    complaints: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def judge(self, heard: Iterable[Heard]) -> dict[str, list[str]]:
        """What does not add up, by kind.

        lost, doubled, gap, contradiction, clash, unanswered, gone_back, phantom, endless.
        """
        found: dict[str, list[str]] = defaultdict(list)
        by_type: dict[str, list[Heard]] = defaultdict(list)
        rosters: list[Heard] = []
        for each in heard:
            if "homecall-dead-reason" in each.headers:
                found["dead"].append(
                    f"{each.headers['homecall-dead-reason']} from {each.headers['homecall-dead-topic']}"
                )
            elif each.type in _OURS:
                by_type[each.type].append(each)
            elif each.type == "roster.published" and each.topic == ROSTERS:
                # In another topic, where somebody put it, it is no roster.
                rosters.append(each)
        self._same_id_same_bytes(by_type, found)
        requests = self._requests(by_type, found)
        for known in requests.values():
            for kind, what in judge(known):
                found[kind].append(what)
        self._register(requests.values(), found)
        self._visits(by_type, _visit_times(rosters), found)
        self._statuses(by_type, found)
        self._complaints(by_type, found)
        return {kind: entries for kind, entries in found.items() if entries}

    def judge_messages(
        self, heard: Iterable[Heard], messages: Iterable[Message], taken: Mapping[str, int]
    ) -> dict[str, list[str]]:
        """What does not add up between the statuses, the messages as their sender has them, and what the gateway took.

        ``taken`` is how often each reference stands in the gateway's own log. Of a message that is unknown to its
        sender, the gateway may have taken one or none, and never two. A status that is overtaken by a later one may go
        unsent; the last one of a request may not.
        """
        found: dict[str, list[str]] = defaultdict(list)
        told: dict[str, set[int]] = defaultdict(set)
        for each in heard:
            if each.type == "status.changed":
                told[each.key].add(each.data["sequence"])
        kept = {each.reference: each for each in messages}
        for reference, times in taken.items():
            if times > 1:
                found["doubled"].append(f"the gateway took {reference} {times} times")
            if reference not in kept:
                found["phantom"].append(f"the gateway took {reference}, and nobody has sent it")
        for request_id, sequences in told.items():
            for sequence in sequences:
                message = kept.get(f"{request_id}-{sequence}")
                if message is None:
                    found["lost"].append(f"status {sequence} of {request_id} has no message")
                    continue
                there = taken.get(message.reference, 0)
                at_the_gateway = message.state in {"sent", "delivered"} or message.reason == "undelivered"
                if at_the_gateway and not there:
                    found["lost"].append(f"{message.reference} is {message.state}, and the gateway has none")
                if message.state in {"created", "sending"}:
                    found["unfinished"].append(f"{message.reference} is {message.state}")
                if message.state == "failed" and message.reason != "undelivered" and there:
                    found["contradiction"].append(f"{message.reference} is {message.reason}, and the gateway has it")
                if message.reason == "overtaken" and sequence == max(sequences):
                    found["lost"].append(f"{message.reference} is the last, and was overtaken")
        return {kind: entries for kind, entries in found.items() if entries}

    @staticmethod
    def judge_order(references: Iterable[str]) -> dict[str, list[str]]:
        """Texts of one request that went out after a newer one, by the order in which the gateway took them."""
        newest: dict[str, int] = {}
        stale: list[str] = []
        for reference in references:
            request_id, _, number = reference.rpartition("-")
            if int(number) < newest.get(request_id, 0):
                stale.append(f"the gateway took {reference} after {request_id}-{newest[request_id]}")
            newest[request_id] = max(newest.get(request_id, 0), int(number))
        return {"stale": stale} if stale else {}

    def unfinished(self, heard: Iterable[Heard]) -> int:
        """How many requests and complaints have not come to their end yet, going by the statuses alone."""
        last: dict[str, tuple[int, str]] = {}
        steps: dict[str, set[int]] = defaultdict(set)
        for each in heard:
            if each.type == "complaint.status-changed":
                steps[each.key].add(each.data["sequence"])
            if each.type == "status.changed":
                data = each.data
                last[each.key] = max(last.get(each.key, (0, "")), (data["sequence"], data["status"]))
        waiting = sum(len(steps[key]) < len(expected) for key, (_, expected) in self.complaints.items())
        for request_id in self.sent:
            status = last.get(request_id, (0, ""))[1]
            done = {"refused", "withdrawn"} if request_id in self.withdrawn else {"refused", "scheduled", "rescheduled"}
            waiting += status not in done
        return waiting

    # ---------------------------------------------------------------- the rules

    def _same_id_same_bytes(self, by_type: Mapping[str, list[Heard]], found: dict[str, list[str]]) -> None:
        seen: dict[str, tuple[str, bytes, dict[str, str]]] = {}
        times = Counter((each.type, each.id) for events in by_type.values() for each in events)
        for (event_type, event_id), number in times.items():
            if number > MOST_TIMES:
                found["endless"].append(f"{event_type} {event_id} was said {number} times")
        for events in by_type.values():
            for each in events:
                headers = {name: value for name, value in each.headers.items() if name not in _TRANSPORT}
                said = (each.key, each.value, headers)
                if seen.setdefault(each.id, said) != said:
                    found["contradiction"].append(f"{each.type} {each.id} was said in two ways")

    def _requests(self, by_type: Mapping[str, list[Heard]], found: dict[str, list[str]]) -> dict[str, Known]:
        """What was heard of each request that was sent. What is said again under the same id is one effect."""
        known = {
            request_id: Known(
                request_id=request_id,
                clinic_id=data.get("clinic_id", ""),
                channel=data.get("channel", ""),
                withdrawal_sent=request_id in self.withdrawn,
            )
            for request_id, data in self.sent.items()
        }
        strangers = set()
        for event_type in (*_DECISIONS, "status.changed", "journal.entry"):
            for each in {each.id: each for each in by_type[event_type]}.values():
                if each.data["request_id"] in known:
                    _take(known[each.data["request_id"]], each)
                else:
                    strangers.add(each.data["request_id"])
        found["phantom"] += [f"{request_id} was never sent" for request_id in sorted(strangers)]
        return known

    def _register(self, requests: Iterable[Known], found: dict[str, list[str]]) -> None:
        pages: dict[tuple[str, str], dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for each in requests:
            for day, number in each.numbers:
                pages[each.clinic_id, str(day)][number].add(each.request_id)
        for page, holders in pages.items():
            if twice(holders):
                found["doubled"].append(f"the page {page} gave {twice(holders)} twice")
            if missing(holders):
                found["gap"].append(f"the page {page} does not run from 1 to {max(holders)}")

    def _visits(
        self,
        by_type: Mapping[str, list[Heard]],
        takes: Mapping[tuple[str, str], timedelta],
        found: dict[str, list[str]],
    ) -> None:
        last: dict[str, tuple[int, str, dict[str, Any]]] = {}
        # A visit that was reported, early perhaps, is a promise no more: its time is the next one's.
        for event_type in ("visit.scheduled", "visit.rescheduled", "visit.unplaced", "visit.cancelled", "visit.closed"):
            for each in by_type[event_type]:
                data = each.data
                known = last.get(data["request_id"])
                if known is None or data["revision"] > known[0]:
                    last[data["request_id"]] = (data["revision"], event_type, data)
                elif data["revision"] == known[0] and (event_type, data) != known[1:]:
                    found["contradiction"].append(f"revision {known[0]} of {data['request_id']} was said in two ways")
        promises = [
            (
                (data["clinic_id"], data["visit_date"], data["doctor"]["doctor_id"]),
                datetime.fromisoformat(data["arrives_from"]),
                datetime.fromisoformat(data["arrives_to"]),
            )
            for _, event_type, data in last.values()
            if event_type in {"visit.scheduled", "visit.rescheduled"}
        ]
        found["clash"] += [
            f"{doctor} of {clinic_id} has {each.visits} promises from {each.begins:%H:%M} to {each.ends:%H:%M}"
            for (clinic_id, _, doctor), each in overloaded(promises, lambda day: takes.get(day[:2], VISIT))
        ]

    def _statuses(self, by_type: Mapping[str, list[Heard]], found: dict[str, list[str]]) -> None:
        said: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
        for each in by_type["status.changed"]:
            data = each.data
            request_id, sequence = data["request_id"], data["sequence"]
            known = said[request_id].setdefault(sequence, (each.id, data["status"]))
            if known != (each.id, data["status"]):
                found["contradiction"].append(f"sequence {sequence} of {request_id} was said in two ways")
        for request_id, row in said.items():
            names = [row[sequence][1] for sequence in sorted(row)]
            ranks = [_RANK[name] for name in names]
            # By sequence, never by offset: what comes late is history; what is numbered later may not stand before.
            if ranks != sorted(ranks):
                found["gone_back"].append(f"{request_id} went through the statuses {names}")
            once = [name for name in names if name in {"scheduled", "registered", "refused", "withdrawn"}]
            if len(once) != len(set(once)):
                found["doubled"].append(f"{request_id} has the statuses {names}")

    def _complaints(self, by_type: Mapping[str, list[Heard]], found: dict[str, list[str]]) -> None:
        said: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
        numbers: dict[tuple[str, str], set[str]] = defaultdict(set)
        pages: dict[tuple[str, str], dict[int, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
        for each in by_type["complaint.status-changed"]:
            data = each.data
            complaint_id, sequence = data["complaint_id"], data["sequence"]
            known = said[complaint_id].setdefault(sequence, (each.id, data["status"]))
            if known != (each.id, data["status"]):
                found["contradiction"].append(f"sequence {sequence} of complaint {complaint_id} was said in two ways")
            number = data.get("incoming_number")
            if number is not None:
                numbers[complaint_id, data["stage"]].add(number)
                year, _, place = number.partition("-")
                pages[data["clinic_id"], year][int(place)].add((complaint_id, data["stage"]))
        for place, given in numbers.items():
            if len(given) > 1:
                found["doubled"].append(f"complaint {place} has the incoming numbers {sorted(given)}")
        for page, holders in pages.items():
            for number in twice(holders):
                found["doubled"].append(f"{page} gave the incoming number {number} to {sorted(holders[number])}")
            if missing(holders):
                found["gap"].append(f"the incoming numbers of {page} do not run from 1 to {max(holders)}")
        for complaint_id, row in said.items():
            if missing(row):
                found["gap"].append(f"the statuses of complaint {complaint_id} are {sorted(row)}")
        for complaint_id, (_, expected) in self.complaints.items():
            names = [said[complaint_id][sequence][1] for sequence in sorted(said[complaint_id])]
            if names != expected:
                found["lost"].append(f"complaint {complaint_id} has the statuses {names}, not {expected}")
        for complaint_id in said.keys() - self.complaints.keys() if self.complaints else ():
            found["phantom"].append(f"complaint {complaint_id} was never sent")


def _take(known: Known, event: Heard) -> None:
    """Note what an event says of its request; two events are two effects."""
    data = event.data
    match event.type:
        case "request.accepted":
            known.decide("accepted")
            known.numbers.add((data["register_date"], data["register_number"]))
        case "request.deferred":
            known.decide("deferred")
        case "request.refused":
            known.decide("refused")
        case "request.cancelled":
            known.cancelled += 1
        case "status.changed":
            known.statuses[data["sequence"]] = data["status"]
            known.answered |= data["status"] in {"scheduled", "refused"}
        case "journal.entry":
            number = data.get("register_number")
            known.entries[data["revision"]] = None if number is None else (data["register_date"], number)


def _visit_times(rosters: Iterable[Heard]) -> dict[tuple[str, str], timedelta]:
    """By clinic and day, what a visit takes by its rosters: the least of them, since each may have been in force."""
    found: dict[tuple[str, str], timedelta] = {}
    for each in rosters:
        data = each.data
        visit = timedelta(minutes=data["visit_minutes"]) if "visit_minutes" in data else VISIT
        place = (data["clinic_id"], data["date"])
        found[place] = min(visit, found.get(place, visit))
    return found
