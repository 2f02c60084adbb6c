"""In which order a subject's events stand in a topic, where the client gives up a batch and sends a later one."""

from __future__ import annotations

import random
from contextvars import Context

import pytest

from homecall.contract.envelope import OutgoingRecord
from homecall.contract.topics import STATUS
from homecall.runtime.failures import Transient
from homecall.runtime.kafka import producer
from homecall.runtime.settings import load_settings
from tests.simulation.kafka import SERVER, Kafka
from tests.simulation.loop import SimulatedLoop
from tests.simulation.servers import Network

SUBJECTS = ("a", "b", "c")
SEEDS = 300


def event(subject: str, number: int) -> OutgoingRecord:
    return OutgoingRecord(STATUS.name, subject, "status.changed", f"{subject} {number}", "/x", subject, "", b"{}")


def said(seed: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids in the topic, of three events of each subject that are sent together until all are acknowledged."""
    rng = random.Random(seed)
    loop = SimulatedLoop(rng)
    network = Network(rng)
    kafka = Kafka(network, rng, loop.time)
    network.errors[SERVER] = 0.4
    monkeypatch.setattr(producer, "AIOKafkaProducer", kafka.producer)
    ours = producer.Producer(load_settings(_env_file=None, env="development", signatures="off"), "test")

    async def send() -> None:
        while True:
            try:
                await ours.send([event(subject, number) for number in (1, 2, 3) for subject in SUBJECTS])
            except Transient:
                continue
            return

    try:
        Context().run(loop.run_until_complete, send())
    finally:
        loop.end()
    return [dict(each.headers)["ce_id"].decode() for each in kafka.history]


def test_a_subjects_events_stand_in_their_order_whatever_the_client_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    repeated = 0
    for seed in range(SEEDS):
        ids = said(seed, monkeypatch)
        repeated += len(ids) > 9
        for subject in SUBJECTS:
            first = list(dict.fromkeys(each for each in ids if each.startswith(subject)))
            assert first == [f"{subject} {number}" for number in (1, 2, 3)], f"seed {seed}"
    assert repeated > SEEDS / 10
