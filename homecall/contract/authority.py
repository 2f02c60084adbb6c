"""What a sender may do with complaints: only the addressee of a stage acts in it (C10.1, C10.8, R22)."""

from __future__ import annotations

from dataclasses import dataclass

from homecall.contract.events import ComplaintStage


@dataclass(frozen=True, slots=True)
class Authority:
    """The stages in which a sender acts. ``for_complainants``: it also sends for complainants, as the portal does."""

    stages: frozenset[ComplaintStage]
    for_complainants: bool = False

    def acts_at(self, stage: ComplaintStage) -> bool:
        """Whether the sender may name executors, answer and refuse there."""
        return stage in self.stages

    def escalates_from(self, stage: ComplaintStage) -> bool:
        """Whether the sender may pass a complaint on to the quality authority.

        The portal may, the addressee of this stage, and the authority itself.
        """
        return self.for_complainants or stage in self.stages or "quality_authority" in self.stages
