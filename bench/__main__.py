"""``make bench``: how near the services come to bare loops of the same durability, side by side in one run, as ratios.

What is measured, and how, is told in docs/performance.md. Absolute figures are those of this machine at this hour; of
several rounds the median counts. ``--only`` runs some of the parts, and what the others gave last stays. Where others
keep the machine busy, that is said, and nothing goes into the docs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import desk as the_desk
from bench import growth, report, scale
from bench.desk import DeskSize
from bench.quiet import MOST_BY_OTHERS, busy_by_others
from bench.stage import CHAIN, HOP, TWO_REPLICAS, USUAL, Contender, Measured, Stage, a_stage
from homecall.contract.topics import SERVICES
from tests.infrastructure import stack

RAW = Path("build/bench/raw.json")
PER_SECOND = 50.0
"""The steady rate at which latency is measured: 180,000 requests an hour."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    name: str
    rounds: int
    requests: int
    usual: int
    latency_rounds: int
    latency_seconds: float
    ladder: tuple[int, ...]
    heap: str
    desk: DeskSize
    memory: tuple[int, int]
    """Requests after which memory is looked at, and over how many clinics: 200 of a clinic's day at most."""
    operations: int
    """Of each of MongoDB's clients."""
    clinics: int = 500
    """Of the part ``clinics``, beside a region's: by default the country's."""


FULL = Size(
    name="full",
    rounds=5,
    requests=10_000,
    usual=1_000,
    latency_rounds=3,
    latency_seconds=40,
    ladder=(10_000, 100_000, 1_000_000),
    heap="16g",
    desk=DeskSize(1_500, 1_500, 50, 30),
    memory=(100_000, 500),
    operations=8_000,
)
QUICK = Size(
    name="quick",
    rounds=2,
    requests=5_000,
    usual=300,
    latency_rounds=1,
    latency_seconds=12,
    ladder=(10_000, 30_000, 100_000),
    heap="4g",
    desk=DeskSize(1_500, 1_500, 50, 10),
    memory=(50_000, 250),
    operations=2_000,
)
TINY = Size(
    name="tiny",
    rounds=1,
    requests=300,
    usual=30,
    latency_rounds=1,
    latency_seconds=1,
    ladder=(300, 500),
    heap="768m",
    desk=DeskSize(20, 30, 10, 1),
    memory=(300, 40),
    operations=160,
    clinics=50,
)
"""Says nothing about speed: for the test that the benchmark runs."""
ONLY_FULL = ("replicas", "partitions")
"""Parts for which a quick run has no time."""


def hop(stage: Stage, size: Size) -> dict[str, Any]:
    """One hop, intake, against the bare loop."""
    return {"hop": _rounds(stage, size, HOP)}


def chain(stage: Stage, size: Size) -> dict[str, Any]:
    """The whole chain, request to status, against three bare loops."""
    return {"chain": _rounds(stage, size, CHAIN)}


def usual(stage: Stage, size: Size) -> dict[str, Any]:
    """Intake against the usual way with FastStream."""
    rounds = []
    for number in range(_half(size)):
        ours, theirs = stage.drain(HOP[1], size.requests), stage.drain(USUAL, size.usual)
        rounds.append([theirs.per_second, ours.per_second])
        _say("usual way", number, theirs, ours)
    return {"usual": rounds}


def latency(stage: Stage, size: Size) -> dict[str, Any]:
    """Request to last status, at a steady rate, against three bare loops."""
    rounds, busy = [], []
    for number in range(size.latency_rounds):
        bare, ours = (stage.latencies(each, size.latency_seconds, PER_SECOND) for each in CHAIN[:2])
        rounds.append([bare.times, ours.times])
        busy.append([[each.busy, each.cpu_ms] for each in (bare, ours)])
        print(
            f"latency, round {number + 1}: bare p50 {_at(bare.times, 50):.0f} p99 {_at(bare.times, 99):.0f} ms, "
            f"services p50 {_at(ours.times, 50):.0f} p99 {_at(ours.times, 99):.0f} ms; "
            f"the machine is busy {bare.busy:.0%} and {ours.busy:.0%}",
            flush=True,
        )
    return {"latency": rounds, "latency_busy": busy}


def grown(stage: Stage, size: Size) -> dict[str, Any]:
    """Intake over databases with more and more requests stored, which take turns on one server."""
    requests = max(size.ladder[0] // 3, min(size.requests, 5_000))
    first = 0
    found: list[tuple[str, int, list[float]]] = []
    for wanted in size.ladder:
        stage.prefix = ""  # the databases before stay: this drain has its own, and its documents are the samples
        stage.drain(HOP[1], requests, first=first)
        first += requests
        began = time.perf_counter()
        found.append((stage.prefix, growth.load(stage.mongo, f"{stage.prefix}_intake", wanted), []))
        print(f"growth: {wanted:,} stored in {time.perf_counter() - began:.0f} s", flush=True)
    for number in range(1 if size is TINY else max(2, size.rounds)):
        for prefix, _, rates in found if number % 2 == 0 else reversed(found):
            stage.prefix = prefix
            rates.append(stage.drain(HOP[1], requests, first=first, keep=True).per_second)
            first += requests
        now = ", ".join(f"{there:,}: {rates[-1]:,.0f}/s" for _, there, rates in found)
        print(f"growth, round {number + 1}: intake with so many stored: {now}", flush=True)
    for prefix, _, _ in found:
        stage.prefix = prefix
        stage.clear()
    return {"growth": [[there, rates] for _, there, rates in found]}


def replicas(stage: Stage, size: Size) -> dict[str, Any]:
    """One replica of intake to two."""
    rounds = []
    for number in range(min(size.rounds, 3)):
        one, two = stage.drain(HOP[1], size.requests), stage.drain(TWO_REPLICAS, size.requests)
        rounds.append([one.per_second, two.per_second])
        _say("replicas", number, one, two)
    return {"replicas": rounds}


def footprint(stage: Stage, size: Size) -> dict[str, Any]:
    """Memory after the chain's work, and start to readiness, of each service, one at a time."""
    stage.clear()
    stage.open()
    started: dict[str, list[float]] = {}
    idle: dict[str, float] = {}
    for _ in range(_half(size)):
        for name in SERVICES:
            running = stage.start(name)
            started.setdefault(name, []).append(running.startup_s)
            idle[name] = running.rss_mib
            running.stop()
    return {"startup_s": started, "idle_rss_mib": idle}


def noise(stage: Stage, size: Size) -> dict[str, Any]:
    """The same against the same: how far apart two figures may be that mean the same."""
    return {"noise": scale.noise(stage, _half(size), size.requests)}


def batches(stage: Stage, size: Size) -> dict[str, Any]:
    """Processor time by batches from one record to 250."""
    return {"batches": scale.batches(stage, size.requests // 2)}


def clinics(stage: Stage, size: Size) -> dict[str, Any]:
    """The chain with a region's clinics and with the country's, or as many as ``--clinics`` says."""
    return {"clinics": scale.clinics(stage, min(size.rounds, 3), size.requests, size.clinics)}


def partitions(stage: Stage, size: Size) -> dict[str, Any]:
    """Intake with six partitions and with more."""
    return {"partitions": scale.partitions(stage, min(size.rounds, 3), size.requests)}


def clients(stage: Stage, size: Size) -> dict[str, Any]:
    """MongoDB's two clients."""
    return {"clients": scale.clients(stage, min(size.rounds, 3), size.operations)}


def memory(stage: Stage, size: Size) -> dict[str, Any]:
    """Memory of each service after as many messages as a day of the country has."""
    return {"memory": scale.memory(stage, *size.memory)}


def desk(stage: Stage, size: Size) -> dict[str, Any]:
    """Browsers that listen, events that change calls, and pages asked for meanwhile, at one process of the desk."""
    return {"desk": the_desk.measure(stage, size.desk)}


PARTS: dict[str, Callable[[Stage, Size], dict[str, Any]]] = {
    "noise": noise,
    "hop": hop,
    "chain": chain,
    "usual": usual,
    "latency": latency,
    "footprint": footprint,
    "growth": grown,
    "replicas": replicas,
    "batches": batches,
    "clinics": clinics,
    "partitions": partitions,
    "clients": clients,
    "memory": memory,
    "desk": desk,
}


def _half(size: Size) -> int:
    """Rounds of a part that needs fewer, so that a quick run takes a quarter of an hour."""
    return max(1, size.rounds // 2)


def _rounds(stage: Stage, size: Size, contenders: Sequence[Contender]) -> list[Any]:
    """The drains of each round: of the bare loops, of the services, and of the bare loops with numbers."""
    found = []
    for number in range(size.rounds):
        # Whoever comes second finds warmer servers: it is the other one in the next round.
        order = contenders if number % 2 == 0 else tuple(reversed(contenders))
        by_name = {each.name: stage.drain(each, size.requests) for each in order}
        drains = [by_name[each.name] for each in contenders]
        found.append([vars(each) for each in drains])
        _say(contenders[1].name, number, *drains[:2])
        _say(f"{contenders[1].name} to {contenders[2].name}", number, drains[2], drains[1])
    return found


def _say(what: str, number: int, first: Measured, second: Measured) -> None:
    print(
        f"{what}, round {number + 1}: {first.per_second:,.0f}/s and {second.per_second:,.0f}/s, ratio "
        f"{second.per_second / first.per_second:.2f}; {first.cpu_ms:.2f} and {second.cpu_ms:.2f} ms of processor each",
        flush=True,
    )


def _at(values: list[float], percent: int) -> float:
    return report.percentile(values, percent)


def main() -> None:
    asked = _asked()
    size = QUICK if asked.quick else TINY if asked.tiny else FULL
    if asked.clinics:
        size = replace(size, clinics=asked.clinics)
    stack.settle_environment()
    RAW.parent.mkdir(parents=True, exist_ok=True)
    raw: dict[str, Any] = json.loads(RAW.read_text()) if asked.only and RAW.exists() else {}
    print(stack.describe())
    print(f"{size.name}: {size.rounds} rounds of {size.requests} requests, growth over {size.ladder}", flush=True)
    others = busy_by_others()
    if asked.docs and others > MOST_BY_OTHERS:
        raise SystemExit(f"others keep {others:.0%} of the machine busy: figures for the docs need a quiet one")
    parts = asked.only or [name for name in PARTS if size is FULL or name not in ONLY_FULL]
    with a_stage(size.heap if {"growth", "memory"} & set(parts) else "2g") as stage:
        if size is not TINY:
            scale.warm_up(stage, size.requests // 5)
        for name in parts:
            _measure(stage, size, name, raw)
    _told(raw, docs=asked.docs, as_json=asked.json)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").splitlines()[0])
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="some 15 minutes, with a smaller ladder of growth")
    sizes.add_argument("--tiny", action="store_true", help="only whether it runs")
    parser.add_argument("--only", action="append", choices=[*PARTS], help="this part (may be repeated)")
    parser.add_argument("--clinics", type=int, help="how many clinics the part of that name has, beside a region's 40")
    parser.add_argument("--docs", action="store_true", help="put table and plots into docs/performance.md")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    asked = parser.parse_args()
    if asked.clinics is not None and asked.clinics < 1:
        parser.error("--clinics: must be 1 or more")
    return asked


def _measure(stage: Stage, size: Size, name: str, raw: dict[str, Any]) -> None:
    """Run a part, and keep what it gave, with what else the machine did before it and how long it took."""
    others, busy, began = busy_by_others(), os.getloadavg()[0], time.perf_counter()
    if others > MOST_BY_OTHERS:
        print(f"{name}: others keep {others:.0%} of the machine busy: its figures are no figures", flush=True)
    raw |= PARTS[name](stage, size)
    raw.setdefault("busy", {})[name] = [round(busy, 1), round(os.getloadavg()[0], 1)]
    raw.setdefault("others", {})[name] = round(others, 3)
    raw.setdefault("seconds", {})[name] = round(time.perf_counter() - began)
    raw["machine"] = {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "servers": stack.describe(),
        "size": size.name,
    }
    RAW.write_text(json.dumps(raw))


def _told(raw: dict[str, Any], *, docs: bool, as_json: bool) -> None:
    """Print what the raw figures come to, and put it into the docs if that is asked for and the machine was quiet."""
    figures = report.figures(raw)
    print("\n".join(report.table(raw)))
    if docs and figures["quiet"]:
        report.into_docs(raw)
    elif docs:
        print("others kept the machine busy meanwhile: docs/performance.md stays as it is", flush=True)
    if as_json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
