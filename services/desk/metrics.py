"""What only the desk measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from homecall.contract.topics import DESK, written_by
from services.desk.store.actions import Action

ACTIONS: Final = Counter(
    "homecall_desk_actions_total", "What people did at the desk and was acknowledged by the broker, by type", ["type"]
)
UNSENT: Final = Gauge("homecall_desk_unsent", "Actions that are stored and not known to be sent")
OLDEST_UNSENT_SECONDS: Final = Gauge("homecall_desk_oldest_unsent_seconds", "Age of the oldest of them")
STREAMS: Final = Gauge("homecall_desk_streams", "Browsers that hear of changes as they happen")
PAGE_SECONDS: Final = Histogram(
    "homecall_desk_page_seconds",
    "Seconds to answer a request of a browser, by page",
    ["page"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ERRORS: Final = Counter(
    "homecall_desk_errors_total", "Requests of browsers that were answered with 5xx, by page", ["page"]
)
LOGINS: Final = Counter("homecall_desk_logins_total", "Logins, by result", ["result"])


def sent(actions: Sequence[Action]) -> None:
    """Count actions whose events were acknowledged."""
    for each in actions:
        ACTIONS.labels(each.event.type).inc()


def show_unsent(count: int, oldest: datetime | None) -> None:
    """Set the gauges of what is not sent; ``oldest`` by the real clock."""
    UNSENT.set(count)
    OLDEST_UNSENT_SECONDS.set(0 if oldest is None else max(0.0, (datetime.now(UTC) - oldest).total_seconds()))


def expect_all(pages: Iterable[str] = ()) -> None:
    """Show every series from the start, those of these ``pages`` too, so that its first increase is seen."""
    for result in ("ok", "refused", "locked"):
        LOGINS.labels(result)
    for topic in written_by(DESK):
        for event_type in topic.types:
            ACTIONS.labels(event_type)
    for page in pages:
        ERRORS.labels(page)
        PAGE_SECONDS.labels(page)
