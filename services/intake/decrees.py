"""Says where the government's decrees for this or the next year are not in our table (R8)."""

from __future__ import annotations

from datetime import datetime

from homecall.contract import topics
from homecall.contract.types import ZONE
from homecall.runtime.logs import log
from homecall.standard.calendar import decrees_missing
from services.intake.metrics import DECREES_MISSING


class DecreeWatch:
    """Looks at the start, and at the turn of a year, however long the service has run."""

    def __init__(self) -> None:
        self._year: int | None = None

    async def look(self, now: datetime) -> None:
        this_year = now.astimezone(ZONE).year
        if this_year == self._year:
            return
        self._year = this_year
        for year in (this_year, this_year + 1):
            missing = decrees_missing(year)
            DECREES_MISSING.labels(str(year)).set(missing)
            # The next year's come out in autumn at the earliest: only this year's absence is worth a warning.
            if missing and year == this_year:
                log(topics.INTAKE).warning("no table of government decrees: moved days off are not known", year=year)
