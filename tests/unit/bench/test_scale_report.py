"""What the parts that change one size come to: keys of the line of JSON, and rows of the table."""

from __future__ import annotations

from typing import Any

import pytest

from bench import report, scale_report


def drained(per_second: float, cpu_ms: float = 1.0, **over: Any) -> dict[str, Any]:
    return {"per_second": per_second, "cpu_ms": cpu_ms, "requests": 1000, "cpu_ms_by": {}, **over}


def of_batches(most: int, *, fixed: float, each: float, requests: int = 1000, heard: int = 1) -> dict[str, Any]:
    """What a service gives whose batch costs ``fixed`` and whose record costs ``each``, in ms."""
    records = requests * heard
    number = records // most
    spent = {"intake": (number * fixed + records * each) / requests}
    return drained(1, cpu_ms_by=spent, batches={"intake": number}, messages={"intake": records}, requests=requests)


RAW: dict[str, Any] = {
    "others": {"hop": 0.02, "chain": 0.08},
    "noise": {"intake": [[drained(100, 1.0), drained(110, 1.02)], [drained(105, 1.0), drained(100, 1.0)]]},
    "clinics": [[40, [drained(500, 2.0), drained(400, 2.2)]], [1000, [drained(405, 2.4), drained(405, 2.5)]]],
    "partitions": [[6, [drained(2000)]], [24, [drained(1000)]]],
    "batches": [[most, of_batches(most, fixed=2.0, each=0.3)] for most in (1, 10, 50, 250)],
    "clients": [[8, {"motor": [{"cpu_ms": 0.4, "per_second": 9.0}], "pymongo": [{"cpu_ms": 0.2, "per_second": 20.0}]}]],
    "memory": {"rss_mib": {"notifier": 124.6}, "messages": {"notifier": 100_000}, "requests": 50_000},
}


def test_the_line_of_json_tells_what_each_size_costs() -> None:
    told = scale_report.figures(RAW)
    assert told["clinics_ratio"] == 0.9
    assert told["partitions_ratio"] == 0.5
    assert told["noise"] == {"intake": {"per_second": 0.1, "cpu_ms": 0.02}}
    assert told["cpu_by_batch"]["10"] == {"intake": {"request_ms": 0.5, "batch_ms": 5.0, "records": 10.0}}
    assert told["mongo_clients"] == {
        "8": {"cpu_ms": {"motor": 0.4, "pymongo": 0.2}, "per_second": {"motor": 9.0, "pymongo": 20.0}}
    }
    assert (told["memory_mib"], told["memory_messages"]) == ({"notifier": 125}, {"notifier": 100_000})


@pytest.mark.parametrize(("fixed", "each", "heard"), [(2.0, 0.3, 1), (3.5, 0.1, 2), (0.5, 0.02, 1)])
def test_what_a_batch_costs_by_itself_is_told_from_what_a_record_adds(fixed: float, each: float, heard: int) -> None:
    batches = [[most, of_batches(most, fixed=fixed, each=each, heard=heard)] for most in (1, 10, 50, 250)]
    assert scale_report.fixed_costs(batches) == {"intake": {"batch_ms": fixed, "record_ms": each}}


def test_small_batches_count_as_much_as_large_ones() -> None:
    """A large batch that took 2 ms longer than the others say changes little of what a batch costs by itself."""
    batches = [[most, of_batches(most, fixed=2.0, each=0.3)] for most in (1, 10, 50)]
    batches.append([250, of_batches(250, fixed=4.0, each=0.3)])
    assert scale_report.fixed_costs(batches)["intake"]["batch_ms"] == pytest.approx(2.0, abs=0.1)


def test_of_one_size_alone_no_line_is_told() -> None:
    assert scale_report.fixed_costs([[250, of_batches(250, fixed=2.0, each=0.3)]]) == {}


@pytest.mark.parametrize(("others", "quiet"), [({"hop": 0.02, "chain": 0.3}, False), ({"hop": 0.1}, True)])
def test_a_machine_is_quiet_if_it_was_before_every_part(others: dict[str, float], quiet: bool) -> None:
    assert scale_report.figures({"others": others})["quiet"] is quiet


def test_what_was_not_run_is_null_or_empty_and_has_no_row() -> None:
    told = scale_report.figures({})
    assert {name for name, value in told.items() if value is None} == {"quiet", "clinics_ratio", "partitions_ratio"}
    assert not any(value for value in told.values())
    assert scale_report.rows({}) == []


def test_the_table_has_a_row_for_each() -> None:
    found = {what: measured for what, measured, _ in scale_report.rows(RAW)}
    assert found == {
        "noise: the same twice, rate and processor time at most this far apart": "intake 10% and 2%",
        "the chain by clinics, last to first": "0.90: 40: 450/s, 2.10 ms; 1,000: 405/s, 2.45 ms",
        "intake by partitions, last to first": "0.50: 6: 2,000/s, 1.00 ms; 24: 1,000/s, 1.00 ms",
        "intake: processor ms a request (a batch), by a batch's most records": (
            "1: 2.30 (2.3), 10: 0.50 (5.0), 50: 0.34 (17.0), 250: 0.31 (77.0); "
            "a batch by itself 2.00, a record more 0.300"
        ),
        "MongoDB's clients, 8 tasks: processor ms an operation": "motor 0.400, pymongo 0.200",
        "memory after so many messages": "notifier 125 MiB (100,000)",
    }


def test_the_services_are_also_held_against_loops_that_give_numbers() -> None:
    raw = {"hop": [[drained(1000), drained(400), drained(800)], [drained(1000), drained(500), drained(800)]]}
    told = report.figures(raw)
    assert (told["hop_ratio"], told["hop_numbers_ratio"], told["chain_numbers_ratio"]) == (0.45, 0.562, None)
    (line,) = [each for each in report.table(raw) if "bare loop with numbers" in each]
    assert "0.56 (0.50 to 0.62): of 800 (800 to 800)/s" in line
