"""Text messages to patients: when each may go, what became of it, and that none goes twice. Pure.

A message belongs to one told status of one request, by the status's sequence. Its states: ``created``, ``sending``
(stored before the gateway is called), ``sent`` (taken by the gateway), ``delivered``, ``failed`` (it did not reach the
patient; ``reason`` says why), ``unknown`` (the gateway may have taken it, or not: it is never sent again).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from cattrs import override

from homecall.contract.types import zoned
from homecall.standard.deadlines import earliest
from services.notifier.domain.quiet_hours import Policy
from services.notifier.domain.state import MOST_NOTICES, SmsNotice

State = Literal["created", "sending", "sent", "delivered", "failed", "unknown"]

MOST_TRIES: Final = 8
"""How often a message is given to a gateway that says "not now"."""
_MOST_KEPT: Final = 2 * MOST_NOTICES
"""Messages of one request that are kept: more than notices, so that none of these is taken up twice."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
_REFERENCE: Final = re.compile(r"(?P<request_id>.{1,80})-(?P<sequence>[0-9]{1,9})")
"""More digits than any sequence has; Python reads no number of thousands of them."""
_RANK: Final[Mapping[State, int]] = {"created": 0, "sending": 1, "unknown": 2, "sent": 3, "failed": 4, "delivered": 5}
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_LAST: Final = override(omit_if_default=True)
"""Keeps the order of a message's fields in its document, in which ``zone`` is not always there."""


@dataclass(frozen=True, slots=True)
class Message:
    sequence: int
    status: str
    state: State
    reason: str
    """Why it is in this state; empty where that needs no reason."""
    urgent: bool
    attempt: int
    """How often it was given to the gateway, or to be."""
    tries: int
    """How often the gateway said "not now"."""
    use_until: datetime
    needed_by: datetime
    asked_at: datetime | None
    at: dict[State, datetime]
    """When it last came to each state."""
    gateway_id: str | None
    zone: Annotated[ZoneInfo | None, _LAST] = None
    """The clinic's zone; None for Asia/Almaty."""
    next_at: Annotated[datetime, _LAST] = _NEVER
    """When it is next tried, or for ``sending`` given up."""
    may_go_at: Annotated[datetime, _LAST] = _NEVER
    """Since when it could go."""


@dataclass(frozen=True)
class Mailing:
    """The messages about one request, by rising sequence. Holds no personal data: phone and text stay with the call."""

    request_id: str
    clinic_id: str
    messages: list[Message] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a message. Its outcome, stored once more when the message may be under way again, is ignored."""

    sequence: int
    number: int | None = None
    """None: the last one."""


@dataclass(frozen=True, slots=True)
class Pause:
    """How long a message waits for its next try. ``jitter`` (0 to 1) spreads the pauses."""

    jitter: float
    policy: Policy


def timer_at(mailing: Mailing) -> datetime | None:
    """When something is next to be done: nothing new is begun while the outcome of what is under way is open."""
    under_way = [each.next_at for each in mailing.messages if each.state == "sending"]
    waiting = [each.next_at for each in mailing.messages if each.state == "created"]
    return earliest(under_way or waiting)


def waiting_since(mailing: Mailing) -> datetime | None:
    """Since when the oldest message that is not with the gateway could have gone, or may go."""
    return earliest(each.may_go_at for each in mailing.messages if each.state in {"created", "sending"})


def taken_up(mailing: Mailing, notices: Sequence[SmsNotice], policy: Policy) -> Mailing:
    """The mailing with a message for each notice that has none yet; what waited before the last is overtaken."""
    known = {each.sequence for each in mailing.messages}
    new = [_created(each, policy) for each in notices if each.sequence not in known]
    if not new:
        return mailing
    messages = sorted([*mailing.messages, *new], key=lambda each: each.sequence)[-_MOST_KEPT:]
    last = messages[-1]
    overtaken_at = last.at["created"]
    return replace(
        mailing,
        messages=[
            _became(each, "failed", overtaken_at, "overtaken") if each.state == "created" and each is not last else each
            for each in messages
        ],
    )


def _created(notice: SmsNotice, policy: Policy) -> Message:
    message = Message(
        sequence=notice.sequence,
        status=notice.status,
        state="created",
        reason="",
        urgent=notice.urgent,
        attempt=0,
        tries=0,
        use_until=notice.use_until,
        needed_by=notice.needed_by,
        asked_at=notice.asked_at,
        at={"created": zoned(notice.at)},
        gateway_id=None,
        zone=notice.zone,
    )
    settles = notice.status == "registered" and not notice.urgent
    may_go_at = zoned(_not_in_quiet_hours(message, notice.at + policy.settle if settles else notice.at, policy))
    return replace(message, next_at=may_go_at, may_go_at=may_go_at)


def _not_in_quiet_hours(message: Message, at: datetime, policy: Policy) -> datetime:
    """The first moment from ``at`` on at which it may go."""
    return policy.may_go_at(
        at, zone=message.zone, urgent=message.urgent, needed_by=message.needed_by, asked_at=message.asked_at
    )


# ---------------------------------------------------------------- the way of a message


def given_up(mailing: Mailing, now: datetime) -> Mailing:
    """What was under way and had no outcome in its time is unknown: its sender crashed, or lost the database."""
    return _each(
        mailing,
        lambda each: (
            _became(each, "unknown", now, "no_outcome") if each.state == "sending" and each.next_at <= now else each
        ),
    )


def next_message(mailing: Mailing, now: datetime) -> Message | None:
    if any(each.state == "sending" for each in mailing.messages):
        return None
    due = [each for each in mailing.messages if each.state == "created" and each.next_at <= now]
    return due[-1] if due else None


def why_not(
    message: Message, now: datetime, *, last_sequence: int, wanted: bool, text: str | None, number: str | None
) -> str | None:
    """Why a message that is due is not to be sent after all; None where it is.

    ``last_sequence`` is that of the request's newest status, ``number`` a mobile number, or None where there is none.
    """
    if message.sequence < last_sequence:
        return "overtaken"
    if message.use_until <= now:
        return "expired"
    if not wanted:
        return "opted_out"
    if text is None:
        return "erased"
    return None if number else "no_mobile"


def dropped(mailing: Mailing, sequence: int, reason: str, now: datetime) -> Mailing:
    return _one(mailing, sequence, lambda each: _became(each, "failed", now, reason))


def held(mailing: Mailing, sequence: int, now: datetime, policy: Policy) -> Mailing:
    """It waits for the end of the quiet hours, where it fell into them meanwhile; as it is where it did not."""

    def hold(message: Message) -> Message:
        at = _not_in_quiet_hours(message, now, policy)
        return message if at <= now else replace(message, next_at=zoned(at), may_go_at=zoned(at))

    return _one(mailing, sequence, hold)


def sending(mailing: Mailing, sequence: int, now: datetime, lease: timedelta) -> Mailing:
    """It goes to the gateway once this is stored; without an outcome within ``lease`` it is unknown."""
    return _one(
        mailing,
        sequence,
        lambda each: replace(_became(each, "sending", now), next_at=zoned(now + lease), attempt=each.attempt + 1),
    )


def attempt_of(mailing: Mailing, sequence: int) -> Attempt:
    return next(Attempt(sequence, each.attempt) for each in mailing.messages if each.sequence == sequence)


def taken(mailing: Mailing, sequence: int, gateway_id: str, now: datetime) -> Mailing:
    """The gateway has taken it. A report may have come before: what it said stays."""

    def sent(message: Message) -> Message:
        message = replace(message, gateway_id=gateway_id)
        return message if _RANK[message.state] >= _RANK["sent"] else _became(message, "sent", now)

    return _one(mailing, sequence, sent)


def refused(mailing: Mailing, attempt: Attempt, code: str, now: datetime, pause: Pause, *, again: bool) -> Mailing:
    """The gateway said that it has not taken it: tried again after a pause, or failed."""

    def refuse(message: Message) -> Message:
        if not _open(message, attempt):
            return message
        message = replace(message, tries=message.tries + 1)
        if not again or message.tries >= MOST_TRIES:
            return _became(message, "failed", now, f"refused: {code}")
        if _overtaken(mailing, message):
            return _became(message, "failed", now, "overtaken")
        return _waits(message, now, _pause_of(message, pause), f"refused: {code}", pause.policy)

    return _one(mailing, attempt.sequence, refuse)


def untried(mailing: Mailing, attempt: Attempt, reason: str, now: datetime, pause: Pause) -> Mailing:
    """The gateway was not asked: it waits, with a pause only where the gateway cannot be reached."""

    def wait(message: Message) -> Message:
        if not _open(message, attempt):
            return message
        if _overtaken(mailing, message):
            return _became(message, "failed", now, "overtaken")
        at_once = reason in {"resting", "busy", "late"}
        return _waits(message, now, timedelta(0) if at_once else _pause_of(message, pause), reason, pause.policy)

    return _one(mailing, attempt.sequence, wait)


def unknown(mailing: Mailing, sequence: int, reason: str, now: datetime) -> Mailing:
    """Whether the gateway took it, nobody knows."""
    return _one(
        mailing, sequence, lambda each: _became(each, "unknown", now, reason) if each.state == "sending" else each
    )


def reported(mailing: Mailing, sequence: int, said: State, gateway_id: str | None, now: datetime) -> Mailing:
    """What a delivery report says, also a late or repeated one: a message never goes back to an earlier state."""

    def heard(message: Message) -> Message:
        if gateway_id is not None and message.gateway_id is None:
            message = replace(message, gateway_id=gateway_id)
        if _RANK[said] <= _RANK[message.state]:
            return message
        return _became(message, said, now, "undelivered" if said == "failed" else "")

    return _one(mailing, sequence, heard)


def reference(request_id: str, sequence: int) -> str:
    """Our own name of a message, as the gateway is told it."""
    return f"{request_id}-{sequence}"


def referred(text: str) -> tuple[str, int] | None:
    """The request and the sequence of a reference; None where it is none of ours."""
    found = _REFERENCE.fullmatch(text)
    return None if found is None else (found["request_id"].lower(), int(found["sequence"]))


def changes(before: Mailing | None, after: Mailing) -> list[tuple[str, str]]:
    """The states to which messages came, with the reason as a word of ours: for the metric."""
    were = {each.sequence: each.state for each in before.messages} if before else {}
    return [
        (each.state, each.reason.partition(":")[0]) for each in after.messages if were.get(each.sequence) != each.state
    ]


def _pause_of(message: Message, pause: Pause) -> timedelta:
    longest: timedelta = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** max(0, message.tries - 1))
    return longest * (0.5 + pause.jitter / 2)


def _waits(message: Message, now: datetime, pause: timedelta, reason: str, policy: Policy) -> Message:
    at = _not_in_quiet_hours(message, now + pause, policy)
    return replace(_became(message, "created", now, reason), next_at=zoned(at))


def _became(message: Message, state: State, now: datetime, reason: str = "") -> Message:
    return replace(message, state=state, reason=reason, at=message.at | {state: zoned(now)})


def _overtaken(mailing: Mailing, message: Message) -> bool:
    """Whether there is a newer message: an older one does not go after it, whatever became of the newer."""
    return any(each.sequence > message.sequence for each in mailing.messages)


def _open(message: Message, attempt: Attempt) -> bool:
    """Whether the outcome of this attempt is still to be kept."""
    return message.state in {"sending", "unknown"} and attempt.number in (None, message.attempt)


def _one(mailing: Mailing, sequence: int, change: Callable[[Message], Message]) -> Mailing:
    return _each(mailing, lambda each: change(each) if each.sequence == sequence else each)


def _each(mailing: Mailing, change: Callable[[Message], Message]) -> Mailing:
    return replace(mailing, messages=[change(each) for each in mailing.messages])
