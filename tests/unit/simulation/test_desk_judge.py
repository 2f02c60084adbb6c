"""What the judge of the simulation's desk finds, each on a history with that one thing wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from homecall.contract.topics import TYPE_PREFIX
from tests.factories import MONDAY, a_request
from tests.infrastructure.reader import Heard
from tests.simulation.desk import Form
from tests.simulation.desk_judge import SOURCE, done_once

CALL = a_request("clinic-00", 1, MONDAY)
WITHDRAWN = {"request_id": CALL["request_id"], "clinic_id": "clinic-00", "reason": "recovered"}


def heard(event_type: str, data: dict[str, Any], event_id: str) -> Heard:
    """An event of the desk, as its topic has it."""
    headers = {"ce_type": TYPE_PREFIX + event_type, "ce_id": event_id, "ce_source": SOURCE}
    return Heard("homecall.requests.v1", 0, 0, "clinic-00", headers, json.dumps(data).encode())


@dataclass
class Day:
    """A call that was typed and withdrawn, each sent twice under its id."""

    forms: list[Form] = field(
        default_factory=lambda: [
            Form("registrar", "/calls/new", {}, "request.submitted", CALL, status=303, tries=2, taken=1.0),
            Form("registrar", "/withdraw", {}, "request.withdrawn", WITHDRAWN, status=303, tries=1, taken=2.0),
        ]
    )
    heard: list[Heard] = field(
        default_factory=lambda: [
            heard("request.submitted", CALL, "a"),
            heard("request.withdrawn", WITHDRAWN, "b"),
            heard("request.submitted", CALL, "a"),
        ]
    )
    actions: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"type": kind, "subject": CALL["request_id"]} for kind in ("request.submitted", "request.withdrawn")
        ]
    )

    def found(self) -> str:
        return "; ".join(done_once(self.forms, self.heard, self.actions))


def lost(day: Day) -> None:
    del day.heard[1]


def doubled(day: Day) -> None:
    day.heard.append(heard("request.submitted", CALL, "another"))


def altered(day: Day) -> None:
    other = CALL | {"address": {"text": "Абай, 2", "district_id": "d1"}}
    day.heard = [heard("request.submitted", other, "a"), day.heard[1]]


def said_in_two_ways(day: Day) -> None:
    day.heard.append(heard("request.submitted", CALL | {"note": "2nd floor"}, "a"))


def out_of_order(day: Day) -> None:
    day.heard = [day.heard[1], day.heard[2]]


def of_nobody(day: Day) -> None:
    day.forms.pop()


def never_taken(day: Day) -> None:
    day.forms[0].status = 503


def not_marked_as_sent(day: Day) -> None:
    day.actions[0]["unsent"] = 1


def an_action_too_many(day: Day) -> None:
    day.actions.append({"type": "request.submitted", "subject": "another"})


def test_each_form_once_and_in_order_is_nothing_to_find() -> None:
    assert Day().found() == ""


def test_a_dead_letter_and_what_others_send_are_none_of_the_desks() -> None:
    day = Day()
    buried = heard("request.withdrawn", WITHDRAWN, "c")
    buried.headers["homecall-dead-reason"] = "invalid_transition"
    others = heard("request.submitted", CALL, "d")
    others.headers["ce_source"] = "/clinic"
    day.heard += [buried, others]
    assert day.found() == ""


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lost, "was taken and is lost"),
        (doubled, "has 2 ids after 2 tries"),
        (altered, "says another address than was typed"),
        (said_in_two_ways, "was said in two ways under a"),
        (out_of_order, "request.withdrawn of"),
        (of_nobody, "was typed by nobody"),
        (never_taken, "was not taken after 2 tries, the last with 503"),
        (not_marked_as_sent, "is not sent"),
        (an_action_too_many, "1 forms of request.submitted were taken, and 2 actions are kept"),
    ],
)
def test_what_is_wrong_is_found(wrong: Callable[[Day], None], says: str) -> None:
    day = Day()
    wrong(day)
    assert says in day.found()
