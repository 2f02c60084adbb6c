"""``make simulate``: many seeded histories of the services, and a line of JSON at the end.

``--seeds 1000 --from 1 --requests 60 --json``; ``--replay SEED`` shows one history line by line, shortened where it
fails; ``--mutants`` plays each built-in defect until a seed finds it.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from tests.infrastructure.own_events import held_against_their_models
from tests.simulation.apart import apart
from tests.simulation.history import History, Result, play
from tests.simulation.mutants import MUTANTS
from tests.simulation.shorten import shortened
from tests.simulation.sometimes import expected

Mutant = Callable[[], AbstractContextManager[None]]
KEPT = Path(__file__).with_name("seeds.txt")
"""Every seed that ever found a defect, a line each: the seed, and what it found."""
_FIRST = (1, 5, 7, 8)
"""Seeds that import what is imported at first use, played before any process is forked."""
_MUTANT_SEEDS = 300
_ENOUGH = 100


def kept_seeds() -> list[int]:
    """The seeds of ``seeds.txt``."""
    lines = KEPT.read_text("utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")]


def main(arguments: list[str] | None = None) -> int:
    """Play, and say what was found. 1 where a seed fails or a mutant is not caught."""
    parser = argparse.ArgumentParser("make simulate", description="Seeded histories of the services.")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first of them")
    parser.add_argument("--requests", type=int, default=60, help="requests in a history")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many are played at once")
    parser.add_argument("--kept", action="store_true", help="play the kept seeds as well")
    parser.add_argument("--mutants", nargs="*", metavar="NAME", help="play built-in defects: all, or those named")
    parser.add_argument("--replay", type=int, metavar="SEED", help="show one history")
    parser.add_argument("--within", metavar="MUTANT", choices=[*MUTANTS], help="replay with a defect built in")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    options = parser.parse_args(arguments)
    if options.replay is not None:
        return _replay(options.replay, options.requests, MUTANTS.get(options.within, nullcontext))
    began = time.perf_counter()
    wanted = [*(kept_seeds() if options.kept else []), *range(options.first, options.first + options.seeds)]
    told = _Told(quiet=options.json)
    _get_ready()
    for seed in _FIRST:
        play(seed, 5)
    gc.freeze()  # as everything that forks of this process share
    with multiprocessing.get_context("fork").Pool(options.processes, _ignore_interrupts) as pool:
        for result in pool.imap_unordered(_play, ((seed, options.requests) for seed in dict.fromkeys(wanted))):
            told.take(result)
        caught: dict[str, int | None] = {}
        if options.mutants is not None:
            names = options.mutants or [*MUTANTS]
            for name, seed in pool.imap_unordered(_hunt, ((name, options.requests) for name in names)):
                caught[name] = seed
                told.say(f"{name}: {'not caught' if seed is None else f'caught with seed {seed}'}")
    for seed in told.failed:
        told.say(f"a seed failed: make simulate ARGS='--replay {seed} --requests {options.requests}'")
    summary = told.summary() | {
        "seconds": round(time.perf_counter() - began, 1),
        "controls": len(caught),
        "controls_caught": sum(each is not None for each in caught.values()),
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    # So many seeds must have tried everything; fewer need not.
    untried = summary["seeds"] >= _ENOUGH and summary["not_reached"]
    return 1 if told.failed or untried or summary["controls"] != summary["controls_caught"] else 0


class _Told:
    """Adds up what seeds came to."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._counts: Counter[str] = Counter()
        self._reached: set[str] = set()
        self.failed: list[int] = []

    def take(self, result: Result) -> None:
        self._counts.update(
            seeds=1,
            events=result.events,
            crashes=result.crashes,
            rebalances=result.rebalances,
        )
        self._reached |= result.reached
        if result.findings:
            self.failed.append(result.seed)
            kinds = {kind: len(entries) for kind, entries in result.findings.items()}
            self.say(f"seed {result.seed}: {kinds}, as {next(iter(result.findings.values()))[0]}")

    def say(self, line: str) -> None:
        if not self._quiet:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def summary(self) -> dict[str, Any]:
        counts = {name: self._counts[name] for name in ("seeds", "events", "crashes", "rebalances")}
        return (
            counts
            | {"failed": sorted(self.failed), "branches_reached": len(self._reached)}
            | {"not_reached": sorted(expected() - self._reached)}
        )


def _get_ready() -> None:
    """Before anything is played: what becomes of killed processes' callbacks and tasks is of no concern."""
    sys.unraisablehook = lambda _: None
    warnings.simplefilter("ignore", RuntimeWarning)
    logging.disable(logging.CRITICAL)
    gc.freeze()  # modules are not looked through at the end of each history


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends the others


def _play(what: tuple[int, int]) -> Result:
    seed, requests = what
    result = apart(lambda: History(seed, requests).play())
    result.lines = []  # for a person, who plays it again
    return result


def _hunt(what: tuple[str, int]) -> tuple[str, int | None]:
    """How many seeds it takes to find a mutant; None where none of 300 does."""
    name, requests = what
    for seed in range(1, _MUTANT_SEEDS + 1):
        if apart(lambda: History(seed, requests, mutant=MUTANTS[name]).play()).findings:  # noqa: B023  # done at once
            return name, seed
    return name, None


def _replay(seed: int, requests: int, mutant: Mutant) -> int:
    _get_ready()
    result = play(seed, requests, mutant=mutant)
    if result.findings:
        result = shortened(result, requests, mutant=mutant)
    sys.stdout.writelines(_shown(result))
    return 1 if result.findings else 0


def _shown(result: Result) -> Iterator[str]:
    yield from _lines(result.lines)
    for kind, entries in result.findings.items():
        yield from _lines(f"{kind}: {each}" for each in entries)
    yield f"seed {result.seed}, {len(result.faults)} faults, {result.events} events, digest {result.digest}\n"


def _lines(lines: Iterable[str]) -> Iterator[str]:
    return (line + "\n" for line in lines)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets of text is part of a history: it is the same in every run.
        again = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | {"PYTHONHASHSEED": "0"})
    with held_against_their_models():
        ended = main()
    sys.exit(ended)
