"""A running server, and what it can be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from homecall.demo.embedded import until


class Control(Protocol):
    """What a server that is ours can be told; `homecall.demo.embedded.Child` is one."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


@dataclass(frozen=True)
class Server:
    """A running Kafka or database.

    ``address`` is ``host:port`` of Kafka, or the URL of the database. ``keeps`` is whether its data outlive a restart.
    `kill`, `stop`, `start`, `restart`, `pause`, `resume` keep address and data; where that cannot be, the test skips.
    """

    address: str
    way: str
    control: Control | None
    keeps: bool = True

    def start(self) -> None:
        self._ours("start").start()

    def stop(self) -> None:
        self._ours("stop").stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self._ours("kill").kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Hold it still: connections stay open and nothing is answered. Always `resume` in the end."""
        self._ours("pause").pause()

    def resume(self) -> None:
        self._ours("resume").resume()

    def _ours(self, what: str) -> Control:
        if self.control is None:
            pytest.skip(f"the server at {self.address} is not ours to {what}")
        if not self.keeps and what in {"start", "stop", "kill"}:
            pytest.skip(f"{self.way} keeps nothing over a restart")
        return self.control


class Container:
    """A container as `Control`; it keeps its file system, and a port that was chosen by us, over a restart."""

    def __init__(self, container: Any, ready: Callable[[], bool]) -> None:
        self._container = container
        self._ready = ready

    def start(self) -> None:
        self._container.start()
        wait_until(self._ready, "the container is ready again", patience=120)

    def stop(self) -> None:
        self._container.stop(timeout=15)

    def kill(self) -> None:
        self._container.kill()

    def pause(self) -> None:
        self._container.pause()

    def resume(self) -> None:
        self._container.unpause()


def bind(container: Any, inner: int, port: int) -> None:
    # Not with_bind_ports: it knows no address, and would open the port on every one.
    container.ports[str(inner)] = ("127.0.0.1", port)


def wait_until(condition: Callable[[], bool], what: str, patience: float = 30.0) -> None:
    """Wait for a condition; fail the test by its name after ``patience`` seconds."""
    if not until(condition, patience):
        pytest.fail(f"not within {patience:.0f} s: {what}")
