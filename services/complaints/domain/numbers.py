"""Incoming numbers: one sequence per clinic and year of registration, for all stages (C10.2).

While a number is awaited nothing is said: the sequence of the statuses would be broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from homecall.runtime.engine.decision import Decision, OutgoingEvent, replace
from services.complaints.domain.course import Course
from services.complaints.domain.state import ComplaintState, KeptCall, Unsaid
from services.complaints.domain.statuses import event_of

_MOST_LINKED: Final = 100
"""Complaints that one names as linked: thousands of complaints about one call fill no document with their ids."""


class Wanted(NamedTuple):
    """A number that a registered stage waits for: the page, the subject on it, and the stage's place, from 0."""

    page: str
    subject: str
    registered_at: datetime
    place: int


class Opening(NamedTuple):
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
        Wanted(f"{state.clinic_id}|{at.year}", f"{state.complaint_id}|{place + 1}", at, place)
        for place, stage in enumerate(state.stages)
        if (at := stage.registered_at) is not None and stage.number is None
    ]


def opens(state: ComplaintState) -> bool:
    """Whether the number that is waited for is its first: its file is opened with it."""
    return any(each.place == 0 for each in wanted_numbers(state))


def numbered(
    state: ComplaintState, numbers: Mapping[tuple[str, str], int], opening: Opening | None = None
) -> tuple[ComplaintState, list[tuple[Unsaid, list[OutgoingEvent]]]]:
    """The complaint with its numbers, by (page, subject), and what each waiting cause now says."""
    waiting, stages = state.unsaid, list(state.stages)
    if opening is not None and opens(state):
        state = replace(state, linked=tuple(sorted(opening.linked)[:_MOST_LINKED]), call=opening.call)
    for each in wanted_numbers(state):
        number = f"{each.registered_at.year}-{numbers[each.page, each.subject]}"
        stages[each.place] = replace(stages[each.place], number=number)
    state = replace(state, stages=tuple(stages), unsaid=())
    return state, [(each, [event_of(state, draft) for draft in each.drafts]) for each in waiting]
