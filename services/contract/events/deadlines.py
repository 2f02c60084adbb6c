"""Statutory deadlines: approaching and missed."""

from __future__ import annotations

from typing import ClassVar, Literal

from services.contract.events.shared import DeadlineName
from services.contract.types import ClinicId, Count, Event, Moment, Uuid


class DeadlineEvent(Event):
    """A statutory time of a request or a complaint, and where it stands."""

    SUBJECT: ClassVar[str] = "subject_id"

    subject_kind: Literal["request", "complaint"]
    subject_id: Uuid
    clinic_id: ClinicId
    deadline: DeadlineName
    channel: str
    started_at: Moment
    due_at: Moment
    limit_seconds: Count
    stage: str


class DeadlineApproaching(DeadlineEvent):
    """80 % of the limit has passed without the result."""

    TYPE: ClassVar[str] = "deadline.approaching"


class DeadlineMissed(DeadlineEvent):
    """The limit has passed without the result."""

    TYPE: ClassVar[str] = "deadline.missed"
