"""A batch of events: what is known of it while it is handled, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from homecall.contract.envelope import Incoming, OutgoingRecord
from homecall.contract.errors import one_line
from homecall.runtime.engine.decision import Dead
from homecall.runtime.engine.outbox import Outbox
from homecall.runtime.engine.protocols import Domain
from homecall.runtime.mongo.aggregate import Aggregate
from homecall.runtime.mongo.repository import Repository

S = TypeVar("S")
Result = Literal["handled", "repeated", "dead"]


@dataclass(slots=True)
class BatchResult:
    """What became of a batch: events to send in order, a result per record, dead letters.

    ``after`` is called once all of it was acknowledged, before the offsets are committed. ``unsettled`` are ids of
    other aggregates that completions changed and that the service has still to settle.
    """

    events: list[OutgoingRecord] = field(default_factory=list)
    results: dict[int, Result] = field(default_factory=dict)
    dead: list[tuple[Incoming, Dead]] = field(default_factory=list)
    after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    unsettled: set[str] = field(default_factory=set)

    def take(self, part: BatchResult, places: Sequence[int]) -> None:
        """Add what became of a part of the batch, whose records stand at these places of the whole."""
        self.events.extend(part.events)
        self.dead.extend(part.dead)
        self.after.extend(part.after)
        self.unsettled |= part.unsettled
        self.results.update({places[index]: result for index, result in part.results.items()})


class BatchWork(Generic[S]):
    """A batch while it is handled. Events are named by their index in it."""

    def __init__(self, events: Sequence[Incoming], domain: Domain[S, Any]) -> None:
        self.events = events
        self.result = BatchResult()
        self.touched: dict[str, Aggregate[S]] = {}
        """The aggregates as they are stored by now."""
        self._targets: dict[int, str] = {}
        self._dead: dict[int, Dead] = {}
        for index, event in enumerate(events):
            self.result.results[index] = "handled"
            if event.data is None and not domain.takes_broken(event):
                self.result.dead.append((event, Dead("schema", one_line(event.errors))))
                self.result.results[index] = "dead"
            elif (target := domain.target(event)) is not None:
                self._targets[index] = target
        self.undecided = dict(self._targets)
        """The aggregate of each event that is not decided, or whose decision was not stored."""

    def firsts(self) -> dict[str, Incoming]:
        """The first event of each aggregate."""
        firsts: dict[str, Incoming] = {}
        for index, target in self._targets.items():
            firsts.setdefault(target, self.events[index])
        return firsts

    def decided(self, index: int, outcome: Dead | bool) -> None:
        """Note what was decided on an event; a later decision counts."""
        self._dead.pop(index, None)
        if isinstance(outcome, Dead):
            self._dead[index] = outcome
        self.result.results[index] = "dead" if isinstance(outcome, Dead) else "handled" if outcome else "repeated"

    def refusing(self, loaded: Mapping[str, Aggregate[S]]) -> list[Aggregate[S]]:
        """The stored aggregates, unchanged, that make an event a dead letter: no write of theirs validates that."""
        found = {target: loaded[target] for index, target in self.undecided.items() if index in self._dead}
        return [each for each in found.values() if each.version and not each.changed]

    def stored(self, loaded: Mapping[str, Aggregate[S]], lost: Collection[str]) -> None:
        """Note what was stored; the events of aggregates that ``lost`` to another write are to be decided again."""
        self.touched.update({key: each for key, each in loaded.items() if key not in lost})
        self.undecided = {index: target for index, target in self.undecided.items() if target in lost}

    def collect(self, completed: Mapping[str, Sequence[str]], store: Repository[S]) -> BatchResult:
        """What is to be sent, in order. ``completed`` are the causation ids that a completion settled."""
        result = self.result
        outboxes = {key: Outbox(each, completed.get(key, ())) for key, each in self.touched.items() if each.outbox}
        for index, target in self._targets.items():
            event = self.events[index]
            if index in self._dead:
                result.dead.append((event, self._dead[index]))
            elif target in outboxes:
                result.events.extend(outboxes[target].up_to(event.causation_id))
            else:
                result.events.extend(self.touched[target].said(event.causation_id))
        for key in sorted(outboxes):
            result.events.extend(outboxes[key].rest())
        if outboxes:
            result.after.append(lambda: store.sent([each.aggregate for each in outboxes.values()]))
        return result
