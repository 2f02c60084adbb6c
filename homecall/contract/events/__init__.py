"""Every event of the wire contract, one model per type, a module per topic.

``frm`` stands for the wire's ``from``, a word that Python keeps for itself.
"""

from __future__ import annotations

from homecall.contract.events.answers import AnswerGiven
from homecall.contract.events.clinics import (
    ClinicName,
    ClinicPublished,
    Dispatch,
    District,
    DistrictTravel,
    Head,
    Pair,
    Pairs,
    WorkingDate,
)
from homecall.contract.events.complaint_status import (
    ComplaintAnswer,
    ComplaintRefusal,
    ComplaintStatusChanged,
    NextStep,
)
from homecall.contract.events.complaints import (
    Complainant,
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintCommand,
    ComplaintEscalated,
    ComplaintExecuted,
    ComplaintRefused,
    ComplaintSubmitted,
)
from homecall.contract.events.deadlines import DeadlineApproaching, DeadlineEvent, DeadlineMissed, DeadlineName
from homecall.contract.events.intake_events import (
    AddressFacts,
    ApplicantFacts,
    AuthorityFacts,
    PatientFacts,
    ReferralFacts,
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestEvent,
    RequestHeld,
    RequestIdentityChecked,
    RequestRefused,
    Ruling,
)
from homecall.contract.events.journal import JournalEntry, RefusalCodeOnly
from homecall.contract.events.requests import (
    Address,
    Applicant,
    Authority,
    DoorLabel,
    IdentityConsent,
    IdentityDocument,
    Patient,
    RequestSubmitted,
    RequestTransferred,
    RequestWithdrawn,
)
from homecall.contract.events.rosters import DoctorUnavailable, Place, RosterDoctor, RosterPublished
from homecall.contract.events.schedule_events import (
    NearestPlace,
    OtherDoctor,
    VisitAssignmentRefused,
    VisitCancelled,
    VisitChoice,
    VisitClosed,
    VisitDoctor,
    VisitEvent,
    VisitRescheduled,
    VisitScheduled,
    VisitUnplaced,
)
from homecall.contract.events.shared import (
    AnswerBy,
    AssignmentRefusal,
    Basis,
    CallAt,
    Channel,
    ChosenBy,
    ComplaintStage,
    ComplaintStatus,
    FieldError,
    Interval,
    Language,
    MoveReason,
    Official,
    Outcome,
    PreferredWindow,
    Referral,
    RefusalCode,
    RequestStatus,
    Signature,
    Specialty,
    StaffMember,
    Trilingual,
    Weekday,
)
from homecall.contract.events.status import Refusal, StatusChanged, VisitTimes
from homecall.contract.events.visits import VisitAssigned, VisitReleased, VisitReported
from homecall.contract.types import Event

MODELS: dict[str, type[Event]] = {
    model.TYPE: model
    for model in (
        ClinicPublished,
        RosterPublished,
        DoctorUnavailable,
        RequestSubmitted,
        RequestWithdrawn,
        RequestTransferred,
        VisitReported,
        VisitAssigned,
        VisitReleased,
        AnswerGiven,
        ComplaintSubmitted,
        ComplaintAssigned,
        ComplaintExecuted,
        ComplaintAnswered,
        ComplaintRefused,
        ComplaintEscalated,
        RequestAccepted,
        RequestDeferred,
        RequestRefused,
        RequestCancelled,
        RequestHeld,
        RequestIdentityChecked,
        VisitScheduled,
        VisitRescheduled,
        VisitUnplaced,
        VisitAssignmentRefused,
        VisitCancelled,
        VisitClosed,
        DeadlineApproaching,
        DeadlineMissed,
        StatusChanged,
        JournalEntry,
        ComplaintStatusChanged,
    )
}
"""Type (without its prefix) to model."""
