"""Reads the fields of a form, and remembers what is wrong with them, by the form's own field names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from homecall.contract.types import Event, in_zone

Form = Mapping[str, Sequence[str]]
"""The texts of a form by field; several for a field that was sent several times."""
E = TypeVar("E", bound=Event)
T = TypeVar("T")

_SPACES: Final = re.compile(r"\s+")
_DOTTED_DATE: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})\Z", re.ASCII)
_INTERVAL: Final = re.compile(r"(\d{1,2})[:.](\d{2}) ?[-\u2013\u2014] ?(\d{1,2})[:.](\d{2})\Z", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2})[:.](\d{2})\Z", re.ASCII)

_FIELD_OF: Final[Mapping[str, str]] = {
    "patient.iin": "iin",
    "patient.full_name": "full_name",
    "patient.birth_date": "birth_date",
    "patient.sex": "sex",
    "patient.phone": "phone",
    "patient.language": "language",
    "address.text": "address",
    "address.district_id": "district_id",
    "address.lat": "lat",
    "address.lon": "lon",
    "address.entrance": "entrance",
    "address.floor": "floor",
    "address.flat": "flat",
    "address.intercom": "intercom",
    "identity_document": "document_number",
    "identity_document.kind": "document_kind",
    "identity_document.number": "document_number",
    "identity": "kdp_token",
    "identity.kdp_token": "kdp_token",
    "identity.public_key": "kdp_public_key",
    "applicant.iin": "applicant_iin",
    "applicant.full_name": "applicant_full_name",
    "applicant.phone": "applicant_phone",
    "applicant.authority": "applicant_authority_kind",
    "applicant.authority.kind": "applicant_authority_kind",
    "applicant.authority.number": "applicant_authority_number",
    "applicant.authority.valid_until": "applicant_authority_valid_until",
    "referral.card_number": "referral_card_number",
    "referral.handed_over_at": "referral_handed_over_at",
    "referral.category": "referral_category",
    "complainant.full_name": "full_name",
    "complainant.iin": "iin",
    "complainant.phone": "phone",
    "complainant.postal_address": "postal_address",
    "complainant.language": "language",
}
"""By path in the event, the field of the form; others have the same name in both."""


class WrongForm(Exception):
    """What is wrong with a form: by its field, the kind of the error (a pydantic error type, or one of ours)."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(", ".join(f"{name}: {kind}" for name, kind in fields.items()))
        self.fields = dict(fields)


class Reader:
    """Reads the fields of a form, and remembers what is wrong with them."""

    def __init__(self, form: Form, zone: ZoneInfo, now: datetime) -> None:
        self._form = form
        self._zone = zone
        self._now = now
        self._wrong: dict[str, str] = {}

    def text(self, name: str, line: int = 0, *, lines: bool = False) -> str | None:
        """The text of a field without blanks at its ends, on one line unless ``lines``; None where it is empty."""
        values = self._form.get(name, ())
        value = values[line].strip() if line < len(values) else ""
        return (value if lines else _SPACES.sub(" ", value)) or None

    def digits(self, name: str) -> str | None:
        value = self.text(name)
        return None if value is None else re.sub(r"[\s-]", "", value)

    def number(self, name: str) -> float | None:
        value = self.text(name)
        return None if value is None else self._tried(name, "float_parsing", lambda: float(value.replace(",", ".")))

    def whole(self, name: str, line: int = 0) -> int | None:
        value = self.text(name, line)
        where = name if name in ("revision", "visit_minutes", "travel_minutes") else f"{name}.{line}"
        return None if value is None else self._tried(where, "int_parsing", lambda: int(value))

    def day(self, name: str) -> str | None:
        """A date, ``YYYY-MM-DD`` or ``DD.MM.YYYY``."""
        value = self.text(name)
        if value is None:
            return None
        dotted = _DOTTED_DATE.match(value)
        if dotted:
            day, month, year = map(int, dotted.groups())
            return self._tried(name, "date_parsing", lambda: date(year, month, day).isoformat())
        return self._tried(name, "date_parsing", lambda: date.fromisoformat(value).isoformat())

    def clock(self, name: str, line: int = 0) -> str | None:
        """A local time, ``H:MM`` or ``HH:MM``, as ``HH:MM``."""
        value = self.text(name, line)
        found = None if value is None else _CLOCK.match(value)
        return value if found is None else f"{int(found[1]):02}:{found[2]}"

    def intervals(self, name: str, line: int = 0) -> list[dict[str, str]]:
        """Times from and to, as ``12:00-12:30, 15:00-15:15``."""
        parts = [part.strip() for part in re.split("[,;]", self.text(name, line) or "")]
        found = [_INTERVAL.match(part) for part in parts if part]
        if not all(found):
            self._wrong[f"{name}.{line}"] = "breaks_form"
        return [
            {"from": f"{int(each[1]):02}:{each[2]}", "to": f"{int(each[3]):02}:{each[4]}"} for each in found if each
        ]

    def moment(self, name: str, on: date | None = None) -> str | None:
        """A time of today or of ``on``, ``HH:MM``, or of a day, ``YYYY-MM-DDTHH:MM``, by the clinic's clock."""
        value = self.text(name)
        if value is None:
            return None
        found = _CLOCK.match(value)

        def read() -> str:
            if found is not None:
                day = on or self._now.astimezone(self._zone).date()
                return in_zone(datetime.combine(day, time(int(found[1]), int(found[2])), self._zone), self._zone)
            at = datetime.fromisoformat(value)
            return in_zone(at if at.tzinfo else at.replace(tzinfo=self._zone), self._zone)

        return self._tried(name, "time_form", read)

    def _tried(self, name: str, kind: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except ValueError:
            self._wrong[name] = kind
            return None

    def event(self, model: type[E], data: dict[str, Any], where: Callable[[str], str] = lambda path: path) -> E:
        """The event of these data. Raises ``WrongForm`` with all that is wrong."""
        wrong: dict[str, str] = {}
        try:
            found = model.model_validate(_without_nothing(data))
        except ValidationError as error:
            for each in error.errors(include_url=False, include_input=False, include_context=False):
                path = ".".join(str(part) for part in each["loc"] if part != model.TYPE)
                kind = each["type"]
                if kind.startswith("at:"):
                    path, kind = ".".join(filter(None, (path, kind[3:]))), "missing"
                wrong.setdefault(_field(where(path)), kind)
        wrong |= self._wrong
        if wrong:
            raise WrongForm(wrong)
        return found


def _field(path: str) -> str:
    if path in _FIELD_OF:
        return _FIELD_OF[path]
    name, _, _ = path.partition(".")
    return name if name in ("reasons", "preferred_window") else path


def _without_nothing(data: Any) -> Any:
    """Without the fields that have no value: an event has none for what was not said."""
    if isinstance(data, dict):
        return {name: _without_nothing(value) for name, value in data.items() if value is not None}
    if isinstance(data, list):
        return [_without_nothing(value) for value in data]
    return data
