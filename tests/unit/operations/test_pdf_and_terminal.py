"""What a command prints on a terminal, and what it does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.operations.failure import Failure
from homecall.operations.terminal import no_pdf_for_a_terminal

COMMANDS = (
    ("journal", "samal-1", "2026-11-23"),
    ("routes", "samal-1", "2026-11-23"),
    ("complaint", "b7a6c5d4-e3f2-4a1b-8c9d-0e1f2a3b4c5d", "--document", "receipt"),
)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("output", [None, Path("register.pdf")])
@pytest.mark.parametrize("form", ["pdf", "html", "csv"])
def test_a_pdf_goes_to_a_file_or_a_pipe_and_to_no_terminal(
    form: str, output: Path | None, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    if form == "pdf" and output is None and terminal:
        with pytest.raises(Failure, match=r"write it to a file with -o FILE\.pdf"):
            no_pdf_for_a_terminal(form, output)
    else:
        no_pdf_for_a_terminal(form, output)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_each_command_that_writes_a_pdf_looks_first(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("journal", "routes", "complaint"):
        monkeypatch.setattr(f"homecall.operations.{module}.no_pdf_for_a_terminal", _refuse)
    done = CliRunner().invoke(app, words)
    assert str(done.exception) == "looked"


def _refuse(form: str, output: Path | None) -> None:
    assert (form, output) == ("pdf", None)
    raise Failure("looked")
