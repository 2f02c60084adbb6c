"""Rules and alerts: valid, tested on cases by promtool, and each with somewhere to read what to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from homecall.cli.reference import METRICS, _name
from tests.deploy.debian import program
from tests.infrastructure.stack import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES, ALERTS = PROMETHEUS / "homecall.rules.yml", PROMETHEUS / "homecall.alerts.yml"
BASE = "https://docs.homecall.example/runbooks.md"
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))


def rules(path: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
        yield from group["rules"]


def run(*command: str | Path) -> None:
    # Programs in Go that run for seconds: with more room they collect garbage less, for a fifth of their time.
    room = os.environ | {"GOGC": "400"}
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, check=False, env=room)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_and_the_configuration_are_valid() -> None:
    promtool = program("promtool", "prometheus")
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES, ALERTS)
    run(promtool, "check", "config", PROMETHEUS / "prometheus.yml")


def test_alertmanager_takes_its_configuration() -> None:
    amtool = program("amtool", "prometheus-alertmanager")
    run(amtool, "check-config", ROOT / "deploy" / "alertmanager" / "alertmanager.yml")


def _matches(matchers: list[str], labels: dict[str, str]) -> bool:
    for each in matchers:
        found = re.fullmatch(r'(\w+)(=~|=)"(.*)"', each)
        assert found is not None, each
        name, operator, text = found.groups()
        if re.fullmatch(text if operator == "=~" else re.escape(text), labels.get(name, "")) is None:
            return False
    return True


def mutes(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether an alert that fires keeps another from being told."""
    config = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text("utf-8"))
    return any(
        _matches(rule["source_matchers"], one)
        and _matches(rule["target_matchers"], other)
        and all(one.get(name) == other.get(name) for name in rule["equal"])
        for rule in config["inhibit_rules"]
    )


ANSWERS = {"alertname": "HomecallAnswersMissedFast", "severity": "page", "deadline": "answer", "channel": "phone"}
TRIAL = {"namespace": "homecall-trial"}
SLOWLY = {"alertname": "HomecallDeadlinesMissedSlowly", "severity": "ticket"}
MISSED = {"alertname": "HomecallAnswerMissed", "severity": "ticket"}
GONE = {"alertname": "HomecallServiceGone", "severity": "page", "service": "intake"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ANSWERS, SLOWLY | {"deadline": "answer", "channel": "phone"}, True),
        (ANSWERS, MISSED | {"deadline": "answer", "channel": "phone"}, True),
        (ANSWERS, SLOWLY | {"deadline": "visit", "channel": "phone"}, False),
        (ANSWERS, SLOWLY | {"deadline": "answer", "channel": "portal"}, False),
        (GONE, {"alertname": "HomecallLagging", "severity": "ticket", "service": "intake"}, True),
        (GONE, {"alertname": "HomecallLagging", "severity": "ticket", "service": "scheduler"}, False),
        (GONE, SLOWLY | {"deadline": "answer", "channel": "phone"}, False),
        (GONE | TRIAL, {"alertname": "HomecallLagging", "severity": "ticket", "service": "intake"}, False),
        (ANSWERS | TRIAL, MISSED | TRIAL | {"deadline": "answer", "channel": "phone"}, True),
        (ANSWERS | TRIAL, MISSED | {"deadline": "answer", "channel": "phone"}, False),
        (GONE, {"alertname": "HomecallLaggingFar", "severity": "page", "service": "intake"}, False),
    ],
)
def test_a_page_mutes_what_follows_from_it_and_nothing_else(
    one: dict[str, str], other: dict[str, str], expected: bool
) -> None:
    assert mutes(one, other) is expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_cases_fire_what_they_should_and_nothing_else(path: Path) -> None:
    run(program("promtool", "prometheus"), "test", "rules", path)


def test_every_alert_is_tried_by_a_case() -> None:
    cases = "".join(path.read_text("utf-8") for path in CASES)
    untried = [each["alert"] for each in rules(ALERTS) if f"{each['alert']}" not in cases]
    assert untried == []


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_alert_says_how_bad_it_is_and_where_to_read_on() -> None:
    page = (ROOT / "docs" / "runbooks.md").read_text("utf-8")
    sections = {
        _anchor(heading): text for heading, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    }
    for each in rules(ALERTS):
        assert each["labels"]["severity"] in {"page", "ticket", "none"}, each["alert"]
        assert each["annotations"]["summary"], each["alert"]
        where, _, anchor = each["annotations"]["runbook_url"].partition("#")
        assert where == BASE, "one base for all, that is set in one place"
        assert anchor in sections, f"{each['alert']}: docs/runbooks.md has no section {anchor}"
        mentioned = each["alert"] in sections[anchor] or each["alert"].removesuffix("Long") in sections[anchor]
        assert mentioned, f"{each['alert']} is not named in its section"
    named = set(re.findall(r"`(Homecall\w+)`", page))
    assert named <= {each["alert"] for each in rules(ALERTS)}


def test_every_alert_says_how_much_and_what_to_do_first() -> None:
    for each in rules(ALERTS):
        severity, notes = each["labels"]["severity"], each["annotations"]
        if severity != "none":
            assert re.search(r"\bFirst: \S", notes["description"]), each["alert"]
        if severity == "page":
            assert re.search(r"\d|\$value", notes["description"] + notes["summary"]), f"{each['alert']}: no number"


def test_every_rule_keeps_namespaces_apart() -> None:
    """A trial beside production adds to no sum of it, and hides nothing that is missing there."""
    for each in [*rules(RULES), *rules(ALERTS)]:
        name = each.get("alert", each.get("record"))
        for kind, labels in re.findall(r"\b(by|on|ignoring|without) \(([^()]*)\)", each["expr"]):
            assert kind in {"by", "on"}, name
            # Against a constant, the calendar, or what has no namespace at all.
            is_constant = labels in {"", "deadline", "deadline, channel", "year"} and kind == "on"
            assert "namespace" in labels.split(", ") or is_constant, f"{name}: {kind} ({labels})"
        for aggregation in re.findall(r"\b(?:sum|max|min|avg|count|group)\s*\(", each["expr"]):
            pytest.fail(f"{name}: {aggregation} … over all namespaces")
    for rule in yaml.safe_load((ROOT / "deploy/alertmanager/alertmanager.yml").read_text("utf-8"))["inhibit_rules"]:
        assert "namespace" in rule["equal"]


def test_every_panel_asks_for_one_namespace() -> None:
    for path in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")):
        board = json.loads(path.read_text("utf-8"))
        assert [each["name"] for each in board["templating"]["list"]] == ["namespace"]
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                for selector in re.findall(r"\b(?:homecall[_:][\w:]+|ALERTS)(\{[^}]*\})?", target["expr"]):
                    assert re.search(r'namespace=~?"\$namespace\|?"', selector), f"{path.stem}: {panel['title']}"


def test_every_metric_in_a_panel_is_one_of_ours() -> None:
    ours = {_name(each) for each in METRICS} | {"homecall_info"}
    recorded = {each["record"] for each in rules(RULES)}
    for path in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")):
        expressions = [
            re.sub(r'"[^"]*"', "", target["expr"])
            for panel in json.loads(path.read_text("utf-8"))["panels"]
            for target in panel.get("targets", ())
        ]
        used = {name for each in expressions for name in re.findall(r"\bhomecall_\w+", each)}
        assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in used} <= ours
        assert {name for each in expressions for name in re.findall(r"\bhomecall:[\w:]+", each)} <= recorded


def test_every_metric_in_a_rule_is_one_of_ours() -> None:
    ours = {_name(each) for each in METRICS}
    recorded = {each["record"] for each in rules(RULES)}
    for each in [*rules(RULES), *rules(ALERTS)]:
        expression = re.sub(r'"[^"]*"', "", each["expr"])
        used = set(re.findall(r"\bhomecall_\w+", expression))
        assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in used} <= ours
        assert set(re.findall(r"\bhomecall:[\w:]+", expression)) <= recorded
