"""The ``homecall`` command. Each command imports what it needs, so that a service starts without the rest."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
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
letters_app = typer.Typer(help="The records that could not be handled.", no_args_is_help=True)
app.add_typer(letters_app, name="dead-letters")
keys_app = typer.Typer(help="The keys under which personal data is kept.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

sms_app = typer.Typer(help="Text messages to patients.", no_args_is_help=True)
app.add_typer(sms_app, name="sms")
senders_app = typer.Typer(help="Who may send for which clinic.", no_args_is_help=True)
app.add_typer(senders_app, name="senders")

TopicName = Annotated[str, typer.Argument(help="a topic's full name, or the short one, as in requests")]
Lines = Annotated[str, typer.Argument(help="a file of JSON lines, or - for standard input")]
Reason = Annotated[str | None, typer.Option(help="only those that died of this, as in schema")]
KeysFile = Annotated[Path | None, typer.Option(help="the keys file, if not HOMECALL_KEYS_FILE")]
FromTopic = Annotated[str | None, typer.Option("--topic", help="only those that came from this topic")]


class PageFormat(StrEnum):
    """As what the register can be written."""

    PDF = "pdf"
    HTML = "html"
    CSV = "csv"


class PageLanguage(StrEnum):
    """In which languages."""

    KK = "kk"
    RU = "ru"
    EN = "en"


class ListFormat(StrEnum):
    """As what complaints can be listed."""

    TABLE = "table"
    CSV = "csv"


class DocumentKind(StrEnum):
    """What is printed of a complaint."""

    RECEIPT = "receipt"
    REPLY = "reply"


class DocumentFormat(StrEnum):
    """As what."""

    PDF = "pdf"
    HTML = "html"


class AccessForm(StrEnum):
    """As what access lists can be written."""

    KAFKA_ACLS = "kafka-acls"
    JSON = "json"
    STRIMZI = "strimzi"
    MONGOSH = "mongosh"
    MONGODB_JSON = "mongodb-json"
    MONGODB_OPERATOR = "mongodb-operator"


class RouteFormat(StrEnum):
    """As what the doctors' lists can be written."""

    PDF = "pdf"
    HTML = "html"
    CSV = "csv"
    GEOJSON = "geojson"


class ExampleChannel(StrEnum):
    """By which way an example comes."""

    DESK = "desk"
    PHONE = "phone"
    PORTAL = "portal"


class ServiceName(StrEnum):
    """What can be served."""

    INTAKE = "intake"
    SCHEDULER = "scheduler"
    NOTIFIER = "notifier"
    COMPLAINTS = "complaints"
    ALL = "all"


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


@app.command()
def serve(
    service: Annotated[ServiceName, typer.Argument(help="the service to run, or all four in one process")],
) -> None:
    """Run a service until SIGTERM; settings come from the environment or a .env file."""
    from homecall.operations.serve import serve as run

    run(service.value)


@app.command()
def demo(
    requests: Annotated[int, typer.Option(min=0, help="how many requests the day brings")] = 300,
    seed: Annotated[int, typer.Option(help="the same seed brings the same day")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="end with one line of JSON")] = False,
) -> None:
    """Play a clinic day on a broker and a database of its own; exit 1 if anything was lost, doubled or unanswered.

    It ends with homecall reconcile; what that finds is a reason for exit 1, too.
    """
    from homecall.demo.demo import run

    run(requests, seed, as_json=as_json)


@topics_app.command("create")
def topics_create(
    partitions: Annotated[
        int | None, typer.Option(min=1, help="partitions of each topic, if not the contract's")
    ] = None,
    replication: Annotated[int, typer.Option(min=1, help="replicas of each partition")] = 1,
) -> None:
    """Create the topics that are missing, as the contract has them."""
    from homecall.operations.topics import create

    create(partitions, replication)


@topics_app.command("check")
def topics_check() -> None:
    """Say where the topics differ from the contract; exit 1 if they do."""
    from homecall.operations.topics import check

    check()


@topics_app.command("manifest")
def topics_manifest(
    replication: Annotated[int, typer.Option(help="replicas of each partition")] = 3,
    cluster: Annotated[str, typer.Option(help="the cluster's name")] = "homecall",
) -> None:
    """Print the topics as resources of Kubernetes, for Strimzi's operator."""
    from homecall.operations.topics import manifest

    manifest(replication, cluster)


@app.command()
def up(
    directory: Annotated[Path | None, typer.Option(help="keeps the database and the test authority here")] = None,
) -> None:
    """Run an embedded broker and database until Ctrl-C; prints their addresses. Not for production."""
    from homecall.demo.up import up as run

    run(directory)


@app.command()
def publish(
    topic: TopicName,
    file: Lines,
    source: Annotated[str, typer.Option(help="the ce_source of events that name none")] = "/homecall/publish",
    as_is: Annotated[bool, typer.Option("--as-is", help="check nothing; what is no event goes out as it is")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no line for each event that was sent")] = False,
    sender: Annotated[str | None, typer.Option(help="who sends, where the operator asks: with --key")] = None,
    key_file: Annotated[Path | None, typer.Option("--key", help="the sender's private key")] = None,
) -> None:
    """Check each line of a file against the contract and send it; exit 1 if any was not sent.

    A line is {"type": …, "data": {…}} with id, source and time if you like, or a structured CloudEvent, or, where the
    topic has one type only, the data itself. Without an id the same line has the same one, so that it may be sent
    twice.
    """
    from homecall.operations.publish import publish as run

    run(topic, file, source=source, as_is=as_is, quiet=quiet, sender=sender, key=key_file)


@app.command()
def retire(
    clinic: Annotated[str, typer.Argument(help="the clinic's id")],
    source: Annotated[str, typer.Option(help="the ce_source of the record")] = "/homecall/publish",
    sender: Annotated[str | None, typer.Option(help="who sends, where the operator asks: with --key")] = None,
    key_file: Annotated[Path | None, typer.Option("--key", help="the sender's private key")] = None,
) -> None:
    """Take a clinic out of the list: it gets no further calls, and those that are open come to their end."""
    from homecall.operations.retire import retire as run

    run(clinic, source=source, sender=sender, key=key_file)


@app.command()
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
    from homecall.operations.publish import watch as run

    run(topics, from_beginning=from_beginning, since=since, key=key, request=request, count=count, seconds=seconds)


@app.command()
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
    channel: Annotated[ExampleChannel, typer.Option(help="of a request; portal: of a complaint, too")] = (
        ExampleChannel.PHONE
    ),
) -> None:
    """Print an event that is right now, as a line for homecall publish: an open clinic, today's roster, a request.

    At night and on days off the clinic has a working date of its own. What comes through the portal is signed next,
    with homecall dev-sign. The same --id is the same patient.
    """
    from homecall.operations.example import example as run

    run(kind, own=own_id, request=request, clinic_id=clinic, channel=channel.value)


@app.command()
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


@app.command()
def journal(
    clinic: Annotated[str, typer.Argument(help="the clinic_id")],
    date: Annotated[str, typer.Argument(help="the day, as in 2026-11-23")],
    form: Annotated[PageFormat, typer.Option("--format", help="as what")] = PageFormat.PDF,
    language: Annotated[PageLanguage, typer.Option(help="in which language")] = PageLanguage.KK,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="the file, if not standard output")] = None,
) -> None:
    """Write a clinic's register of calls for a day, to print and sign; exit 1 if that day has no entries.

    In CSV, a cell that begins with =, +, -, @ or an apostrophe has an apostrophe before it, telephones too.
    """
    from homecall.operations.journal import journal as run

    run(clinic, date, form=form.value, language=language.value, output=output)


@app.command()
def routes(
    clinic: Annotated[str, typer.Argument(help="the clinic_id")],
    date: Annotated[str, typer.Argument(help="the day, as in 2026-11-23")],
    form: Annotated[RouteFormat, typer.Option("--format", help="as what")] = RouteFormat.PDF,
    language: Annotated[PageLanguage, typer.Option(help="in which language")] = PageLanguage.KK,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="the file, if not standard output")] = None,
) -> None:
    """Write each doctor's visits of a day in their order, with where, when and why, and a plan of the route.

    As it stands now: what is planned may still be changed, what was promised is not. GeoJSON names no patients.
    """
    from homecall.operations.routes import routes as run

    run(clinic, date, form=form.value, language=language.value, output=output)


@app.command()
def complaints(
    clinic: Annotated[str, typer.Argument(help="the clinic_id")],
    only_open: Annotated[bool, typer.Option("--open", help="only those that wait for something")] = False,
    form: Annotated[ListFormat, typer.Option("--format", help="as what")] = ListFormat.TABLE,
) -> None:
    """List a clinic's complaints, the most urgent first, and count the calls whose answer was not given in time.

    Age and days left are working days by the clinic's calendar; days left are 0 on the last day, and less once it is
    over. Beside a CSV the counts go to standard error.
    """
    from homecall.operations.complaints import complaints as run

    run(clinic, only_open=only_open, form=form.value)


@app.command()
def complaint(
    complaint_id: Annotated[str, typer.Argument(help="the complaint_id")],
    kind: Annotated[DocumentKind | None, typer.Option("--document", help="write this, to print and sign")] = None,
    language: Annotated[PageLanguage | None, typer.Option(help="of the document, if not the complainant's")] = None,
    form: Annotated[DocumentFormat, typer.Option("--format", help="of the document")] = DocumentFormat.PDF,
    stage: Annotated[int | None, typer.Option(min=1, help="of which stage, if not the newest that has it")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="the file, if not standard output")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the file as a line of JSON")] = False,
) -> None:
    """Show a complaint's file: stages, executors, statuses, and its call as it was known that day.

    With --document: the confirmation of its registration (receipt), or the answer or refusal (reply).
    """
    from homecall.operations.complaint import complaint as show
    from homecall.operations.complaint import document

    if kind is None:
        show(complaint_id, as_json=as_json)
        return
    document(
        complaint_id,
        kind.value,
        form=form.value,
        language=language.value if language else None,
        stage=stage,
        output=output,
    )


@app.command()
def reconcile(
    clinic: Annotated[str | None, typer.Argument(help="the clinic_id, or a day of every clinic")] = None,
    date: Annotated[str | None, typer.Argument(help="the day, as in 2026-11-23")] = None,
    first: Annotated[str | None, typer.Option("--from", help="the first day; a week ago if none is named")] = None,
    last: Annotated[str | None, typer.Option("--to", help="the last day; without one, all days to come")] = None,
    settle: Annotated[float, typer.Option(min=0, help="seconds: what changed since is on its way")] = 300,
    as_json: Annotated[bool, typer.Option("--json", help="one object")] = False,
    every: Annotated[
        float | None, typer.Option(min=1, help="go on, and compare every so many seconds: for Prometheus")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="where /metrics is, with --every")] = 8105,
    textfile: Annotated[Path | None, typer.Option(help="write the metrics there: for the node exporter")] = None,
) -> None:
    """Compare requests, register, statuses and bookings, day by day; exit 1 and a line for each difference.

    It reads the databases of intake, scheduler and notifier, beside running services, and changes nothing. Exit 2 if
    they could not be compared.
    """
    from homecall.operations.reconcile import reconcile as run

    run(
        clinic,
        date,
        first=first,
        last=last,
        settle_seconds=settle,
        as_json=as_json,
        every=every,
        port=port,
        textfile=textfile,
    )


@letters_app.command("list")
def letters_list(
    reason: Reason = None,
    topic: FromTopic = None,
    as_json: Annotated[bool, typer.Option("--json", help="a line of JSON for each")] = False,
    show_value: Annotated[bool, typer.Option("--show-value", help="their values too: may be personal data")] = False,
) -> None:
    """Show what could not be handled, why, and where it came from."""
    from homecall.operations.dead_letters import show

    show(reason=reason, topic=topic, as_json=as_json, show_value=show_value)


@letters_app.command("replay")
def letters_replay(
    reason: Reason = None,
    topic: FromTopic = None,
    offset: Annotated[list[int] | None, typer.Option(help="only this one of the list; may be given again")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask first")] = False,
) -> None:
    """Send dead letters again, as they first came; the same one twice changes nothing."""
    from homecall.operations.dead_letters import replay

    replay(reason=reason, topic=topic, offsets=offset or (), yes=yes)


@keys_app.command("new")
def keys_new(
    file: KeysFile = None,
    standby: Annotated[bool, typer.Option("--standby", help="do not seal with it yet: homecall keys use does")] = False,
) -> None:
    """Make the keys file, or add a key that seals from now on; the older ones stay, to open what they sealed."""
    from homecall.operations.keys import new

    new(file, standby=standby)


@keys_app.command("reseal")
def keys_reseal() -> None:
    """Put what is sealed under an older key under the current one, beside running services; exit 1 if some stays."""
    from homecall.operations.reseal import reseal

    reseal()


@keys_app.command("use")
def keys_use(name: Annotated[str, typer.Argument(help="the key's name, as in 2026-2")], file: KeysFile = None) -> None:
    """Seal with a key that the file holds already."""
    from homecall.operations.keys import use

    use(name, file)


@sms_app.command("stop")
def sms_stop() -> None:
    """Read phone numbers from standard input, a line each: they get no messages any more, whoever applies."""
    from homecall.operations.sms import change

    change(stopped=True)


@sms_app.command("allow")
def sms_allow() -> None:
    """Read phone numbers from standard input, a line each: they may get messages again."""
    from homecall.operations.sms import change

    change(stopped=False)


@app.command()
def erase(
    older_than: Annotated[int, typer.Option(help="days since a request or complaint was over; more than topics keep")],
    service: Annotated[ServiceName, typer.Option(help="only this service's database")] = ServiceName.ALL,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say how many there are")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask first")] = False,
) -> None:
    """Erase the personal data of what is over; rulings, ids, times and numbers stay. Beside running services.

    It may break off and be run again. What it erases is gone.
    """
    from homecall.operations.erase import erase as run

    run(older_than, service.value, dry_run=dry_run, yes=yes)


@app.command()
def migrate(
    service: Annotated[ServiceName, typer.Option(help="only this service's database")] = ServiceName.ALL,
    check: Annotated[bool, typer.Option("--check", help="only say what is missing; exit 1 if anything is")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count the documents that would change")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="what is finished too: once the last replica of the old release is gone")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one object")] = False,
) -> None:
    """Make the indexes that are missing, and bring older documents up to date. Beside running services.

    Safe to run twice, and by two at once; broken off, it goes on where it was.
    """
    from homecall.operations.migrate import migrate as run

    run(service.value, check=check, dry_run=dry_run, again=again, as_json=as_json)


@app.command()
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
    as_json: Annotated[bool, typer.Option("--json", help="one object")] = False,
) -> None:
    """Copy the four databases into one sealed file, beside running services, with where their groups stand."""
    from homecall.operations.backup import backup as run

    run(out, no_offsets=no_offsets, as_json=as_json, keep=keep)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="a file that homecall backup wrote")],
    check: Annotated[
        bool, typer.Option("--check", help="only read it to its end: is it whole, do the keys fit")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="remove what the databases hold first")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one object")] = False,
) -> None:
    """Put a backup into empty databases, with the services stopped; then run homecall migrate."""
    from homecall.operations.backup import restore as run

    run(file, check=check, replace=replace, as_json=as_json)


@app.command()
def recover(
    file: Annotated[
        Path | None, typer.Option("--backup", help="the backup that was restored; without: all anew")
    ] = None,
    service: Annotated[ServiceName, typer.Option(help="only this service")] = ServiceName.ALL,
    as_json: Annotated[bool, typer.Option("--json", help="one object")] = False,
) -> None:
    """After a restore: handle again what came since the backup, as it was told then; with the services stopped.

    What was told is in the topics, and is not sent again: numbers, windows, statuses and their times stand. Exit 1 if
    something that was told has not come out again.
    """
    from homecall.operations.recover import recover as run

    run(file, service.value, as_json=as_json)


@app.command("dev-sign")
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


@app.command()
def access(
    clinics: Annotated[list[str] | None, typer.Argument(help="the ids of the clinics that get a user each")] = None,
    form: Annotated[
        AccessForm,
        typer.Option(
            "--format", help="of Kafka: a shell script, JSON, Strimzi's resources; of MongoDB: the other three"
        ),
    ] = AccessForm.KAFKA_ACLS,
    cluster: Annotated[str, typer.Option(help="the cluster's name, for strimzi")] = "homecall",
    prefix: Annotated[str, typer.Option(help="of the databases, HOMECALL_MONGO_PREFIX")] = "homecall",
) -> None:
    """Print the users of Kafka, or of MongoDB, and what each may do: the services, the portal, each clinic."""
    from homecall.operations.access import access as run

    run(clinics or [], form.value, cluster, prefix)


@senders_app.command("new")
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


@senders_app.command("list")
def senders_list(file: Annotated[Path, typer.Option(help="the list of senders, HOMECALL_SENDERS_FILE")]) -> None:
    """Print who may send for which clinic."""
    from homecall.operations.senders import show

    show(file)


@app.command()
def asyncapi(
    as_html: Annotated[bool, typer.Option("--html", help="a page to read in place of the document")] = False,
) -> None:
    """Print the AsyncAPI document of all topics and events."""
    import json

    from homecall.contract.asyncapi import document
    from homecall.operations.terminal import print_bytes

    if as_html:
        from homecall.documents.asyncapi_page import page

        print_bytes(page().encode())
        return
    print(json.dumps(document(), ensure_ascii=False, indent=2))


def main() -> None:
    """Run the command; what the operator can mend is told in one line."""
    from homecall.operations.failure import Failure, of_dependency

    try:
        app()
    except Exception as error:
        told = error if isinstance(error, Failure) else of_dependency(error)
        if told is None:
            raise
        print(f"homecall: {told}", file=sys.stderr)
        sys.exit(told.code)


if __name__ == "__main__":
    main()
