"""The golden examples quote the texts that are sent: nobody copies a wording that is no longer said."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from homecall.standard.rules import load_rule_sets
from homecall.texts.addresses import directory_of, ministry_of
from homecall.texts.complaints import ComplaintFacts, complaint_text, next_steps
from homecall.texts.statuses import StatusFacts, status_text
from services.complaints.domain.answer_ways import contacts
from tests.contract.goldens import Example, examples

RULES = load_rule_sets().sets[0]


def facts(data: dict[str, Any]) -> ComplaintFacts:
    """What the text of a complaint's status is made from, read back from the event."""
    received, executor = data.get("received_by", {}), data.get("executor", {})
    answer, refusal = data.get("answer", {}), data.get("refusal", {})
    numbered = "incoming_number" in data
    return ComplaintFacts(
        stage=data["stage"],
        incoming_number=data.get("incoming_number"),
        registered_on=datetime.fromisoformat(data["occurred_at"]).date() if data["status"] == "registered" else None,
        received_by=received.get("full_name"),
        received_by_position=received.get("position"),
        by_system=received.get("full_name") == "Homecall",
        term_days=RULES.complaint_term(data["stage"]).working_days,
        answer_due_on=date.fromisoformat(data["answer_due_on"]) if numbered else None,
        answer_by=answer.get("sent_by", data.get("answer_by")),
        answer_place=data.get("answer_place"),
        executor=executor.get("full_name"),
        executor_position=executor.get("position"),
        decision=answer.get("decision"),
        refusal_code=refusal.get("code"),
        refusal_fields=[each["path"] for each in refusal.get("fields", [])],
        linked="linked_complaints" in data,
    )


@pytest.mark.parametrize("example", examples("valid", ("complaint.status-changed",)), ids=str)
def test_a_complaints_status(example: Example) -> None:
    data = example.data
    assert data["text"] == complaint_text(data["status"], facts(data)).as_dict()
    days = RULES.complaint_term("quality_authority").working_days
    assert data["next_steps"] == next_steps(data["stage"], days, contacts(RULES))


@pytest.mark.parametrize("example", examples("valid", ("status.changed",)), ids=str)
def test_a_refusal_and_a_late_answer_end_with_how_to_complain(example: Example) -> None:
    data = example.data
    addresses = {"ministry": ministry_of(RULES), "directory": directory_of(RULES)}
    bare, told = (status_text("scheduled", StatusFacts(late=each, **addresses)).as_dict() for each in (False, True))
    due_at = data.get("due_at")
    passed = due_at is not None and datetime.fromisoformat(due_at) <= datetime.fromisoformat(data["occurred_at"])
    late = data.get("on_time") is False or (data["status"] == "delayed" and passed)
    for language, text in data["text"].items():
        rights = told[language].removeprefix(bare[language]).strip()
        assert text.endswith(rights) == (late or data["status"] == "refused")
