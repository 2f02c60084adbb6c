"""A real Prometheus scrapes the services at work: every rule and every panel of every dashboard finds data.

Of an alert it is the expression without its thresholds that must find something: what it watches is there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from homecall.contract.topics import DESK, SERVICES
from homecall.demo.ports import free_port
from homecall.demo.shep.client_files import write_client_files
from homecall.demo.shep.gateway import Access, Gateway
from homecall.demo.shep.keys import Keys
from homecall.demo.shep.says import Says
from homecall.demo.shep.server import PATH, ShepServer
from homecall.gateways.signatures.dev_authority import DevAuthority
from tests.deploy.debian import program
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster, iin
from tests.infrastructure.stack import ROOT, until
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld
from tests.integration.test_metrics import A_COMPLAINT, CLINIC, FULL, TRAFFIC, last, of

DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULE_FILES = [DEPLOY / "prometheus" / "homecall.rules.yml", DEPLOY / "prometheus" / "homecall.alerts.yml"]
PATIENCE = 60
OF_OTHERS = re.compile(r"Homecall(Job|Kafka|Mongo|Volume|Certificate|RevocationList)|homecall:revocation_list:")
"""What these watch is of a cluster, of the stores' own exporters, or of files that this run has none of:
tests/deploy/test_alerts.py tries them."""
NAMESPACE = "compose"


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus, asked over its API."""

    url: str

    def get(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[Any]:
        """The samples that an expression gives now. Raises where it cannot be read."""
        return self.get("query", query=expression)["result"]  # type: ignore[no-any-return]


UNBELIEVED = 30, 31
"""Patients of whom the register of persons says something that is not signed."""


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The stand-in of the e-government gateway, and the settings by which it is asked."""
    gateway = Gateway(Keys(DevAuthority.new()))
    gateway.says = {iin(number): Says.UNSIGNED for number in UNBELIEVED}
    port = free_port()
    server = ShepServer(gateway, port=port)
    server.start()
    yield {
        "HOMECALL_IDENTITY": f"shep+http://127.0.0.1:{port}{PATH}",
        "HOMECALL_IDENTITY_SHEP_FILE": str(write_client_files(tmp_path_factory.mktemp("shep"), gateway.keys, Access())),
    }
    server.stop()


@pytest.fixture(scope="module")
def world(new_world: NewWorld, register: dict[str, str]) -> Iterator[World]:
    with new_world(extra={"HOMECALL_CLINIC_METRICS": "true", **register}) as world:
        world.publish("clinic.published", a_clinic(CLINIC), a_clinic(FULL))
        world.publish("roster.published", a_roster(CLINIC, MONDAY.date(), [a_doctor("doc")]))
        world.start(*SERVICES)
        yield world


@pytest.fixture(scope="module")
def prometheus(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Our own configuration, with the addresses of the running processes, scraped each second, rules every two."""
    binary = program("prometheus", "prometheus")
    directory = tmp_path_factory.mktemp("prometheus")
    port, reconcile_port = free_port(), free_port()
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "2s"}
    del config["alerting"]
    config["rule_files"] = [str(_every_two_seconds(path, directory)) for path in RULE_FILES]
    ports = {f"homecall-{process.name}": process.port for process in world.processes}
    ports["homecall-reconcile"] = reconcile_port
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
        del job["dns_sd_configs"]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    command = [binary, f"--config.file={directory / 'prometheus.yml'}", f"--storage.tsdb.path={directory / 'data'}"]
    reconcile = [sys.executable, "-m", "homecall.cli.main", "reconcile", "--every", "2", "--port", str(reconcile_port)]
    started: list[subprocess.Popen[bytes]] = []
    with (directory / "log").open("wb") as out:
        try:
            for each, env in (([*command, f"--web.listen-address=127.0.0.1:{port}"], None), (reconcile, world.env)):
                started.append(subprocess.Popen(each, stdout=out, stderr=out, env=env))
            server = Prometheus(f"http://127.0.0.1:{port}")
            up = until(lambda: _all_up(server, len(config["scrape_configs"])), PATIENCE)
            assert up, (directory / "log").read_text("utf-8")[-3000:]
            a_small_day(world, server)
            yield server
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(20)


def _every_two_seconds(path: Path, directory: Path) -> Path:
    rules = yaml.safe_load(path.read_text("utf-8"))
    for group in rules["groups"]:
        group["interval"] = "2s"
    copy = directory / path.name
    copy.write_text(yaml.safe_dump(rules), "utf-8")
    return copy


def _all_up(server: Prometheus, number: int) -> bool:
    try:
        # Two samples of each: what is counted from here on is an increase.
        return len(server.values("count_over_time(up[1m]) > 1 and up == 1")) == number
    except OSError:
        return False


def a_small_day(world: World, prometheus: Prometheus) -> None:
    """Calls by every channel, in time, late, refused, visited; one that waits; a complaint; a dead letter."""
    early, other = (a_request(CLINIC, number, MONDAY, "phone") for number in UNBELIEVED)
    world.publish("request.submitted", early)
    # Of what is counted for the first time no increase is seen.
    assert until(lambda: prometheus.values("homecall_identity_untrusted_total") != [], PATIENCE)
    world.publish("request.submitted", other, *TRAFFIC, a_request(FULL, 20, MONDAY, "portal"))
    accepted = [each for each in TRAFFIC if each["reasons"] != ["lonely"]]
    world.wait(lambda: all(last(world, each) == "scheduled" for each in accepted), "all scheduled")
    for each in accepted:
        world.publish("visit.reported", of(each, outcome="served", at=(MONDAY + timedelta(hours=2)).isoformat()))
    complaint_id = str(uuid.uuid4())
    for event_type, more in A_COMPLAINT.items():
        world.publish(event_type, {"complaint_id": complaint_id, "clinic_id": CLINIC} | more)
    # Nobody is signed in: the page is an answer all the same.
    (desk,) = (each for each in world.processes if each.name == DESK)
    assert desk.get("/board")[0] == 200
    world.send("homecall.requests.v1", b"no json", CLINIC, {})
    world.flush()
    world.settle()


# ---- What is asked


def without_thresholds(expression: str) -> str:
    """An alert's expression, cut down to what it watches: of now, nothing compared, and with what it leaves out."""
    bare = re.sub(r"(==|!=|>=|<=|>|<)\s*[0-9.]+", "", expression)
    bare = re.sub(r"(==|!=|>=|<=|>|<)\s*(?=[a-z])", "and ", bare)
    bare = re.sub(r"\babsent\(([^()]*)\)", r"\1", bare)
    return re.sub(r"\bunless\b", "and", bare.replace(" offset 1w", ""))


def test_thresholds_are_taken_off() -> None:
    assert without_thresholds('a{b=~"c"} > 14.4 and on () sum(d[30m] offset 1w) >= 2.5') == (
        'a{b=~"c"}  and on () sum(d[30m]) '
    )
    assert without_thresholds('absent(up{job="a"}) or absent(b)') == 'up{job="a"} or b'
    assert without_thresholds('a{b!="c"} > 1\nunless on () (d > 0 and e <= f:g)') == (
        'a{b!="c"} \nand on () (d  and e and f:g)'
    )


def _expressions() -> Iterator[tuple[str, str]]:
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                if OF_OTHERS.match(rule.get("record", rule.get("alert"))):
                    continue
                if "record" in rule:
                    yield f"{rule['record']} {rule.get('labels', '')}", rule["record"]
                else:
                    yield rule["alert"], without_thresholds(rule["expr"])
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                asked = target["expr"].replace("$__rate_interval", "1m").replace("$namespace", NAMESPACE)
                yield f"{path.stem}: {panel['title']} {target['refId']}", asked


def test_every_rule_and_every_panel_finds_data(prometheus: Prometheus) -> None:
    empty = dict(_expressions())
    assert len(empty) > 100

    def all_found() -> bool:
        for name, expression in list(empty.items()):
            if any(each["value"][1] != "NaN" for each in prometheus.values(expression)):
                del empty[name]
        return not empty

    until(all_found, PATIENCE)
    assert empty == {}


def test_the_rules_are_in_good_health_and_the_watchdog_barks(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []
    firing = {each["labels"]["alertname"] for each in prometheus.get("alerts")["alerts"] if each["state"] == "firing"}
    assert "HomecallWatchdog" in firing
    assert firing.isdisjoint({"HomecallServiceGone", "HomecallServiceNotReady", "HomecallNoProgress"})


def test_a_clinics_day_is_shown_where_it_is_asked_for(prometheus: Prometheus) -> None:
    def shown() -> dict[tuple[str, str], float]:
        found = prometheus.values("max by (clinic, state) (homecall_clinic_calls)")
        return {(each["metric"]["clinic"], each["metric"]["state"]): float(each["value"][1]) for each in found}

    assert until(lambda: shown() != {}, PATIENCE)
    assert {clinic for clinic, _ in shown()} <= {CLINIC, FULL}
    doctors = prometheus.values('sum(homecall_clinic_doctors{clinic="' + CLINIC + '"})')
    assert [each["value"][1] for each in doctors] == ["1"]


def test_a_dashboard_asks_the_provisioned_source_and_no_panel_covers_another() -> None:
    provisioned = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    uids = {each["uid"] for each in provisioned["datasources"]}
    assert len(DASHBOARDS) == 2
    for path in DASHBOARDS:
        board = json.loads(path.read_text("utf-8"))
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert place["x"] + place["w"] <= 24
            assert not cells & taken, f"{path.name}: {panel['title']} covers another panel"
            taken |= cells
            assert panel["type"] == "row" or panel["datasource"]["uid"] in uids
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        assert not re.search(r"full_name|iin|request_id|doctor_id", path.read_text("utf-8"))
