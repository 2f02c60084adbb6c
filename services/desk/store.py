"""Where calls, complaints, rosters and what people did are kept. Logins: see locks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import InsertOne, UpdateOne

from homecall.contract.envelope import OutgoingRecord
from homecall.contract.events import RequestEvent
from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.logs import log
from homecall.runtime.mongo.aggregate import Aggregate, event_from_doc, event_to_doc
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis, moment_of
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.mongo.schema import Schema
from services.desk.domain import retention
from services.desk.domain.call import Call
from services.desk.domain.complaint import Complaint
from services.desk.domain.roster import Roster
from services.desk.domain.search import phone_digits
from services.desk.locks import Locks

_CACHED: Final = 500
"""Aggregates that are cached as they were stored: of a new call some ten events follow each other at once."""


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
                ("changed_at", False),
                ("iin", False),
                ("phones", False),
            ],
            over_on=retention.call_over_on,
            remember=_CACHED,
        )

    async def of_person(self, iin: str, limit: int = 10) -> list[Aggregate[Call]]:
        """The calls for the patient with this index of an IIN."""
        return await self.find({"iin": iin}, limit=limit)

    async def by_phone(self, digits: str, limit: int = 50) -> list[Aggregate[Call]]:
        """The calls with this phone, the patient's or the applicant's."""
        return await self.find({"phones": digits}, limit=limit)


def _call_fields(call: Call) -> dict[str, Any]:
    day, place = call.register_date, call.place
    return {
        "clinic": call.clinic_id,
        "day": None if day is None else day.toordinal(),
        "visit_day": None if place is None else place.visit_date.toordinal(),
        "iin": call.iin,
        "phones": _phones(call.decision) or None,
    }


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


@dataclass(frozen=True, slots=True)
class Action:
    """What a person did: it becomes one event. ``id`` tells it from others: the same again is the same action."""

    id: str
    clinic_id: str
    user: str
    subject: str
    event: OutgoingRecord
    at: datetime
    refused: str = ""
    """Why the broker can never take its event; empty for one that is to be sent."""
    content: str = ""
    """A keyed index of what it says, by which the same again is told from something else under the same id."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An action that is not known to be sent, without its event."""

    id: str
    clinic_id: str
    subject: str
    order: int
    holder: str
    """The process that stored it."""


class Actions:
    """What people did at the desk, and its event until it was sent. The event is sealed: it may hold an IIN.

    ``order`` numbers the actions of a subject: higher than all that were stored before it, whichever process stored
    them and whatever its clock says. Where clocks agree it is the time, in milliseconds.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._collection = database.collection("actions")
        self._vault = vault

    async def prepare(self) -> None:
        """Create the indexes, and let what was refused be tried again; safe to run again."""
        await self._collection.ensure_indexes(self.schema[1])
        for each in await self._collection.find({"refused": {"$exists": True}}, projection={"order": 1}):
            again = {"$set": {"unsent": each["order"]}, "$unset": {"refused": ""}}
            await self._collection.write([UpdateOne({"_id": each["_id"], "refused": {"$exists": True}}, again)])

    @property
    def schema(self) -> tuple[Any, list[tuple[str | Sequence[str], bool]]]:
        """The collection and its indexes."""
        indexes: list[tuple[str | Sequence[str], bool]] = [
            ("unsent", False),
            (("clinic", "unsent"), False),
            (("subject", "order"), True),
            ("refused", False),
        ]
        return self._collection, indexes

    async def add(self, action: Action, holder: str) -> bool:
        """Keep an action before it is sent. False where it is known: nothing is to be done again.

        One whose event was refused is replaced by what is done now.
        """
        event = event_to_doc(action.event)
        event["value"] = self._vault.seal(action.event.value, _about(action.id))
        doc = {
            "clinic": action.clinic_id,
            "user": action.user,
            "subject": action.subject,
            "type": action.event.type,
            "at": millis(action.at),
            "holder": holder,
            "event": event,
            "content": action.content,
        }
        while True:
            before = await self._collection.find(
                {"subject": action.subject}, projection={"order": 1, "refused": 1, "unsent": 1}
            )
            known = next((each for each in before if each["_id"] == action.id), None)
            if known is not None and "refused" not in known:
                return False
            order = max([millis(datetime.now(UTC)), *(each["order"] + 1 for each in before)])
            place = {"order": order, "unsent": order}
            if known is None:
                write: InsertOne[Any] | UpdateOne = InsertOne({"_id": action.id, **doc, **place})
            else:
                write = UpdateOne(
                    {"_id": action.id, "refused": {"$exists": True}},
                    {"$set": doc | place, "$unset": {"refused": ""}},
                )
            if await self._collection.write([write]):
                return True
            # The place or the id is taken by now: another process was first, or this action is about another subject.
            if known is None and await self._collection.find({"_id": action.id}, projection={"order": 1}):
                return False

    async def content_of(self, action_id: str) -> str:
        """The index of what an action says; empty where it is not known."""
        found = await self._collection.find({"_id": action_id}, projection={"content": 1})
        return str(found[0].get("content", "")) if found else ""

    async def waiting(self, limit: int = 5_000) -> list[Waiting]:
        """The actions that are not known to be sent, in their order."""
        fields = {"clinic": 1, "subject": 1, "unsent": 1, "holder": 1}
        found = await self._collection.find(
            {"unsent": {"$exists": True}}, limit=limit, sort="unsent", projection=fields
        )
        return [_waiting(doc) for doc in found]

    async def done_since(self, at: int, limit: int) -> list[Change]:
        """What was done at or after a moment (milliseconds) and is not known to be sent, as changes of its subjects."""
        fields = {"clinic": 1, "subject": 1, "unsent": 1, "type": 1}
        found = await self._collection.find({"unsent": {"$gte": at}}, limit=limit, sort="unsent", projection=fields)
        return [
            Change(_kind_of(doc["type"]), doc["subject"], doc["clinic"], doc["unsent"], doc["unsent"], True)
            for doc in found
        ]

    async def unsent(self, ids: Collection[str]) -> tuple[list[Action], list[Waiting]]:
        """Those of these actions that are still not known to be sent, in their order, and those that cannot be
        decrypted here."""
        query = {"_id": {"$in": list(ids)}, "unsent": {"$exists": True}}
        found: list[Action] = []
        sealed: list[Waiting] = []
        for doc in await self._collection.find(query, sort="unsent"):
            try:
                found.append(self._action(doc))
            except Unreadable as error:
                log("desk").error("cannot decrypt action", action=doc["_id"], reason=str(error))
                sealed.append(_waiting(doc))
        return found, sealed

    async def unsent_of(self, clinic_id: str) -> list[Action]:
        """The clinic's actions that are not known to be sent, those that were refused behind the others."""
        query = {"clinic": clinic_id, "unsent": {"$exists": True}}
        found = await self._collection.find(query, limit=2_000, sort="unsent")
        found += await self._collection.find({"refused": {"$exists": True}, "clinic": clinic_id}, limit=100)
        actions = []
        for doc in found:
            with suppress(Unreadable):
                actions.append(self._action(doc))
        return actions

    async def count_unsent(self) -> tuple[int, datetime | None]:
        """How many actions are not known to be sent, or were refused, and when the oldest was done."""
        rows = await self._collection.group({"unsent": {"$exists": True}}, "type", "unsent")
        rows += await self._collection.group({"refused": {"$exists": True}}, "type", "order")
        oldest = min((since for _, _, since in rows), default=None)
        return sum(count for _, count, _ in rows), None if oldest is None else moment_of(oldest)

    async def of_subject(self, subject: str, clinic_id: str | None) -> list[tuple[str, str, datetime, bool]]:
        """What this clinic's people did about a subject: (type, user, when, sent); None: any clinic's."""
        query = {"subject": subject} if clinic_id is None else {"subject": subject, "clinic": clinic_id}
        return [
            (doc["type"], doc["user"], moment_of(doc["at"]), "unsent" not in doc and "refused" not in doc)
            for doc in await self._collection.find(query)
        ]

    async def sent(self, ids: Collection[str]) -> None:
        """Their events were acknowledged: that they were done stays, the events go."""
        gone = {"$unset": {"unsent": "", "refused": "", "event": "", "holder": ""}}
        await self._collection.write([UpdateOne({"_id": each}, gone) for each in ids])

    async def refuse(self, action_id: str, reason: str) -> None:
        """Set aside an action whose event the broker can never take: the event stays, and is not sent."""
        aside = {"$set": {"refused": reason}, "$unset": {"unsent": ""}}
        await self._collection.write([UpdateOne({"_id": action_id, "unsent": {"$exists": True}}, aside)])

    def _action(self, doc: Mapping[str, Any]) -> Action:
        value = self._vault.open(doc["event"]["value"], _about(doc["_id"]))
        event = event_from_doc({**doc["event"], "value": value.decode()})
        return Action(
            doc["_id"],
            doc["clinic"],
            doc["user"],
            doc["subject"],
            event,
            moment_of(doc["at"]),
            doc.get("refused", ""),
        )


def _kind_of(event_type: str) -> str:
    """The kind of the document that an event of this type is about."""
    about = event_type.partition(".")[0]
    return {"complaint": "complaint", "roster": "roster", "doctor": "roster"}.get(about, "call")


def _waiting(doc: Mapping[str, Any]) -> Waiting:
    return Waiting(doc["_id"], doc["clinic"], doc["subject"], doc["unsent"], doc["holder"])


def _about(action_id: str) -> str:
    return f"actions/{action_id}/event"


@dataclass(frozen=True, slots=True)
class Change:
    """A document that changed: which it is, whose, and when it was stored (milliseconds of the real clock).

    ``unsent``: what changed is that something was done about it here, which nobody else has heard of yet.
    """

    kind: str
    id: str
    clinic_id: str
    version: int
    at: int
    unsent: bool = False


class Stores:
    """All that the desk keeps."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.calls = Calls(database)
        self.complaints = Complaints(database)
        self.rosters = Rosters(database)
        self.actions = Actions(database, vault)
        self.locks = Locks(database, vault)

    async def prepare(self) -> None:
        """Create the indexes; safe to run again."""
        for each in (self.calls, self.complaints, self.rosters, self.actions, self.locks):
            await each.prepare()

    async def clear_view(self) -> None:
        """Forget what was heard; what people did and is not sent stays."""
        for each in (self.calls, self.complaints, self.rosters):
            await each.collection.delete_all()

    async def changed_since(self, at: int, limit: int = 2_000) -> list[Change]:
        """What changed at or after a moment (milliseconds), the oldest first."""
        found: list[Change] = []
        for kind, store in (("call", self.calls), ("complaint", self.complaints), ("roster", self.rosters)):
            docs = await store.collection.find(
                {"changed_at": {"$gte": at}},
                limit=limit,
                sort="changed_at",
                projection={"clinic": 1, "v": 1, "changed_at": 1},
            )
            found += [Change(kind, doc["_id"], doc.get("clinic", ""), doc["v"], doc["changed_at"]) for doc in docs]
        found += await self.actions.done_since(at, limit)
        return sorted(found, key=lambda each: each.at)


def schema(database: Database) -> Schema:
    """The desk's collections and their indexes. Nothing is migrated: the view can be made again from the topics."""
    stores = (Calls(database), Complaints(database), Rosters(database))
    return Schema(database, [store.schema for store in stores])
