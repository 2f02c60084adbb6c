"""People at the desk: sessions of made-up users, with which pages and forms are asked for over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

from services.desk.sessions import COOKIE, Sessions
from tests.factories import iin

SECRET = "the secret of the desks of these tests"
PASSWORD = "a password of these tests"
ANSWER_SECONDS = 40.0
"""How long a page is waited for: a database that hangs is given up after 30."""


def users_and_secret(directory: Path, users: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Write the files of users, who all have one password, and of the secret; the settings that name them."""
    hashed = PasswordHasher(time_cost=1, memory_cost=8 * 1024).hash(PASSWORD)
    known = [{"full_name": f"{each['name']} Аты", "hash": hashed, **each} for each in users]
    files = {"HOMECALL_DESK_USERS_FILE": directory / "users.json", "HOMECALL_DESK_SECRET_FILE": directory / "secret"}
    files["HOMECALL_DESK_USERS_FILE"].write_text(json.dumps({"users": known}), encoding="utf-8")
    files["HOMECALL_DESK_SECRET_FILE"].write_text(SECRET, encoding="utf-8")
    return {name: str(path) for name, path in files.items()}


class Person:
    """A user with a session; each page is asked for from the process at a port of 127.0.0.1."""

    def __init__(self, name: str, cookie: str = "") -> None:
        now = datetime.now().astimezone()
        sessions = Sessions(SECRET.encode())
        self.cookie = cookie or sessions.new(name, now)
        session = sessions.read(self.cookie, now)
        assert session is not None
        self.token = sessions.form_token(session)
        # Browsers send the session, which is Secure, by TLS alone, and a proxy in front ends that: so does this.
        self.client = httpx.Client(headers={"cookie": f"{COOKIE}={self.cookie}"}, timeout=ANSWER_SECONDS)

    def get(self, port: int, path: str) -> httpx.Response:
        """A page."""
        return self.client.get(f"http://127.0.0.1:{port}{path}")

    def post(self, port: int, path: str, fields: Mapping[str, Any] | None = None) -> httpx.Response:
        """A form."""
        return self.client.post(f"http://127.0.0.1:{port}{path}", data={"csrf": self.token, **(fields or {})})

    def close(self) -> None:
        self.client.close()


class Stream(threading.Thread):
    """A browser's stream of events: what it was told and when, and how it ended."""

    def __init__(self, person: Person, port: int) -> None:
        super().__init__(daemon=True)
        self._person = person
        self._port = port
        self.open = threading.Event()
        self.told: list[tuple[float, str]] = []
        """Monotonic seconds, and the id of what changed."""
        self.ended_at = 0.0
        self.error = ""
        self.start()

    def run(self) -> None:
        try:
            with httpx.stream(
                "GET",
                f"http://127.0.0.1:{self._port}/events",
                headers={"cookie": f"{COOKIE}={self._person.cookie}"},
                timeout=httpx.Timeout(60.0),
            ) as answer:
                event = ""
                for line in answer.iter_lines():
                    name, _, value = line.partition(": ")
                    if name == "event":
                        event = value
                        if event == "hello":
                            self.open.set()
                    elif name == "data" and event == "changed":
                        now = time.monotonic()
                        self.told += [(now, each["id"]) for each in json.loads(value)["changes"]]
        except httpx.HTTPError as error:
            self.error = type(error).__name__
        self.ended_at = time.monotonic()

    def told_of(self, subject: str) -> float | None:
        """When it was first told that this changed; None if it was not."""
        return next((at for at, each in list(self.told) if each == subject), None)


def a_call(number: int, request_id: str, **over: Any) -> dict[str, Any]:
    """The form of a call by phone of patient ``number``."""
    return {
        "request_id": request_id,
        "channel": "phone",
        "iin": iin(number),
        "full_name": f"Сынақ Науқас {number}",
        "phone": f"+7 747 {number % 10_000_000:07}",
        "language": "ru",
        "address": "Абай, 27",
        "reasons": ["fever_above_38"],
    } | over
