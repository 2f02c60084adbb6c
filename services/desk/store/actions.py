"""What people did at the desk: kept until its event was sent, and then that it was done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from pymongo import InsertOne, UpdateOne

from homecall.contract.envelope import OutgoingRecord
from homecall.contract.types import ZONE
from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.logs import log
from homecall.runtime.mongo.aggregate import event_from_doc, event_to_doc
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis, moment_of

_ERASED_AT_ONCE: Final = 500


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
        refused = await self._collection.find({"refused": {"$exists": True}}, projection={"order": 1})
        await self._collection.write(
            [
                UpdateOne(
                    {"_id": each["_id"], "refused": {"$exists": True}},
                    {"$set": {"unsent": each["order"]}, "$unset": {"refused": ""}},
                )
                for each in refused
            ]
        )

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

    async def done_since(self, at: int, clinic_id: str | None, limit: int) -> list[Change]:
        """What was done at or after a moment (milliseconds) and is not known to be sent, as changes of its subjects."""
        query = {"unsent": {"$gte": at}} | ({} if clinic_id is None else {"clinic": clinic_id})
        fields = {"clinic": 1, "subject": 1, "unsent": 1, "type": 1}
        return [
            Change(_kind_of(doc["type"]), doc["subject"], doc["clinic"], doc["unsent"], doc["unsent"], True)
            for doc in await self._collection.find(query, limit=limit, sort="unsent", projection=fields)
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
        return self._readable(found)

    async def unsent_about(self, subject: str, clinic_id: str) -> list[Action]:
        """The clinic's actions about a subject that are not known to be sent, those that were refused among them."""
        found = await self._collection.find({"subject": subject, "clinic": clinic_id}, sort="order")
        return self._readable([doc for doc in found if "unsent" in doc or "refused" in doc])

    def _readable(self, docs: Sequence[Mapping[str, Any]]) -> list[Action]:
        actions = []
        for doc in docs:
            with suppress(Unreadable):
                actions.append(self._action(doc))
        return actions

    async def done_to(self, subjects: Collection[str], clinic_id: str, event_type: str) -> set[str]:
        """Those of these subjects about which the clinic's people did this, in one query."""
        query = {"subject": {"$in": list(subjects)}, "clinic": clinic_id, "type": event_type}
        return {doc["subject"] for doc in await self._collection.find(query, projection={"subject": 1})}

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

    async def reseal(self) -> tuple[int, int]:
        """Seal what is not sent under the current key again: (how many, how many cannot be opened)."""
        docs = await self._collection.find({"unsent": {"$exists": True}})
        docs += await self._collection.find({"refused": {"$exists": True}})
        writes, unopened = [], 0
        for doc in docs:
            before = doc["event"]["value"]
            try:
                value = self._vault.reseal(before, _about(doc["_id"]))
            except Unreadable:
                unopened += 1
                continue
            if value != before:
                still = {"_id": doc["_id"], "event.value.k": before["k"]}
                writes.append(UpdateOne(still, {"$set": {"event.value": value}}))
        await self._collection.write(writes)
        return len(writes), unopened

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
            refused=doc.get("refused", ""),
        )


def _kind_of(event_type: str) -> str:
    """The kind of the document that an event of this type is about."""
    about = event_type.partition(".")[0]
    return {"complaint": "complaint", "roster": "roster", "doctor": "roster"}.get(about, "call")


def _waiting(doc: Mapping[str, Any]) -> Waiting:
    return Waiting(doc["_id"], doc["clinic"], doc["subject"], doc["unsent"], doc["holder"])


def _about(action_id: str) -> str:
    return f"actions/{action_id}/event"


async def forget_actions(database: Database, last_day: date) -> int:
    """Erase what actions of that day or before say; how many. Who did what and when stays, and so does what is
    still to be sent."""
    collection = database.collection("actions")
    before = millis(datetime.combine(last_day + timedelta(days=1), time.min, ZONE))
    query = {"at": {"$lt": before}, "unsent": {"$exists": False}, "content": {"$exists": True}}
    erased = 0
    while found := await collection.find(query, limit=_ERASED_AT_ONCE, projection={"at": 1}):
        gone = {"$unset": {"content": "", "event": "", "refused": ""}}
        this = [{"_id": doc["_id"], "unsent": {"$exists": False}} for doc in found]
        await collection.write([UpdateOne(each, gone) for each in this])
        erased += len(found)
    return erased
