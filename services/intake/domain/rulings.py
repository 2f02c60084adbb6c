"""Rulings as states and events keep them (R12): the rule set, the clauses, the calendar and what was looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from homecall.standard.calendar import calendar_version
from homecall.standard.rules import RuleSet


def plain_ruling(rules: RuleSet, clauses: Iterable[str], clinic_id: str) -> dict[str, Any]:
    """The ruling of a decision that looked at no calendar day."""
    return {
        "rule_set": rules.id,
        "clauses": list(clauses),
        "calendar": calendar_version(),
        "inputs": {"clinic_id": clinic_id},
    }


def extended(
    ruling: Mapping[str, Any], clauses: Iterable[str] = (), inputs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The ruling with more clauses and inputs; those of a request that has none begin one."""
    return {
        **ruling,
        "clauses": [*ruling.get("clauses", []), *clauses],
        "inputs": {**ruling.get("inputs", {}), **(inputs or {})},
    }


def with_patient_of(first: Mapping[str, Any], ruling: dict[str, Any]) -> dict[str, Any]:
    """A later ruling with what the first one looked at of the patient (R23): it is not asked again."""
    patient = first.get("inputs", {}).get("patient")
    return ruling if patient is None else extended(ruling, inputs={"patient": patient})
