"""A request as our own events show it: all that could be read, without IINs, documents and the signature."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from services.contract.events import RequestSubmitted

_LEFT_OUT: Any = {
    "identity_document": True,
    "signature": True,
    "patient": {"iin": True},
    "applicant": {"iin": True, "authority": {"number": True}},
}
_LEFT_OUT_PATHS = {"identity_document", "signature", "patient.iin", "applicant.iin", "applicant.authority.number"}
_TWELVE_DIGITS = re.compile(r"(?<!\d)\d{12}(?!\d)")


def facts_of(request: RequestSubmitted) -> dict[str, Any]:
    """The facts of a sound request, as JSON values."""
    facts: dict[str, Any] = _without_iins(request.model_dump(mode="json", exclude=_LEFT_OUT, exclude_none=True))
    return facts


def facts_as_far_as_readable(request: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a request that breaks its schema: each field that is sound by itself, as JSON values."""
    facts: dict[str, Any] = _without_iins(_readable(RequestSubmitted, request, ""))
    return facts


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    return TypeAdapter(Annotated[info.annotation, *info.metadata])  # type: ignore[arg-type]  # a form made at run time


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
        if value is None or path in _LEFT_OUT_PATHS:
            continue
        part = _part(info.annotation)
        if part is not None:
            inner = _readable(part, value, f"{path}.") if isinstance(value, Mapping) else {}
            if inner:
                found[name] = inner
            continue
        adapter = _adapter(model, name)
        try:
            found[name] = adapter.dump_python(adapter.validate_python(value), mode="json")
        except ValidationError:
            continue
    return found


def _without_iins(value: Any) -> Any:
    """Free text may hold an IIN that somebody typed there; it goes no further."""
    if isinstance(value, str):
        return _TWELVE_DIGITS.sub("************", value)
    if isinstance(value, dict):
        return {key: _without_iins(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_iins(item) for item in value]
    return value
