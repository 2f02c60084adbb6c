"""What an engine asks of a service: its decisions, and what holds for all of its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from homecall.contract.envelope import Incoming
from homecall.contract.types import ZONE, Event
from homecall.runtime.engine.decision import Decision
from homecall.runtime.mongo.aggregate import Aggregate

S = TypeVar("S")
F = TypeVar("F")
F_contra = TypeVar("F_contra", contravariant=True)


class Domain(Protocol[S, F_contra]):
    """A service's decisions. Each is a function of its arguments: nothing is set here to be found by a later one.

    ``facts`` are what the engine of the service loaded for the batch, or for the timers, in hand: see
    ``Engine.facts_for``. A decision that changes another aggregate returns that in ``Decision.others``. What has a body
    here holds for a service that inherits from this class and says nothing else.
    """

    def target(self, event: Incoming) -> str | None:
        """The id of the aggregate that an event is about; None when it is of no concern here."""
        return event.subject

    def takes_broken(self, event: Incoming) -> bool:
        """Whether an event that breaks its schema is answered by a decision rather than by a dead letter."""
        del event
        return False

    def decide(self, state: S | None, event: Incoming, facts: F_contra, now: datetime) -> Decision[S]:
        """What an event leads to."""

    def due(self, state: S, facts: F_contra, now: datetime) -> Decision[S]:
        """What the passing of a state's timer leads to."""
        del state, facts, now
        return Decision()

    def pending(self, state: S) -> bool:
        """Whether the state waits for its completion from another aggregate: a number, a place."""
        del state
        return False


class EventRules(Protocol):
    """What holds for every event of a service, whatever is decided on it."""

    def admit(self, state: object | None, event: Incoming) -> Incoming | str:
        """The event as it is to be decided on; a text says what is wrong with it, and the way out."""

    def zone_of(self, data: Event) -> ZoneInfo:
        """The zone in which the times of an event that goes out are written."""


class NoRules:
    """Every event is decided on as it came."""

    def admit(self, state: object | None, event: Incoming) -> Incoming | str:
        del state
        return event

    def zone_of(self, data: Event) -> ZoneInfo:
        del data
        return ZONE


@dataclass(slots=True)
class Scope(Generic[S, F]):
    """What is decided together: the aggregates as they stand by now, the facts, and the moment (UTC or with a zone)."""

    aggregates: Mapping[str, Aggregate[S]]
    facts: F
    now: datetime
