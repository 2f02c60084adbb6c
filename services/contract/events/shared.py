"""What the events of several topics share: their closed lists of values, and their common parts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.contract.types import ClockTime, Id, Name, Part

Channel = Literal["desk", "phone", "portal"]
Language = Literal["kk", "ru", "en"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Specialty = Literal["gp", "therapist", "paediatrician"]
Basis = Literal["district", "specialty", "least_loaded", "duty"]
Outcome = Literal["served", "not_at_home", "false_call", "hospitalised", "declined"]
RefusalCode = Literal[
    "invalid_request",
    "unknown_clinic",
    "outside_acceptance_hours",
    "identity_not_confirmed",
    "authority_invalid",
    "signature_invalid",
    "not_attached",
    "duplicate",
]
RequestStatus = Literal[
    "registered",
    "deferred",
    "scheduled",
    "rescheduled",
    "delayed",
    "refused",
    "withdrawn",
    "completed",
    "not_completed",
]
ComplaintStage = Literal["clinic", "ministry", "quality_authority"]
ComplaintStatus = Literal[
    "delivered", "registered", "assigned", "executed", "answered", "refused", "escalated", "overdue"
]
AnswerBy = Literal["post", "by_hand", "portal"]
DeadlineName = Literal["queue", "service", "answer", "visit", "complaint"]


class Trilingual(Part):
    """The same text in Kazakh, Russian and English."""

    kk: str
    ru: str
    en: str


class FieldError(Part):
    """What is wrong with one field: its dotted path and a message that says the way out."""

    path: str
    message: str


ENDS_TOO_EARLY = "must end later than it begins, on the same day; midnight is written 24:00"


class Interval(Part):
    """From a local time to a later one, on one day."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    frm: ClockTime = Field(alias="from")
    to: ClockTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.frm >= self.to:
            raise PydanticCustomError("interval_order", ENDS_TOO_EARLY)
        return self


class Official(Part):
    """A named official of a clinic or an authority."""

    full_name: Name
    position: Name


class StaffMember(Part):
    """Who served the applicant."""

    id: Id
    full_name: Name


class Signature(Part):
    """A detached CMS over the RFC 8785 form of the data without this field."""

    format: Literal["cms"]
    value: Annotated[str, Field(min_length=1, max_length=100_000)]


def when_channel_is(channel: dict[str, Any], required: str) -> dict[str, Any]:
    """A rule of the channel in JSON Schema, for those who check before they send."""
    return {
        "if": {"properties": {"channel": channel}, "required": ["channel"]},
        "then": {"properties": {required: {"type": "object"}}, "required": [required]},
    }
