"""R8: a year whose government decrees are not in our table is warned of, and shown as a metric."""

from __future__ import annotations

from datetime import datetime

import structlog

from services.intake.decrees import DecreeWatch
from services.intake.metrics import DECREES_MISSING


def shown(year: int) -> float:
    return float(next(iter(DECREES_MISSING.labels(str(year)).collect())).samples[0].value)


async def test_r8_also_at_the_turn_of_a_year_and_once() -> None:
    watch = DecreeWatch()
    with structlog.testing.capture_logs() as logs:
        await watch.look(datetime.fromisoformat("2026-12-31T23:59:59+05:00"))
        assert logs == []
        assert (shown(2026), shown(2027)) == (0, 1)
        # Midnight by the clinics' clock, where UTC has an hour or more to go.
        for moment in ("2026-12-31T19:00:00+00:00", "2027-01-01T12:00:00+05:00"):
            await watch.look(datetime.fromisoformat(moment))
    assert [(each["log_level"], each["year"]) for each in logs] == [("warning", 2027)]
    assert (shown(2027), shown(2028)) == (1, 1)
