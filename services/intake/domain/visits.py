"""What intake takes from the scheduler's visits: the date, and that the visit is over."""

from __future__ import annotations

from homecall.contract.envelope import Incoming
from homecall.contract.events import VisitClosed, VisitScheduled
from homecall.runtime.engine.decision import Decision, replace
from services.intake.domain.state import RequestState


def decide(state: RequestState | None, event: Incoming) -> Decision[RequestState]:
    """Keep the visit's date, and free the patient's claim when the visit is over (R11)."""
    data = event.data
    if state is None or state.status not in {"accepted", "closed"}:
        return Decision()
    if isinstance(data, VisitClosed) and state.status == "accepted":
        return Decision(replace(state, status="closed", claim=None, visit_revision=data.revision))
    newer = isinstance(data, VisitScheduled) and data.revision > state.visit_revision
    if isinstance(data, VisitScheduled) and newer and data.visit_date != state.visit_date:
        return Decision(replace(state, visit_date=data.visit_date, visit_revision=data.revision))
    return Decision()
