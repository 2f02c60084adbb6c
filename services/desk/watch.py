"""Learns which sessions have ended, and asks an OpenID Connect provider about its users again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from homecall.runtime.logs import log
from services.desk.oidc import Ended, NotSignedIn, Provider, ProviderAway
from services.desk.sessions import claims_of
from services.desk.store.signed_in import Due, SignedIn

LOOK_SECONDS: Final = 5.0
"""How soon all replicas know that a session has ended."""


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

    async def _ask(self, due: Due, now: datetime) -> None:
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
