"""Near and missed are decided once, for every kind of deadline (R14, R18)."""

from dataclasses import replace
from datetime import datetime

import pytest

from homecall.contract.events import DeadlineApproaching, DeadlineMissed
from homecall.standard.deadlines import KINDS, Clock, Notice, deadline_event, due_notice, next_notice

STARTED, NEAR, DUE = (datetime.fromisoformat(f"2026-11-23T09:{minute}:00+05:00") for minute in ("00", "24", "30"))
CLOCK = Clock("answer", "portal", STARTED, DUE, 1800, NEAR)
REQUEST = "0e6f2f0e-3d6a-4d2b-9c9e-6b1f3a2c4d5e"


@pytest.mark.parametrize(
    ("said", "at", "notice"),
    [
        (None, "09:23:59", None),
        (None, "09:24:00", "approaching"),
        (None, "09:30:00", "missed"),
        ("approaching", "09:24:00", None),
        ("approaching", "09:30:00", "missed"),
        ("missed", "09:24:00", None),
        ("missed", "12:00:00", None),
    ],
)
def test_each_notice_is_due_once_and_missed_wins(said: Notice | None, at: str, notice: Notice | None) -> None:
    now = datetime.fromisoformat(f"2026-11-23T{at}+05:00")
    assert due_notice(replace(CLOCK, said=said), now) == notice


def test_near_is_followed_by_missed_and_then_by_nothing() -> None:
    assert next_notice(CLOCK) == ("approaching", NEAR)
    assert next_notice(replace(CLOCK, said="approaching")) == ("missed", DUE)
    assert next_notice(replace(CLOCK, said="missed")) is None


@pytest.mark.parametrize(("notice", "model"), [("approaching", DeadlineApproaching), ("missed", DeadlineMissed)])
@pytest.mark.parametrize("name", KINDS)
def test_the_event_carries_the_deadline_as_it_runs(
    name: str, notice: Notice, model: type[DeadlineApproaching | DeadlineMissed]
) -> None:
    clock = replace(CLOCK, deadline=name)
    event = deadline_event(notice, clock, subject_id=REQUEST, clinic_id="almaty-7", stage="registered")
    assert type(event) is model
    assert (event.deadline, event.subject_kind) == (name, "complaint" if name == "complaint" else "request")
    assert (event.started_at, event.due_at, event.limit_seconds) == (STARTED, DUE, 1800)
