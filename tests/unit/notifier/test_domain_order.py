"""Whatever order the topics come in, and however often: no gap, never back, the same end, counted once."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.types import Event
from tests.unit.notifier.calls import (
    CLINIC,
    CONFIRMING,
    Told,
    accepted,
    answer,
    at,
    cancelled,
    closed,
    deferred,
    refused,
    rescheduled,
    scheduled,
    unplaced,
    visit_cancelled,
)

Topics = tuple[list[Event], list[Event], list[Event]]
"""What intake, scheduler and clinic say, each in its own order."""

MUCH_LATER = at("30 12:00:00")


@st.composite
def lives(draw: st.DrawFn) -> Topics:
    intake: list[Event] = draw(
        st.sampled_from([[], [deferred()], [deferred(), deferred("09:00:00", "09:30:00")]]), label="deferrals"
    )
    answers: list[Event] = draw(st.sampled_from([[], [answer()], [answer(), answer("09:25:00")]]), label="answers")
    end = draw(st.sampled_from(["refused", "withdrawn before", "accepted", "withdrawn"]), label="intake's decision")
    channel = draw(st.sampled_from(["desk", "phone", "portal"]), label="channel")
    if end == "refused":
        return [*intake, refused(channel)], [], answers
    if end == "withdrawn before":
        return [*(intake or [deferred()]), cancelled()], [], answers
    intake = [*intake, accepted(channel, service_started_at=at("08:58:00"))]
    visits: list[Event] = []
    told = False
    for kind in draw(st.lists(st.sampled_from(["placed", "unplaced"]), max_size=4), label="places"):
        revision = len(visits) + 1
        visits.append(unplaced(revision) if kind == "unplaced" else (rescheduled if told else scheduled)(revision))
        told = told or kind == "placed"
    last = draw(st.sampled_from(["open", "served", "not_at_home"]), label="visit's end")
    if end == "withdrawn":
        intake.append(cancelled())
        visits.append(visit_cancelled(len(visits) + 1))
    if last != "open":
        visits.append(closed(len(visits) + 1, last))
    return intake, visits, answers


@st.composite
def interleavings(draw: st.DrawFn, topics: Topics) -> list[Event]:
    """All that the topics hold, each in its own order; any of it may come again, as after a crash."""
    places = [0, 0, 0]
    heard: list[Event] = []
    while any(place < len(topic) for place, topic in zip(places, topics, strict=True)):
        left = [number for number, topic in enumerate(topics) if places[number] < len(topic)]
        number = draw(st.sampled_from(left))
        back = draw(st.integers(0, places[number]))
        heard += topics[number][places[number] - back : places[number] + 1]
        places[number] += 1
    return heard


def followed(events: list[Event], waits: list[int], clinic: Any) -> Told:
    told = Told(clinic=clinic)
    now: datetime = at("09:00:05")
    for event, wait in zip(events, waits, strict=True):
        now += timedelta(seconds=wait)
        told.hear_at(event, now)
        if wait % 2:
            told.tick_at(now)
    told.tick_at(MUCH_LATER)
    return told


@given(data=st.data(), topics=lives(), clinic=st.sampled_from([CLINIC, CONFIRMING]))
def test_any_order_and_any_repetition(data: st.DataObject, topics: Topics, clinic: Any) -> None:
    in_order = [event for topic in topics for event in topic]
    expected = followed(in_order, [0] * len(in_order), clinic)

    events = data.draw(interleavings(topics), label="heard")
    waits = data.draw(st.lists(st.integers(0, 900), min_size=len(events), max_size=len(events)), label="seconds")
    told = followed(events, waits, clinic)

    assert told.parked == []
    statuses = told.statuses
    assert [each.sequence for each in statuses] == list(range(1, len(statuses) + 1))
    assert all(earlier.occurred_at <= later.occurred_at for earlier, later in pairwise(statuses))
    ends = {expected.statuses[-1].status}
    if "registered" in ends:
        ends.add("delayed")  # of a call that has no visit, only the time at which its answer is heard decides
    assert statuses[-1].status in ends
    assert [each.revision for each in told.entries] == list(range(1, len(told.entries) + 1))
    assert bool(told.entries) == bool(expected.entries)
    if told.entries:
        last, wanted = told.entries[-1], expected.entries[-1]
        assert (last.register_number, last.outcome, last.answered_at) == (
            wanted.register_number,
            wanted.outcome,
            wanted.answered_at,
        )

    said = [(deadline, what) for deadline, what, _ in told.deadlines]
    assert len(said) == len(set(said)), "a deadline was said twice"
    outcomes = dict(told.ended)
    assert len(outcomes) == len(told.ended), "a deadline was counted twice"
    assert {deadline for deadline, outcome in outcomes.items() if outcome == "missed"} == {
        deadline for deadline, what in said if what == "missed"
    }
    if any(each.status in {"registered", "refused"} for each in statuses) and statuses[-1].status != "withdrawn":
        withdrawn = any(each.status == "withdrawn" for each in statuses)
        assert "answer" in outcomes or withdrawn
    assert set(told.took) <= {"answer", "service", "scheduling"}
    assert sum(each.on_time is not None for each in statuses) <= 1


@given(topics=lives(), waits=st.lists(st.integers(0, 900), min_size=12, max_size=12))
def test_replaying_the_whole_log_says_nothing_new(topics: Topics, waits: list[int]) -> None:
    events = [event for topic in topics for event in topic]
    told = followed(events, waits[: len(events)], CLINIC)
    said = len(told.says)
    for event in events:
        told.hear_at(event, MUCH_LATER)
    assert len(told.says) == said
