"""Worlds for the tests of a module: fresh topics, a database prefix of its own, and an orderly end."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from pymongo import MongoClient

from tests.infrastructure import stack
from tests.infrastructure.world import World, a_world, contract_configs, contract_topics

NewWorld = Callable[..., AbstractContextManager[World]]


@contextlib.contextmanager
def fresh_world(kafka: stack.Server, mongo: stack.Server, **options: Any) -> Iterator[World]:
    """A world on empty topics; ``options`` are `a_world`'s.

    Its processes are ended in order, since a member that was killed keeps its group waiting for the next world's.
    """
    stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
    prefix = f"test_{uuid.uuid4().hex[:12]}"
    with a_world(kafka.address, mongo.address, prefix, **options) as world:
        try:
            yield world
        finally:
            world.stop()
    client: MongoClient[dict[str, Any]] = MongoClient(mongo.address, serverSelectionTimeoutMS=2000)
    with client:
        for database in client.list_database_names():
            if database.startswith(prefix):
                client.drop_database(database)


@pytest.fixture(scope="session")
def new_world(kafka: stack.Server, mongo: stack.Server) -> NewWorld:
    """Makes a world on the run's broker and database: one at a time, since the services' groups have fixed names."""

    def make(**options: Any) -> AbstractContextManager[World]:
        return fresh_world(kafka, options.pop("mongo", mongo), **options)

    return make
