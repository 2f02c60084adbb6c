"""Windows to choose from while a call is typed: what the scheduler is asked, what is shown, what was chosen. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from homecall.contract.events import ClinicPublished, PreferredWindow, VisitScheduled
from homecall.contract.types import clock_text
from homecall.gateways.offers.port import Offer, Question
from homecall.standard.districts import district_of
from homecall.standard.patient import is_child
from homecall.standard.rules import RuleSet
from services.desk.domain.reader import Form, Reader

NOT_KEPT: Final = "preferred_window_not_kept"
_BETWEEN: Final = re.compile(r"\s*[-–—]\s*")


def read(text: str | None) -> dict[str, str] | None:
    """``11:30-13:30`` as the event has it; what is no window stays as it is, for the event's own check to refuse."""
    if text is None:
        return None
    begins, _, ends = _BETWEEN.sub("-", text, count=1).partition("-")
    return {"from": begins, "to": ends}


def written(window: PreferredWindow) -> str:
    """A window as the form has it: ``11:30-13:30``."""
    return f"{clock_text(window.frm)}-{clock_text(window.to)}"


def chosen_of(text: str) -> PreferredWindow | None:
    """The window that a form names; None where it names none that can be read."""
    try:
        return PreferredWindow.model_validate(read(text or None))
    except ValueError:
        return None


def question(clinic: ClinicPublished, rules: RuleSet, form: Form, now: datetime, zone: ZoneInfo) -> Question:
    """What a window depends on, of what was typed: no name, no IIN and no birth date goes out."""
    reader = Reader(form, zone, now)
    born = reader.day("birth_date")
    child = is_child(date.fromisoformat(born) if born else None, now.astimezone(zone).date())
    areas = [(each.district_id, each.kind, each.addresses) for each in clinic.districts]
    place = reader.number("lat"), reader.number("lon")
    lat, lon = place if all(each is not None and -180 <= each <= 180 for each in place) else (None, None)
    return Question(
        clinic_id=clinic.clinic_id,
        district_id=reader.text("district_id") or district_of(reader.text("address") or "", areas, is_child=child),
        lat=lat,
        lon=lon,
        child=child,
        urgent=rules.urgency(form.get("reasons", ())) == "urgent",
    )


@dataclass(frozen=True, slots=True)
class Window:
    """A window to choose. ``minutes`` of travel are what it adds to the doctor's day; None where nobody says."""

    value: str
    begins: str
    ends: str
    doctor: str = ""
    specialty: str = ""
    minutes: int | None = None
    planned: bool = False
    """Whether it is the one that the call would get by itself."""

    @property
    def key(self) -> str:
        """The window as an element's id can have it."""
        return self.value.replace(":", "")


def to_choose(offers: Iterable[Offer], chosen: PreferredWindow | None) -> list[Window]:
    """What stands to choose, in the order of the times: what is offered, and what was chosen before, offered or not."""
    found: dict[str, Window] = {}
    for place, each in enumerate(offers):
        # Its clock time is all that a wish can name: a window over midnight is nobody's.
        if each.arrives_from.date() != each.arrives_to.date():
            continue
        begins, ends = f"{each.arrives_from:%H:%M}", f"{each.arrives_to:%H:%M}"
        found[f"{begins}-{ends}"] = Window(
            value=f"{begins}-{ends}",
            begins=begins,
            ends=ends,
            doctor=each.doctor.full_name,
            specialty=each.doctor.specialty,
            minutes=round(each.extra_travel_minutes),
            planned=place == 0,
        )
    if chosen is not None:
        value = written(chosen)
        begins, ends = value.split("-")
        found.setdefault(value, Window(value, begins, ends))
    return sorted(found.values(), key=lambda each: each.value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The window that the applicant wanted, and whether the visit keeps it; None while there is no visit."""

    begins: str
    ends: str
    kept: bool | None


def wanted(window: PreferredWindow | None, place: VisitScheduled | None) -> Wanted | None:
    """What the page of a call says of the window that was chosen; None where none was."""
    if window is None:
        return None
    return Wanted(clock_text(window.frm), clock_text(window.to), None if place is None else NOT_KEPT not in place.flags)
