"""A clinic as it was last published, from the records of its topic."""

from __future__ import annotations

from collections.abc import Sequence

from homecall.contract.envelope import Record, Unreadable, read
from homecall.contract.events import ClinicPublished
from homecall.contract.versions import Version, version_of
from homecall.runtime.kafka.senders import Senders


class NewestClinic:
    """Takes the clinic's records in the order of their partition, and keeps the one that holds."""

    def __init__(self, clinic_id: str, senders: Senders) -> None:
        self._clinic_id = clinic_id
        self._senders = senders
        self._held: Version | None = None
        self.published: ClinicPublished | None = None

    def take(self, record: Record) -> None:
        """Raises ``Unreadable`` where the record tells of no clinic, or no sender of the list has signed it."""
        if record.value is None:
            self._senders.check_tombstone(record)
            self.published = self._held = None
            return
        event = read(record)
        self._senders.check(event)
        if event.data is None:
            raise Unreadable("schema", event.errors[0].path)
        if isinstance(event.data, ClinicPublished) and event.data.clinic_id == self._clinic_id:
            version = version_of(event)
            if version.replaces(self._held):
                self.published, self._held = event.data, version.after(self._held)


def clinic_among(records: Sequence[Record], clinic_id: str, senders: Senders | None = None) -> ClinicPublished | None:
    """The newest of the clinic's records; None where it was not published, or was taken back.

    With ``senders`` only what one of them signed counts.
    """
    newest = NewestClinic(clinic_id, senders or Senders(None))
    for record in sorted(records, key=lambda each: (each.partition, each.offset)):
        if record.value is None and record.key != clinic_id.encode():
            continue
        try:
            newest.take(record)
        except Unreadable:
            continue
    return newest.published
