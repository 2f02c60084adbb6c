"""A new kind of deadline is added in three places: the contract's names, the law's table, the words at the desk."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import homecall
import services
from homecall.contract.events import DeadlineApproaching, DeadlineMissed, DeadlineName
from homecall.contract.events.deadlines import DEADLINE_MEANINGS
from homecall.standard.deadlines import KINDS
from homecall.texts.desk import DEADLINES

NAMES = frozenset(get_args(DeadlineName))
PLACES = {"homecall/contract/events/deadlines.py", "homecall/standard/deadlines.py", "homecall/texts/desk.py"}


def test_the_three_places_know_the_same_kinds() -> None:
    assert set(KINDS) == set(DEADLINE_MEANINGS) == set(DEADLINES) == NAMES


def test_no_other_place_lists_the_kinds() -> None:
    found = {
        f"{path}:{line}"
        for root in (homecall, services)
        for folder in root.__path__
        for file in sorted(Path(folder).rglob("*.py"))
        if (path := str(file.relative_to(Path(folder).parent))) not in PLACES
        for line in _lists_of_kinds(file.read_text(encoding="utf-8"))
    }
    assert not found


def test_the_events_of_a_deadline_are_built_in_one_place() -> None:
    models = {DeadlineApproaching.__name__, DeadlineMissed.__name__}
    built = {
        str(file.relative_to(Path(folder).parent))
        for root in (homecall, services)
        for folder in root.__path__
        for file in sorted(Path(folder).rglob("*.py"))
        if _builds(file.read_text(encoding="utf-8"), models)
    }
    assert built == {"homecall/standard/deadlines.py"}


@pytest.mark.parametrize(
    "code",
    [
        'CLAUSES = {"queue": "C4.2", "visit": "R13"}',
        'WATCHED = ("answer", "service")',
        'Name = Literal["queue", "service"]',
        'match name:\n    case "queue":\n        pass\n    case "visit":\n        pass',
        'match name:\n    case "queue" | "visit":\n        pass',
        'if name == "queue":\n    pass\nelif name == "visit":\n    pass',
    ],
)
def test_another_place_would_be_found(code: str) -> None:
    assert list(_lists_of_kinds(code))


def _lists_of_kinds(code: str) -> Iterator[int]:
    """The lines with a collection, ``Literal``, ``match`` or chain of ``if`` of two names of kinds and no other."""
    if sum(name in code for name in NAMES) < 2:
        return  # which is quicker than to parse it
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Dict(keys=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                words = _words(part for part in parts if part is not None)
            case ast.Match(cases=cases):
                words = _words(value for case in cases for value in _values(case.pattern))
            case ast.If():
                words = _words(_compared(node))
            case _:
                continue
        if len(words) > 1 and words <= NAMES:
            yield node.lineno


def _words(nodes: Iterator[ast.expr]) -> set[str]:
    return {str(node.value) if isinstance(node, ast.Constant) else "" for node in nodes}


def _values(pattern: ast.pattern) -> Iterator[ast.expr]:
    match pattern:
        case ast.MatchValue(value=value):
            yield value
        case ast.MatchOr(patterns=patterns):
            for each in patterns:
                yield from _values(each)


def _compared(node: ast.If) -> Iterator[ast.expr]:
    """What a chain of ``if … == …`` compares with."""
    if isinstance(node.test, ast.Compare):
        yield from node.test.comparators
    for following in node.orelse:
        if isinstance(following, ast.If):
            yield from _compared(following)


def _builds(code: str, models: set[str]) -> bool:
    """Whether it calls one of these models, or reads one from plain values, or keeps one to do so."""
    if not any(each in code for each in models):
        return False  # which is quicker than to parse it
    tree = ast.parse(code)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {func.id for func in called if isinstance(func, ast.Name)}
    names |= {func.value.id for func in called if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)}
    chosen = {
        each.id
        for node in ast.walk(tree)
        if isinstance(node, ast.IfExp)
        for each in (node.body, node.orelse)
        if isinstance(each, ast.Name)
    }
    return bool((names | chosen) & models)
