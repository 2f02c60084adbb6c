"""Incoming numbers: one sequence per clinic and year of registration, for all stages (C10.2).

While a number is awaited nothing is said: the sequence of the statuses would be broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from homecall.runtime.engine.decision import Decision, OutgoingEvent, replace
from services.complaints.domain.course import Course
from services.complaints.domain.state import ComplaintState, KeptCall, Stage, Unsaid
from services.complaints.domain.statuses import event_of

_MOST_LINKED: Final = 100
"""Complaints that one names as linked: thousands of complaints about one call fill no document with their ids."""


class Wanted(NamedTuple):
    """A number that a registered stage waits for: the page and the subject on it."""

    page: str
    subject: str
    registered_at: datetime


@dataclass(frozen=True)
class Opening:
    """What a complaint's file opens with: its call, and the other complaints of the same person about it."""

    call: KeptCall | None
    linked: Sequence[str]


def concluded(course: Course, causation_id: str, traceparent: str | None) -> Decision[ComplaintState]:
    """What came of a course: it is said now, or once its number is there."""
    state = course.state
    if wanted_numbers(state):
        unsaid = Unsaid(cause=causation_id, traceparent=traceparent, drafts=course.drafts)
        return Decision(replace(state, unsaid=(*state.unsaid, unsaid)), measures=list(course.measures))
    return Decision(state, [event_of(state, draft) for draft in course.drafts], list(course.measures))


def wanted_numbers(state: ComplaintState) -> list[Wanted]:
    """The numbers that are waited for."""
    return [
        Wanted(_page(state, stage.registered_at), _subject(state, place), stage.registered_at)
        for place, stage in enumerate(state.stages, start=1)
        if stage.registered_at is not None and stage.number is None
    ]


def opens(state: ComplaintState) -> bool:
    """Whether the number that is waited for is its first: its file is opened with it."""
    return bool(state.stages) and state.stages[0].registered_at is not None and state.stages[0].number is None


def numbered(
    state: ComplaintState, numbers: Mapping[tuple[str, str], int], opening: Opening | None = None
) -> tuple[ComplaintState, list[tuple[Unsaid, list[OutgoingEvent]]]]:
    """The complaint with its numbers, by (page, subject), and what each waiting cause now says."""
    waiting = state.unsaid
    if opening is not None and opens(state):
        state = replace(state, linked=tuple(sorted(opening.linked)[:_MOST_LINKED]), call=opening.call)
    stages = tuple(_numbered(state, place, stage, numbers) for place, stage in enumerate(state.stages, start=1))
    state = replace(state, stages=stages, unsaid=())
    return state, [(each, [event_of(state, draft) for draft in each.drafts]) for each in waiting]


def _numbered(state: ComplaintState, place: int, stage: Stage, numbers: Mapping[tuple[str, str], int]) -> Stage:
    if stage.registered_at is None or stage.number is not None:
        return stage
    number = numbers[_page(state, stage.registered_at), _subject(state, place)]
    return replace(stage, number=f"{stage.registered_at.year}-{number}")


def _page(state: ComplaintState, registered_at: datetime) -> str:
    return f"{state.clinic_id}|{registered_at.year}"


def _subject(state: ComplaintState, place: int) -> str:
    return f"{state.complaint_id}|{place}"
