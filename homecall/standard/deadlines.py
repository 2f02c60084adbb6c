"""The five clocks: queue, service, answer, visit and complaint (C4.1 to C4.4, C10.4, C10.8, R13), and R18."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from homecall.contract.events import DeadlineApproaching, DeadlineMissed, DeadlineName
from homecall.standard.calendar import ClinicCalendar, after
from homecall.standard.complaints import Term
from homecall.standard.rules import ClinicLimits, Limit, NotCoveredError, RuleSet, Week

Verdict = Literal["met", "missed"]
Notice = Literal["approaching", "missed"]

_BEFORE_CLOSING = timedelta(minutes=30)
"""The latest warning of a term in working days comes this long before closing: somebody must still be there to act."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What holds for every deadline of one kind."""

    subject: Literal["request", "complaint"]
    clause: str
    label: tuple[str, str, str]
    """How letters name it, in kk, ru and en."""
    counted_by: Mapping[str, tuple[str, ...]]
    """The services that count its outcomes, and for which channels."""
    clause_where: Mapping[str, str] = field(default_factory=dict)
    """The clause for a channel or a complaint's stage that has its own."""


KINDS: Final[Mapping[DeadlineName, Kind]] = {
    "queue": Kind(
        "request",
        "C4.2",
        ("кезекте күту", "ожидание в очереди", "waiting in the queue"),
        counted_by={"intake": ("desk", "phone")},
    ),
    "answer": Kind(
        "request",
        "C4.1",
        ("өтінішке жауап", "ответ на заявку", "the answer to the request"),
        # Intake counts those that it has to hold: only a portal request has a signature to wait for.
        counted_by={"notifier": ("desk", "phone", "portal"), "intake": ("portal",)},
        clause_where={"portal": "C4.4"},
    ),
    "service": Kind(
        "request",
        "C4.3",
        ("қызмет көрсету", "обслуживание", "being served"),
        counted_by={"notifier": ("desk", "phone")},
    ),
    "visit": Kind(
        "request",
        "R13",
        ("дәрігердің келуі", "визит врача", "the doctor's visit"),
        counted_by={"scheduler": ("desk", "phone", "portal")},
    ),
    "complaint": Kind(
        "complaint",
        "C10.4",
        ("шағымға жауап", "ответ на жалобу", "the answer to the complaint"),
        counted_by={"complaints": ("post", "in_person", "portal")},
        clause_where={"quality_authority": "C10.8"},
    ),
}
"""The kinds of deadlines. A new one begins in `homecall.contract.events.deadlines`, and is added here."""


def clause_of(name: DeadlineName, where: str | None) -> str:
    """The clause that sets a deadline; ``where`` is the request's channel, or the complaint's stage."""
    kind = KINDS[name]
    return kind.clause_where.get(where or "", kind.clause)


def counted_by(service: str) -> dict[DeadlineName, tuple[str, ...]]:
    """The deadlines whose outcomes a service counts, with their channels."""
    return {name: kind.counted_by[service] for name, kind in KINDS.items() if service in kind.counted_by}


@dataclass(frozen=True, slots=True)
class Clock:
    """A running deadline: its kind, its times, and the notices already sent."""

    deadline: DeadlineName
    channel: str
    started_at: datetime
    due_at: datetime
    limit_seconds: int
    approaching_at: datetime
    said: Notice | None = None
    """The last notice that was sent."""

    def verdict(self, ended_at: datetime) -> Verdict:
        """``met`` when it ended at the due time at the latest ("at most"), else ``missed``."""
        return "met" if ended_at.astimezone(UTC) <= self.due_at else "missed"

    def notice_at(self, notice: Notice) -> datetime:
        """When a notice is due."""
        return self.due_at if notice == "missed" else self.approaching_at


# ---------------------------------------------------------------- near and missed


def due_notice(clock: Clock, now: datetime) -> Notice | None:
    """The notice that is due now, each once: near (R18), or missed. If both are due, only missed (R14)."""
    if clock.said != "missed" and clock.due_at <= now:
        return "missed"
    if clock.said is None and clock.approaching_at <= now:
        return "approaching"
    return None


def next_notice(clock: Clock) -> tuple[Notice, datetime] | None:
    """The next notice, and when it is due; None if there is no further one."""
    match clock.said:
        case None:
            return "approaching", clock.approaching_at
        case "approaching":
            return "missed", clock.due_at
        case "missed":
            return None


def next_notice_at(clock: Clock) -> datetime | None:
    """When something is to be said of a deadline next; None when all has been said."""
    notice = next_notice(clock)
    return notice and notice[1]


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of those moments that are set. Compared in UTC: two of one zone are compared by their clocks."""
    found = [each for each in moments if each is not None]
    return min(found, key=lambda each: each.astimezone(UTC), default=None)


def deadline_event(
    notice: Notice, clock: Clock, *, subject_id: str, clinic_id: str, stage: str
) -> DeadlineApproaching | DeadlineMissed:
    """The event of a notice. ``stage`` is where the request or complaint stands."""
    model = DeadlineMissed if notice == "missed" else DeadlineApproaching
    return model(
        subject_kind=KINDS[clock.deadline].subject,
        subject_id=subject_id,
        clinic_id=clinic_id,
        deadline=clock.deadline,
        channel=clock.channel,
        started_at=clock.started_at,
        due_at=clock.due_at,
        limit_seconds=clock.limit_seconds,
        stage=stage,
    )


# ---------------------------------------------------------------- when a term is near its end (R18)


def near_at(
    started_at: datetime,
    due_at: datetime,
    share: float,
    calendar: ClinicCalendar | None = None,
    *,
    in_working_days: Week | None = None,
) -> datetime:
    """When a term is near its end: after ``share`` of the time in which the clinic is open (R18).

    So the moment lies in working hours, from ``started_at`` on and before ``due_at``. With ``in_working_days``, the
    week of a term in working days, it also lies on an earlier working day than ``due_at``, where the term has one.
    Without a calendar, or if the clinic is never open during the term, the share is of elapsed time.
    """
    span = due_at.astimezone(UTC) - started_at.astimezone(UTC)
    if span <= timedelta(0):
        # A clock that was due before it started is near at once.
        return due_at
    spans = _open_spans(started_at, due_at, calendar)
    if calendar is None or not spans:
        return after(started_at, span * share, calendar.zone if calendar else None)
    near = _after_working_time(spans, share)
    if in_working_days is not None:
        latest = _a_working_day_before(started_at, due_at, calendar, in_working_days)
        if latest is not None and latest.astimezone(UTC) < near:
            near = max(latest, spans[0][0], key=lambda each: each.astimezone(UTC))
    return near.astimezone(calendar.zone)


_Spans = list[tuple[datetime, datetime]]


def _open_spans(started_at: datetime, due_at: datetime, calendar: ClinicCalendar | None) -> _Spans:
    """In UTC, where differences are elapsed time."""
    if calendar is None:
        return []
    try:
        found = calendar.open_spans(started_at, due_at)
        return [(opens.astimezone(UTC), closes.astimezone(UTC)) for opens, closes in found]
    except NotCoveredError:
        return []


def _after_working_time(spans: _Spans, share: float) -> datetime:
    """The moment at which this share of the open time has passed. At a closing it is the next opening."""
    left = sum((closes - opens for opens, closes in spans), timedelta(0)) * share
    for opens, closes in spans:
        if left < closes - opens:
            return opens + left
        left -= closes - opens
    # Only rounding comes here: a share is less than the whole.
    return spans[-1][1] - timedelta(microseconds=1)


def _a_working_day_before(
    started_at: datetime, due_at: datetime, calendar: ClinicCalendar, week: Week
) -> datetime | None:
    """The latest warning: on the working day before the last one, half an hour before it closes, and no later in the
    day than the term's end. None where the term has no such day.
    """
    due_at = due_at.astimezone(UTC).astimezone(calendar.zone)
    since = started_at.astimezone(UTC).astimezone(calendar.zone)
    day = calendar.last_working_day_before(due_at.date(), since.date(), week)
    if day is None or day.opens_at is None or day.closes_at is None:
        return None
    opens, closes = day.opens_at.astimezone(UTC), day.closes_at.astimezone(UTC)
    same_clock = due_at.replace(year=day.date.year, month=day.date.month, day=day.date.day).astimezone(UTC)
    return max(opens, min(same_clock, closes - _BEFORE_CLOSING))


# ---------------------------------------------------------------- the clocks


def queue_clock(*, channel: str, queued_at: datetime, rules: RuleSet) -> Clock | None:
    """The wait to hand in the documents, from ``queued_at`` to ``submitted_at`` (C4.2); none for the portal."""
    limit = _clinic_limit(rules.limits.queue, channel)
    return _limited("queue", channel, queued_at, limit, rules, None) if limit else None


def service_clock(
    *, channel: str, service_started_at: datetime, rules: RuleSet, calendar: ClinicCalendar | None = None
) -> Clock | None:
    """Being served, from ``service_started_at`` to the answer (C4.3); none for the portal."""
    limit = _clinic_limit(rules.limits.service, channel)
    return _limited("service", channel, service_started_at, limit, rules, calendar) if limit else None


def answer_clock(
    *, channel: str, clock_starts_at: datetime, rules: RuleSet, calendar: ClinicCalendar | None = None
) -> Clock:
    """To the result: from ``submitted_at``, or from the opening when deferred (C4.1, C4.4, R6)."""
    return _limited("answer", channel, clock_starts_at, rules.answer_limit(channel), rules, calendar)


def visit_clock(
    *, channel: str, accepted_at: datetime, visit_date: date, calendar: ClinicCalendar, rules: RuleSet
) -> Clock:
    """The visit: from acceptance to closing time on the visit date (R13).

    Where the clinic has since closed that date: to closing time of its next open day.
    """
    return _until("visit", channel, accepted_at, calendar.closing_on(visit_date), rules, calendar)


def complaint_clock(*, channel: str, term: Term, rules: RuleSet, calendar: ClinicCalendar | None) -> Clock:
    """The answer to a complaint: from its registration to closing time on the term's last day (C10.4, C10.8, R9)."""
    clock = _until("complaint", channel, term.registered_at, term.answer_due_at, rules, calendar)
    share = rules.approaching.share
    near = near_at(term.registered_at, term.answer_due_at, share, calendar, in_working_days=term.week)
    return replace(clock, approaching_at=near)


def _clinic_limit(limits: ClinicLimits, channel: str) -> Limit | None:
    return {"desk": limits.desk, "phone": limits.phone}.get(channel)


def _limited(
    deadline: DeadlineName,
    channel: str,
    started_at: datetime,
    limit: Limit,
    rules: RuleSet,
    calendar: ClinicCalendar | None,
) -> Clock:
    due_at = after(started_at, timedelta(seconds=limit.seconds), calendar.zone if calendar else None)
    return _until(deadline, channel, started_at, due_at, rules, calendar)


def _until(
    deadline: DeadlineName,
    channel: str,
    started_at: datetime,
    due_at: datetime,
    rules: RuleSet,
    calendar: ClinicCalendar | None,
) -> Clock:
    span = due_at.astimezone(UTC) - started_at.astimezone(UTC)
    return Clock(
        deadline=deadline,
        channel=channel,
        started_at=after(started_at, timedelta(0), calendar.zone if calendar else None),
        due_at=due_at,
        limit_seconds=max(0, int(span.total_seconds())),
        approaching_at=near_at(started_at, due_at, rules.approaching.share, calendar),
    )
