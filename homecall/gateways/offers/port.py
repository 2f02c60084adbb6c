"""Windows that a call could have, asked of the scheduler while the call is typed: the port.

An answer is optional: without one the call is typed and sent as ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from homecall.contract.events import VisitDoctor
from homecall.contract.types import Moment

SECONDS: Final = 0.3
"""The longest that somebody who types waits for windows."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a window depends on. Coordinates in degrees."""

    clinic_id: str
    district_id: str | None = None
    lat: float | None = None
    lon: float | None = None
    child: bool = False
    urgent: bool = False


class Offer(BaseModel):
    """A window that the call could have now: the doctor, and the minutes of travel that it adds to the doctor's day."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    arrives_from: Moment
    arrives_to: Moment
    doctor: VisitDoctor
    extra_travel_minutes: Annotated[float, Field(ge=-1440, le=1440, allow_inf_nan=False)]


class Offers(Protocol):
    """The port."""

    async def windows(self, question: Question) -> tuple[Offer, ...] | None:
        """The windows in the order of their times, none where there is no room; None: there is no answer now.

        Never raises, and returns within ``SECONDS`` of real time.
        """

    async def close(self) -> None:
        """Close the connections."""


class KnownOffers:
    """The port over fixed windows, for tests. ``asked`` is what was asked, in order; ``found`` None: no answer."""

    def __init__(self, found: tuple[Offer, ...] | None = ()) -> None:
        self.found = found
        self.asked: list[Question] = []

    async def windows(self, question: Question) -> tuple[Offer, ...] | None:
        self.asked.append(question)
        return self.found

    async def close(self) -> None:
        return
