"""What stands in compose.yaml, held against the rest: nothing open to the world, limits, and the names others use."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from homecall.cli import alive
from homecall.contract.topics import SERVICES
from homecall.runtime.settings import PORTS, load_settings
from tests.containers.__main__ import STAND_INS
from tests.infrastructure.stack import ROOT, SOURCES

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
OURS = [name for name, each in COMPOSE["services"].items() if "HOMECALL_IMAGE" in each["image"]]


def test_the_health_check_knows_the_ports_of_the_services() -> None:
    assert sorted(alive.PORTS) == sorted(PORTS.values())


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_container_has_a_limit_a_restart_rule_and_an_image_that_can_be_chosen(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["mem_limit"]
    assert service["restart"] in {"unless-stopped", "on-failure"}
    assert re.fullmatch(r"\$\{[A-Z_]+_IMAGE:-[\w./-]+:[\w.-]+\}", service["image"])
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:"), "nothing is open to the world"


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_runs_with_no_more_rights_than_it_needs(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_starts_with_the_settings_that_it_is_given(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in [each for each in os.environ if each.startswith("HOMECALL_")]:
        monkeypatch.delenv(each)
    monkeypatch.chdir(tmp_path)  # no .env of ours
    for each, value in COMPOSE["services"][name]["environment"].items():
        if value is not None:
            monkeypatch.setenv(each, re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value))
    assert load_settings().kafka_bootstrap == "kafka:9092"


def test_who_runs_in_the_image_may_write_the_users_of_the_desk() -> None:
    """A volume is root's, unless it is mounted where the image has a directory of somebody else."""
    (mounted,) = (each.split(":")[1] for each in COMPOSE["services"]["desk"]["volumes"])
    users = COMPOSE["services"]["desk"]["environment"]["HOMECALL_DESK_USERS_FILE"]
    assert Path(users).parent == Path(mounted)
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    (user,) = re.findall(r"^USER (\S+)$", text, re.M)
    assert f"chown {user} {mounted}" in text[: text.index("USER ")]


def test_prometheus_looks_for_the_services_by_the_names_that_compose_gives_them() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    targets = {found["names"][0]: found["port"] for job in config["scrape_configs"] for found in job["dns_sd_configs"]}
    assert {name: targets[name] for name in SERVICES} == {name: PORTS[name] for name in SERVICES}
    assert targets.keys() <= COMPOSE["services"].keys()
    assert str(targets["reconcile"]) in COMPOSE["services"]["reconcile"]["command"]
    (alertmanager,) = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert alertmanager.split(":")[0] in COMPOSE["services"]


def test_topics_and_indexes_are_there_before_any_service() -> None:
    for name, command in (("topics", "topics create"), ("migrate", "migrate")):
        job = COMPOSE["services"][name]
        assert " ".join(job["command"]).startswith(command)
        assert job["restart"] == "on-failure", "where the other side is not there yet"
        for service in SERVICES:
            needed = COMPOSE["services"][service]["depends_on"]
            assert needed[name] == {"condition": "service_completed_successfully"}


def test_three_brokers_are_those_of_the_profile() -> None:
    lines = (DEPLOY / "three-brokers.env").read_text("utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    brokers = {name for name in COMPOSE["services"] if name.startswith("kafka")}
    assert {voter.split("@")[1].split(":")[0] for voter in settings["KAFKA_VOTERS"].split(",")} == brokers
    assert {each.split(":")[0] for each in settings["HOMECALL_KAFKA_BOOTSTRAP"].split(",")} == brokers
    in_profile = {
        name for name in brokers if COMPOSE["services"][name].get("profiles") == [settings["COMPOSE_PROFILES"]]
    }
    assert in_profile == brokers - {"kafka"}
    used = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text("utf-8")))
    assert settings.keys() - {"COMPOSE_PROFILES"} <= used


def test_the_image_is_nobodys_and_what_builds_stays_behind() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    assert [line.split()[0] for line in lines if line.startswith("FROM")] == ["FROM", "FROM"]
    last = lines[max(place for place, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER 10001:10001" in last
    assert any(line.startswith("HEALTHCHECK") and "homecall.cli.alive" in line for line in last)
    assert not any("pip install" in line or "apt-get" in line for line in last)


def test_the_address_of_the_runbooks_can_be_set(tmp_path: Path) -> None:
    """What Prometheus' container does before it starts, with its places here."""
    script = COMPOSE["services"]["prometheus"]["entrypoint"][-2].replace("$$", "$")
    script = script.replace("/tmp", str(tmp_path)).replace("/etc/prometheus", str(DEPLOY / "prometheus"))
    script = script.replace("exec prometheus", "echo")
    env = {**os.environ, "HOMECALL_RUNBOOKS": "https://wiki.example.kz/homecall?page=1"}
    done = subprocess.run(["sh", "-ec", script, "sh", "--given"], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "--given\n"
    groups = yaml.safe_load((tmp_path / "homecall.alerts.yml").read_text("utf-8"))["groups"]
    links = [rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]]
    assert {link.partition("#")[0] for link in links} == {env["HOMECALL_RUNBOOKS"]}
    assert (tmp_path / "prometheus.yml").is_file()


def test_everything_runs_on_one_version_of_kafka() -> None:
    jars = re.search(r"<version>(4[\d.]+)</version>", (SOURCES / "pom.xml").read_text("utf-8"))
    assert jars is not None
    cluster = yaml.safe_load_all((DEPLOY / "kubernetes" / "kafka" / "cluster.yaml").read_text("utf-8"))
    (kafka,) = (each["spec"]["kafka"] for each in cluster if each["kind"] == "Kafka")
    images = {each["image"] for name, each in COMPOSE["services"].items() if name.startswith("kafka")}
    assert images == {f"${{KAFKA_IMAGE:-apache/kafka:{jars[1]}}}"}
    assert kafka["version"] == jars[1]
    assert f'"apache/kafka:{jars[1]}"' in (SOURCES / "ways.py").read_text("utf-8")
    assert f"the same version, {jars[1]}" in (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert STAND_INS["KAFKA_IMAGE"].endswith(f":{jars[1]}")


def test_prometheus_keeps_the_days_that_the_budget_looks_back_to() -> None:
    rules = (DEPLOY / "prometheus" / "homecall.rules.yml").read_text("utf-8")
    longest = max(int(days) for days in re.findall(r"\[(\d+)d\]", rules))
    (kept,) = re.findall(r"retention\.time=(\d+)d", " ".join(COMPOSE["services"]["prometheus"]["command"]))
    assert int(kept) >= longest + 5
    for page in ("docs/operations.md", "deploy/kubernetes/base/monitoring.yaml"):
        assert f"retention: {kept}d" in (ROOT / page).read_text("utf-8"), page


def test_grafana_lets_nobody_in_without_a_password_that_stands_nowhere_here(tmp_path: Path) -> None:
    grafana = COMPOSE["services"]["grafana"]
    assert grafana["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-}"
    script = grafana["entrypoint"][-1].replace("$$", "$").replace("/var/lib/grafana", str(tmp_path))
    script = script.replace("exec /run.sh", "printenv GF_SECURITY_ADMIN_PASSWORD")

    def started(given: str) -> str:
        env = {"PATH": os.environ["PATH"], "GF_SECURITY_ADMIN_PASSWORD": given}
        return subprocess.run(["sh", "-ec", script], env=env, capture_output=True, text=True, check=True).stdout.strip()

    assert started("given-outside") == "given-outside"
    assert not list(tmp_path.iterdir())
    made = started("")
    assert len(made) > 20
    assert started("") == made, "kept over a restart"
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o077 == 0
