"""``homecall journal``: a clinic's register of calls for a day, to print and sign (C6.1).

It needs nothing but Kafka: the register is what the newest entry of each call says. The topics are read whole: after
partitions were added, a clinic's older entries stand in another one.
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from homecall.contract.envelope import Record, Unreadable, read
from homecall.contract.events import JournalEntry
from homecall.contract.topics import CLINICS, JOURNAL
from homecall.contract.types import ZONE, Moment
from homecall.documents.register.page import printed
from homecall.documents.register.register import Heard, Register, register_of
from homecall.operations.clinics import NewestClinic
from homecall.operations.failure import Failure
from homecall.operations.kafka import read_to_end
from homecall.operations.terminal import counted, day_named, no_pdf_for_a_terminal, print_error, settings, write_out
from homecall.runtime.kafka.senders import Senders
from homecall.texts.documents import PageLanguage

PageFormat = Literal["pdf", "html", "csv"]
_TIME: TypeAdapter[datetime] = TypeAdapter(Moment)


def journal(clinic_id: str, on: str, *, form: PageFormat, language: PageLanguage, output: Path | None) -> None:
    """Write the register's page to ``output``, or to standard output.

    ``Failure`` with code 1 where that day has no entries, and where the broker does not answer.
    """
    day = day_named(on)
    no_pdf_for_a_terminal(form, output)
    asked, key = settings(), clinic_id.encode()
    records = asyncio.run(
        read_to_end(asked, JOURNAL.name, CLINICS.name, take=lambda record: record if record.key == key else None)
    )
    register, unreadable = register_from(records, clinic_id, day, Senders(asked.senders_file))
    if unreadable:
        print_error(
            f"{counted(unreadable, 'record')} of {clinic_id} could not be read and "
            f"{'is' if unreadable == 1 else 'are'} left out: see homecall watch journal"
        )
    if register is None:
        raise Failure(f"{clinic_id} has no entries for {day.isoformat()} in {JOURNAL.name}", code=1)
    for line in findings(register):
        print_error(line)
    write_out(written(register, form, language), output)


def written(register: Register, form: PageFormat, language: PageLanguage) -> bytes:
    # What draws is imported where it is asked for: the others need none of it.
    if form == "csv":
        from homecall.documents.register import as_csv

        return as_csv.write(register, language)
    page = printed(register, language)
    if form == "html":
        from homecall.documents.register import as_html

        return as_html.write(page)
    from homecall.documents.register import as_pdf

    return as_pdf.write(page, register.as_of)


def register_from(
    records: list[Record], clinic_id: str, day: date, senders: Senders | None = None
) -> tuple[Register | None, int]:
    """The clinic's register by the records of both topics, and how many of them could not be read.

    With ``senders`` a clinic counts as one of them signed it.
    """
    senders = senders or Senders(None)
    clinic = NewestClinic(clinic_id, senders)
    entries: list[Heard] = []
    unreadable = 0
    # In the order of a partition.
    for record in sorted(records, key=lambda each: (each.topic, each.partition, each.offset)):
        try:
            if record.topic == CLINICS.name:
                clinic.take(record)
                continue
            event = read(record)
            senders.check(event)
        except Unreadable:
            unreadable += 1
            continue
        if isinstance(entry := event.data, JournalEntry):
            made = _TIME.validate_python(event.time) if event.time else record.recorded_at
            # With neither time the entry's own stand in: it is a line of the register all the same.
            own = entry.accepted_at or datetime.combine(entry.register_date, time.min, ZONE)
            entries.append(Heard(entry, made or own))
        elif entry is None:
            unreadable += 1
    return register_of(clinic_id, clinic.published, day, entries), unreadable


def findings(register: Register) -> list[str]:
    """What the person who signs the page has to know: numbers that no entry has, and numbers that two have."""
    found = []
    if missing := [str(first) if first == last else f"{first}-{last}" for first, last in register.gaps]:
        found.append(f"numbers without an entry: {', '.join(missing)}: print it again once they are there")
    if register.doubles:
        found.append(f"numbers with two entries: {', '.join(map(str, register.doubles))}")
    return found
