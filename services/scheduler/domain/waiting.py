"""The order of the calls that wait for a place: data, read once. Ranking is pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

from services.scheduler.domain.bookings import Call

_ASKS = {"red_flag": bool, "urgency": str, "age_below": int, "age_above": int}


class WaitingOrderError(Exception):
    """The order cannot be read: one line with the place and the way out."""


@dataclass(frozen=True, slots=True)
class First:
    """A line of the order: who comes before all others, where everything that is asked holds."""

    name: str
    red_flag: bool | None = None
    urgency: str | None = None
    age_below: int | None = None
    age_above: int | None = None

    def holds(self, *, red_flag: bool, urgency: str, age_years: int | None) -> bool:
        """Whether the call is one of these."""
        return (
            (self.red_flag is None or self.red_flag == red_flag)
            and (self.urgency is None or self.urgency == urgency)
            and (self.age_below is None or (age_years is not None and age_years < self.age_below))
            and (self.age_above is None or (age_years is not None and age_years > self.age_above))
        )


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """The lines of the order, the weightiest first."""

    lines: tuple[First, ...]

    def rank(self, *, red_flag: bool, urgency: str, age_years: int | None) -> int:
        """The call's rank, the lowest first: an earlier line outweighs all later ones together."""
        rank = 0
        for line in self.lines:
            rank = rank * 2 + (not line.holds(red_flag=red_flag, urgency=urgency, age_years=age_years))
        return rank


def order_of_waiting(calls: Iterable[Call]) -> list[Call]:
    """Who is placed first as room appears: by rank, then by time of acceptance."""
    return sorted(calls, key=lambda each: each.priority)


def read_waiting_order(text: str) -> WaitingOrder:
    """The order in a TOML text. Raises ``WaitingOrderError``."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WaitingOrderError(f"waiting.toml: {error}: correct it as TOML") from None
    lines = raw.get("first")
    if not isinstance(lines, list) or not lines:
        raise WaitingOrderError("waiting.toml: first: must be one or more [[first]] tables")
    return WaitingOrder(tuple(_line(number, each) for number, each in enumerate(lines)))


def _line(number: int, raw: Any) -> First:
    where = f"waiting.toml: first.{number}"
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
        raise WaitingOrderError(f"{where}: name is missing: give the line one")
    asked = {key: value for key, value in raw.items() if key != "name"}
    if not asked:
        raise WaitingOrderError(f"{where}: asks nothing: give it one of {', '.join(_ASKS)}")
    for key, value in asked.items():
        if key not in _ASKS or type(value) is not _ASKS[key]:
            raise WaitingOrderError(f"{where}.{key}: must be one of {', '.join(_ASKS)}, with a value of its kind")
    return First(raw["name"], **asked)


def packaged_waiting_order() -> WaitingOrder:
    """The order as it is packaged."""
    return read_waiting_order(resources.files("services.scheduler").joinpath("data/waiting.toml").read_text("utf-8"))
