"""What intake alone measures of a decision."""

from __future__ import annotations

from dataclasses import dataclass

from homecall.runtime.engine.decision import OwnMeasure


@dataclass(frozen=True, slots=True)
class Transferred(OwnMeasure):
    """A call that was handed on to another clinic: ``homecall_handed_on_total``."""

    channel: str


@dataclass(frozen=True, slots=True)
class Referred(OwnMeasure):
    """A call that the ambulance service (103) handed on: ``homecall_from_103_total``. ``category`` is 1 to 4, or other.

    Without a card it is ``none``.
    """

    category: str
