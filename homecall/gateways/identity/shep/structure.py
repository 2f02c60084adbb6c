"""The form of a signed answer, checked before any signature: one Body by its place, and one signature over it.

A signature is over whatever has the id that it names. So the place of all that counts is fixed here: the Body is the
one child of the Envelope of that name, and there is no other Body, signature or element with its id in the document.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from lxml import etree

from homecall.gateways.identity.shep.names import (
    DS,
    EXC_C14N,
    GOST_DIGESTS,
    GOST_SIGNATURES,
    RSA_SHA256,
    SHA256,
    SOAP,
    WSSE,
    WSU,
    X509_TOKEN,
)
from homecall.gateways.identity.shep.xml import BadXml, canonical, children, name_of

METHODS: Final = {"rsa": {RSA_SHA256: frozenset({SHA256})}, "gost": dict.fromkeys(GOST_SIGNATURES, GOST_DIGESTS)}
"""Which digests go with which signatures."""
_MOST_PREFIXES: Final = 20


class Untrusted(Exception):
    """An answer that is not believed; the text is the cause, in one word."""


@dataclass(frozen=True)
class Envelope:
    """A signed answer: its Body, the bytes of the Body that the signature must be over, and the certificate."""

    body: etree._Element
    signed: bytes
    certificate: x509.Certificate


def body_of(root: etree._Element) -> etree._Element:
    """The Body by its place. Raises ``BadXml`` where this is no envelope, ``Untrusted`` where there are several."""
    if root.tag != f"{{{SOAP}}}Envelope":
        raise BadXml("no_soap")
    names = [each.tag for each in children(root)]
    bodies = [each for each in root.iter() if name_of(each) == "Body"]
    if names not in ([f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"], [f"{{{SOAP}}}Body"]) or len(bodies) != 1:
        raise Untrusted("structure")
    return bodies[0]


def envelope_of(root: etree._Element, methods: dict[str, frozenset[str]]) -> Envelope:
    """The parts of a signed answer. Raises ``BadXml`` or ``Untrusted``; no signature has been checked yet."""
    body = body_of(root)
    signature = _signature(root)
    info = _one(signature, DS, "SignedInfo")
    reference = _one(info, DS, "Reference")
    _by(info, reference, methods)
    own = body.get(f"{{{WSU}}}Id") or body.get("Id") or ""
    if not own or reference.get("URI") != f"#{own}":
        raise Untrusted("other_element")
    ids = Counter(value for each in root.iter(etree.Element) for value in _ids(each))
    if any(count > 1 for count in ids.values()):
        raise Untrusted("duplicate_id")
    return Envelope(body, canonical(body, _transform(reference)), _certificate(root, signature))


def _signature(root: etree._Element) -> etree._Element:
    """The one signature, in the one security header."""
    signatures = list(root.iter(f"{{{DS}}}Signature"))
    if not signatures:
        raise Untrusted("unsigned")
    headers = [each for each in root.iter() if name_of(each) == "Security"]
    if len(signatures) > 1 or len(headers) != 1:
        raise Untrusted("several_signatures")
    security = signatures[0].getparent()
    above = None if security is None else security.getparent()
    placed = above is not None and above.tag == f"{{{SOAP}}}Header" and above.getparent() is root
    if not placed or security.tag != f"{{{WSSE}}}Security":
        raise Untrusted("structure")
    return signatures[0]


def _by(info: etree._Element, reference: etree._Element, methods: dict[str, frozenset[str]]) -> None:
    """Only the algorithms that are named here: nothing weaker, and nothing that computes."""
    form = _one(info, DS, "CanonicalizationMethod")
    method = _one(info, DS, "SignatureMethod")
    digest = _one(reference, DS, "DigestMethod")
    if form.get("Algorithm") != EXC_C14N or digest.get("Algorithm") not in methods.get(
        method.get("Algorithm", ""), frozenset()
    ):
        raise Untrusted("algorithm")
    if len(form) or len(method) or len(digest):
        raise Untrusted("algorithm")  # parameters change what an algorithm does


def _transform(reference: etree._Element) -> list[str] | None:
    """The prefixes that exclusive canonical XML keeps; it is the only transform."""
    transform = _one(_one(reference, DS, "Transforms", cause="transform"), DS, "Transform", cause="transform")
    if transform.get("Algorithm") != EXC_C14N:
        raise Untrusted("transform")
    inside = children(transform)
    if not inside:
        return None
    prefixes = (inside[0].get("PrefixList") or "").split()
    if len(inside) > 1 or inside[0].tag != f"{{{EXC_C14N}}}InclusiveNamespaces" or len(prefixes) > _MOST_PREFIXES:
        raise Untrusted("transform")
    return prefixes


def _one(element: etree._Element, namespace: str, name: str, cause: str = "structure") -> etree._Element:
    found = [each for each in children(element) if name_of(each) == name]
    if len(found) != 1 or found[0].tag != f"{{{namespace}}}{name}":
        raise Untrusted(cause)
    return found[0]


def _ids(element: etree._Element) -> set[str]:
    """All that could be taken for an id of the element, whatever the library."""
    return {str(value) for name, value in element.attrib.items() if etree.QName(name).localname.lower() == "id"}


def _certificate(root: etree._Element, signature: etree._Element) -> x509.Certificate:
    """The one certificate that the signature comes with: in its KeyInfo, or in a token to which that points."""
    info = _one(signature, DS, "KeyInfo", cause="certificate")
    held = [*info.iter(f"{{{DS}}}X509Certificate"), *info.iter(f"{{{WSSE}}}KeyIdentifier")]
    pointed = [*info.iter(f"{{{WSSE}}}Reference")]
    if pointed:
        named = {f"#{each.get(f'{{{WSU}}}Id')}": each for each in root.iter(f"{{{WSSE}}}BinarySecurityToken")}
        held += [named[uri] for each in pointed if (uri := each.get("URI", "")) in named]
    if len(held) != 1 or held[0].get("ValueType", X509_TOKEN) != X509_TOKEN:
        raise Untrusted("certificate")
    try:
        text = "".join("".join(held[0].itertext()).split())
        return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise Untrusted("certificate") from None
