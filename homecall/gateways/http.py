"""How gateways are called over HTTP: what holds for every client, whatever it asks.

No proxy and no ``.netrc`` of the environment: what is asked goes where the setting says, and nowhere else. No redirect
is followed, for the same reason. Answers are read uncompressed and only up to a limit: a few bytes could unpack to
gigabytes. A call has one time limit for all of it, which is the caller's: httpx's own are for each step.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx


class TooLong(Exception):
    """An answer is longer than its limit."""


def client(
    *,
    at_once: int,
    base_url: str = "",
    headers: Mapping[str, str] | None = None,
    idle_seconds: float = 5.0,
    connect_seconds: float | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """A client that calls one gateway over at most ``at_once`` connections; ``transport`` None: the network.

    A connection is kept for ``idle_seconds`` after a call; 0 keeps none.
    """
    import httpx

    kept = at_once if idle_seconds else 0
    return httpx.AsyncClient(
        base_url=base_url,
        transport=transport
        or httpx.AsyncHTTPTransport(
            # The machine's own certificates, to which an operator adds the national authority's.
            verify=ssl.create_default_context(),
            limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=kept, keepalive_expiry=idle_seconds),
        ),
        trust_env=False,
        follow_redirects=False,
        headers={"accept": "application/json", **(headers or {}), "accept-encoding": "identity"},
        timeout=httpx.Timeout(None, connect=connect_seconds),
    )


async def body_of(response: httpx.Response, most_bytes: int) -> bytes:
    """The whole body of an answer that is being read. Raises ``TooLong`` beyond the limit."""
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > most_bytes:
            raise TooLong
    return bytes(body)


def wrong_address(url: str, *, encrypted: bool) -> str | None:
    """What is wrong with a gateway's address, without repeating it; ``encrypted``: it must be https, or here."""
    import httpx

    try:
        parts = urlsplit(url)
        # Both read it: urlsplit for what is in it, httpx for whether it can be called at all.
        whole = url.isascii() and url.isprintable() and " " not in url and parts.port != 0 and bool(httpx.URL(url).host)
    except (ValueError, httpx.InvalidURL):
        whole = False
    if not whole or parts.scheme not in ("http", "https") or not parts.hostname:
        return "is no http or https address"
    if parts.username is not None or parts.password is not None:
        return "holds a user or a password, which is not the way to sign in"
    if "?" in url or "#" in url:
        return "must end with its path"
    if encrypted and parts.scheme != "https" and not _this_machine(parts.hostname):
        return "must be https in production"
    return None


def _this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
