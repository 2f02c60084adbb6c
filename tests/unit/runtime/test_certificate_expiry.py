"""When certificates and lists expire is shown for every file the settings name, and follows the files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from homecall.runtime import metrics
from homecall.runtime.certificate_expiry import READERS, Expiry, Source
from homecall.runtime.settings import Settings

NOW = datetime(2026, 11, 30, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(name: str, days: int, encoding: Encoding = Encoding.PEM) -> bytes:
    builder = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name(name)).public_key(KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - timedelta(days=400))
    return builder.not_valid_after(NOW + timedelta(days=days)).sign(KEY, hashes.SHA256()).public_bytes(encoding)


def crl(issuer: str, hours: int, *more: x509.ExtensionType, encoding: Encoding = Encoding.DER) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(_name(issuer)).last_update(NOW - timedelta(hours=12))
    for each in more:
        builder = builder.add_extension(each, critical=True)
    return builder.next_update(NOW + timedelta(hours=hours)).sign(KEY, hashes.SHA256()).public_bytes(encoding)


def point(**more: bool) -> x509.IssuingDistributionPoint:
    only = {f"only_contains_{name}_certs": more.get(name, False) for name in ("user", "ca", "attribute")}
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier("http://crl.example/1.crl")],
        relative_name=None,
        only_some_reasons=None,
        indirect_crl=more.get("indirect", False),
        **only,
    )


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for gauge in (metrics.CERTIFICATE_EXPIRES, metrics.CERTIFICATE_ISSUED, metrics.CERTIFICATES_UNREADABLE):
        gauge.clear()


def shown() -> dict[tuple[str, str], timedelta]:
    """How long each is still good for."""
    samples = [each for family in metrics.CERTIFICATE_EXPIRES.collect() for each in family.samples]
    return {
        (each.labels["kind"], each.labels["name"]): datetime.fromtimestamp(each.value, UTC) - NOW for each in samples
    }


def unreadable() -> dict[str, float]:
    return {
        each.labels["kind"]: each.value
        for family in metrics.CERTIFICATES_UNREADABLE.collect()
        for each in family.samples
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("trust", "crls"):
        (tmp_path / name).mkdir()
    (tmp_path / "kafka.crt").write_bytes(certificate("Broker", 20))
    (tmp_path / "mine.pem").write_bytes(certificate("Me", 3) + certificate("Above me", 2000))
    (tmp_path / "mongo.crt").write_bytes(certificate("Database", 40))
    return Settings.model_construct(
        signatures="rsa",
        trust_store=tmp_path / "trust",
        crls=tmp_path / "crls",
        kafka_security="SSL",
        kafka_ca_file=tmp_path / "kafka.crt",
        kafka_cert_file=tmp_path / "mine.pem",
        mongo_url=f"mongodb://h:27017/?tls=true&tlsCAFile={tmp_path}/mongo.crt&tlsCertificateKeyFile={tmp_path}/mine.pem",
    )


def test_every_file_that_the_settings_name_is_shown(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "trust" / "root.pem").write_bytes(certificate("Root", 900) + certificate("Users", 100))
    (tmp_path / "trust" / "older.cer").write_bytes(certificate("Users", -50, Encoding.DER))
    (tmp_path / "crls" / "users.crl").write_bytes(crl("Users", 6))
    (tmp_path / "crls" / "readme.txt").write_text("fetched every hour")
    Expiry(settings).look()
    assert shown() == {
        ("trust", "Root"): timedelta(days=900),
        ("trust", "Users"): timedelta(days=100),  # the newer of two
        ("crl", "Users"): timedelta(hours=6),
        ("broker_ca", "kafka.crt"): timedelta(days=20),
        ("client_cert", "mine.pem"): timedelta(days=3),  # not its chain
        ("database_ca", "mongo.crt"): timedelta(days=40),
        ("database_cert", "mine.pem"): timedelta(days=3),
    }
    assert {kind for kind, _ in shown()} == set(READERS)
    assert unreadable() == dict.fromkeys(READERS, 0.0)


@pytest.mark.parametrize(
    ("extensions", "stands_for_all"),
    [
        ((), True),
        ((point(),), True),
        ((point(user=True),), True),
        ((point(ca=True),), False),
        ((point(attribute=True),), False),
        ((x509.DeltaCRLIndicator(7),), False),
    ],
)
def test_a_partial_list_is_not_taken_for_a_full_one(
    extensions: tuple[x509.ExtensionType, ...], stands_for_all: bool, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "crls" / "full.crl").write_bytes(crl("Users", 1))
    (tmp_path / "crls" / "other.crl").write_bytes(crl("Users", 90, *extensions, encoding=Encoding.PEM))
    Expiry(settings).look()
    assert shown()["crl", "Users"] == timedelta(hours=90 if stands_for_all else 1)


def test_a_file_that_changes_is_read_again_and_one_that_is_gone_is_not_shown(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "crls" / "users.crl"
    path.write_bytes(crl("Users", 1))
    expiry = Expiry(settings)
    expiry.look()
    path.write_bytes(crl("Users", 24))
    os.utime(path, ns=(1, 1))
    expiry.look()
    assert shown()["crl", "Users"] == timedelta(hours=24)
    path.write_bytes(b"half of a li")
    expiry.look()
    assert shown()["crl", "Users"] == timedelta(hours=24), "what it said before"
    assert unreadable()["crl"] == 1
    path.unlink()
    expiry.look()
    assert ("crl", "Users") not in shown()
    assert unreadable()["crl"] == 0


def test_a_directory_that_is_away_is_one_unreadable_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "trust").rmdir()
    Expiry(settings).look()
    assert unreadable()["trust"] == 1


def test_a_file_that_does_not_change_is_read_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    expiry = Expiry(settings)
    expiry.look()
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read again"))
    expiry.look()
    assert shown()["broker_ca", "kafka.crt"] == timedelta(days=20)


@pytest.mark.parametrize("security", ["PLAINTEXT", "SASL_SSL", "SSL"])
def test_what_is_not_used_is_not_shown(security: str, settings: Settings) -> None:
    off = settings.model_copy(
        update={"kafka_security": security, "signatures": "off", "mongo_url": "mongodb://127.0.0.1:27017"}
    )
    Expiry(off).look()
    wanted = {"PLAINTEXT": set(), "SASL_SSL": {"broker_ca"}, "SSL": {"broker_ca", "client_cert"}}[security]
    assert {kind for kind, _ in shown()} == wanted


def test_a_source_of_one_file_takes_that_whatever_its_name(tmp_path: Path) -> None:
    assert Source("broker_ca", tmp_path / "ca").look() == ([], 1)
