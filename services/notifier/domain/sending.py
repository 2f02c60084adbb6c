"""What is done next with the messages about one request: given up, dropped, held back, or given to the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.notifier.domain import messages
from services.notifier.domain.messages import Attempt, Mailing
from services.notifier.domain.quiet_hours import Policy


@dataclass(frozen=True, slots=True)
class Recipient:
    """The person to whom the messages about a request go. Without a call that is known: nobody."""

    last_sequence: int = 0
    """The sequence of the request's newest status."""
    texts: Mapping[int, str] = field(default_factory=dict)
    """By sequence."""
    wanted: bool = True
    number: str | None = None
    """A mobile number in E.164."""


@dataclass(frozen=True, slots=True)
class ToSend:
    """A message that goes to the gateway once its ``sending`` is stored."""

    number: str
    text: str
    attempt: Attempt


def next_step(
    mailing: Mailing, recipient: Recipient, now: datetime, policy: Policy, lease: timedelta | None
) -> tuple[Mailing, ToSend | None]:
    """The mailing after what is due now, and what is to be sent of it. ``lease`` None: the gateway has no room."""
    mailing = messages.given_up(mailing, now)
    message = messages.next_message(mailing, now)
    if message is None:
        return mailing, None
    sequence, number = message.sequence, recipient.number
    text = recipient.texts.get(sequence)
    why = messages.why_not(
        message,
        now,
        last_sequence=recipient.last_sequence,
        wanted=recipient.wanted,
        text=text,
        number=number,
    )
    if why is not None or number is None or text is None:
        return messages.dropped(mailing, sequence, why or "", now), None
    mailing = messages.held(mailing, sequence, now, policy)
    if lease is None or messages.next_message(mailing, now) is None:
        return mailing, None
    mailing = messages.sending(mailing, sequence, now, lease)
    return mailing, ToSend(number, text, messages.attempt_of(mailing, sequence))
