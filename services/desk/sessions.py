"""Sessions: a signed cookie that says who signed in and when. Nothing of them is stored, so they outlive a restart.

A session ends after a shift, with a logout, and when its user is removed from the users. The token of forms (CSRF) is
bound to the session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SHIFT: Final = timedelta(hours=12)
COOKIE: Final = "homecall_session"


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

    def new(self, name: str, now: datetime, claims: str = "") -> str:
        """The cookie of a new session."""
        body = {"n": name, "t": now.timestamp(), "s": base64.urlsafe_b64encode(os.urandom(18)).decode(), "c": claims}
        text = base64.urlsafe_b64encode(json.dumps(body).encode())
        return f"{text.decode()}.{self._mac(b'session', text)}"

    def read(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie; None where it is not ours, or over."""
        text, _, mac = cookie.partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(b"session", text.encode()).encode()):
            return None
        body = json.loads(base64.urlsafe_b64decode(text))
        since = datetime.fromtimestamp(body["t"], now.tzinfo)
        if not timedelta(minutes=-5) <= now - since <= SHIFT:
            return None
        return Session(body["n"], since, body["s"], body.get("c", ""))

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
