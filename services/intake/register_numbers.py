"""Register numbers: 1, 2, 3… within a clinic's day, with no gap and no double.

Each day of a clinic is a page, a document that `homecall.runtime.mongo.sequence` gives the next numbers out of by
compare-and-set: a request that comes again finds its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from homecall.runtime.engine.completion import Completion
from homecall.runtime.mongo.sequence import Sequences
from services.intake.domain.numbered import with_number
from services.intake.domain.state import RequestState, awaits_number


async def numbered(pages: Sequences, states: Sequence[RequestState]) -> dict[str, Completion[RequestState]]:
    """Number accepted requests in their order, by id: one query and one write for all."""
    page_of = {state.request_id: page(state) for state in states}
    numbers = await pages.allocate([(page, request_id) for request_id, page in page_of.items()])
    return {
        state.request_id: _completion(state, numbers[page_of[state.request_id], state.request_id]) for state in states
    }


def page(state: RequestState) -> str:
    """The page that numbers a request: its clinic's day."""
    assert awaits_number(state)
    return f"{state.clinic_id}|{state.register_date}"


def _completion(state: RequestState, number: int) -> Completion[RequestState]:
    numbered, said = with_number(state, number)
    # What has a time of its own is the same bytes at any later hour.
    certain = all(event.time for _, says in said for event in says)
    return Completion(numbered, [(*cause, says) for cause, says in said], certain=certain)
