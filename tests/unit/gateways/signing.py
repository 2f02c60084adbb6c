"""People who sign, and signatures made by hand where no signing library would make them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from asn1crypto import algos, cms  # type: ignore[import-untyped]  # ships no types
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from homecall.gateways.signatures.canonical import canonical
from homecall.gateways.signatures.dev_authority import DevAuthority
from homecall.gateways.signatures.port import Signed

AIGUL, BOLAT = "850715100000", "850715200007"
AT = datetime.fromisoformat("2026-11-23T09:15:00+05:00")

DATA: dict[str, Any] = {
    "request_id": "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f",
    "clinic_id": "almaty-1",
    "channel": "portal",
    "submitted_at": "2026-11-23T09:15:00+05:00",
    "patient": {"iin": AIGUL, "full_name": "Үлгі Айгүл", "language": "kk"},
    "temperature_c": 38.5,
    "of_a_later_version": {"flag": True},
}


@cache
def authority() -> DevAuthority:
    """The authority that is trusted."""
    return DevAuthority.new()


@cache
def impostor() -> DevAuthority:
    """Another of the same name, which is not. Its people have the same key."""
    return DevAuthority.new(signer_key=authority().signer_key)


def as_json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def signed(cms_: str, data: dict[str, Any] | bytes = DATA, *, iin: str = AIGUL, at: datetime = AT) -> Signed:
    return Signed(data if isinstance(data, bytes) else as_json(data), cms_, iin, at)


def content(data: dict[str, Any] = DATA) -> bytes:
    """The bytes to sign."""
    return canonical(as_json(data))


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def by_hand(
    content_: bytes,
    certificate: x509.Certificate,
    *,
    key: rsa.RSAPrivateKey | None = None,
    digest: str = "sha256",
    mechanism: str = "rsassa_pkcs1v15",
    carried: bytes | None = None,
    content_type: str = "data",
    attributes: bool = True,
    signers: int = 1,
    certificates: Sequence[x509.Certificate] | None = None,
) -> str:
    """A CMS in base64, with whatever may be wrong about it."""
    held = asn1_x509.Certificate.load(der(certificate))
    known = digest if digest in hashlib.algorithms_available else "sha256"
    one = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {
                    "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                        {"issuer": held.issuer, "serial_number": held.serial_number}
                    )
                }
            ),
            "digest_algorithm": algos.DigestAlgorithm({"algorithm": digest}),
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": mechanism}),
        }
    )
    over = content_
    if attributes:
        one["signed_attrs"] = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": (content_type,)}),
                cms.CMSAttribute({"type": "message_digest", "values": (hashlib.new(known, content_).digest(),)}),
            ]
        )
        over = one["signed_attrs"].untag().dump()
    algorithm = getattr(hashes, known.upper())()
    one["signature"] = (key or authority().signer_key).sign(over, padding.PKCS1v15(), algorithm)
    encapsulated = {"content_type": content_type} | ({} if carried is None else {"content": carried})
    signed_data: dict[str, Any] = {
        "version": "v1",
        "digest_algorithms": [algos.DigestAlgorithm({"algorithm": digest})],
        "encap_content_info": encapsulated,
        "signer_infos": [one] * signers,
    }
    included = [certificate] if certificates is None else certificates
    if included:
        signed_data["certificates"] = [asn1_x509.Certificate.load(der(each)) for each in included]
    return base64.b64encode(
        cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed_data)}).dump()
    ).decode()


def in_ber(cms_: str) -> str:
    """The same CMS with lengths left open, as Java's providers write it."""
    info = cms.ContentInfo.load(base64.b64decode(cms_))
    inner = info["content"].untag().dump()
    oid = cms.ContentType("signed_data").dump()
    return base64.b64encode(b"\x30\x80" + oid + b"\xa0\x80" + inner + b"\x00" * 4).decode()
