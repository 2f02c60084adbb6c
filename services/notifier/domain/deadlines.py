"""The deadlines of a call: the answer's (C4.1, C4.4) and the service's (C4.3), and what of them is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from homecall.contract.events import DeadlineName, RequestEvent
from homecall.standard.calendar import ClinicCalendar
from homecall.standard.deadlines import Clock, earliest, near_at, next_notice_at, service_clock
from homecall.standard.rules import RuleSet
from homecall.standard.stated_times import SERVICE_TIME_IMPLAUSIBLE, implausible_times
from services.notifier.domain.state import Call

_SHARE: Final = 0.8
"""When the answer's time is near, where no law covers the date (R18)."""


def answer_clock(
    channel: str, started_at: datetime, due_at: datetime, rules: RuleSet | None, calendar: ClinicCalendar | None
) -> Clock:
    """The time to the answer, as intake has said it (C4.1, C4.4, R6)."""
    share = _SHARE if rules is None else rules.approaching.share
    near = near_at(started_at, due_at, share, calendar)
    return Clock("answer", channel, started_at, due_at, max(0, int(seconds(started_at, due_at))), near)


def service_clock_of(
    data: RequestEvent, rules: RuleSet | None, calendar: ClinicCalendar | None, heard_at: datetime
) -> Clock | None:
    """The time of being served (C4.3); none through the portal, or where its start is not known or cannot be (R21)."""
    started_at = data.service_started_at
    if data.channel is None or started_at is None or rules is None or SERVICE_TIME_IMPLAUSIBLE in data.flags:
        return None
    if data.submitted_at is not None and SERVICE_TIME_IMPLAUSIBLE in implausible_times(
        queued_at=data.queued_at,
        service_started_at=started_at,
        submitted_at=data.submitted_at,
        known_by=heard_at,
        tolerance=timedelta(seconds=rules.clock_tolerance.seconds),
    ):
        return None  # an intake of an earlier release did not judge it
    started_at = min(started_at, heard_at)
    return service_clock(channel=data.channel, service_started_at=started_at, rules=rules, calendar=calendar)


def running(call: Call) -> list[Clock]:
    """The deadlines that are watched here, the first due first."""
    clocks = [each.clock(name, call.channel) for name, each in call.clocks.items() if not each.held]
    return sorted(clocks, key=lambda each: each.due_at.astimezone(UTC))


def timer_at(call: Call) -> datetime | None:
    """When a deadline of this call next has something to say."""
    return earliest(map(next_notice_at, running(call)))


def open_since(call: Call, deadline: DeadlineName) -> datetime | None:
    """When the clock of a deadline that is not answered yet started."""
    clock = call.clocks.get(deadline)
    return clock.started_at if clock else None


Waits = Literal["decision", "schedule", "place", "clinic"]
"""What an open answer waits for: intake's decision, the scheduler's, a place in a doctor's day, or the clinic's staff,
who give it aloud. The first three do not come without the system, or somebody who helps it."""


def answer_waits(call: Call) -> tuple[datetime, datetime, Waits] | None:
    """Of an answer that is open: when half of its time is used, when all of it is, and what it waits for."""
    clock = call.clocks.get("answer")
    if clock is None:
        return None
    started_at = clock.started_at.astimezone(UTC)
    half = started_at + (clock.due_at.astimezone(UTC) - started_at) / 2
    if clock.held:
        return half, clock.due_at, "decision"
    if call.visit is not None:
        return half, clock.due_at, "clinic"
    return half, clock.due_at, "place" if call.unplaced else "schedule"


def seconds(start: datetime, end: datetime) -> float:
    """Elapsed time between two moments, whatever their zones."""
    return (end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(seconds=1)
