"""Every scenario and every negative control, by the name that ``--scenario`` takes, in the order of a whole run."""

from __future__ import annotations

from tests.faults.harness import brokers, databases, desk, kills, members, poison, replays, soak, texts
from tests.faults.harness.run import Scenario

SCENARIOS: dict[str, Scenario] = {
    "kill-at-every-step": kills.at_every_step,
    "kill-at-random": kills.at_random,
    "zombie": kills.zombie,
    "broker-killed": brokers.killed,
    "commits-cut": brokers.commits_cut,
    "leader-killed": brokers.leader_killed,
    "two-of-three": brokers.two_of_three,
    "rolling-restart": brokers.rolling_restart,
    "brokers-away": brokers.all_away,
    "disk-full": brokers.disk_full,
    "database-killed": databases.killed,
    "database-paused": databases.paused,
    "database-slow": databases.slow,
    "database-cut": databases.cut,
    "desk": desk.at_work,
    "rebalances": members.rebalances,
    "poison": poison.garbage,
    "dead-letters-twice": poison.letters_twice,
    "day-again": poison.day_again,
    "replayed-records": replays.replayed_records,
    "stale-sms": texts.stale,
    "missed-timers": members.missed_timers,
    "clock-jumps": members.clock_jumps,
    "soak": soak.soak,
}
CONTROLS: dict[str, Scenario] = {
    "commit-before-store": kills.commit_before_store,
    "publish-not-awaited": kills.publish_not_awaited,
    "no-compare-and-set": kills.no_compare_and_set,
    "ids-of-the-moment": kills.ids_of_the_moment,
    "sms-without-last-check": texts.without_last_check,
    "desk-marks-first": desk.marks_first,
}
ALL: dict[str, tuple[Scenario, bool]] = {
    **{name: (scenario, False) for name, scenario in SCENARIOS.items()},
    **{name: (scenario, True) for name, scenario in CONTROLS.items()},
}
