"""What the stand-in answers can be said in a file while it runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homecall.demo.shep.answers_file import AnswersFile
from homecall.demo.shep.gateway import Gateway
from homecall.demo.shep.says import Says
from tests.unit.demo.shep.messages import IIN, OTHER_IIN, keys, request


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.json"


def write(path: Path, text: str, moment: int) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(moment, moment))


def test_it_is_made_empty_and_read_again_when_it_changes(path: Path) -> None:
    says = AnswersFile(path)
    assert dict(says) == {}
    for moment, name in enumerate(Says, 1):
        write(path, f'{{"{IIN}": "{name}"}}', moment)
        assert says[IIN] == name


def test_what_is_there_is_kept(path: Path) -> None:
    write(path, f'{{"{IIN}": "dead"}}', 1)
    assert dict(AnswersFile(path)) == {IIN: Says.DEAD}


def test_a_name_that_is_none_is_an_error_that_is_seen(path: Path) -> None:
    write(path, f'{{"{IIN}": "not found"}}', 1)
    assert dict(AnswersFile(path)) == {IIN: Says.UNKNOWN_CODE}


@pytest.mark.parametrize("half", ["", "{", f'{{"{IIN}": "de'])
def test_while_it_is_written_what_it_said_before_holds(path: Path, half: str) -> None:
    says = AnswersFile(path)
    write(path, f'{{"{IIN}": "dead"}}', 1)
    assert says[IIN] is Says.DEAD
    write(path, half, 2)
    assert says[IIN] is Says.DEAD
    path.unlink()
    assert says[IIN] is Says.DEAD


def test_the_stand_in_answers_by_it(path: Path) -> None:
    gateway = Gateway(keys())
    gateway.says = AnswersFile(path)
    write(path, f'{{"{IIN}": "not_found"}}', 1)
    assert b"SCSE001" in gateway.take("SendMessage", request()).body
    assert b"SCSS001" in gateway.take("SendMessage", request(iin=OTHER_IIN)).body
