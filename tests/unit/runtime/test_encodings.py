"""Files that settings and commands read: UTF-8 with or without a byte order mark, and one clear line for others."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from homecall.contract.encoding import NotUtf8, decoded, other_encoding
from homecall.gateways.sms.profile import Profile
from homecall.operations import keys as keys_command
from homecall.operations import senders as senders_command
from homecall.operations.failure import Failure
from homecall.operations.terminal import numbered_lines
from homecall.runtime.encryption import Vault
from homecall.runtime.settings import Settings, SettingsError, load_settings
from homecall.standard import rules as rules_module
from homecall.standard.decrees import PACKAGED as DECREES
from homecall.standard.decrees import read_decrees
from homecall.standard.rules import RuleSetError, load_rule_sets

UTF_8 = {"utf-8": b"", "utf-8 with a mark": codecs.BOM_UTF8}
OTHERS: dict[str, tuple[Callable[[str], bytes], str]] = {
    "utf-16": (lambda text: text.encode("utf-16"), "is in UTF-16, not in UTF-8: save it as UTF-8, or convert it with"),
    "utf-16, big end first": (lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"), "iconv -f UTF-16 -t UTF-8"),
    "utf-16 without a mark": (lambda text: text.encode("utf-16-le"), "iconv -f UTF-16LE -t UTF-8"),
    "cp1251": (lambda text: text.encode("cp1251"), "iconv -f CP1251 -t UTF-8"),
}
COMMENT = "# Настройки сервиса\n"


@pytest.mark.parametrize("mark", UTF_8.values(), ids=UTF_8)
@pytest.mark.parametrize("comment", ["", COMMENT])
def test_a_dotenv_in_utf_8_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: bytes, comment: str) -> None:
    monkeypatch.chdir(tmp_path)
    # The mark stands before the first setting: it must not become a part of its name.
    (tmp_path / ".env").write_bytes(mark + f"{comment}HOMECALL_BATCH_MAX=7\nHOMECALL_ENV=development\n".encode())
    found = load_settings()
    assert (found.batch_max, found.env) == (7, "development")


@pytest.mark.parametrize(("encode", "told"), OTHERS.values(), ids=OTHERS)
def test_a_dotenv_in_another_encoding_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encode: Callable[[str], bytes], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(encode(f"{COMMENT}HOMECALL_BATCH_MAX=7\n"))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / '.env'} is ")
    assert told in line
    assert "\n" not in line
    with pytest.raises(Failure, match="UTF-8"):
        keys_command.new(None, standby=False)


def test_the_command_says_so_without_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from homecall.cli.main import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(f"{COMMENT}HOMECALL_BATCH_MAX=7\n".encode("cp1251"))
    for command in (["explain", "-"], ["publish", "homecall.requests.v1", "-"], ["serve", "intake"]):
        # What the program prints as one line.
        result = CliRunner().invoke(app, command)
        assert isinstance(result.exception, Failure), command
        assert "iconv -f CP1251" in str(result.exception), command


def test_a_dotenv_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("HOMECALL_BATCH_MAX=7\n")

    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(SettingsError, match=r"\.env cannot be read: Permission denied"):
        load_settings()


# ---------------------------------------------------------------- files that settings name


def of(**over: Any) -> Settings:
    return Settings(_env_file=None, env="development", signatures="off", **over)  # type: ignore[call-arg]  # pydantic-settings' own argument


PASSWORD = "құпия-secret"
KEYS = json.dumps({"lookup": "ab" * 32, "keys": {"2026-1": "cd" * 32}, "current": "2026-1"})
SENDERS = '{"senders": {}}'


def _password(path: Path) -> object:
    return of(sms_password_file=path).secret("sms_password")


def _keys(path: Path) -> object:
    path.chmod(0o600)
    return Vault.from_settings(of(keys_file=path)).current


def _senders(path: Path) -> object:
    return of(senders_file=path).senders_file == path, senders_command._listed(path)


def _profile(path: Path) -> object:
    return Profile.read(path).send != {}


READERS: dict[str, tuple[str, Callable[[Path], object], object]] = {
    "password": (PASSWORD + "\n", _password, PASSWORD),
    "keys": (KEYS, _keys, "2026-1"),
    "senders": (SENDERS, _senders, (True, {"senders": {}})),
    "profile": (COMMENT, _profile, True),
}


@pytest.mark.parametrize("mark", UTF_8.values(), ids=UTF_8)
@pytest.mark.parametrize(("text", "reads", "expected"), READERS.values(), ids=READERS)
def test_a_file_in_utf_8_is_read_whole(
    tmp_path: Path, text: str, reads: Callable[[Path], object], expected: object, mark: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(mark + text.encode())
    assert reads(path) == expected


@pytest.mark.parametrize(("encode", "told"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize(("text", "reads", "expected"), READERS.values(), ids=READERS)
def test_a_file_in_another_encoding_is_refused_in_one_line(
    tmp_path: Path,
    text: str,
    reads: Callable[[Path], object],
    expected: object,
    encode: Callable[[str], bytes],
    told: str,
) -> None:
    del expected
    path = tmp_path / "file"
    # Of every file there is a letter that no two encodings write alike.
    text = text.replace("құпия", "пароль").replace("2026-1", "ключ").replace("{}", '{"клиника": {}}')
    path.write_bytes(encode(text))
    with pytest.raises((SettingsError, Failure, ValueError)) as caught:
        reads(path)
    line = str(caught.value)
    assert "iconv" in line
    assert told.rpartition(":")[2] in line or told in line
    assert "пароль" not in line


def test_messages_about_json_have_single_braces(tmp_path: Path) -> None:
    path = tmp_path / "senders"
    path.write_text("[]")
    with pytest.raises(
        ValueError, match=r'HOMECALL_SENDERS_FILE is not JSON of the form \{"senders": \{"name": \{'
    ) as caught:
        of(senders_file=path)
    assert "{{" not in str(caught.value)
    assert "}}}" in str(caught.value)  # three objects end there
    for setting in ({"clock": "{x}"}, {"failpoint": "{x}"}):
        with pytest.raises(ValueError, match="HOMECALL_") as caught:
            of(**setting)
        assert "{{" not in str(caught.value)


# ---------------------------------------------------------------- rule sets, decrees, lines


@pytest.mark.parametrize("mark", UTF_8.values(), ids=UTF_8)
def test_rules_and_decrees_in_utf_8_are_read(tmp_path: Path, mark: bytes) -> None:
    for path in rules_module.PACKAGED.glob("*.toml"):
        (tmp_path / path.name).write_bytes(mark + path.read_bytes())
    assert load_rule_sets(tmp_path) == load_rule_sets()
    table = tmp_path / "kz.decrees"
    table.write_bytes(mark + DECREES.read_bytes())
    assert read_decrees(table).swaps == read_decrees(DECREES).swaps


@pytest.mark.parametrize(("encode", "told"), OTHERS.values(), ids=OTHERS)
def test_rules_in_another_encoding_are_refused_by_name(
    tmp_path: Path, encode: Callable[[str], bytes], told: str
) -> None:
    (tmp_path / "later.toml").write_bytes(encode(f"{COMMENT}id = 'x'\n"))
    with pytest.raises(RuleSetError, match=r"^rules file later\.toml: is (in UTF-16, )?not in UTF-8") as caught:
        load_rule_sets(tmp_path)
    assert told.rpartition(":")[2] in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_lines_in_utf_16_are_refused_as_a_whole(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_bytes('{"type": "x"}\n{"type": "y"}\n'.encode(encoding))
    with pytest.raises(Failure, match=r"requests\.jsonl: is in UTF-16"):
        list(numbered_lines(str(path)))


def test_lines_in_utf_8_are_read_with_and_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    for mark in UTF_8.values():
        path.write_bytes(mark + '{"text": "ә"}\n'.encode())
        assert list(numbered_lines(str(path))) == [(1, '{"text": "ә"}'.encode())]


@given(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"])))
def test_every_text_in_utf_8_is_read_as_it_is(text: str) -> None:
    assert decoded(text.encode()) == decoded(codecs.BOM_UTF8 + text.encode()) == text


@given(st.binary())
def test_no_bytes_end_otherwise_than_with_a_text_or_one_line(content: bytes) -> None:
    told = ""
    try:
        assert decoded(content).encode() in (content, content.removeprefix(codecs.BOM_UTF8))
    except NotUtf8 as error:
        told = str(error)
    assert "\n" not in told
    assert not told or "iconv" in told
    assert other_encoding(content) in (None, "UTF-16", "UTF-16LE", "UTF-16BE")
