"""What is stored of an acceptance whose number only its page has: how it is made again, byte for byte.

An acceptance says what its request says, then its own times and number. The facts are in the state already and are not
stored a second time: what holds personal data stands in one place, where it is erased. Stored are the names of these
facts in the order in which they were said, and the text around the number; so a later release, which would say it
otherwise, says it as it was said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from homecall.contract.envelope import OutgoingRecord
from homecall.contract.events import RequestAccepted
from homecall.runtime.mongo.aggregate import event_from_doc, event_to_doc
from services.intake.domain.state import RequestState

_NAMES: Final = tuple(RequestAccepted.model_fields)
_NUMBER: Final = b'"register_number":'
_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def rest_of(acceptance: OutgoingRecord, state: RequestState) -> dict[str, Any] | None:
    """What is stored of an acceptance, whatever number it has; None if the state's facts do not give its bytes."""
    facts = _facts(state)
    names = [name for name in _NAMES if name in facts]
    said = _beginning(facts, names)
    before, number, after = acceptance.value[len(said) :].partition(_NUMBER)
    if not number or not acceptance.value.startswith(said):
        return None
    return event_to_doc(replace(acceptance, value=b"")) | {
        "facts": names,
        "before": before.decode(),
        "after": after.lstrip(b"0123456789").decode(),
    }


def filled_in(rest: Mapping[str, Any], state: RequestState, number: int) -> OutgoingRecord:
    """The acceptance with this number: the same bytes whenever it is made. Of an erased request, what remains of it."""
    said = _beginning(_facts(state), rest["facts"])
    value = b"%b%b%b%d%b" % (said, rest["before"].encode(), _NUMBER, number, rest["after"].encode())
    return replace(event_from_doc(rest), value=value)


def _facts(state: RequestState) -> dict[str, Any]:
    return state.request | {"request_id": state.request_id, "clinic_id": state.clinic_id, "ruling": state.ruling}


def _beginning(facts: Mapping[str, Any], names: list[str]) -> bytes:
    """The JSON of these facts, up to where the acceptance's own fields begin."""
    return _json({name: facts[name] for name in names if name in facts})[:-1].encode()
