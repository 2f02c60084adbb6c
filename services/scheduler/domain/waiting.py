"""The order of the calls that wait for a place: data, read once. Ranking is pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.scheduler.domain.bookings import Call

_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")


class First(BaseModel):
    """A line of the order: who comes before all others, where everything that is asked holds."""

    model_config = _STRICT

    name: str
    red_flag: bool | None = None
    urgency: str | None = None
    age_below: int | None = None
    age_above: int | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> First:
        if self.model_fields_set == {"name"}:
            raise ValueError("asks nothing: add a condition")
        return self

    def holds(self, *, red_flag: bool, urgency: str, age_years: int | None) -> bool:
        return (
            (self.red_flag is None or self.red_flag == red_flag)
            and (self.urgency is None or self.urgency == urgency)
            and (self.age_below is None or (age_years is not None and age_years < self.age_below))
            and (self.age_above is None or (age_years is not None and age_years > self.age_above))
        )


class WaitingOrder(BaseModel):
    """The lines of the order, the weightiest first."""

    model_config = _STRICT

    first: Annotated[list[First], Field(min_length=1)]

    def rank(self, *, red_flag: bool, urgency: str, age_years: int | None) -> int:
        """The call's rank, the lowest first: an earlier line outweighs all later ones together."""
        rank = 0
        for line in self.first:
            rank = rank * 2 + (not line.holds(red_flag=red_flag, urgency=urgency, age_years=age_years))
        return rank

    def last_urgent(self) -> int:
        """The rank of calls that go after all urgent ones, and before those of the same day."""
        return self.rank(red_flag=False, urgency="urgent", age_years=None)


def order_of_waiting(calls: Iterable[Call]) -> list[Call]:
    """Who is placed first as room appears: by rank, then by time of acceptance."""
    return sorted(calls, key=lambda each: each.priority)


def read_waiting_order(text: str) -> WaitingOrder:
    """The order in a TOML text. Raises ValueError, which names the field."""
    return WaitingOrder.model_validate(tomllib.loads(text))


def packaged_waiting_order() -> WaitingOrder:
    return read_waiting_order(resources.files("services.scheduler").joinpath("data/waiting.toml").read_text("utf-8"))
