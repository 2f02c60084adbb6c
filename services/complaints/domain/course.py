"""A complaint on its way through one decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from homecall.contract.events import ComplaintStatus
from homecall.runtime.engine.decision import Ended, Measure, replace
from homecall.standard.deadlines import Notice, Verdict
from services.complaints.domain.state import Answer, ComplaintState, Draft, Grounds, Official, Stage, Told


@dataclass(frozen=True)
class Course:
    """The state so far, what is to be said of it, and what is to be counted. Each step gives a new one."""

    state: ComplaintState
    drafts: tuple[Draft, ...] = ()
    measures: tuple[Measure, ...] = ()

    @property
    def stage(self) -> Stage:
        return self.state.stages[-1]

    def with_state(self, **changes: Any) -> Course:
        return Course(replace(self.state, **changes), self.drafts, self.measures)

    def with_stage(self, **changes: Any) -> Course:
        return self.with_state(stages=(*self.state.stages[:-1], replace(self.stage, **changes)))

    def tell(
        self,
        status: ComplaintStatus,
        occurred_at: datetime,
        *,
        by_timer: bool = False,
        answer: Answer | None = None,
        refusal: Grounds | None = None,
    ) -> Course:
        """Say the next status. One that a timer tells bears the time of the timer's item, not of the tick."""
        sequence, place, executors = self.state.sequence + 1, len(self.state.stages) - 1, self.stage.executors
        who = Official(full_name=executors[-1].full_name, position=executors[-1].position) if executors else None
        told = Told(sequence, status, occurred_at, who, refusal, answer)
        numbered = self.stage.registered_at is not None and status != "delivered"
        draft = Draft("status", place, numbered, occurred_at.isoformat() if by_timer else "", told)
        return replace(self.with_state(sequence=sequence), drafts=(*self.drafts, draft))

    def tell_deadline(self, notice: Notice, at: datetime) -> Course:
        draft = Draft(notice, len(self.state.stages) - 1, numbered=True, time=at.isoformat())
        return replace(self, drafts=(*self.drafts, draft))

    def count(self, outcome: Verdict) -> Course:
        return replace(self, measures=(*self.measures, Ended("complaint", self.state.channel, outcome)))

    def close(self, status: Literal["answered", "refused"]) -> Course:
        """The stage's final word. In time, its deadline is met; one that was missed has been counted."""
        closed = self.with_state(status=status)
        return closed if self.stage.missed_said else closed.count("met")
