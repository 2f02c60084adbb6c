"""The call in a complaint's file: as it was known when the file was opened, with what was under way then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from homecall.contract.iins import in_letters
from homecall.runtime.engine.decision import Decision, replace
from homecall.standard.rules import NotCoveredError, RuleSet, RuleSets
from services.complaints.domain.call_timeline import CallTimeline, time_of
from services.complaints.domain.call_verdicts import verdicts
from services.complaints.domain.facts import Facts
from services.complaints.domain.state import UNLINKED, ComplaintState, KeptCall, Note, kept

_LOOK_AGAIN: Final = timedelta(minutes=10)
"""When to look again for lines that were under way."""
_UNHEARD: Final = timedelta(hours=24)
"""How long a file waits for a call of which nothing was heard: as long as any event for its subject."""


def opened(state: ComplaintState, timeline: CallTimeline | None, rule_sets: RuleSets, now: datetime) -> KeptCall:
    """The call as it is known now. One that nothing was heard of may follow: there is no order between topics."""
    return _kept(state, timeline, timeline.lines if timeline else [], now, rule_sets, now)


def look_at(state: ComplaintState) -> datetime | None:
    """When to look again for what is known of the call; None where nothing is awaited any more."""
    return state.call.look_again_at if state.call else None


def looked_again(state: ComplaintState, facts: Facts, now: datetime) -> Decision[ComplaintState]:
    """The file with the lines that were under way when it was opened; what happened since is not added to it.

    A call of which nothing had been heard is kept as it is now.
    """
    assert state.call is not None
    timeline, before = facts.call, state.call
    if timeline is None or not before.lines:
        return Decision(replace(state, call=opened(state, timeline, facts.rule_sets, now)))
    by_then = [each for each in timeline.lines if time_of(each) <= before.as_of]
    # What was kept stays, whatever its time is.
    lines = sorted([*by_then, *(each for each in before.lines if each not in by_then)], key=time_of)
    return Decision(replace(state, call=_kept(state, timeline, lines, before.as_of, facts.rule_sets, now)))


def since(file: KeptCall, timeline: CallTimeline | None) -> list[dict[str, Any]]:
    """The lines of a call that its file has not: what happened, or was heard, after the file was closed."""
    if timeline is None or file.note in UNLINKED:
        return []
    return [each for each in timeline.lines if each not in file.lines]


def _kept(
    state: ComplaintState,
    timeline: CallTimeline | None,
    lines: list[dict[str, Any]],
    as_of: datetime,
    rule_sets: RuleSets,
    now: datetime,
) -> KeptCall:
    """The file with the lines that count at ``as_of``. Those of an earlier moment than ``now`` are all there."""
    assert state.request_id is not None
    registered_at = state.stages[0].registered_at
    assert registered_at is not None
    note = _note_on(timeline, state.clinic_id, state.matter) if timeline else None
    linked = timeline if note not in UNLINKED else None
    lines = lines if linked is not None else []
    closed = as_of < now or note in UNLINKED or (not lines and now >= registered_at + _UNHEARD)
    return KeptCall(
        request_id=state.request_id,
        clinic_id=linked.clinic_id if linked else None,
        as_of=kept(as_of),
        lines=lines,
        deadlines=tuple(verdicts(lines, as_of, _rules_of(lines, rule_sets))),
        look_again_at=None if closed else kept(now + _LOOK_AGAIN),
        note=note,
    )


def _note_on(timeline: CallTimeline, clinic_id: str, matter: Mapping[str, str]) -> Note | None:
    """What the officer is told of the call that a complaint names; None where it is of that clinic and that person.

    ``matter`` stands for the complainant. The IIN decides where both sides gave one, else name and phone. Of a call
    that an earlier release told of nobody knows whose it is: ``person_unchecked``.
    """
    if timeline.clinic_id != clinic_id:
        return "another_clinic"
    if not matter:
        return "person_unchecked"
    if "iin" in matter and timeline.persons:
        # As intake says it: without digits.
        return None if in_letters(matter["iin"]) in timeline.persons else "another_person"
    if timeline.names or timeline.persons:
        return None if matter.get("name") in timeline.names else "another_person"
    return "person_unchecked"


def _rules_of(lines: list[dict[str, Any]], rule_sets: RuleSets) -> RuleSet | None:
    """The rules of the day of the application (R12); None for a date that no law covers."""
    submitted_at = next((each["submitted_at"] for each in lines if "submitted_at" in each), None)
    try:
        return None if submitted_at is None else rule_sets.on(datetime.fromisoformat(submitted_at).date())
    except NotCoveredError:
        return None
