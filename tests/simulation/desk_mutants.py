"""Defects of the desk built in, which the judges must find; beside those of ``mutants``."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final
from unittest.mock import patch

from services.desk.actions import Action, Waiting
from services.desk.outbox import Outbox
from services.desk.web import calls

Mutant = Callable[[], AbstractContextManager[Any]]


def marked_before_sent() -> AbstractContextManager[Any]:
    """What a person did is marked as sent before it is."""
    sound = Outbox._send

    async def send(self: Outbox, actions: Sequence[Action]) -> int:
        await self._actions.sent([each.id for each in actions])
        return await sound(self, actions)

    return patch.object(Outbox, "_send", send)


def new_action_each_try() -> AbstractContextManager[Any]:
    """A form has another id each time that it comes."""
    return patch.object(calls, "cause_id", lambda *_: str(uuid.uuid4()))


def left_by_another() -> AbstractContextManager[Any]:
    """What an ended process has stored and not sent is nobody's."""
    return patch.object(Outbox, "_look_at", lambda *_: None)


def passes_its_subject() -> AbstractContextManager[Any]:
    """A process sends what it has stored, whatever another has still to send of the same subject."""

    def ready(self: Outbox, found: Sequence[Waiting], now: float) -> dict[str, list[Waiting]]:
        del now
        mine: dict[str, list[Waiting]] = {}
        for each in found:
            if each.holder == self.holder or each.id in self._seen:
                mine.setdefault(each.clinic_id, []).append(each)
        return mine

    return patch.object(Outbox, "_ready", ready)


DESK_MUTANTS: Final[Mapping[str, Mutant]] = {
    each.__name__: each for each in (marked_before_sent, new_action_each_try, left_by_another, passes_its_subject)
}
"""By name."""
