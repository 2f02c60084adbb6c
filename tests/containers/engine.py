"""A container engine: the machine's own, else one of Debian's packages on a directory of ours."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.infrastructure.stack import until

# The engine; and what the stand-ins are made of.
PACKAGES = ("docker.io", "iptables", "iproute2", "docker-compose", "python3-venv", "openjdk-17-jre-headless")


class NoEngineError(Exception):
    """No container engine can be had, and why."""


@dataclass
class Engine:
    """Where the engine listens, and how compose is called. ``pulls`` is whether the official images are to be had."""

    host: str
    docker: str
    compose: tuple[str, ...]
    pulls: bool
    env: dict[str, str] = field(default_factory=dict)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment for the commands of docker and compose."""
        return {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0", **self.env, **(more or {})}

    def run(self, *command: str, check: bool = True, more: Mapping[str, str] | None = None) -> str:
        """The output of a docker command. Raises with what it said where it fails."""
        return self._output([self.docker, *command], check, more)

    def composed(self, *command: str, check: bool = True, more: Mapping[str, str] | None = None) -> str:
        """The output of a compose command. Raises ``TimeoutExpired`` for one that waits for ever, as for a job."""
        return self._output([*self.compose, *command], check, more, timeout=180)

    def _output(
        self, command: list[str], check: bool, more: Mapping[str, str] | None, timeout: float | None = None
    ) -> str:
        done = subprocess.run(
            command,
            env=self.environment(more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(command[:6])} …: exit {done.returncode}\n{done.stdout[-4000:]}")
        return done.stdout


@contextlib.contextmanager
def an_engine() -> Iterator[Engine]:
    """The machine's engine, or one of our own for as long as this lasts. Raises ``NoEngineError``."""
    docker = shutil.which("docker")
    if docker is not None:
        host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        found = Engine(host, docker, _compose(docker), pulls=True)
        if _answers(found):
            found.pulls = "busybox" in found.run("pull", "-q", "busybox:stable", check=False)
            yield found
            return
    _install()
    with tempfile.TemporaryDirectory(prefix="homecall-engine-", ignore_cleanup_errors=True) as directory:
        yield from _our_own(Path(directory))


def _answers(engine: Engine) -> bool:
    command = [engine.docker, "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(command, env=engine.environment(), capture_output=True, check=False).returncode == 0


def _compose(docker: str) -> tuple[str, ...]:
    plugin = subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    return (docker, "compose") if plugin else (shutil.which("docker-compose") or "docker-compose",)


def _install() -> None:
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        raise NoEngineError("no engine answers, and none can be installed without root and apt-get")
    missing = [name for name in PACKAGES if not _is_installed(name)]
    if not missing:
        return
    command = ["apt-get", "-q", "-y", "install", "--no-install-recommends", *missing]
    # Its own daemon is not to be started: this one listens where we say.
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    last = ""
    for attempt in (command, ["apt-get", "-q", "update"], command):
        done = subprocess.run(
            attempt, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode == 0 and attempt is command:
            return
        last = (done.stdout.strip().splitlines() or ["it says nothing"])[-1]
    raise NoEngineError(f"no engine answers, and apt-get install {' '.join(missing)} fails: {last}")


def _is_installed(package: str) -> bool:
    asked = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout == "installed"


def _our_own(directory: Path) -> Iterator[Engine]:
    host = f"unix://{directory / 'docker.sock'}"
    # Mapped ports bind 127.0.0.1 alone; without --ip they would bind every address. Its bridges are all that it adds to
    # this machine's network: containers that talk to one another alone need no rules of a firewall, and no forwarding.
    command = ["dockerd", "--host", host, "--ip", "127.0.0.1", "--iptables=false", "--ip-forward=false"]
    for option, name in (("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid")):
        command += [f"--{option}", str(directory / name)]
    log = directory / "log"
    there_before = _bridges()
    with log.open("wb") as out:
        daemon = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            docker = shutil.which("docker") or "docker"
            engine = Engine(host, docker, _compose(docker), pulls=False)
            if not until(lambda: daemon.poll() is not None or _answers(engine), 30) or daemon.poll() is not None:
                last = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
                raise NoEngineError(f"dockerd does not start here: {' '.join(last)}")
            yield engine
        finally:
            daemon.terminate()
            daemon.wait(60)
            # What it leaves behind: a mount in our directory, and its bridges.
            left = [["umount", str(directory / "exec" / "netns" / "default")]]
            left += [["ip", "link", "delete", name] for name in sorted(_bridges() - there_before)]
            for each in left:
                subprocess.run(each, capture_output=True, check=False)


def _bridges() -> set[str]:
    return {path.parent.name for path in Path("/sys/class/net").glob("*/bridge")}
