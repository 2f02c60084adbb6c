"""Parts of the benchmark that change one size and hold the rest: clinics, partitions, a batch's records, messages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, get_args

from bench.clients import TASKS
from bench.stage import CHAIN, FOUR_SERVICES, HOP, Contender, Measured, Stage
from homecall.runtime.settings import MongoClientName

BATCHES = (1, 10, 50, 250)
PARTITIONS = (6, 24)
_SERVICES, _INTAKE = CHAIN[1], HOP[1]


def clinics(stage: Stage, rounds: int, requests: int, most: int) -> list[Any]:
    """The chain with the usual number of clinics and with ``most``, in turn: [clinics, [a drain each]]."""
    found: list[tuple[int, list[Any]]] = [(stage.clinics, []), (most, [])]
    usual = stage.clinics
    try:
        for number in range(rounds):
            for size, drains in _in_turn(found, number):
                stage.clinics = size
                drains.append(vars(stage.drain(_SERVICES, requests)))
            _say("clinics", number, found)
    finally:
        stage.clinics = usual
    return [list(each) for each in found]


def partitions(stage: Stage, rounds: int, requests: int) -> list[Any]:
    """Intake with the usual number of partitions and with more, in turn: [partitions, [a drain each]]."""
    found: list[tuple[int, list[Any]]] = [(each, []) for each in PARTITIONS]
    usual = stage.partitions
    try:
        for number in range(rounds):
            for size, drains in _in_turn(found, number):
                stage.partitions = size
                drains.append(vars(stage.drain(_INTAKE, requests)))
            _say("partitions", number, found)
    finally:
        stage.partitions = usual
    return [list(each) for each in found]


def batches(stage: Stage, requests: int) -> list[Any]:
    """The chain with batches of at most so many records: [records, a drain]. A tenth of the requests for the smallest.

    What a batch costs by itself, and what a record adds, is told from the drains: see ``bench.report``.
    """
    found = []
    for most in BATCHES:
        drained = stage.drain(_SERVICES, _requests(requests, most), extra={"HOMECALL_BATCH_MAX": str(most)})
        found.append([most, vars(drained)])
        told = ", ".join(f"{name} {spent:.2f}" for name, spent in drained.cpu_ms_by.items())
        print(f"batches of {most}: processor ms a request: {told}", flush=True)
    return found


def memory(stage: Stage, requests: int, spread_over: int) -> dict[str, Any]:
    """Resident memory of four services that have heard what comes of so many requests, and how much they heard.

    Over as many clinics as have room for them on a day, so that the scheduler holds their days.
    """
    usual = stage.clinics
    stage.clinics = spread_over
    try:
        done = stage.drain(FOUR_SERVICES, requests)
    finally:
        stage.clinics = usual
    told = ", ".join(f"{name} {done.rss_mib[name]:.0f} MiB after {done.messages[name]:,}" for name in done.rss_mib)
    print(f"memory after so many messages: {told}", flush=True)
    return {"rss_mib": done.rss_mib, "messages": done.messages, "requests": requests}


def clients(stage: Stage, rounds: int, operations: int) -> list[Any]:
    """MongoDB's two clients in processes of their own, in turn: [tasks, {client: [a run each]}]."""
    names: Sequence[str] = get_args(MongoClientName)
    found: list[Any] = []
    for tasks in TASKS:
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for number in range(rounds):
            for name in names if number % 2 == 0 else reversed(names):
                runs[name].append(_client(stage, name, tasks, operations))
        found.append([tasks, runs])
        told = "; ".join(
            f"{name} {', '.join(format(each['cpu_ms'], '.2f') for each in of)}" for name, of in runs.items()
        )
        print(f"clients of MongoDB, {tasks} tasks, processor ms an operation: {told}", flush=True)
    return found


def noise(stage: Stage, rounds: int, requests: int) -> dict[str, Any]:
    """The same against the same, one after the other: pairs of drains of the bare loop, and of intake."""
    return {each.name: [_twice(stage, each, requests) for _ in range(rounds)] for each in HOP[:2]}


def _twice(stage: Stage, contender: Contender, requests: int) -> list[Any]:
    one, two = (stage.drain(contender, requests) for _ in range(2))
    print(
        f"the same again, {contender.name}: {one.per_second:,.0f} and {two.per_second:,.0f}/s, "
        f"{one.cpu_ms:.3f} and {two.cpu_ms:.3f} ms of processor each",
        flush=True,
    )
    return [vars(one), vars(two)]


def warm_up(stage: Stage, requests: int) -> list[Measured]:
    """Drains that are not counted: servers compile their code as it is used, and files are read for the first time."""
    return [stage.drain(each, requests) for each in CHAIN[:2]]


def _client(stage: Stage, name: str, tasks: int, operations: int) -> dict[str, float]:
    # One task waits for each answer: a quarter of the operations tell as much there.
    number = operations if tasks > 1 else operations // 4
    command = [sys.executable, "-m", "bench.clients", name, str(tasks), str(number), stage.mongo, "bench_clients"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"the client {name} failed: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _requests(requests: int, most: int) -> int:
    return max(20, requests // 10) if most == 1 else max(50, requests // 2) if most < 50 else requests


def _in_turn(found: list[tuple[int, list[Any]]], number: int) -> list[tuple[int, list[Any]]]:
    """Whoever comes second finds warmer servers: it is the other one in the next round."""
    return found if number % 2 == 0 else found[::-1]


def _say(what: str, number: int, found: Sequence[tuple[int, list[Any]]]) -> None:
    told = ", ".join(f"{size:,}: {drains[-1]['per_second']:,.0f}/s" for size, drains in found)
    print(f"{what}, round {number + 1}: {told}", flush=True)
