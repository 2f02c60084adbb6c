"""Who may sign in: the users of a file, with argon2 hashes, read again when it changes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from homecall.contract.encoding import NotUtf8, decoded
from homecall.runtime.settings import Settings, SettingsError
from services.desk.domain.roles import ALL_CLINICS, Role, User

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
SHORTEST_PASSWORD: Final = 10
ROLES: Final[tuple[Role, ...]] = get_args(Role)


class BadUsers(Exception):
    """What is wrong with a users file, in one line that holds none of its hashes."""


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """A user with the hash of the password; none for one who signs in elsewhere."""

    user: User
    hash: str


def read_users(text: str) -> dict[str, Entry]:
    """The users of a file by name. Raises ``BadUsers``."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise BadUsers("is not JSON") from None
    entries = raw.get("users") if isinstance(raw, dict) else None
    if not isinstance(entries, list):
        raise BadUsers('must be an object with a list "users"; homecall desk user add makes it')
    found: dict[str, Entry] = {}
    for place, each in enumerate(entries, start=1):
        entry = _entry(each, place)
        if entry.user.name in found:
            raise BadUsers(f"names {entry.user.name} twice: keep one")
        found[entry.user.name] = entry
    return found


def _entry(raw: Any, place: int) -> Entry:
    if not isinstance(raw, dict):
        raise BadUsers(f"entry {place} is no object")
    name, full_name, role = (raw.get(key) for key in ("name", "full_name", "role"))
    clinic_id, doctor_id, hashed = (raw.get(key) for key in ("clinic_id", "doctor_id", "hash"))
    if not isinstance(name, str) or not NAME.match(name):
        raise BadUsers(f"entry {place}: name must be 1 to 40 lower-case letters, digits, dots or hyphens")
    if not isinstance(full_name, str) or not full_name.strip():
        raise BadUsers(f"{name}: full_name is missing: it stands in the register")
    if role not in ROLES:
        raise BadUsers(f"{name}: role must be one of {', '.join(ROLES)}")
    if role in ALL_CLINICS and clinic_id is not None:
        raise BadUsers(f"{name}: a {role} belongs to no clinic: leave clinic_id out")
    if role not in ALL_CLINICS and (not isinstance(clinic_id, str) or not clinic_id):
        raise BadUsers(f"{name}: clinic_id is missing")
    if role == "doctor" and (not isinstance(doctor_id, str) or not doctor_id):
        raise BadUsers(f"{name}: doctor_id is missing: it is the doctor's id in the rosters")
    if not isinstance(hashed, str):
        raise BadUsers(f"{name}: hash is missing: homecall desk user add makes it")
    return Entry(User(name, " ".join(full_name.split()), role, clinic_id, doctor_id), hashed)


class Users:
    """The users of the file. A file that becomes unreadable changes nothing until it is mended."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._changed: tuple[int, ...] = ()
        self._entries: Mapping[str, Entry] = {}
        self.others = False
        """Whether users come from elsewhere too, so that a desk without a file is in order."""
        self.problem = ""
        """What is wrong with the file now; empty where nothing is."""
        self._hasher = PasswordHasher()

    @cached_property
    def _nobodys(self) -> str:
        # So that a name that is not there takes as long as one that is.
        return self._hasher.hash("nobody's password")

    def load(self) -> None:
        """Read the file if it has changed. Raises ``BadUsers`` where it cannot be read at the start."""
        if self._path is None:
            return
        try:
            if not self._path.exists():
                self._entries, self._changed = {}, ()
                return
            stat = self._path.stat()
            changed = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if changed == self._changed:
                return
            self._entries = read_users(decoded(self._path.read_bytes()))
        except (OSError, NotUtf8) as error:
            raise BadUsers(f"cannot be read: {error}") from None
        self._changed = changed

    async def tick(self, now: datetime) -> None:
        """At each tick of the service: ``look``."""
        del now
        self.look()

    def look(self) -> None:
        """Read the file again if it has changed; what is wrong with it is kept in ``problem``."""
        try:
            self.load()
            self.problem = (
                "" if self._entries or self.others else "nobody may sign in at the desk yet: homecall desk user add"
            )
        except BadUsers as error:
            self.problem = f"HOMECALL_DESK_USERS_FILE {error}"

    @property
    def any(self) -> bool:
        """Whether there is a user at all."""
        return bool(self._entries)

    def get(self, name: str) -> User | None:
        """The user of this name, as the file has it now."""
        entry = self._entries.get(name)
        return None if entry is None else entry.user

    def check(self, name: str, password: str) -> User | None:
        """The user with this name and password; takes some 50 ms, also for names that are not there."""
        nobodys = self._nobodys  # made before either is checked, so that the first unknown name takes no longer
        entry = self._entries.get(name)
        try:
            self._hasher.verify(entry.hash if entry else nobodys, password)
        except InvalidHashError:
            with suppress(VerificationError):
                self._hasher.verify(nobodys, password)
            return None
        except VerificationError:
            return None
        return entry.user if entry else None


def with_user(text: str, entry: Mapping[str, Any], password: str) -> str:
    """The text of a users file with one more user, or another password for one who is there. Raises ``BadUsers``."""
    if len(password) < SHORTEST_PASSWORD:
        raise BadUsers(f"the password must have at least {SHORTEST_PASSWORD} characters")
    known = json.loads(text) if text.strip() else {"users": []}
    read_users(json.dumps(known))
    new = {name: value for name, value in entry.items() if value is not None}
    new["hash"] = PasswordHasher().hash(password)
    others = [each for each in known["users"] if each["name"] != new["name"]]
    found = json.dumps({**known, "users": [*others, new]}, ensure_ascii=False, indent=1) + "\n"
    read_users(found)
    return found


def users_from(settings: Settings, *, others: bool) -> Users:
    """The users of ``HOMECALL_DESK_USERS_FILE``; ``others`` where some sign in elsewhere. Raises ``SettingsError``."""
    users = Users(settings.desk_users_file)
    users.others = others
    try:
        users.load()
    except BadUsers as error:
        raise SettingsError(f"HOMECALL_DESK_USERS_FILE {error}") from None
    return users
