"""The project's own pages: the generated one is up to date, and what all of them name is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from homecall.cli.main import app
from homecall.cli.reference import DEATHS, REFUSALS, page
from homecall.contract.envelope import DeadReason
from homecall.contract.events import RefusalCode
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.operations.publish import message_of

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
EXAMPLES = sorted((DOCS / "examples").glob("*.jsonl"))

_ALL = """
C3 C4.1 C4.2 C4.3 C4.4 C4.5 C4.6 C5 C6.1 C6.2 C6.3 C7 C8.1 C8.2 C9.1 C9.2 C9.3
C10.1 C10.2 C10.3 C10.4 C10.5 C10.6 C10.7 C10.8 C11 C12 C13 C14 C15
R1 R2 R3 R4 R5 R6 R7 R8 R9 R9a R10 R11 R12 R13 R14 R15 R16 R17 R18 R19 R20 R21 R22 R23 R24 R25
"""
CLAUSES = _ALL.split()

_LINK = re.compile(r"\]\(([^)#\s]+)")
_TREE = re.compile(r"`((?:services|tests|docs|bench|deploy)/[^`\s]*?)(?:::(\w+))?`")
_FENCE = re.compile(r"^ *```(?:sh|console)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)

# Settings may stand in front of a command, and whatever reads its output behind it.
_COMMAND = re.compile(r"^ *(?:\$ )?(?:[A-Z_]+=\S+ )*homecall ([^|#\n]+)", re.MULTILINE)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ---------------------------------------------------------------- the reference


def test_the_reference_is_up_to_date() -> None:
    there = (DOCS / "reference.md").read_text("utf-8")
    assert there == page(), "run: python -m homecall.cli.reference > docs/reference.md"


def test_every_code_has_its_meaning_and_there_are_no_others() -> None:
    assert set(REFUSALS) == set(get_args(RefusalCode))
    assert set(DEATHS) == set(get_args(DeadReason))


# ---------------------------------------------------------------- what the pages name


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = [link for link in _LINK.findall(path.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_every_path_and_test_named_is_there(path: Path) -> None:
    gone = [
        f"{file}::{function}" if function else file
        for file, function in _TREE.findall(path.read_text("utf-8"))
        if not _is_there(file, function)
    ]
    assert gone == []


def _is_there(file: str, function: str) -> bool:
    found = list(ROOT.glob(file))
    return bool(found) and (not function or f"def {function}(" in found[0].read_text("utf-8"))


def _commands() -> Iterator[tuple[str, list[str]]]:
    """The words after ``homecall`` of each command line of the pages, with its page."""
    for path in PAGES:
        for block in _FENCE.findall(path.read_text("utf-8")):
            for line in _COMMAND.findall(block.replace("\\\n", " ")):
                yield _name(path), shlex.split(line)


def test_every_command_named_is_one() -> None:
    root = typer.main.get_command(app)
    commands = list(_commands())
    assert len(commands) > 15
    for where, words in commands:
        command: Any = root
        while hasattr(command, "commands"):
            assert words, f"{where}: homecall {command.name} needs a command"
            assert words[0] in command.commands, f"{where}: homecall has no {words[0]}"
            command, words = command.commands[words[0]], words[1:]
        known = {option for each in command.params for option in each.opts}
        unknown = [word for word in words if word.startswith("-") and word != "-" and word not in known]
        assert unknown == [], f"{where}: homecall {command.name} {unknown}"


@pytest.mark.parametrize("path", EXAMPLES, ids=_name)
def test_every_example_is_as_the_contract_has_it(path: Path) -> None:
    lines = path.read_bytes().splitlines()
    assert lines
    for line in lines:
        event_type = re.search(rb'"type": "([a-z.-]+)"', line)
        assert event_type is not None
        topic = TOPIC_OF_TYPE[event_type[1].decode()]
        # Raises where the line breaks the contract.
        message_of(topic, line, source="/docs", now="2026-11-23T09:00:00+05:00", as_is=False)


# ---------------------------------------------------------------- the standard, clause by clause


def _rows() -> dict[str, list[str]]:
    """The cells of each clause's row: what it asks, what keeps it, what tests it."""
    lines = (DOCS / "standard.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if re.match(r"\| [CR]\d", line)]
    rows = {row[0].strip(): row[1:] for row in cells}
    assert len(rows) == len(cells), "a clause has two rows"
    return rows


def test_every_clause_has_its_row() -> None:
    assert sorted(_rows()) == sorted(CLAUSES)
    assert [clause for clause, row in _rows().items() if len(row) != 3] == []


@pytest.mark.parametrize("clause", CLAUSES)
def test_what_is_said_to_test_a_clause_names_it_or_is_named(clause: str) -> None:
    """A row names tests that carry the clause's id, or single tests; or it says why there are none."""
    tests = _rows()[clause][2]
    if tests.startswith("none"):
        return
    in_text = rf"\b{re.escape(clause)}(?!\w|\.\d)"
    in_a_name = rf"(?<=_){clause.lower().replace('.', '_')}(?=_[a-z])"
    named = re.compile(f"{in_text}|{in_a_name}")
    cited = _TREE.findall(tests)
    assert cited, f"{clause}: names no test"
    assert any(function or named.search((ROOT / file).read_text("utf-8")) for file, function in cited)
