"""Sessions: a signed cookie that says who signed in and when. It outlives a restart of the service.

A session ends after a shift, with a logout, and when its user is removed: see ``signed_in`` for what a cookie cannot
say. The token of forms (CSRF) is bound to the session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from homecall.contract.encoding import NotUtf8, decoded
from homecall.runtime.settings import Settings, SettingsError
from services.desk.domain.roles import User

SHIFT: Final = timedelta(hours=12)
COOKIE: Final = "__Host-homecall_session"
_EARLIER: Final = timedelta(minutes=-5)
"""How far the clock of the replica that made a cookie may be ahead."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, since when, and what tells this session from the user's others."""

    name: str
    since: datetime
    nonce: str
    claims: str = ""
    """JSON of a user who comes from elsewhere than the file: role, clinic, full name."""


class Sessions:
    """Makes and reads the cookies. ``secret`` is shared by all replicas."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def new(self, name: str, now: datetime, claims: str = "", lasts: timedelta = SHIFT) -> str:
        """The cookie of a new session."""
        body = {"n": name, "s": random_text(), "c": claims, "l": lasts.total_seconds()}
        return self.signed("session", body, now)

    def signed(self, kind: str, body: dict[str, Any], now: datetime) -> str:
        """A cookie with this content, which anybody may read and nobody else can write."""
        text = base64.urlsafe_b64encode(json.dumps({**body, "t": now.timestamp()}).encode())
        return f"{text.decode()}.{self._mac(kind.encode(), text)}"

    def content(self, kind: str, cookie: str, now: datetime, lasts: timedelta) -> dict[str, Any] | None:
        """What ``signed`` wrote; None where it is not ours, of another kind, or over."""
        text, _, mac = cookie.partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(kind.encode(), text.encode()).encode()):
            return None
        body: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text))
        since = datetime.fromtimestamp(body["t"], now.tzinfo)
        return body if _EARLIER <= now - since <= lasts else None

    def read(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie; None where it is not ours, or over."""
        body = self.content("session", cookie, now, SHIFT)
        if body is None:
            return None
        since = datetime.fromtimestamp(body["t"], now.tzinfo)
        if now - since > timedelta(seconds=body["l"]):
            return None
        return Session(body["n"], since, body["s"], body["c"])

    def form_token(self, session: Session) -> str:
        """What each form of a session carries."""
        return self._mac(b"form", session.nonce.encode())

    def is_form_token(self, session: Session, token: str) -> bool:
        """Whether a form was drawn in this session."""
        return hmac.compare_digest(token.encode(), self.form_token(session).encode())

    def sign(self, kind: str, text: str) -> str:
        """A signature of a text for another use, such as a link of the demo."""
        return self._mac(kind.encode(), text.encode())

    def _mac(self, kind: bytes, text: bytes) -> str:
        return hmac.digest(self._secret, kind + b"\n" + text, hashlib.sha256).hex()


def random_text() -> str:
    """A text that nobody can guess, for nonces and the like."""
    return base64.urlsafe_b64encode(os.urandom(24)).decode()


def claims_of(user: User, issuer: str) -> str:
    """A provider's user as the cookie of the session holds it."""
    return json.dumps([issuer, user.full_name, user.role, user.clinic_id, user.doctor_id], ensure_ascii=False)


def user_of_claims(name: str, claims: str, issuer: str) -> User | None:
    """The user of a session's claims; None where they are of another provider than the desk has now."""
    of, full_name, role, clinic_id, doctor_id = json.loads(claims)
    return User(name, full_name, role, clinic_id, doctor_id) if of == issuer else None


def secret_from(settings: Settings) -> bytes:
    """The secret of sessions; in development without one, one of this process, so that a restart ends them.

    Raises ``SettingsError``.
    """
    if settings.desk_secret_file is None:
        if settings.env != "development":
            raise SettingsError(
                "HOMECALL_DESK_SECRET_FILE is missing: in production it names a file with at least 32 random "
                "characters, the same for all replicas"
            )
        return os.urandom(32)
    try:
        found = decoded(settings.desk_secret_file.read_bytes()).strip()
    except (OSError, NotUtf8) as error:
        raise SettingsError(f"HOMECALL_DESK_SECRET_FILE cannot be read: {error}") from None
    if len(found) < 32:
        raise SettingsError("HOMECALL_DESK_SECRET_FILE holds fewer than 32 characters")
    return found.encode()
