"""What is kept of sessions: those that ended before their time, and whose user a provider is asked about again.

A session itself is the browser's cookie. What stands here is what a cookie cannot say: that somebody signed out, so
that a copy of the cookie signs nobody in, and the refresh token of a provider's user, sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import InsertOne, UpdateOne

from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis
from services.desk.sessions import SHIFT

ASK_AGAIN: Final = timedelta(minutes=5)
"""How soon a user who was removed at the provider is out."""
_KEPT: Final = SHIFT + timedelta(minutes=10)

Doc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """A session whose user is to be asked about, with the token to ask with."""

    user: str
    nonce: str
    claims: str
    refresh: str


class SignedIn:
    """What is kept of sessions, by user. ``ended`` holds of all replicas, as of the last look."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._collection = database.collection("logins")
        self._vault = vault
        self.ended: set[str] = set()

    async def prepare(self) -> None:
        """Create the indexes; safe to run again."""
        await self._collection.ensure_indexes([("changed_at", False)])

    async def open(self, user: str, nonce: str, claims: str, refresh_token: str, now: datetime) -> None:
        """Keep the refresh token of a new session."""
        mine = {"nonce": nonce, "since": millis(now), "checked": millis(now), "claims": claims}
        mine["refresh"] = self._vault.seal(refresh_token.encode(), _about(nonce))
        await self._change(user, lambda sessions: [*sessions, mine], now)

    async def end(self, user: str, nonce: str, now: datetime) -> None:
        """End a session, on all replicas, and for each copy of its cookie."""
        self.ended.add(nonce)

        def ended(sessions: list[Doc]) -> list[Doc]:
            before = next((each for each in sessions if each["nonce"] == nonce), {"since": millis(now)})
            others = [each for each in sessions if each["nonce"] != nonce]
            return [*others, {"nonce": nonce, "since": before["since"], "ended": millis(now)}]

        await self._change(user, ended, now)

    async def look(self, now: datetime) -> None:
        """Read which sessions have ended."""
        since = millis(now - _KEPT)
        docs = await self._collection.find({"changed_at": {"$gte": since}})
        self.ended = {each["nonce"] for doc in docs for each in doc["sessions"] if each.get("ended", 0) >= since}

    async def due(self, now: datetime) -> list[Due]:
        """The sessions whose user is to be asked about, each claimed for this process."""
        docs = await self._collection.find({"changed_at": {"$gte": millis(now - _KEPT)}})
        until = millis(now - ASK_AGAIN)
        claimed: list[tuple[str, Doc]] = []
        for doc in docs:
            for each in doc["sessions"]:
                if "refresh" in each and each["checked"] <= until and each["since"] >= millis(now - SHIFT):
                    sessions = [{**one, "checked": millis(now)} if one is each else one for one in doc["sessions"]]
                    if await self._replace(doc, sessions, now):
                        claimed.append((doc["_id"].partition(" ")[2], each))
                    break  # the user's next session: at the next look
        found = []
        for user, each in claimed:
            try:
                refresh = self._vault.open(each["refresh"], _about(each["nonce"])).decode()
            except Unreadable:  # its key is gone: nobody can be asked, so the user signs in again
                await self.end(user, each["nonce"], now)
            else:
                found.append(Due(user, each["nonce"], each["claims"], refresh))
        return found

    async def keep(self, due: Due, refresh_token: str, now: datetime) -> None:
        """The provider gave another token for the next time."""
        sealed = self._vault.seal(refresh_token.encode(), _about(due.nonce))

        def kept(sessions: list[Doc]) -> list[Doc]:
            return [
                {**each, "refresh": sealed} if each["nonce"] == due.nonce and "refresh" in each else each
                for each in sessions
            ]

        await self._change(due.user, kept, now)

    async def _change(self, user: str, change: Callable[[list[Doc]], list[Doc]], now: datetime) -> None:
        while True:
            found = await self._collection.find({"_id": _id(user)})
            if not found:
                doc = {"_id": _id(user), "v": 1, "changed_at": millis(now), "sessions": change([])}
                if await self._collection.write([InsertOne(doc)]) is not None:
                    return
            elif await self._replace(found[0], change(found[0]["sessions"]), now):
                return

    async def _replace(self, doc: Doc, sessions: list[Doc], now: datetime) -> bool:
        kept = [each for each in sessions if each["since"] >= millis(now - _KEPT)]
        new = {"v": doc["v"] + 1, "changed_at": millis(now), "sessions": kept}
        return await self._collection.write([UpdateOne({"_id": doc["_id"], "v": doc["v"]}, {"$set": new})]) == 1


def _id(user: str) -> str:
    return f"sessions {user}"


def _about(nonce: str) -> str:
    return f"logins/{nonce}/refresh"
