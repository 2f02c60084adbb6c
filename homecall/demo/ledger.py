"""What went in and what came out: the demo's own account, kept from the topics alone.

Kinds of findings: ``lost`` (something that had to come did not, or something else came; or a number or a sequence has a
gap), ``doubled`` (something came twice, or two where one may be), ``unanswered`` (taken up, and no answer), ``drift``
(what reconciliation finds in the services' stores: it is told in the end).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Final

from homecall.contract import events, topics
from homecall.contract.envelope import Record, Unreadable, read
from homecall.contract.types import Event
from homecall.demo.acts import Act
from homecall.demo.fate import Fate, judge
from homecall.demo.findings import Finding, Kind, Place, Summary, Window, dead_letters, percentile, unkept
from homecall.demo.rules import missing, twice

HEARD: Final = tuple(topic for topic in topics.TOPICS if topic.ours)
"""The topics that the ledger is to be fed with, from their beginning."""

_FIRST_WORD = frozenset({"scheduled", "refused", "deferred", "delayed", "withdrawn"})
_FOLLOWING = frozenset({"request.withdrawn", "answer.given", "visit.reported"})
_SPOKEN = frozenset({"desk", "phone"})


class Ledger:
    """Feed it ``sent`` and ``hear``; ask it what stands where, and in the end what is wrong."""

    def __init__(self, oral_clinics: Iterable[str] = ()) -> None:
        self.fates: dict[str, Fate] = {}
        self.complaints: dict[str, set[str]] = {}
        """The statuses of each complaint that was sent."""
        self.complaints_linked: set[str] = set()
        """Those that name another of the same matter."""
        self.complaints_expected: dict[str, str] = {}
        """The status to which each must come: registered, or refused at once."""
        self.came_in: Counter[str] = Counter()
        """Records: new requests by channel, all else by type; ``repeated`` and ``broken`` ones by themselves."""
        self.deadlines: Counter[tuple[str, str]] = Counter()
        """(deadline, approaching or missed)"""
        self.dead: dict[Place, str] = {}
        self.dead_expected: dict[Place, str] = {}
        self.heard = 0
        self.desk: Counter[str] = Counter()
        """What was done at the desk, by type."""
        self.desk_unsent = 0
        self._oral_clinics = frozenset(oral_clinics)
        self._active: dict[str, Fate] = {}
        self._rosters: dict[str, datetime] = {}
        self._said: dict[tuple[str, str], bytes] = {}
        self._pages: dict[tuple[str, date], dict[int, set[str]]] = {}
        self._findings: list[Finding] = []

    # ------------------------------------------------------------ what goes in

    def sent(self, act: Act, now: float) -> None:
        """A record is about to be sent; ``now`` in real seconds, of any monotonic clock."""
        if act.dead:
            self.came_in["broken"] += 1
            return
        what = act.channel if act.type == "request.submitted" else act.type
        self.came_in["repeated" if act.repeats else what] += 1
        if act.type == "request.submitted" and act.subject not in self.fates:
            oral = act.clinic_id in self._oral_clinics and act.channel in _SPOKEN
            self.fates[act.subject] = self._active[act.subject] = Fate(
                request_id=act.subject,
                clinic_id=act.clinic_id,
                channel=act.channel,
                expected=act.expected,
                submitted_at=act.at,
                sent_at=now,
                oral=oral,
            )
        elif act.type == "roster.published":
            self._rosters[act.clinic_id] = act.at
        elif act.type == "complaint.submitted":
            self.complaints.setdefault(act.subject, set())
            self.complaints_expected[act.subject] = act.expected or "registered"
        elif act.type in _FOLLOWING and act.subject in self.fates:
            fate = self._active[act.subject] = self.fates[act.subject]
            fate.withdrawal_sent |= act.type == "request.withdrawn"
            fate.answer_sent |= act.type == "answer.given"
            fate.reported |= act.type == "visit.reported"

    def stored(self, act: Act, partition: int, offset: int) -> None:
        """Where the broker put a record that must become a dead letter."""
        if act.dead:
            self.dead_expected[act.topic, partition, offset] = act.dead

    # ------------------------------------------------------------ what comes out

    def hear(self, record: Record, now: float) -> Event | None:
        """Take a record of one of the topics ``HEARD``; the event in it, if it is one that is new."""
        self.heard += 1
        if record.topic == topics.DEAD_LETTERS.name:
            self._bury(record)
            return None
        try:
            incoming = read(record)
        except Unreadable as error:
            self._find("lost", f"a record of {record.topic} cannot be read: {error.detail}")
            return None
        if incoming.data is None:
            self._find("lost", f"a {incoming.type} breaks its schema: {incoming.errors[0].path}")
            return None
        digest = hashlib.sha256(record.value or b"").digest()
        before = self._said.setdefault((record.topic, incoming.causation_id), digest)
        if before is not digest:
            if before != digest:
                self._find("doubled", f"one {incoming.type} of {incoming.subject} was said twice in different words")
            return None  # delivered again: at least once is what is promised
        self._take(incoming.data, now)
        return incoming.data

    def _bury(self, record: Record) -> None:
        said = {name: (value or b"").decode() for name, value in record.headers}
        place = (
            said["homecall-dead-topic"],
            int(said["homecall-dead-partition"]),
            int(said["homecall-dead-offset"]),
        )
        self.dead[place] = said["homecall-dead-reason"]

    def _take(self, data: Event, now: float) -> None:
        if isinstance(data, events.ComplaintStatusChanged):
            if data.complaint_id in self.complaints:
                self.complaints[data.complaint_id].add(data.status)
                if data.linked_complaints:
                    self.complaints_linked.add(data.complaint_id)
            else:
                self._find("doubled", f"a complaint that nobody sent: {data.complaint_id}")
            return
        if isinstance(data, events.DeadlineApproaching | events.DeadlineMissed):
            self._deadline(data)
            return
        fate = self.fates.get(data.subject)
        if fate is None:
            self._find("doubled", f"{data.TYPE} of a request that nobody sent: {data.subject}")
            return
        match data:
            case events.RequestAccepted():
                self._accepted(fate, data)
            case events.RequestDeferred():
                fate.decide("deferred")
                fate.opens_at, fate.due_at = data.opens_at, data.due_at
            case events.RequestRefused():
                fate.decide("refused")
                fate.code, fate.due_at = data.code, data.due_at
            case events.RequestCancelled():
                fate.cancelled += 1
            case events.VisitEvent():
                self._visit(fate, data)
            case events.StatusChanged():
                self._status(fate, data, now)
            case events.JournalEntry():
                self._entry(fate, data)

    def _deadline(self, data: events.DeadlineApproaching | events.DeadlineMissed) -> None:
        kind = "missed" if isinstance(data, events.DeadlineMissed) else "approaching"
        self.deadlines[data.deadline, kind] += 1
        fate = self.fates.get(data.subject_id)
        if fate is not None and kind == "missed" and data.deadline == "answer":
            fate.missed = True

    def _accepted(self, fate: Fate, data: events.RequestAccepted) -> None:
        fate.decide("accepted")
        fate.due_at, fate.clock_started_at = data.due_at, data.clock_started_at
        fate.numbers.add((data.register_date, data.register_number))
        page = self._pages.setdefault((data.clinic_id, data.register_date), {})
        page.setdefault(data.register_number, set()).add(fate.request_id)

    def _visit(self, fate: Fate, data: events.VisitEvent) -> None:
        if data.revision <= fate.visit_revision:
            return
        fate.visit_revision = data.revision
        if isinstance(data, events.VisitScheduled):
            fate.window = Window(data.clinic_id, data.doctor.doctor_id, data.arrives_from, data.arrives_to)
        elif isinstance(data, events.VisitUnplaced | events.VisitCancelled):
            fate.window = None

    def _status(self, fate: Fate, data: events.StatusChanged, now: float) -> None:
        if data.sequence in fate.statuses:
            self._find("doubled", f"two statuses of {fate.request_id} have the sequence {data.sequence}")
        fate.statuses[data.sequence] = data.status
        if fate.told_at is None and data.status in _FIRST_WORD:
            fate.told_at = now
        if data.on_time is not None:
            fate.on_time = data.on_time
        if data.status == "refused" or (data.status in {"scheduled", "completed", "not_completed"} and not fate.oral):
            self._answer(fate, data.occurred_at)

    def _entry(self, fate: Fate, data: events.JournalEntry) -> None:
        if data.revision in fate.entries:
            self._find("doubled", f"two register entries of {fate.request_id} have the revision {data.revision}")
        number = data.register_number
        fate.entries[data.revision] = None if number is None else (data.register_date, number)
        if fate.oral and data.answered_at is not None:
            self._answer(fate, data.answered_at)

    def _answer(self, fate: Fate, moment: datetime) -> None:
        if not fate.answered:
            fate.answered, fate.answered_at = True, moment

    # ------------------------------------------------------------ where it stands

    def quiet(self, now: datetime) -> bool:
        """Whether everything that was sent has had its first word: only then may the service clock step."""
        still = {key: fate for key, fate in self._active.items() if self._in_flight(fate, now)}
        self._active = still | {key: fate for key, fate in self._active.items() if not fate.over}
        return not still

    def underway(self, now: datetime) -> int:
        """How many wait for their first word: the lead of the publisher."""
        return sum(self._in_flight(fate, now) for fate in self._active.values())

    def _in_flight(self, fate: Fate, now: datetime) -> bool:
        return fate.in_flight(now, self._rosters.get(fate.clinic_id))

    def next_due(self, now: datetime) -> datetime | None:
        """The next moment at which something is due: an opening, or the end of a clock that runs."""
        moments = [
            moment
            for fate in self._active.values()
            if (moment := fate.opens_at if fate.status == "deferred" else fate.due_at if fate.waits else None)
            and moment > now
        ]
        return min(moments, default=None)

    def complete(self, now: datetime) -> bool:
        """Whether everything that is to come has come."""
        return (
            self.quiet(now)
            and all(fate.over for fate in self.fates.values())
            and all(
                sorted(fate.statuses) == list(range(1, len(fate.statuses) + 1)) and fate.entries
                for fate in self.fates.values()
                if fate.accepted or fate.refused
            )
            and all(statuses & {"registered", "refused"} for statuses in self.complaints.values())
            and self.dead_expected.keys() <= self.dead.keys()
        )

    # ------------------------------------------------------------ the judgement

    def drifted(self, what: str) -> None:
        """Take a difference between the services' stores, by a line that names it."""
        self._find("drift", what)

    def not_taken(self, what: str) -> None:
        """Take something that was done at the desk and that it did not take, by a line that says so."""
        self._find("lost", what)

    def decided(self) -> dict[str, Fate]:
        """The requests that were decided on."""
        return {name: fate for name, fate in self.fates.items() if fate.first is not None}

    def at_the_desk(self, done: Mapping[str, int], unsent: int, apart: Iterable[str]) -> None:
        """Take what people did there, how much of it was not sent, and what the desk shows otherwise than was said."""
        self.desk, self.desk_unsent = Counter(done), unsent
        for each in apart:
            self._find("drift", each)
        if unsent:
            self._find("lost", f"{unsent} of what was done at the desk was not sent")

    def _find(self, kind: Kind, what: str) -> None:
        self._findings.append(Finding(kind, what))

    def findings(self) -> list[Finding]:
        found = list(self._findings)
        for fate in self.fates.values():
            found.extend(judge(fate))
        for (clinic_id, day), page in self._pages.items():
            found.extend(Finding("lost", f"{clinic_id} on {day} has no number {number}") for number in missing(page))
            found.extend(
                Finding("doubled", f"number {number} of {clinic_id} on {day} was given twice") for number in twice(page)
            )
        found.extend(unkept(fate.window for fate in self.fates.values() if fate.window is not None))
        for complaint_id, statuses in self.complaints.items():
            expected = self.complaints_expected[complaint_id]
            if expected not in statuses:
                found.append(Finding("lost", f"complaint {complaint_id} was not {expected}"))
            elif expected == "refused" and "registered" in statuses:
                found.append(Finding("lost", f"complaint {complaint_id} had to be refused, and was registered before"))
        found.extend(dead_letters(self.dead_expected, self.dead))
        return found

    def summary(self, seconds: float) -> Summary:
        fates = list(self.fates.values())
        first = Counter(fate.first for fate in fates)
        kinds = Counter(finding.kind for finding in self.findings())
        answered = [fate for fate in fates if fate.answered]
        late = [fate for fate in answered if fate.missed or fate.on_time is False]
        waits = sorted(fate.told_at - fate.sent_at for fate in fates if fate.told_at is not None)
        return Summary(
            requests=first["accepted"] + first["deferred"] + first["refused"],
            accepted=first["accepted"],
            deferred=first["deferred"],
            refused=first["refused"],
            answered=len(answered),
            on_time=len(answered) - len(late),
            missed=sum(fate.missed or fate.on_time is False for fate in fates),
            lost=kinds["lost"],
            doubled=kinds["doubled"],
            unanswered=kinds["unanswered"],
            complaints=sum("registered" in statuses for statuses in self.complaints.values()),
            p50_ms=percentile(waits, 0.50),
            p99_ms=percentile(waits, 0.99),
            seconds=round(seconds, 1),
            drift=kinds["drift"],
            desk_actions=self.desk.total(),
            desk_unsent=self.desk_unsent,
        )
