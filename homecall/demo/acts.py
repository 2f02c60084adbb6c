"""What somebody outside sends on the demo's day: one record each, with what must become of it. Pure."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from homecall.contract.envelope import STRUCTURED
from homecall.contract.types import ZONE
from homecall_client.records import record_of

DAY: Final = date(2026, 10, 23)
SATURDAY, TUESDAY = DAY + timedelta(days=1), DAY + timedelta(days=4)


def at(day: date, clock: str) -> datetime:
    """A local moment: ``HH:MM`` or ``HH:MM:SS``."""
    return datetime.fromisoformat(f"{day.isoformat()}T{clock}").replace(tzinfo=ZONE)


STARTS_AT: Final = at(DAY, "07:50")
ENDS_AT: Final = at(TUESDAY, "08:00")


@dataclass(frozen=True, slots=True)
class Act:
    """One record that somebody outside sends at a moment of service time.

    ``subject`` is the request or complaint it is about. ``repeats`` marks a request that was sent before under the same
    id, ``dead`` the reason of the dead letter that it must become. ``expected`` is what must become of a request
    (``accepted``, ``deferred`` or the code of a refusal) or of a complaint (``registered`` or ``refused``). ``news`` is
    what to tell the viewer.
    """

    at: datetime
    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    type: str
    clinic_id: str = ""
    subject: str = ""
    channel: str = ""
    repeats: bool = False
    dead: str = ""
    expected: str = ""
    news: str = ""


def report_of(act_at: datetime, clinic_id: str, request_id: str, ended_at: datetime) -> Act:
    """What a clinic reports of a visit whose time is over: most patients were served."""
    chance = random.Random(f"visit {request_id}")
    outcome = chance.choices(("served", "not_at_home", "hospitalised"), (94, 4, 2))[0]
    data = {"request_id": request_id, "clinic_id": clinic_id, "at": ended_at.isoformat(), "outcome": outcome}
    return act_of(chance, act_at, "visit.reported", data, source=f"/clinics/{clinic_id}")


def act_of(
    chance: random.Random, moment: datetime, event_type: str, data: dict[str, Any], *, source: str, **told: Any
) -> Act:
    """The record of an event; ``told`` is what an ``Act`` knows beside it: ``expected``, ``news`` and so on."""
    record = record_of(event_type, data, source=source, time=moment.isoformat(), event_id=str(uuid_of(chance)))
    return Act(
        at=moment,
        topic=record.topic,
        key=record.key,
        value=record.value,
        headers=record.headers,
        type=event_type,
        clinic_id=data.get("clinic_id", ""),
        subject=data.get("complaint_id") or data.get("request_id", ""),
        channel=data.get("channel", ""),
        **told,
    )


def structured(act: Act) -> Act:
    """The same event in CloudEvents' other mode, as some systems send it."""
    attributes = {name.removeprefix("ce_"): text.decode() for name, text in act.headers if name.startswith("ce_")}
    value = json.dumps({**attributes, "data": data_of(act)}, ensure_ascii=False).encode()
    return replace(act, value=value, headers=(("content-type", STRUCTURED.encode()),))


def again(act: Act, moment: datetime) -> Act:
    """The same record once more, as a publisher sends it that was not sure."""
    return replace(act, at=moment, repeats=True, expected="", news="")


def data_of(act: Act) -> dict[str, Any]:
    """What the record tells, in either mode of CloudEvents."""
    told: dict[str, Any] = json.loads(act.value)
    data: dict[str, Any] = told.get("data", told)
    return data


def uuid_of(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)
