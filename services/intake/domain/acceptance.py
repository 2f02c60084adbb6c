"""Accept a request, or defer it to the clinic's next opening (C8.1, C8.2, R6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from homecall.runtime.engine.decision import Decision, Measure, Took, replace
from homecall.standard.acceptance import Accepted, Deferred
from services.intake.domain import events
from services.intake.domain.rulings import with_patient_of
from services.intake.domain.state import Cause, RequestState, takes_over


def accept(
    state: RequestState, verdict: Accepted, accepted_at: datetime, cause: Cause, measures: Sequence[Measure] = ()
) -> Decision[RequestState]:
    """Accept a request. It is published once it has its register number: see ``numbered``."""
    state = _decided(state, verdict)
    state = replace(
        state, status="accepted", register_date=verdict.visit_date, accepted_at=accepted_at, pending=[cause]
    )
    seconds = (accepted_at - verdict.clock_starts_at).total_seconds()
    if takes_over(state):
        # Its clock has run at the other clinic: that is no time that intake took.
        return Decision(state, measures=measures)
    return Decision(state, measures=[*measures, Took(state.channel, "intake", seconds)])


def defer(
    state: RequestState, verdict: Deferred, *, time: str = "", measures: Sequence[Measure] = ()
) -> Decision[RequestState]:
    """Promise an opening: the answer's time starts there. ``time`` is that of the event."""
    state = replace(_decided(state, verdict), status="deferred", opens_at=verdict.opens_at)
    return Decision(state, [events.deferred(state, time)], measures)


def _decided(state: RequestState, verdict: Accepted | Deferred) -> RequestState:
    return replace(
        state,
        ruling=with_patient_of(state.ruling, verdict.ruling.as_dict()),
        visit_date=verdict.visit_date,
        clock_started_at=verdict.clock_starts_at,
        due_at=verdict.due_at,
    )
