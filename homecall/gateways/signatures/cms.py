"""What every verifier checks of a CMS first: its form, its one signer, the content it carries.

Only asn1crypto, no cryptography: this parses what a signature claims and verifies nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from asn1crypto import cms, core  # type: ignore[import-untyped]  # ships no types

from homecall.gateways.signatures.port import Check, Invalid

_LARGEST = 100_000
"""Characters of base64 at most, as in the contract."""
_MOST_CERTIFICATES = 4
"""A chain has two or three. The number of possible paths grows by the factorial, and each would be tried."""
_BLANKS = re.compile(r"[ \t\r\n]+")
_WEAK_DIGESTS = frozenset({"md2", "md5", "sha1"})


class Refused(Exception):
    """A check that failed, on the way to the verdict."""

    def __init__(self, check: Check, message: str) -> None:
        super().__init__(message)
        self.verdict = Invalid(check, message)


@dataclass(frozen=True, slots=True)
class Opened:
    """A CMS with one signer, over our content. ``der`` are the bytes that were parsed."""

    der: bytes
    signed_data: Any
    signer: Any
    detached: bool


def opened(text: str, content: bytes) -> Opened:
    """The CMS in ``text``, claimed to be over ``content``. Raises ``Refused`` with ``form``, ``signer``, ``content``
    or ``algorithm``; other exceptions, of the parser, mean ``form``.
    """
    der = _decoded(text)
    info = cms.ContentInfo.load(der, strict=True)  # strict: no bytes after the end, which another parser might use
    if info["content_type"].native != "signed_data":
        raise Refused("form", "is no CMS SignedData: send the signature itself, neither encrypted nor wrapped")
    signed_data = info["content"]
    _with_our_content(signed_data["encap_content_info"], content)
    signers = signed_data["signer_infos"]
    if len(signers) != 1:
        raise Refused("signer", f"has {len(signers)} signers: the applicant alone must sign")
    certificates = signed_data["certificates"]
    if certificates is core.VOID or len(certificates) == 0:
        raise Refused("signer", "holds no certificate: include the signer's when signing")
    if len(certificates) > _MOST_CERTIFICATES:
        raise Refused("form", f"holds more than {_MOST_CERTIFICATES} certificates: include the signer's alone")
    signer = signers[0]
    if signer["digest_algorithm"]["algorithm"].native in _WEAK_DIGESTS:
        raise Refused("algorithm", "uses a digest that is broken (SHA-1 or MD5): sign with SHA-256 or stronger")
    return Opened(der, signed_data, signer, detached=signed_data["encap_content_info"]["content"] is core.VOID)


def _decoded(text: str) -> bytes:
    if len(text) > _LARGEST:
        raise Refused("form", f"has more than {_LARGEST} characters: include no more than the signer's certificate")
    try:
        return base64.b64decode(_BLANKS.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("form", "is not base64: send the DER of the CMS in base64, without PEM's lines") from None


def _with_our_content(encapsulated: Any, content: bytes) -> None:
    if encapsulated["content_type"].native != "data":
        raise Refused("form", "is over another content type than id-data: sign the canonical JSON as plain data")
    carried = encapsulated["content"]
    # A verifier would check the content inside the CMS instead of ours.
    if carried is not core.VOID and carried.native != content:
        raise Refused("content", "carries other data than the event's: sign them detached, over their RFC 8785 form")
