"""What waits goes out in its order, whatever fails: across processes, clinics and crashes (desk 3, 4)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import errors

from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.encryption import Vault
from homecall.runtime.failures import Transient
from homecall.runtime.settings import Settings
from services.desk.outbox import Outbox
from services.desk.store import actions as stores
from services.desk.store.actions import Action, Actions, Waiting
from tests.factories import MONDAY
from tests.unit.desk.reception import Broker, Reception, a_form
from tests.unit.runtime.memory import MemoryCollection, MemoryDatabase


class Desk:
    """Two processes of the desk on one store, and the time by which they wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = MemoryDatabase()
        self.vault = Vault.from_settings(Settings(_env_file=None, env="development"))
        self.actions = Actions(self.database.as_database, self.vault)
        self.broker = Broker()
        self.one, self.other = (Outbox(self.actions, self.broker) for _ in range(2))
        self.seconds = time.monotonic()
        self._patch = monkeypatch
        monkeypatch.setattr(time, "monotonic", lambda: self.seconds)

    @property
    def docs(self) -> dict[Any, dict[str, Any]]:
        collection: MemoryCollection = self.database.collection("actions")
        return collection.docs

    @property
    def sent(self) -> list[str]:
        return [event.id for event in self.broker.sent]

    def clock(self, offset: timedelta) -> None:
        """Put the real clock of the process that is at work this far from the true one."""

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # what the store asks for
                return datetime.now(tz) + offset

        self._patch.setattr(stores, "datetime", Clock)

    async def pass_time(self, seconds: float, *processes: Outbox) -> None:
        """Let these processes look for what is left every second."""
        for _ in range(int(seconds)):
            self.seconds += 1
            self.broker.heard_at = self.seconds
            for each in processes:
                await each.send()


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(monkeypatch)
    await made.actions.prepare()
    return made


def action(name: str, subject: str, clinic_id: str = "samal-1", topic: str = "homecall.requests.v1") -> Action:
    event = OutgoingRecord(
        topic=topic,
        key=clinic_id,
        value=b"{}",
        id=name,
        type="request.submitted",
        subject=subject,
        source="/homecall/desk",
        time=MONDAY.isoformat(),
    )
    return Action(name, clinic_id, "registrar", subject, event, MONDAY)


# ---- The order of a subject ------------------------------------------------------------------------------------------


async def test_a_process_whose_clock_is_behind_does_not_send_a_withdrawal_before_its_call(desk: Desk) -> None:
    desk.clock(timedelta(hours=1))
    await desk.one.put(action("call", "s1"))
    desk.clock(timedelta(hours=-1))
    await desk.other.put(action("withdrawal", "s1"))
    # Both have ended: a third process finds what they left.
    third = Outbox(desk.actions, desk.broker)
    await desk.pass_time(15, third)
    assert desk.sent == ["call", "withdrawal"]


async def test_an_own_action_waits_for_what_another_process_did_earlier(desk: Desk) -> None:
    await desk.one.put(action("call", "s1"))
    await desk.other.put(action("withdrawal", "s1"))
    await desk.other.put(action("other call", "s2"))
    await desk.other.send()
    assert desk.sent == ["other call"], "what is about another subject does not wait"
    await desk.one.send()
    assert desk.sent == ["other call", "call"]
    await desk.other.send()
    assert desk.sent == ["other call", "call", "withdrawal"]


async def test_what_an_ended_process_left_is_sent_first_and_once(desk: Desk) -> None:
    await desk.one.put(action("call", "s1"))
    await desk.other.put(action("withdrawal", "s1"))
    await desk.pass_time(9, desk.other)
    assert desk.sent == []
    await desk.pass_time(6, desk.other)
    assert desk.sent == ["call", "withdrawal"]
    await desk.one.send()
    assert len(desk.sent) == 2, "the one that was thought to have ended reads what became of it before it sends"


async def test_two_that_take_over_at_once_send_it_under_one_id(desk: Desk) -> None:
    """Both have read it before either has marked it."""
    await desk.one.put(action("call", "s1"))
    third = Outbox(desk.actions, desk.broker)
    await desk.pass_time(9, desk.other, third)
    desk.seconds += 10
    desk.broker.heard_at = desk.seconds
    both = asyncio.Barrier(2)
    sound = desk.broker.send

    async def send(events: Sequence[OutgoingRecord]) -> None:
        await both.wait()
        await sound(events)

    desk.broker.send = send  # type: ignore[method-assign]  # neither is acknowledged before both are sent
    assert await asyncio.gather(desk.other.send(), third.send()) == [1, 1]
    assert desk.sent == ["call", "call"]
    assert [event.value for event in desk.broker.sent] == [desk.broker.sent[0].value] * 2


async def test_those_that_are_left_wait_for_different_times(desk: Desk) -> None:
    many = [Outbox(desk.actions, desk.broker) for _ in range(20)]
    assert len({each._others_after for each in many}) > 10


async def test_after_an_outage_each_process_sends_its_own(desk: Desk) -> None:
    desk.broker.away = True
    await desk.one.put(action("call", "s1"))
    for _ in range(60):
        desk.seconds += 1
        await desk.other.send()
    desk.broker.away = False
    await desk.pass_time(5, desk.other)
    assert desk.sent == [], "nobody was late while the broker was away"
    await desk.one.send()
    assert desk.sent == ["call"]


async def test_two_processes_that_store_at_once_get_different_places(desk: Desk) -> None:
    collection = desk.database.collection("actions")

    def meanwhile() -> None:
        collection.before_write = None
        [now] = [int(datetime.now(UTC).timestamp() * 1000)]
        for order in range(now - 50, now + 1_000):
            collection.docs[f"by another {order}"] = {"_id": f"by another {order}", "subject": "s1", "order": order}

    collection.before_write = meanwhile
    assert await desk.one.put(action("call", "s1"))
    orders = [doc["order"] for doc in desk.docs.values()]
    assert len(orders) == len(set(orders))
    assert desk.docs["call"]["order"] == max(orders)


# ---- Crashes ---------------------------------------------------------------------------------------------------------


async def test_an_insert_whose_answer_was_lost_is_sent_at_once_and_known_again(desk: Desk) -> None:
    collection = desk.database.collection("actions")

    def lost() -> None:
        collection.after_write = None
        raise Transient("database", ConnectionError())

    collection.after_write = lost
    with pytest.raises(Transient):
        await desk.one.put(action("call", "s1"))
    assert not await desk.one.put(action("call", "s1")), "the form that is sent again is the same call"
    await desk.one.send()
    assert desk.sent == ["call"]


async def test_what_was_acknowledged_and_not_marked_is_sent_again_under_its_id(desk: Desk) -> None:
    await desk.one.put(action("call", "s1"))
    await desk.one.put(action("withdrawal", "s1"))
    collection = desk.database.collection("actions")

    def lost() -> None:
        collection.before_write = None
        raise Transient("database", ConnectionError())

    collection.before_write = lost
    with pytest.raises(Transient):
        await desk.one.send()
    await desk.one.send()
    assert desk.sent == ["call", "call", "withdrawal"]


async def test_one_id_about_another_subject_is_known_too(desk: Desk) -> None:
    await desk.one.put(action("form", "day 1"))
    assert not await desk.one.put(action("form", "day 2"))


# ---- What fails by itself --------------------------------------------------------------------------------------------


async def test_what_no_broker_takes_is_set_aside_and_holds_up_nothing(desk: Desk) -> None:
    desk.broker.poison = {"s2": errors.MessageSizeTooLargeError("too large")}
    for number in (1, 2, 3):
        await desk.one.put(action(f"call {number}", f"s{number}"))
    await desk.one.send()
    assert desk.sent == ["call 1", "call 3"]
    (aside,) = await desk.actions.unsent_of("samal-1")
    assert (aside.id, aside.refused) == ("call 2", "MessageSizeTooLargeError")
    assert (await desk.actions.count_unsent())[0] == 1, "it stands among what is not sent until somebody mends it"
    desk.broker.poison = {}
    await desk.one.send()
    assert len(desk.sent) == 2
    assert await desk.other.put(action("call 2", "s2")), "done again, it takes its place"
    await desk.other.send()
    assert desk.sent == ["call 1", "call 3", "call 2"]
    assert await desk.actions.unsent_of("samal-1") == []


async def test_the_page_of_a_call_that_no_broker_takes_says_so() -> None:
    reception = Reception()
    form = a_form()
    reception.broker.poison = {form["request_id"]: errors.MessageSizeTooLargeError("too large")}
    browser = reception.browser("registrar")
    assert (await browser.post("/calls/new", form)).status_code == 303
    await reception.outbox.send()
    page = (await browser.get(f"/calls/{form['request_id']}")).text
    assert "Не отправлено и само не отправится" in page
    assert form["full_name"] in page, "what was typed is there to be typed again"
    assert f'data-request-id="{form["request_id"]}"' in (await browser.get("/board")).text


async def test_what_was_refused_is_tried_again_by_the_next_start(desk: Desk) -> None:
    desk.broker.poison = {"s1": errors.MessageSizeTooLargeError("too large")}
    await desk.one.put(action("call", "s1"))
    await desk.one.send()
    desk.broker.poison = {}
    await desk.actions.prepare()
    await desk.one.send()
    assert desk.sent == ["call"]


async def test_an_event_that_fails_by_itself_is_passed_by_those_of_other_subjects(desk: Desk) -> None:
    desk.broker.poison = {"s1": Transient("broker", errors.UnknownError())}
    await desk.one.put(action("bad", "s1"))
    await desk.one.put(action("after it", "s1"))
    await desk.one.put(action("good", "s2"))
    for _ in range(5):
        try:
            await desk.one.send()
        except Transient:
            continue
    assert desk.sent == ["good"]
    desk.broker.poison = {}
    desk.seconds += 31
    await desk.one.send()
    assert desk.sent == ["good", "bad", "after it"]


async def test_during_an_outage_nothing_is_passed_by(desk: Desk) -> None:
    names = [f"call {number}" for number in range(5)]
    for name in names:
        await desk.one.put(action(name, name))
    desk.broker.away = True
    for _ in range(20):
        desk.seconds += 1
        with pytest.raises(Transient):
            await desk.one.send()
    desk.broker.away = False
    await desk.one.send()
    assert desk.sent == names


async def test_what_cannot_be_decrypted_waits_with_its_subject_alone(desk: Desk) -> None:
    await desk.one.put(action("call", "s1"))
    await desk.one.put(action("withdrawal", "s1"))
    await desk.one.put(action("other", "s2"))
    sealed = desk.docs["call"]["event"]["value"]
    desk.docs["call"]["event"]["value"] = sealed | {"k": "a key that is not here"}
    await desk.one.send()
    assert desk.sent == ["other"]
    desk.docs["call"]["event"]["value"] = sealed
    desk.seconds += 31
    await desk.one.send()
    assert desk.sent == ["other", "call", "withdrawal"]


async def test_a_clinic_whose_partition_hangs_does_not_hold_up_others(desk: Desk) -> None:
    free = asyncio.Event()
    sound = desk.broker.send

    async def send(events: Sequence[OutgoingRecord]) -> None:
        if events[0].key == "hanging":
            await free.wait()
        await sound(events)

    desk.broker.send = send  # type: ignore[method-assign]  # a broker with a partition that has no leader
    await desk.one.put(action("hangs", "s1", "hanging"))
    await desk.one.put(action("goes", "s2", "samal-1"))
    stopping = asyncio.Event()
    working = asyncio.create_task(desk.one.work(MONDAY, stopping))
    await _until(lambda: desk.sent == ["goes"])
    await desk.one.put(action("goes too", "s3", "samal-1"))
    desk.one.hurry()
    await _until(lambda: desk.sent == ["goes", "goes too"])
    free.set()
    await _until(lambda: desk.sent == ["goes", "goes too", "hangs"])
    stopping.set()
    await working


async def test_a_database_that_was_away_leaves_the_worker_at_work(desk: Desk) -> None:
    """It does not end with the outage: the service would say for ever that it waits."""
    away = 3
    sound = desk.actions.waiting

    async def waiting() -> list[Waiting]:
        nonlocal away
        away -= 1
        if away >= 0:
            desk.one.hurry()
            raise Transient("database", ConnectionError())
        return await sound()

    desk.actions.waiting = waiting  # type: ignore[method-assign,assignment]  # a database that comes back at the fourth time
    stopping = asyncio.Event()
    working = asyncio.create_task(desk.one.work(MONDAY, stopping))
    await desk.one.put(action("call", "s1"))
    await _until(lambda: desk.sent == ["call"])
    stopping.set()
    await working


async def test_what_is_stored_while_the_service_stops_is_still_sent(desk: Desk) -> None:
    stopping = asyncio.Event()
    stopping.set()
    await desk.one.put(action("last", "s1"))
    await desk.one.work(MONDAY, stopping)
    assert desk.sent == ["last"]


async def _until(condition: Any) -> None:
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come true")
