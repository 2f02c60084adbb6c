"""The boards of clinics' days: rows kept in memory, and made again only where a call has changed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from homecall.contract.events import RequestSubmitted
from services.desk.domain.board import Row, order, row_of
from services.desk.domain.search import folded, phone_digits
from services.desk.live import BEHIND_MS, now_ms
from services.desk.store.actions import Action
from services.desk.store.stores import Stores
from services.desk.store.versions import Versions

_MOST_ROWS: Final = 8_000
"""Rows that are kept, of some 2 KB each."""
_MOST_DAYS: Final = 80
_WHOLE_MS: Final = 60_000
"""How long a day is kept up to date by what has changed before it is read whole, as a call may also be deleted."""
_AT_ONCE: Final = 50
"""Calls that are read and drawn in one turn of the loop: some 30 ms, for which nobody else is answered."""


@dataclass
class _Day:
    """The versions of a day's calls by id, and when they were read: whole, and what has changed since."""

    versions: dict[str, int] = field(default_factory=dict)
    whole_at: int = 0
    read_at: int = 0


class Boards:
    """Rows by call, each as its call's version had it."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._stored = Versions(stores.calls)
        self._rows: OrderedDict[str, tuple[int, Row]] = OrderedDict()
        self._days: OrderedDict[tuple[str, date], _Day] = OrderedDict()
        self._wanted: set[str] = set()
        self._reading: asyncio.Task[Mapping[str, Row]] | None = None
        self._next: asyncio.Task[Mapping[str, Row]] | None = None

    async def rows(self, clinic_id: str, on: date, now: datetime) -> list[Row]:
        """The clinic's calls of a day, those not sent yet among them, in the order of the board."""
        versions, unsent = await asyncio.gather(self._versions(clinic_id, on), self._unsent(clinic_id))
        found = await self._at(versions)
        rows = [row for row in found.values() if on in (row.on, row.visits_on)]
        known = {row.request_id for row in rows}
        rows += [row for row in unsent if row.on == on and row.request_id not in known]
        return sorted(rows, key=lambda row: order(row, now))

    async def of(self, clinic_id: str | None, ids: Collection[str]) -> list[Row]:
        """The rows of these calls as they are now, as far as they are the clinic's, with those not sent yet; all that
        are known where it is None.

        Every browser of a clinic asks for the same rows at the same moment: they share a read, which begins after the
        last of them has asked.
        """
        self._wanted.update(ids)
        if self._next is None:
            self._next = asyncio.create_task(self._read_wanted(self._reading))
        found = await asyncio.shield(self._next)
        rows = [found[each] for each in ids if each in found]
        if clinic_id is None:
            return rows
        rows = [row for row in rows if row.clinic_id == clinic_id]
        missing = set(ids) - {row.request_id for row in rows}
        if missing:
            rows += [row for row in await self._unsent(clinic_id) if row.request_id in missing]
        return rows

    async def _unsent(self, clinic_id: str) -> list[Row]:
        """The rows of calls that were typed here, and that nobody else has heard of yet."""
        unsent = await self._stores.actions.unsent_of(clinic_id)
        return [unsent_row(action) for action in unsent if action.event.type == RequestSubmitted.TYPE]

    async def _read_wanted(self, before: asyncio.Task[Mapping[str, Row]] | None) -> Mapping[str, Row]:
        if before is not None:
            await asyncio.wait([before])
        wanted, self._wanted = list(self._wanted), set()
        self._reading, self._next = self._next, None
        return await self._at(await self._stored.of(wanted)) if wanted else {}

    async def _versions(self, clinic_id: str, on: date) -> dict[str, int]:
        """The versions of a day's calls: read whole at first and each minute, else only what has changed since."""
        day = self._days.setdefault((clinic_id, on), _Day())
        self._days.move_to_end((clinic_id, on))
        if len(self._days) > _MOST_DAYS:
            self._days.popitem(last=False)
        started = now_ms()
        if started - day.whole_at > _WHOLE_MS:
            day.versions = await self._stored.of_day(clinic_id, on)
            day.whole_at = started
        else:
            for key, version, days in await self._stored.changed(clinic_id, day.read_at - BEHIND_MS):
                if on.toordinal() in days:
                    day.versions[key] = version
                else:
                    day.versions.pop(key, None)
        day.read_at = started
        return dict(day.versions)

    async def _at(self, versions: dict[str, int]) -> dict[str, Row]:
        missing = [key for key, version in versions.items() if self._rows.get(key, (-1, None))[0] != version]
        read: dict[str, Row] = {}
        for ids in _parts(missing):
            for each in (await self._stores.calls.load(ids)).values():
                if each.state is not None:
                    read[each.id] = self._keep(each.id, each.version, row_of(each.state))
        kept = {key: self._rows[key][1] for key in versions if key in self._rows}
        return kept | read

    def _keep(self, key: str, version: int, row: Row) -> Row:
        self._rows.pop(key, None)
        self._rows[key] = (version, row)
        if len(self._rows) > _MOST_ROWS:
            self._rows.popitem(last=False)
        return row


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), _AT_ONCE):
        yield ids[first : first + _AT_ONCE]


def unsent_row(action: Action) -> Row:
    """The row of a call that was typed here, and that nobody else has heard of yet."""
    data = RequestSubmitted.model_validate_json(action.event.value)
    phone = data.patient.phone or (data.applicant.phone if data.applicant else None) or ""
    words = [data.patient.full_name, phone, data.address.text, phone_digits(phone)]
    return Row(
        request_id=action.subject,
        clinic_id=action.clinic_id,
        on=data.submitted_at.date(),
        standing="unsent",
        came_at=data.submitted_at,
        channel=data.channel,
        patient=data.patient.full_name,
        phone=phone,
        address=data.address.text,
        district_id=data.address.district_id or "",
        reasons=list(data.reasons),
        search=folded(" ".join(words)),
    )
