"""``homecall backup`` and ``homecall restore``: all databases in one sealed file, taken beside running services.

A file is a row of BSON documents. The first says what it is; each that follows is a portion of documents, compressed,
sealed for its place in the row under the current key of ``HOMECALL_KEYS_FILE``; the last, sealed as well, counts them,
so that a file that was cut off or altered is known as such. Where the consumer groups stood before the first document
was read stands in it too: from there on the topics are to be read again (``homecall recover``).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import uuid
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, Final

import bson
from bson.raw_bson import RawBSONDocument

from homecall.contract.topics import COMPLAINTS, DESK, INTAKE, NOTIFIER, SCHEDULER
from homecall.operations.databases import database_of
from homecall.operations.failure import Failure, advised
from homecall.operations.kafka import committed_offsets
from homecall.operations.terminal import counted, json_line, print_bytes, settings
from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.mongo.client import Database
from homecall.runtime.settings import Settings

FORMAT: Final = 1
_PORTION_BYTES: Final = 1_000_000
"""Documents are sealed together up to so many bytes: what a backup and a restore hold in memory, three times over."""
_LONGEST_FRAME: Final = 64_000_000
_SUFFIX, _UNFINISHED = ".backup", ".unfinished"
_FORSAKEN_SECONDS: Final = 3_600
"""A file that nobody has written to for so long is no longer being written."""

COLLECTIONS: Final[Mapping[str, Sequence[str]]] = {
    # What is written first is copied first: a copy is then as after a crash between the two, which a replay mends.
    INTAKE: ("requests", "register_pages", "clinics", "buried_clinic_records", "migrations"),
    SCHEDULER: ("calls", "days", "clinics", "migrations"),
    NOTIFIER: ("requests", "messages", "receipts", "sms_opt_outs", "clinics", "migrations"),
    COMPLAINTS: ("complaints", "pages", "calls", "clinics", "migrations"),
    # The view as well: what is older than the topics keep could not be made again.
    DESK: ("actions", "calls", "complaints", "rosters", "logins", "ticks", "clinics", "migrations"),
}


@dataclass
class Contents:
    """What a backup holds: documents by service and collection, and where each group stood."""

    id: str
    at: str
    release: str
    counts: Counter[str] = field(default_factory=Counter)
    offsets: dict[str, dict[str, int]] = field(default_factory=dict)
    """By service, the next offset to read of each ``topic/partition``."""
    sha256: str = ""
    bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in ("id", "at", "release", "bytes", "sha256")}
        collections = dict(sorted(self.counts.items()))
        return told | {"documents": self.counts.total(), "collections": collections, "offsets": self.offsets}


# ---------------------------------------------------------------- the file


class _Writer:
    """Writes portions, each sealed for its place."""

    def __init__(self, file: BinaryIO, vault: Vault, contents: Contents) -> None:
        self._file = file
        self._vault = vault
        self._contents = contents
        self._hash = hashlib.sha256()
        self._place = 0
        head = {"homecall": "backup", "format": FORMAT, "id": contents.id, "at": contents.at}
        self._put(bson.encode(head | {"release": contents.release}))

    def add(self, service: str, collection: str, docs: Sequence[RawBSONDocument]) -> None:
        self._seal({"service": service, "collection": collection, "docs": list(docs)})
        self._contents.counts[f"{service}.{collection}"] += len(docs)

    def end(self) -> None:
        # Names of topics have dots in them: as text they are nobody's path.
        flat = {service: list(map(list, places.items())) for service, places in self._contents.offsets.items()}
        self._seal({"end": True, "counts": dict(self._contents.counts), "offsets": bson.encode(flat)})
        self._contents.sha256 = self._hash.hexdigest()

    def _seal(self, portion: Mapping[str, Any]) -> None:
        self._place += 1
        packed = zlib.compress(bson.encode(portion), 1)
        self._put(bson.encode(self._vault.seal(packed, _place(self._contents.id, self._place))))

    def _put(self, frame: bytes) -> None:
        self._file.write(frame)
        self._hash.update(frame)
        self._contents.bytes += len(frame)


def _place(backup_id: str, number: int) -> str:
    return f"backup/{backup_id}/{number}"


class Reader:
    """Reads a backup's portions in their order. Each use of ``portions`` starts from the beginning.

    ``Failure`` where it is none, is cut off, was altered, or is sealed with a key that is not there.
    """

    def __init__(self, path: Path, vault: Vault) -> None:
        self._path = path
        self._vault = vault
        self.contents = Contents("", "", "")

    def portions(self) -> Iterator[tuple[str, str, list[RawBSONDocument]]]:
        """(service, collection, documents); once through, ``contents`` says what there was."""
        try:
            with self._path.open("rb") as file:
                yield from self._read(file)
        except OSError as error:
            raise Failure(f"{self._path}: cannot be read: {error.strerror}") from None

    def _read(self, file: BinaryIO) -> Iterator[tuple[str, str, list[RawBSONDocument]]]:
        hashed = hashlib.sha256()
        first = _frame(file, hashed)
        head = {} if first is None else _decoded(first)
        if head.get("homecall") != "backup":
            raise Failure(f"{self._path}: is no backup of homecall's")
        if head.get("format") != FORMAT:
            raise Failure(f"{self._path}: is of another format: restore it with release {head.get('release')}")
        contents = self.contents = Contents(str(head["id"]), str(head["at"]), str(head["release"]))
        number = 0
        while (frame := _frame(file, hashed)) is not None:
            number += 1
            try:
                packed = self._vault.open(_decoded(frame), _place(contents.id, number))
            except Unreadable as error:
                raise Failure(f"{self._path}: portion {number}: {error}") from None
            portion: Any = RawBSONDocument(zlib.decompress(packed))
            if portion.get("end"):
                if dict(portion["counts"]) != dict(contents.counts) or file.read(1):
                    raise Failure(f"{self._path}: does not hold what its end says: it was altered")
                offsets = bson.decode(portion["offsets"])
                contents.offsets = {service: dict(found) for service, found in offsets.items()}
                contents.sha256, contents.bytes = hashed.hexdigest(), file.tell()
                return
            docs = list(portion["docs"])
            contents.counts[f"{portion['service']}.{portion['collection']}"] += len(docs)
            yield portion["service"], portion["collection"], docs
        raise Failure(f"{self._path}: is cut off after portion {number}: the backup was not finished, or its copy")

    def whole(self) -> Contents:
        """Read it to its end, and say what is in it."""
        for _ in self.portions():
            pass
        return self.contents


def _frame(file: BinaryIO, hashed: Any) -> bytes | None:
    size = file.read(4)
    length = int.from_bytes(size, "little")
    if len(size) < 4 or not 4 < length <= _LONGEST_FRAME:
        return None
    frame = size + file.read(length - 4)
    if len(frame) < length:
        return None
    hashed.update(frame)
    return frame


def _decoded(frame: bytes) -> dict[str, Any]:
    try:
        return bson.decode(frame)
    except bson.InvalidBSON:
        return {}


# ---------------------------------------------------------------- backup


def backup(out: Path, *, no_offsets: bool, as_json: bool, keep: int | None = None) -> None:
    """Copy the four databases into a file that is not there yet; ``Failure`` where that cannot be.

    In a directory the file is named by its time. With ``keep`` so many of those stay there, the newest; the others go
    once the new one has been read to its end.
    """
    asked = settings()
    directory = out
    if out.is_dir():
        out = out / f"homecall-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{_SUFFIX}"
    elif keep is not None:
        raise Failure(f"{out}: --keep N is for a directory: let --out name one that is there")
    if out.exists():
        raise Failure(f"{out}: is there already: name a new file")
    with advised("nothing was kept: run it again"):
        vault = Vault.from_settings(asked)
        contents = asyncio.run(_backed_up(asked, vault, out, no_offsets=no_offsets))
        if keep is not None:
            if Reader(out, vault).whole() != contents:
                raise Failure(f"{out}: does not read as it was written: look at the disk; older ones are kept", code=1)
            _remove_older(directory, keep)
    _tell(out, contents, as_json=as_json)


def _remove_older(directory: Path, keep: int) -> None:
    """Leave so many backups, and nothing that another run began and never finished."""
    now = datetime.now(UTC).timestamp()
    with_time = "homecall-" + "[0-9]" * 8 + "T" + "[0-9]" * 6 + f"Z{_SUFFIX}"
    try:
        unfinished = directory.glob(with_time + _UNFINISHED)
        forsaken = [each for each in unfinished if now - each.stat().st_mtime > _FORSAKEN_SECONDS]
        for each in sorted(directory.glob(with_time))[:-keep] + forsaken:
            each.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(f"{directory}: older backups cannot be removed: {error.strerror}", code=1) from None


async def _backed_up(asked: Settings, vault: Vault, out: Path, *, no_offsets: bool) -> Contents:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    contents = Contents(uuid.uuid4().hex, now, version("homecall"))
    if not no_offsets:
        # Before the first document is read: whatever is not in the copy stands behind these places.
        contents.offsets = await committed_offsets(asked)
    unfinished = out.with_name(out.name + _UNFINISHED)
    try:
        # Nobody else may read it, sealed as it is.
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            writer = _Writer(file, vault, contents)
            for service, collections in COLLECTIONS.items():
                async with database_of(asked, service) as database:
                    for collection in collections:
                        async for docs in _portions(database, collection):
                            writer.add(service, collection, docs)
            writer.end()
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(out)
    except OSError as error:
        raise Failure(f"{out}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return contents


async def _portions(database: Database, collection: str) -> AsyncIterator[list[RawBSONDocument]]:
    portion: list[RawBSONDocument] = []
    size = 0
    async for doc in database.collection(collection).raw():
        portion.append(doc)
        size += len(doc.raw)
        if size >= _PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


# ---------------------------------------------------------------- restore


def restore(file: Path, *, check: bool, replace: bool, as_json: bool) -> None:
    """Put a backup's documents into the databases; ``check`` only reads the file through.

    ``Failure`` where a database has documents, unless ``replace``: then those are gone first. The file is read to its
    end before anything is touched.
    """
    asked = settings()
    reader = Reader(file, Vault.from_settings(asked))
    contents = reader.whole()
    if not check:
        with advised("begin again with --replace"):
            asyncio.run(_restored(asked, reader, replace=replace))
    _tell(file, contents, as_json=as_json)


async def _restored(asked: Settings, reader: Reader, *, replace: bool) -> None:
    async with AsyncExitStack() as stack:
        databases = {name: await stack.enter_async_context(database_of(asked, name)) for name in COLLECTIONS}
        for database in databases.values():
            if await database.filled():
                if not replace:
                    raise Failure(
                        f"{database.name} has documents: restore into an empty one (HOMECALL_MONGO_PREFIX), "
                        "or say --replace, which removes them first"
                    )
                await database.clear()
        for service, collection, docs in reader.portions():
            await databases[service].collection(collection).insert_all(docs)


def _tell(file: Path, contents: Contents, *, as_json: bool) -> None:
    if as_json:
        print_bytes(json_line({"file": str(file)} | contents.as_dict()))
        return
    for name, count in sorted(contents.counts.items()):
        print(f"{name}: {count}")
    documents = counted(contents.counts.total(), "document")
    print(f"{file}: {documents} of {contents.at}, {contents.bytes} bytes, SHA-256 {contents.sha256}")
