"""Each of the desk's 14 points of behaviour has a test that names it: in its name, or in a docstring."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[2]
ROOMS = (TESTS / "browser", TESTS / "unit" / "desk")
_IN_NAME = re.compile(r"test_((?:\d+_)(?:and_\d+_)*)")
_IN_TEXT = re.compile(r"\(desk ([0-9, ]+)\)")


def named(path: Path) -> Iterator[tuple[int, str]]:
    """The points that a file's tests name, each with the test."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    whole = _numbers(ast.get_docstring(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        own = _numbers(ast.get_docstring(node)) | whole
        if found := _IN_NAME.match(node.name):
            own |= {int(number) for number in re.findall(r"\d+", found[1])}
        for point in own:
            yield point, f"{path.name}::{node.name}"


def _numbers(text: str | None) -> set[int]:
    return {int(number) for found in _IN_TEXT.findall(text or "") for number in re.findall(r"\d+", found)}


def test_each_point_has_a_test_that_names_it() -> None:
    found: dict[int, list[str]] = {}
    for room in ROOMS:
        for path in sorted(room.glob("test_*.py")):
            for point, test in named(path):
                found.setdefault(point, []).append(test)
    assert sorted(set(range(1, 15)) - found.keys()) == []
    assert sorted(found) == list(range(1, 15)), "and no point that there is not"
