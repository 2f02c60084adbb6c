"""The database in memory promises what the real ones do, so that what a test sees on it is worth something."""

import pytest

from homecall.runtime.mongo.client import Database
from tests.contract.test_stores import StorePromises
from tests.unit.runtime.memory import MemoryDatabase


@pytest.fixture
def database() -> Database:
    return MemoryDatabase().as_database


class TestMemory(StorePromises):
    """In memory."""
