"""What a pure decision gives back: plain values that the pipeline carries out.

Kept free of any driver, so that a domain may import it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from homecall.contract.envelope import DeadReason
from homecall.contract.types import Event

S = TypeVar("S")
Stage = Literal["queue", "service", "intake", "scheduling", "answer", "entry", "oral_answer"]


def replace(state: S, **changes: Any) -> S:
    """A copy of a state with some fields changed: as `dataclasses.replace`, for dataclasses without slots.

    That one runs the constructor field by field: with states of thirty fields it was a fifth of a decision's time.
    """
    unknown = changes.keys() - state.__dict__.keys()
    if unknown:
        raise TypeError(f"{type(state).__name__} has no field {', '.join(sorted(unknown))}")
    copy = object.__new__(type(state))
    copy.__dict__.update(state.__dict__)
    copy.__dict__.update(changes)
    return copy


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event to be sent. ``sibling`` tells apart those of one cause, type and subject."""

    data: Event
    sibling: str = ""
    time: str = ""
    """RFC 3339 for ``ce_time``; the moment of the decision when empty."""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds that a stage took: ``homecall_processing_seconds``."""

    channel: str
    stage: Stage
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A deadline's outcome: ``homecall_deadline_outcomes_total``."""

    deadline: str
    channel: str
    outcome: Literal["met", "missed"]


@dataclass(frozen=True, slots=True)
class Decided:
    """A first decision: ``homecall_decisions_total``, and ``homecall_reasons_total`` for each of its reasons.

    ``code`` is the refusal's; ``channel`` is empty where it could not be read.
    """

    kind: Literal["request", "complaint"]
    channel: str
    decision: Literal["accepted", "deferred", "refused"]
    code: str = ""
    reasons: Sequence[str] = ()


class OwnMeasure:
    """The base of what one service alone measures: ``metrics.count_own`` says how it is counted."""

    __slots__ = ()


Measure = Took | Ended | Decided | OwnMeasure


@dataclass(frozen=True, slots=True)
class Dead:
    """The event becomes a dead letter, and nothing changes."""

    reason: DeadReason
    detail: str


@dataclass(frozen=True, slots=True)
class Decision(Generic[S]):
    """What an event, or a timer, leads to.

    ``state`` None means that nothing changes. ``others`` are the new states of other aggregates that change with it, by
    id: their states were among the facts. ``park`` keeps the event until its subject is known, or may be
    changed. ``causation_id`` is the (causation id, traceparent) to which a timer's events belong, where that is not the
    timer itself but what it took up; ``unpark`` with it: what was parked meanwhile is decided, in the order it came.
    """

    state: S | None = None
    says: Sequence[OutgoingEvent] = ()
    measures: Sequence[Measure] = ()
    dead: Dead | None = None
    park: bool = False
    causation_id: tuple[str, str | None] | None = None
    unpark: bool = False
    others: Mapping[str, S] | None = None

    def after(self, says: Sequence[OutgoingEvent], measures: Sequence[Measure]) -> Decision[S]:
        """This decision, with what was said and measured before it."""
        return dataclasses.replace(self, says=[*says, *self.says], measures=[*measures, *self.measures])
