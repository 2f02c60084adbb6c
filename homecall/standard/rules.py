"""Rule sets: hours, limits, terms and refusal grounds as dated data (R12).

A rule set is a TOML file in which each value names its clause. The packaged directory contains the set in force; an
operator can name another directory.

Long because it is data: each field of a rule file, with the line that reads and checks it.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from homecall.contract.encoding import NotUtf8, decoded
from homecall.contract.events.shared import RefusalCode

PACKAGED = Path(__file__).parent / "data" / "rules"

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


Interval = tuple[time, time]
"""Local clock times, from and to."""

Week = Literal["six-day", "five-day"]
Urgency = Literal["urgent", "same_day"]


class RuleSetError(ValueError):
    """A rule file that cannot be used: one line with the file, the field and the reason."""


class NotCoveredError(ValueError):
    """A date for which there is no rule set, or that lies outside the calendar's years."""


def _clock_time(text: object) -> time:
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a local time as HH:MM")
    return time(int(match[1]), int(match[2]))


def _intervals(value: object) -> tuple[Interval, ...]:
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise ValueError('must be a list of pairs, as [["08:00", "20:00"]]')
    intervals = tuple((_clock_time(start), _clock_time(end)) for start, end in value)
    for start, end in intervals:
        if start >= end:
            raise ValueError(f"{end:%H:%M} is not after {start:%H:%M}")
    for (_, end), (start, _) in pairwise(intervals):
        if start < end:
            raise ValueError(f"the interval from {start:%H:%M} begins before the one to {end:%H:%M} has ended")
    return intervals


def _listed(value: object) -> object:
    """TOML has lists only; a frozen model keeps tuples."""
    return tuple(value) if isinstance(value, list) else value


Clause = Annotated[str, StringConstraints(pattern=r"^(C\d+(\.\d+)?|R\d+[a-z]?)$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Intervals = Annotated[tuple[Interval, ...], BeforeValidator(_intervals)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Figure(_Strict):
    clause: Clause
    carried_over: bool = False
    """Not known for this set: taken from the one before it."""


class Hours(_Figure):
    """The clinic's hours by weekday, where it has published none of its own (C8.1)."""

    mon: Intervals
    tue: Intervals
    wed: Intervals
    thu: Intervals
    fri: Intervals
    sat: Intervals
    sun: Intervals

    @cached_property
    def by_weekday(self) -> tuple[tuple[Interval, ...], ...]:
        """The intervals of Monday to Sunday."""
        return (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)

    @model_validator(mode="after")
    def _open_at_all(self) -> Self:
        if not any(self.by_weekday):
            raise ValueError("no day of the week has hours")
        return self


class CutOffClauses(_Strict):
    """Where the cut-off comes from, by channel."""

    desk: Clause
    phone: Clause
    portal: Clause


class CutOff(_Strict):
    """Until when applications are accepted, counted back from closing (C4.5, C4.6)."""

    minutes_before_closing: Annotated[int, Field(ge=0, lt=24 * 60)]
    clauses: CutOffClauses
    carried_over: bool = False


class Limit(_Figure):
    """A time limit, in seconds."""

    seconds: PositiveInt


class ClinicLimits(_Strict):
    """Limits of what happens at the clinic only."""

    desk: Limit
    phone: Limit


class AnswerLimits(_Strict):
    """The limit to the result, by channel (C4.1, C4.4)."""

    desk: Limit
    phone: Limit
    portal: Limit


class Limits(_Strict):
    """Queue (C4.2), service (C4.3) and answer (C4.1, C4.4)."""

    queue: ClinicLimits
    service: ClinicLimits
    answer: AnswerLimits


class Approaching(_Figure):
    """The part of a limit after which its deadline is near."""

    share: Annotated[float, Field(gt=0, lt=1)]


class Calls(_Figure):
    """The working week that calls keep (R7, R8)."""

    week: Week


class ComplaintTerm(_Figure):
    """How long a complaint is considered, in working days of the week named (C10.4, C10.8, R9, R10)."""

    working_days: PositiveInt
    week: Week
    week_clause: Clause


class ComplaintTerms(_Strict):
    """The terms, by whom the complaint is addressed to."""

    clinic: ComplaintTerm
    ministry: ComplaintTerm
    quality_authority: ComplaintTerm


class Codes(_Figure):
    """A list of codes."""

    codes: Annotated[tuple[Code, ...], BeforeValidator(_listed)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        doubles = sorted({code for code in self.codes if self.codes.count(code) > 1})
        if doubles:
            raise ValueError(f"{doubles[0]} is listed twice")
        return self


class RefusalGround(_Figure):
    """What a request may be refused on, and the refusal code that says so."""

    ground: Literal[RefusalCode, "unreliable_data"]
    code: RefusalCode


class Words(_Strict):
    """The same text in three languages."""

    kk: Annotated[str, StringConstraints(min_length=1)]
    ru: Annotated[str, StringConstraints(min_length=1)]
    en: Annotated[str, StringConstraints(min_length=1)]


class Office(_Figure):
    """Where a complaint to an addressee goes, and an answer of theirs is handed over (C10.1, C10.5)."""

    address: Words


class Offices(_Strict):
    """The addressees' offices, as far as they are known. A clinic's is as it publishes it."""

    ministry: Office | None = None
    quality_authority: Office | None = None

    def of(self, addressee: str) -> Office | None:
        """The office of ``ministry`` or ``quality_authority``; None where it is not known."""
        return {"ministry": self.ministry, "quality_authority": self.quality_authority}.get(addressee)


class Directory(_Figure):
    """Where the addresses of the places of service and the telephones for enquiries are (C12, C15)."""

    site: Annotated[str, StringConstraints(min_length=1)]
    section: Words


class RuleSet(_Strict):
    """One state of the law, in force from ``valid_from`` to ``valid_until``, both included (none: to the next)."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    source: str
    valid_from: date
    valid_until: date | None = None
    hours: Hours
    cut_off: CutOff
    limits: Limits
    approaching: Approaching
    clock_tolerance: Limit
    held: Limit = Limit(seconds=72 * 3600, clause="R24")
    """How long a signature is retried: of a request from its submission, of a complaint from the end of its term. A set
    without it has the packaged one's."""
    calls: Calls
    complaints: ComplaintTerms
    offices: Offices = Offices()
    directory: Directory | None = None
    reasons: Codes
    red_flags: Codes
    urgent_reasons: Codes
    refusal_grounds: Annotated[tuple[RefusalGround, ...], BeforeValidator(_listed)]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("valid_until is before valid_from")
        both = sorted(set(self.reasons.codes) & set(self.red_flags.codes))
        if both:
            raise ValueError(f"{both[0]} is both in reasons and in red_flags")
        unknown = sorted(set(self.urgent_reasons.codes) - set(self.reasons.codes) - set(self.red_flags.codes))
        if unknown:
            raise ValueError(f"{unknown[0]} in urgent_reasons is neither in reasons nor in red_flags")
        grounds = [entry.ground for entry in self.refusal_grounds]
        doubles = sorted({ground for ground in grounds if grounds.count(ground) > 1})
        if doubles:
            raise ValueError(f"{doubles[0]} in refusal_grounds is listed twice")
        return self

    def knows_reason(self, code: str) -> bool:
        """Whether a call may be made for this reason; red flags are reasons too."""
        return code in self.reasons.codes or code in self.red_flags.codes

    def red_flags_in(self, reasons: Iterable[str]) -> tuple[str, ...]:
        """Those of the reasons for which to call 103 now, in the order given (R13)."""
        return tuple(code for code in reasons if code in self.red_flags.codes)

    def urgency(self, reasons: Iterable[str]) -> Urgency:
        """``urgent`` with a red flag or a reason the set lists as urgent, else ``same_day``."""
        pressing = {*self.red_flags.codes, *self.urgent_reasons.codes}
        return "urgent" if any(code in pressing for code in reasons) else "same_day"

    def refusal_ground(self, ground: str) -> RefusalGround | None:
        """The ground with its code and clause; none: this law does not refuse on it."""
        return next((entry for entry in self.refusal_grounds if entry.ground == ground), None)

    def answer_limit(self, channel: str) -> Limit:
        """The limit to the result (C4.1, C4.4). ``ValueError`` for an unknown channel."""
        limit: Limit = _named(self.limits.answer, "channel", channel)
        return limit

    def cut_off_clause(self, channel: str) -> str:
        """C4.5 or C4.6."""
        return str(_named(self.cut_off.clauses, "channel", channel))

    def complaint_term(self, addressed_to: str) -> ComplaintTerm:
        """The term by addressee. ``ValueError`` for an unknown one."""
        term: ComplaintTerm = _named(self.complaints, "addressed_to", addressed_to)
        return term


def _named(values: BaseModel, what: str, name: str) -> Any:
    """One of several values by its name. ``ValueError`` for an unknown one."""
    known = type(values).model_fields
    if name not in known:
        raise ValueError(f"{what}: {name} is none of {', '.join(known)}")
    return getattr(values, name)


@dataclass(frozen=True)
class RuleSets:
    """All rule sets, in the order in which they came into force."""

    sets: tuple[RuleSet, ...]

    def on(self, day: date) -> RuleSet:
        """The set in force on that local date. ``NotCoveredError`` when there is none."""
        for rules in reversed(self.sets):
            if rules.valid_from <= day:
                if rules.valid_until is not None and day > rules.valid_until:
                    break
                return rules
        first, last = self.sets[0], self.sets[-1]
        until = f" to {last.valid_until}" if last.valid_until else ""
        raise NotCoveredError(f"no rule set is in force on {day}: there are rules from {first.valid_from}{until}")

    def nearest(self, day: date | None) -> RuleSet:
        """The set in force on that date, or the nearest: for advice that needs no law, such as to call 103."""
        begun = [rules for rules in self.sets if day is None or rules.valid_from <= day]
        return begun[-1] if begun else self.sets[0]


def load_rule_sets(directory: Path | None = None) -> RuleSets:
    """Read every ``*.toml`` in the directory (the packaged one when none is given).

    A set without an end gives way to the next one's beginning; where an end is stated, the next set begins on the day
    after it. Raises ``RuleSetError`` with one line that names file, field and reason.
    """
    directory = directory or PACKAGED
    if not directory.is_dir():
        raise RuleSetError(f"rules {directory}: not a directory; name one that holds rule sets (*.toml)")
    files = sorted(directory.glob("*.toml"))
    if not files:
        raise RuleSetError(f"rules {directory}: no rule set (*.toml) in this directory")
    read = sorted(((path, _read(path)) for path in files), key=lambda item: (item[1].valid_from, item[0].name))
    for (path, earlier), (next_path, later) in pairwise(read):
        _hold_apart(path, earlier, next_path, later)
    seen: dict[str, Path] = {}
    for path, rules in read:
        if rules.id in seen:
            raise RuleSetError(f"rules file {path.name}: id: {rules.id} is also the id of {seen[rules.id].name}")
        seen[rules.id] = path
    return RuleSets(tuple(rules for _, rules in read))


def _hold_apart(path: Path, earlier: RuleSet, next_path: Path, later: RuleSet) -> None:
    if earlier.valid_from == later.valid_from:
        raise RuleSetError(
            f"rules file {next_path.name}: valid_from: overlaps {path.name}, which also begins on {later.valid_from}"
        )
    if earlier.valid_until is None:
        return
    days = (later.valid_from - earlier.valid_until).days
    if days < 1:
        raise RuleSetError(
            f"rules file {next_path.name}: valid_from: {later.valid_from} overlaps {path.name}, "
            f"in force until {earlier.valid_until}"
        )
    if days > 1:
        raise RuleSetError(
            f"rules file {next_path.name}: valid_from: {later.valid_from} leaves a gap after {path.name}, "
            f"in force until {earlier.valid_until}"
        )


def _read(path: Path) -> RuleSet:
    try:
        content = tomllib.loads(decoded(path.read_bytes()))
    except NotUtf8 as error:
        raise RuleSetError(f"rules file {path.name}: {error}") from None
    except OSError as error:
        raise RuleSetError(f"rules file {path.name}: cannot be read: {_one_line(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise RuleSetError(f"rules file {path.name}: not TOML: {_one_line(error)}") from error
    try:
        return RuleSet.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        reason = {"missing": "is missing", "extra_forbidden": "is not a field of a rule set"}.get(
            first["type"], first["msg"].removeprefix("Value error, ")
        )
        where = f"{field}: " if field else ""
        raise RuleSetError(f"rules file {path.name}: {where}{_one_line(reason)}") from error


def _one_line(problem: object) -> str:
    return " ".join(str(problem).split())
