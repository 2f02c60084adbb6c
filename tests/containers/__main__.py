"""``make containers``: the image built, testcontainers' fixtures, compose up, a request through it, and down.

``--three-brokers`` brings compose up once more with its profile of that name, and kills one. On stand-ins where no
image can be pulled; the first line says what it ran on and what was stood in for. Where no engine can be had it says
"not tried" and why, and exits with 77, as test programs do that were skipped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from homecall.contract.topics import SERVICES
from homecall.demo.ports import free_port
from tests.containers import standins
from tests.containers.engine import Engine, NoEngineError, an_engine
from tests.infrastructure.stack import ROOT, until

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
STAND_INS = {
    "KAFKA_IMAGE": "standin/kafka:4.3.1",
    "MONGO_IMAGE": "standin/mongo:8.0",
    "PROMETHEUS_IMAGE": "standin/prometheus:2",
    "ALERTMANAGER_IMAGE": "standin/alertmanager:0",
    "GRAFANA_IMAGE": "standin/none",
    # nx-27017 is no replica set.
    "HOMECALL_MONGO_URL": "mongodb://mongo:27017",
}
# The fixtures' own tests: a broker and a database that are used, emptied, killed and started again.
OF_FIXTURES = ("tests/integration/test_stacks.py", "-k", "chosen or killed or (stores_keep_to and not mongo_)")
NOT_TRIED = 77
STARTED = time.monotonic()
_SAYING = threading.Lock()


def say(line: str) -> None:
    with _SAYING:
        print(f"{time.monotonic() - STARTED:6.1f} s  {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make containers", description=__doc__)
    parser.add_argument("--three-brokers", action="store_true", help="compose's profile of three brokers as well")
    asked = parser.parse_args()
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
            try_all(engine, three_brokers=asked.three_brokers)
    except NoEngineError as error:
        print(f"containers: not tried: {error}", flush=True)
        return NOT_TRIED
    say("all passed, and nothing is left running")
    return 0


def try_all(engine: Engine, *, three_brokers: bool) -> None:
    """Build, look at the image, try the fixtures, bring all up, send a request through, take all down."""
    images: dict[str, str] = {"HOMECALL_IMAGE": OURS} | ({} if engine.pulls else STAND_INS)
    with ThreadPoolExecutor(1) as beside:  # packing files is for one core, building for the other
        others = beside.submit(lambda: None if engine.pulls else stand_in_for_servers(engine))
        build_ours(engine)
        look_at_the_image(engine)
        say("it runs as nobody, on a read-only root, and has nothing to build or install with")
        if not engine.pulls:
            standins.mongo(engine, images["MONGO_IMAGE"], OURS)
            say("an image for MongoDB")
        others.result()
        fixtures = beside.submit(try_the_fixtures, engine, images)
        with composed(engine, images) as up:
            a_request_goes_through(up)
        fixtures.result()
    if three_brokers:
        with composed(engine, images | profile_of_three()) as up:
            a_broker_may_be_killed(up)


def build_ours(engine: Engine) -> None:
    build = ["build", "-q", "-f", str(ROOT / "deploy" / "Dockerfile"), "-t", OURS]
    if not engine.pulls:
        wheels = standins.python(engine, "standin/python:3.11")
        say(f"a Python image of Debian's packages{', with the wheels of the lock file' if wheels else ''}")
        build += ["--network", "none" if wheels else "host", "--build-arg", "PYTHON_IMAGE=standin/python:3.11"]
    engine.run(*build, str(ROOT))
    say("the image is built")


def stand_in_for_servers(engine: Engine) -> None:
    standins.kafka(engine, STAND_INS["KAFKA_IMAGE"])
    standins.prometheus(engine, STAND_INS["PROMETHEUS_IMAGE"])
    standins.alertmanager(engine, STAND_INS["ALERTMANAGER_IMAGE"])
    say("images for Kafka, Prometheus and Alertmanager")


def try_the_fixtures(engine: Engine, images: Mapping[str, str]) -> None:
    """The tests' own Kafka and MongoDB by testcontainers, on the images that compose takes."""
    env = {name: value for name, value in engine.environment().items() if not name.startswith("HOMECALL_")}
    env["HOMECALL_TEST_STACK"] = "docker"
    if not engine.pulls:
        env |= {"HOMECALL_TEST_KAFKA_IMAGE": images["KAFKA_IMAGE"], "HOMECALL_TEST_MONGO_IMAGE": images["MONGO_IMAGE"]}
        # Ryuk, which cleans up after them, is an image too; the engine is gone in a moment with all that is in it.
        env |= {"TESTCONTAINERS_RYUK_DISABLED": "true", "TESTCONTAINERS_CONNECTION_MODE": "docker_host"}
        env["TESTCONTAINERS_HOST_OVERRIDE"] = "127.0.0.1"
    command = [sys.executable, "-m", "pytest", "-o", "addopts=-q", "-W", "ignore", "-p", "no:cacheprovider"]
    command += OF_FIXTURES
    done = subprocess.run(
        command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"testcontainers' fixtures: exit {done.returncode}\n{done.stdout[-6000:]}")
    say(f"testcontainers' fixtures: {done.stdout.strip().splitlines()[-1]}")


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
    assert "homecall.cli.alive" in kept["Healthcheck"]["Test"]
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

    def state(self, service: str) -> dict[str, Any]:
        """How a service's container is; empty where there is none."""
        found: dict[str, Any] = self.container(service).get("State", {})
        return found

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
    wanted += ["kafka-2", "kafka-3"] if "COMPOSE_PROFILES" in images else []
    try:
        try:
            up.compose("up", "-d", "--no-build", *wanted)
        except subprocess.TimeoutExpired:
            logs = up.compose("logs", "--tail", "20", check=False)[-6000:]
            raise RuntimeError(f"compose does not come up:\n{logs}") from None
        say("compose is up")
        yield up
    finally:
        up.compose("down", "-v", "--timeout", "15", check=False)
        say("compose is down, its volumes are gone")


def profile_of_three() -> dict[str, str]:
    """The settings of deploy/three-brokers.env, as compose's --env-file would take them."""
    lines = (ROOT / "deploy" / "three-brokers.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def comes_up(up: Up) -> None:
    """Healthy, and what is one-off was done before: topics made, databases brought up to date."""
    up.wait(
        lambda: all(up.state(name).get("Health", {}).get("Status") == "healthy" for name in SERVICES),
        "all services healthy",
        120,
    )
    for one_off in ("topics", "migrate"):
        ended = up.state(one_off)
        assert (ended["Status"], ended["ExitCode"]) == ("exited", 0), ended
    assert "missing" not in up.homecall("migrate", "--check")
    say(f"four services are healthy, {up.homecall('topics', 'check').strip()}")


def answered(up: Up, *examples: tuple[str, str], statuses: int) -> list[str]:
    """Publish examples (topic, file), and give what the topic of statuses says from its beginning."""
    for topic, name in examples:
        text = (EXAMPLES / f"{name}.jsonl").read_text("utf-8")
        up.compose("exec", "-T", "intake", "sh", "-c", f"cat > /tmp/{name}.jsonl <<'END'\n{text}END\n")
        up.homecall("publish", topic, f"/tmp/{name}.jsonl")
    said = up.homecall("watch", "status", "--from-beginning", "--count", str(statuses), "--seconds", "30")
    return [json.loads(line)["data"]["status"] for line in said.splitlines() if line.startswith("{")]


def a_broker_may_be_killed(up: Up) -> None:
    """Two of three brokers carry on: what was said is still there, and a withdrawal is heard."""
    comes_up(up)
    first = answered(up, ("clinics", "clinic"), ("rosters", "roster"), ("requests", "request"), statuses=2)
    assert first == ["registered", "scheduled"], first
    say("three brokers: a request went in, and came out scheduled")
    up.compose("kill", "kafka-2")
    then = answered(up, ("requests", "withdrawal"), statuses=3)
    assert then == ["registered", "scheduled", "withdrawn"], then
    say("with one of them killed: what was said is still there, and a withdrawal went through")


def a_request_goes_through(up: Up) -> None:
    """Healthy, the topics made by the one-off job, a request answered, and Prometheus sees every service."""
    comes_up(up)
    intake = up.container("intake")["HostConfig"]
    assert (intake["ReadonlyRootfs"], intake["Memory"], intake["RestartPolicy"]["Name"]) == (
        True,
        256 * 2**20,
        "unless-stopped",
    )
    statuses = answered(up, ("clinics", "clinic"), ("rosters", "roster"), ("requests", "request"), statuses=2)
    assert statuses == ["registered", "scheduled"], statuses
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
