"""Holds every event of ours against its model as it goes out: services make the commonest without validating them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from homecall.contract.types import ZONE, Event


class NotByItsModel(AssertionError):
    """An event that its model would refuse, or write in other bytes."""


@contextlib.contextmanager
def held_against_their_models() -> Iterator[None]:
    """Within it, an event that its model would not have made raises ``NotByItsModel`` when it is written."""
    to_json = Event.to_json

    def checked(event: Event, zone: ZoneInfo = ZONE) -> bytes:
        written = to_json(event, zone)
        by_model = to_json(type(event).model_validate_json(written), zone)
        if by_model != written:
            raise NotByItsModel(f"{event.TYPE} is written as {written!r}, and by its model as {by_model!r}")
        return written

    Event.to_json = checked  # type: ignore[method-assign]
    try:
        yield
    finally:
        Event.to_json = to_json  # type: ignore[method-assign]
