"""Calls, complaints and rosters as the desk hears of them, and all that it keeps, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar

from homecall.contract.events import RequestAccepted, RequestEvent, RosterPublished
from homecall.runtime.encryption import Vault
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.client import Database, MongoCollection
from homecall.runtime.mongo.moments import millis
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.mongo.schema import Schema
from services.desk.domain import retention
from services.desk.domain.call import Call
from services.desk.domain.complaint import Complaint
from services.desk.domain.roster import Roster, key
from services.desk.domain.search import phone_digits, prefixes
from services.desk.store.actions import Actions, Change
from services.desk.store.locks import Locks
from services.desk.store.signed_in import SignedIn
from services.desk.store.ticks import Ticks

S = TypeVar("S")

_CACHED: Final = 200
"""Aggregates, of some 20 KB each, that are cached as they were stored: of a new call some ten events follow at once."""

MOST_CHANGES: Final = 10_000
"""Of one kind, in one look at what changed: a browser that missed more draws its page again."""


def _no_timer(_: object) -> None:
    return None


def _first_version() -> int:
    """Of a document that is made again by a rebuild, a higher one than any before had."""
    return millis(datetime.now(UTC))


class Calls(Repository[Call]):
    """Calls by ``request_id``."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            database.collection("calls"),
            Call,
            timer_at=_no_timer,
            first_version=_first_version,
            indexed=_call_fields,
            indexes=[
                (("clinic", "day"), False),
                (("clinic", "visit_day"), False),
                (("clinic", "moved"), False),
                ("changed_at", False),
                ("iin", False),
                ("phones", False),
                (("clinic", "names"), False),
                (("number", "day"), False),
            ],
            over_on=retention.call_over_on,
            remember=_CACHED,
        )

    async def of_person(self, iin: str, limit: int = 10) -> list[Aggregate[Call]]:
        """The calls for the patient with this index of an IIN."""
        return await self.find({"iin": iin}, limit=limit)

    async def to_visit(self, clinic_id: str, on: date) -> list[Call]:
        """The clinic's calls that are to be visited on a day."""
        return _states(await self.find({"clinic": clinic_id, "visit_day": on.toordinal()}))

    async def of_register(self, clinic_id: str, on: date) -> list[Call]:
        """The clinic's calls in the register of a day."""
        return _states(await self.find({"clinic": clinic_id, "day": on.toordinal()}))

    async def moved(self, clinic_id: str, on: date) -> list[Call]:
        """The clinic's calls whose visit was moved from a day or to it, or lost its place there."""
        return _states(await self.find({"clinic": clinic_id, "moved": on.toordinal()}))

    async def by_phone(self, digits: str, limit: int = 50) -> list[Aggregate[Call]]:
        """The calls with this phone, the patient's or the applicant's."""
        return await self.find({"phones": digits}, limit=limit)


def _states(found: Sequence[Aggregate[S]]) -> list[S]:
    return [each.state for each in found if each.state is not None]


def _call_fields(call: Call) -> dict[str, Any]:
    day, place = call.register_date, call.place
    return {
        "clinic": call.clinic_id,
        "day": None if day is None else day.toordinal(),
        "visit_day": None if place is None else place.visit_date.toordinal(),
        "moved": [on.toordinal() for on in call.moved_between] or None,
        "iin": call.iin,
        "phones": _phones(call.decision) or None,
        "names": prefixes(" ".join(_names(call))) or None,
        "number": call.decision.register_number if isinstance(call.decision, RequestAccepted) else None,
    }


def _names(call: Call) -> list[str]:
    """Who a call is for, and who asked for it."""
    people = (call.decision.patient, call.decision.applicant) if call.decision else ()
    return [each.full_name for each in people if each is not None and each.full_name]


def _phones(decision: RequestEvent | None) -> list[str]:
    """The phones of a call in the form in which they are searched."""
    if decision is None:
        return []
    people = (decision.patient, decision.applicant)
    found = [phone_digits(each.phone) for each in people if each is not None and each.phone]
    return sorted({digits for digits in found if digits})


class Complaints(Repository[Complaint]):
    """Complaints by ``complaint_id``."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            database.collection("complaints"),
            Complaint,
            timer_at=_no_timer,
            first_version=_first_version,
            indexed=_complaint_fields,
            indexes=[
                (("clinic", "open"), False),
                ("number", False),
                ("phones", False),
                (("clinic", "names"), False),
                ("request", False),
                ("changed_at", False),
            ],
            over_on=retention.complaint_over_on,
        )

    async def of_clinic(self, clinic_id: str, *, open_ones: bool, limit: int = 500) -> list[Aggregate[Complaint]]:
        """The clinic's complaints that wait for an answer, or those that have one."""
        return await self.find({"clinic": clinic_id, "open": open_ones}, limit=limit)


def _complaint_fields(complaint: Complaint) -> dict[str, Any]:
    status, submitted = complaint.status, complaint.submitted
    phone = phone_digits(submitted.complainant.phone or "") if submitted else ""
    return {
        "clinic": complaint.clinic_id,
        "open": not complaint.over,
        "number": status.incoming_number if status else None,
        "phones": [phone] if phone else None,
        "names": prefixes(submitted.complainant.full_name) or None if submitted else None,
        "request": submitted.request_id if submitted else None,
    }


class Rosters(Repository[Roster]):
    """Rosters by clinic and day."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            database.collection("rosters"),
            Roster,
            timer_at=_no_timer,
            first_version=_first_version,
            indexed=lambda roster: {"clinic": roster.clinic_id, "day": roster.on.toordinal()},
            indexes=[(("clinic", "day"), False), ("changed_at", False)],
        )

    async def of_day(self, clinic_id: str, on: date) -> Roster | None:
        """The clinic's roster of a day, with who dropped out; None where nothing was heard of it."""
        found = (await self.load([key(clinic_id, on)])).get(key(clinic_id, on))
        return found.state if found is not None else None

    async def last_before(self, clinic_id: str, on: date) -> RosterPublished | None:
        """What a day's roster begins with: that of a week before, else of the last day of this week that has one."""
        days = [on - timedelta(days=each) for each in (7, 1, 2, 3, 4, 5, 6)]
        found = await self.load([key(clinic_id, each) for each in days])
        rosters = [found[name].state for name in (key(clinic_id, each) for each in days) if name in found]
        return next((each.published for each in rosters if each is not None and each.published is not None), None)


class Stores:
    """All that the desk keeps."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.calls = Calls(database)
        self.complaints = Complaints(database)
        self.rosters = Rosters(database)
        self.actions = Actions(database, vault)
        self.locks = Locks(database, vault)
        self.signed_in = SignedIn(database, vault)
        self.ticks = Ticks(database)

    async def prepare(self) -> None:
        """Create the indexes; safe to run again."""
        for each in (self.calls, self.complaints, self.rosters, self.actions, self.signed_in, self.ticks):
            await each.prepare()

    async def clear_view(self) -> None:
        """Forget what was heard; what people did and is not sent stays."""
        for each in (self.calls, self.complaints, self.rosters):
            await each.collection.delete_all()

    async def changed_since(self, at: int, clinic_id: str | None = None) -> list[Change] | None:
        """What changed at or after a moment (milliseconds), at one clinic or at all, the oldest first.

        None where it is more than can be told one by one.
        """
        kinds = (("call", self.calls), ("complaint", self.complaints), ("roster", self.rosters))
        parts = await asyncio.gather(
            *(_changed(kind, store.collection, at, clinic_id) for kind, store in kinds),
            _changed("tick", self.ticks.collection, at, clinic_id),
            self.actions.done_since(at, clinic_id, MOST_CHANGES),
        )
        if any(len(part) >= MOST_CHANGES for part in parts):
            return None
        return sorted((each for part in parts for each in part), key=lambda each: each.at)


async def _changed(kind: str, collection: MongoCollection, at: int, clinic_id: str | None) -> list[Change]:
    query = {"changed_at": {"$gte": at}} | ({} if clinic_id is None else {"clinic": clinic_id})
    docs = await collection.find(
        query, limit=MOST_CHANGES, sort="changed_at", projection={"clinic": 1, "v": 1, "changed_at": 1}
    )
    return [Change(kind, doc["_id"], doc.get("clinic", ""), doc["v"], doc["changed_at"]) for doc in docs]


def schema(database: Database) -> Schema:
    """The desk's collections and their indexes. Nothing is migrated: the view can be made again from the topics."""
    stores = (Calls(database), Complaints(database), Rosters(database))
    return Schema(database, [store.schema for store in stores])
