"""Commands that run something: a service, the demo, an embedded broker and database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

ServiceName = Literal["intake", "scheduler", "notifier", "complaints", "desk", "all"]


def serve(
    service: Annotated[ServiceName, typer.Argument(help="the service to run, or all five in one process")],
) -> None:
    """Run a service until SIGTERM; settings come from the environment or a .env file."""
    from homecall.operations.lean_imports import without

    # Structlog would load them for coloured tracebacks and for green threads: no service has either. 4 MiB.
    with without("rich", "greenlet"):
        from homecall.operations.serve import serve as run

    run(service)


def demo(
    requests: Annotated[int, typer.Option(min=0, help="how many requests the day brings")] = 300,
    seed: Annotated[int, typer.Option(help="the same seed brings the same day")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="end with one line of JSON")] = False,
    stay: Annotated[bool, typer.Option("--stay", help="leave the desk open in the browser until Ctrl-C")] = False,
) -> None:
    """Play a clinic day on a broker and a database of its own; exit 1 if anything was lost, doubled or unanswered.

    It ends with homecall reconcile; what that finds is a reason for exit 1, too.
    """
    from homecall.demo.demo import run

    run(requests, seed, as_json=as_json, stay=stay)


def up(
    directory: Annotated[Path | None, typer.Option(help="keeps the database and the test authority here")] = None,
) -> None:
    """Run an embedded broker and database until Ctrl-C; prints their addresses. Not for production."""
    from homecall.demo.up import up as run

    run(directory)
