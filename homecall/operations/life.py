"""``homecall explain --request``: the life of one request, read from the stores: each step, its clause, its verdict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from homecall.contract.events import ClinicPublished
from homecall.contract.topics import COMPLAINTS, INTAKE, NOTIFIER, SCHEDULER
from homecall.operations.databases import database_of, published_clinic
from homecall.operations.failure import Failure
from homecall.operations.table import Column, print_table
from homecall.operations.terminal import json_line, print_bytes, printable, settings
from homecall.standard.calendar import local
from homecall.standard.clinics import calendar_of
from homecall.standard.deadlines import clause_of
from homecall.standard.replay import today_differs
from homecall.standard.rules import NotCoveredError, RuleSetError, RuleSets, load_rule_sets

_COLUMNS = (
    Column("time"),
    Column("service", folds=2),
    Column("step"),
    Column("clauses", folds=3),
    Column("verdict", folds=1),
    Column("facts", folds=4),
)
MESSAGES = "messages"
"""The notifier's documents of what was sent by SMS."""

_KEPT_IN = {
    INTAKE: (INTAKE, "requests"),
    SCHEDULER: (SCHEDULER, "calls"),
    NOTIFIER: (NOTIFIER, "requests"),
    MESSAGES: (NOTIFIER, "messages"),
}
_COMPARED = {"request.accepted", "request.deferred", "request.refused"}
_RESULT = {"desk": "C6.1", "phone": "C6.1", "portal": "C6.2"}


def explain_request(request_id: str, *, as_json: bool) -> None:
    """Print the steps of a request in the order of their times; ``Failure`` when no store knows it."""
    documents = asyncio.run(_documents(request_id.lower()))
    about = asyncio.run(_complaints_about(request_id.lower()))
    today = asyncio.run(_today(documents))
    steps = life(documents, about, today)
    if not steps:
        raise Failure(f"no store knows the request {request_id}: look at the dead letters, or check the id", code=1)
    if as_json:
        for step in steps:
            print_bytes(json_line(step))
        return
    print_table(_COLUMNS, [_row(step) for step in steps], header=False)


async def _documents(request_id: str) -> dict[str, dict[str, Any]]:
    asked = settings()
    found: dict[str, dict[str, Any]] = {}
    for part, (service, collection) in _KEPT_IN.items():
        async with database_of(asked, service) as database:
            for document in await database.collection(collection).find({"_id": request_id}):
                found[part] = document
    return found


async def _today(documents: Mapping[str, Mapping[str, Any]]) -> Today:
    """What tells where today's calendar of the request's clinic would rule otherwise (R1)."""
    asked = settings()
    clinic_id = (documents.get(INTAKE, {}).get("s") or {}).get("clinic_id", "")
    async with database_of(asked, INTAKE) as database:
        clinic = await published_clinic(database, clinic_id)
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


async def _complaints_about(request_id: str) -> list[dict[str, Any]]:
    async with database_of(settings(), COMPLAINTS) as database:
        return await database.collection("complaints").find({"about": request_id})


Today = Callable[[Mapping[str, Any]], dict[str, Any] | None]
"""What today's calendar would decide in place of a ruling; None where that is the same."""


def _same(_ruling: Mapping[str, Any]) -> None:
    """Where no calendar is at hand, none differs."""


def life(
    documents: dict[str, dict[str, Any]], complaints: Sequence[dict[str, Any]] = (), today: Today = _same
) -> list[dict[str, Any]]:
    """The steps of a request, from each service's document of it: time, service, step, clauses, verdict, facts.

    The events that were stored are what was said, and when: nothing is decided again. ``today`` stands with a ruling
    where today's calendar would decide otherwise. Under ``MESSAGES`` stands what
    became of its messages. The complaints about it stand among them, each with what became of it. No names, no
    addresses and no phones.
    """
    steps: list[dict[str, Any]] = []
    state = documents.get(INTAKE, {}).get("s") or {}
    channel = state.get("channel", "")
    submitted_at = state.get("request", {}).get("submitted_at")
    if submitted_at is not None:
        facts = {"channel": channel, "reasons": state["request"].get("reasons", [])}
        steps.append(_step(submitted_at, "applicant", "request.submitted", ["C3"], None, facts))
    for service, document in documents.items():
        for events in document.get("o", {}).values():
            steps += [_with_today(_said(service, channel, event), today) for event in events]
    for message in (documents.get(MESSAGES, {}).get("s") or {}).get("messages", []):
        steps += _sms(message)
    for complaint in complaints:
        for events in complaint.get("o", {}).values():
            steps += [_said(COMPLAINTS, channel, event) for event in events]
    order = ["applicant", INTAKE, SCHEDULER, NOTIFIER, COMPLAINTS]
    return sorted(steps, key=lambda step: (datetime.fromisoformat(step["time"]), order.index(step["service"])))


def _with_today(step: dict[str, Any], today: Today) -> dict[str, Any]:
    if step["step"] not in _COMPARED or not step.get("ruling"):
        return step
    differs = today(step["ruling"])
    return step if differs is None else step | {"today": differs}


def _sms(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Each state that a message came to, the last time it did; its present one with the reason."""
    facts = {"sequence": message["sequence"], "status": message["status"]}
    times, state = dict(message["at"]), message["state"]
    steps = [_step(at, NOTIFIER, f"sms.{each}", [], None, facts) for each, at in times.items() if each != state]
    more = _some(message, "reason", "tries") if message["reason"] else {}
    if state == "created":
        more["next_at"] = message["next_at"]
    return [*steps, _step(times[state], NOTIFIER, f"sms.{state}", [], None, facts | more)]


def _said(service: str, channel: str, event: dict[str, Any]) -> dict[str, Any]:
    data = json.loads(event["value"])
    event_type: str = event["type"]
    ruling = data.get("ruling") or {}
    if event_type.startswith("request."):
        names = ("register_date", "register_number", "opens_at", "due_at", "code", "existing_request_id", "flags")
        facts = _some(data, *names, "next_acceptance_at", "waits_for", "deadline") | {"ruling": ruling}
        return _step(event["time"], service, event_type, ruling.get("clauses", []), _decision(event_type, data), facts)
    if event_type.startswith("visit."):
        facts = _some(
            data, "revision", "visit_date", "arrives_from", "arrives_to", "basis", "why", "cause", "outcome", "reason"
        )
        if "doctor" in data:
            facts["doctor_id"] = data["doctor"]["doctor_id"]
        return _step(event["time"], service, event_type, ["R13", "R14"], None, facts)
    if event_type.startswith("deadline."):
        if data["subject_kind"] == "complaint":
            where, facts = data["stage"], _some(data, "subject_id", "due_at", "stage")
        else:
            where = data["channel"]
            facts = _some(data, "deadline", "started_at", "due_at", "limit_seconds", "stage")
        clause = clause_of(data["deadline"], where)
        return _step(event["time"], service, event_type, [clause], event_type.split(".")[1], facts)
    if event_type == "status.changed":
        on_time = data.get("on_time")
        clauses = [_RESULT.get(channel, "C6.2"), "C14"] + (
            [clause_of("answer", channel)] if on_time is not None else []
        )
        verdict = None if on_time is None else "on time" if on_time else "late"
        return _step(event["time"], service, event_type, clauses, verdict, _some(data, "sequence", "status", "due_at"))
    if event_type == "complaint.status-changed":
        facts = _some(data, "status", "complaint_id", "incoming_number", "stage", "answer_due_on", "linked_complaints")
        return _step(event["time"], service, event_type, ["C10.6"], None, facts)
    facts = _some(data, "revision", "register_date", "register_number", "answered_at", "outcome")
    return _step(event["time"], service, event_type, ["C6.1"], None, facts)


def _decision(event_type: str, data: dict[str, Any]) -> str:
    decided = event_type.split(".")[1]
    return f"{decided}: {data['code']}" if decided == "refused" else decided


def _some(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names if data.get(name) not in (None, [])}


def _step(
    time: str, service: str, step: str, clauses: list[str], verdict: str | None, facts: dict[str, Any]
) -> dict[str, Any]:
    return {"time": time, "service": service, "step": step, "clauses": clauses, "verdict": verdict, **facts}


def _why(why: dict[str, Any]) -> str:
    """Why this doctor, and over whom, in a few words."""
    facts = [f"{name.replace('_', ' ')} {why[name]}" for name in ("extra_travel_minutes", "load") if name in why]
    over = [
        f"{each['doctor_id']} ({each['cost_minutes'] - why['cost_minutes']:+.1f} minutes)"
        for each in why.get("over", ())
        if "cost_minutes" in why
    ]
    return "; ".join([why["by"], *facts, *([f"over {' '.join(over)}"] if over else [])])


def _row(step: dict[str, Any]) -> tuple[str, ...]:
    apart = {"time", "service", "step", "clauses", "verdict", "ruling"}
    shown = {name: value for name, value in step.items() if name not in apart}
    if isinstance(why := shown.get("why"), dict):
        shown["why"] = _why(why)
    told = ", ".join(f"{name} {', '.join(each) if isinstance(each, list) else each}" for name, each in shown.items())
    clauses, verdict = " ".join(step["clauses"]), step["verdict"] or ""
    return tuple(map(printable, (step["time"], step["service"], step["step"], clauses, verdict, told)))
