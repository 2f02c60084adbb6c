"""The ``homecall`` command, put together: each group of commands has its module, and no module any logic.

A command imports what it runs when it runs, so that a service starts without the rest.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from homecall.cli import contract, desk, documents, permissions, records, serving, stores, trials

app = typer.Typer(
    name="homecall",
    help="Calling a doctor to the home: the services, and the tools around them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# In the order in which --help lists them.
for command in (
    serving.serve,
    serving.demo,
    serving.up,
    records.publish,
    records.retire,
    records.watch,
    trials.example,
    trials.explain,
    documents.journal,
    documents.routes,
    documents.complaints,
    documents.complaint,
    stores.reconcile,
    stores.erase,
    stores.migrate,
    stores.backup,
    stores.restore,
    stores.recover,
    trials.dev_sign,
    permissions.access,
    contract.asyncapi,
):
    app.command()(command)
app.add_typer(contract.topics, name="topics")
app.add_typer(records.dead_letters, name="dead-letters")
app.add_typer(permissions.keys, name="keys")
app.add_typer(permissions.sms, name="sms")
app.add_typer(permissions.senders, name="senders")
app.add_typer(desk.desk, name="desk")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"homecall {version('homecall')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="print name and version", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Calling a doctor to the home: the services, and the tools around them."""
    del version


def main() -> None:
    """Run the command; print in one line what the operator can correct, and exit with its code."""
    from homecall.operations.failure import Failure, of_dependency

    try:
        app()
    except Exception as error:
        failure = error if isinstance(error, Failure) else of_dependency(error)
        if failure is None:
            raise
        print(f"homecall: {failure}", file=sys.stderr)
        sys.exit(failure.code)


if __name__ == "__main__":
    main()
