"""What remains of a complaint when its personal data are erased, and from which day on they may be.

Who dealt with it for the clinic stays, as the doctor of a call does; what was written about the person goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from homecall.contract.events import ComplaintStatusChanged
from homecall.runtime.engine.decision import replace
from homecall.texts.language import plain
from services.complaints.domain.state import Complainant, ComplaintState, Stage, awaits_number

_FINAL = frozenset({"answered", "refused", "invalid"})


def over_on(state: ComplaintState) -> date | None:
    """Any day once it has its final answer, since its last change counts as well.

    None while it is open, and where nothing is left to be erased.
    """
    if state.status not in _FINAL or awaits_number(state) or remains(state) == state:
        return None
    return date.min


def remains(state: ComplaintState) -> ComplaintState:
    """The complaint without its complainant and without what was written: numbers, dates and rulings stay."""
    return replace(
        state,
        complainant=Complainant(language=state.complainant.language),
        text="",
        answer_place=None,
        stages=tuple(map(_stage, state.stages)),
        matter={},
    )


def said(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What remains of an event that complaints said."""
    found = dict(data)
    if event_type != ComplaintStatusChanged.TYPE:
        return found
    if place := plain(found.pop("answer_place", None)):
        found["text"] = {name: _without_place(text, place) for name, text in found["text"].items()}
    if refusal := found.get("refusal"):
        # A blank text counts as left out when the event is read.
        found["refusal"] = {name: value for name, value in refusal.items() if name != "grounds"}
    if (answer := found.get("answer")) and answer.get("text"):
        found["answer"] = {**answer, "text": ""}
    return found


def _without_place(text: str, place: str) -> str:
    """A text without the answer's place, which may be somebody's home.

    The texts end a sentence with it, after a colon (homecall/texts/complaints.py); a full stop of its own ends it, too.
    Where a text has it otherwise, it goes all the same.
    """
    sentence = re.compile(rf": {re.escape(place)}\.?(?= |$)")
    return sentence.sub(": ***.", text) if sentence.search(text) else text.replace(place, "***")


def _stage(stage: Stage) -> Stage:
    return replace(
        stage,
        grounds=None if stage.grounds is None else "",
        measures=tuple(replace(each, measures="") for each in stage.measures),
        answer=stage.answer and replace(stage.answer, text=""),
        refusal=stage.refusal and replace(stage.refusal, grounds=""),
    )
