"""Commands about who may do what: access lists, keys, senders, phone numbers that get no messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

keys = typer.Typer(help="The keys under which personal data is kept.", no_args_is_help=True)
senders = typer.Typer(help="Who may send for which clinic.", no_args_is_help=True)
sms = typer.Typer(help="Text messages to patients.", no_args_is_help=True)

AccessForm = Literal["kafka-acls", "json", "strimzi", "mongosh", "mongodb-json", "mongodb-operator"]
KeysFile = Annotated[Path | None, typer.Option(help="the keys file, if not HOMECALL_KEYS_FILE")]


def access(
    clinics: Annotated[list[str] | None, typer.Argument(help="the ids of the clinics that get a user each")] = None,
    form: Annotated[
        AccessForm,
        typer.Option(
            "--format", help="of Kafka: a shell script, JSON, Strimzi's resources; of MongoDB: the other three"
        ),
    ] = "kafka-acls",
    cluster: Annotated[str, typer.Option(help="the cluster's name, for strimzi")] = "homecall",
    prefix: Annotated[str, typer.Option(help="of the databases, HOMECALL_MONGO_PREFIX")] = "homecall",
) -> None:
    """Print the users of Kafka, or of MongoDB, and what each may do: the services, the portal, each clinic."""
    from homecall.operations.access import access as run

    run(clinics or [], form, cluster, prefix)


@keys.command("new")
def keys_new(
    file: KeysFile = None,
    standby: Annotated[bool, typer.Option("--standby", help="do not seal with it yet: homecall keys use does")] = False,
) -> None:
    """Make the keys file, or add a key that seals from now on; the older ones stay, to open what they sealed."""
    from homecall.operations.keys import new

    new(file, standby=standby)


@keys.command("reseal")
def keys_reseal() -> None:
    """Put what is sealed under an older key under the current one, beside running services; exit 1 if some stays."""
    from homecall.operations.reseal import reseal

    reseal()


@keys.command("use")
def keys_use(name: Annotated[str, typer.Argument(help="the key's name, as in 2026-2")], file: KeysFile = None) -> None:
    """Seal with a key that the file holds already."""
    from homecall.operations.keys import use

    use(name, file)


@senders.command("new")
def senders_new(
    name: Annotated[str, typer.Argument(help="the sender's name, as its records will have it")],
    file: Annotated[Path, typer.Option(help="the list of senders, HOMECALL_SENDERS_FILE")],
    private: Annotated[Path, typer.Option(help="where the private key goes; a file that is not there yet")],
    clinic: Annotated[list[str] | None, typer.Option(help="whom it writes for, * for all; if none, its name")] = None,
    event_type: Annotated[list[str] | None, typer.Option("--type", help="what it sends, if not everything")] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(help="where it acts on complaints: clinic (the default), ministry, quality_authority"),
    ] = None,
) -> None:
    """Make a key for who sends: a clinic, the portal, the Ministry; again for one more key when one is replaced."""
    from homecall.operations.senders import new

    new(name, file, private, clinic or [], event_type or [], stage or [])


@senders.command("list")
def senders_list(file: Annotated[Path, typer.Option(help="the list of senders, HOMECALL_SENDERS_FILE")]) -> None:
    """Print who may send for which clinic."""
    from homecall.operations.senders import show

    show(file)


@sms.command("stop")
def sms_stop() -> None:
    """Read phone numbers from standard input, a line each: no request leads to a message to them any more."""
    from homecall.operations.sms import change

    change(stopped=True)


@sms.command("allow")
def sms_allow() -> None:
    """Read phone numbers from standard input, a line each: they may get messages again."""
    from homecall.operations.sms import change

    change(stopped=False)
