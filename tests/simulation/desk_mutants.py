"""Defects of the desk built in, which the judges must find; beside those of ``mutants``."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final
from unittest.mock import patch

from homecall.contract.events import StatusChanged
from homecall.contract.types import Event
from services.desk.domain import call
from services.desk.outbox import Outbox
from services.desk.store.actions import Action
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


def newer_status_passed_over() -> AbstractContextManager[Any]:
    """The desk shows the first status of a call, whatever is told later."""
    sound = call.hear

    def hear(before: call.Call, event: Event, *more: Any) -> call.Call:
        known = isinstance(event, StatusChanged) and before.status is not None
        return before if known else sound(before, event, *more)

    return patch.object(call, "hear", hear)


DESK_MUTANTS: Final[Mapping[str, Mutant]] = {
    each.__name__: each for each in (marked_before_sent, new_action_each_try, left_by_another, newer_status_passed_over)
}
"""By name."""
