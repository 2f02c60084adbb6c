"""GOST signatures over envelopes, by NCANode, which has the certified provider: ``/wsse/sign`` and ``/wsse/verify``.

What it signs is compared with what was given to it. What it calls valid has passed the checks of ``structure`` first:
it looks for signatures by their prefix, takes any element with the id, and calls an envelope with no signer by its
answer alone. It knows every certificate of the national authority: ``bin`` tells the gateway's from all others.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lxml import etree

from homecall.gateways.http import TooLong, body_of, client
from homecall.gateways.identity.shep.names import SOAP, WSU
from homecall.gateways.identity.shep.signing import NotSigned
from homecall.gateways.identity.shep.structure import METHODS, Untrusted, envelope_of
from homecall.gateways.identity.shep.verifying import as_signed
from homecall.gateways.identity.shep.xml import BadXml, canonical, parsed
from homecall.gateways.retry import NoAnswer

if TYPE_CHECKING:
    import httpx

_MOST_BYTES = 1024 * 1024


class _NcaNode:
    """One address of NCANode."""

    def __init__(
        self, url: str, *, seconds: float, at_once: int, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._seconds = seconds
        self._url = url.rstrip("/")
        self._client = client(at_once=at_once, transport=transport)

    async def close(self) -> None:
        await self._client.aclose()

    async def _asked(self, path: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer with status 200. Raises ``NotSigned``, whoever asks: the caller says it in its own words."""
        import httpx

        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream("POST", f"{self._url}{path}", json=question) as response,
            ):
                status = response.status_code
                body = await body_of(response, _MOST_BYTES)
        except TooLong:
            raise NotSigned("ncanode_too_big") from None
        except TimeoutError:
            raise NotSigned("ncanode_timeout", again=True) from None
        except httpx.TransportError:
            raise NotSigned("ncanode_unreachable", again=True) from None
        if status != httpx.codes.OK:
            raise NotSigned("ncanode_refused", again=status >= httpx.codes.INTERNAL_SERVER_ERROR)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise NotSigned("ncanode_unreadable")
        return found


class NcaNodeSigner(_NcaNode):
    """Signs with the key of a PKCS#12 file, which NCANode gets with each envelope."""

    def __init__(self, url: str, bundle: bytes, password: str, **more: Any) -> None:
        super().__init__(url, **more)
        self._key = base64.b64encode(bundle).decode()
        self._password = password

    async def sign(self, envelope: bytes) -> bytes:
        question = {"xml": envelope.decode(), "key": self._key, "password": self._password}
        found = (await self._asked("/wsse/sign", question)).get("xml")
        if not isinstance(found, str):
            raise NotSigned("ncanode_unreadable")
        return await asyncio.to_thread(_ours, found.encode(), envelope)


def _ours(signed: bytes, envelope: bytes) -> bytes:
    """What NCANode signed, if it is what it was given. Raises ``NotSigned``."""
    try:
        if _without_id(parsed(signed)) == _without_id(parsed(envelope)):
            return signed
    except BadXml:
        raise NotSigned("ncanode_unreadable") from None
    raise NotSigned("ncanode_other_body")


def _without_id(root: etree._Element) -> bytes:
    """The Body in canonical form, but for its id, which is NCANode's to give."""
    bodies = root.findall(f"{{{SOAP}}}Body")
    if len(bodies) != 1:
        raise BadXml("structure")
    bodies[0].attrib.pop(f"{{{WSU}}}Id", None)
    return canonical(bodies[0])


class NcaNodeVerifier(_NcaNode):
    """GOST and RSA, as NCANode checks them. ``revocation``: where it asks whether a certificate was revoked."""

    def __init__(self, url: str, bin_: str | None, revocation: Sequence[str] = (), **more: Any) -> None:
        super().__init__(url, **more)
        self._bin = bin_
        self._revocation = list(revocation)

    async def verified(self, document: bytes, at: datetime) -> etree._Element:
        envelope = await asyncio.to_thread(lambda: envelope_of(parsed(document), METHODS["gost"] | METHODS["rsa"]))
        if not envelope.certificate.not_valid_before_utc <= at <= envelope.certificate.not_valid_after_utc:
            raise Untrusted("expired")
        question: dict[str, Any] = {"xml": document.decode()}
        if self._revocation:
            question["revocationCheck"] = self._revocation
        try:
            found = await self._asked("/wsse/verify", question)
        except NotSigned as failure:
            raise NoAnswer("failing", again=failure.again, cause=str(failure)) from None
        if found.get("valid") is not True:
            raise Untrusted("signature")
        signer = _signer(found)
        if self._bin is not None and (signer.get("subject") or {}).get("bin") != self._bin:
            raise Untrusted("owner")
        return as_signed(envelope)


def _signer(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The certificate of the one signer, which NCANode must call valid. Raises ``Untrusted``."""
    signers = found.get("signers")
    if not isinstance(signers, list) or len(signers) != 1 or not isinstance(signers[0], dict):
        raise Untrusted("signer")
    signer: dict[str, Any] = signers[0]
    inside = signer.get("certificates")
    if isinstance(inside, list):  # as /cms/verify has it
        if len(inside) != 1 or not isinstance(inside[0], dict):
            raise Untrusted("signer")
        signer = inside[0]
    if signer.get("valid") is not True:
        raise Untrusted("authority")
    return signer
