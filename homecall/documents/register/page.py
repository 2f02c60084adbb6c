"""What stands on the register's printed page (C6.1), as PDF and HTML show it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from homecall.contract.events import JournalEntry
from homecall.documents.register.register import Call, Register
from homecall.documents.wording import NOTHING, address, clean, short_day, window
from homecall.standard import referrals
from homecall.texts import documents as words
from homecall.texts import language as spoken
from homecall.texts.documents import PageLanguage, coded, said

Cell = tuple[str, ...]
"""The lines of a cell; each may be broken further where it is drawn."""


@dataclass(frozen=True)
class Column:
    """A column: what stands at its head, and its width as a share of the sum of all."""

    head: str
    width: int
    bold: bool = False
    centred: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the page. A row that is a text takes the whole width."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...] | str, ...]


@dataclass(frozen=True)
class Signature:
    """A line to be signed: whose, the name where it is known, and the words under the places to fill in."""

    office: str
    full_name: str
    captions: tuple[str, str, str]


@dataclass(frozen=True)
class PrintedPage:
    """The register in one language, as PDF and HTML show it. Nothing in it is escaped."""

    language: PageLanguage
    title: str
    clinic: str
    contacts: str
    day: str
    tables: tuple[Table, ...]
    totals: Table
    signatures: tuple[Signature, ...]
    as_of: str


def printed(register: Register, language: PageLanguage) -> PrintedPage:
    """The page in ``language``: accepted calls, those refused, totals, and the lines to be signed."""
    clinic = register.clinic
    tables = [_accepted(register, language)]
    if register.refused:
        tables.append(_refused(register, language))
    return PrintedPage(
        language=language,
        title=said(words.TITLE, language),
        clinic=clinic_name(register, language),
        contacts="" if clinic is None else ", ".join(map(clean, (clinic.address, clinic.phone))),
        day=said(spoken.day(register.date), language),
        tables=tuple(tables),
        totals=_totals(register, language),
        signatures=_signatures(register, language),
        as_of=said(words.AS_OF.fill(at=f"{short_day(register.as_of)} {spoken.clock(register.as_of)}"), language),
    )


def clinic_name(register: Register, language: PageLanguage) -> str:
    """The clinic's name; its id where it has not been published."""
    published = register.clinic
    if published is None:
        return register.clinic_id
    return clean(said(spoken.name(published.name.kk, published.name.ru), language))


def reasons(entry: JournalEntry, language: PageLanguage) -> list[str]:
    return [clean(coded(words.REASON_WORDS, code, language)) for code in entry.reasons or ()]


def flags(entry: JournalEntry, language: PageLanguage) -> list[str]:
    return [clean(coded(words.FLAG_WORDS, flag, language)) for flag in entry.flags]


def notes(entry: JournalEntry, language: PageLanguage) -> list[str]:
    """The flags, and the clinic that handed the call on."""
    first = entry.transferred_from
    by = [] if first is None else [said(words.COME_FROM.fill(clinic=first.clinic_id), language)]
    return [*flags(entry, language), *by]


def referral(entry: JournalEntry, on: date, language: PageLanguage) -> str:
    """How the ambulance service (103) handed the call on; empty where it did not."""
    card = entry.referral
    if card is None:
        return ""
    facts = {"card": clean(card.card_number), "category": clean(card.category), "at": _when(card.handed_over_at, on)}
    return said(words.FROM_103.fill(**facts), language)


def outcome(entry: JournalEntry, language: PageLanguage) -> str:
    """How the call ended; that it is open where it has not."""
    if entry.outcome is not None:
        return clean(coded(words.OUTCOMES, entry.outcome, language))
    return said(words.REFUSED if entry.refusal is not None else words.OPEN, language)


def ending(entry: JournalEntry, language: PageLanguage) -> str:
    """How the call ended, and the clinic that it was handed on to."""
    ended, there = outcome(entry, language), entry.transferred_to
    return ended if there is None else said(words.GONE_TO.fill(what=ended, clinic=there.clinic_id), language)


def refusal(entry: JournalEntry, language: PageLanguage) -> str:
    """Why the call was refused; empty where it was not."""
    return "" if entry.refusal is None else clean(coded(words.REFUSALS, entry.refusal.code, language))


def told_by(entry: JournalEntry, language: PageLanguage) -> str:
    """Who gave the answer: the person who said it, else the registrar, or the cabinet for those who applied there.

    Empty where it is not known.
    """
    if entry.channel == "portal":
        return said(words.IN_CABINET, language)
    told = entry.answered_by or entry.registrar
    return "" if told is None else clean(told.full_name)


def _accepted(register: Register, language: PageLanguage) -> Table:
    gaps = {last: (first, last) for first, last in register.gaps}
    rows: list[tuple[Cell, ...] | str] = []
    for call in register.accepted:
        gap = gaps.pop((call.entry.register_number or 0) - 1, None)
        if gap is not None:
            first, last = gap
            numbers = str(first) if first == last else f"{first}–{last}"
            rows.append(said(words.NO_ENTRY.fill(numbers=numbers), language))
        rows.append(_accepted_row(call, register.date, language))
    if not rows:
        rows.append(said(words.NOTHING_ACCEPTED, language))
    columns = (
        Column(said(words.NUMBER, language), 24, bold=True, centred=True),
        Column(said(words.CALLED, language), 40, centred=True),
        Column(said(words.CHANNEL, language), 60),
        Column(said(words.PATIENT, language), 88, bold=True),
        Column(said(words.WHERE, language), 118),
        Column(said(words.REASONS, language), 102),
        Column(said(words.VISIT, language), 106),
        Column(said(words.TOLD, language), 112),
        Column(said(words.OUTCOME, language), 66),
        Column(said(words.FLAGS, language), 64),
    )
    return Table("", columns, tuple(rows))


def _refused(register: Register, language: PageLanguage) -> Table:
    columns = (
        Column(said(words.CALLED, language), 40, centred=True),
        Column(said(words.CHANNEL, language), 60),
        Column(said(words.PATIENT, language), 104, bold=True),
        Column(said(words.WHERE, language), 146),
        Column(said(words.REASONS, language), 120),
        Column(said(words.REFUSAL, language), 148, bold=True),
        Column(said(words.TOLD, language), 96),
        Column(said(words.FLAGS, language), 70),
    )
    rows = tuple(
        (
            *_who(call, register.date, language),
            (refusal(call.entry, language) or outcome(call.entry, language),),
            _told(call, register.date, language),
            _listed(notes(call.entry, language)),
        )
        for call in register.refused
    )
    return Table(said(words.REFUSED_PART, language), columns, rows)


def _accepted_row(call: Call, on: date, language: PageLanguage) -> tuple[Cell, ...]:
    entry = call.entry
    return (
        (str(entry.register_number),),
        *_who(call, on, language),
        _visit(call, on, language),
        _told(call, on, language),
        (ending(entry, language),),
        _listed(notes(entry, language)),
    )


def _who(call: Call, on: date, language: PageLanguage) -> tuple[Cell, ...]:
    """Time, channel, patient, address and phone, reasons: what both parts of the page have."""
    entry = call.entry
    where = [each for each in (address(entry.address, language), clean(entry.phone)) if each]
    return (
        (_when(call.came_at, on),),
        (clean(coded(words.CHANNELS, entry.channel, language)),),
        (clean(entry.patient_name) or NOTHING,),
        tuple(where) or (NOTHING,),
        (*_listed(reasons(entry, language)), *filter(None, [referral(entry, on, language)])),
    )


def _visit(call: Call, on: date, language: PageLanguage) -> Cell:
    entry = call.entry
    if entry.doctor is None or entry.arrives_from is None or entry.arrives_to is None:
        return (said(words.NO_VISIT_YET, language) if entry.outcome is None else NOTHING,)
    specialty = coded(words.SPECIALTIES, entry.doctor.specialty, language)
    return (
        f"{clean(entry.doctor.full_name)}, {specialty}",
        window(entry.arrives_from, entry.arrives_to),
        *moved(call, on, language),
    )


def moved(call: Call, on: date, language: PageLanguage) -> Cell:
    """What time had been told before, and when it was changed; nothing where it was not."""
    if call.moved_at is None or call.moved_from is None:
        return ()
    return (
        said(words.MOVED.fill(at=_when(call.moved_at, on)), language),
        said(words.BEFORE.fill(window=window(*call.moved_from)), language),
    )


def _told(call: Call, on: date, language: PageLanguage) -> Cell:
    """Who told the answer, when it stood in the register, and when it was told aloud: both times are kept."""
    entry = call.entry
    times = [
        said(text.fill(at=_when(moment, on)), language)
        for text, moment in ((words.ENTERED, call.answer_at), (words.TOLD_ALOUD, entry.answered_at))
        if moment is not None
    ]
    return tuple(line for line in (told_by(entry, language), ", ".join(times)) if line) or (NOTHING,)


def _listed(parts: list[str]) -> Cell:
    return ("; ".join(parts) or NOTHING,)


def _when(at: datetime, on: date) -> str:
    """The time, with its day where that is another than the page's."""
    time = spoken.clock(at)
    return time if spoken.local(at).date() == on else f"{short_day(at)} {time}"


def _totals(register: Register, language: PageLanguage) -> Table:
    """Accepted calls by channel and outcome, and the refused."""
    accepted = [(call.entry.channel, call.entry.outcome or "") for call in register.accepted]
    refused = [call.entry.channel for call in register.refused]
    # What is known stands there though it be nought; what is not, where it came.
    channels = ["desk", "phone", "portal"]
    channels += sorted({*(channel for channel, _ in accepted), *refused} - {*channels})
    ends = [each for each in words.OUTCOMES if each != "transferred" or any(end == each for _, end in accepted)]
    ends += [*sorted({end for _, end in accepted if end} - words.OUTCOMES.keys()), ""]

    def row(head: str, of: set[str]) -> tuple[Cell, ...]:
        counts = Counter(end for channel, end in accepted if channel in of)
        refusals = sum(channel in of for channel in refused)
        numbers = [*(counts[end] for end in ends), counts.total(), refusals, counts.total() + refusals]
        return ((head,), *((str(number),) for number in numbers))

    columns = (
        Column(said(words.CHANNEL, language), 90, bold=True),
        *(
            Column(clean(coded(words.OUTCOMES, end, language)) or said(words.OPEN, language), 60, centred=True)
            for end in ends
        ),
        *(
            Column(said(text, language), 60, bold=True, centred=True)
            for text in (words.ACCEPTED_TOTAL, words.REFUSED, words.TOTAL)
        ),
    )
    rows: list[tuple[Cell, ...] | str] = [
        row(clean(coded(words.CHANNELS, channel, language)), {channel}) for channel in channels
    ]
    rows.append(row(said(words.TOTAL, language), set(channels)))
    if from_103 := sum(_is_from_103(call.entry) for call in (*register.accepted, *register.refused)):
        rows.append(said(words.FROM_103_TOTAL.fill(count=from_103), language))
    return Table(said(words.TOTALS, language), columns, tuple(rows))


def _is_from_103(entry: JournalEntry) -> bool:
    return referrals.is_referred(entry.reasons or (), has_referral=entry.referral is not None)


def _signatures(register: Register, language: PageLanguage) -> tuple[Signature, ...]:
    """The registrar's and the head's. Where several registrars served that day, who signs writes the name in."""
    names = {
        clean(call.entry.registrar.full_name)
        for call in (*register.accepted, *register.refused)
        if call.entry.registrar is not None
    }
    captions = (said(words.SIGNATURE, language), said(words.FULL_NAME, language), said(words.DATE, language))
    head = register.clinic.head.full_name if register.clinic is not None else ""
    return (
        Signature(said(words.REGISTRAR, language), names.pop() if len(names) == 1 else "", captions),
        Signature(said(words.HEAD, language), clean(head), captions),
    )
