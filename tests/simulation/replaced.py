"""What a history replaces in the services while it is played: time, chance, and the clients of Kafka and MongoDB."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import os
import random
import ssl
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from types import FunctionType
from typing import Any

import aiokafka
import httpx
import motor.motor_asyncio
import structlog
from prometheus_client.metrics import MetricWrapperBase

from homecall.contract import envelope
from homecall.runtime import failpoint as failpoints
from homecall.standard.rules import load_rule_sets
from tests.simulation.gateways import Signatures
from tests.simulation.world import World

_OURS = ("services.", "homecall.")


class _Reached:
    """Stands where an armed failpoint would: notes each place, and kills a process that is to die there."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.place = self  # compared with each place's name

    def __eq__(self, place: object) -> bool:
        self._world.reached_place(str(place))
        return False

    def __hash__(self) -> int:
        return id(self)


class _NoProcess:
    """In place of a pool of processes: the loop does at once whatever is asked of any executor."""

    _processes = None

    def __init__(self, *_: Any, **__: Any) -> None:
        return

    def shutdown(self, **_: Any) -> None:
        """There is nothing to end."""


def _pinned_datetime(now: Callable[[], datetime]) -> type[datetime]:
    """``datetime`` whose ``now`` is the world's; its other ways to make one give plain datetimes."""

    class OfAnyDatetime(type):
        def __instancecheck__(cls, each: object) -> bool:
            return isinstance(each, datetime)

        def __call__(cls, *args: Any, **more: Any) -> datetime:
            return datetime(*args, **more)  # noqa: DTZ001  # as the caller says

    makers = {name: staticmethod(getattr(datetime, name)) for name in ("fromisoformat", "fromtimestamp", "combine")}
    return OfAnyDatetime("datetime", (datetime,), {**makers, "now": staticmethod(lambda tz=None: now().astimezone(tz))})


@contextlib.contextmanager
def instead(world: World, seed: int) -> Iterator[None]:
    """Put the world where our modules name Kafka's and MongoDB's clients, the time and chance."""
    loop, clock = world.loop, world.clock
    undo: list[Callable[[], None]] = []

    def put(place: Any, name: str, value: Any) -> None:
        before = getattr(place, name)
        undo.append(lambda: setattr(place, name, before))
        setattr(place, name, value)

    ours = _of_ours()
    clients = {
        id(aiokafka.AIOKafkaProducer): world.kafka.producer,
        id(aiokafka.AIOKafkaConsumer): world.kafka.consumer,
        id(motor.motor_asyncio.AsyncIOMotorClient): world.mongo.client,
    }
    pinned = _pinned_datetime(clock.now)
    for module, name, value in ours.replaced:
        put(module, name, pinned if value is datetime else clients[id(value)])
    put(envelope, "_incoming", _each_once(envelope._incoming, world.read))
    put(httpx, "AsyncHTTPTransport", world.gateways.transport)
    put(ssl, "create_default_context", lambda *_, **__: None)  # read from the disk for each client
    if world.gateways.checks_signatures:
        for app in ("services.intake.app", "services.complaints.app"):
            put(sys.modules[app], "verifier_from", lambda _: Signatures(world.gateways))
    put(aiokafka, "AIOKafkaConsumer", world.kafka.consumer)
    put(sys.modules["services.scheduler.improver"], "ProcessPoolExecutor", _NoProcess)
    for app in [each for name, each in sorted([*sys.modules.items()]) if name.startswith("services.")]:
        if "load_rule_sets" in vars(app):
            put(app, "load_rule_sets", _rule_sets)  # the same for each process that starts
    chance = random.Random(f"chance {seed}")
    put(os, "urandom", chance.randbytes)
    put(random, "_urandom", chance.randbytes)  # of secrets
    for function in ours.functions:
        _replace_defaults(function, {time.monotonic: loop.time, random.random: chance.random}, undo)
    put(time, "monotonic", loop.time)
    put(time, "perf_counter", loop.time)
    put(time, "time", lambda: clock.now().timestamp())
    put(time, "time_ns", lambda: int(clock.now().timestamp() * 1e9))
    put(failpoints, "_armed", _Reached(world))
    put(MetricWrapperBase, "labels", _found_once(MetricWrapperBase.labels))
    put(asyncio.tasks._all_tasks, "add", lambda _: None)  # type: ignore[attr-defined]  # nobody asks for all tasks
    state = random.getstate()
    random.seed(seed)
    configured = structlog.get_config()
    structlog.configure(processors=[world.logged], wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(**configured)
        random.setstate(state)
        for each in reversed(undo):
            each()


def _each_once(
    read: Callable[..., envelope.Incoming], known: dict[Any, envelope.Incoming]
) -> Callable[..., envelope.Incoming]:
    """Read the content of records once: every service reads the same, and once more after a crash.

    What was read is never changed, as the models of events are frozen.
    """

    def incoming(record: envelope.Record, attributes: dict[str, str], *of: Any) -> envelope.Incoming:
        *content, flaws = of
        about = (*attributes.items(), *content, *flaws)
        if about in known:
            return replace(known[about], record=record)
        found = read(record, attributes, *of)
        if found.data is not None:
            known[about] = found
        return found

    return incoming


def _found_once(labels: Callable[..., Any]) -> Callable[..., Any]:
    """Find a metric's series by its labels as they were given: the client makes texts of them each time.

    One that was removed is never shown again, which nobody asks for in a history.
    """
    known: dict[Any, Any] = {}

    def found(metric: Any, *values: Any, **named: Any) -> Any:
        key = (metric, values, *named.items())
        if key not in known:
            known[key] = labels(metric, *values, **named)
        return known[key]

    return found


@dataclass(frozen=True)
class _Ours:
    """Where our modules name what a history replaces."""

    replaced: list[tuple[Any, str, Any]]
    """A module, the name in it, and what it stands for."""
    functions: list[FunctionType]
    """Those with a clock or chance among the defaults of their parameters, which are bound at the definition."""


def _of_ours() -> _Ours:
    """The same for all histories until another module of ours is imported."""
    modules = [each for name, each in sorted([*sys.modules.items()]) if name.startswith(_OURS)]
    if len(modules) not in _looked_through:
        clients = (aiokafka.AIOKafkaProducer, aiokafka.AIOKafkaConsumer, motor.motor_asyncio.AsyncIOMotorClient)
        replaced = [
            (module, name, value)
            for module in modules
            for name, value in vars(module).items()
            if (value is datetime and f"{name}.now(" in inspect.getsource(module)) or any(value is it for it in clients)
        ]
        bound = (time.monotonic, random.random)
        functions = [
            each
            for each in _functions_of(modules)
            if any(it in bound for it in (*(each.__defaults__ or ()), *(each.__kwdefaults__ or {}).values()))
        ]
        _looked_through[len(modules)] = _Ours(replaced, functions)
    return _looked_through[len(modules)]


def _functions_of(modules: Iterable[Any]) -> Iterator[FunctionType]:
    for module in modules:
        for value in [*vars(module).values()]:
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if isinstance(value, FunctionType):
                yield value
            elif isinstance(value, type):
                yield from (each for each in [*vars(value).values()] if isinstance(each, FunctionType))


def _replace_defaults(function: FunctionType, by: dict[Any, Any], undo: list[Callable[[], None]]) -> None:
    defaults, named = function.__defaults__, function.__kwdefaults__

    def put_back() -> None:
        function.__defaults__, function.__kwdefaults__ = defaults, named

    def replaced(value: Any) -> Any:
        return next((new for old, new in by.items() if value == old), value)

    if any(value == old for old in by for value in (*(defaults or ()), *(named or {}).values())):
        undo.append(put_back)
        function.__defaults__ = defaults and tuple(map(replaced, defaults))
        function.__kwdefaults__ = named and {name: replaced(value) for name, value in named.items()}


_rule_sets = functools.cache(load_rule_sets)
_looked_through: dict[int, _Ours] = {}
"""By how many modules of ours are imported."""
