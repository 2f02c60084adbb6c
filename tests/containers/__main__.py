"""``make containers``: the image built, compose up, a request through it, and down; on stand-ins where it must be.

The first line says what it ran on and what was stood in for. Where no engine can be had it says so, and exits with 0.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from services.cli.embedded import free_port
from services.contract.topics import SERVICES
from tests.containers import standins
from tests.containers.engine import Engine, NoEngineError, an_engine
from tests.stack import ROOT, until

COMPOSE = ROOT / "deploy" / "compose.yaml"
EXAMPLES = ROOT / "docs" / "examples"
OURS = "homecall:containers"
# The examples' Monday, ten past nine.
CLOCK = "2026-11-23T09:10:00+05:00@1"
STOOD_IN_FOR = (
    "an engine of our own; no image can be pulled, so these are stood in for: Python, "
    "Kafka (its jars on Debian's Java), Prometheus and Alertmanager (Debian's packages), MongoDB (nx-27017, "
    "which is not MongoDB); Grafana is left out"
)
STARTED = time.monotonic()


def say(line: str) -> None:
    print(f"{time.monotonic() - STARTED:6.1f} s  {line}", flush=True)


def main() -> int:
    # What was started is stopped, also when somebody ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("containers: ended from outside"))
    try:
        with an_engine() as engine:
            version = engine.run("version", "--format", "{{.Server.Version}}").strip()
            on = f"containers on Docker {version}, "
            if engine.pulls:
                print(on + "with the official images", flush=True)
            else:
                print(on + STOOD_IN_FOR, flush=True)
            try_all(engine)
    except NoEngineError as error:
        print(f"containers: not tried: {error}", flush=True)
        return 0
    say("all passed, and nothing is left running")
    return 0


def try_all(engine: Engine) -> None:
    """Build, look at the image, bring all up, send a request through, take all down."""
    images = {"HOMECALL_IMAGE": OURS}
    build = ["build", "-q", "-f", str(ROOT / "deploy" / "Dockerfile"), "-t", OURS]
    if not engine.pulls:
        standins.python(engine, "standin/python:3.11")
        say("a Python image of Debian's packages")
        build += ["--network", "host", "--build-arg", "PYTHON_IMAGE=standin/python:3.11"]
    engine.run(*build, str(ROOT))
    say("the image is built")
    look_at_the_image(engine)
    say("it runs as nobody, on a read-only root, and has nothing to build or install with")
    if not engine.pulls:
        standins.kafka(engine, "standin/kafka:4")
        standins.mongo(engine, "standin/mongo:8", OURS)
        standins.prometheus(engine, "standin/prometheus:2")
        standins.alertmanager(engine, "standin/alertmanager:0")
        say("images for Kafka, MongoDB, Prometheus and Alertmanager")
        images |= {
            "KAFKA_IMAGE": "standin/kafka:4",
            "MONGO_IMAGE": "standin/mongo:8",
            "PROMETHEUS_IMAGE": "standin/prometheus:2",
            "ALERTMANAGER_IMAGE": "standin/alertmanager:0",
            "GRAFANA_IMAGE": "standin/none",
            # nx-27017 is no replica set.
            "HOMECALL_MONGO_URL": "mongodb://mongo:27017",
        }
    with composed(engine, images) as up:
        a_request_goes_through(up)


def look_at_the_image(engine: Engine) -> None:
    """What a cluster asks of an image before it lets it run."""
    run = [
        "run",
        "--rm",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--network",
        "none",
        "--entrypoint",
        "python3",
        OURS,
        "-c",
    ]
    code = (
        "import importlib.util, os, shutil, json; "
        "print(json.dumps({'uid': os.getuid(), 'tools': [t for t in ('pip', 'gcc', 'make', 'git') if shutil.which(t)], "
        "'pip': importlib.util.find_spec('pip') is not None, 'writes': os.access('/opt/homecall', os.W_OK)}))"
    )
    found = json.loads(engine.run(*run, code))
    assert found == {"uid": 10001, "tools": [], "pip": False, "writes": False}, found
    kept = json.loads(engine.run("image", "inspect", OURS))[0]["Config"]
    assert kept["User"] == "10001:10001"
    assert "services.cli.alive" in kept["Healthcheck"]["Test"]
    told = engine.run("run", "--rm", "--read-only", "--network", "none", OURS, "serve", "intake", check=False)
    assert "HOMECALL_KEYS_FILE" in told, told


class Up:
    """The project as compose runs it."""

    def __init__(self, engine: Engine, command: list[str], settings: dict[str, str]) -> None:
        self.engine = engine
        self._command = command
        self.settings = settings

    def compose(self, *command: str, check: bool = True) -> str:
        return self.engine.composed(*self._command, *command, check=check, more=self.settings)

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container; empty where there is none."""
        found = self.compose("ps", "-q", service, check=False).split()
        return json.loads(self.engine.run("inspect", found[0]))[0] if found else {}

    def homecall(self, *command: str) -> str:
        return self.compose("exec", "-T", "intake", "homecall", *command)

    def wait(self, condition: Callable[[], bool], what: str, patience: float = 60) -> None:
        if not until(condition, patience):
            raise AssertionError(
                f"not within {patience:.0f} s: {what}\n{self.compose('logs', '--tail', '20', check=False)[-6000:]}"
            )


@contextlib.contextmanager
def composed(engine: Engine, images: dict[str, str]) -> Iterator[Up]:
    """Compose up, with ports of its own; down with its volumes in the end."""
    settings = images | {
        "HOMECALL_CLOCK": CLOCK,
        "KAFKA_PORT": str(free_port()),
        "PROMETHEUS_PORT": str(free_port()),
        "ALERTMANAGER_PORT": str(free_port()),
        "GRAFANA_PORT": str(free_port()),
    }
    up = Up(engine, ["-p", f"homecall{uuid.uuid4().hex[:8]}", "-f", str(COMPOSE)], settings)
    wanted = ["kafka", "mongo", "topics", "migrate", *SERVICES, "reconcile", "prometheus", "alertmanager"]
    wanted += ["grafana"] if engine.pulls else []
    try:
        up.compose("up", "-d", "--no-build", *wanted)
        say("compose is up")
        yield up
    finally:
        up.compose("down", "-v", "--timeout", "15", check=False)
        say("compose is down, its volumes are gone")


def a_request_goes_through(up: Up) -> None:
    """Healthy, the topics made by the one-off job, a request answered, and Prometheus sees every service."""

    def state(service: str) -> dict[str, Any]:
        found: dict[str, Any] = up.container(service).get("State", {})
        return found

    up.wait(
        lambda: all(state(name).get("Health", {}).get("Status") == "healthy" for name in SERVICES),
        "all services healthy",
        90,
    )
    for one_off in ("topics", "migrate"):
        ended = state(one_off)
        assert (ended["Status"], ended["ExitCode"]) == ("exited", 0), ended
    print("           " + up.homecall("topics", "check").strip())
    assert "missing" not in up.homecall("migrate", "--check")
    say("four services are healthy")
    intake = up.container("intake")["HostConfig"]
    assert (intake["ReadonlyRootfs"], intake["Memory"], intake["RestartPolicy"]["Name"]) == (
        True,
        256 * 2**20,
        "unless-stopped",
    )
    for topic, name in (("clinics", "clinic"), ("rosters", "roster"), ("requests", "request")):
        up.compose(
            "exec",
            "-T",
            "intake",
            "sh",
            "-c",
            f"cat > /tmp/{name}.jsonl <<'END'\n{(EXAMPLES / f'{name}.jsonl').read_text('utf-8')}END\n",
        )
        up.homecall("publish", topic, f"/tmp/{name}.jsonl")
    said = up.homecall("watch", "status", "--from-beginning", "--count", "2", "--seconds", "30")
    statuses = [json.loads(line)["data"]["status"] for line in said.splitlines() if line.startswith("{")]
    assert statuses == ["registered", "scheduled"], said
    say("a request went in, and came out scheduled")
    prometheus = f"http://127.0.0.1:{up.settings['PROMETHEUS_PORT']}/api/v1/query?"

    def value(query: str) -> int:
        try:
            with urllib.request.urlopen(prometheus + urllib.parse.urlencode({"query": query}), timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return 0
        return int(found[0]["value"][1]) if found else 0

    up.wait(lambda: value("sum(homecall_ready)") == len(SERVICES), "Prometheus to see four services ready")
    up.wait(lambda: value('count(ALERTS{alertname="HomecallWatchdog"})') == 1, "the watchdog to bark")
    say("Prometheus sees all four, and its rules work")


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
