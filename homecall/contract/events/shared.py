"""What the events of several topics share: their closed lists of values, and their common parts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from homecall.contract.iins import without_iins
from homecall.contract.types import ClinicId, ClockTime, Id, Moment, Name, Part, Uuid

Channel = Literal["desk", "phone", "portal"]
Language = Literal["kk", "ru", "en"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Specialty = Literal["gp", "therapist", "paediatrician"]
Basis = Literal["district", "specialty", "least_loaded", "duty", "dispatcher"]
ChosenBy = Literal[
    "least travel", "earliest arrival", "less travel", "window kept", "least change", "dispatcher", "sampled days"
]
"""What counted when a doctor was chosen, as `why.by` of a visit says it. More may come."""
MoveReason = Literal[
    "doctor_unavailable",
    "roster_changed",
    "room",
    "no_capacity",
    "no_roster",
    "assigned",
    "less_travel",
    "clinic_closed",
]
"""Why a visit was moved, or lost its place, as `reason` and `cause` of its events say it. More may come."""
AssignmentRefusal = Literal["unknown_doctor", "outside_shift", "no_room", "breaks_promise", "closed"]
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


class Trilingual(Part):
    """The same text in Kazakh, Russian and English."""

    kk: str = Field(description="The text in Kazakh, ready to be shown as it stands.", examples=["Шақыру тіркелді."])
    ru: str = Field(
        description="The text in Russian, ready to be shown as it stands.", examples=["Вызов зарегистрирован."]
    )
    en: str = Field(
        description="The text in English, ready to be shown as it stands.", examples=["Your call is registered."]
    )


class FieldError(Part):
    """What is wrong with one field: its dotted path and a message that says the way out."""

    path: str = Field(
        description="Dotted path of the field that broke a rule, list positions counted from 0.",
        examples=["patient.iin"],
    )
    message: str = Field(
        description="The rule that was broken and the way out, in English, without the value that was sent.",
        examples=["must be an IIN: exactly 12 digits, no spaces"],
    )


ENDS_TOO_EARLY = "must end later than it begins, on the same day; midnight is written 24:00"


class Interval(Part):
    """From a local time to a later one, on one day."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    frm: ClockTime = Field(alias="from", description="Start of the interval, included.", examples=["08:00"])
    to: ClockTime = Field(
        description="End of the interval, not included. Must be later than `from`, on the same day.", examples=["14:00"]
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.frm >= self.to:
            raise PydanticCustomError("interval_order", ENDS_TOO_EARLY)
        return self


class PreferredWindow(Interval):
    """When the doctor would best arrive, by the clinic's clock on the day of the visit.

    A moment, as the scheduler's offers name their windows, is taken by its own clock time.
    """

    @field_validator("frm", "to", mode="before")
    @classmethod
    def _clock_of_a_moment(cls, value: Any) -> Any:
        try:
            return datetime.fromisoformat(value).strftime("%H:%M") if "T" in value else value
        except (TypeError, ValueError):
            return value


def number_as_text(value: Any) -> Any:
    """A number as the text that it is kept as: systems keep a floor or a category as a number as often as a text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ShortLabel = Annotated[
    str,
    Field(max_length=40),
    BeforeValidator(number_as_text),
    AfterValidator(without_iins),
    WithJsonSchema({"type": ["string", "integer"], "maxLength": 40}, mode="validation"),
]


class Referral(Part):
    """How the ambulance service (103) handed a call on to the clinic."""

    card_number: Id = Field(
        description="Number of the ambulance service's call card. Not an IIN: it is shown to many.",
        examples=["103-2026-118842"],
    )
    handed_over_at: Moment = Field(
        description="When the ambulance service handed the call over.", examples=["2026-11-23T09:05:00+05:00"]
    )
    category: ShortLabel = Field(
        min_length=1,
        description=(
            "The ambulance service's urgency category, 1 (most urgent) to 4. A number is accepted and kept as text. "
            "Among calls that wait, a lower one goes first; what is no such number goes after those that are."
        ),
        examples=["4"],
    )


class CallAt(Part):
    """A call at a clinic: the other end of a handing on."""

    request_id: Uuid = Field(description="The call's request there.", examples=["5ff4e20f-5856-560f-9776-2a01b478af8e"])
    clinic_id: ClinicId = Field(description="The clinic of that call.", examples=["tal-2"])


class Official(Part):
    """A named official of a clinic or an authority."""

    full_name: Name = Field(
        description="Full name of the official, as it stands in the register.", examples=["Жұмаділова Гүлнәр Бекқызы"]
    )
    position: Name = Field(
        description="Position of the official, as it stands in the register.", examples=["Бас дәрігердің орынбасары"]
    )


class StaffMember(Part):
    """Who served the applicant."""

    id: Id = Field(
        description="The clinic's own id of the staff member. Not an IIN: it is copied into events that many may read.",
        examples=["r-12"],
    )
    full_name: Name = Field(
        description="Full name of the staff member, as the register of calls shows it (C6.1).",
        examples=["Тұрсынова Әсел Маратқызы"],
    )


class Signature(Part):
    """A detached CMS over the RFC 8785 form of the data without this field."""

    format: Literal["cms"] = Field(description="Format of the signature: always a detached CMS (PKCS #7).")
    value: Annotated[str, Field(min_length=1, max_length=100_000)] = Field(
        description=(
            "The detached CMS, DER in base64, over the RFC 8785 canonical JSON of the data as sent, unknown fields "
            "included, without `signature`. The signer's IIN must be the applicant's (C9.2)."
        ),
        examples=["MIIGWgYJKoZIhvcNAQcCoIIGSzCCBkcCAQEx"],
    )


def required_part(name: str) -> dict[str, Any]:
    """JSON Schema: the optional part ``name`` must be there, and not null."""
    needed = {"type": "object", "description": f"Required here: `{name}` as described above, and not null."}
    return {"properties": {name: needed}, "required": [name]}


def when_channel_is(channel: str, required: str, *, otherwise: dict[str, Any]) -> dict[str, Any]:
    """A channel's rule in JSON Schema, for senders who validate first.

    One chain of ``if``, not ``allOf``: code generators make two types of a schema that has ``allOf``.
    """
    return {
        "if": {
            "properties": {"channel": {"const": channel, "description": f"The rule is for the channel `{channel}`."}},
            "required": ["channel"],
        },
        "then": required_part(required),
        "else": otherwise,
    }
