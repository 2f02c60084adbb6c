"""What holds for the events of all clinics: which may be decided on (R21), in which zone they go out (R20). Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from homecall.contract.envelope import Incoming
from homecall.contract.events import MODELS
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.contract.types import Event
from homecall.standard.calendar import ALMATY
from homecall.standard.stated_times import Tolerance, ahead_by, ahead_of_record


class ClinicEvents:
    """Judges the events that come, and says in which zone the times of those that go out are written.

    ``zone_of`` finds a clinic's zone (R20). ``tolerance`` is how far ahead of its record the ``at`` of an event may be;
    None where records are not judged (R21).
    """

    def __init__(
        self, zone_of: Callable[[str], ZoneInfo] = lambda _clinic_id: ALMATY, tolerance: Tolerance | None = None
    ) -> None:
        self._zone_of = zone_of
        self._tolerance = tolerance

    def zone_of(self, data: Event) -> ZoneInfo:
        """The zone of the clinic that an event is of (R20)."""
        return self._zone_of(str(getattr(data, "clinic_id", "")))

    def admit(self, state: object | None, event: Incoming) -> Incoming | str:
        """The event as it is to be decided on; a text says what is wrong with it, and the way out.

        A time slightly ahead of the record becomes the record's, as R17 takes ``submitted_at``.
        """
        # Kafka's access lists know no keys: who may write for one clinic can write about a call of another.
        whose = getattr(state, "clinic_id", None)
        if whose is not None and event.clinic_id != whose:
            return another_clinics(event)
        stated, recorded_at = _stated(event), event.record.recorded_at
        if self._tolerance is None or stated is None or recorded_at is None:
            return event
        ahead, allowed = ahead_by(stated, recorded_at), self._tolerance(stated)
        if ahead > allowed:
            return ahead_of_record(event.type, ahead, allowed)
        if stated <= recorded_at or event.data is None:
            return event
        return replace(event, data=event.data.model_copy(update={"at": recorded_at}))


def another_clinics(event: Incoming) -> str:
    """What is wrong with an event whose subject is known under another clinic, and the way out."""
    what = MODELS[event.type].SUBJECT
    new = f", or send what is new under a new {what}" if event.type.endswith(".submitted") else ""
    return (
        f"clinic_id: this {what} is another clinic's: send {event.type} with the clinic_id that its "
        f"{what.removesuffix('_id')} was sent with{new}"
    )


def _stated(event: Incoming) -> datetime | None:
    """When an event from outside says that it happened; None where it states no such time."""
    if event.data is None or TOPIC_OF_TYPE[event.type].ours:
        return None
    at: datetime | None = getattr(event.data, "at", None)
    return at
