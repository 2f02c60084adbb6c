"""``homecall explain --request``: the life of one request, read from the stores: each step, its clause, its verdict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from homecall.contract.envelope import OutgoingRecord
from homecall.contract.events import ClinicPublished
from homecall.contract.topics import COMPLAINTS, INTAKE, NOTIFIER, SCHEDULER
from homecall.operations.databases import REPOSITORIES, database_of, published_clinic
from homecall.operations.failure import Failure
from homecall.operations.table import Column, print_table
from homecall.operations.terminal import json_line, print_bytes, printable, settings
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.settings import Settings
from homecall.standard.calendar import local
from homecall.standard.clinics import calendar_of
from homecall.standard.deadlines import clause_of
from homecall.standard.replay import today_differs
from homecall.standard.rules import NotCoveredError, RuleSetError, RuleSets, load_rule_sets
from services.intake.store import IntakeStore
from services.notifier.domain.messages import Message
from services.notifier.store import Mailings

_COLUMNS = (
    Column("time"),
    Column("service", folds=2),
    Column("step"),
    Column("clauses", folds=3),
    Column("verdict", folds=1),
    Column("facts", folds=4),
)
_ORDER: Final = ("applicant", INTAKE, SCHEDULER, NOTIFIER, COMPLAINTS)
_COMPARED = {"request.accepted", "request.deferred", "request.refused"}
_RESULT = {"desk": "C6.1", "phone": "C6.1", "portal": "C6.2"}

Step = dict[str, Any]
"""time, service, step, clauses, verdict, and the facts by their names: as ``--json`` prints it."""
Today = Callable[[Mapping[str, Any]], dict[str, Any] | None]
"""What today's calendar would decide in place of a ruling; None where that is the same."""


def _same(_ruling: Mapping[str, Any]) -> None:
    """Where no calendar is at hand, none differs."""


@dataclass(frozen=True)
class Known:
    """What the stores hold of a request: by service; its messages by SMS; the complaints about it."""

    kept: Mapping[str, Aggregate[Any]] = field(default_factory=dict)
    messages: Sequence[Message] = ()
    complaints: Sequence[Aggregate[Any]] = ()


def explain_request(request_id: str, *, as_json: bool) -> None:
    """Print the steps of a request in the order of their times; ``Failure`` when no store knows it."""
    steps = life(*asyncio.run(_read(settings(), request_id.lower())))
    if not steps:
        raise Failure(f"no store knows the request {request_id}: look at the dead letters, or check the id", code=1)
    if as_json:
        for step in steps:
            print_bytes(json_line(step))
        return
    print_table(_COLUMNS, [_row(step) for step in steps], header=False)


async def _read(asked: Settings, request_id: str) -> tuple[Known, Today]:
    """What is known of the request, and what tells where today's calendar of its clinic would rule otherwise (R1)."""
    kept: dict[str, Aggregate[Any]] = {}
    messages: list[Message] = []
    for service in (INTAKE, SCHEDULER, NOTIFIER):
        async with database_of(asked, service) as database:
            load = IntakeStore(database).read if service == INTAKE else REPOSITORIES[service](database).load
            for each in (await load([request_id])).values():
                kept[service] = each
            if service == NOTIFIER:
                mailings = await Mailings(database).load([request_id])
                messages = [each for found in mailings.values() if found.state for each in found.state.messages]
    async with database_of(asked, COMPLAINTS) as database:
        complaints = await REPOSITORIES[COMPLAINTS](database).find({"about": request_id})
    return Known(kept, messages, complaints), await _today(asked, kept.get(INTAKE))


async def _today(asked: Settings, request: Aggregate[Any] | None) -> Today:
    if request is None or request.state is None:
        return _same
    async with database_of(asked, INTAKE) as database:
        clinic = await published_clinic(database, request.state.clinic_id)
    if clinic is None:
        return _same
    try:
        return partial(ruled_today, clinic, load_rule_sets(asked.rules))
    except RuleSetError as error:
        raise Failure(str(error)) from None


def ruled_today(clinic: ClinicPublished, rule_sets: RuleSets, ruling: Mapping[str, Any]) -> dict[str, Any] | None:
    """What today's calendar would decide in place of a ruling; None where that is the same, or cannot be told."""
    own = next((each for each in rule_sets.sets if each.id == ruling.get("rule_set")), None)
    stated = (ruling.get("inputs") or {}).get("submitted_at")
    if own is None or stated is None:
        return None
    try:
        now = rule_sets.on(local(datetime.fromisoformat(stated), ZoneInfo(clinic.zone)).date())
    except NotCoveredError:
        return None
    return today_differs(ruling, calendar_of(clinic, now), own, now)


def life(known: Known, today: Today = _same) -> list[Step]:
    """The steps of a request, in the order of their times.

    The events that were stored are what was said, and when: nothing is decided again. ``today`` stands with a ruling
    where today's calendar would decide otherwise. No names, no addresses and no phones.
    """
    steps: list[Step] = []
    request = known.kept[INTAKE].state if INTAKE in known.kept else None
    channel = request.channel if request is not None else ""
    if request is not None and request.submitted_at is not None:
        facts = {"channel": channel, "reasons": request.request.get("reasons", [])}
        if category := request.request.get("referral", {}).get("category"):
            facts["category"] = category
        steps.append(_step(request.request["submitted_at"], "applicant", "request.submitted", ["C3"], None, facts))
    for service, aggregate in [*known.kept.items(), *((COMPLAINTS, each) for each in known.complaints)]:
        for events in aggregate.processed.values():
            steps += [_with_today(_said(service, channel, event), today) for event in events]
    for message in known.messages:
        steps += _sms(message)
    return sorted(steps, key=lambda step: (datetime.fromisoformat(step["time"]), _ORDER.index(step["service"])))


def _with_today(step: Step, today: Today) -> Step:
    if step["step"] not in _COMPARED or not step.get("ruling"):
        return step
    differs = today(step["ruling"])
    return step if differs is None else step | {"today": differs}


def _sms(message: Message) -> list[Step]:
    """Each state that a message came to, the last time it did; its present one with the reason."""
    facts = {"sequence": message.sequence, "status": message.status}
    more = {"reason": message.reason, "tries": message.tries} if message.reason else {}
    if message.state == "created":
        more["next_at"] = message.next_at.isoformat()
    states = [each for each in message.at if each != message.state]
    return [
        _step(
            message.at[each].isoformat(),
            NOTIFIER,
            f"sms.{each}",
            [],
            None,
            facts | more if each == message.state else facts,
        )
        for each in (*states, message.state)
    ]


_FACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "request": (
        *("register_date", "register_number", "opens_at", "due_at", "code", "existing_request_id", "flags"),
        *("next_acceptance_at", "waits_for", "deadline", "outcome", "transferred_to", "transferred_from"),
    ),
    "visit": (*("revision", "visit_date", "arrives_from", "arrives_to", "basis", "why", "cause", "outcome", "reason"),),
    "deadline": ("deadline", "started_at", "due_at", "limit_seconds", "stage"),
    "status": ("sequence", "status", "due_at"),
    "complaint": ("status", "complaint_id", "incoming_number", "stage", "answer_due_on", "linked_complaints"),
    "journal": ("revision", "register_date", "register_number", "answered_at", "outcome", "transferred_to"),
}
"""By the first word of an event's type, what is told of its data."""
_CLAUSES: Final[Mapping[str, list[str]]] = {
    "visit": ["R13", "R14"],
    "complaint": ["C10.6"],
    "journal": ["C6.1"],
}


def _said(service: str, channel: str, event: OutgoingRecord) -> Step:
    data: dict[str, Any] = json.loads(event.value)
    kind, _, what = event.type.partition(".")
    facts, clauses, verdict = _some(data, _FACTS[kind]), _CLAUSES.get(kind, []), None
    if kind == "request":
        ruling = data.get("ruling") or {}
        facts["ruling"], clauses = ruling, ruling.get("clauses", [])
        verdict = f"{what}: {data['code']}" if what == "refused" else data.get("outcome", what)
    elif kind == "visit" and "doctor" in data:
        facts["doctor_id"] = data["doctor"]["doctor_id"]
    elif kind == "deadline":
        of_complaint = data["subject_kind"] == "complaint"
        clauses, verdict = [clause_of(data["deadline"], data["stage" if of_complaint else "channel"])], what
        facts = _some(data, ("subject_id", "due_at", "stage")) if of_complaint else facts
    elif kind == "status":
        clauses = [_RESULT.get(channel, "C6.2"), "C14"]
        if data.get("on_time") is not None:
            clauses.append(clause_of("answer", channel))
            verdict = "on time" if data["on_time"] else "late"
    return _step(event.time, service, event.type, clauses, verdict, facts)


def _some(data: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: data[name] for name in names if data.get(name) not in (None, [])}


def _step(
    time: str, service: str, step: str, clauses: list[str], verdict: str | None, facts: Mapping[str, Any]
) -> Step:
    return {"time": time, "service": service, "step": step, "clauses": clauses, "verdict": verdict, **facts}


def _why(why: dict[str, Any]) -> str:
    """Why this doctor, and over whom, in a few words."""
    facts = [f"{name.replace('_', ' ')} {why[name]}" for name in ("extra_travel_minutes", "load") if name in why]
    over = [
        f"{each['doctor_id']} ({each['cost_minutes'] - why['cost_minutes']:+.1f} minutes)"
        for each in why.get("over", ())
        if "cost_minutes" in why
    ]
    if (sampled := why.get("sampled")) is not None:
        opens = f"opens {sampled['lead_minutes']} minutes after the answer" if sampled["lead_minutes"] else "at once"
        near = f"at once up to {sampled['near_minutes']} minutes of extra travel"
        facts.append(f"chosen by sampled days: {sampled['days']} days, {opens}; {near}")
    return "; ".join([why["by"], *facts, *([f"over {' '.join(over)}"] if over else [])])


def _row(step: dict[str, Any]) -> tuple[str, ...]:
    apart = {"time", "service", "step", "clauses", "verdict", "ruling"}
    shown = {name: value for name, value in step.items() if name not in apart}
    if isinstance(why := shown.get("why"), dict):
        shown["why"] = _why(why)
    for name in ("transferred_to", "transferred_from"):
        if isinstance(other := shown.get(name), dict):
            shown[name] = f"{other['request_id']} at {other['clinic_id']}"
    told = ", ".join(f"{name} {', '.join(each) if isinstance(each, list) else each}" for name, each in shown.items())
    clauses, verdict = " ".join(step["clauses"]), step["verdict"] or ""
    return tuple(map(printable, (step["time"], step["service"], step["step"], clauses, verdict, told)))
