"""Every line that a service warns with or reports as an error stands in the operators' table, docs/operations.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "operations.md"

_HEAD = "| `event` | level | what to do |"
_LEVELS = {"info": "info", "warning": "warning", "error": "error", "exception": "error", "critical": "critical"}
_LOUD = {"warning", "error", "critical"}


def _logged(source: str, file: str) -> Iterator[tuple[str, str, str]]:
    """Each line of a log that the code writes: (event, level, where). Raises where a loud one is no literal."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        level = _LEVELS.get(call.func.attr)
        if level is None or not _is_log(call.func.value):
            continue
        where = f"{file}:{call.lineno}"
        event = call.args[0] if call.args else None
        if isinstance(event, ast.Constant) and isinstance(event.value, str):
            yield event.value, level, where
        else:
            assert level not in _LOUD, f"{where}: its event is no literal, so that no table can name it"


def _is_log(receiver: ast.expr) -> bool:
    """``log(…)``, ``log`` or ``self._log``, however it is reached."""
    if isinstance(receiver, ast.Call):
        receiver = receiver.func
    name = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
    return name.strip("_") in {"log", "logger"}


@cache
def _of_services() -> list[tuple[str, str, str]]:
    files = sorted([*(ROOT / "homecall").rglob("*.py"), *(ROOT / "services").rglob("*.py")])
    return [line for path in files for line in _logged(path.read_text("utf-8"), path.relative_to(ROOT).as_posix())]


def _table() -> Mapping[str, str]:
    """What the table names: each event, and the cell with its level."""
    _, _, rest = TABLE.read_text("utf-8").partition(_HEAD)
    rows = [line.strip("|").split(" | ") for line in rest.split("\n\n")[0].splitlines()[2:]]
    return {event: row[1] for row in rows for event in re.findall(r"`([^`]+)`", row[0])}


def test_every_warning_and_error_of_a_service_stands_in_the_table() -> None:
    table = _table()
    loud = [line for line in _of_services() if line[1] in _LOUD]
    assert len(loud) > 25, "the lines of the services are not found any more"
    missing = [f"{where}: {event}" for event, _, where in loud if event not in table]
    assert missing == [], "say in docs/operations.md what each of these means, and what to do"


def test_the_table_says_the_level_at_which_a_line_is_written() -> None:
    table = _table()
    wrong = [
        f"{where}: {event} is {level}" for event, level, where in _of_services() if level not in table.get(event, level)
    ]
    assert wrong == []


def test_the_table_names_no_line_that_nobody_writes() -> None:
    assert sorted(set(_table()) - {event for event, _, _ in _of_services()}) == []


def test_a_line_is_found_however_the_log_is_reached() -> None:
    source = """
log("x").error("one", why=1)
self._log.warning("two", exc_info=error)
log(topics.INTAKE).warning(
    "three, "
    "in two pieces"
)
runtime.logs.log("x").exception("four")
response.error("of somebody else")
"""
    assert [(event, level) for event, level, _ in _logged(source, "some.py")] == [
        ("one", "error"),
        ("two", "warning"),
        ("three, in two pieces", "warning"),
        ("four", "error"),
    ]
