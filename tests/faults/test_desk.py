"""The ledger of the desk, and the short form of the scenario that it judges."""

from __future__ import annotations

import json

import pytest

from tests.faults.desk_ledger import MOST_TIMES, SOURCE, DeskLedger, Done
from tests.faults.harness import desk
from tests.faults.harness.run import Options, carry_out, tell
from tests.infrastructure.reader import Heard

SEED = 20261130
SUBMITTED, WITHDRAWN = "request.submitted", "request.withdrawn"


def said(kind: str, subject: str, offset: int, event_id: str = "", word: str = "word") -> Heard:
    headers = {"ce_type": f"kz.homecall.{kind}", "ce_id": event_id or f"{kind} {subject}", "ce_source": SOURCE}
    value = json.dumps({"request_id": subject, "clinic_id": "samal-1", "note": word}).encode()
    return Heard("homecall.requests.v1", 0, offset, "samal-1", headers, value)


@pytest.fixture
def ledger() -> DeskLedger:
    """A call that was taken and withdrawn, and one whose form got no answer."""
    made = DeskLedger()
    for kind, subject in ((SUBMITTED, "a"), (WITHDRAWN, "a"), (SUBMITTED, "b")):
        action = Done(kind, subject, "samal-1", "word")
        made.begin(action)
        if subject == "a":
            made.end(action)
    return made


ALL = [said(SUBMITTED, "a", 0), said(WITHDRAWN, "a", 1)]
FOUND = {
    "what was sent again under its id": ([*ALL, said(SUBMITTED, "a", 2), said(WITHDRAWN, "a", 3)], set()),
    "what got no answer and was taken": ([*ALL, said(SUBMITTED, "b", 2)], set()),
    "an action that is not there": (ALL[:1], {"lost"}),
    "nothing": ([], {"lost"}),
    "one action under two ids": ([*ALL, said(SUBMITTED, "a", 2, "another")], {"doubled"}),
    "a withdrawal before its call": ([said(WITHDRAWN, "a", 0), said(SUBMITTED, "a", 1)], {"gone_back"}),
    "another word than was typed": ([said(SUBMITTED, "a", 0, word="other"), ALL[1]], {"contradiction"}),
    "what nobody did": ([*ALL, said(SUBMITTED, "c", 2)], {"phantom"}),
    "one action again and again": ([*ALL, *(said(SUBMITTED, "a", 2 + n) for n in range(MOST_TIMES))], {"endless"}),
}


@pytest.mark.parametrize("what", FOUND)
def test_the_ledger_finds(ledger: DeskLedger, what: str) -> None:
    heard, kinds = FOUND[what]
    assert set(ledger.judge(heard)) == kinds


@pytest.mark.long  # in make test: tests/integration/test_desk.py kills the desk at each failpoint, as a simulation does
@pytest.mark.timeout(180)
def test_people_at_two_processes_lose_nothing_to_kills() -> None:
    """The short form. In ``make faults``: all services behind the desk, each step of a batch, broker and database."""
    report = carry_out("desk-short", desk.short, Options(SEED), control=False)
    tell(report)
    if report.skipped:
        pytest.skip(report.skipped)
    assert report.findings == {}
    assert report.kills["desk"] >= len(desk.PLACES)


@pytest.mark.long
@pytest.mark.timeout(180)
def test_an_outbox_that_marks_before_it_sends_is_caught() -> None:
    report = carry_out("desk-marks-first", desk.marks_first, Options(SEED), control=True)
    tell(report)
    if report.skipped:
        pytest.skip(report.skipped)
    assert report.caught, f"the ledger saw nothing but {report.findings}"
