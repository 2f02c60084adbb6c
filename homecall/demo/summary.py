"""What the demo shows in the end: the day's account as a table, and what is wrong, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from homecall.demo.findings import Finding, Summary
from homecall.demo.ledger import Ledger
from homecall.demo.screen import CHANNELS, minutes, other_limits, slowest_answer
from homecall.operations.terminal import counted

_FINDINGS_SHOWN: Final = 20


def show_summary(console: Console, summary: Summary, ledger: Ledger) -> None:
    table = Table(title="The day's account", title_justify="left", title_style="bold", show_header=False, box=None)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for name, value, note in _rows(summary, ledger):
        bad = name in {"lost", "doubled", "unanswered", "drift"} and value
        table.add_row(name, str(value), note, style="bold red" if bad else "")
    console.print()
    console.print(table)


def _rows(summary: Summary, ledger: Ledger) -> Sequence[tuple[str, object, str]]:
    slow = {channel: minutes(slowest_answer(ledger, channel)) for channel in CHANNELS}
    unsigned = sum(fate.code == "signature_invalid" for fate in ledger.fates.values())
    turned_away = sum("refused" in statuses for statuses in ledger.complaints.values())
    others = other_limits(ledger)
    early = sum(bool(fate.cancelled) and not fate.answered for fate in ledger.fates.values())
    return (
        ("requests", summary.requests, "accepted at once, deferred or refused"),
        ("  accepted at once", summary.accepted, ""),
        ("  deferred", summary.deferred, "through the portal while the clinic was closed; taken up at its opening"),
        (
            "  refused",
            summary.refused,
            f"with the reason, and what to do next; {unsigned} for a signature that does not hold",
        ),
        ("answered", summary.answered, f"with a day and a time, or a refusal; {early} withdrawn before that"),
        (
            "  on time",
            summary.on_time,
            "slowest by the service clock: " + ", ".join(f"{k} {v}" for k, v in slow.items()),
        ),
        ("  missed", summary.missed, "10 minutes at the desk and by phone, 30 through the portal"),
        *(
            [("other limits missed", others, "10 minutes in the queue, 10 of being served, visits before closing")]
            if others
            else []
        ),
        (
            "complaints registered",
            summary.complaints,
            f"{turned_away} turned away, its signature does not hold; {len(ledger.complaints_linked)} linked with "
            "another about the same call",
        ),
        ("done at the desk", summary.desk_actions, _at_the_desk(ledger)),
        ("dead letters", len(ledger.dead), f"{len(ledger.dead_expected)} broken records were sent on purpose"),
        ("lost", summary.lost, ""),
        ("doubled", summary.doubled, ""),
        ("unanswered", summary.unanswered, ""),
        (
            "drift",
            summary.drift,
            "differences between register, statuses and bookings, in the stores and at the desk",
        ),
        ("submission to status", f"{summary.p50_ms} ms", f"half of them; 99 of 100 within {summary.p99_ms} ms"),
        ("seconds", summary.seconds, "real time, from the command to here"),
    )


def _at_the_desk(ledger: Ledger) -> str:
    done = ledger.desk
    return (
        f"one clinic, in the browser: {counted(done['request.submitted'], 'call')}, "
        f"{counted(done['answer.given'], 'answer')} read aloud, {counted(done['visit.reported'], 'visit')} reported; "
        f"{ledger.desk_unsent} not sent"
    )


def show_findings(console: Console, findings: Sequence[Finding]) -> None:
    for kind, what in findings[:_FINDINGS_SHOWN]:
        console.print(f"{kind}: {what}", style="red", markup=False, soft_wrap=True)
    if len(findings) > _FINDINGS_SHOWN:
        console.print(f"… and {len(findings) - _FINDINGS_SHOWN} more", style="red")
