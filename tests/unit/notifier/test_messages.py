"""When a message may go, what becomes of it, and that none goes twice or back: by tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.events import RequestStatus
from homecall.standard.phones import mobile_number
from services.notifier.domain import messages
from services.notifier.domain.messages import MOST_TRIES, Attempt, Mailing, Pause, State
from services.notifier.domain.quiet_hours import Policy, policy_of
from services.notifier.domain.state import SmsNotice
from tests.unit.notifier.calls import (
    REQUEST,
    Told,
    accepted,
    at,
    cancelled,
    closed,
    deferred,
    refused,
    rescheduled,
    scheduled,
    unplaced,
)

NIGHT = Policy(frozenset(), (time(22), time(8)))
DAY = Policy(frozenset())


def notice(sequence: int = 1, status: RequestStatus = "scheduled", clock: str = "10:00:00", **more: Any) -> SmsNotice:
    """A notice of that Monday, of use for a day."""
    moment = at(clock)
    until = moment + timedelta(days=1)
    notice = SmsNotice(
        sequence=sequence,
        status=status,
        at=moment,
        text="т",
        urgent=False,
        use_until=until,
        needed_by=until,
        asked_at=None,
    )
    return replace(notice, **more)


def mailing(*notices: SmsNotice, policy: Policy = DAY) -> Mailing:
    return messages.taken_up(Mailing(REQUEST, "samal-3"), notices, policy)


def state(of: Mailing, sequence: int = 1) -> tuple[str, str]:
    (found,) = [each for each in of.messages if each.sequence == sequence]
    return found.state, found.reason


def clock(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()[8:19].replace("T", " ")


# ---------------------------------------------------------------- when it may go


@pytest.mark.parametrize(
    ("told", "goes"),
    [
        pytest.param(notice(clock="21:59:59"), "23 21:59:59", id="before the quiet hours at once"),
        pytest.param(notice(clock="22:00:00"), "24 08:00:00", id="from their beginning it waits"),
        pytest.param(notice(clock="24 07:59:59"), "24 08:00:00", id="to their end"),
        pytest.param(notice(clock="24 08:00:00"), "24 08:00:00", id="their end is over"),
        pytest.param(notice(clock="23:00:00", urgent=True), "23 23:00:00", id="call 103 now waits for nothing"),
        pytest.param(
            notice(status="deferred", clock="23:10:00", asked_at=at("23:00:00")),
            "23 23:10:00",
            id="who has just applied is awake",
        ),
        pytest.param(
            notice(status="deferred", clock="23:31:00", asked_at=at("23:00:00")),
            "24 08:00:00",
            id="and half an hour later asleep",
        ),
        pytest.param(
            notice(clock="23:00:00", needed_by=at("24 08:00:00")),
            "23 23:00:00",
            id="a visit at the end of them would be told too late",
        ),
        pytest.param(
            notice(clock="23:00:00", needed_by=at("24 08:30:00")),
            "24 08:00:00",
            id="a visit after them is told in the morning",
        ),
    ],
)
def test_quiet_hours(told: SmsNotice, goes: str) -> None:
    assert clock(messages.timer_at(mailing(told, policy=NIGHT))) == goes


@pytest.mark.parametrize(
    ("quiet", "moment", "until"),
    [
        ((time(22), time(8)), "23 03:00:00", "23 08:00:00"),
        ((time(22), time(8)), "23 23:00:00", "24 08:00:00"),
        ((time(13), time(14)), "23 13:30:00", "23 14:00:00"),
        ((time(13), time(14)), "23 14:00:00", ""),
        ((time(22), time(0)), "23 23:00:00", "24 00:00:00"),
        (None, "23 03:00:00", ""),
    ],
)
def test_the_end_of_quiet_hours(quiet: tuple[time, time] | None, moment: str, until: str) -> None:
    assert clock(Policy(frozenset(), quiet).quiet_until(at(moment))) == until


def test_registered_waits_a_moment_for_the_answer_unless_it_says_103() -> None:
    policy = Policy(frozenset(), settle=timedelta(seconds=10))
    assert clock(messages.timer_at(mailing(notice(status="registered"), policy=policy))) == "23 10:00:10"
    assert clock(messages.timer_at(mailing(notice(status="registered", urgent=True), policy=policy))) == "23 10:00:00"
    assert clock(messages.timer_at(mailing(notice(status="scheduled"), policy=policy))) == "23 10:00:00"


def test_the_settings_make_a_policy() -> None:
    known = get_args(RequestStatus)
    made = policy_of("scheduled, refused", "22:30-07:00", 5, known)
    assert made == Policy(frozenset({"scheduled", "refused"}), (time(22, 30), time(7)), timedelta(seconds=5))
    assert policy_of("scheduled", "off", 0, known).quiet is None


@pytest.mark.parametrize(
    ("statuses", "quiet", "named"),
    [
        ("scheduled,read", "off", "HOMECALL_SMS_STATUSES"),
        ("", "off", "HOMECALL_SMS_STATUSES"),
        ("scheduled", "22", "HOMECALL_SMS_QUIET_HOURS"),
        ("scheduled", "22:00-22:00", "HOMECALL_SMS_QUIET_HOURS"),
        ("scheduled", "at night", "HOMECALL_SMS_QUIET_HOURS"),
    ],
)
def test_wrong_ones_are_named(statuses: str, quiet: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        policy_of(statuses, quiet, 0, get_args(RequestStatus))


# ---------------------------------------------------------------- which are made


def test_taking_up_again_changes_nothing_whatever_was_seen_first() -> None:
    one, two = notice(1, "registered"), notice(2, clock="10:00:01")
    assert mailing(one, two) == messages.taken_up(mailing(one), [one, two], DAY)
    twice = messages.taken_up(mailing(one, two), [one], DAY)
    assert twice == mailing(one, two)


def test_a_later_status_overtakes_what_waits_and_nothing_else() -> None:
    made = mailing(notice(1, "registered"), notice(2))
    assert [state(made, each) for each in (1, 2)] == [("failed", "overtaken"), ("created", "")]
    sent = messages.sending(mailing(notice(1)), 1, at("10:00:01"), timedelta(seconds=30))
    after = messages.taken_up(sent, [notice(1), notice(2, "rescheduled", clock="10:00:02")], DAY)
    assert [state(after, each) for each in (1, 2)] == [("sending", ""), ("created", "")]
    assert messages.next_message(after, at("10:00:05")) is None, "two at once could change places on the way"
    assert clock(messages.timer_at(after)) == "23 10:00:31"


@pytest.mark.parametrize(
    ("why", "over"),
    [
        (None, {}),
        ("overtaken", {"last_sequence": 2}),
        ("opted_out", {"wanted": False}),
        ("erased", {"text": None}),
        ("no_mobile", {"number": None}),
    ],
)
def test_why_a_message_is_not_sent(why: str | None, over: dict[str, Any]) -> None:
    (message,) = mailing(notice()).messages
    facts: dict[str, Any] = {"last_sequence": 1, "wanted": True, "text": "т", "number": "+77010000001"}
    assert messages.why_not(message, at("10:01:00"), **facts | over) == why


def test_a_message_is_of_use_until_a_moment_and_not_after() -> None:
    (message,) = mailing(notice(use_until=at("10:30:00"))).messages
    facts: dict[str, Any] = {"last_sequence": 1, "wanted": True, "text": "т", "number": "+77010000001"}
    assert messages.why_not(message, at("10:29:59"), **facts) is None
    assert messages.why_not(message, at("10:30:00"), **facts) == "expired"


# ---------------------------------------------------------------- the way of a message

NOW, LATER = at("10:00:01"), at("11:00:00")
LEASE = timedelta(seconds=30)
FIRST, LAST = Attempt(1, 1), Attempt(1)
UNDER_WAY = messages.sending(mailing(notice()), 1, NOW, LEASE)
COMES_TO: dict[str, Any] = {
    "taken": lambda it: messages.taken(it, 1, "g", LATER),
    "refused for good": lambda it: messages.refused(it, LAST, "bad", LATER, Pause(1, DAY), again=False),
    "refused for now": lambda it: messages.refused(it, LAST, "busy", LATER, Pause(1, DAY), again=True),
    "untried": lambda it: messages.untried(it, LAST, "unreachable", LATER, Pause(1, DAY)),
    "no answer": lambda it: messages.unknown(it, 1, "timeout", LATER),
    "lease over": lambda it: messages.given_up(it, LATER),
    "reported sent": lambda it: messages.reported(it, 1, "sent", "g", LATER),
    "reported delivered": lambda it: messages.reported(it, 1, "delivered", "g", LATER),
    "reported failed": lambda it: messages.reported(it, 1, "failed", "g", LATER),
}
BY_STATE = {
    "created": mailing(notice()),
    "sending": UNDER_WAY,
    "unknown": messages.given_up(UNDER_WAY, LATER),
    "sent": COMES_TO["taken"](UNDER_WAY),
    "failed": COMES_TO["refused for good"](UNDER_WAY),
    "delivered": COMES_TO["reported delivered"](UNDER_WAY),
}


@pytest.mark.parametrize(
    ("comes", "expected"),
    [
        # created, sending, unknown, sent, failed, delivered become:
        ("taken", "sent sent sent sent failed delivered"),
        ("refused for good", "created failed failed sent failed delivered"),
        ("refused for now", "created created created sent failed delivered"),
        ("untried", "created created created sent failed delivered"),
        ("no answer", "created unknown unknown sent failed delivered"),
        ("lease over", "created unknown unknown sent failed delivered"),
        ("reported sent", "sent sent sent sent failed delivered"),
        ("reported delivered", "delivered delivered delivered delivered delivered delivered"),
        ("reported failed", "failed failed failed failed failed delivered"),
    ],
)
def test_every_state_and_everything_that_may_come(comes: str, expected: str) -> None:
    assert list(BY_STATE) == ["created", "sending", "unknown", "sent", "failed", "delivered"]
    assert {state(each)[0] for each in BY_STATE.values()} == set(get_args(State))
    assert " ".join(state(COMES_TO[comes](each))[0] for each in BY_STATE.values()) == expected


def test_an_outcome_that_is_stored_twice_leaves_the_next_attempt_alone() -> None:
    for again in (True, False):
        once = messages.refused(UNDER_WAY, FIRST, "busy", NOW, Pause(1, DAY), again=again)
        assert messages.refused(once, FIRST, "busy", LATER, Pause(1, DAY), again=again) == once
        second = messages.sending(once, 1, LATER, LEASE)
        assert messages.refused(second, FIRST, "busy", LATER, Pause(1, DAY), again=again) == second
    waits = messages.untried(second, FIRST, "unreachable", LATER, Pause(1, DAY))
    assert waits == second


def test_what_has_an_end_or_no_known_outcome_is_never_due() -> None:
    for name in ("unknown", "sent", "failed", "delivered"):
        assert messages.timer_at(BY_STATE[name]) is None
        assert messages.next_message(BY_STATE[name], at("24 10:00:00")) is None


def test_the_pauses_grow_and_the_tries_end() -> None:
    it, now, pauses = mailing(notice()), NOW, []
    for _ in range(MOST_TRIES):
        it = messages.sending(it, 1, now, LEASE)
        it = messages.refused(it, LAST, "busy", now, Pause(1, DAY), again=True)
        due = messages.timer_at(it)
        pauses.append((due - now).total_seconds() if due else None)
        now = due or now
    assert pauses == [30, 60, 120, 240, 480, 900, 900, None]
    assert state(it) == ("failed", "refused: busy")


def test_who_was_not_asked_loses_no_try_and_waits_out_the_night() -> None:
    it = messages.sending(mailing(notice(clock="21:59:50")), 1, at("21:59:50"), LEASE)
    it = messages.untried(it, LAST, "unreachable", at("21:59:50"), Pause(0, NIGHT))
    assert it.messages[0].tries == 0
    assert clock(messages.timer_at(it)) == "24 08:00:00"


@pytest.mark.parametrize(("reason", "next_at"), [("unreachable", "23 10:00:31"), ("resting", "23 10:00:01")])
def test_a_pause_is_made_where_there_is_no_way_to_the_gateway(reason: str, next_at: str) -> None:
    it = messages.untried(UNDER_WAY, LAST, reason, NOW, Pause(1, DAY))
    assert clock(messages.timer_at(it)) == next_at


def test_a_message_that_fell_into_the_night_waits_for_its_end() -> None:
    it = messages.held(mailing(notice(clock="21:59:50")), 1, at("22:10:00"), NIGHT)
    assert clock(messages.timer_at(it)) == "24 08:00:00"
    assert messages.held(mailing(notice()), 1, at("10:10:00"), NIGHT) == mailing(notice())


@given(st.lists(st.sampled_from([*COMES_TO, "sending"]), max_size=12))
def test_it_never_goes_back_from_what_is_known(steps: list[str]) -> None:
    """A message that the gateway has is never sent again, whatever comes in whatever order."""
    it, reached = mailing(notice()), False
    for step in steps:
        if step == "sending":
            if messages.next_message(it, at("24 00:00:00")) is None:
                continue
            assert not reached, "it would go twice"
            it = messages.sending(it, 1, NOW, LEASE)
        else:
            it = COMES_TO[step](it)
        reached = reached or state(it)[0] in {"sent", "delivered"}


def test_what_is_counted() -> None:
    assert messages.changes(None, mailing(notice(1), notice(2))) == [("failed", "overtaken"), ("created", "")]
    assert messages.changes(UNDER_WAY, BY_STATE["failed"]) == [("failed", "refused")]
    assert messages.changes(UNDER_WAY, UNDER_WAY) == []


def test_a_reference_names_its_message_and_another_none() -> None:
    assert messages.referred(messages.reference(REQUEST, 12)) == (REQUEST, 12)
    for strange in ("", "-", "7", f"{REQUEST}-", f"{REQUEST}-x", f"{REQUEST}-٣"):
        assert messages.referred(strange) in (None, (REQUEST.rpartition("-")[0], 0))


# ---------------------------------------------------------------- what the notifier notes

ALL = frozenset(get_args(RequestStatus))


def test_each_status_leaves_a_notice_in_the_readers_language_and_none_where_sms_is_off() -> None:
    told = Told(sms_statuses=ALL)
    told.hear(accepted())
    told.hear(scheduled(), "09:00:06")
    told.hear(rescheduled(), "09:30:00")
    told.hear(closed(), "11:20:00")
    assert told.state is not None
    notices = told.state.notices
    assert [(each.sequence, each.status) for each in notices] == [
        (1, "registered"),
        (2, "scheduled"),
        (3, "rescheduled"),
        (4, "completed"),
    ]
    assert notices[1].text.startswith("Дәрігер келеді: 23.11, 11:00-11:30.")
    assert (notices[1].needed_by, notices[1].use_until) == (at("11:00:00"), at("11:30:00"))
    assert told.state.reader.phones == ["+7 700 000 01 23"]
    off = Told()
    off.hear(accepted())
    assert off.state is not None
    assert off.state.notices == []


def test_a_status_that_is_not_wanted_leaves_none() -> None:
    told = Told(sms_statuses=frozenset({"scheduled"}))
    told.hear(accepted())
    told.hear(scheduled(), "09:00:06")
    told.hear(cancelled(), "09:20:00")
    assert told.state is not None
    assert [each.status for each in told.state.notices] == ["scheduled"]


def test_the_reader_may_be_somebody_else_or_not_wish_to_be_one() -> None:
    told = Told(sms_statuses=ALL)
    applicant = {"full_name": "Сынақ Ана", "phone": "+7 701 000 00 07", "authority": {"kind": "parent"}}
    patient = {"full_name": "Сынақ Бала", "phone": "8 727 250 00 00", "language": "ru", "sms": False}
    told.hear(refused(patient=patient, applicant=applicant))
    assert told.state is not None
    assert told.state.reader.phones == ["8 727 250 00 00", "+7 701 000 00 07"]
    assert told.state.reader.sms is False
    assert told.state.notices[0].text.startswith("Сейчас вызовы не принимаются.")
    assert mobile_number(told.state.reader.phones) == "+77010000007"


def test_of_use_until() -> None:
    told = Told(sms_statuses=ALL)
    told.hear(deferred(), "22 22:10:05")
    told.hear(accepted(due_at=at("08:30:00")), "08:00:01")
    told.hear(unplaced(), "08:00:02")
    assert told.state is not None
    assert [clock(each.use_until)[:-3] for each in told.state.notices] == [
        "23 08:30",  # deferred: until the answer is due
        "23 08:30",  # registered: likewise
        "23 14:00",  # delayed
    ]


# ---------------------------------------------------------------- whose number it is


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (["+7 701 555 17 17"], "+77015551717"),
        (["8 (701) 555-17-17"], "+77015551717"),
        (["87471234567"], "+77471234567"),
        (["7015551717"], "+77015551717"),
        (["+7 727 250 00 00", "8 701 555 17 17"], "+77015551717"),
        (["+7 727 250 00 00"], None),  # a fixed line
        (["+7 912 345 67 89"], None),  # Russia's
        (["+996 555 123 456"], None),
        (["1414"], None),
        (["8-800-080-7777"], None),
        (["---"], None),
        ([], None),
    ],
)
def test_mobile_numbers_of_kazakhstan(written: list[str], number: str | None) -> None:
    assert mobile_number(written) == number
