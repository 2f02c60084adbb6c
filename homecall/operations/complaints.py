"""``homecall complaints``: a clinic's complaints for its head, the most urgent first; and the answers it has missed.

It reads the complaints' database, and the clinic's days from Kafka. No complainant stands in it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from homecall.contract.events import ClinicPublished
from homecall.contract.topics import CLINICS, COMPLAINTS
from homecall.documents.spreadsheet import written
from homecall.operations.clinics import clinic_among
from homecall.operations.databases import database_of
from homecall.operations.failure import Failure
from homecall.operations.kafka import read_to_end
from homecall.operations.table import Column, print_table
from homecall.operations.terminal import counted, print_bytes, print_error, printable, settings
from homecall.runtime.clock import clock_from
from homecall.runtime.kafka.senders import Senders
from homecall.runtime.settings import Settings
from homecall.standard.calendar import ClinicCalendar, local
from homecall.standard.clinics import calendar_of
from homecall.standard.rules import RuleSet, RuleSets, load_rule_sets
from services.complaints.domain.matters import same_matter
from services.complaints.domain.state import ComplaintState, Held, open_since
from services.complaints.store import ComplaintStore

ListFormat = Literal["table", "csv"]
_WAITING = ("delivered", "escalated", "held")


@dataclass(frozen=True)
class Listed:
    """A complaint as its head sees it. ``age`` and ``left`` are working days by the clinic's calendar.

    ``age`` counts from the day of registration to today, or to the final answer; ``left`` from today to the last day of
    the term: 0 on that day, less once it is over, None where no term runs. ``number`` is the last stage's, ``earlier``
    the numbers of the stages before; ``linked`` the other complaints of the same matter, by number or id.
    """

    complaint_id: str
    stage: str
    status: str
    channel: str
    overdue: bool
    age: int | None
    due_at: datetime | None
    left: int | None
    number: str = ""
    earlier: tuple[str, ...] = ()
    registered_on: date | None = None
    registers_at: datetime | None = None
    executor: str = ""
    position: str = ""
    request_id: str = ""
    linked: tuple[str, ...] = ()

    @property
    def due_on(self) -> date | None:
        """The last day of the term."""
        return None if self.due_at is None else self.due_at.date()

    @property
    def open(self) -> bool:
        """Whether it waits for something."""
        return self.left is not None or self.status in _WAITING


def complaints(clinic_id: str, *, only_open: bool, form: ListFormat) -> None:
    """Print the list. ``Failure`` with code 1 where nobody knows the clinic, and where a server does not answer."""
    asked = settings()
    now = clock_from(asked.clock).now()
    states, missed, clinic = asyncio.run(_found(asked, clinic_id))
    if clinic is None:
        raise Failure(
            f"{clinic_id} has not been published in {CLINICS.name}: check the id, or publish the clinic", code=1
        )
    rows = listed(states, now, clinic, load_rule_sets(asked.rules))
    shown = [each for each in rows if each.open or not only_open]
    if form == "csv":
        print_bytes(as_csv(shown))
        for line in [summary(rows), missed_line(missed)]:
            print_error(line)
        return
    print_complaints(shown)
    print_bytes(f"{summary(rows)}\n{missed_line(missed)}\n".encode())


async def _found(
    asked: Settings, clinic_id: str
) -> tuple[list[ComplaintState], dict[str, int], ClinicPublished | None]:
    async with database_of(asked, COMPLAINTS) as database:
        store = ComplaintStore(database)
        states, missed = await store.of_clinic(clinic_id), await store.answers_missed(clinic_id)
    return states, missed, clinic_among(await read_to_end(asked, CLINICS.name), clinic_id, Senders(asked.senders_file))


# ---------------------------------------------------------------- what is listed


def listed(
    states: Sequence[ComplaintState], now: datetime, clinic: ClinicPublished, rule_sets: RuleSets
) -> list[Listed]:
    """The most urgent first: by the end of their terms, then those that wait for an opening, then what is over.

    A complaint that was refused as invalid was never registered, and stands in no list; one whose signature cannot be
    checked yet does, since its term runs.
    """
    linked = _links([each for each in states if each.stages])
    calendars: dict[str, ClinicCalendar] = {}
    zone = ZoneInfo(clinic.zone)
    rows = []
    for each in states:
        if each.held is None and not each.stages:
            continue
        came_at = each.held.started_at if each.held else each.stages[-1].came_at
        rules = rule_sets.on(local(came_at or now, zone).date())
        calendar = calendars.setdefault(rules.id, calendar_of(clinic, rules))
        if each.held:
            rows.append(_held(each, each.held, now, calendar, rules))
        else:
            rows.append(_listed(each, now, calendar, rules, linked.get(each.complaint_id, ())))
    return sorted(rows, key=_urgency)


def _links(states: Sequence[ComplaintState]) -> dict[str, tuple[str, ...]]:
    """By id, the names of those that each is linked with. Compared are those that share an index, or that one kept."""
    by_id = {each.complaint_id: each for each in states}
    near: dict[str, set[str]] = defaultdict(set)
    sharing: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in states:
        for key in each.matter.items():
            sharing[key].add(each.complaint_id)
        for other in by_id.keys() & set(each.linked):
            near[each.complaint_id].add(other)
            near[other].add(each.complaint_id)
    for group in sharing.values():
        for one in group:
            near[one] |= group
    return {
        one: tuple(sorted(name_of(by_id[other]) for other in others if are_linked(by_id[one], by_id[other])))
        for one, others in near.items()
    }


def _urgency(row: Listed) -> tuple[int, float, str]:
    if row.left is not None and row.due_at is not None:
        return 0, row.due_at.timestamp(), row.number
    if row.open:
        return 1, row.registers_at.timestamp() if row.registers_at else float("inf"), row.complaint_id
    # Of those that are over, the newest first.
    return 2, -row.registered_on.toordinal() if row.registered_on else 0, row.complaint_id


def _listed(
    state: ComplaintState, now: datetime, calendar: ClinicCalendar, rules: RuleSet, linked: Sequence[str]
) -> Listed:
    stage = state.stages[-1]
    week = rules.complaint_term(stage.stage).week
    today = local(now, calendar.zone).date()
    runs = open_since(state) is not None
    registered_on = _date(stage.registered_at, calendar.zone)
    due_at = _moment(stage.answer_due_at, calendar.zone)
    ended = stage.answer or stage.refusal
    until = today if runs or ended is None else _date(ended.at, calendar.zone) or today
    executor = stage.executors[-1] if stage.executors else None
    return Listed(
        complaint_id=state.complaint_id,
        number=stage.number or "",
        earlier=tuple(each.number for each in state.stages[:-1] if each.number),
        stage=stage.stage,
        status=state.status,
        overdue=runs and due_at is not None and now > due_at,
        channel=state.channel,
        registered_on=registered_on,
        registers_at=_moment(stage.registers_at, calendar.zone),
        age=None if registered_on is None else calendar.working_days_between(registered_on, until, week),
        due_at=due_at,
        left=calendar.working_days_between(today, due_at.date(), week) if runs and due_at else None,
        executor=executor.full_name if executor else "",
        position=executor.position if executor else "",
        request_id=state.request_id or "",
        linked=tuple(linked),
    )


def are_linked(one: ComplaintState, other: ComplaintState) -> bool:
    """Either way: by what both are about, or by what one of them has kept, where that was erased."""
    kept = other.complaint_id in one.linked or one.complaint_id in other.linked
    return bool(other.stages) and (kept or same_matter(one, other))


def name_of(state: ComplaintState) -> str:
    """A complaint by its newest number, or by its id before it has one."""
    return next((each.number for each in reversed(state.stages) if each.number), None) or state.complaint_id


def _held(state: ComplaintState, held: Held, now: datetime, calendar: ClinicCalendar, rules: RuleSet) -> Listed:
    """One whose signature cannot be checked yet: it has no number, and its term runs."""
    due_at = _moment(held.due_at, calendar.zone)
    started_on = _date(held.started_at, calendar.zone)
    week = rules.complaint_term(held.stage).week
    today = local(now, calendar.zone).date()
    return Listed(
        complaint_id=state.complaint_id,
        stage=held.stage,
        status=state.status,
        overdue=due_at is not None and now > due_at,
        channel=state.channel,
        age=None if started_on is None else calendar.working_days_between(started_on, today, week),
        due_at=due_at,
        left=None if due_at is None else calendar.working_days_between(today, due_at.date(), week),
    )


def _moment(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return None if moment is None else moment.astimezone(zone)


def _date(moment: datetime | None, zone: ZoneInfo) -> date | None:
    return None if moment is None else local(moment, zone).date()


def summary(rows: Sequence[Listed]) -> str:
    """How many there are, open and overdue, and of how many matters: linked ones are one."""
    still = [each for each in rows if each.open]
    overdue = sum(each.overdue for each in rows)
    return f"complaints: {len(rows)}, about {counted(_matters(rows), 'matter')}; {len(still)} open, {overdue} overdue"


def _matters(rows: Sequence[Listed]) -> int:
    """Linked complaints are one matter."""
    names = {name: row.complaint_id for row in rows for name in (row.number, row.complaint_id) if name}
    parent = {row.complaint_id: row.complaint_id for row in rows}

    def root(one: str) -> str:
        while parent[one] != one:
            one = parent[one]
        return one

    for row in rows:
        for name in row.linked:
            if name in names:
                parent[root(names[name])] = root(row.complaint_id)
    return len({root(each) for each in parent})


def missed_line(missed: dict[str, int]) -> str:
    """The calls of the clinic whose answer did not come in time, by month, the newest first."""
    months = ", ".join(f"{month}: {count}" for month, count in sorted(missed.items(), reverse=True))
    return f"calls whose answer was not given in time (C4.1, C4.4): {months or 'none'}"


# ---------------------------------------------------------------- how it is printed


_TABLE: Sequence[tuple[Column, Callable[[Listed], str]]] = (
    (Column("number"), lambda row: row.number),
    (Column("stage", folds=2), lambda row: row.stage),
    (Column("status"), lambda row: f"{row.status}, overdue" if row.overdue else row.status),
    (
        Column("registered", folds=4),
        lambda row: _text(row.registered_on) or (f"{row.registers_at:%d.%m %H:%M}" if row.registers_at else ""),
    ),
    (Column("age", folds=3, right=True), lambda row: _text(row.age)),
    (Column("due", folds=1), lambda row: _text(row.due_on)),
    (Column("left", right=True), lambda row: _text(row.left)),
    (Column("executor", folds=5), lambda row: row.executor),
    (Column("linked", folds=7), lambda row: ", ".join(row.linked)),
    (Column("complaint", folds=6), lambda row: row.complaint_id),
)
_COLUMNS = tuple(column for column, _ in _TABLE)


def print_complaints(rows: Sequence[Listed]) -> None:
    """The list. On a terminal what does not fit into a line stands under it; elsewhere no line is broken."""
    print_table(
        _COLUMNS,
        [tuple(printable(cell(row) or "-") for _, cell in _TABLE) for row in rows],
        styles=["bold red" if row.overdue else "" if row.open else "dim" for row in rows],
    )


_CSV: Mapping[str, Callable[[Listed], str | int]] = {
    "number": lambda row: row.number,
    "stage": lambda row: row.stage,
    "status": lambda row: row.status,
    "overdue": lambda row: "yes" if row.overdue else "no",
    "registered_on": lambda row: _text(row.registered_on),
    "age_working_days": lambda row: "" if row.age is None else row.age,
    "answer_due_on": lambda row: _text(row.due_on),
    "days_left": lambda row: "" if row.left is None else row.left,
    "executor": lambda row: row.executor,
    "executor_position": lambda row: row.position,
    "channel": lambda row: row.channel,
    "complaint_id": lambda row: row.complaint_id,
    "request_id": lambda row: row.request_id,
    "linked": lambda row: " ".join(row.linked),
    "earlier_numbers": lambda row: " ".join(row.earlier),
}


def as_csv(rows: Sequence[Listed]) -> bytes:
    """The list as CSV, a row for each complaint."""
    return written(_CSV, ([cell(row) for cell in _CSV.values()] for row in rows))


def _text(value: date | int | None) -> str:
    return "" if value is None else str(value)
