"""Commands that write and read records: publish, retire, watch, dead letters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

dead_letters = typer.Typer(help="The records that could not be handled.", no_args_is_help=True)

TopicName = Annotated[str, typer.Argument(help="a topic's full name, or the short one, as in requests")]
Lines = Annotated[str, typer.Argument(help="a file of JSON lines, or - for standard input")]
Reason = Annotated[str | None, typer.Option(help="only those that died of this, as in schema")]
FromTopic = Annotated[str | None, typer.Option("--topic", help="only those that came from this topic")]

Sender = Annotated[str | None, typer.Option(help="who sends, where the operator asks: with --key")]
KeyFile = Annotated[Path | None, typer.Option("--key", help="the sender's private key")]


def publish(
    topic: TopicName,
    file: Lines,
    source: Annotated[str, typer.Option(help="the ce_source of events that name none")] = "/homecall/publish",
    as_is: Annotated[bool, typer.Option("--as-is", help="check nothing; what is no event goes out as it is")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no line for each event that was sent")] = False,
    sender: Sender = None,
    key_file: KeyFile = None,
) -> None:
    """Check each line of a file against the contract and send it; exit 1 if any was not sent.

    A line is {"type": …, "data": {…}} with id, source and time if you like, or a structured CloudEvent, or, where the
    topic has one type only, the data itself. Without an id the same line has the same one, so that it may be sent
    twice.
    """
    from homecall.operations.publish import publish as run
    from homecall.operations.publish import signing

    run(topic, file, source=source, as_is=as_is, quiet=quiet, sign=signing(sender, key_file))


def retire(
    clinic: Annotated[str, typer.Argument(help="the clinic's id")],
    source: Annotated[str, typer.Option(help="the ce_source of the record")] = "/homecall/publish",
    sender: Sender = None,
    key_file: KeyFile = None,
) -> None:
    """Take a clinic out of the list: it gets no further calls, and those that are open come to their end."""
    from homecall.operations.retire import retire as run

    run(clinic, source=source, sender=sender, key=key_file)


def watch(
    topics: Annotated[list[str], typer.Argument(help="topics, by their full or short names")],
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="what is there already, too")] = False,
    since: Annotated[
        str | None, typer.Option(help="what was recorded since: 15m, 2h or 3d ago, or a time with an offset")
    ] = None,
    key: Annotated[str | None, typer.Option(help="only records with this key")] = None,
    request: Annotated[str | None, typer.Option(help="only events about the request of this id")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="end after so many; exit 1 if fewer came in time")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="end after so many seconds")] = None,
) -> None:
    """Print each event of the topics as a line of JSON, until Ctrl-C."""
    from homecall.operations.publish import Watched
    from homecall.operations.publish import watch as run

    run(topics, Watched(from_beginning, since, key, request, count, seconds))


@dead_letters.command("list")
def letters_list(
    reason: Reason = None,
    topic: FromTopic = None,
    as_json: Annotated[bool, typer.Option("--json", help="a line of JSON for each")] = False,
    show_value: Annotated[bool, typer.Option("--show-value", help="their values too: may be personal data")] = False,
) -> None:
    """Show what could not be handled, why, and where it came from."""
    from homecall.operations.dead_letters import show

    show(reason=reason, topic=topic, as_json=as_json, show_value=show_value)


@dead_letters.command("replay")
def letters_replay(
    reason: Reason = None,
    topic: FromTopic = None,
    offset: Annotated[list[int] | None, typer.Option(help="only this one of the list; may be given again")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask first")] = False,
) -> None:
    """Send dead letters again, as they first came; the same one twice changes nothing."""
    from homecall.operations.dead_letters import replay

    replay(reason=reason, topic=topic, offsets=offset or (), yes=yes)
