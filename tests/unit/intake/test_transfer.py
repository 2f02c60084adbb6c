"""A call that is handed on to another clinic: it ends here, and goes on there once, with the first's clock (R25)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecall.contract.envelope import Incoming, Record
from homecall.contract.ids import successor_id
from homecall.gateways.signatures.port import Valid
from homecall.runtime.engine.published_events import PublishedEvents
from homecall.standard import replay
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from services.intake import metrics
from services.intake.domain.retention import remains
from services.intake.domain.retention import said as kept_of
from services.intake.domain.state import RequestState
from tests.factories import iin
from tests.unit.intake.asked import AWAY, SILENT, Notary, Register, found
from tests.unit.intake.office import (
    BY,
    DINARA,
    Office,
    Said,
    clinic,
    closed,
    incoming,
    known,
    request,
    request_id,
    submitted,
    transferred,
    withdrawn,
)
from tests.unit.intake.office import said as as_told
from tests.unit.standard.local_times import at

MADE = "Fri 2026-11-20 10:00"
HEARD = "Fri 2026-11-20 10:00:01"
NIGHT = "Fri 2026-11-20 22:00"
THERE = successor_id(request_id(1), "tal-2")


def clinics(**over: Any) -> Clinics:
    """Three clinics; ``over`` changes the second, to which most calls are handed on."""
    return known(clinic(), clinic("tal-2", **over), clinic("shyrsha-5"))


async def office(*before: Incoming, now: str = HEARD, **over: Any) -> Office:
    office = await Office(clinics(**over)).prepared()
    await office.hear(*before, now=now)
    return office


async def state_of(office: Office, name: str) -> RequestState | None:
    found = (await office.store.requests.load([name])).get(name)
    return None if found is None else found.state


def told(events: list[Said]) -> list[tuple[str, str]]:
    return sorted((each.type, each.subject) for each in events)


async def letters(office: Office, *batch: Incoming, now: str = "Fri 2026-11-20 11:00:01") -> list[tuple[str, str]]:
    handled = await office.handle(*batch, now=now)
    assert handled.events == []
    return [(dead.reason, dead.detail) for _, dead in handled.dead]


# ---------------------------------------------------------------- it ends here, and goes on there


async def test_the_call_ends_here_and_goes_on_there() -> None:
    first = submitted(
        MADE,
        queued_at=at("Fri 2026-11-20 09:55").isoformat(),
        service_started_at=at("Fri 2026-11-20 09:58").isoformat(),
        registrar={"id": "r-1", "full_name": "Тіркеуші"},
        address={"text": "Алматы, Тал көшесі, 27", "district_id": "3-01", "lat": 43.24, "lon": 76.89},
        note="Иті бар",
    )
    here = await office(first)
    events = await here.hear(transferred(), now="Fri 2026-11-20 11:00:01")
    assert told(events) == [("request.accepted", THERE), ("request.cancelled", request_id(1))]
    cancelled, accepted = (next(each.data for each in events if each.type == kind) for kind in _KINDS)
    assert (cancelled["outcome"], cancelled["reason"]) == ("transferred", "Сонда тіркелген")
    assert cancelled["transferred_to"] == {"request_id": THERE, "clinic_id": "tal-2"}
    assert cancelled["transferred_by"] == BY
    assert (cancelled["register_number"], cancelled["at"]) == (1, "2026-11-20T11:00:00+05:00")
    assert accepted["transferred_from"] == {"request_id": request_id(1), "clinic_id": "samal-3"}
    assert (accepted["clinic_id"], accepted["register_number"], accepted["register_date"]) == ("tal-2", 1, "2026-11-20")
    # Neither the 10 minutes nor anything else of the first's time begins again.
    assert accepted["clock_started_at"] == accepted["submitted_at"] == "2026-11-20T10:00:00+05:00"
    assert (accepted["due_at"], accepted["accepted_at"]) == ("2026-11-20T10:10:00+05:00", "2026-11-20T11:00:01+05:00")
    # What is the first clinic's own stays there: its districts, its queue, its registrar.
    assert accepted["address"] == {"text": "Алматы, Тал көшесі, 27", "lat": 43.24, "lon": 76.89}
    assert not accepted.keys() & {"queued_at", "service_started_at", "registrar", "persons"}
    assert (accepted["note"], accepted["patient"]["full_name"]) == ("Иті бар", "Сынақ Серік")
    assert accepted["ruling"]["clauses"][0] == "R25"
    one = await here.state()
    assert (one.status, one.claim, one.successor_claim, one.register_number) == ("cancelled", None, None, 1)


_KINDS = ("request.cancelled", "request.accepted")


DAYS = [
    # made, handed on, hours there, the visit's day there
    (MADE, "Fri 2026-11-20 11:00", {}, "2026-11-20"),
    # After the cut-off, and before closing: the patient applied in time.
    (MADE, "Fri 2026-11-20 19:59", {}, "2026-11-20"),
    (MADE, "Fri 2026-11-20 20:00", {}, "2026-11-21"),
    ("Fri 2026-11-20 17:59", "Fri 2026-11-20 18:30", {}, "2026-11-20"),
    # Closed there that day, or all week-end.
    (MADE, "Fri 2026-11-20 11:00", {"closed_dates": ["2026-11-20"]}, "2026-11-21"),
    (MADE, "Sat 2026-11-21 15:00", {}, "2026-11-23"),
    # Before the opening there.
    (MADE, "Sat 2026-11-21 07:00", {}, "2026-11-21"),
]


@pytest.mark.parametrize(("made", "when", "there", "day"), DAYS, ids=[f"{row[1][4:]} {row[3]}" for row in DAYS])
async def test_neither_hours_nor_cut_off_are_asked_for_again(made: str, when: str, there: Any, day: str) -> None:
    here = await office(submitted(made), **there)
    events = await here.hear(transferred(when), now=when)
    (accepted,) = [each.data for each in events if each.type == "request.accepted"]
    assert (accepted["register_date"], accepted["visit_date"]) == (day, day)
    assert accepted["clock_started_at"] == at(made).isoformat()


async def test_attachment_is_what_a_transfer_is_for() -> None:
    """Nobody is asked about it again: neither the register of persons, nor the rule set."""
    register = Register(rest=found(attachment=None))
    here = await Office(clinics(attachment_required=True), identity=register).prepared()
    await here.hear(submitted(MADE), now=HEARD)
    asked = len(register.asked)
    assert told(await here.hear(transferred()))[0] == ("request.accepted", THERE)
    assert len(register.asked) == asked


# ---------------------------------------------------------------- deferred, held


async def test_a_deferred_call_is_taken_up_there_at_the_time_that_was_promised() -> None:
    here = await office(submitted(NIGHT, "portal"), now=NIGHT)
    events = await here.hear(transferred("Fri 2026-11-20 22:30"), now="Fri 2026-11-20 22:30")
    assert told(events) == [("request.cancelled", request_id(1)), ("request.deferred", THERE)]
    deferred = next(each.data for each in events if each.subject == THERE)
    assert (deferred["opens_at"], deferred["due_at"]) == ("2026-11-21T09:00:00+05:00", "2026-11-21T09:30:00+05:00")
    assert await here.tick("Sat 2026-11-21 08:59") == []
    (accepted,) = await here.tick("Sat 2026-11-21 09:00")
    assert (accepted.type, accepted.subject) == ("request.accepted", THERE)
    assert accepted.data["clock_started_at"] == deferred["opens_at"]
    assert accepted.data["due_at"] == deferred["due_at"]


async def test_a_deferred_call_is_not_deferred_once_more_where_the_other_clinic_is_closed() -> None:
    """Its time is the first's (R25): a transfer gains none."""
    here = await office(submitted(NIGHT, "portal"), now=NIGHT, closed_dates=["2026-11-21"])
    await here.hear(transferred("Fri 2026-11-20 22:30"), now="Fri 2026-11-20 22:30")
    (accepted,) = await here.tick("Sat 2026-11-21 09:00")
    assert (accepted.type, accepted.data["visit_date"]) == ("request.accepted", "2026-11-23")
    assert accepted.data["due_at"] == "2026-11-21T09:30:00+05:00"


async def test_a_deferred_call_that_has_been_taken_up_goes_on_with_that_clock() -> None:
    here = await office(submitted(NIGHT, "portal"), now=NIGHT)
    await here.tick("Sat 2026-11-21 09:00")
    events = await here.hear(transferred("Sat 2026-11-21 09:05"), now="Sat 2026-11-21 09:05")
    accepted = next(each.data for each in events if each.subject == THERE)
    assert accepted["clock_started_at"] == "2026-11-21T09:00:00+05:00"
    assert accepted["submitted_at"] == "2026-11-20T22:00:00+05:00"


async def test_a_transfer_waits_for_a_request_that_cannot_be_decided_yet() -> None:
    notary = Notary(AWAY)
    here = await Office(clinics(), verifier=notary).prepared()
    await here.hear(submitted(MADE, "portal"), now=HEARD)
    assert await here.hear(transferred("Fri 2026-11-20 10:05"), now="Fri 2026-11-20 10:05") == []
    notary.verdict = Valid()
    events = await here.tick("Fri 2026-11-20 10:06")
    assert [kind for kind, _ in told(events)] == ["request.accepted", "request.accepted", "request.cancelled"]


# ---------------------------------------------------------------- what is not handed on


REFUSED = [
    ("refused", [submitted("Fri 2026-11-20 07:00")], transferred(), "was refused"),
    ("visited", [submitted(MADE), closed(1, 2, "Fri 2026-11-20 10:30")], transferred(), "has had its visit"),
    ("withdrawn", [submitted(MADE), withdrawn("Fri 2026-11-20 10:30")], transferred(), "was withdrawn"),
    ("nowhere", [submitted(MADE)], transferred(to="nowhere-9"), "names no clinic that has been published"),
    ("nowhere, and not known", [], transferred(to="nowhere-9"), "names no clinic that has been published"),
    ("before it was made", [submitted(MADE)], transferred("Fri 2026-11-20 09:00"), "before"),
    ("by another clinic", [submitted(MADE)], transferred(at_clinic="shyrsha-5"), "another clinic's"),
]


@pytest.mark.parametrize(("before", "event", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_a_dead_letter_says_why_a_call_is_not_handed_on(
    before: list[Incoming], event: Incoming, why: str
) -> None:
    here = await office(*before)
    status = (await state_of(here, request_id(1)) or RequestState("", "", "held")).status
    ((reason, detail),) = await letters(here, event)
    assert reason == "invalid_transition"
    assert why in detail
    assert (await state_of(here, request_id(1)) or RequestState("", "", "held")).status == status
    assert await state_of(here, THERE) is None


async def test_to_its_own_clinic_is_no_transfer() -> None:
    here = await office(submitted(MADE))
    ((reason, detail),) = await letters(here, transferred(to="samal-3"))
    assert (reason, "to_clinic_id is the clinic that the call is at" in detail) == ("schema", True)


async def test_to_a_clinic_that_has_closed_for_good() -> None:
    shut: dict[str, list[Any]] = {day: [] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    here = await office(submitted(MADE), hours=shut)
    ((reason, detail),) = await letters(here, transferred())
    assert (reason, "no opening left" in detail) == ("invalid_transition", True)
    assert (await here.state()).status == "accepted"


async def test_an_older_call_is_not_handed_on_once_the_patient_has_called_again() -> None:
    here = await office(submitted(MADE))
    await here.hear(submitted("Sat 2026-11-21 10:00", number=2), now="Sat 2026-11-21 10:00:01")
    ((reason, detail),) = await letters(here, transferred("Sat 2026-11-21 10:30"), now="Sat 2026-11-21 10:30:01")
    assert (reason, "hand on the newer request" in detail) == ("invalid_transition", True)


# ---------------------------------------------------------------- order, repetition


async def test_the_same_transfer_again_changes_nothing() -> None:
    here = await office(submitted(MADE))
    once = transferred()
    first = await here.hear(once)
    assert await here.hear(once) == [each for each in first if each.type == "request.cancelled"]
    # As another event, too: a registrar pressed twice.
    handled = await here.handle(transferred("Fri 2026-11-20 11:01"))
    assert (handled.events, handled.dead) == ([], [])


async def test_of_two_transfers_the_first_stands() -> None:
    here = await office(submitted(MADE), transferred())
    ((reason, detail),) = await letters(here, transferred("Fri 2026-11-20 11:01", to="shyrsha-5"))
    assert reason == "invalid_transition"
    assert f"hand on request {THERE} from there" in detail
    assert await state_of(here, successor_id(request_id(1), "shyrsha-5")) is None


async def test_a_withdrawal_after_it_names_the_request_to_withdraw() -> None:
    here = await office(submitted(MADE), transferred())
    ((reason, detail),) = await letters(here, withdrawn("Fri 2026-11-20 12:00"))
    assert (reason, THERE in detail, "tal-2" in detail) == ("invalid_transition", True, True)


async def test_a_transfer_that_overtakes_its_request_waits_for_it() -> None:
    here = await office(transferred())
    events = await here.hear(submitted(MADE), now="Fri 2026-11-20 11:00:01")
    assert told(events) == sorted(
        [("request.accepted", request_id(1)), ("request.cancelled", request_id(1)), ("request.accepted", THERE)]
    )


async def test_request_and_transfer_in_one_batch() -> None:
    here = await office()
    batch = [submitted(MADE), transferred()]
    events = await here.hear(*batch)
    own = [each.type for each in events if each.subject == request_id(1)]
    assert own == ["request.accepted", "request.cancelled"]
    assert [each.data["register_number"] for each in events] == [1, 1, 1]
    again = await here.hear(*batch)
    assert [each for each in again if each.subject == request_id(1)] == [
        each for each in events if each.subject == request_id(1)
    ]


async def test_on_to_a_third_clinic_and_back_to_the_first() -> None:
    here = await office(submitted(MADE))
    third = successor_id(THERE, "shyrsha-5")
    back = successor_id(third, "samal-3")
    await here.hear(transferred("Fri 2026-11-20 11:00"))
    await here.hear(transferred("Fri 2026-11-20 12:00", "shyrsha-5", THERE, "tal-2"))
    events = await here.hear(transferred("Fri 2026-11-20 13:00", "samal-3", third, "shyrsha-5"))
    accepted = next(each.data for each in events if each.type == "request.accepted")
    assert (accepted["request_id"], accepted["clinic_id"]) == (back, "samal-3")
    # Another line of the day's page: the first keeps its number.
    assert (accepted["register_number"], (await here.state()).register_number) == (2, 1)
    assert accepted["clock_started_at"] == at(MADE).isoformat()
    assert accepted["transferred_from"] == {"request_id": third, "clinic_id": "shyrsha-5"}


# ---------------------------------------------------------------- duplicates


async def test_a_patient_who_has_a_call_there_keeps_that_one() -> None:
    here = await office(submitted(MADE), submitted(MADE, number=2, clinic_id="tal-2"))
    events = await here.hear(transferred())
    assert told(events) == [("request.cancelled", request_id(1)), ("request.refused", THERE)]
    refused = next(each.data for each in events if each.subject == THERE)
    assert (refused["code"], refused["existing_request_id"]) == ("duplicate", request_id(2))
    assert (await here.state(2)).status == "accepted"


async def test_a_call_there_whose_day_is_over_gives_way() -> None:
    here = await office(submitted(MADE, number=2, clinic_id="tal-2"), submitted("Sat 2026-11-21 10:00"))
    events = await here.hear(transferred("Sat 2026-11-21 11:00"), now="Sat 2026-11-21 11:00")
    assert ("request.accepted", THERE) in told(events)
    assert (await here.state(2)).claim is None


# ---------------------------------------------------------------- taken up by the clinic's own system


def taken_up(when: str = "Fri 2026-11-20 11:05", number: int = 5, first: str = request_id(1), **over: Any) -> Incoming:
    named = {"request_id": first, "clinic_id": "samal-3"}
    return submitted(when, number=number, **{"clinic_id": "tal-2", "transferred_from": named} | over)


async def test_the_clinics_own_system_may_be_first() -> None:
    """It takes the call up before the transfer is heard: that request is the one by which the call goes on."""
    here = await office(submitted(MADE))
    (accepted,) = await here.hear(taken_up(), now="Fri 2026-11-20 11:05:01")
    assert accepted.data["clock_started_at"] == at(MADE).isoformat()
    assert accepted.data["due_at"] == at("Fri 2026-11-20 10:10").isoformat()
    assert "transfer_unconfirmed" not in accepted.data["flags"]
    (cancelled,) = await here.hear(transferred())
    assert cancelled.data["transferred_to"] == {"request_id": request_id(5), "clinic_id": "tal-2"}
    assert await state_of(here, THERE) is None


async def test_the_clinics_own_system_may_be_first_in_the_same_batch() -> None:
    here = await office()
    batch = [submitted(MADE), taken_up(), transferred()]
    events = await here.hear(*batch, now="Fri 2026-11-20 11:05:01")
    assert [(each.type, each.subject) for each in events] == [
        ("request.accepted", request_id(1)),
        ("request.accepted", request_id(5)),
        ("request.cancelled", request_id(1)),
    ]
    assert events[2].data["transferred_to"]["request_id"] == request_id(5)
    assert [each.data["register_number"] for each in events] == [1, 1, 1]
    assert await here.hear(*batch, now="Fri 2026-11-20 11:05:02") == events
    assert (await here.state(5)).pending == []


async def test_what_is_said_of_the_successor_in_the_same_batch_holds_for_it() -> None:
    here = await office(submitted(MADE))
    data = {"request_id": THERE, "clinic_id": "tal-2", "at": at("Fri 2026-11-20 11:01").isoformat(), "reason": "өтті"}
    events = await here.hear(incoming("request.withdrawn", data), transferred(), now="Fri 2026-11-20 11:02")
    assert [each.type for each in events if each.subject == THERE] == ["request.accepted", "request.cancelled"]
    assert told([each for each in events if each.subject != THERE]) == [("request.cancelled", request_id(1))]
    state = await state_of(here, THERE)
    assert state is not None
    assert (state.status, state.register_number, state.handed_on) == ("cancelled", 1, None)


async def test_after_the_transfer_it_is_a_duplicate_of_the_request_that_is_there() -> None:
    here = await office(submitted(MADE), transferred())
    (refused,) = await here.hear(taken_up())
    assert (refused.data["code"], refused.data["existing_request_id"]) == ("duplicate", THERE)


UNCONFIRMED = [
    ("not known", [], taken_up()),
    ("another patient's", [submitted(MADE)], taken_up(patient={"iin": DINARA})),
    ("refused there", [submitted("Fri 2026-11-20 07:00")], taken_up()),
    ("withdrawn there", [submitted(MADE), withdrawn("Fri 2026-11-20 10:30")], taken_up()),
    ("handed on to a third", [submitted(MADE), transferred(to="shyrsha-5")], taken_up()),
    (
        "of another clinic",
        [submitted(MADE)],
        taken_up(transferred_from={"request_id": request_id(1), "clinic_id": "x-1"}),
    ),
]


@pytest.mark.parametrize(("before", "event"), [row[1:] for row in UNCONFIRMED], ids=[row[0] for row in UNCONFIRMED])
async def test_a_call_that_is_not_known_is_judged_as_any_other(before: list[Incoming], event: Incoming) -> None:
    here = await office(*before)
    (accepted,) = await here.hear(event, now="Fri 2026-11-20 11:05:01")
    assert (accepted.type, accepted.data["flags"]) == ("request.accepted", ["transfer_unconfirmed"])
    assert accepted.data["clock_started_at"] == at("Fri 2026-11-20 11:05").isoformat()


async def test_outside_the_hours_only_a_known_call_is_taken_up() -> None:
    evening = "Fri 2026-11-20 19:00"
    here = await office(submitted(MADE))
    (accepted,) = await here.hear(taken_up(evening), now=evening)
    (refused,) = await here.hear(taken_up(evening, 6, request_id(99), patient={"iin": DINARA}), now=evening)
    assert (accepted.type, accepted.data["visit_date"]) == ("request.accepted", "2026-11-20")
    assert (refused.type, refused.data["code"]) == ("request.refused", "outside_acceptance_hours")


# ---------------------------------------------------------------- a crash between any two writes


class CrashError(BaseException):
    pass


@pytest.mark.parametrize("behind", [False, True], ids=["before it", "behind it"])
@pytest.mark.parametrize("resumed", ["record", "timer"])
@pytest.mark.parametrize("made", [(MADE, "phone"), (NIGHT, "portal")], ids=["accepted", "deferred"])
async def test_a_crash_at_any_write_loses_and_doubles_nothing(
    behind: bool, resumed: str, made: tuple[str, str]
) -> None:
    """Both happen, or both come again: whether the record brings them back or another replica's timer does."""
    whole = await _history(None, behind, resumed, made)
    assert len(whole) == 2
    crashes = 0
    while (again := await _history(crashes, behind, resumed, made)) is not None:
        assert again.keys() == whole.keys(), f"a crash at write {crashes}"
        crashes += 1
    assert crashes >= 3


async def _history(crash: int | None, behind: bool, resumed: str, made: tuple[str, str]) -> Any:
    """The events of the transfer by id, with a crash at that write; None where there are not so many writes."""
    when, channel = made
    later = "Fri 2026-11-20 22:30" if channel == "portal" else "Fri 2026-11-20 11:00"
    here = await office(submitted(when, channel), now=when)
    record = transferred(later, id="the-transfer")
    left = [crash]

    def write() -> None:
        if left[0] is not None:
            if left[0] == 0:
                left[0] = None
                raise CrashError
            left[0] -= 1

    for name in ("requests", "register_pages"):
        collection = here.memory.collection(name)
        setattr(collection, "after_write" if behind else "before_write", write)
    sent: dict[str, Said] = {}

    async def hear(replica: Office) -> None:
        handled = await replica.engine.handle([record], at(later))
        for each in as_told(handled.events):
            assert sent.setdefault(each.id, each) == each
        for done in handled.after:
            await done()

    try:
        await hear(here)
        if crash is not None and left[0] is not None:
            return None
    except CrashError:
        again = Office(clinics(), here.memory.as_database)
        if resumed == "timer":
            sent |= {each.id: each for each in await again.tick("Fri 2026-11-20 22:32")}
        await hear(again)
        here = again
    # What is stored and not known to be sent is sent by whoever runs next.
    due = await here.engine.unsent(seconds=-1)
    sent |= {each.id: each for each in as_told(due.events)}
    first = await here.state()
    assert (first.status, first.successor_claim) == ("cancelled", None)
    return {each.id: each.type for each in sent.values()}


# ---------------------------------------------------------------- any chain


PLACES = ("samal-3", "tal-2", "shyrsha-5")


@settings(max_examples=60, deadline=None)
@given(
    hops=st.lists(st.sampled_from(PLACES), max_size=7),
    repeated=st.lists(st.integers(0, 7), max_size=3),
    early=st.booleans(),
    channel=st.sampled_from(["phone", "portal"]),
)
def test_of_any_chain_one_request_is_open_with_the_first_clock(
    hops: list[str], repeated: list[int], early: bool, channel: str
) -> None:
    asyncio.run(_chain(hops, repeated, early=early, channel=channel))


async def _chain(hops: list[str], repeated: list[int], *, early: bool, channel: str) -> None:
    here = await Office(clinics()).prepared()
    records, name, place = [submitted(MADE, channel)], request_id(1), "samal-3"
    chain = [name]
    for hour, to in enumerate(hops):
        if to != place:
            records.append(transferred(f"Fri 2026-11-20 11:{hour:02d}", to, name, place))
            name, place = successor_id(name, to), to
            chain.append(name)
    records += [records[each] for each in repeated if each < len(records)]
    if early:
        records.reverse()
    for record in records:
        await here.hear(record, now="Fri 2026-11-20 12:00")
    found = await here.store.requests.load(chain)
    states = [found[each].state for each in chain]
    assert [each.status for each in states if each is not None] == ["cancelled"] * (len(chain) - 1) + ["accepted"]
    assert {each.clock_started_at for each in states if each is not None} == {at(MADE)}
    assert len({each.due_at for each in states if each is not None}) == 1
    assert len(await here.store.requests.find({"claim": {"$exists": True}})) == 1


# ---------------------------------------------------------------- afterwards


async def test_a_ruling_is_repeated_as_one_of_a_call_that_was_handed_on() -> None:
    here = await office(submitted(MADE), transferred("Fri 2026-11-20 19:00"))
    one = await state_of(here, THERE)
    assert one is not None
    rules = load_rule_sets().on(at(MADE).date())
    calendar = here.clinics.calendar("tal-2", rules)
    assert calendar is not None
    assert replay.today_differs(one.ruling, calendar, rules, rules) is None
    shut = known(clinic("tal-2", closed_dates=["2026-11-20"])).calendar("tal-2", rules)
    assert shut is not None
    differs = replay.today_differs(one.ruling, shut, rules, rules)
    assert differs is not None
    assert (differs["visit_date"], differs["due_at"]) == ("2026-11-21", "2026-11-20T10:10:00+05:00")


async def test_what_remains_says_where_it_went_and_not_who_was_ill() -> None:
    here = await office(submitted(MADE, referral=REFERRAL), transferred())
    one = remains(await here.state())
    assert one.handed_on is not None
    assert one.handed_on.request_id == THERE
    assert "referral" not in one.request
    there = await state_of(here, THERE)
    assert there is not None
    assert remains(there).request["transferred_from"] == {"request_id": request_id(1), "clinic_id": "samal-3"}


REFERRAL = {"card_number": "103-118842", "handed_over_at": "2026-11-20T09:55:00+05:00", "category": 3}


@pytest.mark.parametrize("reasons", [["passed_on_by_ambulance"], ["fever_above_38"]])
@pytest.mark.parametrize("referral", [REFERRAL, None])
async def test_a_referral_and_its_reason_do_not_ask_for_each_other(reasons: list[str], referral: Any) -> None:
    here = await office()
    (accepted,) = await here.hear(submitted(MADE, reasons=reasons, referral=referral), now=HEARD)
    kept = None if referral is None else REFERRAL | {"category": "3"}
    assert (accepted.type, accepted.data.get("referral")) == ("request.accepted", kept)
    events = await here.hear(transferred())
    assert next(each.data for each in events if each.subject == THERE).get("referral") == kept


@pytest.mark.parametrize(
    "referral",
    [{}, {"card_number": "1"}, REFERRAL | {"category": ""}, REFERRAL | {"handed_over_at": "2026-11-20"}, "103"],
)
async def test_a_referral_that_cannot_be_read_is_named(referral: Any) -> None:
    here = await office()
    (refused,) = await here.hear(submitted(MADE, referral=referral), now=HEARD)
    assert refused.data["code"] == "invalid_request"
    assert all(each["path"].startswith("referral") for each in refused.data["fields"])
    assert "referral" not in refused.data


async def test_no_iin_of_the_card_goes_out() -> None:
    here = await office()
    iin = request(MADE)["patient"]["iin"]
    (accepted,) = await here.hear(submitted(MADE, referral=REFERRAL | {"card_number": f"103/{iin}"}), now=HEARD)
    assert iin not in str(accepted.data)


def test_erased_events_keep_both_ends() -> None:
    ends = {"transferred_to": {"request_id": "a", "clinic_id": "b"}, "outcome": "transferred", "referral": REFERRAL}
    assert kept_of("request.cancelled", ends) == {name: ends[name] for name in ("transferred_to", "outcome")}


async def test_an_unconfirmed_patient_is_asked_about_still() -> None:
    register = Register(rest=SILENT)
    here = await Office(clinics(), identity=register).prepared()
    await here.hear(submitted(MADE), now=HEARD)
    await here.hear(transferred("Fri 2026-11-20 10:00:10"), now="Fri 2026-11-20 10:00:11")
    register.rest = found()
    events = await here.tick("Fri 2026-11-20 10:05")
    assert [(each.type, each.subject, each.data["outcome"]) for each in events] == [
        ("request.identity-checked", THERE, "confirmed")
    ]
    one = await here.state()
    assert (one.unconfirmed, one.ask_again_at) == (None, None)


# ---------------------------------------------------------------- statistics


def counted(metric: Any, label: str) -> float:
    return float(next(iter(metric.labels(label).collect())).samples[0].value)


async def test_a_transfer_is_counted_once_however_often_it_comes() -> None:
    before = counted(metrics.HANDED_ON, "phone")
    here, once = await office(submitted(MADE)), transferred()
    await here.hear(once)
    await here.hear(once)
    await here.hear(transferred("Fri 2026-11-20 11:01"))
    assert counted(metrics.HANDED_ON, "phone") - before == 1


@pytest.mark.parametrize(
    ("over", "label"),
    [
        ({"referral": REFERRAL}, "3"),
        ({"referral": REFERRAL | {"category": "IV"}}, "4"),
        ({"referral": REFERRAL | {"category": "red"}}, "other"),
        ({"reasons": ["passed_on_by_ambulance"]}, "none"),
    ],
)
async def test_a_call_from_103_is_counted_by_its_category_and_not_again_where_it_goes_on(
    over: dict[str, Any], label: str
) -> None:
    before = counted(metrics.FROM_103, label)
    here = await office(submitted(MADE, **over))
    await here.hear(transferred())
    assert counted(metrics.FROM_103, label) - before == 1


# ---------------------------------------------------------------- after a restore


@pytest.mark.parametrize("made", [(MADE, "phone"), (NIGHT, "portal")], ids=["accepted", "deferred"])
async def test_after_a_restore_both_come_out_as_they_were_told(made: tuple[str, str]) -> None:
    """The store is empty, and it is a week later: ids, times and bytes are those that are public already."""
    when, channel = made
    later = "Fri 2026-11-20 22:30" if channel == "portal" else "Fri 2026-11-20 11:00"
    records = [submitted(when, channel), transferred(later)]
    published = PublishedEvents("intake")
    first = await Office(clinics()).prepared()
    told = []
    for record, now in zip(records, (when, later), strict=True):
        told += (await first.handle(record, now=now)).events
    for each in told:
        assert published.take(Record(each.topic, 0, 0, each.key.encode(), each.value, tuple(each.headers())))
    restored = await Office(clinics()).prepared()
    restored.engine.published = published
    again = []
    for record in records:
        again += (await restored.handle(record, now="Fri 2026-11-27 11:00")).events
    assert {(each.id, each.time, each.value) for each in again} == {(each.id, each.time, each.value) for each in told}
    assert (dict(published.new), dict(published.otherwise), published.silent()) == ({}, {}, {})
    published.close()


async def test_many_transfers_in_a_batch_ask_no_more_often_than_few() -> None:
    asked: list[int] = []
    for first, size in ((1, 3), (100, 40)):
        numbers = range(first, first + size)
        of_their_own = [{"iin": iin(number), "full_name": f"Науқас {number}"} for number in numbers]
        taken = [
            submitted(MADE, number=number, patient=patient)
            for number, patient in zip(numbers, of_their_own, strict=True)
        ]
        here = await office(*taken)
        before = here.memory.commands
        events = await here.hear(*(transferred(of=request_id(number)) for number in numbers))
        asked.append(here.memory.commands - before)
        assert [each.type for each in events].count("request.cancelled") == size
        assert [each.type for each in events].count("request.accepted") == size
    assert asked[0] == asked[1] <= 12
