"""A gateway for tests: its authority, and answers that it signs by hand, with neither our signer nor its library."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DS = "http://www.w3.org/2000/09/xmldsig#"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

NOW = datetime(2026, 11, 23, 4, 14, 5, 123000, tzinfo=UTC)
MESSAGE = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
IIN = "850715100000"
"""A birth in 1885: nobody's."""
BIN = "000140000017"


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """A key for tests, one for each name in a run."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True)
class Authority:
    """A certification authority."""

    name: str = "Gateway test authority"
    keys: str = "authority"

    @property
    def subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])

    def certificate(self) -> x509.Certificate:
        return self._issued(self.subject, self.keys, ("key_cert_sign", "crl_sign"), ca=True)

    def issue(
        self,
        keys: str = "gateway",
        *,
        usages: Sequence[str] = ("digital_signature", "content_commitment"),
        since: datetime = NOW - timedelta(days=100),
        until: datetime = NOW + timedelta(days=100),
        bin_: str | None = BIN,
        ca: bool = False,
    ) -> x509.Certificate:
        """A certificate of the gateway."""
        unit = [] if bin_ is None else [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"BIN{bin_}")]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test gateway"), *unit])
        return self._issued(subject, keys, usages, since=since, until=until, ca=ca)

    def _issued(
        self,
        subject: x509.Name,
        keys: str,
        usages: Sequence[str],
        *,
        since: datetime = NOW - timedelta(days=1000),
        until: datetime = NOW + timedelta(days=1000),
        ca: bool = False,
    ) -> x509.Certificate:
        usage = x509.KeyUsage(**{each: each in usages for each in _USAGES})
        return (
            x509.CertificateBuilder(
                self.subject, subject, key(keys).public_key(), x509.random_serial_number(), since, until
            )
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key(keys).public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key(self.keys).public_key()), critical=False
            )
            .sign(key(self.keys), hashes.SHA256())
        )


def der(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


@dataclass
class Signing:
    """How an answer is signed; tests change one thing at a time."""

    certificate: x509.Certificate
    keys: str = "gateway"
    method: str = RSA_SHA256
    digest_method: str = SHA256
    transforms: str = f'<ds:Transform Algorithm="{EXCLUSIVE}"/>'
    c14n: str = EXCLUSIVE
    key_info: str = "identifier"
    body_id: str = "id-answer"
    references: str | None = None
    hash_name: str = "sha256"
    extra: dict[str, Any] = field(default_factory=dict)


def key_info_of(signing: Signing) -> tuple[str, str]:
    """The KeyInfo, and a token before the signature."""
    certificate = der(signing.certificate)
    if signing.key_info == "token":
        token = (
            f'<wsse:BinarySecurityToken wsu:Id="X509-1" ValueType="{X509V3}">{certificate}</wsse:BinarySecurityToken>'
        )
        reference = f'<wsse:Reference URI="#X509-1" ValueType="{X509V3}"/>'
        return f"<wsse:SecurityTokenReference>{reference}</wsse:SecurityTokenReference>", token
    if signing.key_info == "data":
        return f"<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>", ""
    identifier = f'<wsse:KeyIdentifier ValueType="{X509V3}">{certificate}</wsse:KeyIdentifier>'
    return f"<wsse:SecurityTokenReference>{identifier}</wsse:SecurityTokenReference>", ""


def signed(inside: str, signing: Signing) -> bytes:
    """An envelope with this inside its Body, signed."""
    body_text = f'<soap:Body xmlns:soap="{SOAP}" xmlns:wsu="{WSU}" wsu:Id="{signing.body_id}">{inside}</soap:Body>'
    digest = hashlib.new(signing.hash_name, canonical(etree.fromstring(body_text))).digest()
    reference = signing.references or (
        f'<ds:Reference URI="#{signing.body_id}"><ds:Transforms>{signing.transforms}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{signing.digest_method}"/>'
        f"<ds:DigestValue>{base64.b64encode(digest).decode()}</ds:DigestValue></ds:Reference>"
    )
    info = (
        f'<ds:SignedInfo xmlns:ds="{DS}"><ds:CanonicalizationMethod Algorithm="{signing.c14n}"/>'
        f'<ds:SignatureMethod Algorithm="{signing.method}"/>{reference}</ds:SignedInfo>'
    )
    algorithm = {"sha256": hashes.SHA256(), "sha1": hashes.SHA1()}[signing.hash_name]
    value = key(signing.keys).sign(canonical(etree.fromstring(info)), padding.PKCS1v15(), algorithm)
    key_info, token = key_info_of(signing)
    return (
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Header>'
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" soap:mustUnderstand="1">{token}'
        f'<ds:Signature xmlns:ds="{DS}">{info}<ds:SignatureValue>{base64.b64encode(value).decode()}'
        f"</ds:SignatureValue><ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature></wsse:Security></soap:Header>"
        f"{body_text}</soap:Envelope>"
    ).encode()


PERSON = (
    "<iin>{iin}</iin><surname>Сынақ</surname><name>Әлия</name><patronymic>Болатқызы</patronymic>"
    "<birthDate>1885-07-15</birthDate><gender><code>2</code><nameRu>женский</nameRu></gender>"
    "<lifeStatus><code>0</code></lifeStatus><citizenship><code>398</code></citizenship>"
    "<regAddress><country><code>398</code><nameRu>КАЗАХСТАН</nameRu></country>"
    "<district><code>1910</code><nameRu>АЛМАТЫ</nameRu></district>"
    "<region><code>1910274</code><nameRu>АЛМАЛИНСКИЙ РАЙОН</nameRu></region>"
    "<street>Тал</street><building>27</building><flat>14</flat><arCode>0201300089765432</arCode></regAddress>"
    "<documents><document><type><code>001</code></type><number>N00000001</number><beginDate>1901-01-01</beginDate>"
    "<endDate>1911-01-01</endDate><status><code>03</code></status></document>"
    "<document><type><code>002</code></type><number>000000017</number><beginDate>2020-01-01</beginDate>"
    "<endDate>2030-01-01</endDate><status><code>00</code></status></document></documents>"
)


def persons(*people: str, code: str = "00000", message: str = "Успешно") -> str:
    """The ``data`` of the service of persons."""
    inside = "".join(f"<person>{each}</person>" for each in people)
    return (
        f"<data><messageId>a</messageId><messageDate>2026-11-23T09:14:06.000+05:00</messageDate>"
        f"<messageResult><code>{code}</code><nameRu>{message}</nameRu><nameKz>{message}</nameKz></messageResult>"
        f"<persons>{inside}</persons></data>"
    )


def person(iin: str = IIN) -> str:
    return PERSON.format(iin=iin)


def answer(
    data: str,
    *,
    message_id: str = "00000000-0000-4000-8000-000000000001",
    correlation_id: str | None = MESSAGE,
    code: str = "SCSS001",
    message: str = "Message has been processed successfully",
    at: datetime = NOW,
) -> str:
    """A ``SendMessageResponse``."""
    correlation = "" if correlation_id is None else f"<correlationId>{correlation_id}</correlationId>"
    return (
        '<ns:SendMessageResponse xmlns:ns="http://bip.bee.kz/SyncChannel/v10/Types"><response><responseInfo>'
        f"<messageId>{message_id}</messageId>{correlation}<responseDate>{at.isoformat(timespec='milliseconds')}"
        f"</responseDate><status><code>{code}</code><message>{message}</message></status></responseInfo>"
        f"<responseData>{data}</responseData></response></ns:SendMessageResponse>"
    )


def message_of(request: bytes) -> str:
    """The ``messageId`` of a request."""
    found = re.search(rb"<requestInfo><messageId>([^<]+)</messageId>", request)
    assert found is not None
    return found[1].decode()
