"""``make bench-schedule``: five ways to plan the same made-up clinic days, side by side.

First free slot; the least loaded (before there were routes); insertion; insertion with planning again; and the whole
day known in advance, which nobody can have: the bound. With ``--kind all`` every kind of day; ``--write`` puts a
summary and the plot into ``docs/``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.clinic_days import KINDS, Kind, clinic_day
from bench.contenders import CONTENDERS, Result

DOCS = Path(__file__).resolve().parent.parent / "docs"
_TITLES = {
    "first_free": "first free slot",
    "least_loaded": "least loaded",
    "insertion": "insertion",
    "replanned": "insertion, planned again",
    "bound": "all known in advance",
}


def contest(seed: int, days: int, kind: Kind) -> dict[str, Result]:
    """Every contender on the same days."""
    results = {name: Result() for name in CONTENDERS}
    for number in range(days):
        day = clinic_day(seed, number, kind)
        for name, plan in CONTENDERS.items():
            results[name].add(plan(day))
        print(f"{kind} day {number + 1} of {days}", file=sys.stderr, flush=True)
    return results


def table(kind: Kind, results: Mapping[str, Result]) -> str:
    """The columns, as Markdown."""
    lines = [
        f"### {kind.replace('_', ' ').capitalize()} days",
        "",
        "| plan | placed | unplaced | travel, min | mean wait, min | 95 % wait, min | promises kept | changed"
        " | other doctor | ms a decision, p99 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        f = result.figures()
        lines.append(
            f"| {_TITLES[name]} | {f['placed']} | {f['unplaced']} | {f['travel_minutes']:.0f}"
            f" | {f['wait_mean_minutes']:.0f}"
            f" | {f['wait_p95_minutes']:.0f} | {f['promises_kept']} | {f['promises_changed']} | {result.other_doctor}"
            f" | {f['decision_ms_p99']:.1f} |"
        )
    return "\n".join([*lines, ""])


def ratios(results: Mapping[str, Result]) -> str:
    """What is asked of planning again, in one line."""
    again, first, bound = (results[name] for name in ("replanned", "first_free", "bound"))
    return (
        f"Planned again: {again.placed / max(1, bound.placed):.1%} of what the bound places; travel"
        f" {again.travel_seconds / max(1, first.travel_seconds):.2f} of first free slot's and"
        f" {again.travel_seconds / max(1, bound.travel_seconds):.2f} times the bound's.\n"
    )


_SHOWN: Mapping[str, Callable[[Mapping[str, float]], str]] = {
    "visits: promises kept of calls placed": lambda of: f"{of['promises_kept']}/{of['placed']}",
    "travel, minutes": lambda of: f"{of['travel_minutes']:.0f}",
    "mean wait, minutes": lambda of: f"{of['wait_mean_minutes']:.0f}",
}


def summary(found: Mapping[Kind, Mapping[str, Result]]) -> str:
    """What docs/schedule.md shows: a table for each of three figures, the kinds of day side by side."""
    lines = []
    for title, shown in _SHOWN.items():
        lines += [_row(title, *(kind.replace("_", " ") for kind in found)), "|---" * (1 + len(found)) + "|"]
        lines += [
            _row(words, *(shown(results[name].figures()) for results in found.values()))
            for name, words in _TITLES.items()
        ]
        lines.append("")
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def plot(found: Mapping[Kind, Mapping[str, Result]], path: Path) -> None:
    """Travel and waits per call, contender by contender, for each kind of day."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "homecall"
    figure, axes = plt.subplots(2, 1, figsize=(8, 6), sharex=True)
    width = 0.8 / len(CONTENDERS)
    for number, name in enumerate(CONTENDERS):
        results = [found[kind][name] for kind in found]
        places = [kind + (number - 2) * width for kind in range(len(found))]
        axes[0].bar(places, [r.travel_seconds / 60 / max(1, r.placed) for r in results], width, label=_TITLES[name])
        axes[1].bar(places, [r.figures()["wait_mean_minutes"] for r in results], width)
        axes[1].scatter(places, [r.figures()["wait_p95_minutes"] for r in results], s=14, color="black", zorder=3)
    axes[0].set_ylabel("travel, minutes a visit")
    axes[0].legend(fontsize=8)
    axes[1].set_ylabel("wait, minutes: mean, and 95 % (dot)")
    axes[1].set_xticks(range(len(found)), [kind.replace("_", " ") for kind in found])
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the contest and print what it came to."""
    parser = argparse.ArgumentParser(prog="bench-schedule", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of the made-up days")
    parser.add_argument("--days", type=int, default=3, help="of each kind")
    parser.add_argument("--kind", choices=[*KINDS, "all"], default="ordinary")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON: of the first kind of day")
    parser.add_argument("--write", action="store_true", help="put the table and the plot into docs/")
    asked = parser.parse_args(arguments)
    if asked.days < 1:
        parser.error("--days: must be 1 or more")
    kinds: Sequence[Kind] = KINDS if asked.kind == "all" else (asked.kind,)
    found = {kind: contest(asked.seed, asked.days, kind) for kind in kinds}
    text = "\n".join(f"{table(kind, results)}\n{ratios(results)}" for kind, results in found.items())
    print(text)
    if asked.write:
        begin, end = "<!-- bench-schedule begins -->", "<!-- bench-schedule ends -->"
        page = DOCS / "schedule.md"
        before, _, rest = page.read_text().partition(begin)
        after = rest.partition(end)[2]
        head = f'`make bench-schedule ARGS="--seed {asked.seed} --days {asked.days} --kind {asked.kind} --write"`'
        page.write_text(f"{before}{begin}\n\n{head}\n\n{summary(found)}\n{end}{after}")
        plot(found, DOCS / "schedule.svg")
    if asked.json:
        print(json.dumps({name: result.figures() for name, result in next(iter(found.values())).items()}))


if __name__ == "__main__":
    main()
