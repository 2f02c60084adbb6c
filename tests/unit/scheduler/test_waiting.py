"""The order in which waiting calls get a place is data."""

from itertools import pairwise
from typing import Any

import pytest

from homecall.runtime.mongo.codec import Codec
from services.scheduler.domain import calls
from services.scheduler.domain.calls import Facts
from services.scheduler.domain.state import CallState, call_of
from services.scheduler.domain.waiting import order_of_waiting, packaged_waiting_order, read_waiting_order
from tests.unit.scheduler.office import RULES, accepted, clinic, known
from tests.unit.standard.local_times import at

ORDER = packaged_waiting_order()


def rank(red_flag: bool = False, urgency: str = "same_day", age: int | None = None) -> int:
    return ORDER.rank(red_flag=red_flag, urgency=urgency, age_years=age)


def test_red_flags_then_urgent_then_small_children_then_the_old_then_who_has_waited() -> None:
    ranks = [
        rank(red_flag=True, urgency="urgent", age=2),
        rank(red_flag=True, urgency="urgent", age=40),
        rank(urgency="urgent", age=2),
        rank(urgency="urgent", age=76),
        rank(urgency="urgent"),
        rank(age=2),
        rank(age=76),
        rank(age=40),
    ]
    assert all(earlier < later for earlier, later in pairwise(ranks))


@pytest.mark.parametrize("age", [None, 3, 40, 75])
def test_three_is_no_longer_under_three_and_75_is_not_over_it(age: int | None) -> None:
    assert rank(age=age) == rank()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("first = 1", "first\n.*valid list"),
        ("first = []", "first\n.*at least 1 item"),
        ("[[first]]\nurgency = 'urgent'", "first.0.name\n.*required"),
        ("[[first]]\nname = 'a'", "first.0\n.*asks nothing"),
        ("[[first]]\nname = 'a'\nage_below = 'three'", "first.0.age_below\n.*valid integer"),
        ("[[first]]\nname = 'a'\ncolour = 'red'", "first.0.colour\n.*not permitted"),
        ("not toml", "line 1"),
    ],
)
def test_what_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_waiting_order(text)


def test_another_order_is_another_file() -> None:
    order = read_waiting_order(
        "[[first]]\nname = 'old'\nage_above = 75\n[[first]]\nname = 'urgent'\nurgency = 'urgent'"
    )
    asked: dict[str, Any] = {"red_flag": False, "urgency": "urgent", "age_years": 40}
    assert order.rank(**asked) > order.rank(**asked | {"urgency": "same_day", "age_years": 80})


CARD = {"card_number": "103-1", "handed_over_at": "2026-11-20T09:00:00+05:00"}
URGENT, AMBULANCE, FEVER = "dangerous_infection_suspected", "passed_on_by_ambulance", "fever_above_38"
# Who goes first, whatever the order in which they came; each row is asked before the next.
IN_ORDER: list[tuple[str, dict[str, Any]]] = [
    ("a red flag that 103 handed on", {"reasons": [AMBULANCE, "chest_pain"], "red_flags": ["chest_pain"]}),
    ("urgent, and old", {"reasons": [URGENT], "patient": {"age_years": 80}}),
    ("urgent", {"reasons": [URGENT]}),
    ("no card: as the rule set says", {"reasons": [AMBULANCE]}),
    ("urgent for another reason, too", {"reasons": [URGENT, AMBULANCE], "referral": CARD | {"category": "4"}}),
    ("category 1", {"reasons": [AMBULANCE], "referral": CARD | {"category": "1"}}),
    ("category III", {"reasons": [AMBULANCE], "referral": CARD | {"category": "III"}}),
    ("category 4, the card alone", {"reasons": [FEVER], "urgency": "same_day", "referral": CARD | {"category": "4"}}),
    ("a category that is none", {"reasons": [AMBULANCE], "referral": CARD | {"category": "red"}}),
    ("a small child", {"reasons": [FEVER], "urgency": "same_day", "patient": {"age_years": 2}}),
    ("any other", {"reasons": [FEVER], "urgency": "same_day"}),
]
TIED = {"urgent", "no card: as the rule set says", "urgent for another reason, too"}


def test_calls_from_103_go_after_urgent_ones_and_before_those_of_the_same_day() -> None:
    states = {}
    for number, (name, facts) in enumerate(IN_ORDER, 1):
        # The last of the list came first. What ties is decided by the hour.
        minute = number if name in TIED else 59 - number
        event = accepted(f"Fri 2026-11-20 10:{minute:02d}", number, **{"urgency": "urgent"} | facts)
        state = calls.accepted(None, event, Facts(known(clinic()), RULES, ORDER), at("Fri 2026-11-20 11:00")).state
        assert state is not None
        states[state.request_id] = name, state
    found = [states[each.request_id][0] for each in order_of_waiting(call_of(state) for _, state in states.values())]
    assert found == [name for name, _ in IN_ORDER]


def test_only_a_call_from_103_is_stored_with_its_place() -> None:
    facts = Facts(known(clinic()), RULES, ORDER)
    stored = []
    asked: list[dict[str, Any]] = [
        {},
        {"reasons": [AMBULANCE], "urgency": "urgent"},
        {"referral": CARD | {"category": "2"}},
    ]
    for referral in asked:
        state = calls.accepted(None, accepted(**referral), facts, at("Fri 2026-11-20 11:00")).state
        assert state is not None
        stored.append(Codec(CallState).encode(state)["call"].get("referred"))
    assert stored == [None, None, 2]
