"""What the page of a call needs for a dispatcher's choice: the doctors of the day, and what became of the last one."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

from homecall.contract.events import NearestPlace, RosterDoctor, VisitAssigned, VisitAssignmentRefused
from services.desk.domain.call import ByHand, Call
from services.desk.domain.roster import Roster
from services.desk.web.site import Visitor


@dataclass(frozen=True)
class Assigning:
    """What is shown. ``by_hand`` is the choice that holds; ``refused`` the last one, where it could not be.

    ``choice`` is the last one as it was made; ``waits``: the scheduler has not answered it yet.

    ``action`` is the id of the choice that is made with what is drawn: sent however often, it is one.
    """

    doctors: tuple[RosterDoctor, ...] = ()
    by_hand: ByHand | None = None
    held: str = ""
    """Which of the choices by hand ``by_hand`` is."""
    refused: VisitAssignmentRefused | None = None
    choice: VisitAssigned | None = None
    waits: bool = False
    action: str = field(default_factory=lambda: uuid4().hex)

    @property
    def again(self) -> VisitAssigned | None:
        """What the form begins with: the choice that could not be, so that it need not be typed once more."""
        return self.choice if self.refused is not None or self.waits else None

    @property
    def nearest(self) -> NearestPlace | None:
        """The nearest place that would have done."""
        return None if self.refused is None else self.refused.nearest

    def name(self, doctor_id: str) -> str:
        """A doctor's name by the day's roster; the id where it has none."""
        return next((each.full_name for each in self.doctors if each.doctor_id == doctor_id), doctor_id)


def assigning(visitor: Visitor, call: Call | None, roster: Roster | None) -> Assigning:
    """What is shown of placing this call by hand, with the doctors of the visit's day."""
    if call is None:
        return Assigning()
    published = roster.published if roster is not None and visitor.user.may("assign_visit") else None
    doctors = tuple(published.doctors) if published is not None else ()
    waits = call.choice_waits
    refused = None if waits else call.assignment_refused
    return Assigning(doctors, call.by_hand, held_by(call), refused, call.choice, waits)


def held_by(call: Call) -> str:
    """Which of the choices by hand holds for this call; one that was made later is another."""
    held = call.kept.get("by_hand")
    return str(held.order if held else 0)
