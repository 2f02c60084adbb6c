"""What people did at the desk, kept outside the system, and whether it went out: each action once, in its order.

It knows the forms that were answered with 303, and the records in the topics. Nothing of how the desk works.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.faults.harness.history import Findings, History, Operation
from tests.infrastructure.reader import Heard

SOURCE = "/homecall/desk"
MOST_TIMES = 12
"""How often one action may stand in its topic, under one id: once more for each kill and each lost acknowledgement."""


@dataclass(frozen=True)
class Done:
    """An action of a person: what kind of event it is to become, about which subject, and a word that it holds."""

    type: str
    subject: str
    clinic_id: str
    word: str = ""


@dataclass
class DeskLedger:
    """Actions in the order in which their forms were answered with 303, and those that were begun."""

    begun: dict[tuple[str, str], Done] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, action: Done) -> None:
        """A form is about to be sent: it may be taken from now on."""
        with self._lock:
            self.begun[action.type, action.subject] = action

    def end(self, action: Done) -> None:
        """The form was answered with 303: from now on the action is owed."""
        with self._lock:
            self.done.append(action)

    def operations(self) -> list[Operation]:
        """What was done, as operations of a history; each has the name of its action in place of an event's id."""
        with self._lock:
            return [Operation(f"{each.type} {each.subject}", each.type, _data(each), "ok") for each in self.done]

    def judge(self, heard: Iterable[Heard]) -> Findings:
        """What does not add up between the forms and the topics: lost, doubled, gone_back, phantom, contradiction."""
        found: Findings = defaultdict(list)
        by_action: dict[tuple[str, str], list[Heard]] = defaultdict(list)
        for each in heard:
            if each.headers.get("ce_source") == SOURCE and not each.dead:
                by_action[each.type, each.data["request_id"]].append(each)
        for kind, subject in by_action.keys() - self.begun.keys():
            found["phantom"].append(f"{kind} of {subject} was never done")
        for action in self.done:
            said = by_action[action.type, action.subject]
            ids = {each.id for each in said}
            if not said:
                found["lost"].append(f"{action.type} of {action.subject} was taken, and its topic does not hold it")
            if len(ids) > 1:
                found["doubled"].append(f"{action.type} of {action.subject} was said under {len(ids)} ids")
            if len(said) > MOST_TIMES:
                found["endless"].append(f"{action.type} of {action.subject} was said {len(said)} times")
            if len({each.value for each in said}) > 1 or any(action.word not in each.value.decode() for each in said):
                found["contradiction"].append(f"{action.type} of {action.subject} does not say what was typed")
        self._order(by_action, found)
        return {kind: entries for kind, entries in sorted(found.items()) if entries}

    def _order(self, by_action: dict[tuple[str, str], list[Heard]], found: Findings) -> None:
        """Of one subject and topic, each action stands for the first time behind all that was done before it."""
        last: dict[tuple[str, str], tuple[int, str]] = {}
        for action in self.done:
            said = by_action[action.type, action.subject]
            if not said:
                continue
            first = min(said, key=lambda each: each.offset)
            before, kind = last.get((first.topic, action.subject), (-1, ""))
            if first.offset < before:
                found["gone_back"].append(f"{action.type} of {action.subject} went out before its {kind}")
            last[first.topic, action.subject] = max((before, kind), (first.offset, action.type))

    def into(self, history: History, heard: Iterable[Heard]) -> None:
        """Put what was done into a history under the ids that the topics have: it judges what came of it."""
        ids = {
            f"{each.type} {each.data['request_id']}": each.id
            for each in heard
            if each.headers.get("ce_source") == SOURCE and not each.dead
        }
        for each in self.operations():
            history.operations.pop(each.event_id, None)
            each.event_id = ids.get(each.event_id, each.event_id)
            history.operations[each.event_id] = each


def _data(action: Done) -> dict[str, str]:
    return {"request_id": action.subject, "clinic_id": action.clinic_id, "channel": "phone"}
