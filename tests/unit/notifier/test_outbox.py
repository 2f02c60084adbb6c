"""The outbox of messages: no crash and no replica sends one twice or loses one, and reports find their message."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from homecall.contract.events import RequestStatus
from homecall.gateways.sms.port import Refused, Report, Sms, Taken, Unknown, Untried, Verdict
from homecall.gateways.sms.profile import Profile
from homecall.operations.life import Known, life
from homecall.runtime.encryption import KeyRing, Vault
from homecall.runtime.failures import Transient
from homecall.runtime.mongo.aggregate import Aggregate
from services.notifier.domain.messages import reference
from services.notifier.domain.quiet_hours import Policy
from services.notifier.domain.state import Call
from services.notifier.outbox import OPT_OUT, Outbox, Stores
from services.notifier.reports import Reports
from services.notifier.store import Calls, Mailings, OptOuts, Receipts
from tests.unit.notifier.calls import REQUEST, Told, accepted, at, rescheduled, scheduled
from tests.unit.runtime.memory import MemoryDatabase

VAULT = Vault(KeyRing(b"l" * 32, {"1": b"k" * 32}, "1"))
ALL = frozenset(get_args(RequestStatus))
AT_ANY_TIME = Policy(ALL)
TO = "+77000000123"
SECRET = "a shared secret"


class Hands:
    """A clock that is set by hand."""

    speed = 1.0

    def __init__(self) -> None:
        self.at = at("09:00:10")

    def now(self) -> datetime:
        return self.at


class Phones:
    """A gateway that keeps what it takes. ``says`` is its verdict; ``meanwhile`` runs before it is given."""

    longest_seconds = 20.0

    def __init__(self) -> None:
        self.took: list[Sms] = []
        self.asked = 0
        self.free = 64
        self.says: Callable[[Sms], Verdict] = lambda sms: Taken(f"g-{sms.reference}")
        self.meanwhile: Callable[[], Any] | None = None

    def room(self) -> int:
        return self.free

    async def send(self, messages: Sequence[Sms]) -> list[Verdict]:
        verdicts = []
        for each in messages:
            self.asked += 1
            verdict = self.says(each)
            if isinstance(verdict, Taken | Unknown):
                self.took.append(each)
            verdicts.append(verdict)
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        return verdicts

    async def close(self) -> None:
        return


class Office:
    """The outbox of one replica, or of several, on one database."""

    def __init__(self, policy: Policy = AT_ANY_TIME) -> None:
        self.memory = MemoryDatabase()
        self.clock, self.phones = Hands(), Phones()
        database = self.memory.as_database
        self.calls = Calls(database)
        self.stores = Stores(self.calls, Mailings(database), Receipts(database), OptOuts(database))
        self.policy = policy
        self.outbox = self.replica()

    def replica(self) -> Outbox:
        return Outbox(self.stores, self.phones, self.policy, VAULT, self.clock, draw=lambda: 1.0)

    async def keep(self, told: Told, request_id: str = REQUEST) -> None:
        """Store a call as the engine would."""
        found = (await self.calls.load([request_id])).get(request_id) or Aggregate[Call](request_id)
        found.state = told.state
        found.changed = True
        assert await self.calls.save([found]) == set()

    async def turn(self, outbox: Outbox | None = None) -> None:
        await (outbox or self.outbox).work(self.clock.now(), asyncio.Event())

    def later(self, **passed: float) -> None:
        self.clock.at += timedelta(**passed)

    def states(self, request_id: str = REQUEST) -> list[tuple[int, str, str]]:
        doc = self.memory.collection("messages").docs.get(request_id)
        return [(each["sequence"], each["state"], each["reason"]) for each in doc["s"]["messages"]] if doc else []

    @property
    def texts(self) -> list[str]:
        return [each.text[:12] for each in self.phones.took]


def a_call(*, sms: bool | None = None, phone: str | None = "+7 700 000 01 23") -> Told:
    """A call that is registered at 9:00:05 and scheduled a second later."""
    told = Told(sms_statuses=ALL)
    patient = {"full_name": "Сынақ Пациент", "language": "kk"} | ({"phone": phone} if phone else {})
    told.hear(accepted(patient=patient | ({"sms": sms} if sms is not None else {})))
    told.hear(scheduled(), "09:00:06")
    return told


@pytest.fixture
async def office() -> Office:
    found = Office()
    await found.keep(a_call())
    return found


# ---------------------------------------------------------------- sent once


async def test_the_newest_status_is_sent_once_however_often_it_turns(office: Office) -> None:
    for _ in range(3):
        await office.turn()
        office.later(hours=1)
    assert [(each.to, each.reference) for each in office.phones.took] == [(TO, f"{REQUEST}-2")]
    assert office.states() == [(1, "failed", "overtaken"), (2, "sent", "")]


async def test_nothing_personal_is_kept_with_the_messages(office: Office) -> None:
    await office.turn()
    for name in ("messages", "receipts"):
        kept = str(office.memory.collection(name).docs)
        assert REQUEST in kept
        assert not any(each in kept for each in ("7000000123", "700 000 01 23", "Дәрігер", "Сынақ"))


async def test_a_change_after_it_was_taken_up_is_taken_up_too(office: Office) -> None:
    told = a_call()
    await office.turn()
    told.hear(rescheduled(), "09:30:00")
    await office.keep(told)
    office.clock.at = at("09:30:01")
    await office.turn()
    assert [each.reference for each in office.phones.took] == [f"{REQUEST}-2", f"{REQUEST}-3"]


async def test_two_replicas_at_once_send_it_once(office: Office) -> None:
    await asyncio.gather(office.turn(), office.turn(office.replica()), office.turn(office.replica()))
    assert len(office.phones.took) == 1


async def test_a_replica_that_comes_while_another_sends_leaves_it_alone(office: Office) -> None:
    office.phones.meanwhile = lambda: office.turn(office.replica())
    await office.turn()
    assert office.phones.asked == 1
    assert office.states()[-1] == (2, "sent", "")


class Killed(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("after", [True, False], ids=["just after", "just before"])
@pytest.mark.parametrize("which", range(6))
async def test_a_kill_at_any_write_sends_it_once_or_leaves_it_unknown(which: int, after: bool) -> None:
    """Before or behind each of the writes of a turn; a fresh process then does what is left."""
    office = Office()
    await office.keep(a_call())
    writes = [0]

    def strike() -> None:
        writes[0] += 1
        if writes[0] == which + 1:
            raise Killed

    def arm(armed: bool) -> None:
        for name in ("requests", "messages", "receipts"):
            collection = office.memory.collection(name)
            collection.after_write = strike if armed and after else None
            collection.before_write = strike if armed and not after else None

    arm(True)
    try:
        await office.turn()
        killed = False
    except Killed:
        killed = True
    arm(False)
    for _ in range(4):
        office.later(minutes=1)
        await office.turn(office.replica())
    (_, state, reason) = office.states()[-1]
    assert len(office.phones.took) <= 1
    assert killed or which >= 5, "the turn has fewer writes than this test believes"
    if state == "unknown":
        assert reason == "no_outcome"
    else:
        assert (state, len(office.phones.took)) == ("sent", 1)


async def test_a_time_out_is_unknown_and_never_sent_again(office: Office) -> None:
    office.phones.says = lambda _: Unknown("timeout")
    for _ in range(3):
        await office.turn()
        office.later(hours=1)
    assert office.states()[-1] == (2, "unknown", "timeout")
    assert office.phones.asked == 1


async def test_the_outcome_outlives_a_database_that_is_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, away = office.stores.receipts.name, [3]

    async def name(*given: Any) -> dict[str, str]:
        if away[0]:
            away[0] -= 1
            raise Transient("database", RuntimeError())
        return await sound(*given)

    async def at_once(_: float) -> None:
        return

    monkeypatch.setattr(office.stores.receipts, "name", name)
    monkeypatch.setattr("services.notifier.outbox.asyncio.sleep", at_once)
    await office.turn()
    assert office.states()[-1] == (2, "sent", "")


async def test_an_outcome_that_comes_after_the_lease_is_still_kept(office: Office) -> None:
    async def slow() -> None:
        office.later(minutes=5)
        await office.turn(office.replica())
        assert office.states()[-1] == (2, "unknown", "no_outcome")

    office.phones.meanwhile = slow
    await office.turn()
    assert office.states()[-1] == (2, "sent", "")
    assert office.phones.asked == 1


# ---------------------------------------------------------------- not now, not at all


async def test_a_gateway_that_says_not_now_is_asked_again_after_a_pause(office: Office) -> None:
    office.phones.says = lambda _: Refused("busy", again=True)
    await office.turn()
    await office.turn()
    assert office.phones.asked == 1
    office.phones.says = lambda _: Taken("g-9")
    office.later(seconds=31)
    await office.turn()
    assert office.states()[-1] == (2, "sent", "")


async def test_a_gateway_that_is_away_is_waited_for_until_the_message_is_of_no_use(office: Office) -> None:
    office.phones.says = lambda _: Untried("unreachable")
    for _ in range(200):
        await office.turn()
        office.later(minutes=1)
    assert office.states()[-1] == (2, "failed", "expired"), "the visit is over by 11:30"
    assert 100 < office.phones.asked < 160
    assert office.phones.took == []


async def test_a_gateway_that_rests_is_not_asked_and_nothing_is_written(office: Office) -> None:
    await office.outbox.take_up()
    office.phones.free = 0
    commands = office.memory.commands
    assert await office.outbox.send() is False
    assert office.memory.commands == commands


async def test_no_more_are_begun_than_there_is_room_and_all_are_sent() -> None:
    office = Office()
    office.phones.free = 3
    for number in range(10):
        await office.keep(a_call(), f"{number:08}-0000-4000-8000-000000000000")
    await office.turn()
    assert len(office.phones.took) == 10
    assert len({each.reference for each in office.phones.took}) == 10


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (a_call(sms=False), "opted_out"),
        (a_call(phone=None), "no_mobile"),
        (a_call(phone="8 727 250 00 00"), "no_mobile"),
        (a_call(phone="+7 912 345 67 89"), "no_mobile"),
    ],
)
async def test_who_is_not_written_to_and_why(told: Told, reason: str) -> None:
    office = Office()
    await office.keep(told)
    await office.turn()
    assert office.states()[-1] == (2, "failed", reason)
    assert office.phones.asked == 0


async def test_a_number_that_opted_out_gets_nothing_until_it_is_allowed_again() -> None:
    office = Office()
    hashed = VAULT.index(OPT_OUT, TO)
    await office.stores.opt_outs.change(hashed, office.clock.now(), stopped=True)
    await office.keep(a_call())
    await office.turn()
    assert office.states()[-1] == (2, "failed", "opted_out")
    assert TO not in str(office.memory.collection("sms_opt_outs").docs)
    await office.stores.opt_outs.change(hashed, office.clock.now(), stopped=False)
    other = "00000001-0000-4000-8000-000000000000"
    await office.keep(a_call(), other)
    await office.turn()
    assert office.states(other)[-1] == (2, "sent", "")


async def test_a_status_that_is_not_told_by_sms_overtakes_too() -> None:
    office = Office(Policy(frozenset({"registered"}), settle=timedelta(seconds=60)))
    told = Told(sms_statuses=frozenset({"registered"}))
    told.hear(accepted())
    await office.keep(told)
    await office.turn()
    told.hear(scheduled(), "09:00:20")
    await office.keep(told)
    office.later(minutes=2)
    await office.turn()
    assert office.states() == [(1, "failed", "overtaken")]
    assert office.phones.asked == 0


async def test_many_are_sent_in_few_commands() -> None:
    office = Office()
    for number in range(60):
        await office.keep(a_call(), f"{number:08}-0000-4000-8000-000000000000")
    before = office.memory.commands
    await office.turn()
    assert len(office.phones.took) == 60
    assert office.memory.commands - before <= 16


# ---------------------------------------------------------------- reports


@pytest.mark.parametrize("by", ["id", "reference"])
async def test_a_report_finds_its_message(office: Office, by: str) -> None:
    await office.turn()
    gateway_id = office.memory.collection("messages").docs[REQUEST]["s"]["messages"][-1]["gateway_id"]
    report = Report(gateway_id, None, "delivered") if by == "id" else Report(None, reference(REQUEST, 2), "delivered")
    assert await office.outbox.report([report]) == {"taken": 1, "repeated": 0, "early": 0}
    assert office.states()[-1] == (2, "delivered", "")
    assert await office.outbox.report([report, Report(report.id, report.reference, "sent")]) == {
        "taken": 0,
        "repeated": 2,
        "early": 0,
    }
    assert office.states()[-1] == (2, "delivered", "")


@pytest.mark.parametrize("said", [("delivered",), ("sent", "delivered"), ("delivered", "sent")])
async def test_a_report_that_comes_before_the_gateways_own_answer(office: Office, said: tuple[Any, ...]) -> None:
    async def early() -> None:
        for each in said:
            assert (await office.outbox.report([Report("g-early", None, each)]))["early"] == 1

    office.phones.says = lambda _: Taken("g-early")
    office.phones.meanwhile = early
    await office.turn()
    assert office.states()[-1] == (2, "delivered", "")


async def test_a_report_clears_up_what_is_unknown(office: Office) -> None:
    office.phones.says = lambda _: Unknown("timeout")
    await office.turn()
    await office.outbox.report([Report("g-7", reference(REQUEST, 2), "sent")])
    assert office.states()[-1] == (2, "sent", "")


async def test_after_a_kill_between_the_gateway_and_the_store_the_gateways_id_may_still_be_known(
    office: Office,
) -> None:
    def strike() -> None:
        raise Killed

    office.memory.collection("receipts").after_write = strike
    with pytest.raises(Killed):
        await office.turn()
    office.memory.collection("receipts").after_write = None
    office.later(minutes=5)
    await office.turn(office.replica())
    assert office.states()[-1] == (2, "unknown", "no_outcome")
    (gateway_id,) = office.memory.collection("receipts").docs
    await office.outbox.report([Report(gateway_id, None, "delivered")])
    assert office.states()[-1] == (2, "delivered", "")


async def test_reports_of_others_change_nothing(office: Office) -> None:
    await office.turn()
    before = office.states()
    strange = [Report("x", None, "failed"), Report(None, "not-ours", "sent"), Report(None, f"{REQUEST}-99", "sent")]
    await office.outbox.report([*strange, Report("y", "00000009-0000-4000-8000-000000000000-1", "sent")])
    assert office.states() == before


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"sms:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "body", "status"),
    [
        (f"Bearer {SECRET}", b'{"id": "g-1", "status": "delivered"}', 200),
        (basic(SECRET), b"[]", 200),
        (f"Bearer {SECRET}", b"x", 400),
        (f"Bearer {SECRET}x", b"[]", 401),
        (basic("other"), b"[]", 401),
        ("Basic ???", b"[]", 401),
        (SECRET, b"[]", 401),
        (None, b"[]", 401),
    ],
)
async def test_who_may_report(office: Office, authorization: str | None, body: bytes, status: int) -> None:
    reports = Reports(office.outbox, Profile.packaged(), SECRET)
    headers = {} if authorization is None else {"authorization": authorization}
    assert (await reports.receive(body, headers))[0] == status


# ---------------------------------------------------------------- what is seen of it


async def test_explain_shows_what_became_of_the_messages(office: Office) -> None:
    await office.turn()
    mailing = (await office.stores.mailings.load([REQUEST]))[REQUEST].state
    assert mailing is not None
    steps = life(Known(messages=mailing.messages))
    assert [(each["step"], each["status"], each.get("reason")) for each in steps] == [
        ("sms.created", "registered", None),
        ("sms.failed", "registered", "overtaken"),
        ("sms.created", "scheduled", None),
        ("sms.sending", "scheduled", None),
        ("sms.sent", "scheduled", None),
    ]


async def test_what_waits_is_counted_by_how_long_it_could_have_gone(office: Office) -> None:
    office.phones.says = lambda _: Untried("unreachable")
    await office.turn()
    assert await office.stores.mailings.waiting() == (1, int(at("09:00:06").timestamp() * 1000))
    await office.outbox.gauges()
    office.phones.says = lambda _: Taken("g")
    office.later(minutes=1)
    await office.turn()
    assert await office.stores.mailings.waiting() == (0, None)


# ---------------------------------------------------------------- a replica that stood still


async def told_again(office: Office) -> None:
    """The visit moves, and another replica does what is due."""
    told = a_call()
    told.hear(rescheduled(), "09:00:40")
    await office.keep(told)
    await office.turn(office.replica())


@pytest.mark.parametrize(
    ("seconds", "went"),
    [(0, True), (19, True), (20, False), (29, False), (31, False), (3600, False)],
)
@pytest.mark.parametrize("by", ["wall", "monotonic"])
async def test_who_stood_still_beyond_the_lease_does_not_send(
    office: Office, seconds: float, went: bool, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = 0.0
    zombie = Outbox(
        office.stores, office.phones, office.policy, VAULT, office.clock, draw=lambda: 1.0, monotonic=lambda: passed
    )
    await zombie.take_up()
    save = office.stores.mailings.save

    async def and_stand_still(aggregates: Sequence[Aggregate[Any]]) -> set[str]:
        nonlocal passed
        lost = await save(aggregates)
        monkeypatch.undo()
        if by == "wall":  # a machine that was suspended: its monotonic clock stood still as well
            office.later(seconds=seconds)
        else:  # a clock that was set back meanwhile
            passed += seconds
        return lost

    monkeypatch.setattr(office.stores.mailings, "save", and_stand_still)
    await zombie.send()
    assert bool(office.phones.asked) == went
    ((_, state, reason),) = [each for each in office.states() if each[0] == 2]
    assert (state, reason) == (("sent", "") if went else ("created", "late"))
    if not went:  # it was certainly not sent: it goes with the next round
        await office.turn()
        assert len(office.phones.took) == 1


@pytest.mark.parametrize("where", ["marked", "before the call", "in the body"])
async def test_an_older_text_never_goes_out_after_a_newer(
    office: Office, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zombie marks, stands still; another replica gives it up and sends the newer; the zombie wakes."""
    zombie = Outbox(office.stores, phones := Phones(), office.policy, VAULT, office.clock, draw=lambda: 1.0)
    await zombie.take_up()

    async def the_world_goes_on() -> None:
        office.later(seconds=31)
        await told_again(office)
        assert [each[:2] for each in office.states()][-2:] == [(2, "unknown"), (3, "sent")]

    save = office.stores.mailings.save
    if where == "marked":

        async def and_stand_still(aggregates: Sequence[Aggregate[Any]]) -> set[str]:
            lost = await save(aggregates)
            monkeypatch.undo()
            await the_world_goes_on()
            return lost

        monkeypatch.setattr(office.stores.mailings, "save", and_stand_still)
    else:

        async def late(messages: Sequence[Sms]) -> list[Verdict]:
            await the_world_goes_on()
            # As the HTTP adapter asks: before the call, and as it writes the body.
            return [Taken("too late") if each.may_begin() else Untried("late") for each in messages]

        monkeypatch.setattr(phones, "send", late)
    await zombie.send()
    assert phones.took == []
    assert [each.reference for each in office.phones.took] == [reference(REQUEST, 3)]
    assert [each for each in office.states() if each[0] == 2] == [(2, "failed", "overtaken")]
    for _ in range(3):  # and not later either
        office.later(minutes=10)
        await office.turn()
    assert len(office.phones.took) == 1


@pytest.mark.parametrize("verdict", [Refused("busy", again=True), Untried("unreachable"), Untried("resting")])
async def test_what_did_not_go_is_not_tried_again_once_there_is_a_newer(office: Office, verdict: Verdict) -> None:
    office.phones.says = lambda _: verdict

    async def newer() -> None:
        told = a_call()
        told.hear(rescheduled(), "09:00:40")
        await office.keep(told)
        await office.replica().take_up()

    office.phones.meanwhile = newer
    await office.outbox.take_up()
    await office.outbox.send()
    assert office.states()[1:] == [(2, "failed", "overtaken"), (3, "created", "")]


# ---------------------------------------------------------------- reports that no gateway of good faith sends


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "g", "status": "delivered", "reference": "%s-%s"}' % (REQUEST.encode(), b"9" * 4_300),
        b'{"id": "g", "status": "delivered", "reference": "%s-%s"}' % (REQUEST.encode(), b"9" * 5_000),
        b'{"id": "g", "status": "delivered", "reference": %s}' % (b"9" * 5_000),
        b'{"id": %s, "status": "delivered"}' % (b"9" * 5_000),
        b'{"reference": "\\ud800-1", "status": "delivered"}',
        b'{"id": "\\udfff", "status": "delivered"}',
        b'[{"id": "g", "status": "sent"}, {"reference": "' + b"a" * 101 + b'", "status": "sent"}]',
    ],
)
async def test_a_report_that_cannot_be_is_refused_and_not_asked_for_again(office: Office, body: bytes) -> None:
    await office.turn()
    before = office.states()
    reports = Reports(office.outbox, Profile.packaged(), SECRET)
    status, _ = await reports.receive(body, {"authorization": f"Bearer {SECRET}"})
    assert status == 400
    assert office.states() == before


@pytest.mark.parametrize("sequence", ["9" * 10, "9" * 90, "-1", "1_0", "١", "1.0", " 2", "0x2", ""])
async def test_a_reference_that_is_none_of_ours_is_taken_and_names_nothing(office: Office, sequence: str) -> None:
    await office.turn()
    before = office.states()
    reports = Reports(office.outbox, Profile.packaged(), SECRET)
    body = json.dumps({"reference": f"{REQUEST[:8]}-{sequence}"[:100], "status": "delivered"}).encode()
    status, _ = await reports.receive(body, {"authorization": f"Bearer {SECRET}"})
    assert (status, office.states()) == (200, before)
