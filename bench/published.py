"""What a benchmark publishes: clinics with their rosters, and the requests of their patients."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from confluent_kafka import Producer

from homecall.contract.iins import iin_check_digit
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster

CLINICS: Final = 40
"""A region's clinics; with 12 doctors and 24 visits a doctor they have room for 11,500 calls on a day."""
_DOCTORS: Final = 12


def clinic_ids(clinics: int, first: int = 0) -> list[str]:
    """So many clinics, whose patients make the requests from number ``first`` on."""
    return [f"clinic-{first}-{number}" for number in range(clinics)]


def publish_clinics(producer: Producer, clinics: int, first: int = 0) -> None:
    """Publish the clinics, each with its roster."""
    doctors = [a_doctor(f"doctor-{number}", on_duty=number == 0) for number in range(_DOCTORS)]
    for name in clinic_ids(clinics, first):
        produce(producer, "clinic.published", a_clinic(name))
        produce(producer, "roster.published", a_roster(name, MONDAY.date(), doctors))
    assert producer.flush(60) == 0, "the broker did not take all clinics"


def publish_requests(
    producer: Producer, requests: int, clinics: int, *, first: int = 0, per_second: float | None = None
) -> None:
    """Publish requests, clinic by clinic in turn: all at once, or so many a second."""
    names = clinic_ids(clinics, first)
    began = time.perf_counter()
    for number in range(requests):
        if per_second:
            time.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        at = MONDAY + timedelta(milliseconds=number)
        patient = {"iin": iin(first + number), "full_name": f"Науқас {number}", "language": "kk"}
        produce(producer, "request.submitted", a_request(names[number % clinics], first + number, at, patient=patient))
        producer.poll(0)
    assert producer.flush(60) == 0, "the broker did not take all requests"


def iin(number: int) -> str:
    """A synthetic IIN, a birth in 18xx: each number's own, for as many patients as a country has."""
    born = f"{50 + number % 40}{1 + number // 40 % 12:02d}{1 + number // 480 % 28:02d}{1 + number // 13_440 % 2}"
    for last in range(10):
        first = f"{born}{number // 26_880 * 10 + last:04d}"
        digit = iin_check_digit(first)
        if digit is not None:
            return first + str(digit)
    raise AssertionError("of ten numbers in a row some have a check digit")


def produce(producer: Producer, event_type: str, data: Mapping[str, Any]) -> None:
    """Publish an event to its topic, with what was published before as far as the client holds it."""
    topic = TOPIC_OF_TYPE[event_type]
    value = json.dumps(data, ensure_ascii=False).encode()
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid5(uuid.NAMESPACE_OID, value.decode())),
        "ce_source": "/bench",
        "ce_type": TYPE_PREFIX + event_type,
        "content-type": "application/json",
    }
    while True:
        try:
            producer.produce(topic.name, value, str(data[topic.key]), headers=list(headers.items()))
        except BufferError:
            producer.poll(0.1)
        else:
            return
