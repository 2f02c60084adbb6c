"""What a sender may do with complaints: in each stage its addressee acts, and nobody else (C10.1, C10.8, R22)."""

from __future__ import annotations

from dataclasses import dataclass

from homecall.contract.events import ComplaintStage


@dataclass(frozen=True, slots=True)
class Authority:
    """The stages in which a sender acts. ``for_complainants``: it also brings what complainants write, as the portal
    does.
    """

    stages: frozenset[ComplaintStage]
    for_complainants: bool = False

    def acts_at(self, stage: ComplaintStage) -> bool:
        """Whether the sender may name executors, answer and refuse there."""
        return stage in self.stages

    def escalates_from(self, stage: ComplaintStage) -> bool:
        """Whether the sender may bring the complainant's step to the quality authority.

        The portal may, the addressee to whom the complainant handed it in, and the authority itself.
        """
        return self.for_complainants or stage in self.stages or "quality_authority" in self.stages
