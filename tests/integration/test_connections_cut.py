"""Connections that close under the Kafka client, and background tasks of it that end: nothing is lost, nothing ends.

The short form of the scenario `commits-cut` of `make faults`.
"""

from __future__ import annotations

from tests.faults.harness import cuts
from tests.infrastructure import stack
from tests.infrastructure.world import contract_configs, contract_topics


def test_a_connection_that_closes_during_a_commit_ends_nothing(kafka: stack.Server) -> None:
    stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
    cuts.run(kafka, 15)
