"""Every code of the contract that the desk shows stands in words in three languages: none is shown as it is."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, get_args, get_origin
from zoneinfo import ZoneInfo

import pytest

from homecall.contract import events
from homecall.contract.events import MODELS, shared
from homecall.contract.topics import DESK, read_by
from homecall.standard.rules import load_rule_sets
from homecall.texts.documents import PageLanguage
from services.desk.domain import call as calls
from services.desk.domain import forms
from services.desk.domain.reader import WrongForm
from services.desk.domain.roles import User
from services.desk.web.calls import STEP_TABLES
from services.desk.web.complaints import STEPS
from services.desk.web.words import _TABLES, Words
from tests.factories import MONDAY

LANGUAGES: tuple[PageLanguage, ...] = ("kk", "ru", "en")
ROOT = Path(__file__).parents[3]
SHOWN: dict[str, str] = {
    "AssignmentRefusal": "assignment",
    "Basis": "basis",
    "Channel": "channel",
    "ChosenBy": "choice",
    "ComplaintStatus": "complaint status",
    "DeadlineName": "deadline",
    "MoveReason": "move",
    "Outcome": "outcome",
    "RefusalCode": "refusal",
    "RequestStatus": "status",
    "Specialty": "specialty",
    "AnswerBy": "field",
    "ComplaintStage": "field",
    "Language": "field",
}
"""By name of a set of codes: the table of words in which the desk looks them up."""
SMALL: tuple[Callable[..., object], ...] = (forms.withdrawn, forms.transferred, forms.reported, forms.assigned)
NOT_SHOWN = {"Weekday": "the desk writes dates"}


def sets_of_codes() -> dict[str, tuple[str, ...]]:
    """The contract's named sets of codes."""
    found = {name: value for module in (shared, events.deadlines) for name, value in vars(module).items()}
    return {name: get_args(value) for name, value in found.items() if get_origin(value) is Literal}


def test_each_set_of_codes_is_shown_in_words_or_not_shown() -> None:
    assert set(sets_of_codes()) == SHOWN.keys() | NOT_SHOWN.keys()


@pytest.mark.parametrize(("name", "table"), SHOWN.items())
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_code_of_the_contract_has_its_words(name: str, table: str, language: PageLanguage) -> None:
    codes = sets_of_codes()[name]
    assert codes
    for code in codes:
        assert code in _TABLES[table], f"{table}: {code}"
        words = Words(language).coded(table, code)
        assert words.strip()
        assert "_" not in words, f"{table} {code} in {language}"


def test_the_cause_of_a_visit_without_a_place_is_among_the_reasons() -> None:
    causes = get_args(MODELS["visit.unplaced"].model_fields["cause"].annotation)
    assert set(causes) <= set(get_args(events.MoveReason))


def test_each_reason_by_which_the_scheduler_moves_a_visit_is_in_the_contract() -> None:
    """``reason`` is open on the wire: here are all that our scheduler says."""
    said = {code for path in (ROOT / "services" / "scheduler").rglob("*.py") for code in _reasons(path)}
    assert said >= {"doctor_unavailable", "roster_changed", "room", "no_capacity", "assigned", "less_travel"}
    assert said <= set(get_args(events.MoveReason))


def _reasons(path: Path) -> set[str]:
    """Texts that stand where a reason is expected: of ``mark_dirty``, ``Mark`` and ``told``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given: list[ast.expr] = []
        if name in ("mark_dirty", "Mark"):
            given = node.args[1:2]
        elif name == "told":
            given = [each.value for each in node.keywords if each.arg == "reason"]
        found |= {str(each.value) for each in given if isinstance(each, ast.Constant)}
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_event_that_stands_in_a_history_has_its_words(language: PageLanguage) -> None:
    heard = {name for topic in read_by(DESK) for name in topic.types if name.startswith(("request.", "visit."))}
    heard -= {"request.submitted"}
    for name in heard | {"status.changed", "journal.entry", "answer.given", "deadline.missed", "deadline.approaching"}:
        assert name in _TABLES["step"], name
        assert Words(language).coded("step", name) != name


def test_the_code_of_a_step_is_looked_up_where_its_words_are() -> None:
    """What ``_step`` takes from an event as its detail is a code for these types, and a text for no other."""
    source = inspect.getsource(calls._step)
    codes = {"event.status", "event.code", "event.cause", "event.outcome", "event.deadline"}
    assert all(code in source for code in codes)
    for name, table in STEP_TABLES.items():
        assert table in _TABLES, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_reason_for_a_call_has_its_words(language: PageLanguage) -> None:
    rules = load_rule_sets().on(MONDAY.date())
    for code in (*rules.red_flags.codes, *rules.reasons.codes):
        assert code in _TABLES["reason"], code
        assert "_" not in Words(language).coded("reason", code)


class Odd(dict[str, list[str]]):
    """A form in which each field that is asked for says what none can say."""

    def get(self, name: str, default: object = ()) -> list[str]:  # type: ignore[override]  # never the default
        del name, default
        return ["?"]


@pytest.mark.parametrize("form", [{}, Odd()], ids=["empty", "odd"])
def test_each_field_that_a_form_may_name_has_its_words(form: dict[str, list[str]]) -> None:
    user, zone = User("gulnar", "Ахметова Гүлнар", "registrar", "samal-1"), ZoneInfo("Asia/Almaty")
    reads: list[Callable[[], object]] = [
        lambda: forms.submitted(form, user, MONDAY, zone),
        lambda: forms.complaint(form, user, MONDAY, zone, "x"),
        *(partial(step, "x", form, user, MONDAY, zone) for step in SMALL),
        *(partial(forms.complaint_step, step, "x", form, (user, "x"), MONDAY, zone) for step in STEPS.values()),
    ]
    for read in reads:
        with pytest.raises(WrongForm) as error:
            read()
        for name in error.value.fields:
            assert name in _TABLES["field"], name
            assert "_" not in Words("ru").fields({name: "missing"})
