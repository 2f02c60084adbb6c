"""The settings of the gateway's own form: what stops the start, in one line without a secret, and what is loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from homecall.gateways.identity.http import identity_from
from homecall.gateways.identity.rounds import AskedInRounds
from homecall.runtime.settings import Settings, SettingsError
from tests.unit.gateways.shep import Authority, key

ADDRESS = "shep+https://gateway.example.kz/sync"
PROFILE = """
[sender]
id = "homecall"
password_file = "secrets/password"
code = "HOMECALL"

[persons]
service_id = "GBDFLUniversal_token"
form = "token"
route_id = "route-7"
properties = { CONNECTOR_CLIENT = "true" }

[signing]
by = "pkcs12"
key_file = "secrets/key.p12"
password_file = "secrets/key-password"

[answers]
checked_by = "rsa"
trust_store = "trust"
bin = "000140000017"
"""
ATTACHMENT = """
[attachment]
service_id = "RPN"
request = { iin = "{iin}" }
each = "attachments/attachment"
clinic = "clinic/code"
attached_from = "from"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The files of an operator."""
    authority = Authority()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "trust").mkdir()
    (tmp_path / "secrets" / "password").write_text("hidden-password\n")
    (tmp_path / "secrets" / "key-password").write_text("hidden-pw\n")
    (tmp_path / "secrets" / "key.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"k", key("ours"), authority.issue("ours"), None, BestAvailableEncryption(b"hidden-pw")
        )
    )
    (tmp_path / "trust" / "ca.pem").write_bytes(authority.certificate().public_bytes(Encoding.PEM))
    (tmp_path / "shep.toml").write_text(PROFILE)
    return tmp_path


def settings(place: Path, identity: str = ADDRESS, **more: Any) -> Settings:
    given = {"env": "production", "identity": identity, "identity_shep_file": place / "shep.toml", **more}
    return Settings(_env_file=None, **given)


def refusal(found: Settings) -> str:
    with pytest.raises(SettingsError) as caught:
        identity_from(found)
    line = str(caught.value)
    assert "\n" not in line
    assert "hidden" not in line
    return line


async def test_an_address_with_shep_is_the_gateway_in_its_own_form(place: Path) -> None:
    identity = identity_from(settings(place))
    assert isinstance(identity, AskedInRounds)
    await identity.close()


async def test_the_attachment_is_a_table(place: Path) -> None:
    (place / "shep.toml").write_text(PROFILE + ATTACHMENT)
    identity = identity_from(settings(place))
    assert identity is not None
    await identity.close()


@pytest.mark.parametrize(
    ("address", "env", "why"),
    [
        ("shep+", "production", "is no http or https address"),
        ("shep+ftp://gateway", "production", "is no http or https address"),
        ("shep+http://gateway.example.kz/sync", "production", "must be https in production"),
        ("shep+https://hidden:hidden@gateway.example.kz", "production", "holds a user or a password"),
    ],
)
def test_a_wrong_address_is_told(place: Path, address: str, env: str, why: str) -> None:
    line = refusal(settings(place, address, env=env))
    assert line.startswith(f"HOMECALL_IDENTITY: {why}")
    assert line.endswith("set an address as in shep+https://gateway.example.kz/bip-sync-wss-gost/")


async def test_in_development_http_will_do(place: Path) -> None:
    identity = identity_from(settings(place, "shep+http://gateway:8090/sync", env="development"))
    assert identity is not None
    await identity.close()


def test_the_file_must_be_named() -> None:
    line = refusal(Settings(_env_file=None, env="development", identity=ADDRESS))  # type: ignore[call-arg]  # pydantic-settings' own argument
    assert line.startswith("HOMECALL_IDENTITY_SHEP_FILE is missing")


def without(word: str) -> Callable[[str], str]:
    return lambda text: "\n".join(line for line in text.splitlines() if word not in line)


def instead(before: str, after: str) -> Callable[[str], str]:
    return lambda text: text.replace(before, after)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text + "[", "names a file that is no TOML"),
        (lambda text: text + "[other]\n", "other: Extra inputs are not permitted"),
        (without("code ="), "sender.code: Field required"),
        (instead('"token"', '"other"'), "persons.form: Input should be 'universal' or 'token'"),
        (instead('"homecall"', '"a\\nb"'), "sender.id: holds a control character"),
        (instead("bin = ", "bin = 1 #"), "answers.bin: Input should be a valid string"),
        (without("trust_store"), "answers.trust_store is missing: checked_by = rsa needs the directory"),
        (instead('"trust"', '"nowhere"'), "answers.trust_store names no directory that can be read"),
        (instead('"trust"', '"secrets"'), "answers.trust_store holds no certificate"),
        (instead("secrets/password", "nowhere"), "sender.password_file names a file that is empty or cannot be read"),
        (instead("secrets/key.p12", "nowhere"), "signing.key_file cannot be read: No such file"),
        (instead("secrets/key.p12", "shep.toml"), "signing.key_file is no PKCS#12 file"),
        (instead("secrets/key-password", "secrets/password"), "signing.key_file is no PKCS#12 file"),
        (instead('"pkcs12"', '"ncanode"'), "HOMECALL_NCANODE_URL is missing"),
        (instead('"rsa"', '"ncanode"'), "HOMECALL_NCANODE_URL is missing"),
        (lambda text: text + '[meanings]\nnot_found = ["("]\n', "meanings.not_found.0: is no regular expression"),
        (lambda text: text + ATTACHMENT.replace("{iin}", "x"), "attachment: request must hold {iin}"),
        (lambda text: text + ATTACHMENT.replace("{iin}", "{iin}{name}"), "attachment: request must hold {iin}"),
        (
            lambda text: text + ATTACHMENT.replace("clinic/code", "//code"),
            "attachment.clinic: must be names",
        ),
        (lambda text: text + ATTACHMENT + 'data_type = "Request"\n', "attachment: data_type must be a namespace"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_in_one_line(place: Path, change: Callable[[str], str], told: str) -> None:
    (place / "shep.toml").write_text(change(PROFILE))
    line = refusal(settings(place))
    assert told in line
    assert line.startswith(("HOMECALL_IDENTITY_SHEP_FILE", "HOMECALL_NCANODE_URL"))


def test_a_certificate_that_is_no_authoritys_is_told(place: Path) -> None:
    (place / "trust" / "other.pem").write_bytes(Authority().issue().public_bytes(Encoding.PEM))
    assert "other.pem is no authority's certificate" in refusal(settings(place))


@pytest.mark.parametrize(
    ("url", "told"), [("http://ncanode.example.kz", "must be https in production"), ("ncanode", "is no http or https")]
)
def test_our_key_goes_to_no_ncanode_over_an_open_line(place: Path, url: str, told: str) -> None:
    (place / "shep.toml").write_text(PROFILE.replace('"pkcs12"', '"ncanode"'))
    assert told in refusal(settings(place, ncanode_url=url))


async def test_ncanode_signs_and_checks_where_the_file_says_so(place: Path) -> None:
    (place / "shep.toml").write_text(PROFILE.replace('"pkcs12"', '"ncanode"').replace('"rsa"', '"ncanode"'))
    identity = identity_from(settings(place, ncanode_url="http://127.0.0.1:14579"))
    assert identity is not None
    await identity.close()


# ---------------------------------------------------------------- what is loaded

_LOADED = """
import re, sys, time
from pathlib import Path
from homecall.runtime.clock import SystemClock
from homecall.runtime.settings import load_settings
from services.intake.app import build
build(load_settings(), SystemClock())
print("lxml" in sys.modules, "signxml" in sys.modules, "pyhanko" in sys.modules,
      int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024, time.process_time())
"""


def start_of_intake(place: Path, **over: str) -> tuple[list[str], float, float]:
    """Which libraries a process of intake has loaded; MiB at most; seconds of CPU time."""
    environment = {
        "PATH": "",
        "HOMECALL_ENV": "development",
        "HOMECALL_SIGNATURES": "off",
        "HOMECALL_IDENTITY_SHEP_FILE": str(place / "shep.toml"),
        **over,
    }
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _LOADED], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    lxml, signxml, pyhanko, mib, seconds = done.stdout.split()[-5:]
    return [lxml, signxml, pyhanko], float(mib), float(seconds)


def test_intake_loads_what_signs_only_where_it_is_asked_for(place: Path) -> None:
    loaded, _, _ = start_of_intake(place, HOMECALL_IDENTITY="http://127.0.0.1:8090")
    assert loaded == ["False", "False", "False"]


def test_intake_stays_small_and_quick_with_it(place: Path) -> None:
    for last in (False, False, True):
        loaded, mib, seconds = start_of_intake(place, HOMECALL_IDENTITY=ADDRESS)
        assert loaded == ["True", "True", "False"]
        assert mib < 150
        if seconds < 3:
            return
        assert not last, f"{seconds} s of CPU time, three times: more than on a machine that is busy"
