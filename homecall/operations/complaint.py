"""``homecall complaint``: one complaint's file, and its receipt and reply as documents to print (C10.2, C10.5).

The file names officials and no complainant; a document is a letter to the complainant, and holds what it must.
"""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

from homecall.contract.topics import CLINICS, COMPLAINTS
from homecall.documents.letters.letters import NotThere, receipt, reply, stage_of
from homecall.operations.clinics import clinic_among
from homecall.operations.complaints import are_linked, name_of
from homecall.operations.databases import database_of
from homecall.operations.failure import Failure
from homecall.operations.kafka import read_to_end
from homecall.operations.terminal import json_line, no_pdf_for_a_terminal, print_bytes, settings, write_out
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.codec import Codec
from homecall.runtime.settings import Settings
from homecall.texts.documents import PageLanguage
from services.complaints.domain.call_file import since
from services.complaints.domain.call_timeline import CallTimeline
from services.complaints.domain.state import ComplaintState, Note
from services.complaints.store import ComplaintStore

_CODEC = Codec(ComplaintState)
_TIMES = ("came_at", "registers_at", "registered_at", "answer_due_on", "answer_due_at")

DocumentKind = Literal["receipt", "reply"]
DocumentFormat = Literal["pdf", "html"]


class _Found(NamedTuple):
    """A complaint, its call as it is known now, and the others of its matter."""

    kept: Aggregate[ComplaintState]
    state: ComplaintState
    timeline: CallTimeline | None
    linked: list[ComplaintState]


def complaint(complaint_id: str, *, as_json: bool) -> None:
    """Print a complaint's file. ``Failure`` with code 1 where nobody knows it."""
    found = _asked_for(settings(), complaint_id)
    file = file_of(found.kept, found.timeline, found.linked)
    print_bytes(json_line(file) if as_json else text_of(file).encode())


def document(
    complaint_id: str,
    kind: DocumentKind,
    *,
    form: DocumentFormat,
    language: PageLanguage | None,
    stage: int | None,
    output: Path | None,
) -> None:
    """Write a document to ``output``, or to standard output; in the complainant's language unless told otherwise.

    ``stage`` 1 or 2: the newest that has such a document where it is left open. ``Failure`` where there is none.
    """
    no_pdf_for_a_terminal(form, output)
    asked = settings()
    found = _asked_for(asked, complaint_id)
    state = found.state
    clinic = clinic_among(asyncio.run(read_to_end(asked, CLINICS.name)), state.clinic_id, Senders(asked.senders_file))
    if clinic is None:
        raise Failure(f"{state.clinic_id} is not published in {CLINICS.name}: publish the clinic first", code=1)
    if stage is not None and not 1 <= stage <= len(state.stages):
        raise Failure(f"--stage: the complaint has {len(state.stages)} of them", code=1)
    place = stage - 1 if stage is not None else stage_of(state, kind)
    said_in: PageLanguage = language or state.complainant.language or "kk"
    try:
        if kind == "receipt":
            letter = receipt(state, place, clinic, said_in, [name_of(each) for each in found.linked])
        else:
            letter = reply(state, place, clinic, said_in)
    except NotThere as error:
        raise Failure(str(error), code=1) from None
    # What draws is imported where it is asked for.
    drawn: Any = import_module(f"homecall.documents.letters.as_{form}")
    write_out(drawn.write(letter), output)


def file_of(
    kept: Aggregate[ComplaintState], timeline: CallTimeline | None, linked: list[ComplaintState]
) -> dict[str, Any]:
    """All that is to be seen of a complaint but what was written about people: JSON values.

    ``call`` is the call as it was kept, ``call_since`` what happened or was heard of it after that.
    """
    state = kept.state
    assert state is not None
    doc = _CODEC.encode(state)
    stages = [
        {
            "stage": stage["stage"],
            "incoming_number": stage["number"],
            **{name: stage[name] for name in _TIMES},
            "overdue": stage["missed_said"],
            "executors": stage["executors"],
            "measures_at": [each["at"] for each in stage["measures"]],
            "answered_at": stage["answer"] and stage["answer"]["at"],
            "decision": stage["answer"] and stage["answer"]["decision"],
            "refused_at": stage["refusal"] and stage["refusal"].get("at"),
        }
        for stage in doc["stages"]
    ]
    return {
        "complaint_id": state.complaint_id,
        "clinic_id": state.clinic_id,
        "channel": state.channel,
        "status": "refused" if state.status == "invalid" else state.status,
        "refusal": doc["refusal"],
        "request_id": state.request_id,
        "linked": [{"complaint_id": each.complaint_id, "incoming_number": name_of(each)} for each in linked],
        "stages": stages,
        "statuses": _statuses(kept),
        "call": doc["call"] and {name: value for name, value in doc["call"].items() if name != "look_again_at"},
        "call_since": since(state.call, timeline) if state.call else [],
    }


def _statuses(kept: Aggregate[ComplaintState]) -> list[dict[str, Any]]:
    said = [json.loads(event.value) for events in kept.processed.values() for event in events]
    named = ("sequence", "stage", "status", "occurred_at", "incoming_number")
    statuses = [{name: each.get(name) for name in named} for each in said if "sequence" in each]
    return sorted(statuses, key=lambda each: int(each["sequence"]))


def text_of(file: dict[str, Any]) -> str:
    """The file for a person to read, a line for each thing."""
    lines = [f"complaint {file['complaint_id']} at {file['clinic_id']}, by {file['channel'] or '-'}: {file['status']}"]
    if file["refusal"]:
        fields = "; ".join(f"{each['path']} {each['message']}" for each in file["refusal"]["fields"])
        lines.append(f"  refused as {file['refusal']['code']}: {fields}")
    for each in file["linked"]:
        lines.append(f"  linked with {each['incoming_number']}, complaint {each['complaint_id']}")
    for stage in file["stages"]:
        lines += _stage_lines(stage)
    lines += ["statuses", *(_status_line(each) for each in file["statuses"])]
    call = file["call"]
    if call is not None:
        lines.append(f"call {call['request_id']} as it was known at {call['as_of']}")
        note = call.get("note")
        if note is not None:
            lines.append(f"  {_NOTES[note]}")
        elif not call["lines"]:
            lines.append("  nothing had been heard of it")
        lines += [
            f"  {each['deadline']:<8} {each['clause']:<5} {each['verdict']:<9} "
            f"from {each['started_at'] or '-'} until {each['due_at'] or '-'}, ended {each['ended_at'] or '-'}"
            for each in call["deadlines"]
        ]
        lines += [_call_line(each) for each in call["lines"]]
        if file["call_since"]:
            lines += ["heard of it since", *(_call_line(each) for each in file["call_since"])]
    return "\n".join(lines) + "\n"


_NOTES: dict[Note, str] = {
    "another_clinic": "not linked: the call that the complainant named is not this clinic's; ask which call is meant",
    "another_person": "not linked: the complainant is neither patient nor applicant of it; ask which call is meant",
    "person_unchecked": "whose call it is could not be checked: compare the complainant with the register",
}


def _stage_lines(stage: dict[str, Any]) -> list[str]:
    overdue = ", overdue" if stage["overdue"] else ""
    lines = [
        f"stage {stage['stage']}: number {stage['incoming_number'] or '-'}, came {stage['came_at']}, registered "
        f"{stage['registered_at'] or '-'}, due {stage['answer_due_at'] or '-'}{overdue}"
    ]
    for each in stage["executors"]:
        by = each["assigned_by"]
        lines.append(f"  {each['at']}  {each['full_name']}, {each['position']}; named by {by['full_name']}")
    lines += [f"  {at}  measures" for at in stage["measures_at"]]
    if stage["answered_at"]:
        lines.append(f"  {stage['answered_at']}  answered: {stage['decision']}")
    if stage["refused_at"]:
        lines.append(f"  {stage['refused_at']}  refused")
    return lines


def _status_line(status: dict[str, Any]) -> str:
    number = f"  {status['incoming_number']}" if status["incoming_number"] else ""
    return f"  {status['occurred_at']}  {status['sequence']}  {status['stage']}  {status['status']}{number}"


def _call_line(line: dict[str, Any]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in line.items() if name not in {"type", "time"})
    return f"  {line['time']}  {line['type']:<20}  {facts}"


def _asked_for(asked: Settings, complaint_id: str) -> _Found:
    found = asyncio.run(_found(asked, complaint_id.strip().lower()))
    if found is None:
        raise Failure(
            f"no complaint {complaint_id} is known: check the id (homecall complaints lists them), "
            "or look at the dead letters",
            code=1,
        )
    return found


async def _found(asked: Settings, complaint_id: str) -> _Found | None:
    async with database_of(asked, COMPLAINTS) as database:
        store = ComplaintStore(database)
        kept = (await store.complaints.load([complaint_id])).get(complaint_id)
        if kept is None or kept.state is None:
            return None
        state = kept.state
        timelines = await store.timelines([state.request_id]) if state.request_id else {}
        about = await store.about(state.request_id) if state.request_id else []
        linked = [each for each in about if are_linked(state, each)]
        return _Found(kept, state, timelines.get(state.request_id or ""), sorted(linked, key=name_of))
