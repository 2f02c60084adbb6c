"""Answers that are not the gateway's, or not to our question: each is refused, with its cause by name."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from homecall.gateways.identity.port import NoConsent, NotFound, Person
from homecall.gateways.identity.shep.answers import answer_in, person_in
from homecall.gateways.identity.shep.profile import MeaningsSection
from homecall.gateways.identity.shep.structure import METHODS, Untrusted, envelope_of
from homecall.gateways.identity.shep.verifying import RsaVerifier, check_signature
from homecall.gateways.identity.shep.xml import MOST_BYTES, BadXml, parsed
from homecall.gateways.retry import NoAnswer
from homecall.gateways.signatures.revocation import RevocationLists
from tests.unit.gateways.shep import (
    BIN,
    DS,
    EXCLUSIVE,
    IIN,
    MESSAGE,
    NOW,
    SHA256,
    SOAP,
    WSSE,
    WSU,
    Authority,
    Signing,
    answer,
    canonical,
    key,
    person,
    persons,
    signed,
)

GATEWAYS = Authority()
GOOD = Signing(GATEWAYS.issue())
OTHER_IIN = "850715200007"
TOLERANCE = timedelta(minutes=5)
FOUND = answer(persons(person()))


@cache
def verifier() -> RsaVerifier:
    return RsaVerifier([GATEWAYS.certificate()], BIN)


def read(document: bytes, *, message_id: str = MESSAGE, check: RsaVerifier | None = None) -> object:
    """What is made of an answer, as the client does it."""
    body = (check or verifier()).check(document, NOW)
    return person_in(answer_in(body, message_id, NOW, TOLERANCE), IIN, MeaningsSection(), NOW.date())


def refused(document: bytes, *, message_id: str = MESSAGE, check: RsaVerifier | None = None) -> str:
    """Why an answer is refused."""
    with pytest.raises((BadXml, Untrusted)) as caught:
        read(document, message_id=message_id, check=check)
    return str(caught.value)


def test_what_the_gateway_signs_is_believed() -> None:
    assert isinstance(read(signed(FOUND, GOOD)), Person)


@pytest.mark.parametrize("form", ["identifier", "token", "data"])
def test_the_certificate_may_stand_wherever_the_standard_lets_it(form: str) -> None:
    assert isinstance(read(signed(FOUND, replace(GOOD, key_info=form))), Person)


def test_prefixes_may_be_kept_by_the_canonical_form() -> None:
    """As WSS4J signs: here the list changes nothing, since every prefix in it is used."""
    kept = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="soap"/>'
    transform = f'<ds:Transform Algorithm="{EXCLUSIVE}">{kept}</ds:Transform>'
    assert isinstance(read(signed(FOUND, replace(GOOD, transforms=transform))), Person)


# ---------------------------------------------------------------- the document

BOMB = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
GOOD_TEXT = signed(FOUND, GOOD).decode()


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        (BOMB + GOOD_TEXT, "doctype"),
        (GOOD_TEXT.replace("Әлия", "&b;"), "malformed"),
        ('<!DOCTYPE soap:Envelope SYSTEM "file:///etc/passwd">' + GOOD_TEXT, "doctype"),
        ('<?xml version="1.0"?><!doctype soap:Envelope>' + GOOD_TEXT, "doctype"),
        (
            GOOD_TEXT.replace("<soap:Header>", '<?xml-stylesheet href="http://127.0.0.1/x"?><soap:Header>'),
            "instruction",
        ),
        (GOOD_TEXT.replace("Әлия", "<a>" * 60 + "</a>" * 60), "too_deep"),
        (GOOD_TEXT.replace("Әлия", "<a/>" * 6_000), "too_big"),
        (GOOD_TEXT.replace("<name>", "<name " + " ".join(f'a{n}="1"' for n in range(60)) + ">"), "too_big"),
        (GOOD_TEXT.replace("Әлия", "x" * MOST_BYTES), "too_big"),
        (GOOD_TEXT[: len(GOOD_TEXT) // 2], "malformed"),
        ("<html><body>Gateway timeout</body></html>", "no_soap"),
        ("Service unavailable", "malformed"),
        ("", "malformed"),
    ],
)
def test_a_document_that_could_hurt_is_not_read(document: str, cause: str) -> None:
    assert refused(document.encode()) == cause


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp1251"])
def test_only_utf_8_is_read(encoding: str) -> None:
    """In another encoding a document type would not be seen."""
    declared = f'<?xml version="1.0" encoding="{encoding}"?>{BOMB}<a/>'
    assert refused(declared.encode(encoding)) in ("encoding", "doctype")
    assert refused(f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode()) == "encoding"


def test_nothing_is_fetched_or_opened() -> None:
    """An external entity is refused by its bytes, before libxml2 sees it; and so is a parameter entity."""
    for text in ('<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x">%x;]><a/>', "<!ENTITY a 'b'><a/>"):
        with pytest.raises(BadXml, match="doctype"):
            parsed(text.encode())


# ---------------------------------------------------------------- signature wrapping


def tree() -> etree._Element:
    return etree.fromstring(signed(FOUND, GOOD))


def parts(root: etree._Element) -> tuple[etree._Element, etree._Element, etree._Element]:
    header, body = root.find(f"{{{SOAP}}}Header"), root.find(f"{{{SOAP}}}Body")
    security = root.find(f"{{{SOAP}}}Header/{{{WSSE}}}Security")
    assert header is not None
    assert body is not None
    assert security is not None
    return header, body, security


def forged_body(own_id: str | None) -> etree._Element:
    """A Body that says that another person was found."""
    forged = etree.fromstring(f'<soap:Body xmlns:soap="{SOAP}">{answer(persons(person(IIN)))}</soap:Body>')
    (name,) = forged.iter("surname")
    name.text = "Жалған"
    if own_id is not None:
        forged.set(f"{{{WSU}}}Id", own_id)
    return forged


def second_body(root: etree._Element) -> None:
    root.append(forged_body("id-forged"))


def second_body_first(root: etree._Element) -> None:
    root.insert(1, forged_body("id-forged"))


def moved_into_the_header(root: etree._Element) -> None:
    header, body, _ = parts(root)
    wrapper = etree.SubElement(header, "wrapper")
    root.replace(body, forged_body("id-forged"))
    wrapper.append(body)


def moved_into_the_header_renamed(root: etree._Element) -> None:
    """The signed element keeps its id, and is called otherwise: the digest would still have to match."""
    header, body, _ = parts(root)
    root.replace(body, forged_body("id-forged"))
    body.tag = f"{{{SOAP}}}Bodies"
    header.append(body)


def moved_into_the_signature(root: etree._Element) -> None:
    _, body, security = parts(root)
    root.replace(body, forged_body("id-forged"))
    etree.SubElement(security[0], f"{{{DS}}}Object").append(body)


def moved_with_one_id(root: etree._Element) -> None:
    header, body, _ = parts(root)
    root.replace(body, forged_body("id-answer"))
    body.tag = "old"
    etree.SubElement(header, "wrapper").append(body)


def same_id_by_another_attribute(root: etree._Element) -> None:
    header, _, _ = parts(root)
    etree.SubElement(header, "decoy").set("ID", "id-answer")


def body_in_a_body(root: etree._Element) -> None:
    _, body, _ = parts(root)
    forged = forged_body("id-forged")
    root.replace(body, forged)
    forged[0].append(body)


def no_id(root: etree._Element) -> None:
    del parts(root)[1].attrib[f"{{{WSU}}}Id"]


def other_id(root: etree._Element) -> None:
    parts(root)[1].set(f"{{{WSU}}}Id", "id-moved")


def reference_to_the_whole(root: etree._Element) -> None:
    next(root.iter(f"{{{DS}}}Reference")).set("URI", "")


def reference_outside(root: etree._Element) -> None:
    next(root.iter(f"{{{DS}}}Reference")).set("URI", "http://127.0.0.1:1/body.xml")


def two_references(root: etree._Element) -> None:
    reference = next(root.iter(f"{{{DS}}}Reference"))
    reference.addnext(etree.fromstring(etree.tostring(reference)))


def second_signature(root: etree._Element) -> None:
    _, _, security = parts(root)
    security.append(etree.fromstring(etree.tostring(security[0])))


def signature_in_the_body(root: etree._Element) -> None:
    _, body, security = parts(root)
    body.append(security[0])


def second_security_header(root: etree._Element) -> None:
    header, _, security = parts(root)
    header.append(etree.fromstring(etree.tostring(security)))


def security_elsewhere(root: etree._Element) -> None:
    header, _, security = parts(root)
    etree.SubElement(header, "wrapper").append(security)


def header_after_the_body(root: etree._Element) -> None:
    root.append(parts(root)[0])


def no_signature(root: etree._Element) -> None:
    _, _, security = parts(root)
    security.remove(security[0])


def no_header(root: etree._Element) -> None:
    root.remove(parts(root)[0])


def another_root(root: etree._Element) -> None:
    root.tag = "{http://www.w3.org/2003/05/soap-envelope}Envelope"


WRAPPINGS: list[tuple[Callable[[etree._Element], None], str]] = [
    (second_body, "structure"),
    (second_body_first, "structure"),
    (moved_into_the_header, "structure"),
    (moved_into_the_header_renamed, "other_element"),
    (moved_into_the_signature, "structure"),
    (moved_with_one_id, "duplicate_id"),
    (same_id_by_another_attribute, "duplicate_id"),
    (body_in_a_body, "structure"),
    (no_id, "other_element"),
    (other_id, "other_element"),
    (reference_to_the_whole, "other_element"),
    (reference_outside, "other_element"),
    (two_references, "structure"),
    (second_signature, "several_signatures"),
    (signature_in_the_body, "structure"),
    (second_security_header, "several_signatures"),
    (security_elsewhere, "structure"),
    (header_after_the_body, "structure"),
    (no_signature, "unsigned"),
    (no_header, "unsigned"),
    (another_root, "no_soap"),
]


@pytest.mark.parametrize(("change", "cause"), WRAPPINGS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_signature_counts_only_over_the_body_that_is_read(
    change: Callable[[etree._Element], None], cause: str
) -> None:
    root = tree()
    change(root)
    assert refused(etree.tostring(root)) == cause


def test_bytes_that_the_signature_is_not_over_are_not_read_whatever_the_form_said() -> None:
    """Were an attack to pass the checks of the form, the bytes that are read would still be compared."""
    document = signed(FOUND, GOOD)
    envelope = envelope_of(parsed(document), METHODS["rsa"])
    check_signature(document, envelope, NOW)
    with pytest.raises(Untrusted, match="other_element"):
        check_signature(document, replace(envelope, signed=envelope.signed.replace(b"1885", b"1886")), NOW)


def test_what_is_read_is_what_was_signed() -> None:
    """A comment is not in the signed form: it can neither cut a text in two nor be read."""
    split = signed(FOUND, GOOD).replace("Сынақ".encode(), "Сын<!-- x -->ақ".encode())
    found = read(split)
    assert isinstance(found, Person)
    assert found.full_name == "Сынақ Әлия Болатқызы"


@pytest.mark.parametrize("before", ["Сынақ", "1885-07-15", "<code>0</code>", MESSAGE, "SCSS001"])
def test_no_word_of_the_body_can_be_changed(before: str) -> None:
    document = signed(FOUND, GOOD)
    changed = document.replace(before.encode(), before.encode().replace(before[-3:].encode(), b"999", 1))
    assert changed != document
    assert refused(changed) in ("digest", "malformed")


# ---------------------------------------------------------------- certificates


@pytest.mark.parametrize(
    ("signing", "cause"),
    [
        (Signing(Authority("Another", "another").issue()), "authority"),
        (Signing(Authority(keys="another").issue()), "authority"),  # of the same name
        (Signing(GATEWAYS.issue(since=NOW - timedelta(9), until=NOW - timedelta(1))), "expired"),
        (Signing(GATEWAYS.issue(since=NOW + timedelta(1))), "expired"),
        (Signing(GATEWAYS.issue(usages=("key_encipherment",))), "usage"),
        (Signing(GATEWAYS.issue(ca=True)), "usage"),
        (Signing(GATEWAYS.certificate(), keys="authority"), "usage"),
        (Signing(GATEWAYS.issue(bin_="000140000025")), "owner"),
        (Signing(GATEWAYS.issue(bin_=None)), "owner"),
        (Signing(GATEWAYS.issue(), keys="somebody"), "signature"),
    ],
)
def test_only_the_gateways_own_certificate_counts(signing: Signing, cause: str) -> None:
    assert refused(signed(FOUND, signing)) == cause


def test_an_authority_that_has_expired_vouches_for_nobody() -> None:
    document = signed(FOUND, Signing(GATEWAYS.issue(until=NOW + timedelta(3000))))
    with pytest.raises(Untrusted, match="authority"):
        verifier().check(document, NOW + timedelta(2000))


def test_a_certificate_made_by_a_holder_of_one_is_not_believed() -> None:
    """The gateway's certificate is no authority's: whom it certifies is nobody."""
    made = Signing(Authority("Test gateway", "gateway").issue("somebody"), keys="somebody")
    check = RsaVerifier([GATEWAYS.certificate()])
    assert refused(signed(FOUND, made), check=check) == "authority"


@pytest.mark.parametrize(
    "key_info",
    [
        "",
        "<ds:KeyName>gateway</ds:KeyName>",
        "<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>",
    ],
)
def test_a_signature_must_come_with_its_certificate(key_info: str) -> None:
    text = signed(FOUND, replace(GOOD, key_info="data")).decode()
    start, end = text.index("<ds:KeyInfo>") + len("<ds:KeyInfo>"), text.index("</ds:KeyInfo>")
    assert refused((text[:start] + key_info + text[end:]).encode()) == "certificate"


def test_two_certificates_are_one_too_many() -> None:
    text = signed(FOUND, replace(GOOD, key_info="data")).decode()
    start, end = text.index("<ds:X509Certificate>"), text.index("</ds:X509Data>")
    assert refused((text[:end] + text[start:end] + text[end:]).encode()) == "certificate"


def crl(*revoked: x509.Certificate) -> bytes:
    """The list of the gateway's authority."""
    builder = x509.CertificateRevocationListBuilder(GATEWAYS.subject, NOW - timedelta(1), NOW + timedelta(1))
    for each in revoked:
        entry = x509.RevokedCertificateBuilder(each.serial_number, NOW - timedelta(1)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key("authority"), hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_revoked_certificate_is_not_believed_nor_one_that_no_list_covers(tmp_path: Path) -> None:
    def by_lists() -> RsaVerifier:
        return RsaVerifier([GATEWAYS.certificate()], BIN, RevocationLists(tmp_path))

    document = signed(FOUND, GOOD)
    assert refused(document, check=by_lists()) == "revocation_unknown"
    (tmp_path / "gateway.crl").write_bytes(crl())
    assert isinstance(read(document, check=by_lists()), Person)
    (tmp_path / "gateway.crl").write_bytes(crl(GOOD.certificate))
    assert refused(document, check=by_lists()) == "revoked"


# ---------------------------------------------------------------- algorithms

SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
XPATH = "<ds:XPath>not(ancestor-or-self::soap:Body)</ds:XPath>"
XSLT = '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"/>'


def transform(algorithm: str, inside: str = "") -> str:
    return f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>'


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"method": RSA_SHA1, "digest_method": SHA1, "hash_name": "sha1"}, "algorithm"),
        ({"digest_method": SHA1, "hash_name": "sha1"}, "algorithm"),
        ({"method": RSA_SHA1}, "algorithm"),
        ({"method": "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"}, "algorithm"),
        ({"method": "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"}, "algorithm"),
        ({"method": ""}, "algorithm"),
        ({"c14n": "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"}, "algorithm"),
        ({"c14n": f"{EXCLUSIVE}WithComments"}, "algorithm"),
        ({"transforms": transform("http://www.w3.org/TR/1999/REC-xpath-19991116", XPATH)}, "transform"),
        ({"transforms": transform("http://www.w3.org/TR/1999/REC-xslt-19991116", XSLT)}, "transform"),
        ({"transforms": transform("http://www.w3.org/2002/06/xmldsig-filter2", XPATH)}, "transform"),
        ({"transforms": transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature")}, "transform"),
        ({"transforms": transform("http://www.w3.org/2000/09/xmldsig#base64") + transform(EXCLUSIVE)}, "transform"),
        ({"transforms": transform(f"{EXCLUSIVE}WithComments")}, "transform"),
        ({"transforms": transform(EXCLUSIVE, XPATH)}, "transform"),
        ({"transforms": transform(EXCLUSIVE) * 2}, "transform"),
        ({"transforms": ""}, "transform"),
    ],
)
def test_only_the_agreed_algorithms_count(changes: dict[str, str], cause: str) -> None:
    assert refused(signed(FOUND, replace(GOOD, **changes))) == cause  # type: ignore[arg-type]  # fields by name


def test_the_public_key_is_no_shared_secret() -> None:
    """HMAC "signed" with the gateway's public key, which everybody has."""
    method = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    root = etree.fromstring(signed(FOUND, replace(GOOD, method=method)))
    info = next(root.iter(f"{{{DS}}}SignedInfo"))
    public = key("gateway").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    value = hmac.new(public, canonical(info), hashlib.sha256).digest()
    next(root.iter(f"{{{DS}}}SignatureValue")).text = base64.b64encode(value).decode()
    assert refused(etree.tostring(root)) == "algorithm"


def test_a_digest_alone_is_no_signature() -> None:
    """The Body and its digest are exchanged, and the old signature value stays."""
    old = etree.fromstring(signed(FOUND, GOOD))
    new = etree.fromstring(signed(answer(persons(person(OTHER_IIN))), GOOD))
    next(new.iter(f"{{{DS}}}SignatureValue")).text = next(old.iter(f"{{{DS}}}SignatureValue")).text
    assert refused(etree.tostring(new)) == "signature"
    assert next(new.iter(f"{{{DS}}}DigestMethod")).get("Algorithm") == SHA256


# ---------------------------------------------------------------- another answer, an old one


def test_an_answer_to_another_message_is_refused() -> None:
    document = signed(answer(persons(person()), correlation_id="other"), GOOD)
    assert refused(document) == "other_message"


def test_an_answer_that_was_good_once_is_refused_for_the_next_message() -> None:
    document = signed(FOUND, GOOD)
    assert isinstance(read(document), Person)
    assert refused(document, message_id="00000000-0000-4000-8000-000000000002") == "other_message"


@pytest.mark.parametrize("away", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_an_old_answer_is_refused(away: timedelta) -> None:
    assert refused(signed(answer(persons(person()), at=NOW + away), GOOD)) == "stale"


def test_an_answer_without_a_time_is_refused() -> None:
    document = answer(persons(person())).replace(f"{NOW.isoformat(timespec='milliseconds')}", "")
    assert refused(signed(document, GOOD)) == "stale"


def test_the_message_must_be_named_where_the_gateway_names_it() -> None:
    """Not in ``data``, which the service fills."""
    told = answer(persons(person()).replace("<messageId>a", f"<messageId>{MESSAGE}"), correlation_id=None)
    assert refused(signed(told, GOOD)) == "other_message"


def test_two_message_ids_are_none() -> None:
    told = FOUND.replace("<correlationId>", "<correlationId>other</correlationId><correlationId>", 1)
    assert refused(signed(told, GOOD)) == "other_message"


# ---------------------------------------------------------------- whatever is done to an answer

ORIGINAL = signed(FOUND, GOOD)
ELEMENTS = len(list(etree.fromstring(ORIGINAL).iter(etree.Element)))


def outcome(document: bytes) -> object:
    try:
        return read(document)
    except (BadXml, Untrusted, NoAnswer) as error:
        return type(error)


@settings(max_examples=300)
@given(st.data())
def test_bytes_that_were_changed_never_find_anybody_else(data: st.DataObject) -> None:
    document = bytearray(ORIGINAL)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(document) - 1))
        change = data.draw(st.sampled_from(["flip", "cut", "double", "insert"]))
        if change == "flip":
            document[place] ^= 1 << data.draw(st.integers(0, 7))
        elif change == "cut":
            del document[place : place + data.draw(st.integers(1, 200))]
        elif change == "double":
            document[place:place] = document[place : place + data.draw(st.integers(1, 400))]
        else:
            document[place:place] = data.draw(st.binary(min_size=1, max_size=20))
        if not document:
            break
    assert_only_the_original(bytes(document))


@settings(max_examples=300)
@given(st.data())
def test_elements_that_were_moved_never_find_anybody_else(data: st.DataObject) -> None:
    root = etree.fromstring(ORIGINAL)
    for _ in range(data.draw(st.integers(1, 3))):
        elements = list(root.iter(etree.Element))
        first, second = (elements[data.draw(st.integers(0, len(elements) - 1))] for _ in range(2))
        change = data.draw(st.sampled_from(["move", "copy", "remove", "rename", "text", "id"]))
        if change == "text":
            first.text = "other"
        elif change == "id":
            first.set(data.draw(st.sampled_from(["Id", "ID", "id", f"{{{WSU}}}Id"])), "id-answer")
        elif change == "rename":
            first.tag = second.tag
        elif first is not root and change == "remove":
            first.getparent().remove(first)
        elif first is not root and first not in second.iterancestors() and first is not second:
            second.append(first if change == "move" else etree.fromstring(etree.tostring(first)))
    assert_only_the_original(etree.tostring(root))


def assert_only_the_original(document: bytes) -> None:
    """Nothing is found, or it is what the gateway signed, word by word."""
    told = outcome(document)
    if isinstance(told, Person | NotFound | NoConsent):
        assert told == read(ORIGINAL)
        body = verifier().check(document, NOW)
        assert canonical(body) == canonical(parts(etree.fromstring(ORIGINAL))[1])
