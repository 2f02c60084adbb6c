"""The time to the answer and the time of being served: said, counted and measured once (C4.1, C4.3, C4.4, R14)."""

from typing import Any

import pytest

from homecall.contract.events import ClinicPublished, DeadlineMissed
from homecall.contract.types import Event
from homecall.standard.rules import RuleSets
from services.notifier.domain.deadlines import answer_waits, open_since, timer_at
from tests.unit.notifier.calls import (
    CLINIC,
    CONFIRMING,
    REQUEST,
    RULES,
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
)

Steps = list[tuple[str, Event | None]]
"""(local time, what is heard; None: the timer)"""


def told_of(steps: Steps, **how: Any) -> Told:
    told = Told(**how)
    for clock, event in steps:
        if event is None:
            told.tick(clock)
        else:
            told.hear(event, clock)
    return told


ACCEPTED = ("09:00:05", accepted())
WARNED = ("answer", "approaching", "09:24:00")
MISSED = ("answer", "missed", "09:30:00")


@pytest.mark.parametrize(
    ("steps", "said", "statuses", "ended"),
    [
        pytest.param([ACCEPTED, ("09:23:59", None)], [], [], [], id="nothing before 80 % of the limit"),
        pytest.param([ACCEPTED, ("09:24:00", None)], [WARNED], [], [], id="near at 80 %"),
        pytest.param([ACCEPTED, ("09:24:01", None), ("09:29:59", None)], [WARNED], [], [], id="near is said once"),
        pytest.param(
            [ACCEPTED, ("09:24:01", None), ("09:30:01", None), ("09:40:00", None), ("23:00:00", None)],
            [WARNED, MISSED],
            ["delayed"],
            [("answer", "missed")],
            id="missed is said and counted once",
        ),
        pytest.param(
            [ACCEPTED, ("09:45:00", None)],
            [MISSED],
            ["delayed"],
            [("answer", "missed")],
            id="nothing is near that is over, where no timer ran (R14)",
        ),
        pytest.param(
            [ACCEPTED, ("09:00:06", unplaced()), ("09:31:00", None)],
            [MISSED],
            ["delayed"],
            [("answer", "missed")],
            id="who was told of a delay is not told of it again",
        ),
        pytest.param(
            [ACCEPTED, ("09:00:06", scheduled()), ("09:45:00", None)],
            [],
            ["scheduled"],
            [("answer", "met")],
            id="answered in time",
        ),
        pytest.param(
            [ACCEPTED, ("09:30:00", scheduled()), ("09:45:00", None)],
            [],
            ["scheduled"],
            [("answer", "met")],
            id="at most 30 minutes: the due time itself is in time",
        ),
        pytest.param(
            [ACCEPTED, ("09:30:01", scheduled()), ("09:45:00", None)],
            [MISSED],
            ["scheduled"],
            [("answer", "missed")],
            id="an answer that overtakes the timer says what was missed",
        ),
        pytest.param(
            [ACCEPTED, ("09:31:00", None), ("09:35:00", scheduled()), ("09:45:00", None)],
            [MISSED],
            ["delayed", "scheduled"],
            [("answer", "missed")],
            id="a late answer is not counted again",
        ),
        pytest.param(
            [ACCEPTED, ("09:20:00", cancelled()), ("09:45:00", None)],
            [],
            ["withdrawn"],
            [],
            id="withdrawn: neither met nor missed",
        ),
        pytest.param(
            [ACCEPTED, ("09:31:00", None), ("09:35:00", cancelled())],
            [MISSED],
            ["delayed", "withdrawn"],
            [("answer", "missed")],
            id="withdrawn after the miss: it stays one",
        ),
        pytest.param(
            [ACCEPTED, ("09:40:00", closed(1, when="09:25:00")), ("09:45:00", None)],
            [],
            ["completed"],
            [("answer", "met")],
            id="who was visited has been answered",
        ),
        pytest.param(
            [ACCEPTED, ("09:02:00", scheduled()), ("09:03:00", unplaced(2)), ("09:45:00", None)],
            [],
            ["scheduled", "delayed"],
            [("answer", "met")],
            id="a place that is taken away opens no clock anew",
        ),
    ],
)
def test_the_portals_thirty_minutes(
    steps: Steps, said: list[tuple[str, str, str]], statuses: list[str], ended: list[tuple[str, str]]
) -> None:
    told = told_of(steps)
    assert told.deadlines == said
    assert [each.status for each in told.statuses] == ["registered", *statuses]
    assert told.ended == ended


def test_what_a_missed_deadline_says() -> None:
    told = told_of([ACCEPTED, ("09:00:06", unplaced()), ("09:31:00", None)])
    [missed] = [say.data for say in told.says if isinstance(say.data, DeadlineMissed)]
    assert missed.model_dump(mode="json") == {
        "subject_kind": "request",
        "subject_id": REQUEST,
        "clinic_id": "samal-3",
        "deadline": "answer",
        "channel": "portal",
        "started_at": "2026-11-23T09:00:00+05:00",
        "due_at": "2026-11-23T09:30:00+05:00",
        "limit_seconds": 1800,
        "stage": "unplaced",
    }


@pytest.mark.parametrize(
    ("history", "stage"),
    [
        ([], "registered"),
        ([("09:01:00", unplaced(1))], "unplaced"),
        ([("09:01:00", scheduled(1))], "scheduled"),
        ([("09:01:00", scheduled(1)), ("09:02:00", unplaced(2))], "unplaced"),
    ],
)
def test_where_a_call_stands_when_its_time_is_over(history: Steps, stage: str) -> None:
    told = told_of([("09:00:05", accepted("phone")), *history, ("09:11:00", None)], clinic=CONFIRMING)
    assert [say.data.stage for say in told.says if isinstance(say.data, DeadlineMissed)] == [stage]


def test_a_delay_is_told_as_of_the_due_time() -> None:
    told = told_of([ACCEPTED, ("09:33:00", None)])
    delayed = told.statuses[-1]
    assert (delayed.status, delayed.occurred_at, told.says[-1].time) == (
        "delayed",
        at("09:30:00"),
        "2026-11-23T09:30:00+05:00",
    )


def test_a_request_that_reaches_us_late_is_missed_on_arrival() -> None:
    """R14: said at once by a timer that is due already; told after the registration, whose time does not go back."""
    told = told_of([("10:00:00", accepted())])
    assert told.state is not None
    timer = timer_at(told.state)
    assert timer is not None
    assert timer <= at("10:00:00")
    told.tick("10:00:01")
    assert told.deadlines == [MISSED]
    assert [(each.status, each.occurred_at) for each in told.statuses] == [
        ("registered", at("10:00:00")),
        ("delayed", at("10:00:00")),
    ]
    assert "minutes" not in told.statuses[0].text.en


def test_the_timer_is_the_next_thing_to_say() -> None:
    told = Told()
    moments = []
    for clock, event in [
        ("09:00:05", accepted("desk", service_started_at=at("08:58:00"))),  # service near 9:06, over 9:08
        ("09:06:00", None),
        ("09:08:00", None),  # answer near 9:08, over 9:10
        ("09:10:00", None),
    ]:
        if event is None:
            told.tick(clock)
        else:
            told.hear(event, clock)
        assert told.state is not None
        moments.append(timer_at(told.state))
    assert moments == [at("09:06:00"), at("09:08:00"), at("09:10:00"), None]
    assert told.deadlines == [
        ("service", "approaching", "09:06:00"),
        ("service", "missed", "09:08:00"),
        ("answer", "approaching", "09:08:00"),
        ("answer", "missed", "09:10:00"),
    ]
    assert [each.status for each in told.statuses] == ["registered", "delayed"]


@pytest.mark.parametrize("history", [[], [("22 22:00:00", deferred())], [("09:00:01", refused())]])
def test_no_clock_runs_before_acceptance_or_after_refusal(history: Steps) -> None:
    told = told_of(history)
    if told.state is not None:
        assert timer_at(told.state) is None
        assert told.tick("23:00:00") == []


@pytest.mark.parametrize(
    ("channel", "clinic", "steps", "on_time", "ended", "seconds"),
    [
        # (steps after the acceptance at 9:00:05; due 9:10 by desk and phone, 9:30 through the portal)
        ("portal", None, [("09:05:00", scheduled())], [True], "met", 300),
        ("portal", None, [("09:40:00", scheduled())], [False], "missed", 2400),
        ("desk", None, [("09:05:00", scheduled())], [True], "met", 300),
        ("desk", None, [("09:10:01", scheduled())], [False], "missed", 601),
        ("desk", None, [("09:11:00", None), ("09:12:00", scheduled())], [False], "missed", 720),
        ("desk", None, [("09:03:00", answer("09:02:00")), ("09:05:00", scheduled())], [True], "met", 300),
        # Where the clinic confirms its oral answers, they are what counts; not through the portal.
        ("portal", CONFIRMING, [("09:05:00", scheduled())], [True], "met", 300),
        ("desk", CONFIRMING, [("09:05:00", scheduled())], [None], None, None),
        ("phone", CONFIRMING, [("09:05:00", scheduled()), ("09:07:00", answer("09:06:00"))], [None], "met", 360),
        ("desk", CONFIRMING, [("09:05:00", scheduled()), ("09:15:00", answer("09:09:00"))], [None], "met", 540),
        ("desk", CONFIRMING, [("09:05:00", scheduled()), ("09:15:00", answer("09:12:00"))], [None], "missed", 720),
        (
            "desk",
            CONFIRMING,
            [("09:05:00", scheduled()), ("09:11:00", None), ("09:15:00", answer("09:09:00"))],
            [None],
            "missed",
            540,
        ),
        ("desk", CONFIRMING, [("09:05:00", answer("09:04:00")), ("09:06:00", scheduled())], [True], "met", 240),
        ("desk", CONFIRMING, [("09:13:00", answer("09:12:00")), ("09:14:00", scheduled())], [False], "missed", 720),
        ("desk", CONFIRMING, [("09:05:00", scheduled()), ("11:30:00", closed(2))], [None], "missed", 8400),
    ],
)
def test_when_the_answer_was_there(
    channel: str, clinic: Any, steps: Steps, on_time: list[bool | None], ended: str | None, seconds: float | None
) -> None:
    told = told_of([("09:00:05", accepted(channel)), *steps], **({"clinic": clinic} if clinic else {}))
    assert [each.on_time for each in told.statuses if each.status == "scheduled"] == on_time
    assert all(each.on_time is None for each in told.statuses if each.status not in {"scheduled", "refused"})
    assert told.ended == ([("answer", ended)] if ended else [])
    assert told.took.get("answer") == seconds


def test_who_was_told_a_time_is_not_told_of_a_delay_for_want_of_confirmation() -> None:
    told = told_of([("09:00:05", accepted("phone")), ("09:05:00", scheduled()), ("09:11:00", None)], clinic=CONFIRMING)
    assert told.deadlines == [("answer", "missed", "09:10:00")]
    assert [each.status for each in told.statuses] == ["registered", "scheduled"]


def test_a_clinic_that_changes_its_mind_does_not_move_a_running_clock() -> None:
    told = told_of([("09:00:05", accepted("desk"))], clinic=CONFIRMING)
    told.clinic = Told().clinic
    told.hear(scheduled(), "09:05:00")
    assert told.ended == []
    told.hear(answer("09:06:00"), "09:06:01")
    assert told.ended == [("answer", "met")]


@pytest.mark.parametrize(
    ("event", "heard", "on_time", "ended", "took"),
    [
        (refused("phone"), "09:00:01", True, [("answer", "met")], {"answer": 1}),
        (refused("phone"), "09:12:00", False, [("answer", "missed")], {"answer": 720}),
        (refused("portal", due_at=at("09:30:00")), "09:12:00", True, [("answer", "met")], {"answer": 720}),
        (
            refused("desk", service_started_at=at("08:58:00")),
            "09:09:00",
            True,
            [("answer", "met"), ("service", "missed")],
            {"answer": 540, "service": 660},
        ),
        # Where intake could not say until when, nothing is held against a limit.
        (refused("phone", due_at=None), "09:12:00", None, [], {}),
        (refused(None), "09:12:00", None, [], {}),
    ],
)
def test_a_refusal_is_an_answer(
    event: Event, heard: str, on_time: bool | None, ended: list[tuple[str, str]], took: dict[str, float]
) -> None:
    told = told_of([(heard, event)])
    assert [each.on_time for each in told.statuses] == [on_time]
    assert told.ended == ended
    assert told.took == took
    assert told.deadlines == [
        (deadline, "missed", {"answer": "09:10:00", "service": "09:08:00"}[deadline])
        for deadline, outcome in ended
        if outcome == "missed"
    ]
    assert all(say.data.stage == "refused" for say in told.says if isinstance(say.data, DeadlineMissed))


def test_a_deferred_request_is_measured_from_its_opening() -> None:
    told = told_of(
        [
            ("22 22:10:05", deferred()),
            (
                "08:00:01",
                accepted(accepted_at=at("08:00:00"), clock_started_at=at("08:00:00"), due_at=at("08:30:00")),
            ),
            ("08:01:00", scheduled()),
        ]
    )
    assert told.took == {"answer": 60, "scheduling": 60}
    assert told.ended == [("answer", "met")]


def test_a_deferred_request_that_is_refused_is_measured_from_its_opening() -> None:
    told = told_of([("22 22:10:05", deferred()), ("08:02:00", refused("portal", due_at=None))])
    assert told.took == {"answer": 120}
    assert told.ended == [("answer", "met")]


def test_near_is_what_the_rules_call_near() -> None:
    rules = RULES.sets[0]
    half = rules.model_copy(update={"approaching": rules.approaching.model_copy(update={"share": 0.5})})
    told = Told(rule_sets=RuleSets((half,)))
    told.hear(accepted())
    assert told.state is not None
    assert timer_at(told.state) == at("09:15:00")


@pytest.mark.parametrize(
    ("channel", "started", "ended", "took"),
    [
        ("desk", "08:58:00", [("answer", "met"), ("service", "met")], {"answer": 300, "service": 420}),
        ("phone", "08:54:59", [("answer", "met"), ("service", "missed")], {"answer": 300, "service": 601}),
        ("portal", "08:58:00", [("answer", "met")], {"answer": 300}),
        ("desk", None, [("answer", "met")], {"answer": 300}),
    ],
)
def test_the_time_of_being_served_ends_with_the_answer(
    channel: str, started: str | None, ended: list[tuple[str, str]], took: dict[str, float]
) -> None:
    began = at(started) if started else None
    told = told_of([("09:00:05", accepted(channel, service_started_at=began)), ("09:05:00", scheduled())])
    assert told.ended == ended
    assert told.took == took | {"scheduling": 298}


def test_each_stage_is_measured_once() -> None:
    told = told_of(
        [
            ("09:00:05", accepted("desk", service_started_at=at("08:59:00"))),
            ("09:05:00", scheduled(1)),
            ("09:06:00", answer()),
            ("09:07:00", rescheduled(2)),
            ("09:08:00", unplaced(3)),
            ("09:09:00", rescheduled(4)),
            ("11:30:00", closed(5)),
        ]
    )
    assert told.took == {"answer": 300, "service": 360, "scheduling": 298}
    assert told.ended == [("answer", "met"), ("service", "met")]


def test_what_is_open_is_open_from_the_start_of_its_clock_to_the_answer() -> None:
    told = told_of([("09:00:05", accepted("desk", service_started_at=at("08:59:00")))])

    def since() -> tuple[object, object]:
        assert told.state is not None
        return open_since(told.state, "answer"), open_since(told.state, "service")

    assert since() == (at("09:00:00"), at("08:59:00"))
    told.tick("09:20:00")
    assert since() == (at("09:00:00"), at("08:59:00")), "what was missed is open still"
    told.hear(scheduled(), "09:21:00")
    assert since() == (None, None)


@pytest.mark.parametrize(
    ("how", "steps", "spoken"),
    [
        pytest.param(
            {},
            [("09:00:05", accepted("phone")), ("09:02:00", scheduled()), ("09:05:30", answer("09:05:00"))],
            {"entry": 120, "oral_answer": 300},
            id="where the entry counts",
        ),
        pytest.param(
            {"clinic": CONFIRMING},
            [("09:00:05", accepted("desk")), ("09:02:00", scheduled()), ("09:05:30", answer("09:05:00"))],
            {"entry": 120, "oral_answer": 300},
            id="where the oral answer counts",
        ),
        pytest.param(
            {"clinic": CONFIRMING},
            [("09:00:05", accepted("desk")), ("09:03:00", answer("09:03:00")), ("09:04:00", scheduled())],
            {"entry": 240, "oral_answer": 180},
            id="told before it was entered",
        ),
        pytest.param(
            {},
            [("09:00:30", refused("desk")), ("09:01:10", answer("09:01:00"))],
            {"entry": 30, "oral_answer": 60},
            id="a refusal is told aloud as well",
        ),
        pytest.param(
            {},
            [("09:00:05", accepted("phone")), ("09:02:00", scheduled()), ("09:10:00", rescheduled())],
            {"entry": 120},
            id="the first entry counts",
        ),
        pytest.param(
            {}, [("09:00:05", accepted()), ("09:02:00", scheduled())], {}, id="through the portal there is none"
        ),
    ],
)
def test_both_ends_of_a_spoken_answer_are_measured(how: dict[str, Any], steps: Steps, spoken: dict[str, float]) -> None:
    """Whichever ends the clock (C6.1): the entry in the register, and the oral answer."""
    assert told_of(steps, **how).spoken == spoken


@pytest.mark.parametrize(
    ("clinic", "channel", "history", "waits_for"),
    [
        (CLINIC, "phone", [], "schedule"),
        (CLINIC, "phone", [("09:00:06", unplaced())], "place"),
        (CLINIC, "phone", [("09:00:06", scheduled())], None),
        (CLINIC, "phone", [("09:00:06", unplaced()), ("09:05:00", scheduled(2))], None),
        (CLINIC, "phone", [("09:12:00", None)], "schedule"),
        (CLINIC, "portal", [], "schedule"),
        (CLINIC, "phone", [("09:01:00", cancelled())], None),
        (CONFIRMING, "phone", [], "schedule"),
        (CONFIRMING, "phone", [("09:00:06", scheduled())], "clinic"),
        (CONFIRMING, "desk", [("09:00:06", scheduled()), ("09:05:00", answer())], None),
        (CONFIRMING, "portal", [("09:00:06", scheduled())], None),
        (CONFIRMING, "phone", [("09:00:06", unplaced())], "place"),
    ],
)
def test_what_an_open_answer_waits_for(
    clinic: ClinicPublished, channel: str, history: Steps, waits_for: str | None
) -> None:
    """Half of its time is 5 minutes at the clinic and 15 through the portal."""
    state = told_of([("09:00:05", accepted(channel)), *history], clinic=clinic).state
    assert state is not None
    half, due = ("09:15:00", "09:30:00") if channel == "portal" else ("09:05:00", "09:10:00")
    assert answer_waits(state) == (None if waits_for is None else (at(half), at(due), waits_for))
