"""Text messages to patients: when each may go, what became of it, and that none goes twice. Pure.

A message belongs to one told status of one request, by the status's sequence. Its states: ``created``, ``sending``
(stored before the gateway is called), ``sent`` (taken by the gateway), ``delivered``, ``failed`` (it did not reach the
patient; ``reason`` says why), ``unknown`` (the gateway may have taken it, or not: it is never sent again).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from homecall.contract.types import ZONE, in_zone

State = Literal["created", "sending", "sent", "delivered", "failed", "unknown"]

JUST_ASKED: Final = timedelta(minutes=30)
"""Who applied so short a time ago is awake, and waits for the answer: quiet hours do not hold it up."""
MOST_NOTICES: Final = 50
"""Of one request: a visit that is moved more often tells the patient of the last times only."""
_MOST_KEPT: Final = 2 * MOST_NOTICES
"""Messages of one request that are kept: more than notices, so that none of these is taken up twice."""
MOST_TRIES: Final = 8
"""How often a message is given to a gateway that says "not now"."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
_REFERENCE: Final = re.compile(r"(?P<request_id>.{1,80})-(?P<sequence>[0-9]{1,9})")
"""More digits than any sequence has; Python reads no number of thousands of them."""
_RANK: Final[Mapping[str, int]] = {"created": 0, "sending": 1, "unknown": 2, "sent": 3, "failed": 4, "delivered": 5}


@dataclass(frozen=True, slots=True)
class Policy:
    """Which statuses are told by SMS, and when messages wait."""

    statuses: frozenset[str]
    quiet: tuple[time, time] | None = None
    """From when to when, by the clinics' clock, messages wait that can."""
    settle: timedelta = timedelta(0)
    """How long ``registered`` waits for the answer to replace it: mostly that comes within seconds."""

    def quiet_until(self, at: datetime, zone: ZoneInfo = ZONE) -> datetime | None:
        """When the quiet hours in which ``at`` falls by the zone's clock are over; None where it falls in none."""
        if self.quiet is None:
            return None
        local = at.astimezone(zone)
        begins, ends = self.quiet
        clock = local.time()
        inside = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
        if not inside:
            return None
        end = datetime.combine(local.date(), ends, zone)
        return end if end > local else end + timedelta(days=1)


def policy_of(statuses: str, quiet_hours: str, settle_seconds: float, known: Sequence[str]) -> Policy:
    """The policy that the settings name. Raises ValueError with one line."""
    named = [each.strip() for each in statuses.split(",") if each.strip()]
    strange = [each for each in named if each not in known]
    if strange or not named:
        raise ValueError(f"HOMECALL_SMS_STATUSES: must be some of {', '.join(known)}, comma-separated")
    return Policy(frozenset(named), _hours(quiet_hours), timedelta(seconds=settle_seconds))


def _hours(text: str) -> tuple[time, time] | None:
    if text == "off":
        return None
    try:
        begins, ends = (time.fromisoformat(each) for each in text.split("-"))
    except ValueError:
        begins = ends = time()
    if begins == ends or begins.tzinfo or ends.tzinfo:
        raise ValueError("HOMECALL_SMS_QUIET_HOURS: must be off, or two times as in 22:00-08:00")
    return begins, ends


def of_use_until(status: str, at: datetime, *, visit: Mapping[str, Any] | None, due_at: datetime | None) -> datetime:
    """Until when a message about a status is of use: later it is not sent any more.

    A visit's time until it is over, a promise of an answer until that is due, what has ended for a day.
    """
    if status in {"scheduled", "rescheduled"} and visit is not None:
        return datetime.fromisoformat(visit["arrives_to"])
    if status in {"registered", "deferred"}:
        return max(due_at or at, at + JUST_ASKED)
    return at + timedelta(hours=6 if status == "delayed" else 24)


@dataclass(frozen=True)
class Mailing:
    """The messages about one request, by rising sequence. Holds no personal data: phone and text stay with the call.

    Each message: sequence, status, state, reason ("" or why), urgent, attempt, tries, may_go_at (since when it could),
    next_at (when it is next tried, or for ``sending`` given up), use_until, needed_by, asked_at, at {state: when it
    last came to it}, gateway_id.
    """

    request_id: str
    clinic_id: str
    messages: list[dict[str, Any]] = field(default_factory=list)


def timer_at(mailing: Mailing) -> datetime | None:
    """When something is next to be done: nothing new is begun while the outcome of what is under way is open."""
    under_way = [each["next_at"] for each in mailing.messages if each["state"] == "sending"]
    waiting = [each["next_at"] for each in mailing.messages if each["state"] == "created"]
    return min((_moment(each) for each in under_way or waiting), default=None)


def waiting_since(mailing: Mailing) -> datetime | None:
    """Since when the oldest message that is not with the gateway could have gone, or may go."""
    open_ = [each["may_go_at"] for each in mailing.messages if each["state"] in {"created", "sending"}]
    return min(map(_moment, open_), default=None)


def taken_up(mailing: Mailing, notices: Sequence[Mapping[str, Any]], policy: Policy) -> Mailing:
    """The mailing with a message for each notice that has none yet; whatever waited before the last is overtaken.

    Taking up the same notices again changes nothing, so that it may be done any number of times.
    """
    known = {each["sequence"] for each in mailing.messages}
    new = [_created(each, policy) for each in notices if each["sequence"] not in known]
    if not new:
        return mailing
    messages = sorted([*mailing.messages, *new], key=lambda each: int(each["sequence"]))[-_MOST_KEPT:]
    last = messages[-1]
    return replace(
        mailing,
        messages=[
            _became(each, "failed", _moment(last["at"]["created"]), "overtaken")
            if each["state"] == "created" and each is not last
            else each
            for each in messages
        ],
    )


def _created(notice: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    at = _moment(notice["at"])
    urgent = bool(notice["urgent"])
    message = {
        "sequence": notice["sequence"],
        "status": notice["status"],
        "state": "created",
        "reason": "",
        "urgent": urgent,
        "attempt": 0,
        "tries": 0,
        "use_until": notice["use_until"],
        "needed_by": notice["needed_by"],
        "asked_at": notice["asked_at"],
        "at": {"created": in_zone(at)},
        "gateway_id": None,
        **({"zone": notice["zone"]} if "zone" in notice else {}),
    }
    settles = notice["status"] == "registered" and not urgent
    may_go_at = in_zone(_not_in_quiet_hours(message, at + policy.settle if settles else at, policy))
    return message | {"next_at": may_go_at, "may_go_at": may_go_at}


def _not_in_quiet_hours(message: Mapping[str, Any], at: datetime, policy: Policy) -> datetime:
    """The first moment from ``at`` on at which it may go.

    Quiet hours hold up nothing that is urgent (call 103 now), nothing that somebody who has just applied waits for, and
    nothing that would come too late after them, as a visit before their end.
    """
    until = policy.quiet_until(at, ZoneInfo(message.get("zone", ZONE.key)))
    if until is None or message["urgent"] or _moment(message["needed_by"]) <= until:
        return at
    if message["asked_at"] is not None and at - _moment(message["asked_at"]) <= JUST_ASKED:
        return at
    return until


# ---------------------------------------------------------------- the way of a message


def given_up(mailing: Mailing, now: datetime) -> Mailing:
    """What was under way and had no outcome in its time is unknown: its sender crashed, or lost the database."""
    return _each(
        mailing,
        lambda each: (
            _became(each, "unknown", now, "no_outcome")
            if each["state"] == "sending" and _moment(each["next_at"]) <= now
            else each
        ),
    )


def next_message(mailing: Mailing, now: datetime) -> dict[str, Any] | None:
    """The message that is due, if there is one."""
    if any(each["state"] == "sending" for each in mailing.messages):
        return None
    due = [each for each in mailing.messages if each["state"] == "created" and _moment(each["next_at"]) <= now]
    return due[-1] if due else None


def why_not(
    message: Mapping[str, Any], now: datetime, *, last_sequence: int, wanted: bool, text: str | None, number: str | None
) -> str | None:
    """Why a message that is due is not to be sent after all; None where it is.

    ``last_sequence`` is that of the request's newest status, ``number`` a mobile number, or None where there is none.
    """
    if message["sequence"] < last_sequence:
        return "overtaken"
    if _moment(message["use_until"]) <= now:
        return "expired"
    if not wanted:
        return "opted_out"
    if text is None:
        return "erased"
    return None if number else "no_mobile"


def dropped(mailing: Mailing, sequence: int, reason: str, now: datetime) -> Mailing:
    """It is not sent."""
    return _one(mailing, sequence, lambda each: _became(each, "failed", now, reason))


def held(mailing: Mailing, sequence: int, now: datetime, policy: Policy) -> Mailing:
    """It waits for the end of the quiet hours, where it fell into them meanwhile; as it is where it did not."""

    def hold(message: dict[str, Any]) -> dict[str, Any]:
        at = _not_in_quiet_hours(message, now, policy)
        return message if at <= now else message | {"next_at": in_zone(at), "may_go_at": in_zone(at)}

    return _one(mailing, sequence, hold)


def sending(mailing: Mailing, sequence: int, now: datetime, lease: timedelta) -> Mailing:
    """It goes to the gateway once this is stored; without an outcome within ``lease`` it is unknown."""
    return _one(
        mailing,
        sequence,
        lambda each: (
            _became(each, "sending", now) | {"next_at": in_zone(now + lease), "attempt": int(each["attempt"]) + 1}
        ),
    )


def attempt_of(mailing: Mailing, sequence: int) -> int:
    """Which attempt at a message is the last one."""
    return next(int(each["attempt"]) for each in mailing.messages if each["sequence"] == sequence)


def taken(mailing: Mailing, sequence: int, gateway_id: str, now: datetime) -> Mailing:
    """The gateway has taken it. A report may have come before: what it said stays."""

    def sent(message: dict[str, Any]) -> dict[str, Any]:
        message = message | {"gateway_id": gateway_id}
        return message if _RANK[message["state"]] >= _RANK["sent"] else _became(message, "sent", now)

    return _one(mailing, sequence, sent)


def refused(
    mailing: Mailing,
    sequence: int,
    code: str,
    now: datetime,
    *,
    again: bool,
    jitter: float,
    policy: Policy,
    attempt: int | None = None,
) -> Mailing:
    """The gateway said that it has not taken it: tried again after a pause, or failed.

    ``jitter`` (0 to 1) spreads the pauses. An outcome belongs to one ``attempt``: stored once more, when the message
    may be under way again, it changes nothing.
    """

    def refuse(message: dict[str, Any]) -> dict[str, Any]:
        if not _open(message, attempt):
            return message
        message = message | {"tries": message["tries"] + 1}
        if not again or message["tries"] >= MOST_TRIES:
            return _became(message, "failed", now, f"refused: {code}")
        if _overtaken(mailing, sequence):
            return _became(message, "failed", now, "overtaken")
        return _waits(message, now, jitter, policy, f"refused: {code}")

    return _one(mailing, sequence, refuse)


def untried(
    mailing: Mailing,
    sequence: int,
    reason: str,
    now: datetime,
    *,
    jitter: float,
    policy: Policy,
    attempt: int | None = None,
) -> Mailing:
    """The gateway was not asked: it waits, for as long as it is of use. A pause only where there is no way to it.

    While the gateway is left in peace nothing is begun anyway, and what had no room goes with the next round.
    """

    def wait(message: dict[str, Any]) -> dict[str, Any]:
        if not _open(message, attempt):
            return message
        if _overtaken(mailing, sequence):
            return _became(message, "failed", now, "overtaken")
        return _waits(message, now, jitter, policy, reason, paused=reason not in {"resting", "busy", "late"})

    return _one(mailing, sequence, wait)


def unknown(mailing: Mailing, sequence: int, reason: str, now: datetime) -> Mailing:
    """Whether the gateway took it, nobody knows."""
    return _one(
        mailing,
        sequence,
        lambda each: _became(each, "unknown", now, reason) if each["state"] == "sending" else each,
    )


def reported(mailing: Mailing, sequence: int, said: State, gateway_id: str | None, now: datetime) -> Mailing:
    """What a delivery report says: also of what is under way or unknown, repeated, or out of order.

    A message never goes back: what was delivered stays so, whatever comes late.
    """

    def heard(message: dict[str, Any]) -> dict[str, Any]:
        if gateway_id is not None and message["gateway_id"] is None:
            message = message | {"gateway_id": gateway_id}
        if _RANK[said] <= _RANK[message["state"]]:
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
    were = {each["sequence"]: each["state"] for each in before.messages} if before else {}
    return [
        (each["state"], each["reason"].partition(":")[0])
        for each in after.messages
        if were.get(each["sequence"]) != each["state"]
    ]


def _waits(
    message: dict[str, Any], now: datetime, jitter: float, policy: Policy, reason: str, *, paused: bool = True
) -> dict[str, Any]:
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** max(0, message["tries"] - 1))
    at = _not_in_quiet_hours(message, now + longest * (0.5 + jitter / 2) if paused else now, policy)
    return _became(message, "created", now, reason) | {"next_at": in_zone(at)}


def _became(message: dict[str, Any], state: State, now: datetime, reason: str = "") -> dict[str, Any]:
    return message | {"state": state, "reason": reason, "at": message["at"] | {state: in_zone(now)}}


def _overtaken(mailing: Mailing, sequence: int) -> bool:
    """Whether there is a newer message: an older one does not go after it, whatever became of the newer."""
    return any(int(each["sequence"]) > sequence for each in mailing.messages)


def _open(message: Mapping[str, Any], attempt: int | None) -> bool:
    """Whether the outcome of this attempt (None: of whichever is the last) is still to be kept."""
    return message["state"] in {"sending", "unknown"} and attempt in (None, message["attempt"])


def _one(mailing: Mailing, sequence: int, change: Any) -> Mailing:
    return _each(mailing, lambda each: change(each) if each["sequence"] == sequence else each)


def _each(mailing: Mailing, change: Any) -> Mailing:
    return replace(mailing, messages=[change(each) for each in mailing.messages])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
