"""A request as our own events show it: all that could be read, without IINs, documents and the signature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from homecall.contract.events import RequestSubmitted
from homecall.contract.iins import HIDDEN, without_iins
from homecall.contract.types import is_absent

_LEFT_OUT: Any = {
    "identity_document": True,
    "identity": True,
    "signature": True,
    "patient": {"iin": True},
    "applicant": {"iin": True, "authority": {"number": True}},
}
_LEFT_OUT_PATHS = {
    "identity_document",
    "identity",
    "signature",
    "patient.iin",
    "applicant.iin",
    "applicant.authority.number",
}
_IDS = ("transferred_from",)
_NO_TEXT = {"request_id", "clinic_id", "channel", "queued_at", "service_started_at", "submitted_at", *_IDS}
"""Fields whose format cannot contain a typed-in number."""
_WHOLE_PATHS = {"registrar", "preferred_window", "referral", "transferred_from"}
"""Objects that our events contain complete or not at all."""
_SHORTEST_NUMBER = 6
"""Shorter document numbers are not hidden: they match too much other text."""
_TIMES = frozenset({"queued_at", "service_started_at", "submitted_at", "birth_date", "valid_until", "handed_over_at"})
"""Never searched: a power of attorney with the number 2026-11 must not break a date."""
_CODES = frozenset({"request_id", "clinic_id", "channel", "kind", "sex", "language", "reasons"})
"""Not searched for document numbers."""


def redacted(request: RequestSubmitted) -> dict[str, Any]:
    """The facts of a sound request, as JSON values."""
    iins = [request.patient.iin, *([request.applicant.iin] if request.applicant else [])]
    documents = [
        request.identity_document.number if request.identity_document else None,
        request.applicant.authority.number if request.applicant else None,
    ]
    shown = request.model_dump(mode="json", exclude=_LEFT_OUT, exclude_none=True)
    numbers = _numbers(documents)
    return {name: value if name in _NO_TEXT else _hidden(value, iins, numbers, name) for name, value in shown.items()}


def redacted_as_far_as_readable(request: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a request that breaks its schema: each field that is sound by itself, as JSON values."""
    parts = [part for part in (request.get("patient"), request.get("applicant")) if isinstance(part, Mapping)]
    stated = ["".join(filter(str.isdigit, str(part.get("iin", "")))) for part in parts]
    iins = [iin for iin in stated if len(iin) == 12 and iin.isascii()]
    documents = [_inside(request, "identity_document", "number"), _inside(request, "applicant", "authority", "number")]
    readable = _readable(RequestSubmitted, request, "")
    facts: dict[str, Any] = _hidden(readable, iins, _numbers(documents))
    return facts | {name: readable[name] for name in _IDS if name in readable}


def _closed_up(text: str) -> str:
    """A number without spaces and hyphens."""
    return "".join(text.split()).replace("-", "")


def _inside(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _numbers(documents: Sequence[Any]) -> list[str]:
    plain = [_closed_up(each) for each in documents if isinstance(each, str)]
    return [each for each in plain if len(each) >= _SHORTEST_NUMBER]


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    form: Any = info.annotation
    return TypeAdapter(Annotated[form, *info.metadata] if info.metadata else form)


def _part(annotation: Any) -> type[BaseModel] | None:
    """The model in ``Model`` or ``Model | None``."""
    for each in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _readable(model: type[BaseModel], values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        path = prefix + name
        value = values.get(name)
        if is_absent(value) or path in _LEFT_OUT_PATHS:
            continue
        part = _part(info.annotation)
        if part is not None:
            if inner := _readable_part(part, value, path):
                found[name] = inner
            continue
        adapter = _adapter(model, name)
        try:
            found[name] = adapter.dump_python(adapter.validate_python(value), mode="json")
        except ValidationError:
            continue
    return found


def _readable_part(part: type[BaseModel], value: Any, path: str) -> dict[str, Any]:
    """What can be read of a part; empty where nothing can, or not all of one that says nothing in pieces."""
    if not isinstance(value, Mapping):
        return {}
    if path not in _WHOLE_PATHS:
        return _readable(part, value, f"{path}.")
    try:
        return part.model_validate(value).model_dump(mode="json", by_alias=True, exclude_none=True)
    except ValidationError:
        return {}


def _hidden(value: Any, iins: Sequence[str], documents: Sequence[str], name: str = "") -> Any:
    """The value without the request's own IINs and document numbers, and what else can be an IIN."""
    if isinstance(value, str):
        if len(value) < _SHORTEST_NUMBER or name in _TIMES:
            return value
        value = without_iins(value, iins)
        plain = _closed_up(value)
        for number in documents if name != "phone" and name not in _CODES else ():
            if number in plain:
                value = re.sub(r"[\s-]*".join(map(re.escape, number)), HIDDEN, value)
        return value
    if isinstance(value, dict):
        return {key: _hidden(item, iins, documents, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item, iins, documents, name) for item in value]
    return value
