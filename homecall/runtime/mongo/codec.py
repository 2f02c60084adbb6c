"""Typed states to stored documents and back: nothing but the stores knows the form of a document.

A state is a dataclass; its fields are named as in the document. What each type becomes:

- ``datetime``: RFC 3339 text. One that was read comes out as it was stored; one with a ``ZoneInfo`` in that zone; any
  other, as a clock's or an event's, in Asia/Almaty. So a decision puts a clinic's moment into the clinic's zone:
  ``moment.astimezone(zone)``. A moment without a zone raises ``ValueError``.
- ``date``: ISO text. ``timedelta``: seconds. ``ZoneInfo``: its name. ``Enum``: its value.
- nested dataclasses: documents. ``tuple[T, ...]``, ``list[T]`` and named tuples: arrays. ``dict[str, T]``: documents.
- texts, numbers, bytes, ``Literal``, ``Any``, and what holds only these: as they are, and not copied.

A field that is stored under another name, or left out while it has its default (its key then comes last), says so with
cattrs: ``arrives_from: Annotated[datetime, override(rename="from")]``, ``Annotated[str | None,
override(omit_if_default=True)] = None``. Reading, a field that is missing has its default, and an unknown one of a
later release is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from types import UnionType
from typing import (
    Any,
    Final,
    Generic,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from zoneinfo import ZoneInfo

from cattrs import Converter, override
from cattrs.cols import is_namedtuple
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from homecall.contract.types import in_zone

S = TypeVar("S")

_Override: Final = type(override())
_UTC_ZONE: Final = ZoneInfo("UTC")
_PLAIN: Final = (str, int, float, bool, bytes, type(None), Any, object, list, dict)
_HOLDS_OTHERS: Final = (list, dict, Mapping, Union, UnionType)


class Codec(Generic[S]):
    """The codec of one type of state; it compiles a function for each direction once."""

    def __init__(self, state_type: type[S]) -> None:
        self._encode = _CONVERTER.get_unstructure_hook(state_type)
        self._decode = _CONVERTER.get_structure_hook(state_type)
        self._type = state_type

    def encode(self, state: S) -> dict[str, Any]:
        """The document of a state. Open values in it (``dict[str, Any]``) are shared with the state."""
        return cast(dict[str, Any], self._encode(state))

    def decode(self, doc: Mapping[str, Any]) -> S:
        """The state of a document. Raises KeyError for a missing field without a default, ValueError for a bad text."""
        return cast(S, self._decode(doc, self._type))


def _text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a stored moment must have a zone")
    # A fixed offset other than UTC's own object is what `_moment` read: the clinic's zone as it was then.
    if type(moment.tzinfo) is timezone and moment.tzinfo is not UTC:
        return moment.isoformat()
    return in_zone(moment)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    # Told apart from a clock's UTC, so that "+00:00" is written back as it was.
    return moment.replace(tzinfo=_UTC_ZONE) if moment.tzinfo is UTC else moment


EMPTY_IF_NONE: Final = override(
    unstruct_hook=lambda moment: "" if moment is None else _text(moment),
    struct_hook=lambda text, _: _moment(text) if text else None,
)
"""For a moment that may be missing, and is an empty text in the document then."""


def _as_it_is(value: Any, _: Any) -> Any:
    return value


def _seconds(span: timedelta) -> int | float:
    seconds = span.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _is_plain(kind: Any) -> bool:
    """Whether values of this type are stored as they are."""
    if kind in _PLAIN or get_origin(kind) is Literal:
        return True
    if is_typeddict(kind):
        return all(map(_is_plain, get_type_hints(kind).values()))
    return get_origin(kind) in _HOLDS_OTHERS and all(map(_is_plain, get_args(kind)))


def _named_tuple_encoder(kind: Any, converter: Converter) -> Callable[[Any], list[Any]]:
    hooks = [converter.get_unstructure_hook(each) for each in get_type_hints(kind).values()]
    return lambda value: [hook(each) for hook, each in zip(hooks, value, strict=True)]


def _named_tuple_decoder(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    hooks = [(converter.get_structure_hook(each), each) for each in get_type_hints(kind).values()]
    # One that an earlier release stored may be shorter: the rest has its defaults.
    return lambda value, _: kind(*(hook(each, of) for (hook, of), each in zip(hooks, value, strict=False)))


def _is_homogeneous_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[1:] == (...,)


def _tuple_decoder(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    # cattrs' own finds the hook for each element: with it, complaints with three commands took 7 % more CPU.
    of = get_args(kind)[0]
    hook = converter.get_structure_hook(of)
    return lambda value, _: tuple([hook(each, of) for each in value])


def _overrides(kind: type) -> dict[str, Any]:
    """How a dataclass says that fields are stored. cattrs looks for this only where annotations are no texts."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        name: each
        for name, hint in hints.items()
        for each in getattr(hint, "__metadata__", ())
        if isinstance(each, _Override)
    }


def _converter() -> Converter:
    converter = Converter(detailed_validation=False, unstruct_collection_overrides={tuple: list})
    # Of several hooks that fit, the last counts.
    converter.register_unstructure_hook_factory(is_namedtuple, _named_tuple_encoder)
    converter.register_structure_hook_factory(is_namedtuple, _named_tuple_decoder)
    converter.register_unstructure_hook_factory(
        is_dataclass, lambda kind: make_dict_unstructure_fn(kind, converter, **_overrides(kind))
    )
    converter.register_structure_hook_factory(
        is_dataclass, lambda kind: make_dict_structure_fn(kind, converter, **_overrides(kind))
    )
    converter.register_structure_hook_factory(_is_homogeneous_tuple, _tuple_decoder)
    for kind, encode, decode in _TEXTS:
        converter.register_unstructure_hook(kind, encode)
        converter.register_structure_hook(kind, decode)
    converter.register_unstructure_hook_factory(_is_plain, lambda _: identity)
    converter.register_structure_hook_factory(_is_plain, lambda _: _as_it_is)
    return converter


_TEXTS: Final[tuple[tuple[type, Callable[[Any], Any], Callable[[Any, Any], Any]], ...]] = (
    (datetime, _text, lambda text, _: _moment(text)),
    (date, date.isoformat, lambda text, _: date.fromisoformat(text)),
    (timedelta, _seconds, lambda seconds, _: timedelta(seconds=seconds)),
    (ZoneInfo, lambda zone: zone.key, lambda name, _: ZoneInfo(name)),
)
_CONVERTER: Final = _converter()
