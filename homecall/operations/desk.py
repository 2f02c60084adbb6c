"""``homecall desk``: its users, and its view made again from the topics."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import Final

import typer

from homecall.contract.envelope import Incoming, Record, Unreadable, read
from homecall.contract.topics import DESK, read_by
from homecall.operations.databases import database_of
from homecall.operations.failure import Failure, advised
from homecall.operations.kafka import reading
from homecall.operations.terminal import counted, settings
from homecall.runtime.clock import SystemClock
from homecall.runtime.encryption import Vault
from homecall.runtime.kafka.consuming import ToEnd
from homecall.runtime.kafka.global_table import record_of
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.settings import Settings
from services.desk.domain.roles import Role
from services.desk.handler import Desk
from services.desk.store.stores import Stores
from services.desk.users import BadUsers, with_user

_SILENCE_SECONDS: Final = 20.0
_AT_ONCE: Final = 500


def add_user(
    name: str, role: Role, full_name: str, *, clinic_id: str | None, doctor_id: str | None, file: Path | None
) -> None:
    """Add a user to the file, or give one who is there another password, which is asked for or read from a pipe."""
    path = file or settings().desk_users_file
    if path is None:
        raise Failure("name the file with --file, or by HOMECALL_DESK_USERS_FILE")
    password = _password()
    entry = {"name": name, "full_name": full_name, "role": role, "clinic_id": clinic_id, "doctor_id": doctor_id}
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        _write(path, with_user(text, entry, password))
    except BadUsers as error:
        raise Failure(f"{path}: {error}") from None
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    print(f"{name} may sign in as {role}{f' of {clinic_id}' if clinic_id else ''}")


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass("Password: ")
    if getpass("The same again: ") != first:
        raise Failure("the two are not the same: nothing was changed", code=1)
    return first


def _write(path: Path, text: str) -> None:
    """Replace the file at once, for its owner and group alone: a service reads it as it is at any moment."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o640)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def rebuild(*, yes: bool) -> None:
    """Make the desk's view again from the topics, beside running services. ``Failure`` where a server is away."""
    asked = settings()
    if not yes:
        if not sys.stdin.isatty():
            raise Failure("what is older than the topics keep would be gone from the desk: say --yes")
        typer.confirm("Calls and complaints that are older than the topics keep go from the desk. Go on?", abort=True)
    with advised("run it again"):
        heard = asyncio.run(_rebuild(asked))
    print(f"{counted(heard, 'record')} read again")


async def _rebuild(asked: Settings) -> int:
    vault, senders = Vault.from_settings(asked), Senders(asked.senders_file)
    async with database_of(asked, DESK) as database:
        stores = Stores(database, vault)
        await stores.clear_view()
        await stores.prepare()
        desk = Desk(stores, vault, SystemClock(), lambda: None)
        topics = [topic.name for topic in read_by(DESK) if not topic.whole]
        count, heard_at = 0, time.monotonic()
        async with reading(asked, topics, from_beginning=True) as consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            there = ToEnd(consumer, ends)
            while await there.left():
                found = await consumer.getmany(timeout_ms=200, max_records=_AT_ONCE)
                records = [record_of(raw) for place, raws in found.items() for raw in raws if raw.offset < ends[place]]
                if found:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > _SILENCE_SECONDS:
                    raise Failure(f"Kafka at {asked.kafka_bootstrap} fell silent before all was read", code=1)
                await desk.handle(_events(records, senders), datetime.now(UTC))
                count += len(records)
    return count


def _events(records: Sequence[Record], senders: Senders) -> list[Incoming]:
    """The events among the records; what cannot be read is a dead letter of the service that it was sent to."""
    events = []
    for record in records:
        try:
            event = read(record)
            senders.check(event)
        except Unreadable:
            continue
        events.append(event)
    return events
