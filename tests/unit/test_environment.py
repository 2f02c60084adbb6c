"""Tests do not empty the topics of a broker that a shell names for other work: they ask, or refuse."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from tests.infrastructure import stack

EXPORTS = {
    "HOMECALL_KAFKA_BOOTSTRAP": "127.0.0.1:39092",
    "HOMECALL_MONGO_URL": "mongodb://homecall:secret@127.0.0.1:37017",
    "HOMECALL_SIGNATURES": "rsa",
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def exports(monkeypatch: pytest.MonkeyPatch) -> None:
    # setenv first, so that what is deleted below is there again after the test.
    for name in [*EXPORTS, "HOMECALL_TEST_USE_ENV", "HOMECALL_TEST_STACK"]:
        monkeypatch.setenv(name, EXPORTS.get(name, ""))
    for name in ("HOMECALL_TEST_USE_ENV", "HOMECALL_TEST_STACK"):
        monkeypatch.delenv(name)


def test_without_a_terminal_it_refuses_in_one_line_that_names_the_ways() -> None:
    with pytest.raises(SystemExit) as refused:
        stack.settle_environment()
    said = str(refused.value)
    for named in ("HOMECALL_KAFKA_BOOTSTRAP=127.0.0.1:39092", "HOMECALL_MONGO_URL=mongodb://…@127.0.0.1:37017"):
        assert named in said
    assert "HOMECALL_TEST_USE_ENV=1" in said
    assert "HOMECALL_TEST_USE_ENV=0" in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["HOMECALL_KAFKA_BOOTSTRAP", "HOMECALL_MONGO_URL"])
def test_one_of_the_two_is_enough(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SystemExit):
        stack.settle_environment()


@pytest.mark.parametrize(
    ("name", "value"), [("HOMECALL_TEST_USE_ENV", "1"), *(("HOMECALL_TEST_STACK", way) for way in stack.WAYS)]
)
def test_who_has_said_which_is_not_asked(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    stack.settle_environment()
    assert EXPORTS.items() <= os.environ.items()


def test_nothing_set_is_nothing_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EXPORTS:
        monkeypatch.delenv(name)
    stack.settle_environment()


def test_with_0_the_shells_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMECALL_TEST_USE_ENV", "0")
    stack.settle_environment()
    assert [name for name in EXPORTS if name in os.environ] == []


@pytest.mark.parametrize(
    ("typed", "kept"), [("y\n", True), ("yes\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_on_a_terminal_it_asks(typed: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", asked)
    stack.settle_environment()
    assert "Use them? [y/N]" in asked.getvalue()
    assert "secret" not in asked.getvalue()
    assert ("HOMECALL_MONGO_URL" in os.environ) is kept


def test_pytest_itself_ends_with_that_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/unit/operations/test_table.py", "-q"],
        cwd=stack.ROOT,
        env=os.environ | EXPORTS,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "set HOMECALL_TEST_USE_ENV=1 to run the tests there" in done.stdout + done.stderr
