"""What of the demo's day passes through the desk: one clinic's people fill in its forms, as a browser sends them.

The calls of that clinic that come by phone and in person, their withdrawals and oral answers, the outcomes of its
visits and its doctor who falls ill. All else of the day comes from systems of clinics and from the portal.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from homecall.contract.topics import DESK, TOPIC_OF_TYPE
from homecall.demo.acts import Act, data_of
from homecall.demo.browser import CLINIC, Browser
from homecall.demo.clinic_day import Plan
from homecall.demo.fate import Fate
from homecall.gateways.http import client
from homecall.runtime.encryption import Vault
from homecall.runtime.mongo.client import Database
from homecall.runtime.settings import Settings
from services.desk.domain.call import Call
from services.desk.domain.roles import Role
from services.desk.sessions import COOKIE, Sessions
from services.desk.store.stores import Stores

_TRY_SECONDS: Final = 10.0
"""How long a form is sent again while the desk cannot take it."""
_AGAIN_SECONDS: Final = 0.05
_PAGE_SECONDS: Final = 5.0
_DO: Final[Mapping[str, Role]] = {
    "request.submitted": "registrar",
    "request.withdrawn": "registrar",
    "answer.given": "registrar",
    "visit.reported": "dispatcher",
    "doctor.unavailable": "dispatcher",
}
"""What is done at the desk, and by whom."""


class NotTakenError(Exception):
    """The desk does not take a form, in one line."""


class AtTheDesk:
    """The people of one clinic at its desk. ``done`` counts what they did, by type."""

    def __init__(self, browser: Browser, plan: Plan) -> None:
        self.done: Counter[str] = Counter()
        self._calls = _calls_at_the_desk(plan)
        sessions, now = Sessions(browser.secret.read_text(encoding="utf-8").encode()), datetime.now().astimezone()
        self._sessions: dict[Role, tuple[str, str]] = {}
        for role in set(_DO.values()):
            cookie = sessions.new(role, now)
            session = sessions.read(cookie, now)
            assert session is not None
            self._sessions[role] = (cookie, sessions.form_token(session))
        self._client = client(at_once=20, base_url=browser.address)

    async def __aenter__(self) -> AtTheDesk:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    def does(self, act: Act) -> bool:
        """Whether this is done at the desk, rather than sent by a system of the clinic's."""
        if act.clinic_id != CLINIC or act.type not in _DO or act.repeats or act.dead:
            return False
        if act.topic != TOPIC_OF_TYPE[act.type].name:
            return False
        return act.type in {"visit.reported", "doctor.unavailable"} or act.subject in self._calls

    async def do(self, act: Act) -> None:
        """Fill in the form and send it, again while the desk cannot take it. Raises ``NotTakenError``."""
        path, fields = _form(act)
        cookie, token = self._sessions[_DO[act.type]]
        end = time.perf_counter() + _TRY_SECONDS
        while True:
            async with asyncio.timeout(_PAGE_SECONDS):
                answer = await self._client.post(
                    path, data={"csrf": token, **fields}, headers={"cookie": f"{COOKIE}={cookie}"}
                )
            if answer.status_code == 303:
                self.done[act.type] += 1
                return
            if answer.status_code < 500 or time.perf_counter() > end:
                raise NotTakenError(f"the desk answers {answer.status_code} to {act.type} of {act.subject or CLINIC}")
            await asyncio.sleep(_AGAIN_SECONDS)


def _calls_at_the_desk(plan: Plan) -> frozenset[str]:
    """The calls that are taken at the desk: accepted at once, and not by the second of the cut-off.

    Not those that are sent twice or whose patient calls again: between a form and a system of the clinic nobody
    promises an order.
    """
    sent = [act for act in plan.acts if act.type == "request.submitted" and not act.dead]
    times = Counter(act.subject for act in sent)
    patients = Counter(data_of(act)["patient"].get("iin") for act in sent)
    return frozenset(
        act.subject
        for act in sent
        if act.clinic_id == CLINIC
        and act.channel != "portal"
        and act.expected == "accepted"
        and times[act.subject] == 1
        and patients[data_of(act)["patient"].get("iin")] == 1
        and act.at.strftime("%H:%M") < "17:45"
    )


def _form(act: Act) -> tuple[str, dict[str, Any]]:
    """The address and the fields of the form by which an act is done."""
    data = data_of(act)
    match act.type:
        case "request.submitted":
            return "/calls/new", _call(data)
        case "request.withdrawn":
            return f"/calls/{act.subject}/withdraw", {"reason": data["reason"]}
        case "answer.given":
            return f"/calls/{act.subject}/answered", {}
        case "visit.reported":
            return f"/calls/{act.subject}/visit", {"outcome": data["outcome"]}
        case _:
            fields = {name: data[name] for name in ("doctor_id", "from", "reason")}
            return f"/rosters/{data['date']}/unavailable", fields


def _call(data: Mapping[str, Any]) -> dict[str, Any]:
    patient, applicant, document = (data.get(name, {}) for name in ("patient", "applicant", "identity_document"))
    fields = {
        **{name: data.get(name) for name in ("request_id", "channel", "reasons", "temperature_c", "note")},
        **{name: patient.get(name) for name in ("iin", "full_name", "birth_date", "sex", "phone", "language")},
        **{f"applicant_{name}": applicant.get(name) for name in ("iin", "full_name", "phone")},
        "applicant_authority_kind": applicant.get("authority", {}).get("kind"),
        **{f"document_{name}": document.get(name) for name in ("kind", "number")},
        "address": data["address"]["text"],
        "flat": data["address"].get("flat"),
        "queued_at": datetime.fromisoformat(data["queued_at"]).strftime("%H:%M") if "queued_at" in data else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


# ------------------------------------------------------------ what it shows in the end


async def looked_at(settings: Settings, fates: Mapping[str, Fate]) -> tuple[int, list[str]]:
    """How many actions are not sent, and a line for each call that the desk shows otherwise than it was said."""
    database = Database.of(settings, DESK)
    try:
        stores = Stores(database, Vault.from_settings(settings))
        unsent, _ = await stores.actions.count_unsent()
        shown = await stores.calls.load(list(fates))
    finally:
        await database.close()
    found = {name: shown[name].state if name in shown else None for name in fates}
    return unsent, [line for name, fate in fates.items() for line in _apart(fate, found[name])]


def _apart(fate: Fate, call: Call | None) -> list[str]:
    name = f"desk: request {fate.request_id} ({fate.channel}, {fate.clinic_id})"
    if call is None:
        return [f"{name} is not known"]
    status, line, place = call.status, call.line, call.place
    said = fate.entries[max(fate.entries)] if fate.entries else None
    window = None if fate.window is None else (fate.window.doctor_id, fate.window.begins, fate.window.ends)
    compared = (
        ("status", status.status if status else "", fate.status),
        ("place in the register", _number(line), said),
        ("visit", None if place is None else (place.doctor.doctor_id, place.arrives_from, place.arrives_to), window),
    )
    return [f"{name} has another {what} than was said" for what, one, other in compared if one != other]


def _number(line: Any) -> tuple[Any, int] | None:
    if line is None or line.register_number is None:
        return None
    return line.register_date, line.register_number
