"""Who may sign in, and for how long."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecall.runtime.encryption import KeyRing, Vault
from services.desk.sessions import Sessions
from services.desk.store.signed_in import SignedIn
from services.desk.users import BadUsers, Users, read_users, with_user
from tests.unit.runtime.memory import MemoryDatabase

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ENTRY = {"name": "gulnar", "full_name": "Ахметова Гүлнар", "role": "registrar", "clinic_id": "samal-1"}
PASSWORD = "correct horse battery"


def test_a_user_signs_in_with_the_password_and_not_with_another(tmp_path: Path) -> None:
    file = tmp_path / "users.json"
    file.write_text(with_user("", ENTRY, PASSWORD), encoding="utf-8")
    users = Users(file)
    users.load()
    user = users.check("gulnar", PASSWORD)
    assert user is not None
    assert (user.role, user.clinic_id) == ("registrar", "samal-1")
    assert users.check("gulnar", "another password") is None
    assert users.check("nobody", PASSWORD) is None
    assert PASSWORD not in file.read_text(encoding="utf-8")


def test_a_changed_password_replaces_the_old_one() -> None:
    text = with_user(with_user("", ENTRY, PASSWORD), ENTRY, "a second password")
    assert len(json.loads(text)["users"]) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"role": "doctor"}, "doctor_id is missing"),
        ({"role": "king"}, "role must be one of"),
        ({"clinic_id": None}, "clinic_id is missing"),
        ({"role": "operator"}, "leave clinic_id out"),
        ({"name": "Gulnar !"}, "name must be"),
        ({"full_name": " "}, "full_name is missing"),
    ],
)
def test_what_is_wrong_with_a_user_is_said(change: dict[str, str | None], says: str) -> None:
    with pytest.raises(BadUsers, match=says):
        with_user("", ENTRY | change, PASSWORD)


def test_a_short_password_is_refused() -> None:
    with pytest.raises(BadUsers, match="at least 10"):
        with_user("", ENTRY, "short")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"users": {}}', '{"users": [1]}'])
def test_a_broken_file_is_refused(text: str) -> None:
    with pytest.raises(BadUsers):
        read_users(text)


def test_a_file_that_breaks_while_the_desk_runs_changes_nobody(tmp_path: Path) -> None:
    file = tmp_path / "users.json"
    file.write_text(with_user("", ENTRY, PASSWORD), encoding="utf-8")
    users = Users(file)
    users.load()
    file.write_text("{", encoding="utf-8")
    users.look()
    assert users.get("gulnar") is not None
    assert "is not JSON" in users.problem


def test_a_session_lasts_a_shift_and_a_restart() -> None:
    cookie = Sessions(b"secret").new("gulnar", NOW)
    again = Sessions(b"secret")
    assert again.read(cookie, NOW + timedelta(hours=11)) is not None
    assert again.read(cookie, NOW + timedelta(hours=12, seconds=1)) is None
    assert Sessions(b"another").read(cookie, NOW) is None
    assert again.read(cookie[:-1] + "0", NOW) is None or cookie.endswith("0")
    assert again.read("", NOW) is None
    assert again.read("abc.def", NOW) is None


def test_the_token_of_a_form_is_that_of_its_session_alone() -> None:
    sessions = Sessions(b"secret")
    one, other = (sessions.read(sessions.new("gulnar", NOW), NOW) for _ in range(2))
    assert one is not None
    assert other is not None
    assert sessions.is_form_token(one, sessions.form_token(one))
    assert not sessions.is_form_token(other, sessions.form_token(one))
    assert not sessions.is_form_token(one, "")


async def test_a_session_whose_key_is_gone_ends_and_stops_nothing() -> None:
    database = MemoryDatabase()
    old, new = (Vault(KeyRing(lookup=bytes(32), keys={key: bytes(32)}, current=key)) for key in ("old", "new"))
    await SignedIn(database.as_database, old).open("gulnar", "nonce-1", "{}", "a token", NOW)
    later = SignedIn(database.as_database, new)
    assert await later.due(NOW + timedelta(minutes=10)) == []
    assert later.ended == {"nonce-1"}
    assert await later.due(NOW + timedelta(minutes=20)) == []
