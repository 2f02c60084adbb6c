"""The benchmark of ``GET /offers`` runs, asks what it says it asks, and fails where an answer takes too long."""

from __future__ import annotations

import json

import pytest

from bench import offers
from bench.clinic_days import Shape


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "SHAPE", Shape(calls=12, doctors=3, side_km=6, speed_kmh=20, travel_minutes=15))
    monkeypatch.setattr(offers, "settle_collector", lambda: None)


def test_the_last_line_has_the_figures_of_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    offers.main(["--times", "4", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["calls"], told["placed"], told["doctors"]) == (12, 12, 3)
    for name in ("held", "stored"):
        assert told[name]["offers"] >= 2
        assert 0 < told[name]["ms_p50"] <= told[name]["ms_most"]


def test_an_answer_that_takes_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "LIMIT_MS", 0)
    assert offers.main(["--times", "2"]) == 1
