"""What the stores promise, on every database at hand.

The one in memory that unit tests use promises the same: tests/unit/runtime/test_memory.py.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from pymongo import UpdateOne

from homecall.contract.envelope import Incoming, OutgoingRecord, outgoing
from homecall.contract.events import RequestCancelled
from homecall.contract.iins import iin_check_digit
from homecall.runtime.clock import SystemClock
from homecall.runtime.engine.decision import Dead
from homecall.runtime.mongo.aggregate import Aggregate, Parked
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis, moment_of
from homecall.runtime.mongo.sequence import Sequences
from services.notifier.domain.facts import Facts
from services.notifier.domain.messages import Mailing, taken_up
from services.notifier.domain.quiet_hours import Policy
from services.notifier.domain.state import Call as LineOfRegister
from services.notifier.domain.state import SmsNotice
from services.notifier.handler import NotifierEngine
from services.notifier.store import Calls, Mailings, OptOuts, Receipts
from services.scheduler.domain.bookings import Call
from services.scheduler.domain.clinic_day import ClinicDay, Mark
from services.scheduler.store import SchedulerStore
from tests.infrastructure import stack
from tests.unit.intake import office as intake
from tests.unit.runtime.tally import Tally, subject, tallies
from tests.unit.scheduler import office as scheduler
from tests.unit.standard.local_times import at

NOW = at("Fri 2026-11-20 10:00")


@pytest.fixture
async def database(every_mongo: stack.Server) -> AsyncIterator[Database]:
    """A service's own database, empty."""
    found = Database(every_mongo.address, f"test_{uuid.uuid4().hex[:12]}")
    yield found
    await found.drop()
    await found.close()


def new(number: int, **over: Any) -> Aggregate[Tally]:
    """An aggregate that has not been stored."""
    return Aggregate(subject(number), state=Tally(subject(number), **over), changed=True)


def said(number: int, text: str) -> OutgoingRecord:
    event = RequestCancelled.model_validate(
        {"request_id": subject(number), "clinic_id": "samal-3", "at": NOW.isoformat(), "reason": text}
    )
    made = outgoing(event, service="intake", causation_id="c" * 32, time=NOW.isoformat(), sibling=text)
    return replace(made, traceparent="00-x")


def ids(*numbers: int) -> set[str]:
    return {subject(number) for number in numbers}


class StorePromises:
    """Held by every database that gives its ``database`` fixture."""

    # ---- aggregates

    async def test_what_was_saved_is_loaded_as_it_was(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.prepare()
        one = new(1, words=["қызу", "a.b", "$c"], speaks_at="2026-11-20T10:00:00.123456+05:00")
        one.add("a" * 32, [said(1, "first"), said(1, "second")])
        one.add("b" * 32, [])
        headers = [["ce_id", b"e1"], ["other", None]]
        record = {
            "topic": "t",
            "partition": 3,
            "offset": 2**40,
            "key": b"\xff",
            "value": b"{}",
            "headers": headers,
            "timestamp": 1_790_000_000_000,
        }
        dead = Dead("invalid_transition", "no")
        one.parked = [Parked("p" * 32, NOW, record), Parked("q" * 32, NOW, record, dead)]
        one.outbox = ["b" * 32, "a" * 32]
        assert await store.save([one]) == set()
        assert (one.version, one.changed, one.fresh) == (1, False, {})
        again = (await store.load(ids(1, 2)))[subject(1)]
        assert (again.version, again.state, again.outbox) == (1, one.state, one.outbox)
        assert (again.processed, again.is_processed("b" * 32)) == (one.processed, True)
        assert again.said("a" * 32) == [said(1, "first"), said(1, "second")]
        assert [(kept.causation_id, kept.until, kept.dead) for kept in again.parked] == [
            ("p" * 32, NOW, None),
            ("q" * 32, NOW, dead),
        ]
        assert [kept.record for kept in again.parked] == [record, record]
        assert await store.load([]) == {}

    async def test_what_was_stored_for_a_record_is_owed_until_that_is_passed(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        one = new(1)
        for place, causation_id in enumerate("abc"):
            one.add(causation_id * 32, [said(1, causation_id)] if causation_id != "b" else [])
            one.places[causation_id * 32] = ("homecall.requests.v1", 3, 2**40 + place)
        await store.save([one])
        passed = {3: 2**40}
        store.passed = lambda _, partition: passed[partition]
        assert (await store.load(ids(1)))[subject(1)].outbox == ["a" * 32, "c" * 32]
        passed[3] += 1
        (again,) = (await store.load(ids(1))).values()
        assert again.outbox == ["c" * 32]
        await store.sent([again])
        # Who stores it next has said it first: what was owed then is marked, or done.
        again.outbox, again.changed = [], True
        assert await store.save([again]) == set()
        assert (await store.load(ids(1)))[subject(1)].outbox == []

    async def test_further_events_of_a_cause_follow_those_before(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        one = new(1)
        one.add("a" * 32, [said(1, "first")])
        await store.save([one])
        one.add("a" * 32, [said(1, "second")])
        await store.save([one])
        again = (await store.load(ids(1)))[subject(1)]
        assert again.said("a" * 32) == [said(1, "first"), said(1, "second")]

    async def test_a_field_of_another_release_is_left_alone_or_has_its_default(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.save([new(1, words=["a"])])
        collection = database.collection("t")
        (doc,) = await collection.find({"_id": subject(1)})
        kept = {name: value for name, value in doc["s"].items() if name != "claim"} | {"of_a_later_release": 1}
        await collection.write([UpdateOne({"_id": subject(1)}, {"$set": {"s": kept}})])
        state = (await store.load(ids(1)))[subject(1)].state
        assert state == Tally(subject(1), words=["a"])

    async def test_timers_are_found_when_they_are_due_the_oldest_first(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.prepare()
        minutes = {1: 30, 2: 10, 3: 20, 4: 40}
        many = [new(each, speaks_at=(NOW + timedelta(minutes=after)).isoformat()) for each, after in minutes.items()]
        await store.save([*many, new(5)])
        half_past = NOW + timedelta(minutes=30)
        assert [each.id for each in await store.due(half_past, 10)] == [subject(2), subject(3), subject(1)]
        assert [each.id for each in await store.due(half_past, 1)] == [subject(2)]
        assert await store.due(NOW + timedelta(minutes=9, seconds=59, milliseconds=999), 10) == []
        assert many[1].state is not None
        many[1].state = replace(many[1].state, speaks_at=None)
        await store.save([many[1]])
        assert [each.id for each in await store.due(half_past, 10)] == [subject(3), subject(1)]

    async def test_the_earliest_of_a_timer_and_what_is_parked_counts(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        one = new(1, speaks_at=(NOW + timedelta(hours=2)).isoformat())
        one.parked = [Parked("p" * 32, NOW + timedelta(hours=1), {})]
        await store.save([one])
        assert len(await store.due(NOW + timedelta(hours=1), 10)) == 1
        one.timer_at = NOW
        await store.save([one])
        assert len(await store.due(NOW, 10)) == 1

    async def test_what_is_unsent_is_found_until_it_was_sent(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.prepare()
        one, two = new(1), new(2)
        one.outbox = ["a" * 32]
        await store.save([one, two])
        later = datetime.now(UTC) + timedelta(seconds=5)
        assert await store.unsent(later - timedelta(minutes=1), 10) == []
        (found,) = await store.unsent(later, 10)
        assert (found.id, found.outbox) == (subject(1), ["a" * 32])
        # It changes before the mark is cleared: the mark stays.
        await store.save([one])
        await store.sent([found])
        assert len(await store.unsent(later, 10)) == 1
        await store.sent([one])
        assert await store.unsent(later, 10) == []

    async def test_groups_are_counted_with_the_oldest_of_each(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        later = (NOW + timedelta(hours=1)).isoformat()
        words = ["a", "b"]
        await store.save(
            [
                new(1, words=words, speaks_at=later),
                new(2, words=words, speaks_at=NOW.isoformat()),
                new(3, speaks_at=later),
                new(4),
            ]
        )
        rows = await store.group({"timer_at": {"$exists": True}}, "group", "timer_at")
        assert sorted(rows) == [("few", 1, millis(NOW + timedelta(hours=1))), ("many", 2, millis(NOW))]
        assert await store.group({"timer_at": {"$lte": 0}}, "group", "timer_at") == []

    async def test_it_is_found_by_an_indexed_field_while_it_has_one(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.prepare()
        one = new(1, claim="x")
        await store.save([one, new(2, claim="y"), new(3)])
        assert [each.id for each in await store.find({"claim": {"$in": ["x", "z"]}})] == [subject(1)]
        assert one.state is not None
        one.state = replace(one.state, claim=None)
        await store.save([one])
        assert await store.find({"claim": {"$in": ["x", "z"]}}) == []

    async def test_indexes_may_be_made_again(self, database: Database) -> None:
        for _ in range(2):
            await tallies(database.collection("t")).prepare()
            await intake.IntakeStore(database).prepare()
            await SchedulerStore(database).prepare()

    # ---- messages to patients

    async def test_calls_with_notices_are_found_until_they_were_taken_up(self, database: Database) -> None:
        store = Calls(database)
        await store.prepare()
        noted = SmsNotice(1, "scheduled", NOW, "т", urgent=False, use_until=NOW, needed_by=NOW, asked_at=None)
        one = Aggregate(subject(1), state=LineOfRegister(subject(1), "c", notices=[noted]), changed=True)
        two = Aggregate(subject(2), state=LineOfRegister(subject(2), "c"), changed=True)
        await store.save([one, two])
        (found,) = await store.to_notify(10)
        assert (found.id, found.state) == (subject(1), one.state)
        # It changes before the mark is cleared: the mark stays.
        await store.save([one])
        await store.notified([found])
        assert len(await store.to_notify(10)) == 1
        await store.notified([one])
        assert await store.to_notify(10) == []

    async def test_messages_that_wait_are_counted_with_the_oldest(self, database: Database) -> None:
        store = Mailings(database)
        await store.prepare()
        noted = SmsNotice(1, "scheduled", NOW, "т", urgent=False, use_until=NOW, needed_by=NOW, asked_at=None)
        (created,) = taken_up(Mailing(subject(0), "c"), [noted], Policy(frozenset())).messages
        later = replace(created, may_go_at=NOW + timedelta(hours=1))
        states = [[created], [later], [replace(created, state="sent")], []]
        await store.save(
            [Aggregate(subject(n), state=Mailing(subject(n), "c", each), changed=True) for n, each in enumerate(states)]
        )
        assert await store.waiting() == (2, millis(NOW))
        assert [each.id for each in await store.due(NOW, 10)] == [subject(0), subject(1)]

    async def test_a_gateways_id_and_what_was_reported_of_it_find_each_other(self, database: Database) -> None:
        store = Receipts(database)
        await store.early({"b": "sent", "c": "delivered", "x": "failed"}, NOW)
        await store.early({"b": "delivered", "c": "sent", "d": "failed"}, NOW)
        assert await store.named(["a", "b"]) == {}
        names = {each: (subject(1), place) for place, each in enumerate("abcd")}
        assert await store.name(names, NOW) == {"b": "delivered", "c": "delivered", "d": "failed"}
        assert await store.named([*names, "x"]) == names
        assert await store.name(names, NOW) == {"b": "delivered", "c": "delivered", "d": "failed"}
        await store.early({"a": "sent"}, NOW)
        assert await store.named(["a"]) == {"a": (subject(1), 0)}

    async def test_a_report_and_a_name_at_once_miss_each_other_never(self, database: Database) -> None:
        store = Receipts(database)

        async def report(gateway_id: str) -> bool:
            await store.early({gateway_id: "delivered"}, NOW)
            return gateway_id in await store.named([gateway_id])

        for number in range(20):
            gateway_id = f"g-{number}"
            reported, named = await asyncio.gather(report(gateway_id), store.name({gateway_id: ("r", 1)}, NOW))
            assert reported or named == {gateway_id: "delivered"}

    async def test_opt_outs_are_kept_until_they_are_taken_back(self, database: Database) -> None:
        store = OptOuts(database)
        for stopped in (True, True, False, True):
            await store.change("h1", NOW, stopped=stopped)
            await store.change("h2", NOW, stopped=False)
            assert await store.among({"h1", "h2", "h3"}) == ({"h1"} if stopped else set())
        assert await store.among(set()) == set()

    # ---- races

    async def test_of_many_changes_at_once_one_wins(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.save([new(1)])
        rivals = [(await store.load(ids(1)))[subject(1)] for _ in range(12)]
        for number, each in enumerate(rivals):
            each.state = Tally(subject(1), words=[str(number)])
        lost = await asyncio.gather(*[store.save([each]) for each in rivals])
        (winner,) = [number for number, each in enumerate(lost) if not each]
        stored = (await store.load(ids(1)))[subject(1)]
        assert (stored.version, stored.state) == (2, rivals[winner].state)

    async def test_of_many_new_ones_with_one_id_one_wins(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        rivals = [new(1, words=[str(number)]) for number in range(12)]
        lost = await asyncio.gather(*[store.save([each]) for each in rivals])
        (winner,) = [number for number, each in enumerate(lost) if not each]
        assert (await store.load(ids(1)))[subject(1)].state == rivals[winner].state

    async def test_of_many_with_one_claim_one_wins(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.prepare()
        await store.save([new(number) for number in range(6)])
        old = list((await store.load(ids(*range(6)))).values())
        for each in old:
            each.state = Tally(each.id, claim="one")
        rivals = [*old, *[new(number, claim="one") for number in range(6, 12)]]
        lost = await asyncio.gather(*[store.save([each]) for each in rivals])
        assert Counter(bool(each) for each in lost) == {True: 11, False: 1}
        assert len(await store.find({"claim": "one"})) == 1

    async def test_a_claim_that_was_given_up_may_be_taken(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.prepare()
        one = new(1, claim="one")
        await store.save([one])
        assert await store.save([new(2, claim="one")]) == ids(2)
        one.state = Tally(subject(1))
        assert await store.save([one]) == set()
        assert await store.save([new(2, claim="one")]) == set()

    async def test_what_was_read_is_confirmed_until_somebody_changes_it(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.save([new(1), new(2), new(3)])
        read = await store.load(ids(1, 2, 3))
        assert await store.confirm([*read.values()]) == set()
        await store.save([(await store.load(ids(2)))[subject(2)]])
        assert await store.confirm([*read.values(), new(4)]) == ids(2, 4)
        # It changes nothing that a writer compares.
        assert await store.save([read[subject(1)]]) == set()
        assert await store.confirm([]) == set()

    async def test_losers_of_every_kind_in_one_write_leave_the_winners_alone(self, database: Database) -> None:
        store = tallies(database.collection("t"))
        await store.prepare()
        await store.save([new(1), new(2), new(3, claim="one")])
        stale = deepcopy((await store.load(ids(1)))[subject(1)])
        fresh = await store.load(ids(1, 2))
        await store.save([fresh[subject(1)]])
        fresh[subject(2)].state = Tally(subject(2), words=["won"])
        batch = [
            stale,
            new(2),
            new(4, claim="one"),
            fresh[subject(2)],
            new(5, claim="two"),
            new(6),
            new(7, claim="two"),
        ]
        # One write holds no id twice: the second aggregate of an id goes by itself.
        assert await store.save([batch.pop(1)]) == ids(2)
        lost = await store.save(batch)
        assert lost in (ids(1, 4, 7), ids(1, 4, 5))
        kept = await store.load(ids(*range(1, 8)))
        assert set(kept) == ids(1, 2, 3, 5, 6, 7) - (lost - ids(1))
        assert kept[subject(2)].state == Tally(subject(2), words=["won"])
        assert kept[subject(1)].version == 2

    # ---- pages

    async def test_numbers_run_from_one_in_the_order_asked(self, database: Database) -> None:
        pages = Sequences(database.collection("p"))
        wanted = [("samal|20", "a"), ("tal|20", "b"), ("samal|20", "c"), ("samal|20", "a")]
        assert await pages.allocate(wanted) == {("samal|20", "a"): 1, ("tal|20", "b"): 1, ("samal|20", "c"): 2}
        more = await pages.allocate([("samal|20", "d"), ("samal|20", "a"), ("tal|21", "d")])
        assert {key: more[key] for key in [("samal|20", "d"), ("samal|20", "a"), ("tal|21", "d")]} == {
            ("samal|20", "d"): 3,
            ("samal|20", "a"): 1,
            ("tal|21", "d"): 1,
        }
        assert await pages.allocate([]) == {}

    async def test_asking_again_changes_nothing(self, database: Database) -> None:
        pages = Sequences(database.collection("p"))
        wanted = [("page", subject(number)) for number in range(5)]
        first = await pages.allocate(wanted)
        before = database.commands
        assert await Sequences(database.collection("p")).allocate(list(reversed(wanted))) == first
        assert database.commands - before == 1
        assert await pages.allocate(wanted) == first
        assert database.commands - before == 1, "what it wrote last is known"

    async def test_a_page_that_somebody_else_wrote_meanwhile_is_read_again(self, database: Database) -> None:
        one, other = Sequences(database.collection("p")), Sequences(database.collection("p"), keep=0)
        assert await one.allocate([("page", "a")]) == {("page", "a"): 1}
        assert await other.allocate([("page", "b")]) == {("page", "b"): 2}
        assert await one.allocate([("page", "c"), ("page", "b")]) == {("page", "c"): 3, ("page", "b"): 2}
        assert await other.allocate([("page", "c"), ("page", "d")]) == {("page", "c"): 3, ("page", "d"): 4}

    async def test_however_many_ask_at_once_there_is_no_gap_and_no_double(self, database: Database) -> None:
        pages = Sequences(database.collection("p"))
        # Each asks for some that others ask for too, on two pages, three times over.
        asked = [
            [(f"page {number % 2}", f"{number % 23}") for number in range(start, start + 9)]
            for start in range(0, 40, 4)
        ]
        given = await asyncio.gather(*[_thrice(pages, each) for each in asked])
        final: dict[tuple[str, str], set[int]] = {}
        for numbers, wanted in zip(given, asked, strict=True):
            for key in wanted:
                final.setdefault(key, set()).add(numbers[key])
        assert all(len(numbers) == 1 for numbers in final.values()), "a subject has two numbers"
        for page in ("page 0", "page 1"):
            numbers_of_page = sorted(number for (on, _), (number,) in final.items() if on == page)
            assert numbers_of_page == list(range(1, len(numbers_of_page) + 1))

    # ---- a clinic's days

    async def test_a_day_is_loaded_as_it_was_saved(self, database: Database) -> None:
        store = SchedulerStore(database)
        await store.prepare()
        key = f"{scheduler.CLINIC}|{scheduler.FRIDAY}"
        day = (await store.load_days([key]))[key]
        day.take_roster(scheduler.roster_event(scheduler.doctor()), "cause-1")
        day.take_unavailable("a", at("Fri 2026-11-20 11:30"), "cause-2")
        place = day.place(_call(1), NOW)
        day.place(_call(2), NOW)
        day.tell(subject(1), Mark("cause-2", "doctor_unavailable"))
        assert await store.save_days([day]) == set()
        assert await store.dirty_days() == [key]
        again = (await store.load_days([key]))[key]
        assert _told(again) == _told(day)
        assert again.bookings.get(subject(1)) == place
        again.free(subject(2), NOW)
        again.clean()
        assert await store.save_days([again]) == set()
        last = (await store.load_days([key]))[key]
        assert (last.bookings.keys(), last.moved, last.dirty, last.version) == ({subject(1)}, {}, None, 2)
        assert await store.dirty_days() == []
        assert await store.loads(date.fromisoformat(scheduler.FRIDAY)) == {
            scheduler.CLINIC: {"waiting": 0, "placed": 1, "capacity": 1, "light": 0, "busy": 0, "full": 0}
        }
        assert await store.loads(date.fromisoformat(scheduler.FRIDAY) + timedelta(days=1)) == {}

    async def test_no_more_days_are_kept_in_memory_than_they_may_have_bookings(self, database: Database) -> None:
        store = SchedulerStore(database, bookings_held=3)
        for clinic in range(3):
            (day,) = (await store.load_days([f"clinic-{clinic}|{scheduler.FRIDAY}"])).values()
            day.take_roster(scheduler.roster_event(scheduler.doctor()), f"cause-{clinic}")
            assert all(day.place(_call(10 * clinic + number), NOW) is not None for number in range(2))
            await store.save_days([day])
        # The two of the last one alone: with those of the one before they were four.
        assert list(store._kept) == [f"clinic-2|{scheduler.FRIDAY}"]
        again = await store.load_days([f"clinic-{clinic}|{scheduler.FRIDAY}" for clinic in range(3)])
        assert [len(day.bookings) for day in again.values()] == [2, 2, 2]
        assert store._bookings == 0, "none is in memory now"

    async def test_no_place_of_a_day_is_given_twice(self, database: Database) -> None:
        store = SchedulerStore(database)
        key = f"{scheduler.CLINIC}|{scheduler.FRIDAY}"
        day = (await store.load_days([key]))[key]
        day.take_roster(scheduler.roster_event(scheduler.doctor()), "cause-1")
        await store.save_days([day])

        async def book(number: int) -> bool:
            while True:
                mine = (await store.load_days([key]))[key]
                if mine.place(_call(number), NOW) is None:
                    return False
                if not await store.save_days([mine]):
                    return True

        booked = await asyncio.gather(*[book(number) for number in range(6)])
        assert booked.count(True) == 4  # from 10 to 12, half an hour each: 10 minutes' travel and 20 of visit
        final = (await store.load_days([key]))[key]
        ends = sorted(visit.ends_at for visit in final.bookings.values() if visit.ends_at is not None)
        assert all(later - earlier >= timedelta(minutes=30) for earlier, later in pairwise(ends))
        assert ends[-1] <= at("Fri 2026-11-20 12:00")

    async def test_two_that_begin_a_day_one_wins(self, database: Database) -> None:
        store = SchedulerStore(database)
        days = [ClinicDay(scheduler.CLINIC, date.fromisoformat(scheduler.FRIDAY)) for _ in range(6)]
        for number, day in enumerate(days):
            day.mark_dirty(f"cause-{number}", "room")
        lost = await asyncio.gather(*[store.save_days([day]) for day in days])
        assert Counter(bool(each) for each in lost) == {True: 5, False: 1}

    async def test_who_waits_for_a_day_and_why(self, database: Database) -> None:
        office = scheduler.Office(database=database)
        await office.store.prepare()
        await office.hear(scheduler.accepted(number=1), scheduler.accepted(number=2))
        await office.hear(scheduler.reported("Fri 2026-11-20 10:20", number=2))
        waiting = await office.store.waiting([f"{scheduler.CLINIC}|{scheduler.FRIDAY}"])
        assert [each.id for each in waiting] == [scheduler.request_id(1)]
        assert await office.store.unplaced() == {"no_roster": 1}
        assert (await office.store.loads(date.fromisoformat(scheduler.FRIDAY)))[scheduler.CLINIC]["waiting"] == 1
        assert await office.store.open_visits() == [("phone", 1, millis(NOW))]

    # ---- no query and no write per record

    @pytest.mark.parametrize("service", ["intake", "scheduler", "notifier"])
    async def test_a_batch_of_200_asks_no_more_often_than_one_of_20(self, database: Database, service: str) -> None:
        handle, batch_of = await HANDLERS[service](database)
        asked = []
        for first, size in ((0, 20), (1000, 200)):
            batch = batch_of(first, size)
            before = database.commands
            handled = await handle(batch)
            for done in handled.after:
                await done()
            asked.append(database.commands - before)
            assert len(handled.events) >= size
            assert handled.dead == []
        assert asked[1] <= asked[0] <= 12


class TestEveryMongo(StorePromises):
    """On each database at hand."""


class TestPyMongosOwnClient(StorePromises):
    """With the other client, on one server."""

    @pytest.fixture
    async def database(self, mongo: stack.Server) -> AsyncIterator[Database]:
        """A service's own database, empty."""
        found = Database(mongo.address, f"test_{uuid.uuid4().hex[:12]}", "pymongo")
        yield found
        await found.drop()
        await found.close()


async def _thrice(pages: Sequences, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    first = await pages.allocate(wanted)
    for _ in range(2):
        again = await pages.allocate(wanted)
        assert all(again[key] == first[key] for key in wanted)
    return first


def _call(number: int) -> Call:
    return Call(subject(number), False, "d1", "same_day", False, NOW)


def _told(day: ClinicDay) -> tuple[Any, ...]:
    return day.version, day.roster, day.unavailable, day.bookings, day.moved, day.dirty


@pytest.mark.parametrize("moment", [NOW, NOW + timedelta(microseconds=1), NOW + timedelta(milliseconds=1)])
def test_moments_are_kept_by_the_millisecond_and_never_early(moment: datetime) -> None:
    kept = moment_of(millis(moment))
    assert timedelta(0) <= kept - moment < timedelta(milliseconds=1)


# ---- the services, each with a batch of so many records of as many people

Handle = Callable[[Sequence[Incoming]], Awaitable[Any]]
BatchOf = Callable[[int, int], list[Incoming]]


async def _intake(database: Database) -> tuple[Handle, BatchOf]:
    office = intake.Office(database=database)
    await office.store.prepare()

    def batch(first: int, size: int) -> list[Incoming]:
        return [
            intake.submitted("Fri 2026-11-20 10:00", number=number, patient={"iin": _iin(number)})
            for number in range(first, first + size)
        ]

    return lambda events: office.engine.handle(events, NOW), batch


async def _scheduler(database: Database) -> tuple[Handle, BatchOf]:
    office = scheduler.Office(database=database)
    await office.store.prepare()

    def batch(first: int, size: int) -> list[Incoming]:
        doctors = [scheduler.doctor(f"doctor {number}") for number in range(60)]
        return [
            scheduler.roster(*doctors, revision=first + 1),
            *[scheduler.accepted(number=number) for number in range(first + 1, first + 1 + size)],
        ]

    return lambda events: office.engine.handle(events, NOW), batch


async def _notifier(database: Database) -> tuple[Handle, BatchOf]:
    calls = Calls(database)
    await calls.prepare()
    facts = Facts(scheduler.known(scheduler.clinic()), scheduler.RULES)
    table: Any = scheduler.NoTable()
    engine = NotifierEngine(calls, facts, SystemClock(), table)

    def batch(first: int, size: int) -> list[Incoming]:
        return [scheduler.accepted(number=number) for number in range(first + 1, first + 1 + size)]

    return lambda events: engine.handle(events, NOW), batch


HANDLERS = {"intake": _intake, "scheduler": _scheduler, "notifier": _notifier}


def _iin(number: int) -> str:
    """A synthetic IIN, of a birth in 18xx; the rare one that has no check digit gives way to one beyond the batch."""
    first = f"8507151{number:04d}"
    digit = iin_check_digit(first)
    return f"{first}{digit}" if digit is not None else _iin(number + 5000)
