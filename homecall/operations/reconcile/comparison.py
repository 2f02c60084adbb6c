"""Where the stores of intake, scheduler and notifier contradict one another about a clinic's day. Pure.

Each service is right by itself: what is stored, it has decided. What one has said, another must have taken up; what
differs after the settling age was lost on the way, or changed by hand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final

from homecall.operations.reconcile.differences import Counts, Difference, Facts, Judged
from homecall.operations.terminal import counted
from homecall.runtime.engine.decision import replace
from homecall.runtime.mongo.aggregate import Aggregate
from services.intake.domain.state import RequestState, awaits_number, awaits_successor, rests
from services.notifier.domain.state import Call as Told
from services.notifier.domain.state import Visit as ToldVisit
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.state import CallState, Promise, day_key, is_pending

_FINISHED: Final = frozenset({"completed", "not_completed"})


def judge(clinics: Iterable[str], on: date, facts: Facts, settled_before: datetime) -> list[Judged]:
    """Compare the stores for these clinics' day. What changed after ``settled_before`` is on its way: not judged."""
    judging = _Judging(on.isoformat(), facts, settled_before)
    for request_id in sorted({request_id for _, request_id in facts.here}):
        judging.request(request_id)
    for clinic_id in clinics:
        judging.page(clinic_id)
        judging.bookings(clinic_id)
    return [judging.judged(clinic_id) for clinic_id in clinics]


@dataclass(eq=False)
class _Judging:
    on: str
    facts: Facts
    settled_before: datetime
    counts: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    found: dict[str, list[Difference]] = field(default_factory=lambda: defaultdict(list))

    def judged(self, clinic_id: str) -> Judged:
        return Judged(clinic_id, self.on, self.counts[clinic_id], tuple(self.found[clinic_id]))

    # ------------------------------------------------------------ one request

    def request(self, request_id: str) -> None:
        """Judge a request whose day this is; of another day's, only its booking here is judged."""
        facts = self.facts
        request = _state(facts.requests, request_id)
        told, call = _state(facts.told, request_id), _state(facts.calls, request_id)
        here = {each for each in ("intake", "notifier", "scheduler") if (each, request_id) in facts.here}
        if request is not None:
            # One whose date could not be read has no day in intake: it is refused, and the register's day holds.
            if "intake" not in here and not (request.status == "refused" and "notifier" in here):
                return
            clinic_id = request.clinic_id
        elif told is not None:
            if "notifier" not in here:
                return
            clinic_id = told.clinic_id
        else:
            assert call is not None
            clinic_id = call.clinic_id
        self._count(clinic_id, request, told, call)
        if not self._settled(request_id, call):
            self.counts[clinic_id].settling += 1
            return
        for kind, store, detail in self._differences(request_id, request, told, call):
            self.found[clinic_id].append(Difference(kind, clinic_id, self.on, store, detail, request_id))

    def _count(self, clinic_id: str, request: RequestState | None, told: Told | None, call: CallState | None) -> None:
        counts = self.counts[clinic_id]
        if request is not None:
            counts.requests += 1
            counts.accepted += request.register_date is not None
            counts.withdrawn += request.status == "cancelled" and request.handed_on is None
            counts.transferred += request.handed_on is not None
        if told is not None:
            counts.entries += told.revision > 0
            counts.statuses += told.sequence > 0
        if call is not None:
            counts.booked += call.status == "booked"
            counts.waiting += call.status == "waiting"
            counts.closed += call.status == "closed"

    def _settled(self, request_id: str, call: CallState | None) -> bool:
        """Whether nothing about the request is on its way any more."""
        kept = (self.facts.requests, self.facts.told, self.facts.calls)
        stored = [each[request_id].changed_at for each in kept if request_id in each]
        if any(moment is not None and moment > self.settled_before for moment in stored):
            return False
        # A day that is being settled is stored before its calls are.
        return call is None or not self._being_settled(day_key(call.clinic_id, call.day))

    def _being_settled(self, key: str) -> bool:
        day = self.facts.days.get(key)
        if day is None or day.dirty is None:
            return False
        return day.changed_at is not None and day.changed_at > self.settled_before

    def _differences(
        self, request_id: str, request: RequestState | None, told: Told | None, call: CallState | None
    ) -> Iterator[tuple[str, str, str]]:
        yield from self._left_over(request_id)
        if request is None:
            if told is not None:
                stands = f"has the status {told.status or 'none'}; intake knows it not"
                yield "entry_without_request", "notifier", stands
            if call is not None:
                yield "call_without_request", "scheduler", f"is {call.status}; intake does not know it"
            return
        if rests(request):
            # Only its page has its number; if that lost it, what was told of it.
            given = self._on_page(request) or (told.register_number if told is not None else None)
            request = request if given is None else replace(request, register_number=given, pending=[])
        if awaits_number(request):
            yield "unfinished", "intake", "is accepted, and has waited for its number"
            return
        if awaits_successor(request):
            yield "unfinished", "intake", "was handed on, and has waited for the request that goes on with it"
            return
        yield from self._handed_on(request, told)
        if request.register_date is None:
            yield from _not_entered(request, told, call)
            return
        yield from self._numbered(request)
        yield from _entered(request, told)
        yield from self._placed(request, told, call)

    def _handed_on(self, request: RequestState, told: Told | None) -> Iterator[tuple[str, str, str]]:
        there = request.handed_on
        if there is None:
            return
        if _state(self.facts.requests, there.request_id) is None:
            yield (
                "successor_missing",
                "intake",
                f"was handed on to {there.clinic_id} as {there.request_id}, unknown here",
            )
        if told is not None and told.outcome == "withdrawn":
            yield "outcome_differs", "notifier", "was handed on, and its entry says withdrawn"

    def _left_over(self, request_id: str) -> Iterator[tuple[str, str, str]]:
        stores: dict[str, Mapping[str, Aggregate[Any]]] = {
            "intake": self.facts.requests,
            "scheduler": self.facts.calls,
            "notifier": self.facts.told,
        }
        for store, kept in stores.items():
            aggregate = kept.get(request_id)
            if aggregate is not None and aggregate.outbox:
                outcomes = counted(len(aggregate.outbox), "outcome")
                yield "unsent", store, f"{outcomes} stored and not known to have been sent"
        call = _state(self.facts.calls, request_id)
        if call is not None and is_pending(call):
            yield "unfinished", "scheduler", "waits for something to be done in its day"

    def _numbered(self, request: RequestState) -> Iterator[tuple[str, str, str]]:
        number = self._on_page(request)
        if number is None:
            yield "number_missing", "intake", f"was given {request.register_number}, and the page has no number for it"
        elif number != request.register_number:
            yield "number_differs", "intake", f"was given {request.register_number}, and the page says {number}"

    def _on_page(self, request: RequestState) -> int | None:
        page = self.facts.pages.get(f"{request.clinic_id}|{request.register_date}")
        return page.numbers.get(request.request_id) if page is not None else None

    def _placed(
        self, request: RequestState, told: Told | None, call: CallState | None
    ) -> Iterator[tuple[str, str, str]]:
        if call is None:
            if request.status == "accepted" or told is None or told.status not in {"withdrawn", *_FINISHED}:
                yield "call_missing", "scheduler", "accepted, and neither booked nor waiting nor withdrawn nor closed"
            elif request.status == "closed":
                yield "call_missing", "scheduler", "closed by intake, and scheduler has no call"
            return
        if request.status == "cancelled" and call.status in {"booked", "waiting"}:
            yield "withdrawal_missing", "scheduler", f"was withdrawn, and its call is {call.status}"
            return
        if request.status != "cancelled" and call.status == "cancelled":
            yield "withdrawal_missing", "intake", f"is {request.status}, and its call was withdrawn"
            return
        if (request.status == "closed") != (call.status == "closed") and request.status != "cancelled":
            late = "intake" if call.status == "closed" else "scheduler"
            yield "closing_missing", late, f"is {request.status} in intake, and {call.status} in scheduler"
        if call.status == "booked":
            yield from self._booked(request, call)
        yield from _told(call, told)

    def _booked(self, request: RequestState, call: CallState) -> Iterator[tuple[str, str, str]]:
        said = call.booking
        day = self.facts.days.get(day_key(call.clinic_id, call.day))
        kept = day.bookings.get(call.request_id) if day is not None else None
        if kept is None:
            yield "booking_missing", "scheduler", f"is booked on {call.day}, and that day has no booking for it"
        elif said is None or said.day != call.day or _place(kept) != _place(said):
            yield "booking_differs", "scheduler", f"was told {_at(said)}, and is booked {_at(kept)}"
        if request.status == "accepted" and str(request.visit_date) != str(call.day):
            yield "visit_date_differs", "intake", f"has the visit on {request.visit_date}, and it is on {call.day}"

    # ------------------------------------------------------------ the page, the day

    def page(self, clinic_id: str) -> None:
        """The register's page: 1, 2, 3… with no gap and no double, and each of an accepted request."""
        page = self.facts.pages.get(f"{clinic_id}|{self.on}")
        if page is None:
            return
        self.counts[clinic_id].numbers += len(page.numbers)

        def find(kind: str, detail: str, request_id: str | None = None) -> None:
            self.found[clinic_id].append(Difference(kind, clinic_id, self.on, "intake", detail, request_id))

        by_number: dict[int, list[str]] = defaultdict(list)
        for request_id, number in page.numbers.items():
            by_number[number].append(request_id)
            request = _state(self.facts.requests, request_id)
            if request is None:
                find("number_without_request", f"has the number {number}; intake does not know it", request_id)
            elif request.clinic_id != clinic_id or str(request.register_date) != self.on:
                stands = f"has the number {number}, and is {request.status} elsewhere"
                find("number_without_request", stands, request_id)
        for number, ids in sorted(by_number.items()):
            for request_id in sorted(ids)[1:]:
                find("number_doubled", f"has the number {number}, and so has {min(ids)}", request_id)
        last = max([page.count, *by_number])
        for before, after in pairwise([0, *sorted(by_number), last + 1]):
            if after > before + 1:
                first, end = before + 1, after - 1
                find("number_gap", f"nobody has number {first if first == end else f'{first} to {end}'}")
        if page.count < last:
            counts = f"the page counts {counted(page.count, 'number')}, and {last} is given"
            find("number_gap", f"{counts}: the next would be doubled")

    def bookings(self, clinic_id: str) -> None:
        """The doctors' day: each booking of a call that is booked there."""
        key = day_key(clinic_id, self.on)
        day = self.facts.days.get(key)
        if day is None:
            return
        self.counts[clinic_id].bookings += len(day.bookings)
        if self._being_settled(key):
            return
        if day.dirty is not None:
            detail = f"the doctors' day is marked to be settled ({day.dirty.reason})"
            self.found[clinic_id].append(Difference("unfinished", clinic_id, self.on, "scheduler", detail))
        for request_id, kept in day.bookings.items():
            call = _state(self.facts.calls, request_id)
            at = _at(kept)
            if call is None:
                kind, detail = "booking_without_call", f"is booked {at}; scheduler has no such call"
            elif not self._settled(request_id, call) or (
                call.status in {"booked", "closed"} and call.day.isoformat() == self.on
            ):
                continue
            elif call.status == "cancelled":
                kind, detail = "booking_of_withdrawn", f"was withdrawn, and is booked {at}"
            else:
                kind, detail = "booking_without_call", f"is booked {at}, and its call is {call.status} on {call.day}"
            self.found[clinic_id].append(Difference(kind, clinic_id, self.on, "scheduler", detail, request_id))


# ---------------------------------------------------------------- what was said of a request


def _not_entered(request: RequestState, told: Told | None, call: CallState | None) -> Iterator[tuple[str, str, str]]:
    """Refused, deferred, held, or withdrawn before its opening: no number, and nothing for the scheduler."""
    if call is not None:
        yield "call_without_request", "scheduler", f"is {request.status} in intake, and {call.status} in scheduler"
    if request.status == "held":
        return
    if request.status == "refused" and (told is None or not told.revision):
        yield "entry_missing", "notifier", "was refused, and the register has no line for it"
    wanted = {"refused": "refused", "deferred": "deferred", "cancelled": "withdrawn"}[request.status]
    yield from _status(told, {wanted}, f"is {request.status}")


def _entered(request: RequestState, told: Told | None) -> Iterator[tuple[str, str, str]]:
    if told is None or not told.revision:
        yield "entry_missing", "notifier", f"has the number {request.register_number}, and the register has no entry"
    elif (str(told.register_date), told.register_number) != (str(request.register_date), request.register_number):
        stands = f"{told.register_number} of {told.register_date}"
        yield "entry_number_differs", "notifier", f"has the number {request.register_number}, and its entry {stands}"
    yield from _status(
        told, {"withdrawn", *_FINISHED} if request.status == "cancelled" else None, f"is {request.status}"
    )


def _status(told: Told | None, wanted: set[str] | None, stands: str) -> Iterator[tuple[str, str, str]]:
    """``wanted`` None: any status but a refusal."""
    if told is None or not told.sequence:
        yield "status_missing", "notifier", f"{stands}, and no status has gone out"
    elif told.status not in wanted if wanted is not None else told.status in {"refused", "deferred", "withdrawn"}:
        yield "status_differs", "notifier", f"{stands}, and its status is {told.status}"


def _told(call: CallState, told: Told | None) -> Iterator[tuple[str, str, str]]:
    """Whether the place, the want of one, or the end was told as the scheduler has it."""
    if told is None or not told.sequence or told.status in {"refused", "withdrawn"}:
        return  # said before
    if call.status == "closed":
        if told.status not in _FINISHED:
            yield "status_missing", "notifier", f"ended as {call.outcome}, and its status is {told.status}"
        elif told.outcome != call.outcome:
            yield "outcome_differs", "notifier", f"ended as {call.outcome}, and its entry says {told.outcome}"
    elif call.status == "booked":
        said = call.booking
        if told.visit is None:
            yield "status_missing", "notifier", f"is booked {_at(said)}, and its status is {told.status}"
        elif _place(told.visit) != _place(said):
            yield "status_differs", "notifier", f"is booked {_at(said)}, and was told {_at(told.visit)}"
    elif call.status == "waiting" and call.unplaced_since is not None:
        if told.visit is not None:
            yield "status_differs", "notifier", f"waits for a place, and was told {_at(told.visit)}"
        elif told.status != "delayed":
            yield "status_missing", "notifier", f"waits for a place, and its status is {told.status}"


def _state(kept: Mapping[str, Aggregate[Any]], request_id: str) -> Any:
    """The state; None as well where only something is parked, or nothing is known."""
    found = kept.get(request_id)
    return None if found is None else found.state


Visit = BookedVisit | Promise | ToldVisit
"""A visit as the doctors' day has it, as the scheduler has promised it, and as the patient was told."""


def _place(visit: Visit | None) -> tuple[Any, ...] | None:
    return None if visit is None else (visit.arrives_from, visit.arrives_to, visit.doctor.doctor_id)


def _at(visit: Visit | None) -> str:
    return "nowhere" if visit is None else f"at {visit.arrives_from:%Y-%m-%d %H:%M}"
