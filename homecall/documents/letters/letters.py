"""A complaint's receipt and reply, as they are printed and handed over (C10.2, C10.5, C10.6). Pure.

What is said to the complainant is said in the words of the statuses; what officials and complainants wrote stands as
they wrote it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from homecall.contract.events import ClinicPublished
from homecall.documents.wording import NOTHING, clean, short_day
from homecall.texts import language as spoken
from homecall.texts import letters as words
from homecall.texts.complaints import DECISIONS, next_steps
from homecall.texts.documents import PageLanguage, coded, said
from homecall.texts.language import CONTACT_CENTRE
from services.complaints.domain.answer_ways import SYSTEM
from services.complaints.domain.state import ComplaintState, KeptCall, Official, Stage
from services.complaints.domain.statuses import place_by_hand

Pair = tuple[str, str]
_BLANK = "_" * 24


class NotThere(Exception):
    """Why a complaint has no such document, and what to do: one line."""


@dataclass(frozen=True)
class Part:
    """A part of a letter under its heading: what is told by name, a table, paragraphs, points. Any may be empty."""

    heading: str
    pairs: tuple[Pair, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class Letter:
    """A letter in one language. Nothing in it is escaped; ``as_of`` is the moment that its file bears.

    ``stamp`` is what stands in the frame of the stamp; ``receiver`` are the lines of whom it goes to.
    """

    language: PageLanguage
    title: str
    organisation: str
    contacts: str
    stamp: tuple[Pair, ...]
    stamp_place: str
    receiver: tuple[str, ...]
    references: tuple[str, ...]
    parts: tuple[Part, ...]
    office: str
    signed_by: str
    captions: tuple[str, str]
    notes: tuple[str, ...]
    subject: str
    as_of: datetime


def receipt(
    state: ComplaintState,
    place: int,
    clinic: ClinicPublished,
    language: PageLanguage,
    linked: Sequence[str] = (),
) -> Letter:
    """The confirmation of registration of the stage at ``place`` (from 0).

    ``linked`` are the incoming numbers of the complaints it is linked with. ``NotThere`` before its registration, and
    once its personal data was erased.
    """
    stage, zone = _stage(state, place), ZoneInfo(clinic.zone)
    registered_at = _registered(stage, zone)
    who, signer = _received_by(state, place, stage, language)
    return Letter(
        language=language,
        title=said(words.RECEIPT, language),
        organisation=_name(clinic, language),
        contacts=_contacts(clinic),
        stamp=(
            (said(words.INCOMING_NUMBER, language), str(stage.number)),
            (said(words.REGISTERED_ON, language), f"{short_day(registered_at)}, {spoken.clock(registered_at)}"),
            (said(words.RECEIVED_BY, language), who),
        ),
        stamp_place=said(words.PLACE_OF_STAMP, language),
        receiver=(),
        references=(),
        parts=(
            Part(said(words.THE_COMPLAINT, language), pairs=_about(state, place, zone, language, linked)),
            Part(
                said(words.THE_ANSWER, language),
                pairs=(
                    (said(words.TERM, language), said(spoken.working_days(stage.term_days), language)),
                    (said(words.DUE, language), said(spoken.moment(_moment(stage.answer_due_at, zone)), language)),
                    (said(words.WHERE, language), _where(state, place, language)),
                ),
            ),
            Part(said(words.WITHOUT_WAITING, language), points=_next(stage, language)),
        ),
        office=clean(signer.position) if signer else said(words.REGISTERED_BY, language),
        signed_by=clean(signer.full_name) if signer else "",
        captions=(said(words.SIGNATURE, language), said(words.FULL_NAME, language)),
        notes=(said(words.STATUS_BY_PHONE.fill(phones=CONTACT_CENTRE), language),),
        subject=state.complaint_id,
        as_of=registered_at,
    )


def _received_by(
    state: ComplaintState, place: int, stage: Stage, language: PageLanguage
) -> tuple[str, Official | None]:
    """Who received the complaint, as the stamp names them, and the official who signs; None where it was no person."""
    by_hand = state.received_by if place == 0 else None
    # Of what an earlier release registered by itself nobody is known: that is written in by hand.
    received_by = by_hand or stage.received_by
    who = _official(received_by) if received_by else _BLANK
    if not by_hand:
        automatically = words.BY_THE_PORTAL if place == 0 else words.BY_THE_SYSTEM
        who = f"{who} ({said(automatically, language)})"
    return who, received_by if received_by and received_by.full_name != SYSTEM else None


def _about(
    state: ComplaintState, place: int, zone: ZoneInfo, language: PageLanguage, linked: Sequence[str]
) -> tuple[Pair, ...]:
    """Who complains to whom, since when, and about which call."""
    stage = state.stages[place]
    about: list[Pair] = [
        (said(words.FROM, language), clean(state.complainant.full_name)),
        (said(words.TO, language), _addressee(stage, language)),
        (said(words.CAME, language), said(spoken.moment(_moment(stage.came_at, zone)), language)),
    ]
    if place == 0:
        about.append((said(words.CAME_BY, language), coded(words.CHANNELS, state.channel, language)))
    if state.request_id:
        about.append((said(words.ABOUT, language), _call(state, language)))
    if linked:
        about.append((said(words.LINKED, language), ", ".join(f"№ {number}" for number in linked)))
    return tuple(about)


def reply(state: ComplaintState, place: int, clinic: ClinicPublished, language: PageLanguage) -> Letter:
    """The reasoned answer of the stage at ``place`` (from 0), or its refusal to consider the complaint.

    ``NotThere`` as long as there is neither, and once its personal data was erased.
    """
    stage, zone = _stage(state, place), ZoneInfo(clinic.zone)
    registered_at = _registered(stage, zone)
    answer = stage.answer
    outcome = answer or stage.refusal
    if outcome is None:
        raise NotThere(
            f"the complaint has no answer at stage {stage.stage} yet: "
            f"it is due on {stage.answer_due_on}; homecall complaint shows where it stands"
        )
    number, kind, person = str(stage.number), stage.stage, state.complainant
    at = _moment(outcome.at or stage.answer_due_at, zone)
    opening = words.CONSIDERED if answer else words.NOT_CONSIDERED
    first = (
        said(words.DEAR.fill(name=clean(person.full_name)), language),
        said(opening.fill(on=short_day(registered_at), number=number), language),
    )
    notes = []
    if answer:
        notes.append(said(words.SENT[answer.sent_by].fill(on=spoken.day(at.date())), language))
    if stage.executors:
        notes.append(said(words.EXECUTOR.fill(who=_official(stage.executors[-1])), language))
    return Letter(
        language=language,
        title=said(words.REPLY if answer else words.REFUSAL, language),
        organisation=_name(clinic, language) if kind == "clinic" else said(words.ADDRESSEES[kind], language),
        contacts=_contacts(clinic) if kind == "clinic" else "",
        stamp=(),
        stamp_place=said(words.PLACE_OF_STAMP, language),
        receiver=tuple(filter(None, (clean(person.full_name), clean(person.postal_address)))),
        references=(
            f"{said(words.OUTGOING, language)}  {short_day(at)}",
            said(words.IN_REPLY_TO.fill(number=number, on=short_day(registered_at)), language),
        ),
        parts=_body(state, stage, zone, language, first),
        office=said(words.HEAD[kind], language),
        signed_by=clean(clinic.head.full_name) if kind == "clinic" else "",
        captions=(said(words.SIGNATURE, language), said(words.FULL_NAME, language)),
        notes=tuple(notes),
        subject=state.complaint_id,
        as_of=at,
    )


def _body(
    state: ComplaintState, stage: Stage, zone: ZoneInfo, language: PageLanguage, first: tuple[str, ...]
) -> tuple[Part, ...]:
    """What a reply says. An answer that is a whole letter by itself, as the desk drafts it, is not said twice."""
    if stage.answer is not None and clean(stage.answer.text).startswith(first[0]):
        decision = coded(DECISIONS, stage.answer.decision, language)
        return Part("", paragraphs=_paragraphs(stage.answer.text)), Part(
            said(words.DECISION, language), paragraphs=(decision,)
        )
    return Part("", paragraphs=first), *_findings(state, stage, zone, language)


def _findings(state: ComplaintState, stage: Stage, zone: ZoneInfo, language: PageLanguage) -> Iterator[Part]:
    """The decision with its reasons, or the grounds of a refusal; measures, the call's times, and what may follow."""
    if (answer := stage.answer) is not None:
        decision = coded(DECISIONS, answer.decision, language)
        yield Part(said(words.DECISION, language), paragraphs=(decision,))
        yield Part(said(words.REASONS, language), paragraphs=_paragraphs(answer.text))
    elif (refusal := stage.refusal) is not None:
        yield Part(said(words.GROUNDS, language), paragraphs=_paragraphs(refusal.grounds))
    if measures := [" ".join(_paragraphs(each.measures)) for each in stage.measures]:
        yield Part(said(words.MEASURES, language), points=tuple(measures))
    if state.call is not None and state.call.deadlines:
        yield _times(state.call, language, zone)
    yield Part(said(words.NEXT, language), points=_next(stage, language))


def stage_of(state: ComplaintState, document: str) -> int:
    """The place of the newest stage that has such a document; of the last one where none has."""
    for place in range(len(state.stages) - 1, -1, -1):
        stage = state.stages[place]
        if (stage.number if document == "receipt" else stage.answer or stage.refusal) is not None:
            return place
    return len(state.stages) - 1


# ---------------------------------------------------------------- what they tell


def _stage(state: ComplaintState, place: int) -> Stage:
    if state.status == "invalid":
        raise NotThere(
            "the complaint was refused as invalid_complaint: it has no number and no answer; "
            "its status says what to correct"
        )
    if state.complainant.full_name is None:
        raise NotThere("the complaint's personal data was erased: its documents cannot be printed any more")
    return state.stages[place]


def _registered(stage: Stage, zone: ZoneInfo) -> datetime:
    if stage.registered_at is None or stage.number is None:
        when = f", that is at {stage.registers_at.isoformat()} (R9a)" if stage.registers_at else ""
        raise NotThere(f"the complaint is not registered yet: print it when it is{when}")
    return _moment(stage.registered_at, zone)


def _moment(moment: datetime | None, zone: ZoneInfo) -> datetime:
    """In the clinic's zone (R20)."""
    assert moment is not None, "a registered stage has a term"
    return moment.astimezone(zone)


def _official(of: Official) -> str:
    return ", ".join(each for each in (clean(of.full_name), clean(of.position)) if each)


def _name(clinic: ClinicPublished, language: PageLanguage) -> str:
    return clean(said(spoken.name(clinic.name.kk, clinic.name.ru), language))


def _contacts(clinic: ClinicPublished) -> str:
    return ", ".join(each for each in map(clean, (clinic.address, clinic.phone)) if each)


def _call(state: ComplaintState, language: PageLanguage) -> str:
    """The call by its number in the register where that is known, and by its id."""
    named = [said(words.CALL_ID.fill(id=str(state.request_id)), language)]
    lines = state.call.lines if state.call else []
    number = next((each for each in reversed(lines) if "register_number" in each and "register_date" in each), None)
    if number is not None:
        on = short_day(date.fromisoformat(number["register_date"]))
        named.insert(0, said(words.CALL_NUMBER.fill(number=number["register_number"], on=on), language))
    return "; ".join(named)


def _addressee(stage: Stage, language: PageLanguage) -> str:
    """To whom, with the address of the Ministry or the authority where it is known (C10.1)."""
    who, known = said(words.ADDRESSEES[stage.stage], language), stage.office
    return f"{who}: {clean(said(known, language))}" if known and stage.stage != "clinic" else who


def _where(state: ComplaintState, place: int, language: PageLanguage) -> str:
    """How and where the answer is given: the place, or the address that it is sent to."""
    how = coded(words.ANSWER_BY, state.answer_by or "", language)
    if state.answer_by == "by_hand":
        office = place_by_hand(state, place)
        return how if office is None else f"{how}: {clean(said(office, language))}"
    address = state.answer_place or state.complainant.postal_address
    return f"{how}: {clean(address)}" if address and state.answer_by == "post" else how


def _next(stage: Stage, language: PageLanguage) -> tuple[str, ...]:
    return tuple(
        each["text"][language] for each in next_steps(stage.stage, stage.quality_authority_days, stage.contacts)
    )


def _times(call: KeptCall, language: PageLanguage, zone: ZoneInfo) -> Part:
    rows = tuple(
        (
            coded(words.DEADLINES, each.deadline, language),
            *(_time(moment, zone) for moment in (each.started_at, each.due_at, each.ended_at)),
            coded(words.VERDICTS, each.verdict, language),
        )
        for each in call.deadlines
    )
    head = (words.DEADLINE, words.STARTED, words.DUE_AT, words.ENDED, words.VERDICT)
    heading = words.TIMES.fill(at=_time(call.as_of, zone))
    return Part(said(heading, language), head=tuple(said(each, language) for each in head), rows=rows)


def _time(moment: datetime | None, zone: ZoneInfo) -> str:
    if moment is None:
        return NOTHING
    at = _moment(moment, zone)
    return f"{short_day(at)} {spoken.clock(at)}"


def _paragraphs(text: str) -> tuple[str, ...]:
    """A text as its paragraphs, without characters that are not seen or turn the line round."""
    lines = unicodedata.normalize("NFC", text).splitlines()
    return tuple(line for line in map(clean, lines) if line) or (NOTHING,)
