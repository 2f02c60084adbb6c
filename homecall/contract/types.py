"""Field types of the wire contract: ids, times, IINs, codes, and the base of every event model.

The messages raised here are read by a clinic's developer: each names the rule and the way out,
and never repeats the value that was sent (it may be personal data).

Long because it is a table: each field type with its check and its message, which nothing else reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
from math import inf, isfinite
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializationInfo,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from homecall.contract.iins import holds_iin, iin_check_digit, without_iins

ZONE = ZoneInfo("Asia/Almaty")
"""The zone of a clinic that names none, and of what is no clinic's own (R20)."""

# ASCII: a digit of another script is a digit to Python, and to none of the parsers behind these forms.
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_HH_MM = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z|24:00\Z", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
# Blanks of all scripts, and zero-width marks, which copied text often contains.
_VISIBLE = re.compile(r"[^\s\u00ad\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff]")
_NOBODYS = "0" * 12


def is_absent(value: Any) -> bool:
    """Whether a field with this value counts as left out: ``null``, or a text with nothing to see in it."""
    return value is None or (isinstance(value, str) and not _VISIBLE.search(value))


def _iin(value: str) -> str:
    if len(value) != 12 or not (value.isascii() and value.isdigit()):
        raise PydanticCustomError("iin_form", "must be an IIN: exactly 12 digits, no spaces")
    if iin_check_digit(value[:11]) != int(value[11]):
        raise PydanticCustomError(
            "iin_check", "fails the IIN's check digit: read it again from the document and send it again"
        )
    # Its check digit is right, and people without an IIN type it. Other impossible dates and centuries are no proof:
    # since 2013 the digits of a date are only a hint.
    if value == _NOBODYS:
        raise PydanticCustomError("iin_nobodys", "is nobody's IIN: read the patient's own from the document")
    return value


def _rfc3339(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PydanticCustomError("time_offset", "must have an offset from UTC, as in 2026-11-23T09:15:00+05:00")
        return value
    if not isinstance(value, str) or not _RFC3339.match(value):
        raise PydanticCustomError(
            "time_form", "must be an RFC 3339 time with seconds and an offset, as in 2026-11-23T09:15:00+05:00"
        )
    return value


def _year_in_range(value: datetime) -> datetime:
    # The calendar is kept for 2015 to 2100; arithmetic at year 1 or 9999 would overflow on the way to local time.
    # Judged by the local year: what we say of a moment later is written so, and must pass here again.
    if 2000 < value.year < 2150:
        return value
    if not 1999 <= value.year <= 2151 or not 2000 <= value.astimezone(ZONE).year <= 2150:
        raise PydanticCustomError("time_range", "must lie between the years 2000 and 2150")
    return value


def _plain_date(value: Any) -> Any:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _DATE.match(value):
        raise PydanticCustomError("date_form", "must be a date without a time, as in 2026-11-23")
    return value


def _day_in_range(value: date) -> date:
    # As for moments: a day later or a day earlier must still be a date.
    if not 1800 <= value.year <= 2150:
        raise PydanticCustomError("date_range", "must lie between the years 1800 and 2150")
    return value


def _clock_time(value: Any) -> Any:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not _HH_MM.match(value):
        raise PydanticCustomError(
            "clock_form", "must be a local time HH:MM with two digits each, as in 08:00; a day's last midnight is 24:00"
        )
    # A day that ends at midnight is written 24:00 and kept as its last microsecond.
    return time.max if value == "24:00" else time.fromisoformat(value)


def _uuid(value: str) -> str:
    if not _UUID.match(value):
        raise PydanticCustomError("uuid_form", "must be a UUID, as in 5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f")
    return value.lower()


def in_zone(value: datetime, zone: ZoneInfo | None = None) -> str:
    """RFC 3339 in ``zone``. Without one: in the zone of a moment that a clinic's calendar made, else in Asia/Almaty."""
    own = value.tzinfo
    if zone is None:
        zone = own if isinstance(own, ZoneInfo) else ZONE
    # In UTC: the two hours of one name, when clocks go back, are equal to the cache but differ.
    return _in_zone(value if own is UTC else value.astimezone(UTC), zone)


def zoned(value: datetime, zone: ZoneInfo | None = None) -> datetime:
    """The moment in the zone in which `in_zone` writes it: for typed states."""
    own = value.tzinfo
    return value.astimezone(zone or (own if isinstance(own, ZoneInfo) else ZONE))


@lru_cache(maxsize=4096)
def _in_zone(value: datetime, zone: ZoneInfo) -> str:
    # Cached, since a decision writes each moment several times: in the state, the ruling, the event.
    return value.astimezone(zone).isoformat()


def _written(value: datetime, info: SerializationInfo) -> str:
    """A moment as JSON has it: in the zone of the event's clinic, where the writer names it."""
    return in_zone(value, info.context["zone"] if info.context else None)


@cache
def zone_names() -> frozenset[str]:
    """Every zone of the IANA database, without the machine's own and the placeholder for none."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _zone_name(value: str) -> str:
    if value not in zone_names():
        raise PydanticCustomError(
            "zone", "must be the name of a zone in the IANA database, as in Asia/Aqtobe; leave it out for Asia/Almaty"
        )
    return value


def clock_text(value: time) -> str:
    """A clock time as the wire has it: ``08:30``; the end of a day is ``24:00``."""
    return "24:00" if value == time.max else value.strftime("%H:%M")


FORMAT = "x-format"
"""Key of a type's format in its JSON Schema; the document appends it to the description of each field of that type."""


@dataclass(frozen=True)
class Shape:
    """Format and example of a type, for the documentation of every field that uses it. Validation ignores it."""

    format: str
    example: Any

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(core_schema), FORMAT: self.format, "examples": [self.example]}


Moment = Annotated[
    datetime,
    BeforeValidator(_rfc3339),
    AfterValidator(_year_in_range),
    PlainSerializer(_written, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$",
        }
    ),
    Shape("RFC 3339 with seconds and an offset from UTC.", "2026-11-23T09:15:00+05:00"),
]
"""A moment: RFC 3339 with an offset; goes out in the clinic's zone."""
ZoneName = Annotated[
    str,
    AfterValidator(_zone_name),
    Shape("Name of a zone in the IANA time zone database.", "Asia/Aqtobe"),
]
"""An IANA zone. Judged by the database at hand: one with no data for a name does not take it."""

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def can_be_said(moment: datetime) -> bool:
    """Whether an event can contain this time: a deadline after the last minutes of 2150 cannot."""
    return 2000 <= moment.astimezone(ZONE).year <= 2150


def is_moment(text: str) -> bool:
    """Whether the text is a time as events have it."""
    try:
        _MOMENT.validate_python(text)
    except ValidationError:
        return False
    return True


_DATE_SCHEMA: dict[str, Any] = {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
Day = Annotated[
    date,
    BeforeValidator(_plain_date),
    AfterValidator(_day_in_range),
    WithJsonSchema(_DATE_SCHEMA),
    Shape("Date, YYYY-MM-DD.", "2026-11-23"),
]
AnyDay = Annotated[
    date,
    BeforeValidator(_plain_date),
    WithJsonSchema(_DATE_SCHEMA),
    Shape("Date, YYYY-MM-DD; 9999-12-31 means no end.", "2027-12-31"),
]
"""A date that is only compared, never calculated with: 9999-12-31 is how many systems write "no end"."""
ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(clock_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"}),
    Shape("Local time HH:MM; 24:00 is the midnight that ends the day.", "08:00"),
]
Iin = Annotated[
    str,
    AfterValidator(_iin),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[0-9]{12}$",
        }
    ),
    Shape("Twelve digits, the last one the check digit.", "850715100000"),
]
Uuid = Annotated[
    str,
    AfterValidator(_uuid),
    WithJsonSchema(
        {
            "type": "string",
            "format": "uuid",
            "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        }
    ),
    Shape("UUID.", "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"),
]


def _no_iin(value: str) -> str:
    if holds_iin(value):
        raise PydanticCustomError("id_iin", "must hold no IIN: it stands in keys and events, use another id")
    return value


CLINIC_ID = re.compile(r"^[a-z0-9-]{1,40}$")
ClinicId = Annotated[
    str,
    StringConstraints(pattern=CLINIC_ID.pattern),
    AfterValidator(_no_iin),
    Shape("Lower-case letters, digits and hyphens, at most 40.", "samal-3"),
]
Code = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$"),
    AfterValidator(_no_iin),
    Shape("Lower-case letters, digits and underscores, a letter first.", "fever_above_38"),
]
# An IIN in a text that goes out is hidden as it comes in, so that nothing of ours ever holds it.
PlainId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
"""An id as it was sent, for what goes out in no event: a document's number, a doctor's id before it has its alias."""
Id = Annotated[PlainId, AfterValidator(without_iins)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(without_iins)
]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(without_iins)
]
Note = Annotated[str, StringConstraints(max_length=5000), AfterValidator(without_iins)]
LongText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), AfterValidator(without_iins)
]
_LONGEST_PHONE = 300


def _phone_as_text(value: Any) -> Any:
    """A phone as it was written, on one line: no spelling is a reason to refuse a sick child."""
    if isinstance(value, str):
        return " ".join(value.split())[:_LONGEST_PHONE].rstrip()
    if isinstance(value, list):
        texts = [_phone_as_text(each) for each in value if not is_absent(each)]
        return ", ".join(texts)[:_LONGEST_PHONE] if all(isinstance(each, str) for each in texts) else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as spreadsheets keep a number
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _phone_if_any(value: Any) -> Any:
    text = _phone_as_text(value)
    return None if is_absent(text) else text


Phone = Annotated[
    str,
    BeforeValidator(_phone_as_text),
    StringConstraints(min_length=1, max_length=_LONGEST_PHONE),
    AfterValidator(without_iins),
    WithJsonSchema({"type": "string"}),
]
"""A phone, or several, as text. Whether it can be read is judged where it is used (``homecall/standard/phones.py``)."""
OptionalPhone = Annotated[Phone | None, BeforeValidator(_phone_if_any)]
"""A phone that may be left out; a list with nothing in it is none."""
GREATEST = 2**63 - 1
"""The greatest whole number that the stores keep exactly: a signed integer of 64 bits."""
Count = Annotated[int, Field(ge=0, le=GREATEST)]
Whole = Annotated[int, Field(ge=-GREATEST, le=GREATEST)]
Ordinal = Annotated[int, Field(ge=1, le=GREATEST)]


def _degrees(value: Any) -> Any:
    """A coordinate, whatever was sent: the location is optional, and must cost nobody a doctor.

    Anything but a number becomes infinity, which is no place: it was given, and is not used.
    """
    if value is None:
        return None
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            degrees = float(value)
        except (ValueError, OverflowError):
            return inf
        return degrees if isfinite(degrees) else inf
    return inf


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


Latitude = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(_degrees),
    PlainSerializer(_finite, return_type=float | None, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": -90, "maximum": 90}),
    Shape("Degrees north, WGS 84, as a decimal number.", 43.2401),
]
"""The schema is for publishers: other values are accepted too, and not used (``standard.places``)."""
Longitude = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(_degrees),
    PlainSerializer(_finite, return_type=float | None, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": -180, "maximum": 180}),
    Shape("Degrees east, WGS 84, as a decimal number.", 76.8912),
]


class Part(BaseModel):
    """A part of an event. Unknown fields are ignored, as the contract says.

    A field that may be left out counts as left out where it is ``null`` or a blank text. No number is true or false.
    """

    # A traceback of a failed check must not quote what was sent. No number is NaN or infinite.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False)

    @classmethod
    def of_ours(cls, **fields: Any) -> Self:
        """A part that a service makes of values that it has checked already: every field is named, nothing validated.

        For what is published most: validating statuses and register lines was a seventh of the notifier's processor
        time. In tests each event that goes out is held against its model (``tests.infrastructure.own_events``).
        """
        made = cls.__new__(cls)
        put = object.__setattr__  # the model is frozen
        put(made, "__dict__", fields)
        put(made, "__pydantic_fields_set__", set(fields))
        put(made, "__pydantic_extra__", None)
        put(made, "__pydantic_private__", None)
        return made

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        # One pass, since most data have neither: it halves the time of this.
        odd = [name for name, value in data.items() if value is True or value is False or is_absent(value)]
        if not odd:
            return data
        optional, numbers = _optional_names(cls), _number_names(cls)
        absent = [name for name in odd if not isinstance(data[name], bool) and name in optional]
        # Pydantic takes true for 1. As a text it is no number to it, and the message is that of the field.
        flags = [name for name in odd if isinstance(data[name], bool) and name in numbers]
        if not absent and not flags:
            return data
        kept = {name: value for name, value in data.items() if name not in absent}
        return kept | {name: str(data[name]) for name in flags}


@cache
def _optional_names(model: type[BaseModel]) -> frozenset[str]:
    """The names on the wire of the fields that may be left out."""
    fields = model.model_fields.items()
    return frozenset(each for name, info in fields if not info.is_required() for each in (name, info.alias or name))


@cache
def _number_names(model: type[BaseModel]) -> frozenset[str]:
    """The names on the wire of the fields that hold a number."""
    fields = model.model_fields.items()
    return frozenset(
        each for name, info in fields if _is_number(info.annotation) for each in (name, info.alias or name)
    )


def _is_number(annotation: Any) -> bool:
    """Whether it is a number, or one that may be left out."""
    if annotation in (int, float):
        return True
    if get_origin(annotation) is Annotated:
        return _is_number(get_args(annotation)[0])
    return get_origin(annotation) in (Union, UnionType) and any(map(_is_number, get_args(annotation)))


class Event(Part):
    """The data of one event type.

    ``TYPE`` is the type without its prefix, ``SUBJECT`` the field whose value is ``ce_subject``.
    """

    TYPE: ClassVar[str]
    SUBJECT: ClassVar[str]

    @property
    def subject(self) -> str:
        """The id of what the event is about."""
        return str(getattr(self, self.SUBJECT))

    def to_json(self, zone: ZoneInfo = ZONE) -> bytes:
        """The value of the record: no nulls, fields in the order of the model, so the same event is the same bytes.

        Times are written in ``zone``, that of the clinic (R20).
        """
        return self.model_dump_json(exclude_none=True, by_alias=True, context={"zone": zone}).encode()
