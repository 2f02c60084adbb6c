"""The life of a complaint, from delivery to its final answer (C10, C11, R9, R9a, R10). Pure: time and facts are arguments.

A complaint goes through one stage, or two: the second is the quality authority's. Each stage has its own incoming
number, term, executors and outcome, and every command is for the stage that is the last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NotRequired, TypedDict, get_args

from services.complaints.texts import ComplaintFacts, complaint_text, next_steps
from services.contract.envelope import Incoming
from services.contract.events import (
    AnswerBy,
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintCommand,
    ComplaintEscalated,
    ComplaintExecuted,
    ComplaintRefused,
    ComplaintStage,
    ComplaintStatus,
    ComplaintStatusChanged,
    ComplaintSubmitted,
    DeadlineApproaching,
    DeadlineMissed,
    FieldError,
    Official,
)
from services.contract.ids import cause_id
from services.contract.types import in_zone
from services.runtime.decision import Dead, Decision, Ended, Measure, Say
from services.standard.acceptance import ClockAheadError
from services.standard.calendar import NeverOpenError, local
from services.standard.clinics import Clinics
from services.standard.complaints import Term, complaint_term
from services.standard.deadlines import complaint_clock
from services.standard.rules import NotCoveredError, RuleSet, RuleSets

CHANNELS = ("post", "in_person", "portal")
OPEN = ("registered", "assigned", "executed")
"""The statuses of a stage whose term runs."""

_LOOK_AGAIN = timedelta(minutes=10)
"""When to look again at a complaint whose clinic has no opening left."""
_IIN = re.compile(r"(?<![\d+])\d{12}(?!\d)")


class Stage(TypedDict):
    """A complaint at one addressee. Times are RFC 3339 texts; what is not known yet is None.

    ``registers_at`` is the opening at which it is registered when it came outside working hours (R9a).
    """

    stage: ComplaintStage
    grounds: str | None
    came_at: str
    quality_authority_days: int
    registers_at: str | None
    look_again_at: str | None
    registered_at: str | None
    registered_on: str | None
    term_days: int
    answer_due_on: str | None
    answer_due_at: str | None
    approaching_at: str | None
    limit_seconds: int
    flags: list[str]
    ruling: dict[str, Any]
    number: str | None
    executors: list[dict[str, Any]]
    measures: list[dict[str, Any]]
    answer: dict[str, Any] | None
    refusal: dict[str, Any] | None
    approaching_said: bool
    missed_said: bool


class Draft(TypedDict):
    """What is to be said of a stage: all but the incoming number, which the second stage of handling gives."""

    says: str
    stage: int
    registered: bool
    time: str
    status: NotRequired[dict[str, Any]]


@dataclass
class ComplaintState:
    """A complaint as its service keeps it; no IIN, and no signature.

    ``status`` is where the last stage stands: ``delivered`` or ``escalated`` (not registered yet), ``registered``,
    ``assigned``, ``executed``, ``answered``, ``refused``, or ``invalid``, which no command changes. ``unsaid`` holds
    what waits for a number: {cause, traceparent, timer, drafts}.
    """

    complaint_id: str
    clinic_id: str
    status: str
    channel: str = ""
    sequence: int = 0
    request_id: str | None = None
    complainant: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    received_by: dict[str, Any] | None = None
    answer_by: str | None = None
    answer_place: str | None = None
    refusal: dict[str, Any] | None = None
    stages: list[dict[str, Any]] = field(default_factory=list)
    unsaid: list[dict[str, Any]] = field(default_factory=list)
