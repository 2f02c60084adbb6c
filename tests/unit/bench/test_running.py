"""What is read of a service's metrics: how many batches and messages it had."""

from __future__ import annotations

import os

from bench.running import Counted, Running, counted

METRICS = """\
# TYPE homecall_step_seconds histogram
homecall_step_seconds_count{step="load"} 50.0
homecall_step_seconds_count{step="commit"} 41.0
homecall_events_total{result="handled",topic="homecall.clinics.v1",type="clinic.published"} 40.0
homecall_events_total{result="handled",topic="homecall.intake-events.v1",type="request.accepted"} 4000.0
homecall_events_total{result="repeated",topic="homecall.schedule-events.v1",type="visit.scheduled"} 12.0
homecall_events_created{result="handled",topic="homecall.intake-events.v1",type="request.accepted"} 1.79e+09
"""


def test_batches_are_commits_and_messages_all_records_but_clinics() -> None:
    assert counted(METRICS) == Counted(batches=41, messages=4012)
    assert counted(METRICS) - Counted(1, 12) == Counted(40, 4000)


def test_a_process_tells_its_processor_time_and_memory_and_a_loop_counts_nothing() -> None:
    ours = Running("this test", os.getpid(), stop=None)
    assert ours.cpu > 0
    assert ours.rss_mib > 10
    assert ours.counted() == Counted()
