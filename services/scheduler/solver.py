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
    present = [pyvrp.Route(data, list(route), vehicle_type=each) for each, route in enumerate(problem.routes) if route]
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
        found[route.vehicle_type()] = [visit.idx for visit in route if visit.is_client()]
    return found


def _data(problem: Problem, optional: bool) -> Any:
    """The problem as PyVRP takes it: for each doctor a vehicle type, and depots where the day begins and ends."""
    import pyvrp

    doctors, visits = len(problem.doctors), len(problem.visits)
    base = min((*problem.free_from, *problem.earliest))
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
        locations=[pyvrp.Location(0, 0) for _ in range(2 * doctors + visits)],
        clients=clients,
        depots=[
            pyvrp.Depot(location=each) for each in (*range(doctors), *range(doctors + visits, 2 * doctors + visits))
        ],
        vehicle_types=vehicle_types,
        distance_matrices=distances,
        duration_matrices=[durations] * doctors,
    )


def _matrices(problem: Problem) -> tuple[list[Any], Any]:
    """Costs for each doctor, and travel times. The way back from the last visit takes its time, and costs nothing."""
    import numpy as np

    doctors = len(problem.doctors)
    home = doctors + len(problem.visits)
    travel: Any = np.zeros((home + doctors, home + doctors), dtype=np.int64)
    travel[:home, :home] = [[problem.seconds(one, other) for other in range(home)] for one in range(home)]
    np.fill_diagonal(travel, 0)
    times = travel.copy()
    times[doctors:home, home:] = np.array(problem.back, dtype=np.int64).T
    costs: list[Any] = []
    for extra in problem.extra:
        cost = travel.copy()
        cost[:home, doctors:home] += np.array(extra, dtype=np.int64)[None, :]
        np.fill_diagonal(cost, 0)
        costs.append(cost)
    return costs, times
