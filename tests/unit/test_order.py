"""The order of the test files names files that are there: a renamed one would quietly begin last."""

from __future__ import annotations

import pytest

from tests.infrastructure import order
from tests.infrastructure.stack import ROOT


@pytest.mark.parametrize("name", [*order.LONGEST, *sorted(order.APART), *(f"tests/{room}" for room in order.ROOMS)])
def test_what_the_order_names_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    assert (ROOT / file).exists()
    assert not test or f"def {test}" in (ROOT / file).read_text("utf-8")


def test_the_longest_begin_first_and_a_file_stays_together() -> None:
    assert order.place(order.unit("tests/integration/test_walkthrough.py::test_any")) < order.place(
        order.unit("tests/unit/test_zones.py::test_any[1]")
    )
    assert order.unit("tests/unit/test_zones.py::test_one") == order.unit("tests/unit/test_zones.py::test_other[a::b]")
    assert order.unit("tests/browser/test_live.py::test_one") == order.unit("tests/browser/test_days.py::test_other")
    assert order.unit("tests/deploy/test_alerts.py::test_one") != order.unit("tests/deploy/test_alerts.py::test_other")
