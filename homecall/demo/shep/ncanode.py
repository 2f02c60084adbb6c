"""NCANode's ``/wsse/sign`` and ``/wsse/verify``, as far as their form goes: RSA takes the place of GOST here.

The real one has the certified provider for GOST. What a client sends and reads is the same.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from homecall.demo.shep.answers import Reply
from homecall.demo.shep.gateway import is_organisations
from homecall.demo.shep.markup import NotXml, parsed, written
from homecall.demo.shep.wsse import BadSignature, Signer, sign, verified

_JSON: Final = "application/json"


class _BadRequest(ValueError):
    """What NCANode answers with status 400."""


class WsseNode:
    """The two addresses; ``trusted`` is what ``/wsse/verify`` believes."""

    def __init__(self, trusted: Sequence[x509.Certificate]) -> None:
        self._trusted = trusted
        self.asked: deque[str] = deque(maxlen=1_000)
        self.addresses: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "/wsse/sign": self._sign,
            "/wsse/verify": self._verify,
        }

    def take(self, path: str, body: bytes) -> Reply:
        self.asked.append(path)
        try:
            question = json.loads(body)
            said: dict[str, Any] = {"status": 200, "message": "OK"} | self.addresses[path](question)
        except ValueError as error:
            said = {"status": 400, "message": str(error)}
        return Reply(json.dumps(said).encode(), int(said["status"]), _JSON)

    def _sign(self, question: Mapping[str, Any]) -> dict[str, Any]:
        envelope = parsed(_text(question, "xml").encode())
        sign(envelope, _signer(_text(question, "key"), _text(question, "password")))
        return {"xml": written(envelope).decode()}

    def _verify(self, question: Mapping[str, Any]) -> dict[str, Any]:
        try:
            certificate = verified(parsed(_text(question, "xml").encode()), self._trusted, datetime.now(UTC))
        except (BadSignature, NotXml) as error:
            return {"valid": False, "message": str(error), "signers": []}
        return {"valid": True, "signers": [_told(certificate)]}


def _text(question: Any, name: str) -> str:
    value = question.get(name) if isinstance(question, dict) else None
    if not isinstance(value, str):
        raise _BadRequest(f"{name} is missing, or no text")
    return value.strip()


def _signer(key: str, password: str) -> Signer:
    try:
        private, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(key), password.encode())
    except (ValueError, binascii.Error):
        raise _BadRequest("the key cannot be opened") from None
    if not isinstance(private, rsa.RSAPrivateKey) or certificate is None:
        raise _BadRequest("the key is not RSA, or has no certificate")
    return Signer(certificate, private)


def _told(certificate: x509.Certificate) -> dict[str, Any]:
    """A certificate as NCANode tells of it."""
    subject = {each.oid: str(each.value) for each in certificate.subject}
    return {
        "valid": True,
        "notBefore": certificate.not_valid_before_utc.isoformat(timespec="milliseconds"),
        "notAfter": certificate.not_valid_after_utc.isoformat(timespec="milliseconds"),
        "keyUsage": "SIGN",
        "serialNumber": f"{certificate.serial_number:x}",
        "signAlg": "SHA256WithRSAEncryption",
        "keyUser": ["ORGANIZATION" if is_organisations(certificate) else "INDIVIDUAL"],
        "subject": {
            "commonName": subject.get(NameOID.COMMON_NAME),
            "iin": subject.get(NameOID.SERIAL_NUMBER, "").removeprefix("IIN") or None,
            "bin": subject.get(NameOID.ORGANIZATIONAL_UNIT_NAME, "").removeprefix("BIN") or None,
        },
    }
