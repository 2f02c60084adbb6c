"""The step to the quality authority (C10.8), and who may act in a stage (C10.1, R22)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from homecall.contract.authority import Authority
from homecall.contract.events import ComplaintCommand, ComplaintEscalated
from homecall.contract.iins import without_iins
from homecall.runtime.engine.decision import Dead
from homecall.standard.calendar import local
from homecall.standard.rules import NotCoveredError
from services.complaints.domain.commands import Check, first_wrong, not_registered, without_reasons
from services.complaints.domain.course import Course
from services.complaints.domain.facts import Facts
from services.complaints.domain.registration import begun, open_stage, term_of
from services.complaints.domain.state import ComplaintState


def may_not_act(state: ComplaintState, command: ComplaintCommand, authority: Authority) -> Dead | None:
    """Why the sender may not give this command at the stage where the complaint stands; None where it may (R22)."""
    stage = state.stages[-1].stage
    if isinstance(command, ComplaintEscalated):
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


def escalate(course: Course, command: ComplaintEscalated, moment: datetime, facts: Facts) -> Course | Dead:
    """Open the stage at the quality authority; no first answer is needed. A first stage that is still open ends."""
    state = course.state
    if (dead := first_wrong(_ESCALATED, state, command, moment)) is not None:
        return dead
    try:
        rules = facts.rule_sets.on(local(moment, facts.clinics.zone(state.clinic_id)).date())
        term = term_of(state, "quality_authority", moment, facts, rules)
    except NotCoveredError as error:
        return Dead("invalid_transition", f"at: {error}: correct it and send {command.TYPE} again")
    grounds = without_iins(command.grounds)
    stage = begun("quality_authority", moment, state.clinic_id, facts, rules, grounds)
    return open_stage(course, stage, term, facts)


def _with_the_authority(state: ComplaintState, _: ComplaintEscalated, __: datetime) -> str | None:
    if state.stages[-1].stage != "quality_authority":
        return None
    return "the complaint is with the quality authority already: the next step is the court (C11)"


_ESCALATED: Final[tuple[Check[ComplaintEscalated], ...]] = (not_registered, _with_the_authority, without_reasons)
