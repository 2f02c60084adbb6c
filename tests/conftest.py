"""What every test may ask for. Where the servers come from stands in tests/infrastructure/stack."""

from __future__ import annotations

import contextlib
import gc
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
from pymongo import MongoClient
from xdist.scheduler import LoadFileScheduling

from tests.infrastructure import order, stack
from tests.infrastructure.own_events import held_against_their_models

# A property is judged by what it gives, not by how busy the machine is.
hypothesis.settings.register_profile("homecall", deadline=None)
hypothesis.settings.load_profile("homecall")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Settle what this run is on, and say it; not as a report header, which -q hides."""
    capture = session.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext():
        try:
            stack.settle_environment()
        except SystemExit as refusal:
            pytest.exit(str(refusal), returncode=pytest.ExitCode.USAGE_ERROR)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(stack.describe())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect without garbage collections: there is nothing to free yet, and each would look through all that is there.

    What is left then is never looked through again.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: order.place(order.unit(item.nodeid)))


class _ByUnit(LoadFileScheduling):  # type: ignore[misc]  # its package ships no types
    """Gives a process one unit of tests after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return order.unit(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByUnit | None:
    return _ByUnit(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print each figure that a test measured (the fixture ``figure``), also when it passed."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == "measured":
                terminalreporter.write_line(f"measured: {value}")


@pytest.fixture(scope="session", autouse=True)
def own_events() -> Iterator[None]:
    """Whatever a test has a service say is held against its model."""
    with held_against_their_models():
        yield


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says a figure that was measured; it is printed at the end of the run."""
    return lambda line: record_property("measured", line)


@pytest.fixture(scope="session")
def kafka() -> Iterator[stack.Server]:
    """A broker for the whole run; `stack.recreate_topics` empties what a test before left."""
    with stack.shared_kafka() as server:
        yield server


@pytest.fixture
def fresh_kafka() -> Iterator[stack.Server]:
    """A broker of the test's own, empty, that may be killed. About 3 s from Maven."""
    with stack.own_kafka() as server:
        yield server


@pytest.fixture(scope="module")
def module_kafka() -> Iterator[stack.Server]:
    """A broker of the module's own, empty at its first test, that may be killed."""
    with stack.own_kafka() as server:
        yield server


@pytest.fixture(scope="session")
def mongo() -> Iterator[stack.Server]:
    """A database for the whole run; `mongo_prefix` keeps tests apart."""
    with stack.shared_mongo() as server:
        yield server


@pytest.fixture(scope="session")
def mongo_nx() -> Iterator[stack.Server]:
    """nx-27017, whatever else is there: what `homecall demo` runs on."""
    with stack.mongo_nx() as server:
        yield server


@pytest.fixture(scope="session")
def mongo_java() -> Iterator[stack.Server]:
    """mongo-java-server, whatever else is there; skips without Java."""
    with stack.mongo_java() as server:
        yield server


@pytest.fixture
def fresh_mongo() -> Iterator[stack.Server]:
    """A database of the test's own that may be killed, and keeps what it was told."""
    with stack.own_mongo() as server:
        yield server


@pytest.fixture(params=["mongo", "mongo_nx", "mongo_java"])
def every_mongo(request: pytest.FixtureRequest) -> stack.Server:
    """Each database at hand, one after the other: for what a store promises on all of them."""
    same_as_mongo = {"pip": "mongo_nx", "mongo-java-server": "mongo_java"}
    server: stack.Server = request.getfixturevalue(request.param)
    if request.param == same_as_mongo.get(request.getfixturevalue("mongo").way):
        pytest.skip("the same as mongo in this run")
    return server


@pytest.fixture
def mongo_prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A HOMECALL_MONGO_PREFIX nobody had before; its databases are dropped after the test, wherever they are."""
    prefix = f"test_{uuid.uuid4().hex[:12]}"
    yield prefix
    for name in {"mongo", "fresh_mongo", "every_mongo", "mongo_nx", "mongo_java"} & set(request.fixturenames):
        client: MongoClient[dict[str, Any]] = MongoClient(
            request.getfixturevalue(name).address, serverSelectionTimeoutMS=2000
        )
        with client:
            for database in client.list_database_names():
                if database.startswith(prefix):
                    client.drop_database(database)


@pytest.fixture
def group_prefix() -> str:
    """The beginning of a consumer group's name that nobody had before."""
    return f"test-{uuid.uuid4().hex[:12]}"
