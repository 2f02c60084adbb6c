"""How far behind: records and seconds, whatever was committed, assigned or taken away meanwhile."""

from __future__ import annotations

import time
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import OffsetAndMetadata
from prometheus_client import REGISTRY

from homecall.runtime.failures import Transient
from homecall.runtime.kafka.lag import Lag

TOPIC = "homecall.requests.v1"


class Broker:
    """A consumer's questions about offsets, answered from plain numbers; each kind of question is counted."""

    _subscription = SimpleNamespace(subscription=None)

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}
        self.group: dict[int, int | None] = {}
        self.asked: list[str] = []
        self.away = False

    async def end_offsets(self, places: list[Any]) -> dict[Any, int]:
        self.asked.append("ends")
        if self.away:
            raise KafkaConnectionError
        return {place: self.ends[place.partition] for place in places}

    async def beginning_offsets(self, places: list[Any]) -> dict[Any, int]:
        self.asked.append("beginnings")
        return dict.fromkeys(places, 0)

    @property
    def _coordinator(self) -> Broker:
        return self

    async def fetch_committed_offsets(self, places: list[Any]) -> dict[Any, Any]:
        self.asked.append(" ".join(["committed", *(str(place.partition) for place in places)]))
        found = {place: self.group[place.partition] for place in places}
        return {place: OffsetAndMetadata(each, "") for place, each in found.items() if each is not None}

    async def committed(self, place: Any) -> int | None:
        self.asked.append("committed")
        return self.group.get(place.partition)


@pytest.fixture
def service() -> str:
    return f"service-{uuid.uuid4()}"


@pytest.fixture
def lag(service: str) -> Lag:
    return Lag(service)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [1_700_000_000.0]
    monkeypatch.setattr(time, "time", lambda: moment[0])
    return moment


def shown(service: str, partition: int) -> tuple[float | None, float | None]:
    labels = {"service": service, "topic": TOPIC, "partition": str(partition)}
    return (
        REGISTRY.get_sample_value("homecall_lag_records", labels),
        REGISTRY.get_sample_value("homecall_lag_seconds", labels),
    )


async def test_records_not_committed_are_counted_from_where_the_group_stands(lag: Lag, service: str, now: Any) -> None:
    broker = Broker()
    broker.ends = {0: 100, 1: 7}
    broker.group = {0: 90, 1: None}
    lag.assigned({(TOPIC, 0), (TOPIC, 1)})
    now[0] += 20
    await lag.measure(broker)
    # Nothing of it was read yet: since when it waits is not known, but for the assignment.
    assert shown(service, 0) == (10, 20)
    assert shown(service, 1) == (7, 20)
    await lag.measure(broker)
    assert broker.asked == ["ends", "committed", "committed", "beginnings", "ends"]


async def test_the_age_is_that_of_what_came_after_the_last_committed_record(lag: Lag, service: str, now: Any) -> None:
    broker = Broker()
    lag.assigned({(TOPIC, 0)})
    # An hour behind: the batch in which it begins is as old.
    lag.committed({(TOPIC, 0): 50}, {(TOPIC, 0): int((now[0] - 3600) * 1000)})
    broker.ends = {0: 1000}
    await lag.measure(broker)
    assert shown(service, 0) == (950, 3600)
    lag.committed({(TOPIC, 0): 1000}, {(TOPIC, 0): int((now[0] - 2) * 1000)})
    await lag.measure(broker)
    assert shown(service, 0) == (0, 0)
    assert broker.asked == ["ends", "ends"]


async def test_after_a_quiet_night_one_record_is_as_old_as_itself(lag: Lag, service: str, now: Any) -> None:
    broker = Broker()
    lag.assigned({(TOPIC, 0)})
    lag.committed({(TOPIC, 0): 10}, {(TOPIC, 0): int(now[0] * 1000)})
    broker.ends = {0: 10}
    now[0] += 8 * 3600
    await lag.measure(broker)
    assert shown(service, 0) == (0, 0)
    broker.ends = {0: 11}
    now[0] += 5
    await lag.measure(broker)
    assert shown(service, 0) == (1, 5)
    now[0] += 60
    await lag.measure(broker)
    assert shown(service, 0) == (1, 65)


async def test_a_partition_that_is_taken_away_shows_no_more(lag: Lag, service: str, now: Any) -> None:
    lag.assigned({(TOPIC, 0), (TOPIC, 1)})
    lag.assigned({(TOPIC, 1)})
    assert shown(service, 0) == (None, None)
    assert shown(service, 1) == (0, 0)
    # A commit that comes after is nobody's business here.
    lag.committed({(TOPIC, 0): 5}, {(TOPIC, 0): int(now[0] * 1000)})
    assert shown(service, 0) == (None, None)


async def test_a_broker_that_is_away_is_waited_for(lag: Lag, service: str, now: Any) -> None:
    broker = Broker()
    broker.away = True
    lag.assigned({(TOPIC, 0)})
    with pytest.raises(Transient):
        await lag.measure(broker)
    source = {"service": service, "source": "broker"}
    assert REGISTRY.get_sample_value("homecall_last_read_timestamp_seconds", source) is None
    broker.away, broker.ends, broker.group = False, {0: 3}, {0: 3}
    await lag.measure(broker)
    assert REGISTRY.get_sample_value("homecall_last_read_timestamp_seconds", source) == now[0]


async def test_nothing_assigned_asks_nothing(lag: Lag) -> None:
    broker = Broker()
    await lag.measure(broker)
    assert broker.asked == []


async def test_where_the_group_stands_is_known_once_it_was_asked_for_or_committed(lag: Lag) -> None:
    broker = Broker()
    broker.ends, broker.group = {0: 9, 1: 9}, {0: 5, 1: None}
    lag.assigned({(TOPIC, 0), (TOPIC, 1)})
    assert [lag.committed_to((TOPIC, each)) for each in (0, 1)] == [0, 0]
    await lag.measure(broker)
    assert [lag.committed_to((TOPIC, each)) for each in (0, 1)] == [5, 0]
    lag.committed({(TOPIC, 1): 7}, {(TOPIC, 1): 0})
    assert lag.committed_to((TOPIC, 1)) == 7
    # Another member may have had it meanwhile.
    lag.assigned({(TOPIC, 1)})
    assert lag.committed_to((TOPIC, 1)) == 0


async def test_what_another_member_has_committed_is_asked_for_in_one_request(lag: Lag) -> None:
    broker = Broker()
    broker.group = {0: 5, 1: 4, 2: None}
    places = [(TOPIC, each) for each in range(3)]
    lag.assigned({(TOPIC, 0)})
    assert [lag.committed_to(place) for place in places] == [0, 0, 0]
    await lag.learn_committed(broker, places)
    assert broker.asked == ["committed 0 1 2"]
    assert [lag.committed_to(place) for place in places] == [5, 4, 0]
    # Of its own partition a member knows it by itself.
    broker.group[1] = 6
    await lag.learn_committed(broker, places[:2])
    assert broker.asked[1:] == ["committed 1"]
    assert lag.committed_to(places[1]) == 6
    await lag.learn_committed(broker, places[:1])
    assert len(broker.asked) == 2
    # It only grows, whoever holds the partition then.
    lag.assigned({(TOPIC, 1)})
    assert lag.committed_to(places[1]) == 6
