"""What can be read of a request that breaks its schema: each field that is sound by itself."""

from typing import Any

import pytest

from services.intake.domain.redaction import redacted, redacted_as_far_as_readable
from tests.unit.intake.office import SERIK, submitted


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({}, {}),
        ({"channel": "fax", "note": "қызу"}, {"note": "қызу"}),
        ({"channel": "phone", "reasons": "fever"}, {"channel": "phone"}),
        ({"reasons": []}, {}),
        ({"submitted_at": "2026-11-20T07:00:00Z"}, {"submitted_at": "2026-11-20T12:00:00+05:00"}),
        ({"submitted_at": "2026-11-20T12:00:00"}, {}),
        ({"submitted_at": 1763622000}, {}),
        ({"temperature_c": 38.5}, {"temperature_c": 38.5}),
        ({"temperature_c": 385}, {}),
        (
            {"preferred_window": {"from": "2026-11-23T14:00:00+05:00", "to": "16:00"}},
            {"preferred_window": {"from": "14:00", "to": "16:00"}},
        ),
        ({"preferred_window": {"from": "16:00", "to": "14:00"}}, {}),
        ({"patient": "Серік"}, {}),
        ({"patient": {"iin": SERIK}}, {}),
        ({"patient": {"iin": 1, "sex": "male", "language": "de"}}, {"patient": {"sex": "male"}}),
        (
            {"applicant": {"iin": SERIK, "authority": {"kind": "parent", "number": "7"}}},
            {"applicant": {"authority": {"kind": "parent"}}},
        ),
        ({"address": {"text": " ", "flat": 14}}, {"address": {"flat": "14"}}),
        ({"registrar": {"id": "r-12"}}, {}),
        ({"registrar": {"id": "r-12", "full_name": "Сынақ"}}, {"registrar": {"id": "r-12", "full_name": "Сынақ"}}),
        ({"identity_document": {"kind": "passport", "number": "N1"}}, {}),
        ({"signature": {"format": "cms", "value": "AAAA"}}, {}),
        ({"unheard_of": 1}, {}),
    ],
)
def test_as_far_as_readable(sent: dict[str, Any], read: dict[str, Any]) -> None:
    assert redacted_as_far_as_readable(sent) == read


def test_of_a_sound_request_both_ways_read_the_same() -> None:
    event = submitted("Fri 2026-11-20 12:00", "desk", temperature_c=38.5, address={"text": "Тал, 27", "floor": 4})
    data: Any = event.data
    assert redacted(data) == redacted_as_far_as_readable(data.model_dump(mode="json"))
