"""Which verifier the settings ask for, and the one line that stops the start when they ask in vain."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from homecall.gateways.signatures.choice import verifier_from
from homecall.gateways.signatures.ncanode import NcaNode
from homecall.gateways.signatures.port import Invalid, Unchecked, Valid
from homecall.gateways.signatures.rsa_pool import RsaPool
from homecall.runtime.settings import Settings, SettingsError
from tests.unit.gateways.signing import AIGUL, authority, der, signed


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine's, and no .env but the test's own."""
    for name in [name for name in os.environ if name.startswith("HOMECALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def settings(env: Literal["production", "development"] = "development", **over: Any) -> Settings:
    return Settings(env=env, **over)


@pytest.fixture
def trust_store(tmp_path: Path) -> Path:
    (tmp_path / "trust").mkdir()
    (tmp_path / "trust" / "authority.cer").write_bytes(der(authority().certificate))
    return tmp_path / "trust"


@pytest.fixture
def crls(tmp_path: Path) -> Path:
    (tmp_path / "crls").mkdir()
    (tmp_path / "crls" / "authority.crl").write_bytes(authority().revocations().public_bytes(Encoding.DER))
    return tmp_path / "crls"


def refused(**over: Any) -> str:
    with pytest.raises(SettingsError) as error:
        verifier_from(settings(**over))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_each_has_its_own(trust_store: Path, crls: Path) -> None:
    assert isinstance(verifier_from(settings(signatures="off")), Unchecked)
    assert isinstance(verifier_from(settings(trust_store=trust_store, crls=crls)), RsaPool)
    assert isinstance(verifier_from(settings(signatures="ncanode", ncanode_url="http://127.0.0.1:14579")), NcaNode)


async def test_off_asks_for_a_signature_and_does_not_look_at_it() -> None:
    verifier = verifier_from(settings(signatures="off"))
    await verifier.start()
    verdicts = await verifier.verify([signed("anything at all"), signed(""), signed(" \n"), signed("x", b"no json")])
    assert [type(verdict) for verdict in verdicts] == [Valid, Invalid, Invalid, Valid]
    await verifier.close()


def test_without_lists_revocation_is_not_checked_and_that_is_said_once(trust_store: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        verifier_from(settings(trust_store=trust_store))
    assert [(line["log_level"], "HOMECALL_CRLS" in line["event"]) for line in logged] == [("warning", True)]


def test_in_production_rsa_needs_lists_or_ocsp_or_to_be_told_that_nothing_is_checked(
    trust_store: Path, crls: Path
) -> None:
    with structlog.testing.capture_logs() as logged:
        said = refused(env="production", trust_store=trust_store)
    assert not logged
    for name in ("HOMECALL_CRLS", "HOMECALL_OCSP", "HOMECALL_REVOCATION=unchecked"):
        assert name in said
    for enough in ({"crls": crls}, {"ocsp": "certificate"}, {"ocsp": "http://ocsp.example.kz/"}):
        assert isinstance(verifier_from(settings("production", trust_store=trust_store, **enough)), RsaPool)
    with structlog.testing.capture_logs() as logged:
        verifier_from(settings("production", trust_store=trust_store, revocation="unchecked"))
    assert [line["log_level"] for line in logged] == ["warning"]


def test_unchecked_switches_nothing_off_that_is_there(tmp_path: Path, trust_store: Path, crls: Path) -> None:
    over = {"trust_store": trust_store, "revocation": "unchecked"}
    assert refused(env="production", crls=tmp_path / "nowhere", **over).startswith("HOMECALL_CRLS")
    with structlog.testing.capture_logs() as logged:
        verifier_from(settings("production", crls=crls, **over))
    assert not logged


def test_rsa_needs_a_trust_store(tmp_path: Path, trust_store: Path) -> None:
    assert refused().startswith("HOMECALL_TRUST_STORE is missing")
    assert refused(trust_store=tmp_path / "nowhere").startswith("HOMECALL_TRUST_STORE names no directory")
    assert refused(trust_store=trust_store / "authority.cer").startswith("HOMECALL_TRUST_STORE names no directory")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.txt").write_text("none yet")
    assert refused(trust_store=tmp_path / "empty").startswith("HOMECALL_TRUST_STORE holds no certificate")


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]
)
def test_a_file_that_is_no_certificate_is_named(trust_store: Path, content: bytes) -> None:
    (trust_store / "other.pem").write_bytes(content)
    assert "other.pem is no certificate" in refused(trust_store=trust_store)


def test_a_persons_certificate_is_no_authority(trust_store: Path) -> None:
    # Trusted by itself, it would be trusted whatever it is for.
    (trust_store / "person.crt").write_bytes(authority().individual(AIGUL).public_bytes(Encoding.PEM))
    assert "person.crt is no authority's" in refused(trust_store=trust_store)


def test_lists_that_were_asked_for_are_there(tmp_path: Path, trust_store: Path, crls: Path) -> None:
    assert refused(trust_store=trust_store, crls=tmp_path / "nowhere").startswith("HOMECALL_CRLS names no directory")
    (tmp_path / "empty").mkdir()
    assert refused(trust_store=trust_store, crls=tmp_path / "empty").startswith("HOMECALL_CRLS holds no revocation")
    (crls / "other.crl").write_bytes(b"garbage")
    assert "other.crl is no revocation list" in refused(trust_store=trust_store, crls=crls)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:14579",
        "ftp://127.0.0.1",
        "http://",
        "http://me:secret@127.0.0.1",
        "http://127.0.0.1/?a=b",
        "http://[::",
    ],
)
def test_ncanode_needs_an_address(url: str) -> None:
    assert refused(signatures="ncanode").startswith("HOMECALL_NCANODE_URL is missing")
    said = refused(signatures="ncanode", ncanode_url=url)
    assert said.startswith("HOMECALL_NCANODE_URL is no plain http or https address")
    assert "secret" not in said


@pytest.mark.parametrize(
    "url",
    [
        "http://ncanode:14579",
        "http://10.0.0.7:14579",
        "http://ncanode.example.kz",
        "HTTP://ncanode:14579",
        "http://127.0.0.1.example.kz",
        "http://localhost.example.kz",
        "http://0.0.0.0:14579",
    ],
)
def test_in_production_ncanode_is_reached_over_https_or_on_this_machine(url: str) -> None:
    said = refused(env="production", signatures="ncanode", ncanode_url=url)
    assert said.startswith("HOMECALL_NCANODE_URL: must be https in production")
    assert "http://127.0.0.1:14579" in said
    assert isinstance(verifier_from(settings(signatures="ncanode", ncanode_url=url)), NcaNode)


@pytest.mark.parametrize(
    "url",
    ["https://ncanode.example.kz", "http://127.0.0.1:14579", "http://localhost:14579", "http://[::1]:14579/base"],
)
def test_ncanode_s_address_in_production(url: str) -> None:
    assert isinstance(verifier_from(settings("production", signatures="ncanode", ncanode_url=url)), NcaNode)
