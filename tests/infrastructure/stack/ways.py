"""Which Kafka and which MongoDB a test run is on: the first that is there."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Mapping

import pytest

from tests.infrastructure.stack.java import java_compiler, maven_is_there

KAFKA_IMAGE = os.environ.get("HOMECALL_TEST_KAFKA_IMAGE", "apache/kafka:4.3.1")
MONGO_IMAGE = os.environ.get("HOMECALL_TEST_MONGO_IMAGE", "mongo:8.0")
WAYS = ("environment", "docker", "maven", "pip")


def settle_environment() -> None:
    """Decide, before anything starts, whether what the environment names is for tests. Raises ``SystemExit``.

    A shell may name a broker and a database for other work, as the walk-through's does, and tests empty the topics.
    """
    named = [name for name in ("HOMECALL_KAFKA_BOOTSTRAP", "HOMECALL_MONGO_URL") if name in os.environ]
    choice = os.environ.get("HOMECALL_TEST_USE_ENV")
    if not named or choice == "1" or "HOMECALL_TEST_STACK" in os.environ:
        return
    if choice != "0":
        which = " and ".join(f"{name}={_without_password(os.environ[name])}" for name in named)
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise SystemExit(
                f"{which} set in this shell: set HOMECALL_TEST_USE_ENV=1 to run the tests there, which empties its "
                "topics, or HOMECALL_TEST_USE_ENV=0 to run them on a broker and a database of their own"
            )
        sys.stderr.write(f"{which} set in this shell. The tests empty the topics there. Use them? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in {"y", "yes"}:
            os.environ["HOMECALL_TEST_USE_ENV"] = "1"
            return
        sys.stderr.write("The tests run on a broker and a database of their own.\n")
    # The rest of such a shell's settings, too: they go with those servers.
    for name in [name for name in os.environ if name.startswith("HOMECALL_") and not name.startswith("HOMECALL_TEST_")]:
        del os.environ[name]


def _without_password(address: str) -> str:
    return re.sub(r"//[^@/]*@", "//…@", address)


def kafka_way() -> str:
    """How `kafka` runs here: one of WAYS."""
    return _first({"environment": lambda: "HOMECALL_KAFKA_BOOTSTRAP" in os.environ, "docker": _docker_has_kafka})


def mongo_way() -> str:
    """How `mongo` runs here: one of WAYS. Without a Java compiler "maven" is nx-27017 all the same."""
    return _first({"environment": lambda: "HOMECALL_MONGO_URL" in os.environ, "docker": _docker_has_mongo})


def describe() -> str:
    """One line for the head of a test run."""
    stand_in = {"environment": "as given", "docker": MONGO_IMAGE, "maven": "mongo-java-server", "pip": "nx-27017"}
    broker = {
        "environment": "as given",
        "docker": KAFKA_IMAGE,
        "maven": "Apache Kafka, from Maven",
        "pip": "mock cluster",
    }
    mongo = "nx-27017" if mongo_way() == "maven" and not java_compiler() else stand_in[mongo_way()]
    return f"Kafka: {broker[kafka_way()]} ({kafka_way()}); MongoDB: {mongo} ({mongo_way()})"


def _first(there: Mapping[str, Callable[[], bool]]) -> str:
    asked = os.environ.get("HOMECALL_TEST_STACK")
    if asked is not None:
        if asked not in WAYS:
            raise pytest.UsageError(f"HOMECALL_TEST_STACK is {asked!r}: one of {', '.join(WAYS)} is meant")
        return asked
    if there["environment"]():
        return "environment"
    if there["docker"]():
        return "docker"
    return "maven" if maven_is_there() else "pip"


@functools.cache
def _docker_has_kafka() -> bool:
    return _docker_has(KAFKA_IMAGE)


@functools.cache
def _docker_has_mongo() -> bool:
    return _docker_has(MONGO_IMAGE)


def _docker_has(image: str) -> bool:
    """Whether a local engine answers and the image is on it, or its registry answers for it."""
    import docker
    from docker.errors import DockerException

    if not os.environ.get("DOCKER_HOST", "unix://").startswith("unix://"):
        return False  # ports are mapped to 127.0.0.1, which has to be ours
    try:
        client = docker.from_env(timeout=5)
        if client.api.images(name=image):
            return True
        client.images.get_registry_data(image)
    except (DockerException, OSError):
        return False
    return True


def setting(name: str) -> str:
    if name not in os.environ:
        raise pytest.UsageError(f"HOMECALL_TEST_STACK is environment, but {name} is not set")
    return os.environ[name]
