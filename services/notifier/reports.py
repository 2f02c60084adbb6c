"""Takes the delivery reports that the SMS gateway posts."""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from homecall.gateways.sms.profile import Profile
from homecall.runtime.logs import log
from services.notifier.metrics import SMS_REPORTS
from services.notifier.outbox import Outbox

PATH: Final = "/sms/reports"
"""Where the gateway posts them."""


@dataclass(frozen=True)
class Reports:
    """What the gateway posts to ``/sms/reports``: checked for the shared secret, read, and handed to the outbox.

    200 for whatever is taken, also what is repeated, early or about messages of others; 401 without the secret; 400 for
    what is no report; 503, from the server, when it cannot be stored now.
    """

    outbox: Outbox
    profile: Profile
    secret: str

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Take what was posted; the HTTP status and a line of text."""
        if not hmac.compare_digest(_shown(headers.get("authorization", "")), self.secret.encode()):
            SMS_REPORTS.labels("refused").inc()
            return 401, "show the secret as Authorization: Bearer, or as the password of Basic"
        try:
            reports = self.profile.reports(body)
        except ValueError:
            SMS_REPORTS.labels("refused").inc()
            log("notifier").warning("a delivery report cannot be read", bytes=len(body))
            return 400, "a report is a JSON object, or a list of them, as the profile has it"
        for result, number in (await self.outbox.report(reports)).items():
            SMS_REPORTS.labels(result).inc(number)
        return 200, "taken"


def _shown(authorization: str) -> bytes:
    kind, _, value = authorization.partition(" ")
    value = value.strip()
    if kind.lower() == "bearer":
        return value.encode()
    if kind.lower() == "basic":
        try:
            return b64decode(value, validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return b""
