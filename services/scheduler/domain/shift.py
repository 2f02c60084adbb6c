"""A doctor's hours as a route sees them: when the day begins and ends, the breaks, the way back. Pure.

All times are whole seconds since 1970 (UTC). A journey and the visit at its end are one piece that no break interrupts:
the doctor spends a break where the visit before ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.scheduler.domain.travel import Location, Travel


@dataclass(frozen=True, slots=True)
class Shift:
    """The hours of one doctor.

    ``until`` is when the last visit must be over: the shift's end, or the moment the doctor drops out. ``back_by`` is
    when the doctor must be back where the day began; None where that place is not known. ``breaks`` are in order and
    do not overlap.
    """

    begins: int
    until: int
    back_by: int | None = None
    breaks: Sequence[tuple[int, int]] = ()

    def from_on(self, at: int, length: int) -> int:
        """The first moment, not before ``at``, from which so many seconds are free of breaks."""
        for begins, ends in self.breaks:
            if at < ends and at + length > begins:
                at = ends
        return at

    def not_after(self, at: int, length: int) -> int:
        """The last moment, not after ``at``, from which so many seconds are free of breaks."""
        for begins, ends in reversed(self.breaks):
            if at < ends and at + length > begins:
                at = begins - length
        return at

    def arrival(self, at: int, leg: int, service: int) -> int:
        """The first arrival, not before ``at``, whose journey and visit no break interrupts."""
        return self.from_on(at - leg, leg + service) + leg if self.breaks else at

    def arrival_by(self, at: int, leg: int, service: int) -> int:
        """The last arrival, not after ``at``, whose journey and visit no break interrupts."""
        return self.not_after(at - leg, leg + service) + leg if self.breaks else at

    def last_end(self, location: Location, start: Location, travel: Travel) -> int:
        """When a day's last visit must be over there, so that the doctor is back in time."""
        return self.until if self.back_by is None else self.last_end_before(travel.seconds(location, start))

    def last_end_before(self, way: int) -> int:
        """When a day's last visit must be over, from which the way back takes so many seconds.

        On the full minute where the way back says so: a patient is told no seconds.
        """
        if self.back_by is None:
            return self.until
        leaves = self.not_after(self.back_by - way, way) if way and self.breaks else self.back_by - way
        return min(self.until, leaves // 60 * 60)

    def back_at(self, ends: int, location: Location, start: Location, travel: Travel) -> int:
        """When the doctor is back after a last visit that ended then and there."""
        way = travel.seconds(location, start)
        return self.from_on(ends, way) + way if way else ends
