"""Where the tests' Kafka and MongoDB come from: the first of these that is there.

1. environment: ``HOMECALL_KAFKA_BOOTSTRAP`` and ``HOMECALL_MONGO_URL``, each for itself, with
   ``HOMECALL_TEST_USE_ENV=1``: the tests empty its topics. 0: leave them alone. Without it, `settle_environment` asks.
2. docker: testcontainers, on a local engine that has, or can get, the images ``HOMECALL_TEST_KAFKA_IMAGE`` and
   ``HOMECALL_TEST_MONGO_IMAGE``.
3. maven: real Apache Kafka from its jars, one node on 127.0.0.1, kept in ``.stack/``; and mongo-java-server.
4. pip: the pair of `homecall.demo.embedded`.

``HOMECALL_TEST_STACK`` (one of the four words) takes that one and no other. What is not ours to stop, or cannot do
what a test is about, makes the test skip and say so.
"""

from __future__ import annotations

from homecall.demo.embedded import until
from homecall.demo.ports import free_port
from tests.infrastructure.stack.java import (
    CACHE,
    ROOT,
    SOURCES,
    java_compiled,
    java_source,
    kafka_jars,
    kafka_tool,
    with_us,
)
from tests.infrastructure.stack.kafka import kafka_answers, own_cluster, own_kafka, recreate_topics, shared_kafka
from tests.infrastructure.stack.mongo import fast_mongo, mongo_java, mongo_nx, own_mongo, shared_mongo
from tests.infrastructure.stack.servers import Control, Server, wait_until
from tests.infrastructure.stack.ways import WAYS, describe, kafka_way, mongo_way, settle_environment

__all__ = [
    "CACHE",
    "ROOT",
    "SOURCES",
    "WAYS",
    "Control",
    "Server",
    "describe",
    "fast_mongo",
    "free_port",
    "java_compiled",
    "java_source",
    "kafka_answers",
    "kafka_jars",
    "kafka_tool",
    "kafka_way",
    "mongo_java",
    "mongo_nx",
    "mongo_way",
    "own_cluster",
    "own_kafka",
    "own_mongo",
    "recreate_topics",
    "settle_environment",
    "shared_kafka",
    "shared_mongo",
    "until",
    "wait_until",
    "with_us",
]
