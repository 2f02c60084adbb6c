"""Statutory deadlines: approaching and missed. A new kind begins here; what the law says of it follows in
`homecall.standard.deadlines`, and nothing else lists the kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Literal

from pydantic import Field

from homecall.contract.types import ClinicId, Count, Event, Moment, Uuid

DeadlineName = Literal["queue", "service", "answer", "visit", "complaint"]
DEADLINE_MEANINGS: Final[Mapping[str, str]] = {
    "queue": "waiting in the queue (C4.2)",
    "service": "being served at the clinic (C4.3)",
    "answer": "until the result (C4.1, C4.4)",
    "visit": "until closing time on the day of the visit (C4.5)",
    "complaint": "until the answer to a complaint (C10.4, C10.8)",
}


class DeadlineEvent(Event):
    """A statutory time of a request or a complaint, and where it stands."""

    SUBJECT: ClassVar[str] = "subject_id"

    subject_kind: Literal["request", "complaint"] = Field(
        description="What the deadline belongs to: a request or a complaint."
    )
    subject_id: Uuid = Field(
        description="The `request_id` or `complaint_id` that the deadline belongs to. It is also `ce_subject`."
    )
    clinic_id: ClinicId = Field(description="The clinic that must keep the deadline. Key of the record.")
    deadline: DeadlineName = Field(
        description=(
            "Which deadline: C4.2 for `queue`, C4.3 for `service`, C4.1 and C4.4 for `answer`, C10.4 and C10.8 for "
            "`complaint`."
        ),
    )
    channel: str = Field(
        description=(
            "How the request or complaint came in: `desk`, `phone`, `portal`, `post` or `in_person`. Empty if unknown."
        ),
        examples=["portal"],
    )
    started_at: Moment = Field(description="When the limit began to run.", examples=["2026-11-23T08:00:00+05:00"])
    due_at: Moment = Field(
        description="When the limit ends. A result at this moment is in time, a later one is late.",
        examples=["2026-11-23T08:30:00+05:00"],
    )
    limit_seconds: Count = Field(
        description="Length of the limit in seconds, from `started_at` to `due_at`.", examples=[1800]
    )
    stage: str = Field(
        description=(
            "Where the request or complaint stands, such as `registered`, `unplaced` or `clinic`. It tells who must "
            "act."
        ),
        examples=["unplaced"],
    )


class DeadlineApproaching(DeadlineEvent):
    """80 % of the limit has passed without the result."""

    TYPE: ClassVar[str] = "deadline.approaching"


class DeadlineMissed(DeadlineEvent):
    """The limit has passed without the result."""

    TYPE: ClassVar[str] = "deadline.missed"
