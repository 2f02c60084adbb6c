"""The ``homecall`` command. Each command imports what it needs, so that a service starts without the rest."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer(
    name="homecall",
    help="Calling a doctor to the home: the services, and the tools around them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
topics_app = typer.Typer(help="The topics of the contract.", no_args_is_help=True)
app.add_typer(topics_app, name="topics")


class ServiceName(StrEnum):
    """What can be served."""

    INTAKE = "intake"
    SCHEDULER = "scheduler"
    NOTIFIER = "notifier"
    COMPLAINTS = "complaints"
    ALL = "all"


@app.command()
def serve(
    service: Annotated[ServiceName, typer.Argument(help="the service to run, or all four in one process")],
) -> None:
    """Run a service until SIGTERM; settings come from the environment or a .env file."""
    from services.cli.serve import serve as run

    run(service.value)


@topics_app.command("create")
def topics_create(
    partitions: Annotated[int | None, typer.Option(help="partitions of each topic, if not the contract's")] = None,
    replication: Annotated[int, typer.Option(help="replicas of each partition")] = 1,
) -> None:
    """Create the topics that are missing, as the contract has them."""
    from services.cli.topics import create

    create(partitions, replication)


@topics_app.command("check")
def topics_check() -> None:
    """Say where the topics differ from the contract; exit 1 if they do."""
    from services.cli.topics import check

    check()


def main() -> None:
    """Run the command; what the operator can mend is told in one line."""
    from services.cli.failure import Failure

    try:
        app()
    except Failure as error:
        print(f"homecall: {error}", file=sys.stderr)
        sys.exit(error.code)


if __name__ == "__main__":
    main()
