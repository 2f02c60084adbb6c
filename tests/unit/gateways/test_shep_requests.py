"""Requests to the e-government gateway: their bytes, and signatures checked without the library that makes them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from homecall.gateways.identity.shep.envelope import Question, Route, Sender, envelope
from homecall.gateways.identity.shep.signing import RsaSigner, rsa_signer
from tests.unit.gateways.shep import DS, IIN, MESSAGE, NOW, SOAP, WSSE, WSU, Authority, canonical, key

GOLDENS = Path(__file__).parent / "shep_goldens"
SENDER = Sender("homecall", "secret & <word>")
MESSAGE_DATE = "2026-11-23T09:14:05.123+05:00"
FIELDS = {"messageId": MESSAGE, "messageDate": MESSAGE_DATE, "senderCode": "HOMECALL", "iin": IIN}
UNIVERSAL = Route(
    "GBDFL_UniversalServiceSync",
    properties=(("CONNECTOR_CLIENT", "true"),),
    data_type=("http://message.persistence.interactive.nat", "Request"),
)
TOKEN = Route("GBDFLUniversal_token", "route-7")
CONSENT = {"kdpToken": "dG9rZW4=", "publicKey": "a2V5"}


def of(fields: dict[str, str], route: Route) -> bytes:
    return envelope(Question(MESSAGE, NOW, fields), SENDER, route)


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("universal", of(FIELDS, UNIVERSAL)),
        ("token", of(FIELDS | CONSENT, TOKEN)),
    ],
)
def test_requests_stay_as_they_are(name: str, request_: bytes) -> None:
    assert request_ == (GOLDENS / f"request_{name}.xml").read_bytes().rstrip(b"\n")


@pytest.mark.parametrize("request_", [of(FIELDS, UNIVERSAL), of(FIELDS | CONSENT, TOKEN)])
def test_requests_are_canonical(request_: bytes) -> None:
    assert etree.tostring(etree.fromstring(request_), method="c14n") == request_


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1)


@given(password=TEXTS, value=TEXTS)
def test_whatever_stands_in_a_field_comes_out_as_it_went_in(password: str, value: str) -> None:
    namespace = "urn:a&b"
    route = Route("s", properties=(("k", value),), data_type=(namespace, "Request"))
    root = etree.fromstring(envelope(Question(MESSAGE, NOW, {"iin": value}), Sender("homecall", password), route))
    assert root.findtext(".//password") == password
    assert root.findtext(".//properties/value") == value
    assert root.findtext(".//data/iin") == value
    data = root.find(".//data")
    assert data is not None
    assert data.nsmap["cs"] == namespace


def test_the_signature_is_over_the_body_by_rsa_and_sha_256() -> None:
    certificate = Authority().issue("ours")
    request = of(FIELDS, UNIVERSAL)
    signed = RsaSigner(key("ours"), certificate).signed(request)
    root = etree.fromstring(signed)
    (signature,) = root.iterfind(f"{{{SOAP}}}Header/{{{WSSE}}}Security/{{{DS}}}Signature")
    info = signature.find(f"{{{DS}}}SignedInfo")
    body = root.find(f"{{{SOAP}}}Body")
    assert info is not None
    assert body is not None
    (reference,) = info.iterfind(f"{{{DS}}}Reference")
    assert reference.get("URI") == f"#{body.get(f'{{{WSU}}}Id')}" == f"#id-{MESSAGE}"
    digest = base64.b64encode(hashlib.sha256(canonical(body)).digest()).decode()
    assert reference.findtext(f"{{{DS}}}DigestValue") == digest
    value = base64.b64decode(signature.findtext(f"{{{DS}}}SignatureValue") or "")
    key("ours").public_key().verify(value, canonical(info), padding.PKCS1v15(), hashes.SHA256())
    held = signature.findtext(f".//{{{WSSE}}}KeyIdentifier") or ""
    assert x509.load_der_x509_certificate(base64.b64decode(held)) == certificate


def test_signing_changes_nothing_but_the_header() -> None:
    request = of(FIELDS | CONSENT, TOKEN)
    signed = RsaSigner(key("ours"), Authority().issue("ours")).signed(request)
    header = etree.fromstring(signed).find(f"{{{SOAP}}}Header")
    assert header is not None
    start, end = signed.index(b"<wsse:Security"), signed.index(b"</soap:Header>")
    assert signed[:start] + signed[end:] == request
    assert signed[signed.index(b"<soap:Body") :] == request[request.index(b"<soap:Body") :]


def test_one_message_is_signed_in_one_way() -> None:
    signer = RsaSigner(key("ours"), Authority().issue("ours"))
    assert signer.signed(of(FIELDS, UNIVERSAL)) == signer.signed(of(dict(FIELDS), UNIVERSAL))


def bundle(path: Path, private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Path:
    content = pkcs12.serialize_key_and_certificates(b"k", private, None, None, BestAvailableEncryption(b"pw"))
    if private is key("ours"):
        content = pkcs12.serialize_key_and_certificates(
            b"k", private, Authority().issue("ours"), None, BestAvailableEncryption(b"pw")
        )
    path.write_bytes(content)
    return path


def test_a_key_comes_from_a_pkcs12_file(tmp_path: Path) -> None:
    signer = rsa_signer(bundle(tmp_path / "key.p12", key("ours")), "pw")
    assert b"SignatureValue" in signer.signed(of(FIELDS, UNIVERSAL))


@pytest.mark.parametrize(
    ("private", "password", "told"),
    [
        (key("ours"), "other", "the password is not its own"),
        (ec.generate_private_key(ec.SECP256R1()), "pw", "holds no RSA key with its certificate"),
        (key("no certificate"), "pw", "holds no RSA key with its certificate"),
    ],
)
def test_a_file_that_is_no_such_key_is_told(
    tmp_path: Path, private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        rsa_signer(bundle(tmp_path / "key.p12", private), password)


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    authority = Authority()
    certificate = (
        x509.CertificateBuilder(
            authority.subject, authority.subject, short.public_key(), 7, NOW.replace(year=2020), NOW.replace(year=2030)
        )
    ).sign(key("authority"), hashes.SHA256())
    path = tmp_path / "key.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"k", short, certificate, None, BestAvailableEncryption(b"pw"))
    )
    with pytest.raises(ValueError, match="1024 bits"):
        rsa_signer(path, "pw")
