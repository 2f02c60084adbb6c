"""What the addressee, the complainant's side or the quality authority does with a complaint (C10.3 to C10.8, R22).

A command is checked by small functions, in order; the first that finds something wrong says so with the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from homecall.contract import events
from homecall.contract.authority import Authority
from homecall.contract.events import ComplaintCommand
from homecall.contract.iins import without_iins
from homecall.runtime.engine.decision import Dead
from homecall.standard.calendar import local
from homecall.standard.rules import NotCoveredError
from services.complaints.domain.answer_ways import in_words, is_address, ways
from services.complaints.domain.course import Course
from services.complaints.domain.facts import Facts
from services.complaints.domain.matters import same_name
from services.complaints.domain.registration import begun, open_stage, term_of
from services.complaints.domain.state import OPEN, Answer, ComplaintState, Executor, Grounds, Measures, kept, named


def may_not_act(state: ComplaintState, command: ComplaintCommand, authority: Authority) -> Dead | None:
    """Why the sender may not give this command at the stage where the complaint stands; None where it may (R22)."""
    stage = state.stages[-1].stage
    if isinstance(command, events.ComplaintEscalated):
        allowed = authority.escalates_from(stage)
        who = "the portal, the stage's addressee or the quality authority sends it"
    else:
        allowed, who = authority.acts_at(stage), f"a sender with {stage} among its stages sends it"
    if allowed:
        return None
    return Dead(
        "unauthorised",
        f"the complaint is at stage {stage}, in which this sender does not act: {who}, or have the list changed",
    )


def obey(course: Course, command: ComplaintCommand, moment: datetime, facts: Facts) -> Course | Dead | None:
    """The course after a command that was given at that moment; None where it changes nothing."""
    for check in _CHECKS[type(command)]:
        if (wrong := check(course.state, command, moment)) is not None:
            return Dead("invalid_transition", wrong)
    at = kept(moment)
    match command:
        case events.ComplaintAssigned():
            return _assign(course, command, at)
        case events.ComplaintExecuted():
            return _execute(course, without_iins(command.measures), at)
        case events.ComplaintAnswered():
            text = without_iins(command.text)
            answer = Answer(text=text, decision=command.decision, sent_by=command.sent_by, at=at)
            return course.with_stage(answer=answer).close("answered").tell("answered", at, answer=answer)
        case events.ComplaintRefused():
            refusal = Grounds(grounds=without_iins(command.grounds), at=at)
            return course.with_stage(refusal=refusal).close("refused").tell("refused", at, refusal=refusal)
        case events.ComplaintEscalated():
            return _escalate(course, command, moment, facts)
    raise AssertionError(f"no command of a complaint: {command.TYPE}")


def _assign(course: Course, command: events.ComplaintAssigned, at: datetime) -> Course | None:
    """Name the executor of the stage (C10.3)."""
    who, before = named(command.executor), course.stage.executors
    if before and (before[-1].full_name, before[-1].position) == (who.full_name, who.position):
        return None
    executor = Executor(**vars(who), at=at, assigned_by=named(command.assigned_by))
    return course.with_stage(executors=(*before, executor)).with_state(status="assigned").tell("assigned", at)


def _execute(course: Course, measures: str, at: datetime) -> Course | None:
    """Note measures (C10.6)."""
    before = course.stage.measures
    if course.state.status == "executed" and before[-1].measures == measures:
        return None
    taken = (*before, Measures(measures=measures, at=at))
    return course.with_stage(measures=taken).with_state(status="executed").tell("executed", at)


def _escalate(course: Course, command: events.ComplaintEscalated, moment: datetime, facts: Facts) -> Course | Dead:
    """Open the stage at the quality authority; no first answer is needed. A first stage that is still open ends."""
    state = course.state
    try:
        rules = facts.rule_sets.on(local(moment, facts.clinics.zone(state.clinic_id)).date())
        term = term_of(state, "quality_authority", moment, facts, rules)
    except NotCoveredError as error:
        return Dead("invalid_transition", f"at: {error}: correct it and send {command.TYPE} again")
    grounds = without_iins(command.grounds)
    stage = begun("quality_authority", moment, state.clinic_id, facts, rules, grounds)
    return open_stage(course, stage, term, facts)


# ---------------------------------------------------------------- what may be wrong with a command


def _not_registered(state: ComplaintState, command: ComplaintCommand, moment: datetime) -> str | None:
    """A command waits for the registration, and is not dated before it (R9a)."""
    stage = state.stages[-1]
    if stage.registered_at is None:
        opening = stage.registers_at
        when = f"at {opening.isoformat()}" if opening else "when its clinic publishes hours in which it is open"
        return f"the complaint is not registered yet, that is {when} (R9a): send {command.TYPE} with an at after that"
    if moment >= stage.registered_at:
        return None
    registered_at = stage.registered_at.isoformat()
    return f"at: lies before the registration at {registered_at}: correct it and send {command.TYPE} again"


def _closed(state: ComplaintState, _: ComplaintCommand, __: datetime) -> str | None:
    """An answer and a refusal are final: only the next stage is left, or the court (C10.8, C11)."""
    if state.status in OPEN:
        return None
    stage = state.stages[-1].stage
    way_out = "the next step is the court (C11)"
    if stage != "quality_authority":
        way_out = "it goes on only with complaint.escalated (C10.8), or in court (C11)"
    word = "answered" if state.status == "answered" else "refused"
    return f"the complaint has been {word} at stage {stage}, which is final: {way_out}"


def _with_the_authority(state: ComplaintState, _: events.ComplaintEscalated, __: datetime) -> str | None:
    if state.stages[-1].stage != "quality_authority":
        return None
    return "the complaint is with the quality authority already: the next step is the court (C11)"


def _had_it_before(state: ComplaintState, command: events.ComplaintAssigned, _: datetime) -> str | None:
    before = {same_name(each.full_name) for stage in state.stages[:-1] for each in stage.executors}
    if same_name(named(command.executor).full_name) not in before:
        return None
    return "executor: has dealt with this complaint in its first stage: name somebody else (C10.8)"


def _without_executor(state: ComplaintState, _: ComplaintCommand, __: datetime) -> str | None:
    if state.stages[-1].executors:
        return None
    return "the complaint has no executor yet: send complaint.assigned first (C10.3)"


def _out_of_reach(state: ComplaintState, command: events.ComplaintAnswered, _: datetime) -> str | None:
    """An answer goes a way that this complainant has, or that was promised (C10.5)."""
    by_post = state.answer_by == "post" or is_address(state.complainant.postal_address)
    possible = ways(state.channel, by_post=by_post)
    if command.sent_by in possible or command.sent_by == state.answer_by:
        return None
    why = "the complainant gave no postal address"
    if command.sent_by == "portal":
        why = "the complaint did not come through the portal"
    return f"sent_by: {why}: answer in a way that there is ({', '.join(possible)}) and send it (C10.5)"


def _before_the_executor(state: ComplaintState, command: ComplaintCommand, moment: datetime) -> str | None:
    return _not_after([state.stages[-1].executors[0].at], command, moment)


def _before_what_led_to_it(state: ComplaintState, command: ComplaintCommand, moment: datetime) -> str | None:
    stage = state.stages[-1]
    before = [each.at for each in stage.executors] + [each.at for each in stage.measures]
    return _not_after(before, command, moment)


def _not_after(before: Iterable[datetime], command: ComplaintCommand, moment: datetime) -> str | None:
    """A command is not dated before what it follows: it would be in time by a date that cannot be (R21)."""
    last = max(before, default=None)
    if last is None or moment >= last:
        return None
    return (
        f"at: lies before what it follows, which was at {last.isoformat()} (R21): "
        f"correct it and send {command.TYPE} again"
    )


def _without_reasons(_: ComplaintState, command: ComplaintCommand, __: datetime) -> str | None:
    """What is taken, answered or refused is told in words (C10.5)."""
    path = {"complaint.executed": "measures", "complaint.answered": "text"}.get(command.TYPE, "grounds")
    return None if in_words(without_iins(getattr(command, path))) else f"{path}: gives no reasons: state them in words"


_CHECKS: Final[Mapping[type[ComplaintCommand], tuple[Callable[[ComplaintState, Any, datetime], str | None], ...]]] = {
    events.ComplaintAssigned: (_not_registered, _closed, _had_it_before),
    events.ComplaintExecuted: (_not_registered, _closed, _without_executor, _before_the_executor, _without_reasons),
    events.ComplaintAnswered: (
        _not_registered,
        _closed,
        _without_executor,
        _out_of_reach,
        _before_what_led_to_it,
        _without_reasons,
    ),
    events.ComplaintRefused: (_not_registered, _closed, _before_what_led_to_it, _without_reasons),
    events.ComplaintEscalated: (_not_registered, _with_the_authority, _without_reasons),
}
