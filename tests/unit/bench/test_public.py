"""Our days in the public form of dynamic routing: what is written is read, and the accounts of both sides are fair."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import vrplib

from bench import contenders, public
from bench.clinic_days import KINDS, Shape, clinic_day
from bench.public import Instance

SMALL = Shape(calls=14, doctors=4, side_km=6, speed_kmh=20, travel_minutes=15)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few calls and little search: what is tested here is the account, not the plan."""
    monkeypatch.setattr("bench.clinic_days.SHAPES", dict.fromkeys(KINDS, SMALL))
    monkeypatch.setattr(contenders, "REPLAN_ITERATIONS", 20)
    monkeypatch.setattr(public, "EPOCH_ITERATIONS", 50)
    monkeypatch.setattr(public, "HINDSIGHT_ITERATIONS", 200)


@pytest.fixture
def instance() -> Instance:
    day = clinic_day(3, 1)
    return public.instance_of(day, contenders.replanned(day).windows, 1800)


def test_what_is_written_is_read(tmp_path: Path, instance: Instance) -> None:
    path = tmp_path / "a.txt"
    public.write(instance, path)
    assert public.read(path) == instance
    found = vrplib.read_instance(path)
    assert (found["type"], found["edge_weight_format"]) == ("VRPTW", "FULL_MATRIX")
    assert found["demand"].tolist() == [0, *[1] * SMALL.calls]
    assert found["depot"].tolist() == [0]


def test_each_request_is_in_the_epoch_that_begins_after_its_call(tmp_path: Path, instance: Instance) -> None:
    public.write(instance, tmp_path / "a.txt")
    told = json.loads((tmp_path / "a.epochs.json").read_text())
    assert told["seconds"] == 1800
    known = [each for epoch in told["epochs"] for each in epoch["requests"]]
    assert sorted(known) == list(instance.requests)
    for epoch in told["epochs"]:
        assert all(instance.release[each] == epoch["begins"] for each in epoch["requests"])
        assert set(epoch["must_dispatch"]) <= set(epoch["requests"])


def test_a_request_whose_window_closes_before_the_next_epoch_must_be_dispatched(instance: Instance) -> None:
    soon = instance.release[1] + instance.epoch
    urgent = replace(instance, windows=(instance.windows[0], (0, soon), *instance.windows[2:]))
    assert any(1 in epoch["must_dispatch"] for epoch in urgent.epochs())


def test_both_serve_all_in_their_windows_and_hindsight_drives_no_more(instance: Instance) -> None:
    ours, best = public.dynamic(instance), public.hindsight(instance)
    assert (ours.served, best.served) == (SMALL.calls, SMALL.calls)
    assert 0 < best.travel <= ours.travel


def test_the_command_tells_the_ratio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public.main(["--seed", "3", "--days", "2", "--into", str(tmp_path), "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["ratio"] == pytest.approx(told["travel_minutes"] / told["hindsight_minutes"], abs=0.002)
    assert told["interval"][0] <= told["ratio"] <= told["interval"][1]
    assert len(list(tmp_path.glob("*.txt"))) == 2
