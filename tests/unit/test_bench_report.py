"""What a benchmark's raw figures come to: the line of JSON that ``make bench`` ends with, and the table."""

from __future__ import annotations

from typing import Any

from bench import report, scale_report


def _drained(per_second: float, cpu_ms: float, *names: str) -> dict[str, Any]:
    return {
        "per_second": per_second,
        "cpu_ms": cpu_ms,
        "rss_mib": dict.fromkeys(names, 100.4 + cpu_ms),
        "startup_s": dict.fromkeys(names, 1.0),
    }


CHAIN = ("intake", "scheduler", "notifier")
RAW: dict[str, Any] = {
    "hop": [[_drained(1000, 0.1), _drained(ours, 0.4, "intake")] for ours in (500, 900, 800)],
    "chain": [[_drained(1000, 0.4), _drained(700, cpu, *CHAIN)] for cpu in (2.0, 1.0)],
    "usual": [[50, 2500]],
    "latency": [[[float(ms) for ms in range(1, 101)], [2.0 * ms for ms in range(1, 101)]]],
    "latency_busy": [[[0.4, 9.0], [0.9, 20.0]], [[0.5, 9.0], [0.8, 21.0]], [[0.5, 9.2], [0.97, 22.0]]],
    "growth": [[1_000, [900.0, 1000.0, 1100.0]], [100_000, [950.0]]],
    "startup_s": {"intake": [2.0, 1.0, 1.5], "complaints": [1.2]},
    "idle_rss_mib": {"intake": 80.0, "complaints": 85.2},
    "desk": [
        {
            "layout": "one clinic",
            "expected": 1000,
            "heard": 999,
            "delivered": [float(ms) for ms in range(100)],
            "pages": {"/board": [20.0, 40.0], "/calls/new": [3.0]},
            "rss_mib": 120.4,
            "share": 0.756,
            "size": {"browsers": 1500, "calls": 1500, "per_second": 50, "seconds": 30},
        }
    ],
}


def test_the_line_of_json_has_medians_and_the_names_that_were_asked_for() -> None:
    told = report.figures(RAW)
    assert {name: value for name, value in told.items() if name not in scale_report.figures({})} == {
        "hop_ratio": 0.8,
        "chain_ratio": 0.7,
        "hop_numbers_ratio": None,
        "chain_numbers_ratio": None,
        "usual_way_ratio": 50.0,
        "latency_p50_ratio": 2.0,
        "latency_p99_ratio": 2.0,
        "growth_ratio": 0.95,
        "cpu_ms_per_request": 1.5,
        "rss_mib": {"intake": 102, "complaints": 85, "scheduler": 102, "notifier": 102},
        "startup_s": {"intake": 1.5, "complaints": 1.2},
        "desk": [
            {
                "layout": "one clinic",
                "heard": 999,
                "expected": 1000,
                "delivery_p50_ms": 50,
                "delivery_p99_ms": 99,
                "pages": {
                    "p50_ms": {"/board": 40.0, "/calls/new": 3.0},
                    "p95_ms": {"/board": 40.0, "/calls/new": 3.0},
                },
                "rss_mib": 120,
                "core": 0.76,
            }
        ],
    }


def test_a_part_that_was_not_run_is_null_and_said_to_be_missing() -> None:
    assert report.figures({})["hop_ratio"] is None
    assert any("not measured" in line for line in report.table({}))


def test_the_table_holds_the_peak_against_what_a_core_carries() -> None:
    (line,) = [each for each in report.table(RAW) if "all three services" in each]
    assert "1.50 (1.00 to 2.00) ms: a core carries 667/s" in line
    assert "16.7/s, takes 2.5% of a core" in line


def test_the_table_says_how_busy_the_machine_was() -> None:
    (line,) = [each for each in report.table(RAW) if "busy" in each]
    assert "90% (80% to 97%) and 50% (40% to 50%); their own: 21.0 (20.0 to 22.0) and 9.0 (9.0 to 9.2) ms" in line
    assert not any("busy" in each for each in report.table({}))


def test_a_percentile_is_one_of_the_values() -> None:
    assert [report.percentile([3.0, 1.0, 2.0], percent) for percent in (0, 50, 99, 100)] == [1.0, 2.0, 3.0, 3.0]


def test_the_table_holds_the_desk_against_its_limits() -> None:
    (line,) = [each for each in report.table(RAW) if "desk" in each]
    assert "1,500 browsers and 50 events/s: one clinic | delivery p50 50, p99 99 ms (999 of 1,000)" in line
    assert "/board 40 and 40; /calls/new 3 and 3 ms; 120 MiB; 76% of a core" in line
    assert not any("desk" in each for each in report.table({}))
