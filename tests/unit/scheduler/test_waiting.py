"""The order in which waiting calls get a place is data."""

from itertools import pairwise
from typing import Any

import pytest

from services.scheduler.domain.waiting import packaged_waiting_order, read_waiting_order

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
