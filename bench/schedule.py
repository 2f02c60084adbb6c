"""``make bench-schedule``: ways to plan the same made-up clinic days, side by side.

First free slot; the least loaded (before there were routes); insertion; insertion with planning again, and that with
windows by sampled days; and what nobody can have, the whole day known in advance: with the windows that each of these
two promised, and without, the bound.
With ``--kind all`` every kind of day; ``--unlike`` draws the calls at other hours and places than the defaults were
chosen by; ``--changes`` and ``--continuity`` show what it costs to send the doctor who was named, or who came last
time; ``--write`` puts a summary and the plot into ``docs/``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.bounds import bound, windowed
from bench.clinic_days import KINDS, ClinicDay, Kind, clinic_day
from bench.contenders import CONTENDERS, dispatch_of, replanned, sampled
from bench.history import forecast_for
from bench.results import Interval, Result, interval, travel_ratio

DOCS = Path(__file__).resolve().parent.parent / "docs"
_TITLES = {
    "first_free": "first free slot",
    "least_loaded": "least loaded",
    "insertion": "insertion",
    "replanned": "insertion, planned again",
    "sampled": "the same, windows by sampled days",
    "windowed": "all known, our windows",
    "windowed_sampled": "all known, windows by sampled days",
    "bound": "all known in advance",
}
CHANGE_WEIGHTS = (0.0, 1.0, 3.0, 10.0, 30.0)
"""Minutes that planning again must save to send another doctor than was named, for ``--changes``."""


CONTINUITY_WEIGHTS = (0.0, 2.0, 5.0, 10.0, 20.0)
"""Minutes that another doctor must save to be sent instead of the last one, for ``--continuity``."""
RETURNING = 0.2
"""The share of patients who were visited lately, for ``--continuity``."""


def made_up(seed: int, days: int, kind: Kind, *, unlike: bool = False, returning: float = 0.0) -> list[ClinicDay]:
    """The days of a contest."""
    return [clinic_day(seed, number, kind, unlike=unlike, returning=returning) for number in range(days)]


def contest(days: Sequence[ClinicDay]) -> dict[str, Result]:
    """Every contender on the same days."""
    results = {name: Result() for name in _TITLES}
    for number, day in enumerate(days, start=1):
        found = {name: plan(day) for name, plan in CONTENDERS.items()}
        found["sampled"] = sampled(day, forecast_for(day))
        found |= {
            "windowed": windowed(day, found["replanned"]),
            "windowed_sampled": windowed(day, found["sampled"]),
            "bound": bound(day),
        }
        for name, result in found.items():
            results[name].add(result)
        print(f"{day.kind} day {number} of {len(days)}", file=sys.stderr, flush=True)
    return results


def table(title: str, results: Mapping[str, Result]) -> str:
    """The columns, as Markdown."""
    lines = [
        f"### {title}",
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


def by_district(results: Mapping[str, Result]) -> str:
    """The district that waits longest against the one that waits least: whether cheap routes starve a far one."""
    lines = [
        _row("wait by district, minutes", "mean: best", "worst", "95 %: best", "worst"),
        "|---" * 5 + "|",
    ]
    for name, result in results.items():
        cells = [
            f"{value:.0f} ({district})"
            for figure in ("wait_mean_minutes", "wait_p95_minutes")
            for district, value in result.extremes(figure)
        ]
        lines.append(_row(_TITLES[name], *cells))
    return "\n".join([*lines, ""])


def gaps(results: Mapping[str, Result]) -> dict[str, dict[str, Any]]:
    """Each contender's travel in parts of the bound's, with its 95 % interval where there are two days or more."""
    return {
        name: {
            "of_bound": round(travel_ratio([(result, results["bound"])]), 3),
            "interval": interval(list(zip(result.days, results["bound"].days, strict=True)), travel_ratio),
        }
        for name, result in results.items()
    }


def ratios(results: Mapping[str, Result]) -> str:
    """What is asked of planning again, without and with sampled days, in a few lines."""
    found = gaps(results)
    lines = [
        line
        for name, hindsight in (("replanned", "windowed"), ("sampled", "windowed_sampled"))
        for line in _asked_of(name, hindsight, results, found)
    ]
    return "\n".join([*lines, ""])


def _asked_of(
    name: str, hindsight: str, results: Mapping[str, Result], found: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    again, first, best = (results[each] for each in (name, "first_free", "bound"))
    figures = again.figures()["intervals"]
    lines = [
        f"{_TITLES[name].capitalize()}: {again.placed / max(1, best.placed):.1%} of what the bound places; travel"
        f" {again.travel_seconds / max(1, first.travel_seconds):.2f} of first free slot's and"
        f" {found[name]['of_bound']:.2f}{_within(found[name]['interval'])} times the bound's.",
        f"With the windows that it promised, and all known in advance,"
        f" {found[hindsight]['of_bound']:.2f}{_within(found[hindsight]['interval'])} times the bound's: the rest is"
        " the dispatch.",
    ]
    if figures["wait_mean_minutes"] is not None:
        mean, most = _within(figures["wait_mean_minutes"], 0), _within(figures["wait_p95_minutes"], 0)
        lines.append(f"95 % confidence by drawing from the days again: mean wait{mean}, 95 % wait{most} minutes.")
    return lines


def _within(found: Interval | None, digits: int = 2) -> str:
    return "" if found is None else f" ({found[0]:.{digits}f} to {found[1]:.{digits}f})"


def prices(days: Sequence[ClinicDay], name: str, weights: Sequence[float]) -> dict[str, dict[str, Any]]:
    """What a weight of ``Dispatch`` costs: the figures of planning again for several values of it."""
    found: dict[str, dict[str, Any]] = {}
    for weight in weights:
        result, other = Result(), {name: weight}
        for day in days:
            result.add(replanned(day, replace(dispatch_of(day), **other)))  # type: ignore[arg-type]  # floats alone
        found[f"{weight:g}"] = result.figures()
        print(f"{name} {weight:g}", file=sys.stderr, flush=True)
    return found


_PRICED: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], float]]] = {
    "change_weight": ("other doctor than was named", lambda of: of["doctors_changed"] / max(1, of["placed"])),
    "continuity_weight": ("same doctor as last time", lambda of: of["same_doctor"] / max(1, of["returning"])),
}
"""What each weight buys, as a share."""


def price_table(name: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """The prices, as Markdown."""
    bought, share_of = _PRICED[name]
    lines = [
        _row(f"`{name}_minutes`", bought, "travel, min", "mean wait, min", "95 % wait, min"),
        "|---" * 5 + "|",
    ]
    for weight, f in found.items():
        share = f"{share_of(f):.0%}"
        cells = (f"{f[each]:.0f}" for each in ("travel_minutes", "wait_mean_minutes", "wait_p95_minutes"))
        lines.append(_row(weight, share, *cells))
    return "\n".join([*lines, ""])


_SHOWN: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
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
    first, results = next(iter(found.items()))
    return "\n".join([*lines, f"{_titled(first)}:", "", by_district(results), ratios(results)])


def _titled(kind: Kind, *, unlike: bool = False) -> str:
    return f"{kind.replace('_', ' ').capitalize()} days{', unlike the profile' if unlike else ''}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def plot(found: Mapping[Kind, Mapping[str, Result]], path: Path) -> None:
    """Travel and waits per call, contender by contender, for each kind of day."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "homecall"
    figure, axes = plt.subplots(2, 1, figsize=(8, 6), sharex=True)
    width = 0.8 / len(_TITLES)
    for number, (name, title) in enumerate(_TITLES.items()):
        results = [found[kind][name] for kind in found]
        places = [kind + (number - (len(_TITLES) - 1) / 2) * width for kind in range(len(found))]
        axes[0].bar(places, [r.travel_seconds / 60 / max(1, r.placed) for r in results], width, label=title)
        axes[1].bar(places, [r.figures()["wait_mean_minutes"] for r in results], width)
        axes[1].scatter(places, [r.figures()["wait_p95_minutes"] for r in results], s=14, color="black", zorder=3)
    axes[0].set_ylabel("travel, minutes a visit")
    axes[0].legend(fontsize=8)
    axes[1].set_ylabel("wait, minutes: mean, and 95 % (dot)")
    axes[1].set_xticks(range(len(found)), [kind.replace("_", " ") for kind in found])
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def write(found: Mapping[Kind, Mapping[str, Result]], command: str) -> None:
    """Put the summary and the plot into docs/."""
    begin, end = "<!-- bench-schedule begins -->", "<!-- bench-schedule ends -->"
    page = DOCS / "schedule.md"
    before, _, rest = page.read_text().partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n\n`{command}`\n\n{summary(found)}\n{end}{after}")
    plot(found, DOCS / "schedule.svg")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the contest and print what it came to."""
    parser = argparse.ArgumentParser(prog="bench-schedule", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of the made-up days")
    parser.add_argument("--days", type=int, default=3, help="of each kind")
    parser.add_argument("--kind", choices=[*KINDS, "all"], default="ordinary")
    parser.add_argument("--unlike", action="store_true", help="calls at other hours and places than the profile's")
    parser.add_argument("--changes", action="store_true", help="only: what it costs to keep the doctor who was named")
    parser.add_argument("--continuity", action="store_true", help="only: what it costs to send the last visit's doctor")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON: of the first kind of day")
    parser.add_argument("--write", action="store_true", help="put the table and the plot into docs/")
    asked = parser.parse_args(arguments)
    if asked.days < 1:
        parser.error("--days: must be 1 or more")
    if asked.write and (asked.unlike or asked.changes or asked.continuity):
        parser.error("--write: not with --unlike, --changes or --continuity; copy what you need from the output")
    kinds: Sequence[Kind] = KINDS if asked.kind == "all" else (asked.kind,)
    share = RETURNING if asked.continuity else 0.0
    days = {kind: made_up(asked.seed, asked.days, kind, unlike=asked.unlike, returning=share) for kind in kinds}
    if asked.changes or asked.continuity:
        name = "change_weight" if asked.changes else "continuity_weight"
        weights = CHANGE_WEIGHTS if asked.changes else CONTINUITY_WEIGHTS
        found_prices = {kind: prices(each, name, weights) for kind, each in days.items()}
        for kind, found in found_prices.items():
            print(f"### {_titled(kind, unlike=asked.unlike)}\n\n{price_table(name, found)}")
        if asked.json:
            print(json.dumps(next(iter(found_prices.values()))))
        return
    contests = {kind: contest(each) for kind, each in days.items()}
    for kind, results in contests.items():
        title = _titled(kind, unlike=asked.unlike)
        print(f"{table(title, results)}\n{by_district(results)}\n{ratios(results)}")
    if asked.write:
        write(
            contests,
            f'make bench-schedule ARGS="--seed {asked.seed} --days {asked.days} --kind {asked.kind} --write"',
        )
    if asked.json:
        results = next(iter(contests.values()))
        relative = gaps(results)
        print(json.dumps({name: result.figures() | relative[name] for name, result in results.items()}))


if __name__ == "__main__":
    main()
