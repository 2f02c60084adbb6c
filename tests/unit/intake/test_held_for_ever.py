"""R24: a request whose signature can never be checked is refused, with the way out, and nothing of it stays sealed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from homecall.contract.envelope import Incoming
from homecall.gateways.signatures.port import Unavailable, Valid, Verdict
from homecall.runtime import metrics
from services.intake.domain import retention
from services.intake.domain.claims import Holders
from services.intake.domain.state import timer_at
from services.intake.handler import BatchFacts
from tests.unit.intake.asked import AWAY, Notary
from tests.unit.intake.office import Office, Said, request_id, submitted
from tests.unit.standard.local_times import at

MADE = "Fri 2026-11-20 10:00"
LIMIT = timedelta(hours=72)
NOTHING_KNOWN = BatchFacts(checks={}, holders=Holders([]))
EXPIRED = Unavailable("the lists in HOMECALL_CRLS are from after the certificate's end", for_good=True)


def clock(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M:%S.%f}"


def missed() -> float:
    outcome = metrics.DEADLINE_OUTCOMES.labels("answer", "portal", "missed")
    return float(next(iter(outcome.collect())).samples[0].value)


async def held(*batch: Incoming, verdict: Verdict = AWAY, now: str = MADE) -> tuple[Office, Notary]:
    notary = Notary(verdict)
    office = await Office(verifier=notary).prepared()
    assert await office.hear(*batch, now=now) == []
    return office, notary


async def by_itself(office: Office, until: datetime, number: int = 1) -> list[Said]:
    """What is said when each timer is met at its time, up to that moment."""
    said: list[Said] = []
    for _ in range(2_000):
        due = timer_at(await office.state(number))
        if due is None or due > until:
            return said
        said += await office.tick(clock(due))
    raise AssertionError("it is tried without an end")


async def test_r24_it_is_tried_ever_more_rarely_and_refused_after_72_hours() -> None:
    office, notary = await held(submitted(MADE, "portal"))
    before = missed()
    said = await by_itself(office, at(MADE) + timedelta(days=30))
    refused = said[-1]
    assert (refused.type, refused.time) == ("request.refused", "2026-11-23T10:00:00+05:00")
    assert [each.type for each in said].count("request.refused") == 1
    assert [each.type for each in said].count("deadline.missed") == 1
    assert missed() - before == 1
    assert notary.calls < 400  # 15 s, doubled to 2 minutes for half an hour, and to a quarter of an hour then
    assert refused.data["code"] == "signature_invalid"
    (field,) = refused.data["fields"]
    assert field["path"] == "signature.value"
    assert "could not be checked in time" in field["message"]
    assert "call the clinic" in field["message"]
    assert refused.data["ruling"]["clauses"][-2:] == ["C9.2", "R24"]
    assert refused.data["ruling"]["inputs"]["held_until"] == "2026-11-23T10:00:00+05:00"
    assert refused.data["due_at"] == "2026-11-20T10:30:00+05:00"


async def test_r24_then_nothing_is_left_to_do_and_all_that_is_personal_can_be_erased() -> None:
    event = submitted(MADE, "portal")
    office, notary = await held(event)
    await by_itself(office, at(MADE) + LIMIT)
    state = await office.state()
    assert (state.status, state.kept, state.try_again_at, timer_at(state)) == ("refused", None, None, None)
    assert retention.over_on(state) == date.min
    calls = notary.calls
    notary.verdict = Valid()
    assert await office.tick(clock(at(MADE) + timedelta(days=9))) == []
    assert await office.hear(event, now=clock(at(MADE) + timedelta(days=9))) == []
    assert notary.calls == calls


async def test_r24_until_then_a_verifier_that_is_back_decides_and_so_it_does_at_the_last_try() -> None:
    for moment in (at(MADE) + LIMIT - timedelta(seconds=1), at(MADE) + LIMIT, at(MADE) + timedelta(days=5)):
        office, notary = await held(submitted(MADE, "portal"))
        await by_itself(office, at(MADE) + LIMIT - timedelta(minutes=20))
        notary.verdict = Valid()
        assert [each.type for each in await office.tick(clock(moment))] == ["request.accepted"]


async def test_r24_a_service_that_stood_still_tries_once_more_and_says_both() -> None:
    office, notary = await held(submitted(MADE, "portal"))
    said = await office.tick(clock(at(MADE) + timedelta(days=5)))
    assert [each.type for each in said] == ["deadline.missed", "request.held", "request.refused"]
    assert said[-1].time == "2026-11-23T10:00:00+05:00"
    assert notary.calls == 2


async def test_r24_a_replay_refuses_it_with_the_same_event() -> None:
    ends = []
    for minutes in (0, 2, 12):
        event = submitted(MADE, "portal")
        office, _ = await held(event, now=clock(at(MADE) + timedelta(minutes=minutes)))
        refused = (await by_itself(office, at(MADE) + timedelta(days=30)))[-1]
        ends.append((refused.id, refused.time, refused.data))
    assert ends[0] == ends[1] == ends[2]


async def test_r14_r24_one_that_reaches_us_late_is_tried_for_a_quarter_of_an_hour_all_the_same() -> None:
    late = at(MADE) + timedelta(days=4)
    office, notary = await held(submitted(MADE, "portal"), now=clock(late))
    said = await by_itself(office, late + timedelta(minutes=14, seconds=59))
    assert "request.refused" not in [each.type for each in said]
    assert notary.calls > 3
    (refused,) = await by_itself(office, late + timedelta(minutes=15))
    assert refused.type == "request.refused"


async def test_r24_it_is_not_refused_before_its_answer_is_due() -> None:
    # Friday evening before a long weekend: 16 and 17 December are holidays, 2026-12-18 is a Friday.
    evening = "Tue 2026-12-15 19:30"
    office, _ = await held(submitted(evening, "portal"), now=evening)
    said = await by_itself(office, at(evening) + timedelta(days=30))
    kinds = [each.type for each in said]
    assert kinds.index("deadline.missed") < kinds.index("request.refused")
    assert said[-1].time >= said[kinds.index("deadline.missed")].time


@pytest.mark.parametrize("when", [MADE, "Fri 2026-11-20 19:00"])
async def test_r24_when_no_later_answer_could_tell_it_is_refused_at_once(when: str) -> None:
    notary = Notary(EXPIRED)
    office = await Office(verifier=notary).prepared()
    (refused,) = await office.hear(submitted(when, "portal"), now=when)
    assert (refused.type, refused.data["code"]) == ("request.refused", "signature_invalid")
    assert "expired before it could be checked" in refused.data["fields"][0]["message"]
    assert "R24" in refused.data["ruling"]["clauses"]
    assert timer_at(await office.state()) is None


async def test_r24_so_is_a_held_one_as_soon_as_that_is_known() -> None:
    office, notary = await held(submitted(MADE, "portal"))
    await office.tick("Fri 2026-11-20 10:30")
    notary.verdict = EXPIRED
    (refused,) = await office.tick("Fri 2026-11-20 10:32")
    assert (refused.type, refused.subject) == ("request.refused", request_id(1))
    state = await office.state()
    assert (state.status, state.kept, timer_at(state)) == ("refused", None, None)


async def test_r24_one_whose_event_cannot_be_opened_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    office, notary = await held(submitted(MADE, "portal"))
    monkeypatch.setattr(office.intake.personal, "kept_event", lambda _: None)  # its key is lost
    said = await by_itself(office, at(MADE) + timedelta(days=30))
    assert said[-1].type == "request.refused"
    assert notary.calls == 1
    assert (await office.state()).kept is None


async def test_r24_what_an_earlier_release_holds_ends_too() -> None:
    office, _ = await held(submitted(MADE, "portal"))
    document = office.memory.collection("requests").docs[request_id(1)]
    assert "held_until" in str(document)
    state = await office.state()
    state.held_until = None
    monthly = office.intake.due(state, NOTHING_KNOWN, at(MADE) + timedelta(days=30))
    assert monthly.state is not None
    assert monthly.state.status == "held"
    until = monthly.state.held_until
    assert until is not None
    assert until == at(MADE) + timedelta(days=30, minutes=15)
    ended = office.intake.due(monthly.state, NOTHING_KNOWN, until)
    assert ended.state is not None
    assert ended.state.status == "refused"
