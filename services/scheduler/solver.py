"""PyVRP, asked to improve the routes of a problem. Imported in a process of its own, never by the scheduler itself."""

from __future__ import annotations

from typing import Any

from services.scheduler.domain.improvement import FORBIDDEN, Problem


def solve(
    problem: Problem, seconds: float, iterations: int = 1_000_000, seed: int = 1, *, optional: bool = False
) -> list[list[int]] | None:
    """Better routes within so many seconds of real time, or None. The same seed and iterations give the same.

    With ``optional`` visits may be left out where there is no time for them, at a high price; otherwise never.
    """
    import pyvrp
    from pyvrp.stop import MaxIterations, MaxRuntime, MultipleCriteria

    data = _data(problem, optional)
    present = [pyvrp.Route(data, _with_pauses(problem, each), vehicle_type=each) for each in _driving(problem)]
    result = pyvrp.solve(
        data,
        stop=MultipleCriteria([MaxRuntime(seconds), MaxIterations(iterations)]),
        seed=seed,
        collect_stats=False,
        display=False,
        initial_solution=pyvrp.Solution(data, present) if present else None,
    )
    if not result.is_feasible() or (not optional and result.cost() >= FORBIDDEN):
        return None
    found: list[list[int]] = [[] for _ in problem.doctors]
    for route in result.best.routes():
        found[route.vehicle_type()] = [
            visit.idx for visit in route if visit.is_client() and visit.idx < len(problem.visits)
        ]
    return found


def _driving(problem: Problem) -> list[int]:
    """The doctors whose routes are not empty for a solver: with visits, or with a break."""
    pausing = {pause.doctor for pause in problem.pauses}
    return (
        [each for each, route in enumerate(problem.routes) if route or each in pausing] if any(problem.routes) else []
    )


def _with_pauses(problem: Problem, doctor: int) -> list[int]:
    """A route as it is with the doctor's breaks, which are clients too: each after the visit where it is spent."""
    doctors, visits = len(problem.doctors), len(problem.visits)
    order: list[int] = []
    for place in (doctor, *(doctors + visit for visit in problem.routes[doctor])):
        order += [place - doctors] * (place >= doctors)
        order += [
            visits + number
            for number, pause in enumerate(problem.pauses)
            if (pause.doctor, pause.location) == (doctor, place)
        ]
    return order


def _data(problem: Problem, optional: bool) -> Any:
    """The problem as PyVRP takes it: for each doctor a vehicle type, and depots where the day begins and ends."""
    import pyvrp

    doctors, visits = len(problem.doctors), len(problem.visits)
    base = min((*problem.free_from, *problem.earliest))
    ends = doctors + visits + len(problem.pauses)
    distances, durations = _matrices(problem)
    clients = [
        pyvrp.Client(
            location=doctors + visit,
            delivery=[1],
            service_duration=problem.service[visit],
            tw_early=max(0, problem.earliest[visit] - base),
            tw_late=max(0, problem.latest[visit] - base),
            required=not optional,
            prize=FORBIDDEN // 10 if optional else 0,
        )
        for visit in range(visits)
    ] + [
        pyvrp.Client(
            location=doctors + visits + number,
            delivery=[0],
            service_duration=pause.ends - pause.begins,
            tw_early=max(0, pause.begins - base),
            tw_late=max(0, pause.begins - base),
        )
        for number, pause in enumerate(problem.pauses)
    ]
    vehicle_types = [
        pyvrp.VehicleType(
            capacity=[problem.room[each]],
            start_depot=each,
            end_depot=doctors + each,
            tw_early=problem.free_from[each] - base,
            tw_late=max(problem.until[each] - base, problem.free_from[each] - base),
            profile=each,
        )
        for each in range(doctors)
    ]
    return pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0) for _ in range(ends + doctors)],
        clients=clients,
        depots=[pyvrp.Depot(location=each) for each in (*range(doctors), *range(ends, ends + doctors))],
        vehicle_types=vehicle_types,
        distance_matrices=distances,
        duration_matrices=[durations] * doctors,
    )


def _matrices(problem: Problem) -> tuple[list[Any], Any]:
    """Costs for each doctor, and travel times. The way back from the last visit takes its time, and costs nothing."""
    import numpy as np

    doctors = len(problem.doctors)
    first, home = doctors + len(problem.visits), doctors + len(problem.visits) + len(problem.pauses)
    at = [*range(first), *(pause.location for pause in problem.pauses)]
    travel: Any = np.zeros((home + doctors, home + doctors), dtype=np.int64)
    travel[:home, :home] = [[0 if one == other else problem.seconds(one, other) for other in at] for one in at]
    times = travel.copy()
    times[doctors:first, home:] = np.array(problem.back, dtype=np.int64).T
    for number, pause in enumerate(problem.pauses):
        times[first + number, home:] = times[pause.location, home:]
    costs: list[Any] = []
    for doctor, extra in enumerate(problem.extra):
        cost = travel.copy()
        cost[:home, doctors:first] += np.array(extra, dtype=np.int64)[None, :]
        for number, pause in enumerate(problem.pauses):
            if pause.doctor != doctor:
                cost[:home, first + number] += FORBIDDEN
        np.fill_diagonal(cost, 0)
        costs.append(cost)
    return costs, times
