"""What a run of many seeds must have reached somewhere: else its histories do not try what they are for."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any, Final, get_args

from homecall.contract.events.shared import AssignmentRefusal, ComplaintStatus, RefusalCode, RequestStatus
from homecall.runtime.failpoint import PLACES
from tests.simulation.faults import KINDS

_ENGINE: Final = "homecall.runtime.engine."
_DISPATCHERS: Final = ("/simulation", "/homecall/desk")
"""Who sends what dispatchers do: clinics' systems, and the desk."""
_NOT: Final = {
    "refused not_attached": "no law of the histories' day refuses for it; kz-2021, an example, does",
    "status.changed delayed": "an answer is late by itself only after half a history: missed-timers of make faults",
    "assignment refused no_room": "a doctor may have 24 visits, and has a few: tests/unit/scheduler/test_assignment.py",
    "assignment refused breaks_promise": "as before: nobody is in anybody's way",
    "complaint.status-changed refused": "nobody sends a complaint that is refused",
    "complaint.status-changed overdue": "a complaint's time is days, a history a quarter of an hour",
    "engine PublishedEvents.": "only after a restore: tests/integration/test_restore.py",
    "engine Domain.": "a protocol",
    "engine EventRules.": "a protocol",
    "engine NoRules.": "for services whose events need no rules, of which there is none",
    "engine Decision.after": "a held or deferred request that is refused in the end: a clinic that never opens again",
    "engine Completing.fill_in": "for commands that read what rests: homecall recover",
    "engine Completing.complete_pending": "overridden wherever a state may be pending",
    "engine Deciding.resting": "overridden wherever a pending state may rest",
    "engine Engine.likely_new": "overridden by each service but intake and complaints",
    "engine Deciding.facts_for": "overridden by each service that needs facts",
    "engine Timers._dead_letters": "an event waits a day for its subject, a history is a quarter of an hour",
}
"""By name or beginning, what is not asked for, and why."""


def expected() -> set[str]:
    """Every failpoint, refusal code, status, kind of fault, and method of the engine."""
    wanted = {
        *PLACES,
        *(f"refused {each}" for each in get_args(RefusalCode)),
        *(f"status.changed {each}" for each in get_args(RequestStatus)),
        *(f"complaint.status-changed {each}" for each in get_args(ComplaintStatus)),
        *(f"assignment refused {each}" for each in get_args(AssignmentRefusal)),
        *(f"{each} by {source}" for each in ("visit.assigned", "visit.released") for source in _DISPATCHERS),
        "placed by hand",
        "request.transferred",
        "handed on",
        "placed by sampled days",
        *(f"fault {each}" for each in KINDS),
        *(name for _, _, name in _methods()),
    }
    return {each for each in wanted if not each.startswith(tuple(_NOT))}


@contextlib.contextmanager
def noted(reached: set[str]) -> Iterator[None]:
    """Add to ``reached`` the methods of the engine that are called."""
    before = [(owner, method, name) for owner, method, name in _methods()]
    for owner, method, name in before:
        setattr(owner, method.__name__, _noting(owner, method, name, reached))
    try:
        yield
    finally:
        for owner, method, _ in before:
            setattr(owner, method.__name__, method)


def _noting(owner: type, method: FunctionType, name: str, reached: set[str]) -> Any:
    @functools.wraps(method)
    def call(*args: Any, **more: Any) -> Any:
        reached.add(name)
        if vars(owner).get(method.__name__) is call:  # and not what a mutant put there
            setattr(owner, method.__name__, method)  # once is enough
        return method(*args, **more)

    return call


def _methods() -> Iterator[tuple[type, FunctionType, str]]:
    for module_name, module in sorted([*sys.modules.items()]):
        if not module_name.startswith(_ENGINE):
            continue
        for owner in [*vars(module).values()]:
            if isinstance(owner, type) and owner.__module__ == module_name:
                for method in [*vars(owner).values()]:
                    if isinstance(method, FunctionType) and not method.__name__.startswith(("__", "_dataclass")):
                        yield owner, method, f"engine {owner.__name__}.{method.__name__}"
