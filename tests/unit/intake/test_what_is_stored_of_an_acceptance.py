"""What rests: no personal data stand in it, and the acceptance is made of it byte for byte, by any release."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from homecall.contract.envelope import OutgoingRecord, Record
from homecall.runtime.engine.published_events import PublishedEvents
from services.intake.domain import events
from services.intake.domain.retention import remains, said
from services.intake.domain.state import RequestState
from services.intake.resting import filled_in
from tests.unit.intake.office import Office, clinic, closed, known, request_id, submitted
from tests.unit.standard.local_times import at

MADE = "Fri 2026-11-20 10:00"
NAME, STREET, NOTE, PHONE = "Сынақ «Серік»", "Тал \\ көшесі\n27", '"register_number":7, ауырады', "+7 701 000 00 17"
FULL = {
    "patient": {"full_name": NAME, "phone": PHONE, "birth_date": "1985-05-05"},
    "address": {"text": STREET, "flat": "7", "lat": 43.25, "lon": 76.0},
    "note": NOTE,
    "temperature_c": 38.0,
}


async def accepted(office: Office, **over: Any) -> tuple[OutgoingRecord, RequestState, dict[str, Any]]:
    """A request that was heard: what was said, its state and what rests of it, both as they are stored."""
    (event,) = (await office.handle(submitted(MADE, **over))).events
    (stored,) = await office.store.requests.find({})
    assert stored.state is not None
    (rest,) = stored.resting.values()
    return event, stored.state, rest


async def test_no_personal_data_are_stored_a_second_time() -> None:
    event, state, rest = await accepted(await Office().prepared(), **FULL)
    assert all(each in json.loads(event.value).values() for each in (NOTE, 38.0))
    kept = json.dumps(rest, ensure_ascii=False)
    for each in (NAME, "Сынақ", STREET, "Тал", "ауырады", PHONE, "555", "43.25", "1985"):
        assert each not in kept
    assert filled_in(rest, state, 1) == event
    # What stands in it is written down: a field that is added must say whether an erasure has to reach it.
    assert set(rest) == {"type", "id", "key", "subject", "source", "time", "value", "facts", "before", "after"}
    own = json.loads(f'{{{rest["before"].lstrip(",")}"register_number":1{rest["after"]}')
    assert set(own) == {
        *("register_date", "register_number", "accepted_at", "clock_started_at", "due_at", "visit_date")
    }


@pytest.mark.parametrize("zone", ["Asia/Almaty", "Asia/Aqtobe", "Asia/Qyzylorda"])
@pytest.mark.parametrize("stated", ["2026-11-20T10:00:00+05:00", "2026-11-20T05:00:00Z", "2026-11-20T06:00:00.5+01:00"])
async def test_a_clinic_of_the_country_has_its_requests_rest_however_it_writes_times(zone: str, stated: str) -> None:
    office = await Office(known(clinic(zone=zone))).prepared()
    event, state, rest = await accepted(office, **FULL, submitted_at=stated)
    assert filled_in(rest, state, 1) == event


async def test_one_of_another_zone_is_stored_whole_for_its_times_are_kept_in_almatys() -> None:
    office = await Office(known(clinic(zone="Europe/Berlin"))).prepared()
    record = submitted("Fri 2026-11-20 14:00")
    (first,) = (await office.handle(record, now="Fri 2026-11-20 14:00")).events
    (stored,) = await office.store.requests.find({})
    assert (first.type, stored.state and stored.state.register_number, stored.resting) == ("request.accepted", 1, {})
    (again,) = (await Office(database=office.memory.as_database).handle(record)).events
    assert again == first


async def test_another_number_changes_the_number_alone() -> None:
    event, state, rest = await accepted(await Office().prepared(), **FULL)
    other = filled_in(rest, state, 4711)
    assert json.loads(other.value) == json.loads(event.value) | {"register_number": 4711}
    assert len(other.value) == len(event.value) + 3


async def test_a_later_release_says_it_as_it_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    office = await Office().prepared()
    record = submitted(MADE, **FULL)
    (first,) = (await office.handle(record)).events
    made = events.accepted
    monkeypatch.setattr(events, "accepted", lambda state: made(replace(state, request=state.request | {"note": "!"})))
    for likely_new in (True, False):
        later = Office(database=office.memory.as_database)
        if not likely_new:
            later.engine.likely_new = lambda _: ()  # type: ignore[method-assign]
        (again,) = (await later.handle(record)).events
        assert again == first
    other = await Office().prepared()
    assert "!" in (await other.handle(record)).events[0].value.decode(), "it would say it otherwise"


async def test_what_the_state_does_not_give_back_in_the_same_bytes_is_stored_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = events.accepted

    def otherwise(state: RequestState) -> Any:
        """As if the facts were written otherwise than they are kept."""
        return made(replace(state, request=state.request | {"flags": [*state.request["flags"], "iin_mismatch"]}))

    monkeypatch.setattr(events, "accepted", otherwise)
    office = await Office().prepared()
    record = submitted(MADE)
    (first,) = (await office.handle(record)).events
    (stored,) = await office.store.requests.find({})
    assert (stored.state and stored.state.register_number, stored.resting) == (1, {})
    assert [each for said in stored.processed.values() for each in said] == [first]
    monkeypatch.undo()
    (again,) = (await Office(database=office.memory.as_database).handle(record)).events
    assert again == first


async def test_an_erased_request_says_what_remains_of_it() -> None:
    event, state, rest = await accepted(await Office().prepared(), **FULL)
    again = filled_in(rest, remains(state), 1)
    assert json.loads(again.value) == said(event.type, json.loads(event.value))
    assert (again.id, again.time) == (event.id, event.time)
    for each in ("Сынақ", "Тал", "ауырады", PHONE):
        assert each not in again.value.decode()


async def test_a_migration_derives_its_fields_as_of_any_request() -> None:
    office = await Office().prepared()
    await office.hear(submitted(MADE, **FULL))
    doc = office.memory.collection("requests").docs[request_id(1)]
    older = {name: value for name, value in doc.items() if name not in {"day", "clinic", "over_on", "r"}}
    assert office.store.requests.derived(older)["day"] == doc["day"]
    assert office.store.requests.derived_over(older) == {"over_on": doc["over_on"]}


# ---- after a restore


def published(*told: OutgoingRecord) -> PublishedEvents:
    found = PublishedEvents("intake")
    for each in told:
        assert found.take(Record(each.topic, 0, 0, each.key.encode(), each.value, tuple(each.headers())))
    return found


async def restored(told: PublishedEvents, before: Office | None = None) -> Office:
    """Intake as a recovery runs it, over an empty store or the one of ``before``; pages have what was told."""
    office = Office() if before is None else Office(database=before.memory.as_database)
    if before is not None:
        office.memory = before.memory
    office.engine.published = told
    await office.store.pages.published(
        {"samal-3|2026-11-20": {data["request_id"]: data["register_number"] for data in told.all("request.accepted")}}
    )
    return office


@pytest.mark.parametrize("number", [1, 17])
async def test_a_recovery_takes_what_it_said_for_its_own_and_lets_it_rest_again(number: int) -> None:
    record = submitted(MADE, **FULL)
    first = await Office().prepared()
    (event,) = (await first.handle(record)).events
    (before,) = await first.store.requests.find({})
    assert before.state is not None
    (rest,) = before.resting.values()
    told = published(filled_in(rest, before.state, number))
    office = await restored(told)
    (again,) = (await office.handle(record, now="Fri 2026-11-27 12:00")).events
    assert json.loads(again.value) == json.loads(event.value) | {"register_number": number}
    assert (dict(told.as_told), dict(told.otherwise), dict(told.new)) == ({"request.accepted": 1}, {}, {})
    assert told.silent() == {}
    (after,) = await office.store.requests.find({})
    assert (after.state, after.resting, after.version) == (before.state, before.resting, before.version)
    told.close()


async def test_a_recovery_stores_whole_what_another_release_told_in_other_words() -> None:
    record = submitted(MADE, **FULL)
    (event,) = (await (await Office().prepared()).handle(record)).events
    data = json.loads(event.value)
    words = {"note": "басқаша"} | {name: value for name, value in data.items() if name != "note"}
    other = replace(event, value=json.dumps(words, ensure_ascii=False).encode())
    told = published(other)
    office = await restored(told)
    (again,) = (await office.handle(record, now="Fri 2026-11-27 12:00")).events
    assert again == other
    assert (dict(told.as_told), dict(told.otherwise), dict(told.new)) == ({}, {"request.accepted": 1}, {})
    (stored,) = await office.store.requests.find({})
    assert (stored.state and stored.state.register_number, stored.resting) == (1, {})
    told.close()


async def test_what_a_backup_has_at_rest_is_known_with_its_number() -> None:
    office = await Office().prepared()
    (event,) = (await office.handle(submitted(MADE, **FULL))).events
    found = await office.store.requests.find({})
    await office.engine.fill_in(found)
    assert [each for said in found[0].processed.values() for each in said] == [event]
    assert found[0].state is not None
    assert found[0].state.register_number == 1


async def test_a_closed_one_is_read_with_its_number() -> None:
    office = await Office().prepared()
    await office.hear(submitted(MADE))
    await office.engine.handle([closed(1, 1, "Fri 2026-11-20 12:00")], at("Fri 2026-11-20 12:00"))
    (read,) = (await office.store.read([request_id(1)])).values()
    assert read.state is not None
    assert (read.state.status, read.state.register_number) == ("closed", 1)
