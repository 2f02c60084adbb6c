"""What the parts of ``bench.scale`` come to: keys of the line of JSON, and rows of the table.

Batches, clinics, partitions, memory, clients, and how far the machine may be trusted.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.quiet import MOST_BY_OTHERS, apart

Row = tuple[str, str, str]
MEMORY_MIB = 125


def figures(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of the line of JSON that these parts give; null, or empty, where a part was never run."""
    others = raw.get("others")
    return {
        "quiet": None if others is None else max(others.values(), default=0.0) <= MOST_BY_OTHERS,
        "noise": _noise(raw.get("noise", {})),
        "clinics_ratio": _ratio(raw.get("clinics", [])),
        "partitions_ratio": _ratio(raw.get("partitions", [])),
        "cpu_by_batch": _by_batch(raw.get("batches", [])),
        "cpu_of_batch": fixed_costs(raw.get("batches", [])),
        "mongo_clients": _clients(raw.get("clients", [])),
        "memory_mib": {name: round(mib) for name, mib in raw.get("memory", {}).get("rss_mib", {}).items()},
        "memory_messages": raw.get("memory", {}).get("messages", {}),
    }


def rows(raw: Mapping[str, Any]) -> list[Row]:
    """The rows of the table; none for a part that was never run."""
    found = figures(raw)
    told: list[Row] = []
    if found["noise"]:
        spread = ", ".join(
            f"{name} {each['per_second']:.0%} and {each['cpu_ms']:.0%}" for name, each in found["noise"].items()
        )
        told.append(("noise: the same twice, rate and processor time at most this far apart", spread, ""))
    if raw.get("clinics"):
        told.append(
            ("the chain by clinics, last to first", _sizes(raw["clinics"], found["clinics_ratio"]), "at least 0.9")
        )
    if raw.get("partitions"):
        told.append(("intake by partitions, last to first", _sizes(raw["partitions"], found["partitions_ratio"]), ""))
    for name, by_size in _turned(found["cpu_by_batch"]).items():
        sizes = ", ".join(f"{size}: {each['request_ms']:.2f} ({each['batch_ms']:.1f})" for size, each in by_size)
        cost = found["cpu_of_batch"][name]
        told.append(
            (
                f"{name}: processor ms a request (a batch), by a batch's most records",
                f"{sizes}; a batch by itself {cost['batch_ms']:.2f}, a record more {cost['record_ms']:.3f}",
                "",
            )
        )
    for tasks, each in found["mongo_clients"].items():
        costs = ", ".join(f"{name} {spent:.3f}" for name, spent in each["cpu_ms"].items())
        told.append((f"MongoDB's clients, {tasks} tasks: processor ms an operation", costs, ""))
    if found["memory_mib"]:
        heard = found["memory_messages"]
        told.append(
            (
                "memory after so many messages",
                ", ".join(f"{name} {mib} MiB ({heard.get(name, 0):,})" for name, mib in found["memory_mib"].items()),
                f"{MEMORY_MIB} MiB",
            )
        )
    return told


def fixed_costs(batches: Sequence[Any]) -> dict[str, dict[str, float]]:
    """By service, what a batch costs by itself and what a record adds, in processor milliseconds.

    The line of least squares through all sizes of batches, each by its relative error: that of small batches counts
    as much as that of large ones.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for _, drained in batches:
        for name, spent in drained["cpu_ms_by"].items():
            if number := drained["batches"].get(name):
                records = drained["messages"][name] / number
                points.setdefault(name, []).append((records, spent * drained["requests"] / number))
    return {name: _line(found) for name, found in points.items() if len({size for size, _ in found}) > 1}


def _line(points: Sequence[tuple[float, float]]) -> dict[str, float]:
    """The line through (records, cost) that has the least sum of squared relative errors."""
    weights = [1 / cost**2 for _, cost in points]
    w = sum(weights)
    x = sum(weight * size for weight, (size, _) in zip(weights, points, strict=True))
    xx = sum(weight * size**2 for weight, (size, _) in zip(weights, points, strict=True))
    y = sum(1 / cost for _, cost in points)
    xy = sum(size / cost for size, cost in points)
    whole = w * xx - x * x
    return {"batch_ms": round((y * xx - xy * x) / whole, 3), "record_ms": round((w * xy - x * y) / whole, 4)}


def _noise(pairs_of: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, float]]:
    """By contender, how far apart rates and processor times of the same were at most, in parts of the smaller."""

    def of(pairs: Sequence[Any], key: str) -> float:
        return round(apart([(one[key], two[key]) for one, two in pairs]) or 0.0, 3)

    return {name: {key: of(pairs, key) for key in ("per_second", "cpu_ms")} for name, pairs in pairs_of.items()}


def _ratio(sizes: Sequence[Any]) -> float | None:
    """The rate at the last size in parts of that at the first."""
    if not sizes:
        return None
    first, last = (statistics.median(each["per_second"] for each in drains) for _, drains in (sizes[0], sizes[-1]))
    return round(float(last / first), 3)


def _sizes(sizes: Sequence[Any], ratio: float) -> str:
    told = [
        f"{size:,}: {statistics.median(each['per_second'] for each in drains):,.0f}/s, "
        f"{statistics.median(each['cpu_ms'] for each in drains):.2f} ms"
        for size, drains in sizes
    ]
    return f"{ratio:.2f}: {'; '.join(told)}"


def _by_batch(batches: Sequence[Any]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        str(most): {
            name: {
                "request_ms": round(spent, 3),
                "batch_ms": round(spent * drained["requests"] / max(1, drained["batches"].get(name, 0)), 3),
                "records": round(drained["messages"].get(name, 0) / max(1, drained["batches"].get(name, 0)), 1),
            }
            for name, spent in drained["cpu_ms_by"].items()
        }
        for most, drained in batches
    }


def _turned(by_batch: Mapping[str, Mapping[str, Any]]) -> dict[str, list[tuple[str, Any]]]:
    """By service, then by size."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for size, services in by_batch.items():
        for name, each in services.items():
            found.setdefault(name, []).append((size, each))
    return found


def _clients(measured: Sequence[Any]) -> dict[str, Any]:
    return {
        str(tasks): {
            key: {name: round(statistics.median(each[key] for each in of), 4) for name, of in runs.items()}
            for key in ("cpu_ms", "per_second")
        }
        for tasks, runs in measured
    }
