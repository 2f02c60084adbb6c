"""What the raw figures of a benchmark come to: the line of JSON, the table, the plots."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import scale_report

DOCS = Path("docs/performance.md")
PICTURES = Path("docs/performance")
_BEGIN, _END = "<!-- figures: made by make bench -->", "<!-- end of figures -->"
PEAK_PER_SECOND = 60_000 * 5 * 0.2 / 3600
"""The country's calls on a day of an epidemic, five times the usual 60,000, a fifth of them in the first hour."""


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which so many of a hundred are."""
    in_order = sorted(values)
    return in_order[min(len(in_order) - 1, len(in_order) * percent // 100)]


def figures(raw: dict[str, Any]) -> dict[str, Any]:
    """The line of JSON: medians over the rounds; null where a part was never run."""
    return {
        "hop_ratio": _median(_ratios(raw.get("hop"))),
        "chain_ratio": _median(_ratios(raw.get("chain"))),
        "hop_numbers_ratio": _median(_ratios(raw.get("hop"), to=2)),
        "chain_numbers_ratio": _median(_ratios(raw.get("chain"), to=2)),
        "usual_way_ratio": _median([ours / theirs for theirs, ours in raw.get("usual", [])]),
        "latency_p50_ratio": _median(_latency_ratios(raw, 50)),
        "latency_p99_ratio": _median(_latency_ratios(raw, 99)),
        "growth_ratio": _growth_ratio(raw),
        "cpu_ms_per_request": _median([each[1]["cpu_ms"] for each in raw.get("chain", [])]),
        "rss_mib": {
            **{name: round(each) for name, each in raw.get("idle_rss_mib", {}).items()},
            **_largest([each[1]["rss_mib"] for each in raw.get("chain", [])]),
        },
        "startup_s": {name: _median(each) for name, each in raw.get("startup_s", {}).items()},
        "desk": [_desk_figures(each) for each in raw.get("desk", [])],
        **scale_report.figures(raw),
    }


def _desk_figures(found: dict[str, Any]) -> dict[str, Any]:
    """Of one layout: milliseconds, MiB, and the share of a core."""
    told = {f"delivery_p{percent}_ms": round(percentile(found["delivered"], percent)) for percent in (50, 99)}
    pages = {
        f"p{percent}_ms": {name: round(percentile(times, percent), 1) for name, times in found["pages"].items()}
        for percent in (50, 95)
    }
    return {
        "layout": found["layout"],
        "heard": found["heard"],
        "expected": found["expected"],
        **told,
        "pages": pages,
        "rss_mib": round(found["rss_mib"]),
        "core": round(found["share"], 2),
    }


def desk_lines(measured: Sequence[dict[str, Any]]) -> list[str]:
    """The figures of each layout in a line, as they come."""
    return [f"{what}: {figures_of}" for what, figures_of, _ in _desk_rows(measured)]


def _desk_rows(measured: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    rows = []
    for found in measured:
        told, size = _desk_figures(found), found["size"]
        pages = "; ".join(
            f"{name} {middle:.0f} and {told['pages']['p95_ms'][name]:.0f}"
            for name, middle in told["pages"]["p50_ms"].items()
        )
        rows.append(
            (
                f"desk, {size['browsers']:,} browsers and {size['per_second']} events/s: {told['layout']}",
                f"delivery p50 {told['delivery_p50_ms']}, p99 {told['delivery_p99_ms']} ms "
                f"({told['heard']:,} of {told['expected']:,}); pages p50 and p95: {pages} ms; "
                f"{told['rss_mib']} MiB; {told['core']:.0%} of a core",
                f"delivery p99 1,000 ms; pages p95 100 ms with {size['calls']:,} calls; 150 MiB",
            )
        )
    return rows


def _ratios(rounds: list[Any] | None, to: int = 0) -> list[float]:
    """The services' rate to the bare loops', round by round, or to that of another contender that ran beside them."""
    return [each[1]["per_second"] / each[to]["per_second"] for each in rounds or [] if to < len(each)]


def _latency_ratios(raw: dict[str, Any], percent: int) -> list[float]:
    return [percentile(ours, percent) / percentile(bare, percent) for bare, ours in raw.get("latency", [])]


def _growth_ratio(raw: dict[str, Any]) -> float | None:
    rungs = raw.get("growth")
    return round(statistics.median(rungs[-1][1]) / statistics.median(rungs[0][1]), 3) if rungs else None


def _median(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 3) if values else None


def _largest(rounds: list[dict[str, float]]) -> dict[str, int]:
    return {name: round(max(each[name] for each in rounds)) for name in (rounds[0] if rounds else {})}


def _spread(values: Sequence[float], form: str = ".2f") -> str:
    if not values:
        return "not measured"
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:{form}}" if len(values) == 1 else f"{middle:{form}} ({least:{form}} to {most:{form}})"


def table(raw: dict[str, Any]) -> list[str]:
    """The table of docs/performance.md: medians, with the least and the most of the rounds."""
    found = figures(raw)
    rows: list[tuple[str, str, str]] = []
    for part, what, target in (
        ("hop", "one hop (intake) against the bare loop", "at least 0.5"),
        ("chain", "request to status against three bare loops", "at least 0.35"),
    ):
        rounds = raw.get(part, [])
        sides = range(max(2, len(rounds[0]) if rounds else 0))
        rates = [_spread([each[side]["per_second"] for each in rounds], ",.0f") for side in sides]
        rows.append((what, f"{_spread(_ratios(rounds))}: {rates[1]} of {rates[0]}/s", target))
        if len(rates) > 2:
            rows.append((f"{what} with numbers", f"{_spread(_ratios(rounds, to=2))}: of {rates[2]}/s", ""))
    usual = raw.get("usual", [])
    rows.append(
        (
            "intake against the usual way",
            f"{_spread([ours / theirs for theirs, ours in usual], '.0f')} times; "
            f"that one does {_spread([theirs for theirs, _ in usual], '.0f')}/s",
            "at least 12",
        )
    )
    for percent in (50, 99):
        times = [
            _spread([percentile(pair[side], percent) for pair in raw.get("latency", [])], ".0f") for side in (0, 1)
        ]
        rows.append(
            (
                f"the same at 50/s, p{percent}",
                f"{_spread(_latency_ratios(raw, percent))}: {times[1]} ms to {times[0]} ms",
                f"at most {2.0 if percent == 50 else 2.5}",
            )
        )
    if raw.get("latency_busy"):
        shares, spent = (
            [_spread([each[side][what] for each in raw["latency_busy"]], form) for side in (0, 1)]
            for what, form in ((0, ".0%"), (1, ".1f"))
        )
        rows.append(
            (
                "machine busy at that rate, services and bare loops",
                f"{shares[1]} and {shares[0]}; their own: {spent[1]} and {spent[0]} ms of processor a request",
                "",
            )
        )
    rungs = ", ".join(f"{stored:,}: {_spread(rates, ',.0f')}/s" for stored, rates in raw.get("growth", []))
    rows.append(
        ("growth: intake by requests stored, last to first", f"{found['growth_ratio']}: {rungs}", "at least 0.9")
    )
    if raw.get("replicas"):
        gains = [two / one for one, two in raw["replicas"]]
        rows.append(("two replicas of intake to one", _spread(gains), ""))
    memory, starts = found["rss_mib"], found["startup_s"]
    rows.append(("memory after the work", ", ".join(f"{name} {each} MiB" for name, each in memory.items()), ""))
    rows.append(("start to readiness", ", ".join(f"{name} {each} s" for name, each in starts.items()), "2 s"))
    if raw.get("hop"):
        spent = [_spread([pair[side]["cpu_ms"] for pair in raw["hop"]]) for side in (0, 1)]
        rows.append(("processor time a request, intake and bare loop", f"{spent[1]} and {spent[0]} ms", ""))
    cpu = found["cpu_ms_per_request"]
    if cpu:
        share = PEAK_PER_SECOND * cpu / 1000
        rows.append(
            (
                "the same, all three services",
                f"{_spread([each[1]['cpu_ms'] for each in raw['chain']])} ms: a core carries {1000 / cpu:,.0f}/s",
                f"the country's peak, {PEAK_PER_SECOND:.1f}/s, takes {share:.1%} of a core",
            )
        )
    rows += scale_report.rows(raw)
    rows += _desk_rows(raw.get("desk", []))
    lines = ["| what | measured | target |", "|---|---|---|"]
    return [*lines, *(f"| {what} | {measured} | {target} |" for what, measured, target in rows)]


def into_docs(raw: dict[str, Any]) -> None:
    """Put the table between its marks in docs/performance.md, the plots and the raw figures beside it."""
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "raw.json").write_text(json.dumps(_rounded(raw)) + "\n")
    _plots(raw)
    machine = raw["machine"]
    head = (
        f"Measured {machine['at']} on {machine['cores']} cores, Python {machine['python']}; {machine['servers']}. "
        "Medians of the rounds, with the least and the most."
    )
    before, rest = DOCS.read_text().split(_BEGIN)
    after = rest.split(_END)[1]
    DOCS.write_text(f"{before}{_BEGIN}\n\n{head}\n\n" + "\n".join(table(raw)) + f"\n\n{_END}{after}")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


def _plots(raw: dict[str, Any]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    mpl.rcParams.update(
        {"svg.hashsalt": "homecall", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    bare_colour, our_colour = "#9aa5b1", "#1f6f8b"
    figure, axes = pyplot.subplots(figsize=(6.4, 3))
    places, labels = [], []
    for place, (part, label) in enumerate((("hop", "one hop"), ("chain", "the chain"))):
        for side, colour, name in ((0, bare_colour, "bare loops"), (1, our_colour, "services")):
            rates = [pair[side]["per_second"] for pair in raw.get(part, [])]
            if rates:
                x = place * 3 + side
                axes.bar(x, statistics.median(rates), color=colour, label=name if place == 0 else None)
                axes.plot([x] * len(rates), rates, "k.", markersize=4)
        places.append(place * 3 + 0.5)
        labels.append(label)
    axes.set_xticks(places, labels)
    axes.set_ylabel("requests per second")
    axes.legend(frameon=False)
    _save(figure, "throughput")

    if raw.get("latency"):
        figure, axes = pyplot.subplots(figsize=(6.4, 3))
        for side, colour, name in ((0, bare_colour, "three bare loops"), (1, our_colour, "three services")):
            times = sorted(value for pair in raw["latency"] for value in pair[side])
            axes.plot(times, [(place + 1) / len(times) for place in range(len(times))], color=colour, label=name)
        axes.set_xlim(left=0)
        axes.set_xlabel("milliseconds from request to status, at 50 requests per second")
        axes.set_ylabel("share that is there")
        axes.legend(frameon=False)
        _save(figure, "latency")

    if raw.get("growth"):
        figure, axes = pyplot.subplots(figsize=(6.4, 3))
        stored = [each for each, _ in raw["growth"]]
        axes.plot(stored, [statistics.median(rates) for _, rates in raw["growth"]], color=our_colour, marker="o")
        for each, rates in raw["growth"]:
            axes.plot([each] * len(rates), rates, "k.", markersize=4)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("requests stored")
        axes.set_ylabel("requests per second, intake")
        _save(figure, "growth")


def _save(figure: Any, name: str) -> None:
    figure.tight_layout()
    figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None})
