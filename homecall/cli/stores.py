"""Commands on what the services have stored: reconcile, erase, migrate, backup, restore, recover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homecall.cli.serving import ServiceName

AsJson = Annotated[bool, typer.Option("--json", help="one object")]
Only = Annotated[ServiceName, typer.Option(help="only this service's database")]


def reconcile(
    clinic: Annotated[str | None, typer.Argument(help="the clinic_id, or a day of every clinic")] = None,
    date: Annotated[str | None, typer.Argument(help="the day, as in 2026-11-23")] = None,
    first: Annotated[str | None, typer.Option("--from", help="the first day; a week ago if none is named")] = None,
    last: Annotated[str | None, typer.Option("--to", help="the last day; without one, all days to come")] = None,
    settle: Annotated[float, typer.Option(min=0, help="seconds: what changed since is on its way")] = 300,
    as_json: AsJson = False,
    every: Annotated[
        float | None, typer.Option(min=1, help="go on, and compare every so many seconds: for Prometheus")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="where /metrics is, with --every")] = 8106,
    textfile: Annotated[Path | None, typer.Option(help="write the metrics there: for the node exporter")] = None,
) -> None:
    """Compare requests, register, statuses and bookings, day by day; exit 1 and a line for each difference.

    It reads the databases of intake, scheduler and notifier, beside running services, and changes nothing. Exit 2 if
    they could not be compared.
    """
    from homecall.operations.reconcile.command import Days
    from homecall.operations.reconcile.command import reconcile as run

    run(Days(clinic, date, first, last, settle), as_json=as_json, every=every, port=port, textfile=textfile)


def erase(
    older_than: Annotated[int, typer.Option(help="days since a request or complaint was over; more than topics keep")],
    service: Only = "all",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say how many there are")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask first")] = False,
) -> None:
    """Erase the personal data of what is over; rulings, ids, times and numbers stay. Beside running services.

    It may break off and be run again. What it erases is gone.
    """
    from homecall.operations.erase import erase as run

    run(older_than, service, dry_run=dry_run, yes=yes)


def migrate(
    service: Only = "all",
    check: Annotated[bool, typer.Option("--check", help="only say what is missing; exit 1 if anything is")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count the documents that would change")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="what is finished too: once the last replica of the old release is gone")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the indexes that are missing, and bring older documents up to date. Beside running services.

    Safe to run twice, and by two at once; broken off, it goes on where it was.
    """
    from homecall.operations.migrate import migrate as run

    run(service, check=check, dry_run=dry_run, again=again, as_json=as_json)


def backup(
    out: Annotated[
        Path, typer.Option(help="the file to write, not there yet; or a directory: the file is named by its time")
    ],
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="read the new file to its end, then leave so many in the directory, the newest"),
    ] = None,
    no_offsets: Annotated[
        bool, typer.Option("--no-offsets", help="without where the groups stand: where there is no broker to ask")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the four databases into one sealed file, beside running services, with where their groups stand."""
    from homecall.operations.backup import backup as run

    run(out, no_offsets=no_offsets, as_json=as_json, keep=keep)


def restore(
    file: Annotated[Path, typer.Argument(help="a file that homecall backup wrote")],
    check: Annotated[
        bool, typer.Option("--check", help="only read it to its end: is it whole, do the keys fit")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="remove what the databases hold first")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup into empty databases, with the services stopped; then run homecall migrate."""
    from homecall.operations.backup import restore as run

    run(file, check=check, replace=replace, as_json=as_json)


def recover(
    file: Annotated[
        Path | None,
        typer.Option(
            "--backup", help="the backup that was restored; without one, all topics are read from their beginning"
        ),
    ] = None,
    service: Annotated[ServiceName, typer.Option(help="only this service")] = "all",
    as_json: AsJson = False,
) -> None:
    """After a restore: handle again what came since the backup, as it was told then; with the services stopped.

    What was told is in the topics, and is not sent again: numbers, windows, statuses and their times stand. Exit 1 if
    something that was told has not come out again.
    """
    from homecall.operations.recover.command import recover as run

    run(file, service, as_json=as_json)
