"""Revocation lists as operators keep them: several, renewed under way, full ones and deltas."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import core  # type: ignore[import-untyped]  # ships no types
from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from homecall.gateways.signatures.revocation import EVERY_REASON, RevocationLists, read_list
from tests.unit.gateways.signing import AIGUL, AT, authority, impostor

NOW = AT.astimezone(UTC)
DAY = timedelta(days=1)
PERSON = authority().individual(AIGUL, since=NOW - 9 * DAY, until=NOW + 9 * DAY)
SERIAL = PERSON.serial_number


class Monotonic:
    """A clock that stands until it is moved."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def put(directory: Path, name: str, crl: x509.CertificateRevocationList, encoding: Encoding = Encoding.DER) -> None:
    (directory / name).write_bytes(crl.public_bytes(encoding))


def told(directory: Path, at: datetime = NOW) -> str:
    return RevocationLists(directory).verdict(PERSON, authority().certificate, at)


def entry(
    at: datetime = NOW - DAY, *, reason: x509.ReasonFlags | None = None, invalid_since: datetime | None = None
) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder(SERIAL, at)
    if reason is not None:
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    if invalid_since is not None:
        builder = builder.add_extension(x509.InvalidityDate(invalid_since), critical=False)
    return builder.build()


def special(
    *entries: x509.RevokedCertificate,
    extension: x509.ExtensionType | None = None,
    also: x509.ExtensionType | None = None,
    name: x509.Name | None = None,
    since: datetime = NOW - DAY,
    until: datetime = NOW + DAY,
) -> x509.CertificateRevocationList:
    """A list of the authority; ``extension`` is critical, ``also`` is not."""
    builder = x509.CertificateRevocationListBuilder(
        name or authority().certificate.subject, since, until, [], list(entries)
    )
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    if also is not None:
        builder = builder.add_extension(also, critical=False)
    return builder.sign(authority().key, hashes.SHA256())


HERE, THERE = "http://crl.example.kz/1.crl", "http://crl.example.kz/2.crl"
COMPROMISED, ON_HOLD = x509.ReasonFlags.key_compromise, x509.ReasonFlags.certificate_hold
RELATIVE = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "1")])


def point(
    *names: str | x509.Name,
    relative: x509.RelativeDistinguishedName | None = None,
    reasons: frozenset[x509.ReasonFlags] | None = None,
    **over: bool,
) -> x509.IssuingDistributionPoint:
    flags = dict.fromkeys(
        ("only_contains_user_certs", "only_contains_ca_certs", "only_contains_attribute_certs", "indirect_crl"), False
    )
    return x509.IssuingDistributionPoint(
        full_name=general(*names) or None, relative_name=relative, only_some_reasons=reasons, **(flags | over)
    )


def general(*names: str | x509.Name) -> list[x509.GeneralName]:
    return [
        x509.UniformResourceIdentifier(name) if isinstance(name, str) else x509.DirectoryName(name) for name in names
    ]


def refers(
    *names: str,
    relative: x509.RelativeDistinguishedName | None = None,
    reasons: frozenset[x509.ReasonFlags] | None = None,
    of: x509.Name | None = None,
) -> x509.DistributionPoint:
    """What a certificate says of where it is found when it is revoked."""
    return x509.DistributionPoint(general(*names) or None, relative, reasons, [x509.DirectoryName(of)] if of else None)


def person(*points: x509.DistributionPoint, authority_too: bool = False) -> x509.Certificate:
    """A certificate of our authority with these distribution points."""
    builder = x509.CertificateBuilder(
        authority().certificate.subject, PERSON.subject, PERSON.public_key(), SERIAL, NOW - 9 * DAY, NOW + 9 * DAY
    ).add_extension(x509.BasicConstraints(ca=authority_too, path_length=None), critical=True)
    if points:
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
    return builder.sign(authority().key, hashes.SHA256())


def keeps_since(at: datetime) -> x509.UnrecognizedExtension:
    """``expiredCertsOnCRL``."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), core.GeneralizedTime(at).dump())


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.398.9.9.9"), b"\x05\x00")
DELTA = x509.DeltaCRLIndicator(1)


@pytest.mark.parametrize(
    ("crls", "verdict"),
    [
        ([], "unknown"),
        ([special()], "good"),
        ([special(entry())], "revoked"),
        ([special(entry(NOW + DAY))], "good"),
        ([special(entry(NOW + DAY, invalid_since=NOW - DAY))], "revoked"),
        ([special(entry(reason=x509.ReasonFlags.certificate_hold))], "revoked"),
        ([authority().revocations(until=NOW - DAY)], "unknown"),
        ([authority().revocations({SERIAL: NOW - 2 * DAY}, until=NOW - DAY)], "revoked"),
        ([authority().revocations(since=NOW + DAY)], "good"),
        ([authority().revocations(since=NOW + 10 * DAY)], "unknown"),
        ([impostor().revocations()], "unknown"),
        ([special(name=PERSON.subject)], "unknown"),
        ([impostor().revocations({SERIAL: NOW - DAY}), special()], "good"),
        ([special(extension=DELTA)], "unknown"),
        ([special(extension=DELTA), special()], "good"),
        ([special(entry(), extension=DELTA), special()], "revoked"),
        ([special(entry(reason=x509.ReasonFlags.remove_from_crl), extension=DELTA), special()], "good"),
        ([special(entry(reason=x509.ReasonFlags.remove_from_crl), extension=DELTA), special(entry())], "revoked"),
        ([special(extension=point(only_contains_user_certs=True))], "good"),
        ([special(extension=point(only_contains_ca_certs=True))], "unknown"),
        ([special(extension=point(only_contains_attribute_certs=True))], "unknown"),
        ([special(extension=point(HERE, indirect_crl=True))], "unknown"),
        ([special(extension=UNKNOWN)], "unknown"),
    ],
    ids=[
        "no list",
        "not on it",
        "on it",
        "revoked later",
        "revoked later, stolen before",
        "on hold",
        "out of date",
        "out of date, but on it",
        "newer than the request",
        "newer than the certificate's end",
        "an impostor's",
        "in another name",
        "on an impostor's",
        "a delta alone",
        "a delta and a full one",
        "on the delta",
        "taken off hold",
        "taken off hold, the full one not renewed yet",
        "of people only",
        "of authorities only",
        "of attribute certificates only",
        "indirect",
        "with an unknown critical extension",
    ],
)
def test_verdict(tmp_path: Path, crls: list[x509.CertificateRevocationList], verdict: str) -> None:
    for number, crl in enumerate(crls):
        put(tmp_path, f"{number}.crl", crl)
    assert told(tmp_path) == verdict


SOME, REST = frozenset({COMPROMISED}), EVERY_REASON - {COMPROMISED}
NAME = authority().certificate.subject
AT_HERE = [special(extension=point(HERE))]


@pytest.mark.parametrize(
    ("certificate", "crls", "verdict"),
    [
        (person(refers(HERE)), AT_HERE, "good"),
        (person(refers(THERE, HERE)), AT_HERE, "good"),
        (person(refers(THERE), refers(HERE)), AT_HERE, "good"),
        (person(refers(THERE)), AT_HERE, "unknown"),
        (person(), AT_HERE, "unknown"),
        (person(), [special(extension=point(NAME))], "good"),
        (person(refers(HERE)), [special()], "good"),
        (person(refers(THERE)), [special(entry(), extension=point(HERE))], "revoked"),
        (person(refers(HERE, of=PERSON.subject)), AT_HERE, "unknown"),
        (person(refers(relative=RELATIVE)), [special(extension=point(relative=RELATIVE))], "good"),
        (person(refers(HERE)), [special(extension=point(relative=RELATIVE))], "unknown"),
        (person(refers(HERE, reasons=SOME)), AT_HERE, "unknown"),
        (person(refers(HERE, reasons=SOME), refers(HERE, reasons=REST)), AT_HERE, "good"),
        (person(), [special(extension=point(reasons=SOME))], "unknown"),
        (person(), [special(extension=point(reasons=SOME)), special(extension=point(reasons=REST))], "good"),
        (person(), [special(extension=point(reasons=REST)), special(extension=DELTA)], "unknown"),
        (person(), [special(extension=point(reasons=SOME)), special(extension=point(HERE, reasons=REST))], "unknown"),
        (
            person(refers(HERE, reasons=SOME), refers(THERE, reasons=REST)),
            [*AT_HERE, special(extension=point(THERE))],
            "good",
        ),
        (person(authority_too=True), [special(extension=point(only_contains_user_certs=True))], "unknown"),
        (person(authority_too=True), [special(extension=point(only_contains_ca_certs=True))], "good"),
        (person(refers(HERE)), [special(extension=point(HERE, only_contains_user_certs=True))], "good"),
        (person(refers(THERE)), [special(extension=point(HERE, only_contains_user_certs=True))], "unknown"),
    ],
)
def test_a_partial_list_tells_of_what_it_covers_and_of_nothing_else(
    tmp_path: Path, certificate: x509.Certificate, crls: list[x509.CertificateRevocationList], verdict: str
) -> None:
    for number, crl in enumerate(crls):
        put(tmp_path, f"{number}.crl", crl)
    assert RevocationLists(tmp_path).verdict(certificate, authority().certificate, NOW) == verdict


ENDS = NOW + 9 * DAY
AFTER = {"since": ENDS + DAY, "until": ENDS + 9 * DAY}
GARBLED = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), b"\x05\x00")


@pytest.mark.parametrize(
    ("crl", "verdict", "too_late"),
    [
        (special(since=ENDS, until=ENDS + DAY), "good", False),
        (special(since=ENDS + timedelta(seconds=1), until=ENDS + DAY), "unknown", True),
        (special(**AFTER), "unknown", True),
        (special(**AFTER, also=keeps_since(ENDS)), "good", False),
        (special(**AFTER, also=keeps_since(ENDS + timedelta(seconds=1))), "unknown", True),
        (special(**AFTER, also=GARBLED), "unknown", True),
        (special(entry(), **AFTER), "revoked", True),
        (special(**AFTER, extension=point(only_contains_ca_certs=True)), "unknown", False),
        (special(**AFTER, extension=DELTA), "unknown", False),
        (impostor().revocations(since=ENDS + DAY), "unknown", False),
        (special(until=NOW - DAY, since=NOW - 2 * DAY), "unknown", False),
    ],
)
def test_a_list_from_after_the_certificate_s_end_tells_of_it_only_if_it_keeps_the_expired(
    tmp_path: Path, crl: x509.CertificateRevocationList, verdict: str, too_late: bool
) -> None:
    put(tmp_path, "a.crl", crl)
    assert told(tmp_path, NOW) == verdict
    assert RevocationLists(tmp_path).too_late(PERSON, authority().certificate) == too_late


@pytest.mark.parametrize(
    ("name", "hashed", "verdict"), [("sha1_rsa", hashes.SHA1(), "unknown"), ("sha384_rsa", hashes.SHA384(), "good")]
)
def test_a_list_that_is_signed_with_sha_1_tells_nothing(
    tmp_path: Path, name: str, hashed: hashes.HashAlgorithm, verdict: str
) -> None:
    crl = asn1_crl.CertificateList.load(special().public_bytes(Encoding.DER))
    crl["tbs_cert_list"]["signature"]["algorithm"] = crl["signature_algorithm"]["algorithm"] = name
    crl["signature"] = authority().key.sign(crl["tbs_cert_list"].dump(force=True), padding.PKCS1v15(), hashed)
    (tmp_path / "a.crl").write_bytes(crl.dump(force=True))
    assert told(tmp_path) == verdict


def test_pem_and_der_and_nothing_else_in_the_directory_matter(tmp_path: Path) -> None:
    put(tmp_path, "list.pem", special(), Encoding.PEM)
    (tmp_path / "README.txt").write_text("how these are renewed")
    (tmp_path / "broken.crl").write_bytes(b"\x30")
    assert told(tmp_path) == "good"


@pytest.mark.parametrize("content", [b"", b"\x30\x03\x02\x01\x05", b"-----BEGIN X509 CRL-----\nAA==\n"])
def test_what_is_no_list_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_list(content)


def test_a_list_is_renewed_without_a_restart(tmp_path: Path) -> None:
    clock = Monotonic()
    lists = RevocationLists(tmp_path, clock=clock)

    def verdict() -> str:
        return lists.verdict(PERSON, authority().certificate, NOW)

    put(tmp_path, "a.crl", special())
    assert verdict() == "good"
    put(tmp_path, "a.crl", special(entry()))
    os.utime(tmp_path / "a.crl", ns=(1, 1))
    assert verdict() == "good"  # not looked at again yet
    clock.seconds += 10
    assert verdict() == "revoked"

    (tmp_path / "a.crl").write_bytes(b"half of")
    clock.seconds += 10
    assert verdict() == "revoked"  # what is being written does not count
    (tmp_path / "a.crl").unlink()
    clock.seconds += 10
    assert verdict() == "unknown"


def test_a_directory_that_is_gone_leaves_what_was_read(tmp_path: Path) -> None:
    clock = Monotonic()
    directory = tmp_path / "crls"
    directory.mkdir()
    put(directory, "a.crl", special())
    lists = RevocationLists(directory, clock=clock)
    assert lists.verdict(PERSON, authority().certificate, NOW) == "good"
    directory.rename(tmp_path / "elsewhere")
    clock.seconds += 10
    assert lists.verdict(PERSON, authority().certificate, NOW) == "good"
