"""README's walk-through, and the commands of the other pages, run as a reader runs them: in one shell with its exports.

What the commands print is compared with the page: ids, times, dates and places of records may differ. One embedded
broker and database, and one process of the services, serve all of it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.demo.ports import free_port
from homecall.operations.failure import Failure
from tests.infrastructure import stack

README = stack.ROOT / "README.md"
PAGES = sorted((stack.ROOT / "docs").glob("*.md")) + sorted((stack.ROOT / "clients").glob("*/README.md"))
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_ALIKE = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?([+-]\d{2}:\d{2}|Z)", "TIME"),
    (r"\d{4}-\d{2}-\d{2}", "DATE"),
    (r"partition \d+, offset \d+", "PLACE"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"\S*/homecall-up-\w+", "DIRECTORY"),
    (r"holidays [\d.]+, decrees [0-9a-f]+", "CALENDAR"),
    (r"\b20\d\d-1\b", "NUMBER"),
)
ELSEWHERE = {
    "docker": "needs Docker: tests/deploy/test_compose.py and make containers try it",
    "homecall()": "the container's homecall: as docker",
    "kubectl": "needs a cluster",
    "kafka-consumer-groups.sh": "a tool of Kafka: tests/integration/test_reconcile.py does the same",
    "kafka-transactions.sh": "a tool of Kafka, with the reader's own addresses",
    "promtool": "needs Prometheus: tests/deploy/test_alerts.py",
    "kustomize": "needs kustomize: tests/deploy/test_kubernetes.py",
    "openssl": "makes a secret of random characters",
    "make": "minutes of both cores: that the target is there is tried here",
    "echo": "a password for homecall: the walk-through runs it",
    "pip": "installs",
    "mvn": "tests/integration/test_clients.py",
    "java": "tests/integration/test_clients.py",
    "curl": "the services' ports are others here",
    "export": "settings of servers that are not here",
    ".": "the shell of the test has it already",
}
"""What the test machine has not or another test tries, by the first word of the command."""
UNENDING = {
    "serve": "runs until it is ended: the walk-through has it",
    "up": "the same",
    "demo": "tests/integration/test_demo.py",
    "sms": "reads numbers from a file of the reader's",
    "recover": "needs services that are stopped, on Kafka: tests/integration/test_restore.py",
}
"""Commands of homecall that are not run, with the reason."""
OF_ANOTHER_DAY = {
    "complaints": "the walk-through compares it",
    "complaint": "a complaint of the page's own: tests/unit/operations/test_complaints.py",
    "migrate": "a database of an older release: tests/contract/test_migrate.py",
    "dead-letters": "a broken record of the page's own: tests/integration/test_commands.py",
    "explain": "a request of the page's own: tests/unit/operations/test_why_a_doctor_was_chosen.py",
}
"""Commands of homecall on the other pages whose output needs what is not in the test's stores, with the reason."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its kind and its lines."""

    kind: str
    text: str

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Each command and what the page says it prints: of ``console`` what stands below, of ``sh`` nothing."""
        if self.kind == "sh":
            return [(line, "") for line in self.text.replace("\\\n", " ").splitlines() if line and line[0] != "#"]
        found = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [(first, rest) for first, _, rest in (each.partition("\n") for each in found)]


def blocks(text: str) -> list[Block]:
    return [
        Block(kind, re.sub(f"^{indent}", "", body, flags=re.MULTILINE)) for indent, kind, body in _BLOCK.findall(text)
    ]


def alike(text: str) -> str:
    for pattern, word in _ALIKE:
        text = re.sub(pattern, word, text)
    return text.strip()


def shape(value: Any) -> Any:
    """A JSON value without its values."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value).__name__


def the_walk() -> list[Block]:
    text = README.read_text("utf-8")
    return blocks(text[text.index("## A clinic's first request") : text.index("## With Docker")])


@dataclass(frozen=True)
class Walk:
    """A reader's shell: its directory and its settings."""

    directory: Path
    env: dict[str, str]
    printed_by_up: str
    ready: str


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    directory = tmp_path_factory.mktemp("walk")
    (directory / "docs").symlink_to(stack.ROOT / "docs")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOMECALL_")}
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    with subprocess.Popen(["homecall", "up"], env=kept, stdout=subprocess.PIPE, text=True, cwd=directory) as up:
        try:
            assert up.stdout is not None
            printed = ""
            while "Ctrl-C" not in printed:
                line = up.stdout.readline()
                assert line, "it ended without its addresses"
                printed += line
            exports = [line.removeprefix("export ") for line in printed.splitlines() if line.startswith("export ")]
            env = kept | dict(each.split("=", 1) for line in exports for each in shlex.split(line))
            port = free_port()
            log = (directory / "serve.log").open("w")
            with (
                log,
                subprocess.Popen(
                    ["homecall", "serve", "all"], env=env | {"HOMECALL_HTTP_PORT": str(port)}, stdout=log, stderr=log
                ) as serving,
            ):
                try:
                    told: list[str] = []
                    stack.wait_until(lambda: _ready(port, told), "the services are ready", patience=90)
                    yield Walk(directory, env, printed, told[-1])
                finally:
                    serving.terminate()
        finally:
            up.terminate()


def _ready(port: int, told: list[str]) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            told.append(answer.read().decode())
            return True
    except OSError:
        return False


def test_the_walk_through_prints_what_the_page_says(walk: Walk) -> None:
    shown = the_walk()
    activate, up, serve, ready, *rest = shown
    assert activate.text == ". .venv/bin/activate\n"
    (started,) = up.commands
    assert started[0] == "homecall up"
    assert alike(walk.printed_by_up) == alike(started[1].replace("…/", "/"))
    assert serve.text == "homecall serve all\n"
    assert walk.ready.split() == ready.text.split()

    steps = [(place, *each) for place, block in enumerate(rest) for each in block.commands if block.kind != "python"]
    assert len(steps) > 10
    # Each in the shell that has the variables of those before it.
    script = "set -o pipefail\n" + "".join(
        f"{{ {command}\n}} >{number}.out 2>{number}.err </dev/null || echo {number} $?\n"
        for number, (_, command, _) in enumerate(steps)
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=walk.directory,
        env=walk.env | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", ""), "a step failed: its number and exit code"
    outputs = [(walk.directory / f"{number}.out").read_text("utf-8") for number in range(len(steps))]
    for (place, command, expected), output in zip(steps, outputs, strict=True):
        if rest[place].kind == "console":
            assert alike(output) == alike(expected), command
    answers = [output for (_, command, _), output in zip(steps, outputs, strict=True) if "watch status" in command]
    (example,) = (json.loads(block.text) for block in rest if block.kind == "json")
    last = json.loads("[" + re.sub(r"^\}\n\{", "},{", answers[0], flags=re.MULTILINE) + "]")[-1]
    assert shape(last) == shape(example)
    assert last["data"]["status"] == "scheduled"
    assert last["data"]["on_time"] is True
    assert '"outcome": "withdrawn"' in "".join(outputs)
    assert (walk.directory / "receipt.pdf").read_bytes().startswith(b"%PDF")


def test_every_block_is_shell_and_what_is_not_run_here_has_its_reason() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (stack.ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    unknown: list[str] = []
    for page in [README, *PAGES]:
        for block in blocks(page.read_text("utf-8")):
            if block.kind not in {"sh", "console"}:
                continue
            script = "\n".join(command for command, _ in block.commands)
            subprocess.run(["bash", "-n", "-c", script], check=True)
            for command, _ in block.commands:
                words = command.split()
                first = re.sub(r"^([A-Z_]+=).*", r"\1", words[0])
                if first == "make":
                    assert words[1].rstrip(";") in targets, f"{page.name}: make has no {words[1]}"
                elif first.endswith("=") and first not in ELSEWHERE:
                    assert "homecall" in command, f"{page.name}: {command}"
                elif first != "homecall":
                    unknown += [f"{page.name}: {command}"] if first not in ELSEWHERE else []
    assert unknown == []


def in_its_shell(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the settings that the walk-through's exports leave in its shell, and no others."""
    for name in [each for each in os.environ if each.startswith("HOMECALL_")]:
        monkeypatch.delenv(name)
    for name in [each for each in walk.env if each.startswith("HOMECALL_")]:
        monkeypatch.setenv(name, walk.env[name])


def test_the_commands_of_the_other_pages_print_what_the_pages_say(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each line on the page is a line of what the command prints, but for numbers, ids, times and folders."""
    in_its_shell(walk, monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers.txt").write_text("+7 700 000 00 11\n+7 700 000 00 12\n", "utf-8")
    run, compared = CliRunner(), set()

    def lines(text: str) -> list[str]:
        plain = alike(text.replace(f"{tmp_path}/", ""))
        # "1 key" on the page, "0 keys" here.
        return [re.sub(r"\d+ (\w+?)s?\b", r"N \1", line).rstrip() for line in plain.splitlines()]

    for page in PAGES:
        for block in blocks(page.read_text("utf-8")):
            for command, printed in block.commands if block.kind == "console" else ():
                words = shlex.split(re.split(r" [|<>#]", command)[0])
                if words[0] != "homecall" or words[1] in OF_ANOTHER_DAY or not printed.strip():
                    continue
                if words[1] == "keys" and words[2] == "reseal":
                    monkeypatch.setenv("HOMECALL_KEYS_FILE", str(tmp_path / "keys.json"))
                typed = Path("numbers.txt").read_text("utf-8") if "numbers.txt" in command else ""
                done = run.invoke(app, words[1:], input=typed)
                there = lines(done.output)
                missing = [line for line in lines(printed) if line and line not in there]
                assert missing == [], f"{page.name}: {command} prints {there}, {done.exception!r}"
                compared.add(tuple(words[1:3]))
    assert {("keys", "new"), ("keys", "use"), ("senders", "new"), ("sms", "stop"), ("keys", "reseal")} <= compared


def test_no_command_of_the_other_pages_ends_in_a_traceback(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the shell of the walk-through: each does its work or says in one line why it cannot."""
    monkeypatch.chdir(walk.directory)
    in_its_shell(walk, monkeypatch)
    (walk.directory / "keys").mkdir()
    run, tried = CliRunner(), set()
    for page in PAGES:
        for block in blocks(page.read_text("utf-8")):
            if block.kind not in {"sh", "console"}:
                continue
            for command, _ in block.commands:
                if not command.startswith("homecall "):
                    continue
                words = shlex.split(re.split(r" [|<>#]", command)[0])
                if words[1] in UNENDING or tuple(words) in tried or "--every" in words:
                    continue
                tried.add(tuple(words))
                # What others would keep in /etc and /backup is this directory's.
                arguments = [re.sub(r"^/(etc/homecall|backup)\b", str(walk.directory), word) for word in words[1:]]
                if arguments[0] == "watch":
                    arguments += ["--seconds", "0.2"]
                done = run.invoke(app, arguments, input="")
                where = f"{page.name}: {command}: {done.exception!r}"
                assert done.exception is None or isinstance(done.exception, Failure | SystemExit), where
                assert done.exit_code != 2 or isinstance(done.exception, Failure), f"{where}: {done.output}"
    assert len(tried) > 30
