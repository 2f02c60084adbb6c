"""``homecall dev-sign``: real signatures for the demo and tests, and keys that only their owner can read."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.gateways.signatures.dev_authority import CRLS, TRUST_STORE, DevAuthority
from homecall.gateways.signatures.port import Invalid, Valid
from homecall.gateways.signatures.rsa import RsaChecker
from homecall.gateways.signatures.rsa_pool import read_trust_store
from homecall.operations.dev_sign import signed_line
from homecall.operations.failure import Failure
from tests.unit.gateways.signing import AIGUL, BOLAT, DATA, as_json, authority, signed


def run(*arguments: str, lines: str = "") -> str:
    result = CliRunner().invoke(app, ["dev-sign", *arguments], input=lines)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def checker(directory: Path) -> RsaChecker:
    return RsaChecker(read_trust_store(directory / TRUST_STORE), directory / CRLS)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("dev") / "authority"
    run("init", "--directory", str(made))
    return made


def test_what_it_signs_is_taken_by_what_it_trusts(directory: Path) -> None:
    out = run("-", "--directory", str(directory), lines=json.dumps(DATA) + "\n")
    data = json.loads(out)
    assert data["signature"]["format"] == "cms"
    assert {key: data[key] for key in DATA} == DATA
    assert checker(directory).check(signed(data["signature"]["value"], out.encode())) == Valid()


def test_init_says_what_to_set_and_keeps_keys_to_itself(directory: Path) -> None:
    keys = list((directory / "private").iterdir())
    assert len(keys) == 2
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE((directory / "private").stat().st_mode) == 0o700
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    said = run("init", "--directory", str(directory))
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before
    assert f"HOMECALL_TRUST_STORE={directory / TRUST_STORE}" in said
    assert f"HOMECALL_CRLS={directory / CRLS}" in said
    assert "not for production" in DevAuthority.load(directory).certificate.subject.rfc4514_string()


@pytest.mark.parametrize(
    ("over", "option", "signer"),
    [
        ({}, None, AIGUL),
        ({"applicant": {"iin": BOLAT}}, None, BOLAT),
        ({"patient": None, "complainant": {"iin": BOLAT}}, None, BOLAT),
        ({}, BOLAT, BOLAT),
        ({"signature": {"format": "cms", "value": "stale"}}, None, AIGUL),
    ],
)
def test_who_must_sign_does(directory: Path, over: dict[str, Any], option: str | None, signer: str) -> None:
    sent = DATA | over
    for line, inside in ((as_json(sent), None), (as_json({"type": "request.submitted", "data": sent}), "data")):
        out = json.loads(signed_line(DevAuthority.load(directory), line, option))
        data = out if inside is None else out[inside]
        as_signer = signed(data["signature"]["value"], data, iin=signer)
        assert checker(directory).check(as_signer) == Valid()
        other = AIGUL if signer == BOLAT else BOLAT
        verdict = checker(directory).check(signed(data["signature"]["value"], data, iin=other))
        assert isinstance(verdict, Invalid)
        assert verdict.check == "iin"


def test_lines_that_cannot_be_signed_are_named_and_the_others_signed(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps(DATA), "{", '{"a":1,"a":1}', "[]", '{"complainant":{}}', json.dumps(DATA)]
    file = directory.parent / "lines.jsonl"
    file.write_text("\n".join(lines))
    from homecall.operations.dev_sign import dev_sign

    with pytest.raises(Failure, match="4 of 6 lines") as failure:
        dev_sign(str(file), directory, None)
    assert failure.value.code == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert [line.split(":")[0] for line in err.splitlines()] == ["line 2", "line 3", "line 4", "line 5"]


def test_no_authority_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="dev-sign init"):
        run("-", "--directory", str(tmp_path), lines="{}\n")


def test_one_certificate_is_issued_for_each_person() -> None:
    def held(cms: str) -> int:
        from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]  # ships no types

        parsed = asn1_cms.ContentInfo.load(base64.b64decode(cms))
        return int(parsed["content"]["certificates"][0].chosen.serial_number)

    first, again, other = (authority().sign(DATA | {"n": n}, iin) for n, iin in enumerate((AIGUL, AIGUL, BOLAT)))
    assert held(first) == held(again) != held(other)
