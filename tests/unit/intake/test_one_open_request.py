"""One patient, two requests at one clinic (R11)."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from tests.unit.intake.office import (
    DINARA,
    Office,
    Said,
    clinic,
    closed,
    decide,
    known,
    moved_to,
    open_request,
    refusal,
    request_id,
    submitted,
    withdrawn,
)
from tests.unit.standard.local_times import at

# Friday and Saturday of one week, and the Monday after.
FIRST = "Fri 2026-11-20 10:00"


def answers(events: list[Said]) -> dict[str, str]:
    """What each request came to: ``accepted``, ``deferred``, or the code of the refusal."""
    return {
        each.subject: each.data.get("code") or each.type.removeprefix("request.")
        for each in events
        if each.type in {"request.accepted", "request.deferred", "request.refused"}
    }


async def two(office: Office, first: Any, between: list[Any], second: Any, *, batches: bool) -> list[Said]:
    """Hear them in one batch, or each in its own."""
    if not batches:
        return await office.hear(first, *between, second)
    return [said for event in (first, *between, second) for said in await office.hear(event)]


@pytest.fixture(params=[False, True], ids=["one batch", "a batch each"])
def batches(request: pytest.FixtureRequest) -> bool:
    found: bool = request.param
    return found


def test_r11_r17_a_clock_that_is_ahead_over_midnight_is_held_against_the_records_day() -> None:
    """The moment is the record's: by it the first one's day is not over yet."""
    all_day = known(clinic(hours={"mon": [["00:00", "24:00"]], "tue": [["00:00", "24:00"]]}))
    second = submitted("Tue 2026-11-24 00:00:30", "portal", number=2)
    holder = open_request(1, "Mon 2026-11-23")
    decision = decide(second, clinics=all_day, holder=holder, record_time=at("Mon 2026-11-23 23:59:30"))
    assert refusal(decision)["code"] == "duplicate"
    alone = decide(second, clinics=all_day, holder=holder).state
    assert alone is not None
    assert alone.status != "refused"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (submitted(FIRST), submitted("Fri 2026-11-20 10:01", number=2)),
        (submitted(FIRST), submitted("Fri 2026-11-20 17:59", "portal", number=2)),
        (submitted("Fri 2026-11-20 19:00", "portal"), submitted("Sat 2026-11-21 10:00", number=2)),
        (submitted("Fri 2026-11-20 19:00", "portal"), submitted("Fri 2026-11-20 21:00", "portal", number=2)),
    ],
    ids=["by phone", "through the portal", "deferred to the day", "both deferred"],
)
async def test_r11_refused_while_the_first_is_open(first: Any, second: Any, batches: bool) -> None:
    office = await Office().prepared()
    events = await two(office, first, [], second, batches=batches)
    assert answers(events)[second.subject] == "duplicate"
    refused = next(each for each in events if each.subject == second.subject)
    assert refused.data["existing_request_id"] == first.subject
    assert "R11" in refused.data["ruling"]["clauses"]
    assert (await office.state(2)).claim is None


@pytest.mark.parametrize(
    ("first", "between", "second"),
    [
        (submitted("Fri 2026-11-20 07:00"), [], submitted("Fri 2026-11-20 10:00", number=2)),
        (submitted(FIRST, reasons=["boredom"]), [], submitted("Fri 2026-11-20 10:01", number=2)),
        (submitted(FIRST), [withdrawn("Fri 2026-11-20 10:05")], submitted("Fri 2026-11-20 10:06", number=2)),
        (submitted(FIRST), [closed(1, 2, "Fri 2026-11-20 12:00")], submitted("Fri 2026-11-20 13:00", number=2)),
        (submitted(FIRST), [], submitted("Sat 2026-11-21 09:00", number=2)),
        (submitted(FIRST), [], submitted("Sat 2026-11-21 00:30", "portal", number=2)),
        (submitted(FIRST), [], submitted("Fri 2026-11-20 10:01", number=2, clinic_id="tal-2")),
        (submitted(FIRST), [], submitted("Fri 2026-11-20 10:01", number=2, patient={"iin": DINARA})),
    ],
    ids=[
        "refused",
        "refused as invalid",
        "withdrawn",
        "closed",
        "its day over",
        "its day over at night",
        "another clinic",
        "another patient",
    ],
)
async def test_r11_not_refused(first: Any, between: list[Any], second: Any, batches: bool) -> None:
    office = await Office(known(clinic(), clinic("tal-2"))).prepared()
    events = await two(office, first, between, second, batches=batches)
    assert answers(events)[second.subject] in {"accepted", "deferred"}
    assert (await office.state(2)).claim is not None


@pytest.mark.parametrize("second_day", ["Sat 2026-11-21 10:00", "Mon 2026-11-23 10:00"])
async def test_r11_a_visit_that_was_moved_holds_until_its_new_day_is_over(second_day: str) -> None:
    office = await Office().prepared()
    await office.hear(submitted(FIRST), moved_to(1, 1, "2026-11-20"), moved_to(1, 2, "2026-11-21"))
    assert (await office.state()).visit_date == date(2026, 11, 21)
    answer = answers(await office.hear(submitted(second_day, number=2)))[request_id(2)]
    assert answer == ("duplicate" if second_day.startswith("Sat") else "accepted")


async def test_r11_the_claim_goes_on_to_the_next_request_when_the_day_is_over(batches: bool) -> None:
    office = await Office().prepared()
    await two(office, submitted(FIRST), [], submitted("Sat 2026-11-21 10:00", number=2), batches=batches)
    claims = [(await office.state(number)).claim for number in (1, 2)]
    assert claims[0] is None
    assert claims[1] is not None
    third = await office.hear(submitted("Sat 2026-11-21 11:00", number=3))
    assert third[0].data["existing_request_id"] == request_id(2)


async def test_a_later_visit_date_counts_and_history_does_not() -> None:
    office = await Office().prepared()
    await office.hear(submitted(FIRST), moved_to(1, 2, "2026-11-21"))
    await office.hear(moved_to(1, 1, "2026-11-20"))
    assert (await office.state()).visit_date == date(2026, 11, 21)


async def test_a_closed_visit_frees_the_patient_once(batches: bool) -> None:
    office = await Office().prepared()
    await two(
        office,
        submitted(FIRST),
        [closed(1, 2, "Fri 2026-11-20 12:00")],
        closed(1, 2, "Fri 2026-11-20 12:00"),
        batches=batches,
    )
    state = await office.state()
    assert (state.status, state.claim) == ("closed", None)


async def test_r11_the_same_request_again_changes_nothing(batches: bool) -> None:
    office = await Office().prepared()
    again = submitted("Fri 2026-11-20 11:00", reasons=["other"])
    events = await two(office, submitted(FIRST), [], again, batches=batches)
    assert [each.type for each in events] == ["request.accepted"]
    assert (await office.state()).request["reasons"] == ["fever_above_38"]


async def test_r11_a_known_request_id_of_another_clinic_is_dead_lettered(batches: bool) -> None:
    office = await Office(known(clinic(), clinic("tal-2"))).prepared()
    mixed_up = submitted(FIRST, clinic_id="tal-2")
    broken = submitted(FIRST, clinic_id="tal-2", reasons=[])
    if batches:
        await office.hear(submitted(FIRST))
        handled = await office.handle(mixed_up, broken)
    else:
        handled = await office.handle(submitted(FIRST), mixed_up, broken)
    assert [(event, dead.reason) for event, dead in handled.dead] == [
        (mixed_up, "invalid_transition"),
        (broken, "invalid_transition"),
    ]
    assert (await office.state()).clinic_id == "samal-3"


async def test_r11_two_replicas_at_once_one_of_the_two_is_refused() -> None:
    here = await Office().prepared()
    there = Office(here.clinics, here.memory.as_database)
    requests = here.memory.collection("requests")
    second = submitted("Fri 2026-11-20 10:01", number=2)
    raced: list[Said] = []

    # The other replica takes the second request in the moment between this one's look and its write.
    async def other() -> None:
        raced.extend(await there.hear(second))

    def race() -> None:
        requests.before_write = None
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(asyncio.run, other()).result(10)

    requests.before_write = race
    events = await here.hear(submitted(FIRST))
    assert answers(raced) == {request_id(2): "accepted"}
    assert answers(events) == {request_id(1): "duplicate"}
    assert events[0].data["existing_request_id"] == request_id(2)


async def test_r11_what_is_kept_for_it_is_no_iin() -> None:
    office = await Office().prepared()
    await office.hear(submitted(FIRST))
    claim = (await office.state()).claim
    assert claim is not None
    assert claim.startswith("samal-3|")
    assert "850715" not in str(office.memory.collection("requests").docs)
