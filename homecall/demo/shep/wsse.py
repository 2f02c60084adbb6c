"""WS-Security by hand: the signature over the body of an envelope, made and checked with lxml and ``cryptography``.

RSA with SHA-256 only, exclusive canonical XML, one reference. By hand, since a stand-in that signed with the client's
own library would agree with all of that library's mistakes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from homecall.demo.shep.markup import DS, EXCLUSIVE, SOAP, WSS, WSSE, WSU, Element, canonical, the_only

RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_X509V3 = f"{WSS}-x509-token-profile-1.0#X509v3"
_BASE64 = f"{WSS}-soap-message-security-1.0#Base64Binary"
_ID = f"{{{WSU}}}Id"


class KeyInfo(Enum):
    """Where a signature carries its certificate."""

    IDENTIFIER = "a KeyIdentifier in KeyInfo"
    X509_DATA = "X509Data in KeyInfo"
    TOKEN = "a BinarySecurityToken, referred to in KeyInfo"


class BadSignature(ValueError):
    """A signature that does not hold; the message says why."""


@dataclass(frozen=True)
class Signer:
    """Who signs: a certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


# ---- made


def sign(envelope: Element, signer: Signer, how: KeyInfo = KeyInfo.IDENTIFIER) -> None:
    """Sign the body: its id, and the header ``Security``, come into the envelope."""
    body = envelope.find(f"{{{SOAP}}}Body")
    if body.get(_ID) is None:
        body.set(_ID, f"id-{uuid.uuid4()}")
    header = envelope.find(f"{{{SOAP}}}Header")
    if header is None:
        header = etree.Element(f"{{{SOAP}}}Header")
        envelope.insert(0, header)
    security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
    security.set(f"{{{SOAP}}}mustUnderstand", "1")
    _sign(security, body, signer, how)


def _sign(security: Element, body: Element, signer: Signer, how: KeyInfo) -> None:
    certificate = base64.b64encode(signer.certificate.public_bytes(Encoding.DER)).decode()
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    _algorithm(info, "CanonicalizationMethod", EXCLUSIVE)
    _algorithm(info, "SignatureMethod", RSA_SHA256)
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI=f"#{body.get(_ID)}")
    _algorithm(etree.SubElement(reference, f"{{{DS}}}Transforms"), "Transform", EXCLUSIVE)
    _algorithm(reference, "DigestMethod", SHA256)
    digest = base64.b64encode(hashlib.sha256(canonical(body)).digest()).decode()
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = digest
    value = etree.SubElement(signature, f"{{{DS}}}SignatureValue")
    _carry(etree.SubElement(signature, f"{{{DS}}}KeyInfo"), security, certificate, how)
    security.append(signature)
    signed = signer.key.sign(canonical(info), padding.PKCS1v15(), hashes.SHA256())
    value.text = base64.b64encode(signed).decode()


def _algorithm(parent: Element, name: str, uri: str) -> None:
    etree.SubElement(parent, f"{{{DS}}}{name}", Algorithm=uri)


def _carry(key_info: Element, security: Element, certificate: str, how: KeyInfo) -> None:
    if how is KeyInfo.X509_DATA:
        data = etree.SubElement(key_info, f"{{{DS}}}X509Data")
        etree.SubElement(data, f"{{{DS}}}X509Certificate").text = certificate
        return
    to = etree.SubElement(key_info, f"{{{WSSE}}}SecurityTokenReference")
    kind = {"ValueType": _X509V3, "EncodingType": _BASE64}
    if how is KeyInfo.IDENTIFIER:
        etree.SubElement(to, f"{{{WSSE}}}KeyIdentifier", kind).text = certificate
        return
    token = etree.SubElement(security, f"{{{WSSE}}}BinarySecurityToken", kind)
    token.text = certificate
    token.set(_ID, f"x509-{uuid.uuid4()}")
    etree.SubElement(to, f"{{{WSSE}}}Reference", URI=f"#{token.get(_ID)}", ValueType=_X509V3)


# ---- checked


def verified(envelope: Element, trusted: Sequence[x509.Certificate], at: datetime) -> x509.Certificate:
    """The certificate that signed the envelope's only body, issued by one of the trusted and valid at that moment.

    Raises ``BadSignature``.
    """
    body = _need(the_only(envelope, SOAP, "Body"), "the envelope has not exactly one Body")
    header = _need(the_only(envelope, SOAP, "Header"), "the envelope has not exactly one Header")
    security = _need(the_only(header, WSSE, "Security"), "there is not exactly one Security header")
    signature = _need(the_only(security, DS, "Signature"), "there is not exactly one Signature")
    if envelope.index(header) > envelope.index(body) or len(envelope) != 2:
        raise BadSignature("the envelope has more than a Header and a Body")
    _check_ids(envelope)
    info = _need(the_only(signature, DS, "SignedInfo"), "there is not exactly one SignedInfo")
    _check_algorithms(info, body)
    certificate = _certificate(signature, security)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadSignature("the certificate's key is not RSA")
    try:
        key.verify(_decoded(signature, "SignatureValue"), canonical(info), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise BadSignature("the signature is not its certificate's") from None
    _check_trust(certificate, trusted, at)
    return certificate


def _need(found: Element | None, otherwise: str) -> Element:
    if found is None:
        raise BadSignature(otherwise)
    return found


def _check_ids(envelope: Element) -> None:
    """No id may stand twice: which element is signed would depend on who looks."""
    ids = [value for each in envelope.iter() for name, value in each.attrib.items() if name in (_ID, "Id", "ID", "id")]
    if len(ids) != len(set(ids)):
        raise BadSignature("an id stands twice")


def _check_algorithms(info: Element, body: Element) -> None:
    """One reference, to the body as it stands, with the one way of each kind."""
    reference = _need(the_only(info, DS, "Reference"), "there is not exactly one Reference")
    transforms = _need(the_only(reference, DS, "Transforms"), "there are no Transforms")
    if reference.get("URI") not in {f"#{body.get(name)}" for name in (_ID, "Id") if body.get(name)}:
        raise BadSignature("what is signed is not the Body")
    if [each.get("Algorithm") for each in transforms] != [EXCLUSIVE]:
        raise BadSignature("the Body is transformed by more than exclusive canonical XML")
    wanted = {"CanonicalizationMethod": EXCLUSIVE, "SignatureMethod": RSA_SHA256}
    if {name: _algorithm_of(info, name) for name in wanted} != wanted or len(info) != 3:
        raise BadSignature("it is not signed by RSA with SHA-256 over exclusive canonical XML")
    if _algorithm_of(reference, "DigestMethod") != SHA256:
        raise BadSignature("the digest is not SHA-256")
    prefixes = transforms[0].find(f"{{{EXCLUSIVE}}}InclusiveNamespaces")
    inclusive = [] if prefixes is None else prefixes.get("PrefixList", "").split()
    if hashlib.sha256(canonical(body, inclusive)).digest() != _decoded(reference, "DigestValue"):
        raise BadSignature("the Body was changed after it was signed")


def _algorithm_of(parent: Element, name: str) -> str | None:
    found = the_only(parent, DS, name)
    return None if found is None else found.get("Algorithm")


def _decoded(parent: Element, name: str) -> bytes:
    found = _need(the_only(parent, DS, name), f"there is not exactly one {name}")
    return _bytes_of(found)


def _bytes_of(element: Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except binascii.Error:
        raise BadSignature(f"{etree.QName(element).localname} is no base64") from None


_IN_KEY_INFO: Final = (
    ((DS, "X509Data"), (DS, "X509Certificate")),
    ((WSSE, "SecurityTokenReference"), (DS, "X509Data"), (DS, "X509Certificate")),
    ((WSSE, "SecurityTokenReference"), (WSSE, "KeyIdentifier")),
)
_REFERENCE: Final = ((WSSE, "SecurityTokenReference"), (WSSE, "Reference"))


def _certificate(signature: Element, security: Element) -> x509.Certificate:
    """The one that the signature carries, in any of the ways that are met."""
    key_info = _need(the_only(signature, DS, "KeyInfo"), "there is not exactly one KeyInfo")
    carrier = next((found for path in _IN_KEY_INFO if (found := _below(key_info, path)) is not None), None)
    if carrier is None:
        reference = _need(_below(key_info, _REFERENCE), "the signature carries no certificate")
        carrier = the_only(security, WSSE, "BinarySecurityToken")
        if carrier is None or reference.get("URI") != f"#{carrier.get(_ID)}":
            raise BadSignature("the signature refers to no certificate")
    try:
        return x509.load_der_x509_certificate(_bytes_of(carrier))
    except ValueError:
        raise BadSignature("what the signature carries is no certificate") from None


def _below(element: Element, path: Sequence[tuple[str, str]]) -> Element | None:
    for namespace, name in path:
        element = the_only(element, namespace, name)
        if element is None:
            return None
    return element


def _check_trust(certificate: x509.Certificate, trusted: Sequence[x509.Certificate], at: datetime) -> None:
    if not any(_holds(certificate.verify_directly_issued_by, issuer) for issuer in trusted):
        raise BadSignature("the certificate is of an authority that is not trusted")
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise BadSignature("the certificate is not valid now")


def _holds(check: Callable[[x509.Certificate], None], issuer: x509.Certificate) -> bool:
    try:
        check(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
