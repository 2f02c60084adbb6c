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
    import numpy as np
    import pyvrp
    from pyvrp.stop import MaxIterations, MaxRuntime, MultipleCriteria

    doctors, visits = len(problem.doctors), len(problem.visits)
    base = min((*problem.free_from, *problem.earliest))
    # The routes are open: the way home from the last visit costs nothing.
    home = doctors + visits
    times: Any = np.zeros((home + 1, home + 1), dtype=np.int64)
    times[:home, :home] = [[problem.seconds(one, other) for other in range(home)] for one in range(home)]
    matrices: list[Any] = []
    for each in range(doctors):
        costs = times.copy()
        costs[:home, doctors:home] += np.array(problem.extra[each], dtype=np.int64)[None, :]
        np.fill_diagonal(costs, 0)
        matrices.append(costs)
    np.fill_diagonal(times, 0)
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0) for _ in range(home + 1)],
        clients=[
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
        ],
        depots=[*(pyvrp.Depot(location=each) for each in range(doctors)), pyvrp.Depot(location=home)],
        vehicle_types=[
            pyvrp.VehicleType(
                capacity=[problem.room[each]],
                start_depot=each,
                end_depot=doctors,
                tw_early=problem.free_from[each] - base,
                tw_late=max(problem.until[each] - base, problem.free_from[each] - base),
                profile=each,
            )
            for each in range(doctors)
        ],
        distance_matrices=matrices,
        duration_matrices=[times] * doctors,
    )
    begun = pyvrp.Solution(
        data,
        [pyvrp.Route(data, list(route), vehicle_type=each) for each, route in enumerate(problem.routes) if route],
    )
    stop = MultipleCriteria([MaxRuntime(seconds), MaxIterations(iterations)])
    result = pyvrp.solve(
        data,
        stop=stop,
        seed=seed,
        collect_stats=False,
        display=False,
        initial_solution=begun if any(problem.routes) else None,
    )
    if not result.is_feasible() or (not optional and result.cost() >= FORBIDDEN):
        return None
    found: list[list[int]] = [[] for _ in range(doctors)]
    for route in result.best.routes():
        found[route.vehicle_type()] = [visit.idx for visit in route if visit.is_client()]
    return found
