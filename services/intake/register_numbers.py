"""Register numbers: 1, 2, 3… within a clinic's day, with no gap and no double.

Each day of a clinic is a page, a document that `homecall.runtime.mongo.sequence` gives the next numbers out of by
compare-and-set: a request that comes again finds its own.

A request that was accepted is stored once, before it has its number, and rests so: its acceptance is stored but for the
number. To send it again, the page is asked for the number. A request is written once less for it, and the database
needs half of the processor time. A withdrawal and a transfer say the number themselves, and are stored with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from homecall.runtime.engine.completion import Completion
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.sequence import Sequences
from services.intake.domain.numbered import with_number
from services.intake.domain.state import RequestState, awaits_number
from services.intake.resting import filled_in


async def numbered(pages: Sequences, waiting: Sequence[Aggregate[RequestState]]) -> dict[str, Completion[RequestState]]:
    """Number accepted requests in their order, by id: one query and one write for all."""
    page_of = {each.id: page(each.state) for each in waiting if each.state is not None}
    numbers = await pages.allocate([(page, request_id) for request_id, page in page_of.items()])
    return {each.id: _completion(each, numbers[page_of[each.id], each.id]) for each in waiting}


async def look_up(pages: Sequences, found: Sequence[Aggregate[RequestState]]) -> None:
    """Show requests that rest as they would be stored with the numbers that their pages have. Not to be saved."""
    resting = [each for each in found if each.resting and each.state is not None and awaits_number(each.state)]
    known = await pages.look({page(each.state) for each in resting if each.state is not None})
    for each in resting:
        assert each.state is not None
        on = known.get(page(each.state))
        number = None if on is None else on.numbers.get(each.id)
        if number is not None:
            end = _completion(each, number)
            each.state = end.state
            for causation_id, events in end.filled.items():
                each.processed[causation_id] = [*each.processed.get(causation_id, ()), *events]


def page(state: RequestState) -> str:
    """The page that numbers a request: its clinic's day."""
    assert awaits_number(state)
    return f"{state.clinic_id}|{state.register_date}"


def _completion(waiting: Aggregate[RequestState], number: int) -> Completion[RequestState]:
    assert waiting.state is not None
    state, said = with_number(waiting.state, number, waiting.resting)
    filled = {cause: [filled_in(rest, waiting.state, number)] for cause, rest in waiting.resting.items()}
    return Completion(state, [(*cause, says) for cause, says in said], filled=filled)
