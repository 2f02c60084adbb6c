"""From an event to the notification: whatever keeps an answer back, somebody hears within 7 of its 10 minutes.

promtool evaluates the shipped rules on what the services would show; the waits that it does not know (the gauge's
refresh, the scrape, the order of two groups of rules, Alertmanager's group wait) are added at their worst, from the
shipped configuration.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from homecall.contract.topics import SERVICES
from homecall.runtime.service import GAUGE_SECONDS
from tests.deploy.debian import program
from tests.infrastructure.stack import ROOT

DEPLOY = ROOT / "deploy"
RULES = [DEPLOY / "prometheus" / f"homecall.{name}.yml" for name in ("rules", "alerts")]
HEARD_CLINIC, HEARD_PORTAL = 7 * 60, 21 * 60
STEP = 15
ANSWERING = ("intake", "scheduler", "notifier", "desk")
"""The services without which a caller hears no answer."""
READY = {f'homecall_ready{{service="{name}",instance="{name}"}}' for name in SERVICES}
"""What shows that a service is there: in each case, unless it is what goes."""


def seconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([smhd])", text).groups()  # type: ignore[union-attr]  # of our own files
    return int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


def groups() -> Iterator[dict[str, Any]]:
    for path in RULES:
        yield from yaml.safe_load(path.read_text("utf-8"))["groups"]


def config(name: str) -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))  # type: ignore[no-any-return]  # a mapping, of ours


def scrape() -> int:
    """The longest interval of either set-up."""
    monitor = config("kubernetes/base/monitoring.yaml")
    endpoints = [seconds(each["interval"]) for each in monitor["spec"]["podMetricsEndpoints"]]
    return max(seconds(config("prometheus/prometheus.yml")["global"]["scrape_interval"]), *endpoints)


def group_wait(labels: dict[str, str]) -> int:
    """How long Alertmanager keeps the first notification of a page."""
    route = config("alertmanager/alertmanager.yml")["route"]
    (pager,) = (each for each in route["routes"] if each["matchers"] == [f'severity="{labels["severity"]}"'])
    return seconds(pager.get("group_wait", route["group_wait"]))


def test_no_rule_waits_for_an_interval_that_the_set_up_does_not_say() -> None:
    """Without an interval of its own a group has that of whoever runs Prometheus: 30 s, or a minute."""
    intervals = {each["name"]: each.get("interval") for each in groups()}
    for name in ("homecall-now", "homecall-statutory", "homecall-pipeline", "homecall-processes"):
        assert intervals[name] == f"{STEP}s"
    assert all(intervals.values())


def test_a_further_page_does_not_wait_for_the_group_of_another() -> None:
    """An alert that joins a group which was told waits for group_interval: so the group is by channel, too."""
    route = config("alertmanager/alertmanager.yml")["route"]
    assert {"namespace", "alertname", "service", "channel"} <= set(route["group_by"])
    (pager,) = (each for each in route["routes"] if each["matchers"] == ['severity="page"'])
    assert seconds(pager["group_interval"]) <= 60


Shown = Callable[[int], "float | None"]
"""What a series shows so many seconds after a request was made; None: nothing."""


def grows_from(start: int = 0) -> Shown:
    """A gauge of an age, as it was when it was last refreshed, in the sample of the last scrape, at the worst."""
    late = int(GAUGE_SECONDS) + scrape()
    return lambda now: float(max(0, now - late - start))


def until(end: int, value: float) -> Shown:
    return lambda now: value if now < end + scrape() else None


AGE = 'homecall_oldest_open_seconds{deadline="answer",channel="%s",instance="n"}'
NEAR = 'homecall_open_near_limit{deadline="answer",channel="%s",waits_for="%s",instance="n"}'
LAG = 'homecall_lag_seconds{service="%s",topic="homecall.requests.v1",partition="0",instance="i"}'


def waits(channel: str, what: str, half: int) -> dict[str, Shown]:
    old = grows_from()
    return {AGE % channel: old, NEAR % (channel, what): lambda now: float(half <= old(now) < 2 * half)}  # type: ignore[operator]  # a number


CASES: dict[str, tuple[dict[str, Shown], int]] = {
    "stuck at the scheduler": (waits("phone", "schedule", 300), HEARD_CLINIC),
    "no roster": (waits("desk", "place", 300), HEARD_CLINIC),
    "only its age is known": ({AGE % "phone": grows_from()}, HEARD_CLINIC),
    "portal, stuck": (waits("portal", "schedule", 900), HEARD_PORTAL),
    "portal, signature": (waits("portal", "decision", 900), HEARD_PORTAL),
    "portal, only its age is known": ({AGE % "portal": grows_from()}, HEARD_PORTAL),
    **{
        f"{name} is gone": ({f'homecall_ready{{service="{name}",instance="{name}"}}': until(0, 1)}, HEARD_CLINIC)
        for name in ANSWERING
    },
    **{
        f"{name} is not ready": (
            {f'homecall_ready{{service="{name}",instance="{name}"}}': lambda now: float(now < 15 + GAUGE_SECONDS)},
            HEARD_CLINIC,
        )
        for name in ANSWERING
    },
    **{f"{name} lags": ({LAG % name: grows_from()}, HEARD_CLINIC) for name in ANSWERING},
    "the desk does not send": ({'homecall_desk_oldest_unsent_seconds{instance="d"}': grows_from()}, HEARD_CLINIC),
    "a replica stands still": (
        {
            'homecall_last_commit_timestamp_seconds{service="intake",instance="i"}': lambda _: 0.0,
            'homecall_lag_records{service="intake",topic="t",partition="0",instance="i"}': lambda now: float(now >= 15),
        },
        HEARD_CLINIC,
    ),
    "the database is away": (
        {
            'homecall_retries_total{service="scheduler",instance="s"}': lambda now: float(
                max(0, now - scrape() - int(GAUGE_SECONDS)) // 10
            )
        },
        HEARD_CLINIC,
    ),
}


def case(series: dict[str, Shown], at: int) -> dict[str, Any]:
    """A promtool file: does a page fire so many seconds after the request?"""
    there: dict[str, Shown] = dict.fromkeys(READY, lambda _: 1.0)
    samples = {
        # A scrape that fails marks what it had shown as stale.
        name: " ".join("stale" if (value := shown(now)) is None else f"{value:g}" for now in range(0, at + STEP, STEP))
        for name, shown in (there | series).items()
    }
    return {
        "rule_files": [str(path) for path in RULES],
        "evaluation_interval": f"{STEP}s",
        "group_eval_order": [each["name"] for each in groups()],
        "tests": [
            {
                "interval": f"{STEP}s",
                "input_series": [{"series": name, "values": values} for name, values in samples.items()],
                "promql_expr_test": [
                    {
                        "expr": 'group(ALERTS{severity="page",alertstate="firing"})',
                        "eval_time": f"{at}s",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                ],
            }
        ],
    }


def fires(series: dict[str, Shown], at: int, directory: Path) -> subprocess.CompletedProcess[str]:
    path = directory / f"at-{at}.yml"
    path.write_text(yaml.safe_dump(case(series, at)), "utf-8")
    return subprocess.run(
        [program("promtool", "prometheus"), "test", "rules", str(path)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("series", "heard"), CASES.values(), ids=CASES.keys())
def test_an_operator_hears_in_time(series: dict[str, Shown], heard: int, tmp_path: Path) -> None:
    # Within promtool all groups turn at once; in Prometheus that of the alert may turn just before that of its record.
    latest = heard - group_wait({"severity": "page"}) - STEP
    done = fires(series, latest // STEP * STEP, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_answer_that_takes_as_long_as_most_wakes_nobody(tmp_path: Path) -> None:
    """Open for three minutes, and answered."""
    old = grows_from()
    series = {AGE % "phone": lambda now: old(now) if now < 180 else 0.0}
    for at in (180, 240, 405):
        assert fires(series, at, tmp_path).returncode != 0  # type: ignore[arg-type]  # a number
