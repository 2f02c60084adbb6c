"""Names and meanings of the closed lists of values in events, for the AsyncAPI document. Data, one entry per list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from homecall.contract.events.deadlines import DEADLINE_MEANINGS

MEANINGS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "Channel": (
        "How an application came in (C3).",
        {
            "desk": "at the clinic, in person",
            "phone": "by phone to the clinic",
            "portal": "through egov.kz, signed with an electronic key",
        },
    ),
    "Language": ("Language of messages and documents.", {"kk": "Kazakh", "ru": "Russian", "en": "English"}),
    "Sex": ("Sex of a person.", {"male": "a man or boy", "female": "a woman or girl"}),
    "DistrictKind": (
        "Whom a district serves.",
        {"adult": "adults", "child": "children under 18", "mixed": "adults and children"},
    ),
    "Specialty": (
        "Specialty of a doctor who makes visits.",
        {
            "gp": "general practitioner, for adults and children",
            "therapist": "for adults",
            "paediatrician": "for children",
        },
    ),
    "AuthorityKind": (
        "By what right a person applies for the patient (R15).",
        {
            "power_of_attorney": "a power of attorney",
            "parent": "parent of a minor",
            "guardian": "guardian of the patient",
        },
    ),
    "SignatureFormat": ("Format of a signature.", {"cms": "detached CMS (PKCS #7)"}),
    "Outcome": (
        "How a visit ended.",
        {
            "served": "the patient was treated at home",
            "not_at_home": "nobody was there",
            "false_call": "nobody had called",
            "hospitalised": "the patient was taken to hospital",
            "declined": "the patient declined the visit",
        },
    ),
    "CancelledOutcome": (
        "How a request ended that was not withdrawn.",
        {"transferred": "it was handed on to another clinic, where a new request goes on with it (R25)"},
    ),
    "ComplaintStage": (
        "Who considers a complaint.",
        {
            "clinic": "the head of the clinic (C10.1), 5 working days",
            "ministry": "the head of the Ministry (C10.1), 5 working days",
            "quality_authority": "the authority for the quality of state services (C10.8), 15 working days",
        },
    ),
    "ComplaintChannel": (
        "How a complaint came in.",
        {"post": "by post", "in_person": "handed in at the office", "portal": "through the portal, signed"},
    ),
    "AnswerBy": (
        "How the answer to a complaint reaches the complainant (C10.5).",
        {"post": "by post", "by_hand": "handed over at the office", "portal": "in the personal cabinet"},
    ),
    "ComplaintDecision": (
        "Result of a complaint.",
        {"upheld": "justified", "partly_upheld": "justified in part", "not_upheld": "not justified"},
    ),
    "ComplaintStatus": (
        "Status of a complaint (C10.6).",
        {
            "delivered": "it has arrived",
            "registered": "it has an incoming number, the term runs",
            "assigned": "an executor is responsible",
            "executed": "measures have been taken",
            "answered": "the answer was sent or handed over",
            "refused": "it is not considered",
            "escalated": "the next stage has opened",
            "overdue": "the term ended without an answer",
        },
    ),
    "Urgency": (
        "How soon a visit is due.",
        {"urgent": "as soon as possible, before others", "same_day": "on the day of acceptance"},
    ),
    "RefusalCode": (
        "Why a request was refused.",
        {
            "invalid_request": "a field broke a rule: correct what `fields` names",
            "unknown_clinic": "no clinic of that id was published",
            "outside_acceptance_hours": "the clinic takes no calls at that time (C4.5)",
            "identity_not_confirmed": "the state registers do not know the person (C9.3)",
            "authority_invalid": "the applicant may not act for the patient (R15)",
            "signature_invalid": "the signature is wrong or not the applicant's (C9.2)",
            "not_attached": "the patient is not attached to the clinic",
            "duplicate": "the patient has an open request there (R11)",
        },
    ),
    "HeldFor": (
        "What a request waits for before it can be decided.",
        {"signature": "its signature cannot be checked yet", "opening": "the clinic has no opening left"},
    ),
    "DeadlineProgress": (
        "Where a time limit stands.",
        {"running": "in time", "approaching": "nearly over", "missed": "over"},
    ),
    "IdentityOutcome": (
        "What the state register of persons answered.",
        {"confirmed": "the person is known as stated", "not_found": "the person is not known as stated"},
    ),
    "Basis": (
        "On what basis a doctor was chosen.",
        {
            "district": "the doctor of the patient's district",
            "specialty": "the right specialty for the patient",
            "least_loaded": "the doctor with the most room",
            "duty": "the doctor on duty",
            "dispatcher": "a dispatcher of the clinic chose the doctor",
        },
    ),
    "AssignmentRefusal": (
        "Why a visit could not be placed by hand.",
        {
            "unknown_doctor": "the day's roster has no such doctor who may visit this patient",
            "outside_shift": "the time is over, or outside the doctor's shift",
            "no_room": "the doctor has as many visits as the roster allows",
            "breaks_promise": "the doctor would come too late, there or to another patient",
            "closed": "the call is over, or its doctor is on the way",
        },
    ),
    "UnplacedCause": (
        "Why a visit has no place.",
        {"no_roster": "the clinic has published no roster for the date", "no_capacity": "the doctors are full"},
    ),
    "SubjectKind": (
        "What a deadline belongs to.",
        {"request": "an application for a visit", "complaint": "a complaint"},
    ),
    "DeadlineName": (
        "Which statutory deadline it is.",
        DEADLINE_MEANINGS,
    ),
    "RequestStatus": (
        "Status of a request (C6.2).",
        {
            "registered": "accepted and entered in the register",
            "deferred": "taken up at the next opening",
            "scheduled": "the time and the doctor are set",
            "rescheduled": "the time or the doctor has changed",
            "delayed": "no time could be set yet",
            "refused": "not accepted",
            "withdrawn": "taken back by the applicant, or handed on to another clinic",
            "completed": "the visit took place",
            "not_completed": "the visit did not take place",
        },
    ),
    "NextStepKind": (
        "Where a complainant can go next.",
        {
            "quality_authority": "the authority for the quality of state services (C10.8)",
            "court": "a court (C11)",
            "contact_centre": "the contact centre (C10.7)",
        },
    ),
}
"""Name to meaning of the list, and each value to its own meaning."""

NAMES: Final[Mapping[tuple[str, ...], str]] = {tuple(values): name for name, (_, values) in MEANINGS.items()}
"""The values of a list, in the order of its ``Literal``, to its name."""


def described(name: str) -> str:
    """The meaning of a list with that of each of its values."""
    about, values = MEANINGS[name]
    return f"{about} {'; '.join(f'`{value}`: {meaning}' for value, meaning in values.items())}."
