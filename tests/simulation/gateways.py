"""What services ask outside, behind the adapters' own transport and the verifier's port; each seed has some of it.

The register of persons and the routing server are slow, absent, or answer what cannot be true; what they said of a
person stays the same, so that a replay is decided the same way. Signatures are valid, invalid or cannot be checked now.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import httpx

from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Valid, Verdict
from tests.simulation.servers import Network
from tests.simulation.sms import SmsGateway

PERSONS, ROUTES = "persons", "routes"
_PORTS = {3: PERSONS, 4: ROUTES}
_WAYS = ("right", "right", "slow", "absent", "wrong", "error")


class Gateways(httpx.AsyncBaseTransport):
    """Takes the place of httpx's network transport. ``odd``: what is asked may be answered in any way."""

    def __init__(self, network: Network, rng: random.Random, seed: int, sms: SmsGateway) -> None:
        self.network = network
        self.rng = rng
        self.sms = sms
        self.odd = True
        self.ways: set[str] = set()
        """The ways in which it has answered."""
        self._seed = seed
        self.settings: dict[str, Any] = {}
        if seed % 3 == 1:
            self.settings |= {"identity": "http://127.0.0.1:3", "identity_wait_seconds": 0.05}
        if seed % 5 < 2:
            self.settings["osrm_url"] = "http://127.0.0.1:4"
        self.checks_signatures = seed % 4 == 2

    def transport(self, *_: Any, **__: Any) -> Gateways:
        return self

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call of an adapter."""
        server = _PORTS.get(request.url.port or 0)
        if server is None:
            return await self.sms.handle_async_request(request)
        way = self._way(server)
        body = await request.aread()
        if way == "absent":
            raise httpx.ConnectError("refused")
        if way == "slow":
            await asyncio.sleep(self.rng.uniform(0.05, 20.0))

        def answer() -> tuple[int, Any]:
            if way == "error":
                return self.rng.choice((200, 404, 500, 503)), self.rng.choice(("<html>", [], {"code": "Busy"}))
            said = self._person(json.loads(body)["iin"], request.url.path) if server == PERSONS else _table(request)
            return 200, _wrong(said, self.rng) if way == "wrong" else said

        status, said = await self.network.call(server, answer, lambda: httpx.ReadError("the connection was closed"))
        return httpx.Response(status, stream=httpx.ByteStream(json.dumps(said).encode()))

    def _way(self, server: str) -> str:
        way = self.rng.choice(_WAYS) if self.odd else "right"
        self.ways.add(f"{server} {way}")
        return way

    def _person(self, iin: str, path: str) -> dict[str, Any]:
        lot = random.Random(f"{self._seed} {iin}").random()
        if lot < 0.05:
            return {"status": "not_found" if lot < 0.04 else "no_consent"}
        if path.endswith("/attachments"):
            return {"status": "found", "attachment": {"clinic_id": "clinic-00", "attached_from": "2020-01-01"}}
        return {
            "status": "found",
            "person": {"full_name": "Науқас", "birth_date": f"19{iin[:2]}-{iin[2:4]}-{iin[4:6]}"},
        }

    async def verify(self, signed: Signed) -> Verdict:
        """A verdict after a while; the same of a person whenever one is given."""
        way = self._way("signatures")
        await asyncio.sleep(self.rng.uniform(0.1, 3.0) if way == "slow" else 0.001)
        if way in {"absent", "error"}:
            return Unavailable("nobody answers")
        lot = random.Random(f"{self._seed} signed {signed.signer_iin}").random()
        return Invalid("chain", "comes from no authority that is trusted") if lot < 0.03 else Valid()


class Signatures:
    """The port by which services have signatures checked."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    async def start(self) -> None:
        return

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        return list(await asyncio.gather(*map(self._gateways.verify, batch)))

    async def close(self) -> None:
        return


def _table(request: httpx.Request) -> dict[str, Any]:
    places = [tuple(map(float, each.split(","))) for each in request.url.path.rpartition("/")[2].split(";")]
    # A minute for about a kilometre, by the sum of the differences.
    row = [[1000 * 60 * 0.1 * (abs(a[0] - b[0]) + abs(a[1] - b[1])) for b in places] for a in places]
    return {"code": "Ok", "durations": row}


def _wrong(said: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The same with something in it that cannot be."""
    if "durations" in said:
        return said | {
            "durations": rng.choice(([], [[-1.0]], [[1e12] * len(said["durations"])] * len(said["durations"])))
        }
    return {name: rng.choice((None, {}, 7)) if name != "status" else said[name] for name in said}
