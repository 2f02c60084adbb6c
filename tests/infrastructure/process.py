"""A service in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.infrastructure import stack
from tests.infrastructure.forked import Forked


class Process:
    """A service in a process of its own."""

    def __init__(
        self,
        name: str,
        env: Mapping[str, str],
        log: Path,
        port: int,
        command: Sequence[str] = ("homecall.cli.main",),
        failpoint: str = "",
        *,
        forked: bool = False,
    ) -> None:
        """``forked`` starts it faster, from a process that has imported everything; see `Forked`."""
        self.name = name
        self._command = command
        self.port = port
        self.log = log
        self._env = dict(env) | {"HOMECALL_HTTP_PORT": str(port)}
        self._failpoint = failpoint
        self._forked = forked and self._command == ("homecall.cli.main",)
        self._popen: subprocess.Popen[bytes] | Forked | None = None
        self._told_to_end = False
        self.started_at = 0.0

    def start(self) -> None:
        self.started_at = time.monotonic()
        self._told_to_end = False
        # Of the first start only: whoever starts it again wants it to go on.
        env = self._env | ({"HOMECALL_FAILPOINT": self._failpoint} if self._failpoint else {})
        self._failpoint = ""
        if self._forked:
            self._popen = Forked(("serve", self.name), env, self.log, self.log)
            return
        with self.log.open("ab") as out:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", *self._command, "serve", self.name],
                env=env,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended, below 0 for the signal that ended it; None while it runs."""
        return None if self._popen is None else self._popen.poll()

    def signal(self, number: int) -> None:
        self._told_to_end |= number == signal.SIGTERM
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait(10)

    def stop(self, patience: float = 12) -> int:
        """SIGTERM, and wait for an orderly end. The exit code."""
        assert self._popen is not None
        # Once only: a second one, when the interpreter itself is ending, finds no handler any more.
        if self.running and not self._told_to_end:
            self.signal(signal.SIGTERM)
        return self._popen.wait(patience)

    def get(self, path: str) -> tuple[int, str]:
        """A page of the service: status and text; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=3) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait_ready(self, patience: float = 60) -> float:
        """Wait for /readyz; the seconds since the process started, without those in which it waited for a core."""
        stack.wait_until(
            lambda: self.get("/readyz")[0] == 200 or not self.running, f"{self.name} to be ready", patience
        )
        assert self.running, f"{self.name} ended: {self.log.read_text()[-3000:]}"
        return time.monotonic() - self.started_at - self._waited_for_a_core()

    def _waited_for_a_core(self) -> float:
        """The seconds in which it, or a child that it waits for, could have run and others did; 0.0 if not known."""
        waited, family = 0, [self.pid]
        for pid in family:
            try:
                waited += int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1])
                family += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())
            except (OSError, IndexError):  # another system than Linux, or a child that has ended
                continue
        return waited / 1e9
