"""Commands to try the contract without a clinic: example, explain, dev-sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

ExampleChannel = Literal["desk", "phone", "portal"]


def example(
    kind: Annotated[
        str,
        typer.Argument(
            help="clinic, roster, unavailable, request, withdrawal, visit, answer, complaint, assigned, executed, "
            "answered, refused, escalated; or id: only a new id"
        ),
    ],
    own_id: Annotated[
        str | None, typer.Option("--id", help="the request's or complaint's id, if not a new one")
    ] = None,
    request: Annotated[str | None, typer.Option(help="the request_id that it is about")] = None,
    clinic: Annotated[str, typer.Option(help="the clinic_id")] = "samal-1",
    channel: Annotated[ExampleChannel, typer.Option(help="of a request; portal: of a complaint, too")] = ("phone"),
) -> None:
    """Print an event that is right now, as a line for homecall publish: an open clinic, today's roster, a request.

    At night and on days off the clinic has a working date of its own. What comes through the portal is signed next,
    with homecall dev-sign. The same --id is the same patient.
    """
    from homecall.operations.example import example as run

    run(kind, own=own_id, request=request, clinic_id=clinic, channel=channel)


def explain(
    file: Annotated[str | None, typer.Argument(help="JSON lines; - for standard input")] = None,
    request: Annotated[str | None, typer.Option(help="a request_id: its whole life, from the stores")] = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="judge no signatures, whatever the settings say")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="with --request: a line of JSON for each step")] = False,
) -> None:
    """Print the ruling on each request or complaint of a file, with no server; exit 1 if a line has none.

    A line is {"type": "request.submitted", "data": {…}, "clinic": {…}}, or with complaint.submitted; without a clinic
    it has the standard's hours. With --request: each step of one request, its time, its clause and its verdict.
    """
    if request is not None:
        from homecall.operations.life import explain_request

        explain_request(request, as_json=as_json)
        return
    if file is None:
        raise typer.BadParameter("name a file, - for standard input, or --request ID")
    from homecall.operations.explain import explain as run

    run(file, unsigned=unsigned)


def dev_sign(
    file: Annotated[str, typer.Argument(help="init, or a file of JSON lines, or - for standard input")],
    directory: Annotated[Path, typer.Option(help="where the test authority is, or will be")],
    iin: Annotated[str | None, typer.Option(help="who signs, if not the applicant")] = None,
) -> None:
    """Sign as anybody, for development: init makes a test authority; then print each line of a file, signed.

    A line is an event's data, or {"type": …, "data": {…}}. Exit 1 if a line could not be signed.
    """
    from homecall.operations.dev_sign import dev_sign as run

    run(file, directory, iin)
