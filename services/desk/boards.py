"""The boards of clinics' days: rows kept in memory, and made again only where a call has changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from datetime import date, datetime
from typing import Final

from homecall.contract.events import RequestSubmitted
from services.desk.domain.board import Row, order, row_of
from services.desk.domain.search import folded, phone_digits
from services.desk.store import Action, Stores

_MOST_ROWS: Final = 20_000


class Boards:
    """Rows by call, each as its call's version had it."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._rows: OrderedDict[str, tuple[int, Row]] = OrderedDict()

    async def rows(self, clinic_id: str, on: date, now: datetime) -> list[Row]:
        """The clinic's calls of a day, those not sent yet among them, in the order of the board."""
        versions = await self._stores.calls.versions(clinic_id, on)
        found = await self._at(versions)
        rows = [row for row in found if on in (row.on, row.visits_on)]
        known = {row.request_id for row in rows}
        rows += [row for row in await self._unsent(clinic_id) if row.on == on and row.request_id not in known]
        return sorted(rows, key=lambda row: order(row, now))

    async def of(self, clinic_id: str | None, ids: Collection[str]) -> list[Row]:
        """The rows of these calls, as far as they are the clinic's, with those not sent yet; all that are known where
        it is None."""
        loaded = await self._stores.calls.load(ids)
        rows = [self._keep(each.id, each.version, row_of(each.state)) for each in loaded.values() if each.state]
        if clinic_id is None:
            return rows
        found = [row for row in rows if row.clinic_id == clinic_id]
        missing = set(ids) - {row.request_id for row in rows}
        if missing:
            found += [row for row in await self._unsent(clinic_id) if row.request_id in missing]
        return found

    async def _unsent(self, clinic_id: str) -> list[Row]:
        """The rows of calls that were typed here, and that nobody else has heard of yet."""
        unsent = await self._stores.actions.unsent_of(clinic_id)
        return [unsent_row(action) for action in unsent if action.event.type == RequestSubmitted.TYPE]

    async def _at(self, versions: dict[str, int]) -> list[Row]:
        missing = [key for key, version in versions.items() if self._rows.get(key, (-1, None))[0] < version]
        if missing:
            for each in (await self._stores.calls.load(missing)).values():
                if each.state is not None:
                    self._keep(each.id, each.version, row_of(each.state))
        return [self._rows[key][1] for key in versions if key in self._rows]

    def _keep(self, key: str, version: int, row: Row) -> Row:
        self._rows.pop(key, None)
        self._rows[key] = (version, row)
        if len(self._rows) > _MOST_ROWS:
            self._rows.popitem(last=False)
        return row


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
