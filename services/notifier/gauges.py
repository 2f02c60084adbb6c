"""What the notifier's gauges show: open answers and services, and messages that wait."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import get_args

from homecall.gateways.sms.port import UnknownReason
from homecall.runtime import metrics
from homecall.runtime.service import refresh_open
from services.notifier.domain.deadlines import Waits
from services.notifier.metrics import OPEN_NEAR_LIMIT, SMS
from services.notifier.outbox import Outbox
from services.notifier.store import WATCHED, Calls


def show_from_the_start() -> None:
    metrics.expect_outcomes(WATCHED)
    for reason in ("no_outcome", *get_args(UnknownReason)):
        SMS.labels("unknown", reason)
    metrics.expect_stages({"scheduling": WATCHED["answer"], "answer": WATCHED["answer"], "service": WATCHED["service"]})


async def refresh(calls: Calls, outbox: Outbox | None, now: datetime) -> None:
    """Read the stores once and set every gauge: the same on every replica."""
    for deadline, channels in WATCHED.items():
        refresh_open(deadline, await calls.open(deadline, now), channels, now)
    near = await calls.near_limit(now)
    for channel, waits_for in itertools.product(WATCHED["answer"], get_args(Waits)):
        OPEN_NEAR_LIMIT.labels("answer", channel, waits_for).set(near.get((channel, waits_for), 0))
    if outbox is not None:
        await outbox.gauges()
