"""A short, fixed-seed part of ``make faults``: a pass over the steps that matter most, and a defect to be caught."""

from __future__ import annotations

import pytest

from tests.faults.harness import kills
from tests.faults.harness.run import Options, Report, Scenario, carry_out, tell

SEED = 20261123


def run(name: str, scenario: Scenario, *, control: bool = False) -> Report:
    report = carry_out(name, scenario, Options(SEED), control=control)
    tell(report)
    if report.skipped:
        pytest.skip(report.skipped)
    return report


@pytest.mark.long
@pytest.mark.timeout(400)
def test_killed_around_the_store_and_the_acknowledgement_nothing_is_lost_or_doubled() -> None:
    report = run("kill-at-some-steps", kills.at_some_steps)
    assert report.findings == {}
    assert sum(report.kills.values()) >= 15


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_replica_that_overwrites_what_it_has_not_read_is_caught() -> None:
    report = run("no-compare-and-set", kills.no_compare_and_set, control=True)
    assert report.caught, f"the ledger saw nothing but {report.findings}"
