"""The numbers that a service has told: they are put into its sequences, so that none is given a second time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from homecall.contract.topics import COMPLAINTS, INTAKE
from homecall.runtime.engine.published_events import PublishedEvents


def _register_numbers(published: PublishedEvents) -> list[tuple[str, str, int]]:
    return [
        (f"{data['clinic_id']}|{data['register_date']}", data["request_id"], data["register_number"])
        for data in published.all("request.accepted")
    ]


def _incoming_numbers(published: PublishedEvents) -> list[tuple[str, str, int]]:
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for data in published.all("complaint.status-changed"):
        if data.get("incoming_number"):
            numbers = found.setdefault((data["clinic_id"], data["complaint_id"]), [])
            numbers.append((data["sequence"], data["incoming_number"]))
    rows = []
    for (clinic_id, complaint_id), numbers in found.items():
        # The stages of a complaint in their order, each with one number.
        for stage, number in enumerate(dict.fromkeys(number for _, number in sorted(numbers)), start=1):
            year, _, place = number.partition("-")
            rows.append((f"{clinic_id}|{year}", f"{complaint_id}|{stage}", int(place)))
    return rows


NUMBERS: Final[Mapping[str, Callable[[PublishedEvents], list[tuple[str, str, int]]]]] = {
    INTAKE: _register_numbers,
    COMPLAINTS: _incoming_numbers,
}
"""By service, (page, whose, number) of each number that was told."""
