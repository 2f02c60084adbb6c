"""The topic `visits`: how a visit ended, as the clinic reports it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from services.contract.events.shared import Outcome
from services.contract.types import ClinicId, Event, Moment, Uuid


class VisitReported(Event):
    """How the visit ended, as the clinic says."""

    TYPE: ClassVar[str] = "visit.reported"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid
    clinic_id: ClinicId
    at: Moment
    outcome: Outcome
    note: Annotated[str, Field(max_length=5000)] | None = None
