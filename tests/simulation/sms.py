"""An SMS gateway behind the adapter's own transport: it takes a message and says so, or not; and it reports late."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

from tests.simulation.servers import Network

SERVER = "sms"
SECRET = "a shared secret of the simulation"
URL = "http://127.0.0.1:2/v1/messages"


@dataclass(frozen=True)
class Taken:
    """A message that the gateway has."""

    id: str
    reference: str


class SmsGateway(httpx.AsyncBaseTransport):
    """Takes the place of httpx's network transport, whatever it is made with."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self.network = network
        self.rng = rng
        self.taken: list[Taken] = []
        self.bad = 0.0
        """The share of messages that it refuses, or answers with an error of its own after taking them."""

    def transport(self, *_: Any, **__: Any) -> SmsGateway:
        return self

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call of the adapter."""
        if self.network.is_away(SERVER):
            raise httpx.ConnectError("refused")
        body = json.loads(await request.aread())
        status, said = await self.network.call(
            SERVER, lambda: self._take(body), lambda: httpx.ReadError("the connection was closed")
        )
        return httpx.Response(status, stream=httpx.ByteStream(json.dumps(said).encode()))

    def _take(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        does = self.rng.choice(("refuse", "fail", "busy")) if self.bad and self.rng.random() < self.bad else "take"
        if does == "refuse":
            return 400, {"error": "bad_number"}
        if does == "busy":
            return 200, {"error": "busy"}
        self.taken.append(Taken(f"g-{len(self.taken) + 1}", str(body.get("reference", ""))))
        return (502, {}) if does == "fail" else (200, {"id": self.taken[-1].id})

    def times(self) -> Counter[str]:
        """How often each reference was taken."""
        return Counter(each.reference for each in self.taken)

    def reports(self, since: int) -> list[dict[str, str]]:
        """What it reports on messages taken since: in order, turned round, twice, or nothing."""
        found: list[dict[str, str]] = []
        for each in self.taken[since:]:
            told = [{"id": each.id, "reference": each.reference, "status": said} for said in ("sent", "delivered")]
            match self.rng.randrange(5):
                case 0:
                    found += reversed(told)
                case 1:
                    found += told * 2
                case 2:
                    continue
                case _:
                    found += told
        return found
