"""``homecall migrate``: indexes and migrations, in each service's database. Safe to run twice, and beside services."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Final

from homecall.contract.topics import COMPLAINTS, DESK, INTAKE, NOTIFIER, SCHEDULER
from homecall.operations.databases import database_of
from homecall.operations.failure import Failure, advised
from homecall.operations.terminal import json_line, print_bytes, print_error, settings
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.schema import Migration, Schema, names_of
from homecall.runtime.settings import Settings
from services.complaints.store import schema as complaints
from services.desk.store.stores import schema as desk
from services.intake.store import schema as intake
from services.notifier.store import schema as notifier
from services.scheduler.store import schema as scheduler

SCHEMAS: Final[Mapping[str, Callable[[Database], Schema]]] = {
    INTAKE: intake,
    SCHEDULER: scheduler,
    NOTIFIER: notifier,
    COMPLAINTS: complaints,
    DESK: desk,
}
_TOLD_EVERY = 20_000
"""Documents after which a long run says how far it has come."""


@dataclass
class Told:
    """A migration as it was met, and what became of it. ``failed`` are ids of documents that could not be read."""

    name: str
    about: str
    finished: bool
    looked: int = 0
    changed: int = 0
    failed: list[str] = field(default_factory=list)


@dataclass
class Found:
    """A service's database: indexes that were missing, migrations, and those that only a newer release knows."""

    indexes_missing: list[str] = field(default_factory=list)
    indexes_made: list[str] = field(default_factory=list)
    migrations: list[Told] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    breaking: list[str] = field(default_factory=list)

    @property
    def wanting(self) -> int:
        return len(self.indexes_missing) + sum(not each.finished for each in self.migrations) + len(self.breaking)


def migrate(service: str, *, check: bool, dry_run: bool, again: bool, as_json: bool) -> None:
    """Bring the databases up to date, or with ``check`` or ``dry_run`` say what is missing; ``Failure`` 1 if it is."""
    asked = settings()
    if check and (dry_run or again):
        raise Failure("--check only looks: leave out --dry-run and --again")
    schemas = SCHEMAS if service == "all" else {service: SCHEMAS[service]}
    with advised("run it again, it goes on there"):
        found = asyncio.run(_all(asked, schemas, check=check, dry_run=dry_run, again=again))
    wanting = sum(each.wanting for each in found.values())
    if as_json:
        services = {name: asdict(each) | {"wanting": each.wanting} for name, each in found.items()}
        print_bytes(json_line({"wanting": wanting, "services": services}))
    else:
        for name, each in found.items():
            _print(name, each, looked=not check, dry=dry_run)
    if any(each.breaking for each in found.values()):
        raise Failure("a newer release has changed these databases: run its homecall migrate, not this one", code=1)
    if wanting and not dry_run:
        if not check:
            raise Failure("some documents could not be read: see above; the others are done", code=1)
        raise Failure(f"{wanting} missing: run homecall migrate", code=1)


async def _all(
    asked: Settings, schemas: Mapping[str, Callable[[Database], Schema]], *, check: bool, dry_run: bool, again: bool
) -> dict[str, Found]:
    found = {}
    for name, schema_of in schemas.items():
        async with database_of(asked, name) as database:
            found[name] = await look_at(schema_of(database), check=check, dry_run=dry_run, again=again)
    return found


async def look_at(schema: Schema, *, check: bool = False, dry_run: bool = False, again: bool = False) -> Found:
    """One service's database: what is missing, made good unless it is only looked at."""
    standing = await schema.standing(read_only=check or dry_run)
    missing = [f"{collection.name}: {', '.join(names_of(each))}" for collection, each in await schema.missing_indexes()]
    unfinished = {each.name for each in standing.missing}
    found = Found(
        indexes_missing=missing,
        migrations=[Told(each.name, each.about, each.name not in unfinished) for each in schema.migrations],
        newer=list(standing.newer),
        breaking=list(standing.breaking),
    )
    if check or found.breaking:
        return found
    if not dry_run:
        await schema.make_indexes()
        found.indexes_made, found.indexes_missing = found.indexes_missing, []
    for migration, told in zip(schema.migrations, found.migrations, strict=True):
        if again or not told.finished:
            await _run(schema, migration, told, again=again, dry_run=dry_run)
    return found


async def _run(schema: Schema, migration: Migration, told: Told, *, again: bool, dry_run: bool) -> None:
    next_told = _TOLD_EVERY
    async with aclosing(schema.run(migration, again=again, dry=dry_run)) as run:
        async for progress in run:
            told.looked, told.changed, told.failed = progress.looked, progress.changed, progress.failed
            if progress.looked >= next_told:
                print_error(f"{schema.database.name} {migration.name}: {progress.looked} looked at")
                next_told += _TOLD_EVERY
    told.finished = told.finished if dry_run else not told.failed


def _print(name: str, found: Found, *, looked: bool, dry: bool) -> None:
    for each in found.indexes_missing:
        print(f"{name}: no index on {each}")
    for each in found.indexes_made:
        print(f"{name}: index made on {each}")
    would = "to be changed" if dry else "changed"
    for told in found.migrations:
        if looked and (told.looked or not told.finished):
            print(f"{name}: {told.name}: {told.looked} looked at, {told.changed} {would}")
        elif not told.finished:
            print(f"{name}: {told.name} has not been run: {told.about}")
        if told.failed:
            print(f"{name}: {told.name}: {len(told.failed)} cannot be read, as {', '.join(told.failed[:5])}")
    for each in found.newer:
        print(
            f"{name}: {each} is of a newer release"
            + (", which has changed this database" if each in found.breaking else "")
        )
    if not found.wanting and not found.indexes_made and not any(told.looked for told in found.migrations):
        print(f"{name}: up to date")
