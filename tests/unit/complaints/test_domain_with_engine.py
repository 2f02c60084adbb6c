"""Complaints in the real engine, over a store in memory: batches, crashes before the number, timers, early commands."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from homecall.contract import topics
from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.clock import SystemClock
from homecall.runtime.failures import RetryForever
from homecall.runtime.settings import Settings, SettingsError
from services.complaints.app import build
from tests.unit.complaints.casebook import at, clinic, command, incoming, submission
from tests.unit.complaints.office import NOON, Office


def _submitted(when: str = "Tue 2026-11-24 09:40", **more: Any) -> Any:
    return incoming("complaint.submitted", submission(when, **more))


def _words(events: Sequence[OutgoingRecord]) -> list[str]:
    return [each.value.decode().split('"status":"')[1].split('"')[0] for each in events if "status" in each.type]


async def test_a_batch_says_all_of_it_in_order_and_the_same_again() -> None:
    office = Office()
    batch = [_submitted(), command("assigned", "Tue 2026-11-24 10:00"), command("answered", "Tue 2026-11-24 10:00")]
    first = await office.hear(*batch)
    assert _words(first.events) == ["delivered", "registered", "assigned", "answered"]
    assert set(first.results.values()) == {"handled"}
    again = await office.hear(*batch, now=NOON + timedelta(hours=1))
    assert again.events == first.events
    assert set(again.results.values()) == {"repeated"}
    assert len({each.id for each in first.events}) == 4


@pytest.mark.parametrize("by", ["replay", "timer"])
async def test_a_crash_between_the_complaint_and_its_number(by: str) -> None:
    office = Office()
    office.fail("pages", at_write=1)
    batch = [_submitted(), *(command(name, "Tue 2026-11-24 10:00") for name in ("assigned", "answered"))]
    with pytest.raises(RetryForever):
        await office.hear(*batch)
    if by == "timer":
        # Another replica takes it up after a while; the records, when they come again, find it done.
        taken_up = await office.tick(NOON + timedelta(minutes=1))
    replayed = await office.hear(*batch)
    assert (_words(replayed.events), replayed.dead) == (["delivered", "registered", "assigned", "answered"], [])
    if by == "timer":
        assert sorted(taken_up, key=lambda each: each.id) == sorted(replayed.events, key=lambda each: each.id)
    assert office.state().stages[0].number == "2026-1"


async def test_the_opening_registers_and_is_sent_once() -> None:
    office = Office()
    assert _words((await office.hear(_submitted("Mon 2026-11-23 20:30"))).events) == ["delivered"]
    opening = at("Tue 2026-11-24 08:00")
    assert _words(await office.tick(opening - timedelta(seconds=1))) == []
    events = await office.tick(opening + timedelta(minutes=7))
    assert _words(events) == ["registered"]
    assert [each.time for each in events] == ["2026-11-24T08:00:00+05:00"]
    assert await office.tick(opening + timedelta(minutes=8)) == []
    assert await office.swept() == []


async def test_an_opening_whose_number_was_left_is_said_though_a_batch_gives_it() -> None:
    office = Office()
    office.fail("pages", at_write=1)
    await office.hear(_submitted("Mon 2026-11-23 20:30"))
    opening = at("Tue 2026-11-24 08:00")
    with pytest.raises(RetryForever):
        await office.tick(opening)
    handled = await office.hear(command("assigned", "Tue 2026-11-24 08:01"))
    # No record would bring the opening back: whoever gives the number says it.
    assert sorted(_words(handled.events)) == ["assigned", "registered"]
    assert await office.swept() == []


@pytest.mark.parametrize("when", ["Tue 2026-11-24 09:40", "Mon 2026-11-23 20:30"])
async def test_a_command_before_its_complaint_waits_for_it(when: str) -> None:
    office = Office()
    early = command("assigned", "Tue 2026-11-24 10:00")
    assert (await office.hear(early)).events == []
    handled = await office.hear(_submitted(when))
    assert _words(handled.events) == ["delivered", "registered", "assigned"]
    assert await office.swept() == []
    assert (await office.hear(early)).results == {0: "repeated"}


async def test_a_clinic_published_a_moment_ago_is_looked_for_before_it_is_called_unknown() -> None:
    office = Office()
    office.table.behind = [clinic("new-7")]
    assert _words((await office.hear(_submitted(clinic_id="new-7"))).events) == ["delivered", "registered"]
    other = "11111111-0000-4000-8000-000000000000"
    assert _words((await office.hear(_submitted(clinic_id="old-7", complaint_id=other))).events) == ["refused"]


async def test_what_is_not_in_order_becomes_a_dead_letter_and_its_neighbours_go_on() -> None:
    office = Office()
    handled = await office.hear(
        _submitted(), command("answered", "Tue 2026-11-24 10:00"), command("assigned", "Tue 2026-11-24 10:00")
    )
    assert _words(handled.events) == ["delivered", "registered", "assigned"]
    ((event, death),) = handled.dead
    assert (event.type, death.reason) == ("complaint.answered", "invalid_transition")
    broken = await office.hear(command("answered", "Tue 2026-11-24 10:00", text=" "))
    assert [(death.reason, death.detail) for _, death in broken.dead] == [("schema", "text must not be empty")]


def _settings(**over: Any) -> Settings:
    return Settings(_env_file=None, **over)


def test_the_service_hears_complaints_and_needs_a_way_to_check_signatures() -> None:
    service = build(_settings(env="development", signatures="off", http_port=0), SystemClock())
    assert topics.COMPLAINTS_IN in service.topics
    for kind, missing in (("rsa", "HOMECALL_TRUST_STORE"), ("ncanode", "HOMECALL_NCANODE_URL")):
        with pytest.raises(SettingsError, match=rf"^{missing}"):
            build(_settings(env="development", signatures=kind), SystemClock())
