"""Dead letters: records that could not be handled, with the reason and where they come from."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any, Final

from aiokafka.errors import MessageSizeTooLargeError

from homecall.contract.consent import without_consent
from homecall.contract.envelope import Record
from homecall.contract.topics import DEAD_LETTERS
from homecall.runtime.failures import TooManyDeadLetters

_LONGEST_DETAIL = 2_000
_WINDOW: Final = 1_000
"""Records among which the share of dead letters is limited."""


def dead_letter_headers(record: Record, reason: str, detail: str, service: str) -> list[tuple[str, bytes | None]]:
    """The headers of a dead letter: those of the record, the reason, and where the record stands."""
    ours = {
        "homecall-dead-reason": reason,
        "homecall-dead-detail": detail[:_LONGEST_DETAIL],
        "homecall-dead-topic": record.topic,
        "homecall-dead-partition": str(record.partition),
        "homecall-dead-offset": str(record.offset),
        "homecall-dead-service": service,
    }
    # A record that was replayed and failed again carries only the newest reason.
    kept = [(name, value) for name, value in record.headers if not name.startswith("homecall-dead-")]
    return kept + [(name, text.encode()) for name, text in ours.items()]


async def bury(producer: Any, record: Record, reason: str, detail: str, service: str) -> Any:
    """Send a dead letter; the future of its acknowledgement.

    A record that came compressed may be larger than we may send. Then the letter goes without its value, or without
    key and headers too: a letter that cannot be sent would block its partition.

    The consent token of a request is taken out: it is kept nowhere.
    """
    value = None if record.value is None else without_consent(record.value)
    if value != record.value:
        record, detail = replace(record, value=value), f"{detail}; the consent token in it is not kept"
    cut = f"{detail}; too large to be kept here: read it in its topic, at this partition and offset"
    without_value = replace(record, value=None)
    bare = replace(without_value, key=None, headers=())
    for letter, why in ((record, detail), (without_value, cut), (bare, cut)):
        # The client refuses a record with neither key nor value.
        value = b"" if letter.value is None and letter.key is None else letter.value
        headers = dead_letter_headers(letter, reason, why, service)
        try:
            return await producer.send(DEAD_LETTERS.name, value, key=letter.key, headers=headers)
        except MessageSizeTooLargeError:
            if letter is bare:
                raise
    raise AssertionError("unreachable")


class DeadLettersShare:
    """Limits the share of dead letters among the last 1,000 records to ``most``, from 0 to 1."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._recent: deque[bool] = deque(maxlen=_WINDOW)

    def add(self, records: int, dead: int) -> None:
        """Count a batch. Raises ``TooManyDeadLetters`` where the share becomes too large."""
        self._recent.extend([True] * dead + [False] * (records - dead))
        if len(self._recent) == _WINDOW and sum(self._recent) > self._most * _WINDOW:
            raise TooManyDeadLetters(
                f"more than {self._most:.0%} of the last {_WINDOW} records would be dead letters: "
                "look at homecall dead-letters list, then mend the publisher or this release, or raise "
                "HOMECALL_DEAD_LETTER_MAX_SHARE"
            )
