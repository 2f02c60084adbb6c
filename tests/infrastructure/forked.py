"""The ``homecall`` command in a process of its own, forked from one that has imported everything.

A service starts in a fifth of the time that way. Where the start itself or the memory in use is measured, or another
command runs, it is a fresh process: see `Process`.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from homecall.contract.topics import SERVICES

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    ["homecall.cli.main", "homecall.operations.serve", *(f"services.{name}.app" for name in SERVICES), __name__]
)


class Forked:
    """A running command, with what is used here of ``subprocess.Popen``.

    ``stdin`` is a file to read, ``stdout`` and ``stderr`` are files to be appended to.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        stdout: Path,
        stderr: Path,
        stdin: Path = Path(os.devnull),
    ) -> None:
        self._arguments = list(arguments)
        files = (str(stdin), str(stdout), str(stderr))
        self._process = _FORKING.Process(target=_run, args=(self._arguments, dict(env), files))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, below 0 for the signal that ended it; None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float) -> int:
        """The exit code; raises ``subprocess.TimeoutExpired`` after so many seconds."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._arguments, timeout)
        return code


def homecall(
    *arguments: str, env: Mapping[str, str], stdin: bytes = b"", timeout: float = 60
) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end. Raises ``subprocess.TimeoutExpired`` after so many seconds, and ends it."""
    with tempfile.TemporaryDirectory(prefix="homecall-command-") as directory:
        given, out, said = (Path(directory) / name for name in ("stdin", "stdout", "stderr"))
        given.write_bytes(stdin)
        running = Forked(arguments, env, out, said, given)
        try:
            code = running.wait(timeout)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
        return subprocess.CompletedProcess(arguments, code, out.read_bytes(), said.read_bytes())


def homecall_text(
    *arguments: str, env: Mapping[str, str], stdin: str = "", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """The same with text for bytes."""
    done = homecall(*arguments, env=env, stdin=stdin.encode(), timeout=timeout)
    return subprocess.CompletedProcess(arguments, done.returncode, done.stdout.decode(), done.stderr.decode())


def _run(arguments: list[str], env: dict[str, str], files: tuple[str, str, str]) -> None:
    os.setsid()
    flags = (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_APPEND] * 2)
    for descriptor, (path, flag) in enumerate(zip(files, flags, strict=True)):
        opened = os.open(path, flag, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    # The forking process has none, or another one.
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115  # open to the end
    os.environ.clear()
    os.environ.update(env)
    random.seed()  # two replicas do not wait for the same time
    sys.argv = ["homecall", *arguments]
    from homecall.cli.main import main

    main()
