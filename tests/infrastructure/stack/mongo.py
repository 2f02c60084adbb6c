"""Databases: MongoDB where Docker is, else one of two stand-ins.

The two database stand-ins are not MongoDB. Both do what the stores keep to: find by id and index, inserts,
``update_one`` with ``$set``, ``$unset``, ``$inc``, unordered bulk writes, unique, sparse and compound indexes, counts,
``$match`` with ``$group`` on one field, and compare-and-set races with one winner. They differ (tried) in this:

nx-27017 (SQLite, kept on disk; 220 MiB after a heavy run; 2,300 bulk upserts/s, 2,400 bulk compare-and-sets/s)
  - ``$push`` and ``$addToSet`` of a document store its text, and turn the documents already in that list to text.
  - ``$set`` of a dotted path stores a datetime as text, and ``$set`` of any path may store true as 1; inside a whole
    document that is set both come back as they were. A list index in a path (``l.0``) changes nothing.
  - Greater and less on datetimes, and on text that looks like one, compare whole seconds.
  - Compound ``_id`` in a document or in ``$group``, ``$unwind`` before ``$group``, ``$min`` of datetimes, and ``$not``
    give a wrong answer or an error; so do the filters ``{l: []}``, ``{l: {$ne: []}}``, ``{"l.a": {$in: …}}`` and
    ``{"l.0": {$exists: …}}``, and equality with a document.
  - A projection that names dotted paths gives flat names, or nothing. Excluding them works.
  - Index names are its own; a duplicate key error has no ``keyPattern``; a UUID loses its subtype.
mongo-java-server (in memory: gone with the process, heap of up to 768 MiB; 18,000 bulk upserts/s, 8,000 bulk
compare-and-sets/s)
  - ``nInserted`` after an unordered insert counts the duplicates too. No ``keyPattern`` either.
  - No sessions, transactions or pipeline updates. Of itself it finds by unique indexes only; with our addition
    (MongoStandIn.java) by sparse ones too, of several fields by the first. All else reads everything.
  - An answer comes in one piece whatever its size, and above 48 MB the driver refuses it, unless ``batch_size`` is set.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from homecall.demo.embedded import Child, database, database_answers
from homecall.demo.ports import free_port
from tests.infrastructure.stack.java import java, java_compiler, maven_is_there, with_us
from tests.infrastructure.stack.servers import Container, Server, bind
from tests.infrastructure.stack.ways import MONGO_IMAGE, mongo_way, setting


@contextlib.contextmanager
def shared_mongo() -> Iterator[Server]:
    """The database of a whole test run."""
    match mongo_way():
        case "environment":
            yield Server(setting("HOMECALL_MONGO_URL"), "environment", control=None)
        case "docker":
            with _docker_mongo() as server:
                yield server
        case "maven" if java_compiler():
            with mongo_java() as server:
                yield server
        case _:
            with mongo_nx() as server:
                yield server


@contextlib.contextmanager
def own_mongo() -> Iterator[Server]:
    """A database for one user that keeps its data when it is killed, stopped at the end."""
    with _docker_mongo() if mongo_way() == "docker" else mongo_nx() as server:
        yield server


@contextlib.contextmanager
def mongo_nx() -> Iterator[Server]:
    """nx-27017 over a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="nx-", ignore_cleanup_errors=True) as directory:
        child, url = database(Path(directory))
        child.start()
        try:
            yield Server(url, "pip", child)
        finally:
            child.stop()


@contextlib.contextmanager
def fast_mongo(heap: str) -> Iterator[Server]:
    """The fastest database at hand, for a benchmark; ``heap`` is how much memory one in memory may take, as in 2g."""
    if mongo_way() == "maven" and java_compiler():
        # All of the heap from the start, most of it for what is stored: growing it collects everything again and again.
        with mongo_java(heap, f"-Xms{heap}", "-XX:NewRatio=4") as server:
            yield server
    else:
        with shared_mongo() as server:
            yield server


@contextlib.contextmanager
def mongo_java(heap: str = "768m", *options: str) -> Iterator[Server]:
    """mongo-java-server in memory, made to start fast unless ``options`` say more. Skips without compiler or jars."""
    if not (maven_is_there() and java_compiler()):
        pytest.skip("mongo-java-server needs Maven and a Java compiler")
    options = options or ("-XX:TieredStopAtLevel=1",)
    with tempfile.TemporaryDirectory(prefix="mongo-java-") as directory:
        port = free_port()
        url = f"mongodb://127.0.0.1:{port}"
        child = Child(
            "mongo-java-server",
            with_us(java(["MongoStandIn", str(port)], (f"-Xmx{heap}", "-XX:+UseSerialGC", *options))),
            Path(directory) / "mongo.log",
            ready=lambda: database_answers(url),
        )
        child.start()
        try:
            yield Server(url, "mongo-java-server", child, keeps=False)
        finally:
            child.stop()


@contextlib.contextmanager
def _docker_mongo() -> Iterator[Server]:
    from testcontainers.mongodb import MongoDbContainer

    port = free_port()
    container = MongoDbContainer(MONGO_IMAGE)
    bind(container, 27017, port)
    with container:
        url = f"mongodb://{container.username}:{container.password}@127.0.0.1:{port}"
        yield Server(url, "docker", Container(container.get_wrapped_container(), lambda: database_answers(url)))
