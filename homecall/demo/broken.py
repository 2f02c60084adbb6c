"""Records of the demo's day that must become dead letters, and must not harm their neighbours. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from homecall.contract.topics import CLINICS, REQUESTS, VISITS
from homecall.demo.acts import DAY, Act, act_of, at, data_of, uuid_of

_SOURCE = "/clinics/misconfigured"


def broken_records(
    chance: random.Random, clinics: Sequence[str], accepted: Sequence[Act], invalid: Sequence[Act]
) -> Iterator[Act]:
    """One of each kind; two of them take up a request that was ``accepted``, or refused as ``invalid``."""
    yield _broken("09:10", REQUESTS.name, b'{"request_id": ', (), "not_json")
    yield _broken("09:40", REQUESTS.name, b'{"request_id": "1"}', (), "not_cloudevent")
    yield _broken("09:50", CLINICS.name, b"<clinic/>", (), "not_json")
    ten = at(DAY, "10:10")
    data = {"request_id": str(uuid_of(chance)), "clinic_id": "samal-1", "at": ten.isoformat()}
    visit = act_of(chance, ten, "visit.reported", data, source=_SOURCE)
    yield _broken("10:10", VISITS.name, visit.value, visit.headers, "schema")
    headers = tuple(
        (name, b"kz.homecall.visit.imagined" if name == "ce_type" else value) for name, value in visit.headers
    )
    yield _broken("10:20", VISITS.name, visit.value, headers, "unknown_type")
    if accepted:
        # Another clinic takes an id that is in use.
        first, moment = min(accepted, key=lambda act: act.at), at(DAY, "17:40")
        other = next(clinic_id for clinic_id in clinics if clinic_id != first.clinic_id)
        data = data_of(first) | {"clinic_id": other, "submitted_at": moment.isoformat()}
        yield act_of(chance, moment, "request.submitted", data, source=_SOURCE, dead="invalid_transition")
    if invalid:
        # Nothing is left to withdraw of what was refused.
        refused, moment = invalid[0], at(DAY, "17:42")
        data = {"request_id": refused.subject, "clinic_id": refused.clinic_id, "at": moment.isoformat()}
        data["reason"] = "Не нужно"
        yield act_of(chance, moment, "request.withdrawn", data, source=_SOURCE, dead="invalid_transition")


def _broken(clock: str, topic: str, value: bytes, headers: tuple[tuple[str, bytes], ...], dead: str) -> Act:
    return Act(at(DAY, clock), topic, b"samal-1", value, headers, type="", dead=dead)
