"""``homecall keys``: the file is made, a key is added, made current; what goes wrong leaves it as it was."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.operations import keys
from homecall.operations.failure import Failure
from homecall.runtime.encryption import BadKeys, Vault, key_ring
from homecall.runtime.settings import Settings


def read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text()))


def vault(file: Path) -> Vault:
    return Vault.from_settings(Settings(_env_file=None, env="production", keys_file=file))  # type: ignore[call-arg]  # pydantic-settings' own argument


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a keys file is to be; HOMECALL_KEYS_FILE and .env of the developer's stay out."""
    monkeypatch.delenv("HOMECALL_KEYS_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "keys.json"


def test_makes_a_file_that_production_takes(file: Path) -> None:
    keys.new(file, standby=False)
    assert file.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"\d{4}-1", vault(file).current)


def test_a_rotation_keeps_the_older_key_and_the_index(file: Path) -> None:
    keys.new(file, standby=False)
    before = vault(file)
    sealed = before.seal(b"x", "here")
    keys.new(file, standby=False)
    after = vault(file)
    assert after.current == before.current[:-1] + "2"
    assert after.open(sealed, "here") == b"x"
    assert after.index("iin", "x") == before.index("iin", "x")


def test_a_key_on_standby_opens_and_does_not_seal_until_it_is_used(file: Path) -> None:
    keys.new(file, standby=False)
    first = vault(file).current
    keys.new(file, standby=True)
    second = first[:-1] + "2"
    assert vault(file).current == first
    assert list(read(file)["keys"]) == [first, second]
    keys.use(second, file)
    assert vault(file).current == second


def test_the_first_key_is_current_whatever_was_asked(file: Path) -> None:
    keys.new(file, standby=True)
    assert vault(file).current


def test_a_file_with_the_key_to_look_up_by_alone_keeps_it(file: Path) -> None:
    file.write_text(json.dumps({"lookup": "11" * 32, "note": "kept"}))
    keys.new(file, standby=False)
    assert read(file)["lookup"] == "11" * 32
    assert read(file)["note"] == "kept"


def test_a_group_that_reads_the_file_still_does_and_others_no_more(file: Path) -> None:
    keys.new(file, standby=False)
    file.chmod(0o644)
    keys.new(file, standby=False)
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_a_link_points_to_is_replaced(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(file)
    keys.new(link, standby=False)
    assert link.is_symlink()
    assert vault(file).current


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([], "2026-1"),
        (["2026-1"], "2026-2"),
        (["2026-9", "2026-10"], "2026-11"),
        (["2025-7"], "2026-1"),
        (["2026-x", "spare", "2026-1.5"], "2026-1"),
    ],
)
def test_names_go_up_within_a_year(held: list[str], expected: str) -> None:
    assert keys.next_id(held, 2026) == expected


BROKEN: list[Any] = [
    "",
    "{",
    [],
    {"lookup": "11"},
    {"lookup": "11" * 32, "keys": {}, "current": "a"},
    {"lookup": "11" * 32, "keys": {"a": "22" * 32}},
    {"lookup": "11" * 32, "keys": {"a": "secret"}, "current": "a"},
    {"lookup": "11" * 32, "current": "a"},
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_left_as_it_was(file: Path, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    file.write_text(text)
    for command in (lambda: keys.new(file, standby=False), lambda: keys.use("a", file)):
        with pytest.raises(Failure) as error:
            command()
        assert "\n" not in str(error.value)
        assert "secret" not in str(error.value)
    assert file.read_text() == text
    assert list(file.parent.iterdir()) == [file], "something was left beside it"


@pytest.mark.parametrize("content", [each for each in BROKEN if isinstance(each, dict)])
def test_adding_to_what_is_broken_changes_nothing(content: dict[str, Any]) -> None:
    changed = dict(content)
    with pytest.raises(BadKeys):
        keys.add_key(changed, 2026, standby=False)
    assert changed == content


def test_an_empty_object_becomes_a_whole_file() -> None:
    made: dict[str, Any] = {}
    assert keys.add_key(made, 2026, standby=False) == "2026-1"
    assert key_ring(made).current == "2026-1"


def test_two_runs_do_not_lose_each_others_key(file: Path) -> None:
    keys.new(file, standby=False)
    text = file.read_text()
    other = file.with_name("keys.json.new")
    other.write_text("another run's")
    with pytest.raises(Failure, match=r"another run is under way, or broke off"):
        keys.new(file, standby=False)
    assert file.read_text() == text
    assert other.read_text() == "another run's"


def test_a_key_that_is_not_there_is_not_used(file: Path) -> None:
    keys.new(file, standby=False)
    with pytest.raises(Failure, match="holds no key of that name"):
        keys.use("2020-1", file)


def test_nowhere_to_write(file: Path) -> None:
    with pytest.raises(Failure, match="No such file or directory"):
        keys.new(file / "further" / "keys.json", standby=False)


@pytest.mark.usefixtures("file")
def test_without_a_file_it_asks_for_one() -> None:
    with pytest.raises(Failure, match="name the file: --file, or HOMECALL_KEYS_FILE"):
        keys.new(None, standby=False)


@pytest.mark.parametrize("where", ["option", "environment", ".env"])
def test_the_command_finds_its_file_and_prints_no_key(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    arguments = ["keys", "new"]
    if where == "option":
        arguments += ["--file", str(file)]
    elif where == "environment":
        monkeypatch.setenv("HOMECALL_KEYS_FILE", str(file))
    else:
        (tmp_path / ".env").write_text(f"HOMECALL_KEYS_FILE={file}\n")
    for _ in range(2):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        assert not re.search(r"[0-9a-f]{32}", done.output.replace(str(file), ""))
    used = CliRunner().invoke(app, ["keys", "use", next(iter(read(file)["keys"])), *arguments[2:]])
    assert used.exit_code == 0, used.output
    assert vault(file).current.endswith("-1")
