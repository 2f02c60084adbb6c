"""What an RSA signature must be to be taken (C9.2, R15), and every way to pass for one that we could think of."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509  # type: ignore[import-untyped]  # ships no types
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from homecall.gateways.signatures.dev_authority import INDIVIDUAL, ORGANISATION, DevAuthority
from homecall.gateways.signatures.port import Invalid, Unavailable, Valid, Verdict
from homecall.gateways.signatures.rsa import RsaChecker
from tests.unit.gateways.signing import (
    AIGUL,
    AT,
    BOLAT,
    DATA,
    as_json,
    authority,
    by_hand,
    content,
    der,
    impostor,
    in_ber,
    signed,
)

CHECKER = RsaChecker([der(authority().certificate)], None)
GOOD = authority().sign(DATA, AIGUL)


def checked(cms: str, data: dict[str, Any] | bytes = DATA, *, iin: str = AIGUL, at: datetime = AT) -> Verdict:
    return CHECKER.check(signed(cms, data, iin=iin, at=at))


def failed(verdict: Verdict) -> str:
    """The check that failed, once it is sure that the refusal can be shown to anybody."""
    assert isinstance(verdict, Invalid)
    assert "\n" not in verdict.message
    assert AIGUL not in verdict.message
    assert BOLAT not in verdict.message
    return verdict.check


# ---------------------------------------------------------------- good ones


@pytest.mark.parametrize(
    "data",
    [
        as_json(DATA),
        json.dumps(DATA, indent=2).encode(),
        as_json(dict(reversed(DATA.items()))),
        as_json(DATA | {"signature": {"format": "cms", "value": GOOD}}),
    ],
    ids=["as signed", "other whitespace and escapes", "other order of keys", "with its signature"],
)
def test_the_applicants_own_signature_is_taken(data: bytes) -> None:
    assert checked(GOOD, data) == Valid()


@pytest.mark.parametrize(
    "cms",
    [
        in_ber(GOOD),
        "\r\n".join(GOOD[start : start + 64] for start in range(0, len(GOOD), 64)),
        by_hand(content(), authority().individual(AIGUL), digest="sha384"),
        by_hand(content(), authority().individual(AIGUL), digest="sha512", mechanism="sha512_rsa"),
        authority().sign_bytes(content(), authority().individual(AIGUL), detached=False),
    ],
    ids=["BER with open lengths", "in lines", "SHA-384", "SHA-512", "carries exactly our content"],
)
def test_other_forms_of_a_good_signature_are_taken(cms: str) -> None:
    assert checked(cms) == Valid()


# ---------------------------------------------------------------- other data


@pytest.mark.parametrize(
    "data",
    [
        DATA | {"clinic_id": "almaty-2"},
        DATA | {"temperature_c": 38.6},
        DATA | {"request_id": "00000000-7a1b-4c3d-8e9f-0a1b2c3d4e5f"},
        DATA | {"of_a_later_version": {"flag": False}},
        DATA | {"new_field": None},
        {key: value for key, value in DATA.items() if key != "of_a_later_version"},
    ],
    ids=["a field", "a number", "replayed on another request", "an unknown field", "a field more", "a field less"],
)
def test_data_that_were_not_signed_are_refused(data: dict[str, Any]) -> None:
    assert failed(checked(GOOD, data)) == "content"


def test_a_key_that_stands_twice_is_refused_with_its_field() -> None:
    twice = as_json(DATA)[:-1] + b',"patient":{}}'
    verdict = checked(GOOD, twice)
    assert failed(verdict) == "canonical"
    assert isinstance(verdict, Invalid)
    assert verdict.path == "patient"


@pytest.mark.parametrize("over_ours", [False, True])
def test_content_that_is_carried_and_differs_is_refused(over_ours: bool) -> None:
    # A good signature by the right person, over other data that it brings along; or over ours, with others beside it.
    other = content(DATA | {"clinic_id": "almaty-2"})
    certificate = authority().individual(AIGUL)
    cms = by_hand(content() if over_ours else other, certificate, carried=other)
    assert failed(checked(cms)) == "content"


def test_content_of_another_type_is_refused() -> None:
    cms = by_hand(content(), authority().individual(AIGUL), content_type="1.2.840.113549.1.9.16.1.4")
    assert failed(checked(cms)) == "form"


# ---------------------------------------------------------------- other signers


def test_somebody_elses_signature_is_refused() -> None:
    assert failed(checked(authority().sign(DATA, BOLAT))) == "iin"
    assert failed(checked(GOOD, iin=BOLAT)) == "iin"


def test_a_certificate_that_was_swapped_for_anothers_is_refused() -> None:
    key = rsa.generate_private_key(65537, 2048)
    cms = by_hand(content(), authority().individual(AIGUL), key=key)
    assert failed(checked(cms)) == "signature"


def test_no_signer_is_refused() -> None:
    assert failed(checked(by_hand(content(), authority().individual(AIGUL), signers=0))) == "signer"


def test_two_signers_are_refused() -> None:
    assert failed(checked(by_hand(content(), authority().individual(AIGUL), signers=2))) == "signer"


def test_no_certificate_is_refused() -> None:
    assert failed(checked(by_hand(content(), authority().individual(AIGUL), certificates=[]))) == "signer"


def test_a_certificate_that_is_not_the_signers_is_refused() -> None:
    own, other = authority().individual(AIGUL), authority().individual(AIGUL)
    assert failed(checked(by_hand(content(), own, certificates=[other]))) == "signer"


def test_more_certificates_than_a_chain_has_are_refused() -> None:
    own = authority().individual(AIGUL)
    assert failed(checked(by_hand(content(), own, certificates=[own] * 5))) == "form"


# ---------------------------------------------------------------- other certificates


def test_an_authority_of_the_same_name_is_refused() -> None:
    certificate = impostor().individual(AIGUL)
    assert certificate.issuer == authority().certificate.subject
    assert failed(checked(by_hand(content(), certificate))) == "chain"
    brought = by_hand(content(), certificate, certificates=[certificate, impostor().certificate])
    assert failed(checked(brought)) == "chain"


def test_a_certificate_that_certifies_itself_is_refused() -> None:
    key = authority().signer_key
    name = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, f"IIN{AIGUL}")])
    own = x509.CertificateBuilder(name, name, key.public_key(), 1, AT - timedelta(days=1), AT + timedelta(days=1)).sign(
        key, hashes.SHA256()
    )
    assert failed(checked(by_hand(content(), own))) == "chain"


def test_a_persons_certificate_issues_none() -> None:
    person = authority().individual(BOLAT)
    shared = authority().signer_key
    rogue = DevAuthority(shared, shared, person)
    issued = rogue.individual(AIGUL)
    assert failed(checked(by_hand(content(), issued, certificates=[issued, person]))) == "chain"


def test_an_authority_that_is_not_valid_any_more_vouches_for_nobody() -> None:
    old = DevAuthority.new(signer_key=authority().signer_key)
    renewed = (
        x509.CertificateBuilder(
            old.certificate.subject,
            old.certificate.subject,
            old.key.public_key(),
            7,
            AT - timedelta(days=9),
            AT - timedelta(days=1),
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(old.key, hashes.SHA256())
    )
    cms = by_hand(content(), old.individual(AIGUL))
    assert RsaChecker([der(old.certificate)], None).check(signed(cms)) == Valid()
    assert failed(RsaChecker([der(renewed)], None).check(signed(cms))) == "chain"
    assert RsaChecker([der(renewed), der(old.certificate)], None).check(signed(cms)) == Valid()


@pytest.mark.parametrize(
    ("since", "until", "check"),
    [
        (AT - timedelta(days=9), AT - timedelta(seconds=1), "validity"),
        (AT + timedelta(seconds=1), AT + timedelta(days=9), "validity"),
        (AT, AT, None),
    ],
    ids=["expired", "not yet valid", "valid for that second"],
)
def test_the_certificate_is_valid_when_the_request_was_made(
    since: datetime, until: datetime, check: str | None
) -> None:
    cms = by_hand(content(), authority().individual(AIGUL, since=since, until=until))
    verdict = checked(cms)
    assert verdict == Valid() if check is None else failed(verdict) == check


def _named(**over: Any) -> x509.Name:
    parts = {NameOID.SERIAL_NUMBER: f"IIN{AIGUL}", NameOID.COMMON_NAME: "ҮЛГІ"} | over.get("parts", {})
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts.items() if value is not None])


CERTIFICATES: dict[str, tuple[str, Callable[[], x509.Certificate]]] = {
    "an organisation's": ("individual", lambda: authority().organisation(AIGUL, "850740000001")),
    "an organisation's that calls itself an individual's": (
        "individual",
        lambda: authority().certify(_named(), purposes=(INDIVIDUAL, ORGANISATION)),
    ),
    "an organisation's head's": (
        "individual",
        lambda: authority().certify(
            _named(), purposes=(INDIVIDUAL, x509.ObjectIdentifier(ORGANISATION.dotted_string + ".1"))
        ),
    ),
    "with a BIN": (
        "individual",
        lambda: authority().certify(
            _named(parts={NameOID.ORGANIZATIONAL_UNIT_NAME: "BIN850740000001"}), purposes=(INDIVIDUAL,)
        ),
    ),
    "nobody's in particular": ("individual", lambda: authority().certify(_named(), purposes=())),
    "for signing in": ("usage", lambda: authority().certify(_named(), purposes=(INDIVIDUAL,), signing=False)),
    "without an IIN": (
        "iin",
        lambda: authority().certify(_named(parts={NameOID.SERIAL_NUMBER: None}), purposes=(INDIVIDUAL,)),
    ),
    "with a BIN for an IIN": (
        "iin",
        lambda: authority().certify(_named(parts={NameOID.SERIAL_NUMBER: f"BIN{AIGUL}"}), purposes=(INDIVIDUAL,)),
    ),
    "with more than an IIN": (
        "iin",
        lambda: authority().certify(_named(parts={NameOID.SERIAL_NUMBER: f"IIN{AIGUL}0"}), purposes=(INDIVIDUAL,)),
    ),
    "with two IINs": (
        "iin",
        lambda: authority().certify(
            x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, f"IIN{iin}") for iin in (AIGUL, BOLAT)]),
            purposes=(INDIVIDUAL,),
        ),
    ),
}


@pytest.mark.parametrize(("check", "make"), CERTIFICATES.values(), ids=CERTIFICATES.keys())
def test_a_certificate_of_another_kind_is_refused(check: str, make: Callable[[], x509.Certificate]) -> None:
    assert failed(checked(by_hand(content(), make()))) == check


def test_the_same_certificate_of_the_right_kind_is_taken() -> None:
    # The table above fails by what each row changes, and by nothing else.
    assert checked(by_hand(content(), authority().certify(_named(), purposes=(INDIVIDUAL,)))) == Valid()


# ---------------------------------------------------------------- algorithms


@pytest.mark.parametrize(
    ("digest", "mechanism"),
    [
        ("sha1", "rsassa_pkcs1v15"),
        ("md5", "rsassa_pkcs1v15"),
        ("sha1", "sha1_rsa"),
        ("md5", "md5_rsa"),
        ("sha224", "rsassa_pkcs1v15"),
        ("sha256", "sha1_rsa"),
        ("sha256", "md5_rsa"),
        ("sha1", "sha256_rsa"),
    ],
)
def test_broken_digests_are_refused(digest: str, mechanism: str) -> None:
    cms = by_hand(content(), authority().individual(AIGUL), digest=digest, mechanism=mechanism)
    assert failed(checked(cms)) == "algorithm"


def test_a_digest_that_the_signature_does_not_name_is_refused() -> None:
    cms = by_hand(content(), authority().individual(AIGUL), mechanism="sha512_rsa")
    assert isinstance(checked(cms), Invalid)


def test_gost_is_refused_with_the_way_out() -> None:
    gost = by_hand(
        content(),
        authority().individual(AIGUL),
        digest="1.2.398.3.10.1.3.3",
        mechanism="1.2.398.3.10.1.1.2.3.2",
    )
    verdict = checked(gost)
    assert failed(verdict) == "algorithm"
    assert isinstance(verdict, Invalid)
    assert "ncanode" in verdict.message


def test_a_short_key_is_refused() -> None:
    short = rsa.generate_private_key(65537, 1024)
    certificate = authority().certify(_named(), purposes=(INDIVIDUAL,), key=short.public_key())
    assert failed(checked(by_hand(content(), certificate, key=short))) == "algorithm"


@pytest.mark.parametrize(
    ("name", "algorithm", "check"), [("sha1_rsa", hashes.SHA1(), "chain"), ("sha384_rsa", hashes.SHA384(), None)]
)
def test_a_certificate_that_was_issued_with_sha_1_is_refused(
    name: str, algorithm: hashes.HashAlgorithm, check: str | None
) -> None:
    issued = asn1_x509.Certificate.load(der(authority().individual(AIGUL)))
    issued["tbs_certificate"]["signature"]["algorithm"] = name
    issued["signature_algorithm"]["algorithm"] = name
    issued["signature_value"] = authority().key.sign(
        issued["tbs_certificate"].dump(force=True), padding.PKCS1v15(), algorithm
    )
    certificate = x509.load_der_x509_certificate(issued.dump(force=True))
    verdict = checked(by_hand(content(), certificate))
    assert verdict == Valid() if check is None else failed(verdict) == check


COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "Ёлкин Сергей"), unicodedata.normalize("NFD", "Ёлкин Сергей")


@pytest.mark.parametrize("signed_form", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("received", [COMPOSED, DECOMPOSED])
def test_what_was_signed_is_what_was_received_and_nothing_is_normalised(signed_form: str, received: str) -> None:
    """Letters that look the same and are other characters are other data (RFC 8785, 3.1)."""
    assert COMPOSED != DECOMPOSED
    person = DATA["patient"] | {"full_name": signed_form}
    cms = by_hand(content(DATA | {"patient": person}), authority().individual(AIGUL))
    verdict = CHECKER.check(signed(cms, DATA | {"patient": person | {"full_name": received}}))
    assert verdict == Valid() if signed_form == received else failed(verdict) == "content"


def test_a_letter_that_is_escaped_in_json_is_the_same_letter() -> None:
    data = DATA | {"patient": DATA["patient"] | {"full_name": DECOMPOSED}}
    cms = by_hand(content(data), authority().individual(AIGUL))
    escaped = json.dumps(data, ensure_ascii=True).encode()
    assert escaped != json.dumps(data, ensure_ascii=False).encode()
    assert CHECKER.check(signed(cms, escaped)) == Valid()


# ---------------------------------------------------------------- form


NO_CMS = {
    "nothing": "",
    "no base64": "%%%",
    "PEM": f"-----BEGIN CMS-----\n{GOOD}\n-----END CMS-----",
    "cut base64": GOOD[:-3],
    "cut DER": base64.b64encode(base64.b64decode(GOOD)[:-9]).decode(),
    "more after its end": base64.b64encode(base64.b64decode(GOOD) + b"\x00").decode(),
    "other DER": base64.b64encode(b"\x30\x03\x02\x01\x05").decode(),
    "a certificate": base64.b64encode(der(authority().certificate)).decode(),
    "too long": GOOD + "A" * 100_000,
    "lengths that never end": base64.b64encode(b"\x30\x80" * 30_000).decode(),
    "no attributes": by_hand(content(), authority().individual(AIGUL), attributes=False),
}


@pytest.mark.parametrize("cms", NO_CMS.values(), ids=NO_CMS.keys())
def test_what_is_no_cms_is_refused(cms: str) -> None:
    assert failed(checked(cms)) == "form"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_byte_never_breaks_the_check_nor_makes_other_data_good(draw: st.DataObject) -> None:
    raw = bytearray(base64.b64decode(GOOD))
    place = draw.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= draw.draw(st.integers(1, 255))
    changed = base64.b64encode(bytes(raw)).decode()
    assert isinstance(checked(changed), Valid | Invalid)
    assert isinstance(checked(changed, DATA | {"clinic_id": "almaty-2"}), Invalid)


# ---------------------------------------------------------------- revocation


def lists(directory: Path, *given_: tuple[DevAuthority, x509.CertificateRevocationList]) -> RsaChecker:
    for number, (_, crl) in enumerate(given_):
        (directory / f"{number}.crl").write_bytes(crl.public_bytes(Encoding.DER))
    return RsaChecker([der(authority().certificate)], directory)


@pytest.mark.parametrize(
    ("revoked_at", "taken"),
    [(AT - timedelta(days=1), False), (AT, False), (AT + timedelta(seconds=1), True)],
    ids=["the day before", "that second", "the second after"],
)
def test_a_revoked_certificate_is_refused_from_then_on(tmp_path: Path, revoked_at: datetime, taken: bool) -> None:
    certificate = authority().individual(AIGUL)
    crl = authority().revocations({certificate.serial_number: revoked_at.astimezone(UTC)})
    verdict = lists(tmp_path, (authority(), crl)).check(signed(by_hand(content(), certificate)))
    assert verdict == Valid() if taken else failed(verdict) == "revocation"


def test_without_a_list_that_can_tell_nobody_is_accepted_and_nobody_refused(tmp_path: Path) -> None:
    stale = authority().revocations(until=AT - timedelta(seconds=1))
    forged = impostor().revocations()
    checker = lists(tmp_path, (authority(), stale), (impostor(), forged))
    assert isinstance(checker.check(signed(GOOD)), Unavailable)
    # What no list could change is said at once.
    assert failed(checker.check(signed(authority().sign(DATA, BOLAT)))) == "iin"
    assert failed(checker.check(signed(GOOD, DATA | {"clinic_id": "almaty-2"}))) == "content"


def test_an_authority_between_is_checked_too(tmp_path: Path) -> None:
    shared = authority().signer_key
    between = authority()
    intermediate = (
        x509.CertificateBuilder(
            between.certificate.subject,
            _named(parts={NameOID.COMMON_NAME: "Between"}),
            shared.public_key(),
            77,
            AT - timedelta(days=9),
            AT + timedelta(days=9),
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(between.key, hashes.SHA256())
    )
    below = DevAuthority(shared, shared, intermediate)
    person = below.individual(AIGUL)
    cms = by_hand(content(), person, certificates=[person, intermediate])

    def verdict(name: str, *crls: x509.CertificateRevocationList) -> Verdict:
        directory = tmp_path / name
        directory.mkdir()
        return lists(directory, *((below, crl) for crl in crls)).check(signed(cms))

    assert verdict("both", authority().revocations(), below.revocations()) == Valid()
    assert isinstance(verdict("the upper alone", authority().revocations()), Unavailable)
    assert isinstance(verdict("the lower alone", below.revocations()), Unavailable)
    revoked = verdict("revoked", authority().revocations({77: AT.astimezone(UTC)}), below.revocations())
    assert failed(revoked) == "revocation"


def test_a_request_that_is_dated_back_before_its_certificate_was_revoked_is_refused(tmp_path: Path) -> None:
    certificate = authority().individual(AIGUL)
    stolen = AT.astimezone(UTC) + timedelta(hours=1)
    crl = authority().revocations({certificate.serial_number: stolen})
    (tmp_path / "a.crl").write_bytes(crl.public_bytes(Encoding.DER))
    checker = RsaChecker([der(authority().certificate)], tmp_path)
    asked = signed(by_hand(content(), certificate))
    for heard_at, verdict in [
        (None, Valid),
        (AT - timedelta(minutes=1), Valid),
        (stolen - timedelta(seconds=1), Valid),
        (stolen, Invalid),
    ]:
        assert isinstance(checker.check(replace(asked, heard_at=heard_at)), verdict), heard_at
