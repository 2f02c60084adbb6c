"""A withdrawal in each state of a request, and the register's numbers around it."""

import pytest

from homecall.contract.envelope import Incoming
from homecall.contract.iins import iin_check_digit
from tests.unit.intake.office import Office, clinic, closed, known, request_id, submitted, withdrawn
from tests.unit.standard.local_times import at

REQUEST = "Fri 2026-11-20 10:00"


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ([submitted(REQUEST)], {"register_number": 1, "register_date": "2026-11-20"}),
        ([submitted("Fri 2026-11-20 19:00", "portal")], {}),
    ],
    ids=["accepted", "deferred"],
)
async def test_cancelled_with_the_number_it_had(before: list[Incoming], said: dict[str, object]) -> None:
    office = await Office().prepared()
    await office.hear(*before)
    (cancelled,) = await office.hear(withdrawn("Fri 2026-11-20 20:00"))
    assert cancelled.type == "request.cancelled"
    assert {
        name: cancelled.data[name] for name in ("register_number", "register_date") if name in cancelled.data
    } == said
    assert cancelled.data["at"] == "2026-11-20T20:00:00+05:00"
    assert cancelled.data["patient"]["full_name"] == "Сынақ Серік"
    state = await office.state()
    assert (state.status, state.claim) == ("cancelled", None)


@pytest.mark.parametrize(
    "before",
    [
        [submitted("Fri 2026-11-20 07:00")],
        [submitted(REQUEST), closed(1, 2, "Fri 2026-11-20 12:00")],
        [submitted(REQUEST, "desk", identity_document=None)],
    ],
    ids=["refused", "its visit made", "refused unread"],
)
async def test_nothing_left_to_withdraw(before: list[Incoming]) -> None:
    office = await Office().prepared()
    await office.hear(*before)
    status = (await office.state()).status
    handled = await office.handle(withdrawn("Fri 2026-11-20 13:00"))
    assert [dead.reason for _, dead in handled.dead] == ["invalid_transition"]
    assert handled.events == []
    assert (await office.state()).status == status


async def test_a_second_withdrawal_changes_nothing() -> None:
    office = await Office().prepared()
    await office.hear(submitted(REQUEST), withdrawn("Fri 2026-11-20 11:00"))
    handled = await office.handle(withdrawn("Fri 2026-11-20 12:00"))
    assert (handled.events, handled.dead) == ([], [])
    assert (await office.state()).cancelled_at == at("Fri 2026-11-20 11:00")


async def test_only_its_own_clinic_withdraws_a_request() -> None:
    office = await Office(known(clinic(), clinic("tal-2"))).prepared()
    await office.hear(submitted(REQUEST))
    handled = await office.handle(withdrawn("Fri 2026-11-20 11:00", clinic_id="tal-2"))
    assert [dead.reason for _, dead in handled.dead] == ["invalid_transition"]
    assert (await office.state()).status == "accepted"


async def test_acceptance_and_withdrawal_in_one_batch_are_both_said() -> None:
    office = await Office().prepared()
    batch = [submitted(REQUEST), withdrawn("Fri 2026-11-20 10:01")]
    events = await office.hear(*batch)
    assert [each.type for each in events] == ["request.accepted", "request.cancelled"]
    assert [each.data["register_number"] for each in events] == [1, 1]
    assert await office.hear(*batch) == events


async def test_a_withdrawal_before_its_request_waits_and_goes_out_with_it() -> None:
    office = await Office().prepared()
    early = withdrawn("Fri 2026-11-20 10:01")
    assert await office.hear(early) == []
    events = await office.hear(submitted(REQUEST))
    assert [each.type for each in events] == ["request.accepted", "request.cancelled"]
    assert (await office.state()).status == "cancelled"
    # The offset of the withdrawal is committed long since: nothing would bring it back.
    assert await office.hear(early) == events[1:]


async def test_a_withdrawal_that_waited_for_a_refused_request_becomes_a_dead_letter() -> None:
    office = await Office().prepared()
    await office.hear(withdrawn("Fri 2026-11-20 10:01"))
    (refused,) = await office.hear(submitted("Fri 2026-11-20 07:00"))
    assert refused.type == "request.refused"
    due = await office.engine.due(at("Mon 2026-11-23 12:00"))
    assert [(record.topic, dead.reason) for record, dead in due.dead] == [
        ("homecall.requests.v1", "invalid_transition")
    ]
    await office.engine.sent(due)
    assert (await office.engine.due(at("Mon 2026-11-23 12:01"))).dead == []


# ---- numbers


async def test_numbers_run_by_clinic_and_day_in_the_order_of_the_batch() -> None:
    office = await Office(known(clinic(), clinic("tal-2"))).prepared()
    people = [f"8507151{number:04d}" for number in range(6)]
    events = await office.hear(
        submitted(REQUEST, number=1, patient={"iin": _iin(people[0])}),
        submitted("Fri 2026-11-20 19:00", "portal", number=2, patient={"iin": _iin(people[1])}),
        submitted(REQUEST, number=3, patient={"iin": _iin(people[2])}),
        submitted(REQUEST, number=4, clinic_id="tal-2", patient={"iin": _iin(people[3])}),
        submitted("Sat 2026-11-21 10:00", number=5, patient={"iin": _iin(people[4])}),
        submitted("Fri 2026-11-20 17:00", number=6, patient={"iin": _iin(people[5])}),
    )
    numbers = {each.subject: each.data["register_number"] for each in events if each.type == "request.accepted"}
    assert numbers == {request_id(1): 1, request_id(3): 2, request_id(4): 1, request_id(5): 1, request_id(6): 3}


async def test_a_withdrawn_number_is_not_given_again() -> None:
    office = await Office().prepared()
    await office.hear(submitted(REQUEST), withdrawn("Fri 2026-11-20 10:01"))
    (accepted,) = await office.hear(submitted("Fri 2026-11-20 10:02", number=2))
    assert accepted.data["register_number"] == 2
    assert (await office.state()).register_number == 1


def _iin(first: str) -> str:
    digit = iin_check_digit(first)
    assert digit is not None
    return f"{first}{digit}"
