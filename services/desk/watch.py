"""Sessions that ended before their time, and those whose user an OpenID Connect provider is asked about again.

A session itself is the browser's cookie. What stands here is what a cookie cannot say: that somebody signed out, so
that a copy of the cookie signs nobody in, and the refresh token of a provider's user, sealed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import InsertOne, UpdateOne

from homecall.runtime.encryption import Vault
from homecall.runtime.logs import log
from homecall.runtime.mongo.client import Database
from homecall.runtime.mongo.moments import millis
from services.desk.oidc import Ended, NotSignedIn, Provider, ProviderAway
from services.desk.sessions import SHIFT, claims_of

LOOK_SECONDS: Final = 5.0
"""How soon all replicas know that a session has ended."""
ASK_AGAIN: Final = timedelta(minutes=5)
"""How soon a user who was removed at the provider is out."""
_KEPT: Final = SHIFT + timedelta(minutes=10)

Doc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Due:
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
        """A session is over, on all replicas and whoever has its cookie."""
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

    async def due(self, now: datetime) -> list[_Due]:
        """The sessions whose user is to be asked about, each claimed for this process."""
        docs = await self._collection.find({"changed_at": {"$gte": millis(now - _KEPT)}})
        until, found = millis(now - ASK_AGAIN), []
        for doc in docs:
            for each in doc["sessions"]:
                if "refresh" in each and each["checked"] <= until and each["since"] >= millis(now - SHIFT):
                    claimed = [{**one, "checked": millis(now)} if one is each else one for one in doc["sessions"]]
                    if await self._replace(doc, claimed, now):
                        refresh = self._vault.open(each["refresh"], _about(each["nonce"])).decode()
                        found.append(_Due(doc["_id"].partition(" ")[2], each["nonce"], each["claims"], refresh))
                    break  # the user's next session: at the next look
        return found

    async def keep(self, due: _Due, refresh_token: str, now: datetime) -> None:
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


class Watch:
    """As a worker of the service: learns which sessions have ended, and asks the provider about its users."""

    def __init__(self, signed_in: SignedIn, provider: Provider | None) -> None:
        self._signed_in = signed_in
        self._provider = provider

    async def work(self, now: datetime, stopping: asyncio.Event) -> None:
        """Look every few seconds until the service stops. Raises ``Transient``."""
        del now
        while not stopping.is_set():
            await self.turn(datetime.now(UTC))
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)

    async def turn(self, now: datetime) -> None:
        """One look, and one question for each session that is due."""
        await self._signed_in.look(now)
        for each in await self._signed_in.due(now) if self._provider else []:
            await self._ask(each, now)

    async def _ask(self, due: _Due, now: datetime) -> None:
        assert self._provider is not None
        try:
            user, refresh_token = await self._provider.again(due.refresh)
        except (Ended, NotSignedIn):
            await self._signed_in.end(due.user, due.nonce, now)
            return
        except ProviderAway as error:
            log("desk").warning("the sign-in provider is away", reason=str(error))
            return
        if user is not None and (user.name, claims_of(user, self._provider.issuer)) != (due.user, due.claims):
            # Another role or clinic: the user signs in again with it.
            await self._signed_in.end(due.user, due.nonce, now)
        elif refresh_token != due.refresh:
            await self._signed_in.keep(due, refresh_token, now)
