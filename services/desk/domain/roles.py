"""Who may see and do what: one table, asked at each request and each event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["registrar", "dispatcher", "complaints_officer", "head", "doctor", "contact_centre", "operator"]
Right = Literal[
    "see_calls",
    "take_calls",
    "answer",
    "withdraw",
    "transfer_call",
    "report_visit",
    "assign_visit",
    "see_register",
    "see_routes",
    "write_rosters",
    "see_complaints",
    "take_complaints",
    "print_receipts",
    "handle_complaints",
    "see_own_list",
    "find",
    "see_health",
]

_HEAD: Final[tuple[Right, ...]] = (
    *("see_calls", "take_calls", "answer", "withdraw", "report_visit", "assign_visit", "see_register", "see_routes"),
    *("transfer_call", "write_rosters", "see_complaints", "take_complaints", "print_receipts", "handle_complaints"),
    "find",
)
RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    "registrar": frozenset(
        {
            *("see_calls", "take_calls", "answer", "withdraw", "transfer_call", "see_register", "find"),
            *("take_complaints", "print_receipts"),
        }
    ),
    "dispatcher": frozenset(
        {
            *("see_calls", "report_visit", "assign_visit", "transfer_call", "see_register", "see_routes"),
            *("write_rosters", "find"),
        }
    ),
    "complaints_officer": frozenset(
        {
            "see_calls",
            "see_register",
            "see_complaints",
            "take_complaints",
            "print_receipts",
            "handle_complaints",
            "find",
        }
    ),
    "head": frozenset(_HEAD),
    "doctor": frozenset({"see_own_list", "report_visit"}),
    "contact_centre": frozenset({"see_calls", "see_complaints", "find"}),
    "operator": frozenset({"see_health"}),
}
"""By role, what it may see and do (the standard leaves this to the clinic: C6.1, C10.2, C10.3 name who must)."""

ALL_CLINICS: Final[frozenset[Role]] = frozenset({"contact_centre", "operator"})
"""Roles whose users belong to no clinic and look at all of them; they change nothing."""

HOME: Final[Mapping[Role, str]] = {
    "registrar": "/board",
    "dispatcher": "/board",
    "complaints_officer": "/complaints",
    "head": "/board",
    "doctor": "/today",
    "contact_centre": "/find",
    "operator": "/health",
}
"""The page to which ``/`` leads."""


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in. ``clinic_id`` is None for roles that belong to none; ``doctor_id`` is that of the rosters."""

    name: str
    full_name: str
    role: Role
    clinic_id: str | None = None
    doctor_id: str | None = None

    def may(self, right: Right) -> bool:
        """Whether the role has the right, at whatever clinic the user belongs to."""
        return right in RIGHTS[self.role]

    def sees(self, clinic_id: str) -> bool:
        """Whether what is this clinic's may be shown to the user."""
        return self.role in ALL_CLINICS or self.clinic_id == clinic_id
