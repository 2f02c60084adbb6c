"""Who gets the last place does not depend on the order in which a store finds the calls, whatever crashed before."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from homecall.contract.envelope import Incoming
from tests.unit.scheduler.office import Office, Twin, accepted, cancelled, doctor, request_id, roster

NOW = "Fri 2026-11-20 10:00"
LATER = "Fri 2026-11-20 10:01"


async def crashed(office: Office, *batch: Incoming, found: Sequence[int]) -> Twin:
    """The process dies once these calls are stored; the next one finds the calls by number in the order ``found``."""
    calls = office.memory.collection("calls")
    calls.after_write = _killed
    with pytest.raises(RuntimeError, match="killed"):
        await office.hear(*batch)
    calls.after_write = None
    calls.docs = {request_id(number): calls.docs[request_id(number)] for number in found}
    return Twin(office.memory)


def _killed() -> None:
    raise RuntimeError("killed")


async def one_place() -> Office:
    office = Office()
    await office.hear(roster(doctor(max_visits=1)))
    return office


def placed(said: Sequence[tuple[str, str, object]]) -> list[str]:
    return [subject for event_type, subject, _ in said if event_type == "visit.scheduled"]


@pytest.mark.parametrize("found", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
async def test_a_batch_that_is_heard_again_gives_the_last_place_to_the_first_record(found: Sequence[int]) -> None:
    batch = [accepted(number=number) for number in (2, 3, 1)]
    assert placed(await (await crashed(await one_place(), *batch, found=found)).hear(*batch, now=NOW)) == [
        request_id(2)
    ]


@pytest.mark.parametrize("found", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
async def test_a_timer_gives_the_last_place_to_who_was_accepted_first_and_of_equals_to_the_lowest_id(
    found: Sequence[int],
) -> None:
    alike = sorted((1, 2), key=request_id)
    batch = [accepted(when=LATER, number=3), *(accepted(number=number) for number in reversed(alike))]
    assert placed(await (await crashed(await one_place(), *batch, found=found)).tick(LATER)) == [request_id(alike[0])]
    batch = [accepted(number=3), *(accepted(when=LATER, number=number) for number in alike)]
    assert placed(await (await crashed(await one_place(), *batch, found=found)).tick(LATER)) == [request_id(3)]


@pytest.mark.parametrize("found", [(1, 2), (2, 1)])
async def test_a_place_is_given_back_before_another_call_asks_for_it(found: Sequence[int]) -> None:
    office = await one_place()
    await office.hear(accepted(number=1))
    batch = [accepted(number=2), cancelled(1)]
    told = await (await crashed(office, *batch, found=found)).hear(*batch)
    assert sorted(event_type for event_type, _, _ in told) == ["visit.cancelled", "visit.scheduled"]
