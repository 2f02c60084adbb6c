"""The register of calls of one clinic's day: which entries hold (C6.1). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from homecall.contract.events import ClinicPublished, JournalEntry
from homecall.contract.types import ZONE


@dataclass(frozen=True)
class Heard:
    """An entry, and when it was made: its event's time."""

    entry: JournalEntry
    at: datetime


@dataclass(frozen=True)
class Call:
    """A line of the register: the entry that holds, and when the first, the newest and the answer's were made.

    The answer's is the first that had a visit or a refusal; None as long as there is none. ``moved_at`` is when the
    visit that holds was entered in place of another, ``moved_from`` the other's begin and end.
    """

    entry: JournalEntry
    entered_at: datetime
    newest_at: datetime
    answer_at: datetime | None
    moved_at: datetime | None = None
    moved_from: tuple[datetime, datetime] | None = None

    @property
    def came_at(self) -> datetime:
        """The time of the call: of its acceptance, or of the entry of one that was refused."""
        return self.entry.accepted_at or self.entered_at


@dataclass(frozen=True)
class Register:
    """A clinic's calls of one day: the accepted by their numbers, those without a number in the order they came in."""

    clinic_id: str
    clinic: ClinicPublished | None
    date: date
    accepted: tuple[Call, ...]
    refused: tuple[Call, ...]

    @property
    def as_of(self) -> datetime:
        """When the newest of its entries was made."""
        return max(call.newest_at for call in (*self.accepted, *self.refused))

    @property
    def numbers(self) -> list[int]:
        return [call.entry.register_number for call in self.accepted if call.entry.register_number is not None]

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """The first and the last of each run of numbers that no entry has, up to the highest that one has."""
        return [(before + 1, after - 1) for before, after in pairwise([0, *self.numbers]) if after > before + 1]

    @property
    def doubles(self) -> list[int]:
        """The numbers that more than one request has."""
        return [number for number, times in Counter(self.numbers).items() if times > 1]


def register_of(clinic_id: str, clinic: ClinicPublished | None, on: date, heard: Iterable[Heard]) -> Register | None:
    """The clinic's register of a day, by all its entries in any order; None where the day has no call.

    Of each request the highest ``revision`` holds, and says which day it belongs to.
    """
    zone = ZONE if clinic is None else ZoneInfo(clinic.zone)
    by_request: dict[str, list[Heard]] = {}
    for each in heard:
        if each.entry.clinic_id == clinic_id:
            by_request.setdefault(each.entry.request_id, []).append(_in_zone(each, zone))
    calls = [call for call in map(_call, by_request.values()) if call.entry.register_date == on]
    if not calls:
        return None
    calls.sort(key=lambda call: (call.entry.register_number or 0, call.came_at, call.entry.request_id))
    return Register(
        clinic_id=clinic_id,
        clinic=clinic,
        date=on,
        accepted=tuple(call for call in calls if call.entry.register_number is not None),
        refused=tuple(call for call in calls if call.entry.register_number is None),
    )


_TIMES = ("accepted_at", "arrives_from", "arrives_to", "answered_at")


def _in_zone(heard: Heard, zone: ZoneInfo) -> Heard:
    """The entry with its times by the clinic's clock (R20): the page tells them as they stand."""
    entry = heard.entry
    here: dict[str, object] = {name: at.astimezone(zone) for name in _TIMES if (at := getattr(entry, name)) is not None}
    if entry.referral is not None:
        handed_over_at = entry.referral.handed_over_at.astimezone(zone)
        here["referral"] = entry.referral.model_copy(update={"handed_over_at": handed_over_at})
    return Heard(entry.model_copy(update=here), heard.at.astimezone(zone))


def _call(heard: list[Heard]) -> Call:
    heard = sorted(heard, key=lambda each: each.entry.revision)
    answers = [each.at for each in heard if each.entry.doctor is not None or each.entry.refusal is not None]
    call = Call(
        entry=heard[-1].entry,
        entered_at=min(each.at for each in heard),
        newest_at=max(each.at for each in heard),
        answer_at=min(answers, default=None),
    )
    visits = [(each.at, visit) for each in heard if (visit := _window(each.entry)) is not None]
    holds = _window(call.entry)
    others = [place for place, (_, visit) in enumerate(visits) if visit != holds]
    if not others or holds is None:
        return call
    return replace(call, moved_at=visits[others[-1] + 1][0], moved_from=visits[others[-1]][1])


def _window(entry: JournalEntry) -> tuple[datetime, datetime] | None:
    return None if entry.arrives_from is None or entry.arrives_to is None else (entry.arrives_from, entry.arrives_to)
