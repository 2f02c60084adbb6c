"""What the desk keeps of what it hears: of each kind of event the one that holds, and a line of history for each.

The desk hears every topic, in any order and again. An event of a kind replaces one of a lower order and nothing else,
so what is kept is the same whatever came first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Protocol, TypeVar, cast

from homecall.contract.events import MODELS
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.contract.types import Event
from homecall.runtime.engine.decision import replace

E = TypeVar("E", bound=Event)
S = TypeVar("S", bound="Subject")
K = TypeVar("K", bound=str)

MOST_STEPS: Final = 200
"""Lines of a history that are kept: of more, the first and the last."""


@dataclass(frozen=True)
class Kept:
    """The event that holds of its kind, as it came. Of two the one of the higher order holds; of equals the earlier."""

    type: str
    order: int
    at: datetime
    data: dict[str, Any]

    @cached_property
    def event(self) -> Event:
        """The event of these data, read once: a call's document asks for it some ten times when it is stored."""
        return MODELS[self.type].model_validate(self.data)


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a history: what was heard, when it happened, what tells it from others of its type, and who did it."""

    at: datetime
    type: str
    detail: str = ""
    by: str = ""


def of(kept: Mapping[K, Kept], kind: K, model: type[E]) -> E | None:
    """The event that holds of a kind; None while none was heard, or where it is of another type."""
    found = kept.get(kind)
    if found is None or not issubclass(MODELS[found.type], model):
        return None
    return cast(E, found.event)


def with_event(
    kept: dict[K, Kept], kind: K, order: int, event: Event, at: datetime, without: dict[str, Any] | None = None
) -> dict[K, Kept]:
    """``kept`` with this event, where it holds. ``without`` names what is left out of it, as pydantic's ``exclude``."""
    before = kept.get(kind)
    if before is not None and (before.order, -before.at.timestamp()) >= (order, -at.timestamp()):
        return kept
    data = event.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=without)
    return {**kept, kind: Kept(event.TYPE, order, at, data)}


def with_step(history: list[Step], step: Step) -> list[Step]:
    """The history with one more line, in the order of time."""
    if step in history:
        return history
    lines = sorted([*history, step], key=lambda each: (each.at, each.type, each.detail))
    half = MOST_STEPS // 2
    return lines if len(lines) <= MOST_STEPS else [*lines[:half], *lines[-half:]]


class Subject(Protocol):
    """What a clinic owns: a call, a complaint."""

    @property
    def clinic_id(self) -> str: ...

    @property
    def confirmed(self) -> bool:
        """Whether one of our services has said whose it is."""
        ...


def of_its_clinic(subject: S, event: Event, begin: Callable[[str], S]) -> S | None:
    """The subject to which an event is added; None for an event of another clinic, which is none of the subject.

    Anybody may name any id: until one of our services has spoken of it, whose it is is only claimed. Where they say
    that it is another clinic's, what was heard so far goes: ``begin`` makes the subject of that clinic.
    """
    ours = TOPIC_OF_TYPE[event.TYPE].ours
    clinic_id: str = getattr(event, "clinic_id", subject.clinic_id)
    if clinic_id != subject.clinic_id:
        if subject.confirmed or not ours:
            return None
        subject = begin(clinic_id)
    return replace(subject, confirmed=True) if ours and not subject.confirmed else subject
