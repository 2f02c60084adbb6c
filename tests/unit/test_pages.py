"""The pages that people write: the sections, files and functions that they name are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "clients").rglob("README.md")),
]

_LINK = re.compile(r"\]\(([^)\s]*)#([^)\s]+)\)")
_PATH = re.compile(r"`((?:homecall|clients)/[^`\s]*?)`")
_STEP = re.compile(r"^\| (\d+) \| .* \| `([\w/]+\.py)` \| `([\w.]+)` \|$", re.MULTILINE)
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """The anchors that a page's headings have, as GitHub makes them."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_section_leads_to_one(page: Path) -> None:
    links = [link for link in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))) if "://" not in link[0]]
    missing = [
        f"{file}#{anchor}" for file, anchor in links if anchor not in _anchors((page.parent / file) if file else page)
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_named_is_there(page: Path) -> None:
    named = _PATH.findall(_FENCE.sub("", page.read_text("utf-8")))
    assert [path for path in named if not list(ROOT.glob(path))] == []


def _defined(body: list[ast.stmt], name: str) -> bool:
    """Whether a class or function of this dotted name is defined in a body."""
    first, _, rest = name.partition(".")
    for each in body:
        if isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and each.name == first:
            return not rest or _defined(each.body, rest)
    return False


STEPS = _STEP.findall((ROOT / "docs" / "architecture.md").read_text("utf-8"))


def test_a_request_is_followed_in_ten_steps() -> None:
    assert [int(number) for number, _, _ in STEPS] == list(range(1, 11))


@pytest.mark.parametrize(("number", "file", "name"), STEPS)
def test_each_step_of_a_request_names_a_function_that_is_there(number: str, file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert _defined(tree.body, name), f"docs/architecture.md, step {number}: {file} defines no {name}"
