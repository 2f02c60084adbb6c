"""Signs requests by WS-Security: RSA with SHA-256 over the Body, with the organisation's key from a PKCS#12 file.

The certificate stands in ``KeyInfo``, as the gateway's reference client puts it. RSA (PKCS #1) has no randomness: the
same request gives the same bytes.
"""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner

from homecall.gateways.identity.shep.names import BASE64, DS, SOAP, WSSE, WSU, X509_TOKEN
from homecall.gateways.identity.shep.xml import parser

SMALLEST_KEY, LARGEST_KEY = 2048, 8192


class NotSigned(Exception):
    """A request could not be signed; the text says why, without personal data. ``again``: a later try may succeed."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class Signer(Protocol):
    """Signs the Body of an envelope."""

    async def sign(self, envelope: bytes) -> bytes:
        """The signed envelope. Raises ``NotSigned``."""

    async def close(self) -> None: ...


class RsaSigner:
    """Signs in a thread, with a key that is held in memory."""

    def __init__(self, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()

    async def sign(self, envelope: bytes) -> bytes:
        return await asyncio.to_thread(self.signed, envelope)

    async def close(self) -> None:
        return

    def signed(self, envelope: bytes) -> bytes:
        """As ``sign``, in this thread: a millisecond of CPU time."""
        root = etree.fromstring(envelope, parser())
        header, body = root.find(f"{{{SOAP}}}Header"), root.find(f"{{{SOAP}}}Body")
        assert header is not None
        assert body is not None
        signer = XMLSigner(
            method=SignatureConstructionMethod.detached,
            signature_algorithm=SignatureMethod.RSA_SHA256,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        signature = signer.sign(
            root, key=self._key, reference_uri=f"#{body.get(f'{{{WSU}}}Id')}", key_info=_key_info(self._certificate)
        )
        security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
        security.set(f"{{{SOAP}}}mustUnderstand", "1")
        security.append(signature)
        signed: bytes = etree.tostring(root, method="c14n")
        return signed


def _key_info(certificate: str) -> etree._Element:
    info = etree.Element(f"{{{DS}}}KeyInfo", nsmap={"ds": DS})
    reference = etree.SubElement(info, f"{{{WSSE}}}SecurityTokenReference", nsmap={"wsse": WSSE})
    identifier = etree.SubElement(reference, f"{{{WSSE}}}KeyIdentifier")
    identifier.set("EncodingType", BASE64)
    identifier.set("ValueType", X509_TOKEN)
    identifier.text = certificate
    return info


def rsa_signer(file: Path, password: str) -> RsaSigner:
    """The signer of a PKCS#12 file. Raises ``ValueError`` with what is wrong with it."""
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(file.read_bytes(), password.encode())
    except ValueError:
        raise ValueError("is no PKCS#12 file, or the password is not its own; GOST keys need by = ncanode") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if not isinstance(key, rsa.RSAPrivateKey) or certificate is None:
        raise ValueError("holds no RSA key with its certificate; GOST keys need by = ncanode")
    if not SMALLEST_KEY <= key.key_size <= LARGEST_KEY:
        raise ValueError(f"holds an RSA key of {key.key_size} bits: {SMALLEST_KEY} to {LARGEST_KEY} are accepted")
    return RsaSigner(key, certificate)
