"""The wait to hand in the documents (C4.2): met or missed when intake hears of it."""

from datetime import timedelta
from typing import Any

import pytest

from homecall.runtime.engine.decision import Ended, Measure, Took
from tests.unit.intake.office import Office, decide, submitted
from tests.unit.standard.local_times import at


@pytest.mark.parametrize(
    ("channel", "queued", "outcome"),
    [
        ("desk", "Fri 2026-11-20 11:55", "met"),
        ("desk", "Fri 2026-11-20 11:50", "met"),
        ("desk", "Fri 2026-11-20 11:49:59", "missed"),
        ("phone", "Fri 2026-11-20 11:40", "missed"),
    ],
)
def test_c4_2_at_most_ten_minutes_in_the_queue(channel: str, queued: str, outcome: Any) -> None:
    decision = decide(submitted("Fri 2026-11-20 12:00", channel, queued_at=at(queued).isoformat()))
    assert [each for each in decision.measures if isinstance(each, Ended)] == [Ended("queue", channel, outcome)]
    waits = [each for each in decision.measures if isinstance(each, Took) and each.stage == "queue"]
    assert [each.seconds for each in waits] == [(at("Fri 2026-11-20 12:00") - at(queued)).total_seconds()]
    if outcome == "met":
        assert decision.says == []
        return
    (say,) = decision.says
    event: Any = say.data
    assert (event.TYPE, event.deadline, event.subject_kind, event.stage) == (
        "deadline.missed",
        "queue",
        "request",
        "submitted",
    )
    assert (event.started_at, event.limit_seconds) == (at(queued), 600)
    assert say.time == event.due_at.isoformat()


@pytest.mark.parametrize(
    ("channel", "over"),
    [("desk", {}), ("portal", {"queued_at": "2026-11-20T11:00:00+05:00"})],
)
def test_no_queue_to_measure(channel: str, over: dict[str, Any]) -> None:
    measures: list[Measure] = list(decide(submitted("Fri 2026-11-20 12:00", channel, **over)).measures)
    assert [
        each for each in measures if isinstance(each, Ended) or (isinstance(each, Took) and each.stage == "queue")
    ] == []


@pytest.mark.parametrize(
    ("when", "over"),
    [
        ("Fri 2026-11-20 19:00", {}),
        ("Fri 2026-11-20 12:00", {"clinic_id": "nowhere-1"}),
        ("Fri 2026-11-20 12:00", {"reasons": ["boredom"]}),
        ("Fri 2026-11-20 12:00", {"patient": {"iin": "850715100001"}}),
    ],
    ids=["hours", "clinic", "codes", "schema"],
)
@pytest.mark.parametrize(("minutes", "outcome"), [(10, "met"), (11, "missed")])
def test_c4_2_who_is_refused_has_waited_too(when: str, over: dict[str, Any], minutes: int, outcome: Any) -> None:
    queued = at(when) - timedelta(minutes=minutes)
    decision = decide(submitted(when, "desk", queued_at=queued.isoformat(), **over))
    assert Ended("queue", "desk", outcome) in decision.measures
    said = [each.data.TYPE for each in decision.says]
    assert said == ["request.refused", *(["deadline.missed"] if outcome == "missed" else [])]


@pytest.mark.parametrize("over", [{"submitted_at": "noon"}, {"queued_at": "2026-11-20T12:01:00+05:00"}])
def test_no_wait_is_made_up_where_it_cannot_be_read(over: dict[str, Any]) -> None:
    asked = {"queued_at": at("Fri 2026-11-20 11:00").isoformat(), "patient": {"iin": "850715100001"}} | over
    decision = decide(submitted("Fri 2026-11-20 12:00", "desk", **asked))
    assert [each.data.TYPE for each in decision.says] == ["request.refused"]
    assert not [each for each in decision.measures if isinstance(each, Ended)]


async def test_a_missed_queue_is_said_with_the_acceptance_and_again_on_replay() -> None:
    office = await Office().prepared()
    late = submitted("Fri 2026-11-20 12:00", queued_at=at("Fri 2026-11-20 11:00").isoformat())
    first = await office.hear(late)
    assert [each.type for each in first] == ["deadline.missed", "request.accepted"]
    assert await office.hear(late) == first
