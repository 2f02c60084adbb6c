"""The demo's desk in a browser: a user of each role, who signs in by a link that works in this demo only."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from homecall.contract.topics import DESK, SCHEDULER
from homecall.runtime.http import listen, serving
from homecall.runtime.service import Service
from services.desk.domain.roles import ALL_CLINICS, Role
from services.desk.sessions import Sessions
from services.desk.users import ROLES, with_user

CLINIC: Final = "samal-1"
"""The clinic whose desk is shown."""
_NAMES: Final[Mapping[Role, str]] = {
    "registrar": "Ахметова Гүлнар Сәкенқызы",
    "dispatcher": "Иванова Мария Петровна",
    "complaints_officer": "Серикова Айгуль Маратовна",
    "head": "Жұмаділова Гүлнәр Бекқызы",
    "doctor": "",
    "contact_centre": "Контакт-центр 1414",
    "operator": "Оператор системы",
}


@dataclass(frozen=True)
class Browser:
    """The desk of a demo: the files it reads, and where it listens."""

    users: Path
    secret: Path
    listening: socket.socket

    @classmethod
    def prepared(cls, directory: Path, doctor: tuple[str, str]) -> Browser:
        """Users, a secret, and a free port on this machine."""
        users, secret = directory / "users.json", directory / "secret"
        secret.write_text(secrets.token_hex(32), encoding="utf-8")
        text = ""
        for role in ROLES:
            entry: dict[str, Any] = {"name": role, "full_name": _NAMES[role], "role": role}
            entry |= {} if role in ALL_CLINICS else {"clinic_id": CLINIC}
            entry |= {"doctor_id": doctor[0], "full_name": doctor[1]} if role == "doctor" else {}
            # Nobody signs in with it: the links do without.
            text = with_user(text, entry, secrets.token_hex(16))
        users.write_text(text, encoding="utf-8")
        return cls(users, secret, listen("127.0.0.1", 0))

    @property
    def address(self) -> str:
        """Where a browser finds the desk."""
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def link(self, role: Role) -> str:
        """The address that signs in as this role."""
        key = Sessions(self.secret.read_text(encoding="utf-8").encode()).sign("demo", role)
        return f"{self.address}/demo/{role}?key={key}"

    def lines(self) -> list[str]:
        """What is printed: a link for each role."""
        return [f"  {role.replace('_', ' '):20}{self.link(role)}" for role in ROLES]


@asynccontextmanager
async def browsed(browser: Browser, services: Sequence[Service]) -> AsyncIterator[None]:
    """Answer browsers as long as the block runs, and the desk, which asks the scheduler there."""
    answering = [each for each in services if each.name in (DESK, SCHEDULER)]
    async with serving(answering, browser.listening):
        yield
