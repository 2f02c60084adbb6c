"""The topic `visits`: how a visit ended, as the clinic reports it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from homecall.contract.events.shared import Outcome
from homecall.contract.types import ClinicId, Event, Moment, Note, Uuid


class VisitReported(Event):
    """How the visit ended, as the clinic says."""

    TYPE: ClassVar[str] = "visit.reported"
    SUBJECT: ClassVar[str] = "request_id"

    request_id: Uuid = Field(description="The request whose visit ended.")
    clinic_id: ClinicId = Field(description="The clinic of the request. Key of the record.")
    at: Moment = Field(
        description="When the visit ended. It meets the deadline `visit`.", examples=["2026-11-23T12:05:00+05:00"]
    )
    outcome: Outcome = Field(
        description="How the visit ended. The status becomes `completed` or `not_completed` accordingly."
    )
    note: Note | None = Field(
        default=None,
        description="Free text of the doctor for the clinic. IINs in it are masked.",
        examples=["Дәрі тағайындалды"],
    )
