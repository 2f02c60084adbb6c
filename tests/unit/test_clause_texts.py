"""Every clause that a ruling may cite has a text in three languages."""

import re
from pathlib import Path

import pytest

from homecall.texts.clauses import CLAUSES, clause
from homecall.texts.language import Text

_ROOT = Path(__file__).parents[2]
_CLAUSE = re.compile(r'"(C\d+(?:\.\d+)?|R\d+[a-z]?)"')
_KAZAKH_LETTERS = frozenset("әғқңөұүһі")
_WITHOUT_KAZAKH_LETTERS: frozenset[str] = frozenset()
"""Clauses whose Kazakh text happens to have no letter of its own."""


def _cited() -> set[str]:
    """The clauses that code and rule data name."""
    files = [
        path for top in ("homecall", "services") for kind in ("*.py", "*.toml") for path in (_ROOT / top).rglob(kind)
    ]
    own = _ROOT / "homecall" / "texts" / "clauses.py"
    return {name for path in files if path != own for name in _CLAUSE.findall(path.read_text(encoding="utf-8"))}


def test_the_clauses_cited_are_found() -> None:
    assert {"C4.1", "C10.8", "R1", "R9a", "R24"} <= _cited()


def test_every_clause_cited_has_a_text() -> None:
    assert sorted(_cited() - CLAUSES.keys()) == []


@pytest.mark.parametrize("name", CLAUSES)
def test_a_text_is_whole_sentences_in_each_language(name: str) -> None:
    for language, line in clause(name).as_dict().items():
        assert line, language
        assert line == " ".join(line.split()), language
        assert line.endswith("."), language
        assert not line.endswith(".."), language


@pytest.mark.parametrize("name", sorted(CLAUSES.keys() - _WITHOUT_KAZAKH_LETTERS))
def test_a_kazakh_text_is_kazakh(name: str) -> None:
    assert _KAZAKH_LETTERS & set(clause(name).kk.lower())
    assert not _KAZAKH_LETTERS & set(clause(name).ru.lower())


@pytest.mark.parametrize("name", [name for name in CLAUSES if name.startswith("R")])
def test_a_reading_says_that_it_is_the_systems(name: str) -> None:
    text = clause(name)
    assert ("жүйе" in text.kk, "система" in text.ru, "the system" in text.en) == (True, True, True)


def test_an_unknown_clause_has_an_empty_text() -> None:
    assert clause("C99") == Text("", "", "")
