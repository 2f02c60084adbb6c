"""An OpenID Connect provider for tests: on 127.0.0.1, with keys made here, and whatever it may do wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from homecall.runtime.http import listen

CLIENT, SECRET = "homecall-desk", "the client's secret of these tests"
PERSON = {
    "sub": "u-17",
    "name": "Ахметова Гүлнар",
    "homecall_role": "registrar",
    "homecall_clinic": "samal-1",
}


@cache
def a_key(name: str, **more: str) -> RSAKey:
    """A key of that name, the same in each test: making one takes longer than most of the tests."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", **more})


class MadeUpProvider:
    """Gives codes for ``person``. Tests turn what it says: ``claims`` over the true ones, ``signed_with``, ``away``."""

    def __init__(self) -> None:
        self.key = a_key("one", alg="RS256")
        self.keys = [self.key]
        self.person: dict[str, Any] = dict(PERSON)
        self.claims: dict[str, Any] = {}
        self.left_out: tuple[str, ...] = ()
        self.header: dict[str, Any] = {}
        self.signed_with: Any = None
        self.gives_refresh_token = True
        self.away = False
        self.removed = False
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: set[str] = set()
        self.issuer = ""
        self.said_issuer: str | None = None
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/keys", self._keys),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    def authorize(self, address: str) -> dict[str, str]:
        """What a browser brings back when its user signed in at this address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "redirect_uri": asked["redirect_uri"]}

    def id_token(self, nonce: str | None) -> str:
        """An id token as the provider would sign it, with what the test turned."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims = {**said, **self.person, **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None and name not in self.left_out}
        header = {"alg": "RS256", "kid": "one", **self.header}
        if header["alg"] == "none" or isinstance(self.signed_with, bytes):
            signed = f"{_encoded(_json(header))}.{_encoded(_json(claims))}"
            mac = hmac.digest(self.signed_with, signed.encode(), "sha256") if self.signed_with else b""
            return f"{signed}.{_encoded(mac)}"
        return jwt.encode(header, claims, self.signed_with or self.key, algorithms=[header["alg"]])

    def public_pem_as_secret(self) -> bytes:
        """The public key as a shared secret: what a forger of HS256 signs with."""
        return self.key.as_pem(private=False)

    async def _configuration(self, _: Request) -> JSONResponse:
        self.asked.append("configuration")
        if self.away:
            return JSONResponse({}, 503)
        return JSONResponse(
            {
                "issuer": self.said_issuer or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def _keys(self, _: Request) -> JSONResponse:
        self.asked.append("keys")
        return JSONResponse({"keys": [each.as_dict(private=False) for each in self.keys]})

    async def _token(self, request: Request) -> JSONResponse:
        self.asked.append("token")
        if self.away:
            return JSONResponse({}, 503)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        fields = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if fields["grant_type"] == "refresh_token":
            if self.removed or fields["refresh_token"] not in self.refresh_tokens:
                return JSONResponse({"error": "invalid_grant"}, 400)
            self.refresh_tokens.discard(fields["refresh_token"])
            return JSONResponse(self._tokens(None))
        begun = self.codes.pop(fields["code"], None)
        if begun is None or begun["redirect_uri"] != fields["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        challenge = _encoded(hashlib.sha256(fields["code_verifier"].encode()).digest())
        if begun["code_challenge"] != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self._tokens(begun["nonce"]))

    def _tokens(self, nonce: str | None) -> dict[str, Any]:
        found = {"access_token": "an access token", "token_type": "Bearer", "id_token": self.id_token(nonce)}
        if self.gives_refresh_token:
            found["refresh_token"] = f"refresh-{len(self.asked)}"
            self.refresh_tokens.add(found["refresh_token"])
        return found


@asynccontextmanager
async def running(provider: MadeUpProvider) -> AsyncIterator[MadeUpProvider]:
    """The provider at an address, as long as the block runs."""
    listening = listen("127.0.0.1", 0)
    provider.issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(provider.app, log_config=None, lifespan="off"))
    server.capture_signals = nullcontext  # type: ignore[method-assign]  # the test process keeps its own handlers
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield provider
    finally:
        server.should_exit = True
        await task


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode()
