"""What remains of a call when its personal data are erased, and from which day on they may be. Pure.

The days hold the coordinates of homes too: see ``SchedulerStore.forget_places``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from typing import Any

from homecall.contract.events import VisitCancelled
from homecall.runtime.engine.decision import replace
from services.scheduler.domain.state import CallState, is_pending


def over_on(state: CallState) -> date | None:
    """The call's day; the first of all days for a withdrawn or closed one: its last change counts as well.

    None while something is to be done in its day, and where nothing is left to be erased.
    """
    if is_pending(state) or remains(state) == state:
        return None
    return date.min if state.status in {"cancelled", "closed"} else state.day


def remains(state: CallState) -> CallState:
    call = dataclasses.replace(state.call, lat=None, lon=None)
    return replace(state, cancel_reason=None if state.cancel_reason is None else "", call=call, patient=None)


def said(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "reason": ""} if event_type == VisitCancelled.TYPE else dict(data)
