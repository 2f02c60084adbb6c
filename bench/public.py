"""``make bench-public``: our days in the form of the EURO-NeurIPS 2022 dynamic instances, and our ratio on them.

An instance is a VRPLIB file with time windows and release times, its travel times a full matrix, and beside it the
epochs: which requests come to be known when each begins, and which of them cannot wait for the next. The
window of each request is given, the one that planning again promised; nobody may choose it. The ratio is the travel of
a solver that learns of the requests epoch by epoch, in parts of the travel in hindsight: all requests known.

What can be held against published ratios, and what not, is said in ``docs/schedule.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import vrplib

from bench.clinic_days import ClinicDay, clinic_day
from bench.contenders import replanned, travel_of
from bench.results import interval
from homecall.contract.types import ZONE
from services.scheduler import solver
from services.scheduler.domain import improvement
from services.scheduler.domain.bookings import Booking, Call, Preferred
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.improvement import Problem
from services.scheduler.domain.insertion import place
from services.scheduler.domain.plan import DayPlan
from services.scheduler.domain.roster import Doctor, Roster
from services.scheduler.domain.travel import Location, Travel

EPOCH: Final = 3600
HINDSIGHT_ITERATIONS = 6_000
EPOCH_ITERATIONS = 2_000
_MIDNIGHT: Final = datetime(2026, 11, 23, tzinfo=ZONE)
_OPENS: Final = 8 * 3600
"""When the depot opens, in seconds since midnight: all times of an instance are seconds since then."""


@dataclass(frozen=True)
class Instance:
    """A static instance: node 0 is the depot. Seconds; ``matrix[i][j]`` is the way from node i to node j."""

    name: str
    vehicles: int
    capacity: int
    horizon: int
    matrix: tuple[tuple[int, ...], ...]
    places: tuple[tuple[int, int], ...]
    windows: tuple[tuple[int, int], ...]
    service: tuple[int, ...]
    release: tuple[int, ...]
    epoch: int = EPOCH

    @property
    def requests(self) -> range:
        return range(1, len(self.matrix))

    def epochs(self) -> list[dict[str, Any]]:
        """Per epoch: when it begins, the requests that are known by then, those that cannot wait for the next."""
        found = []
        for number in range(-(-self.horizon // self.epoch)):
            begins = number * self.epoch
            known = [each for each in self.requests if begins - self.epoch < self.release[each] <= begins]
            must = [each for each in known if begins + self.epoch + self.matrix[0][each] > self.windows[each][1]]
            found.append({"epoch": number, "begins": begins, "requests": known, "must_dispatch": must})
        return found


def instance_of(day: ClinicDay, windows: Mapping[str, tuple[float, float]], epoch: int = EPOCH) -> Instance:
    """A clinic day as a public instance: one depot, vehicles that are all alike, each window as it was promised.

    Calls without a promise are left out. All doctors start at one place; who may visit whom is not in the form.
    """
    calls = [call for call in day.calls if call.request_id in windows]
    zero = day.roster.doctors[0].shift_from.timestamp()
    travel = travel_of(day)
    places = [Location("depot", *(day.roster.doctors[0].start or (None, None))), *(call.location for call in calls)]
    horizon = int(day.roster.doctors[0].shift_to.timestamp() - zero)
    given = [windows[call.request_id] for call in calls]
    return Instance(
        name=f"homecall-{day.kind}-{len(calls)}",
        vehicles=len(day.roster.doctors),
        capacity=max(doctor.max_visits for doctor in day.roster.doctors),
        horizon=horizon,
        matrix=tuple(tuple(0 if one is other else travel.seconds(one, other) for other in places) for one in places),
        places=tuple((round((each.lon or 0) * 10**5), round((each.lat or 0) * 10**5)) for each in places),
        windows=((0, horizon), *((int(opens - zero), int(closes - zero)) for opens, closes in given)),
        service=(0, *(day.roster.visit_minutes * 60 for _ in calls)),
        # Known when the epoch begins that follows the call, as the solvers of the competition learn of requests.
        release=(0, *(-(-int(call.accepted_at.timestamp() - zero) // epoch) * epoch for call in calls)),
        epoch=epoch,
    )


def write(instance: Instance, path: Path) -> None:
    """The instance as a VRPLIB file, and its epochs as JSON beside it."""
    nodes = len(instance.matrix)
    vrplib.write_instance(
        path,
        {
            "NAME": instance.name,
            "COMMENT": f"synthetic; {instance.epoch} s an epoch",
            "TYPE": "VRPTW",
            "DIMENSION": nodes,
            "VEHICLES": instance.vehicles,
            "CAPACITY": instance.capacity,
            "EDGE_WEIGHT_TYPE": "EXPLICIT",
            "EDGE_WEIGHT_FORMAT": "FULL_MATRIX",
            "EDGE_WEIGHT_SECTION": [list(row) for row in instance.matrix],
            "NODE_COORD_SECTION": [list(each) for each in instance.places],
            "DEMAND_SECTION": [0, *[1] * (nodes - 1)],
            "SERVICE_TIME_SECTION": list(instance.service),
            "TIME_WINDOW_SECTION": [list(each) for each in instance.windows],
            "RELEASE_TIME_SECTION": list(instance.release),
            "DEPOT_SECTION": [1, -1],
        },
    )
    _epochs(path).write_text(json.dumps({"seconds": instance.epoch, "epochs": instance.epochs()}) + "\n")


def _epochs(path: Path) -> Path:
    return path.with_suffix(".epochs.json")


def read(path: Path) -> Instance:
    """An instance from a VRPLIB file with time windows and release times, and the file of epochs beside it."""
    found = vrplib.read_instance(path)
    windows = tuple((int(opens), int(closes)) for opens, closes in found["time_window"])
    return Instance(
        name=str(found["name"]),
        vehicles=int(found["vehicles"]),
        capacity=int(found["capacity"]),
        horizon=windows[0][1],
        matrix=tuple(tuple(int(each) for each in row) for row in found["edge_weight"]),
        places=tuple((int(x), int(y)) for x, y in found["node_coord"]),
        windows=windows,
        service=tuple(int(each) for each in found["service_time"]),
        release=tuple(int(each) for each in found["release_time"]),
        epoch=int(json.loads(_epochs(path).read_text())["seconds"]),
    )


# ---------------------------------------------------------------- our solver on it


@dataclass(frozen=True)
class Outcome:
    """What became of an instance: travel in seconds with the ways back, and requests reached in their windows."""

    travel: int
    served: int


def dynamic(instance: Instance) -> Outcome:
    """Our scheduler, which learns of the requests epoch by epoch: insertion, then the rest of the day planned again."""
    plan = _plan(instance)
    served = 0
    for epoch in instance.epochs():
        now = _MIDNIGHT + timedelta(seconds=_OPENS + epoch["begins"])
        for node in sorted(epoch["requests"], key=lambda each: instance.windows[each]):
            booked = place(plan, _call(instance, node), now)
            served += isinstance(booked, Booking) and _given(instance, node, booked)
        problem = improvement.problem_of(plan, now)
        found = None if problem is None else solver.solve(problem, 30, EPOCH_ITERATIONS)
        if problem is not None and found is not None:
            improvement.apply_if_better(plan, problem, found, now)
    routes = [[int(stop.request_id) for stop in route.stops] for route in plan.routes.values()]
    return Outcome(_driven(instance, routes), served)


def hindsight(instance: Instance) -> Outcome:
    """The best that PyVRP finds when all requests are known; the ways back are not what it saves, as in our days."""
    nodes, vehicles = list(instance.requests), range(instance.vehicles)
    problem = Problem(
        doctors=tuple(f"v{each:02}" for each in vehicles),
        free_from=tuple(0 for _ in vehicles),
        until=tuple(instance.horizon for _ in vehicles),
        room=tuple(instance.capacity for _ in vehicles),
        visits=tuple(str(node) for node in nodes),
        earliest=tuple(instance.windows[node][0] for node in nodes),
        latest=tuple(instance.windows[node][1] for node in nodes),
        service=tuple(instance.service[node] for node in nodes),
        locations=(*(Location("0") for _ in vehicles), *(Location(str(node)) for node in nodes)),
        travel=_travel(instance),
        extra=tuple(tuple(0 for _ in nodes) for _ in vehicles),
        routes=tuple(() for _ in vehicles),
        back=tuple(tuple(instance.matrix[node][0] for node in nodes) for _ in vehicles),
    )
    routes = solver.solve(problem, 60, HINDSIGHT_ITERATIONS, optional=True) or []
    return Outcome(_driven(instance, [[nodes[visit] for visit in route] for route in routes]), sum(map(len, routes)))


def _driven(instance: Instance, routes: Sequence[Sequence[int]]) -> int:
    return sum(
        instance.matrix[one][other]
        for route in routes
        if route
        for one, other in zip((0, *route), (*route, 0), strict=True)
    )


def _travel(instance: Instance) -> Travel:
    return Travel(routed=_pairs(instance))


def _pairs(instance: Instance) -> dict[tuple[str, str], int]:
    return {
        (str(one), str(other)): seconds for one, row in enumerate(instance.matrix) for other, seconds in enumerate(row)
    }


def _plan(instance: Instance) -> DayPlan:
    doctors = tuple(
        Doctor(
            doctor_id=f"v{each:02}",
            full_name=f"v{each:02}",
            specialty="gp",
            districts=frozenset(),
            shift_from=_MIDNIGHT + timedelta(seconds=_OPENS),
            shift_to=_MIDNIGHT + timedelta(seconds=_OPENS + instance.horizon),
            max_visits=instance.capacity,
            on_duty=False,
            start=(0.0, 0.0),
        )
        for each in range(instance.vehicles)
    )
    pairs = _pairs(instance)
    for doctor in doctors:
        key = f"@{doctor.doctor_id}"
        for node in instance.requests:
            pairs[key, str(node)], pairs[str(node), key] = instance.matrix[0][node], instance.matrix[node][0]
    # The window is given: as wide as it is, open when it opens, and nothing to pay for another doctor.
    rules = Dispatch(window=24 * 60, lead=0, district_weight=0, change_weight=0)
    return DayPlan(Roster(1, doctors, instance.service[1] // 60, 0), dispatch=rules, routed=pairs)


def _call(instance: Instance, node: int) -> Call:
    opens, closes = ((_OPENS + each) // 60 for each in instance.windows[node])
    released = _MIDNIGHT + timedelta(seconds=_OPENS + instance.release[node])
    return Call(str(node), False, None, "same_day", False, released, preferred=Preferred(opens, closes))


def _given(instance: Instance, node: int, booked: Booking) -> bool:
    at = (booked.planned_at - _MIDNIGHT).total_seconds() - _OPENS
    return instance.windows[node][0] <= at <= instance.windows[node][1] and booked.arrives_to <= (
        _MIDNIGHT + timedelta(seconds=_OPENS + instance.windows[node][1])
    )


# ---------------------------------------------------------------- the command


def measured(seed: int, days: int, directory: Path, epoch: int = EPOCH) -> dict[str, Any]:
    """The ratio over so many ordinary days, written to and read from the directory."""
    pairs: list[tuple[Outcome, Outcome]] = []
    requests = 0
    for number in range(days):
        day = clinic_day(seed, number)
        # The form does not say who may visit whom: so everybody may.
        doctors = tuple(replace(each, specialty="gp") for each in day.roster.doctors)
        calls = tuple(replace(call, is_child=False) for call in day.calls)
        day = replace(day, roster=replace(day.roster, doctors=doctors), calls=calls)
        path = directory / f"homecall-{seed}-{number}.txt"
        write(instance_of(day, replanned(day).windows, epoch), path)
        instance = read(path)
        requests += len(instance.requests)
        pairs.append((dynamic(instance), hindsight(instance)))
        print(f"day {number + 1} of {days}", file=sys.stderr, flush=True)
    return {
        "requests": requests,
        "served": sum(one.served for one, _ in pairs),
        "served_in_hindsight": sum(other.served for _, other in pairs),
        "travel_minutes": round(sum(one.travel for one, _ in pairs) / 60, 1),
        "hindsight_minutes": round(sum(other.travel for _, other in pairs) / 60, 1),
        "ratio": round(_ratio(pairs), 3),
        "interval": interval(pairs, _ratio),
    }


def _ratio(pairs: Sequence[tuple[Outcome, Outcome]]) -> float:
    return sum(one.travel for one, _ in pairs) / max(1, sum(other.travel for _, other in pairs))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the instances, read them back, and print the ratio."""
    parser = argparse.ArgumentParser(prog="bench-public", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of the made-up days")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--epoch", type=int, default=EPOCH, help="seconds after which the solver hears of new requests")
    parser.add_argument("--into", type=Path, help="a directory for the instances; without it they are not kept")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    asked = parser.parse_args(arguments)
    if asked.days < 1:
        parser.error("--days: must be 1 or more")
    if asked.epoch < 1:
        parser.error("--epoch: must be 1 or more seconds")
    with tempfile.TemporaryDirectory() as scratch:
        directory = asked.into or Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        found = measured(asked.seed, asked.days, directory, asked.epoch)
    within = found["interval"]
    print(
        f"{found['served']} of {found['requests']} requests served in their windows, travel"
        f" {found['travel_minutes']:.0f} minutes: {found['ratio']:.2f}"
        + (f" ({within[0]:.2f} to {within[1]:.2f})" if within else "")
        + f" times hindsight's {found['hindsight_minutes']:.0f}."
    )
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
