"""``make bench``: how near the pipeline comes to a bare loop of the same durability, in one run, as ratios.

Intake and the bare loop take the same requests from one topic, one after the other, in turn, several rounds; the median
ratio of their messages per second is what counts. Absolute figures are this machine's at this hour.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from services.contract.topics import INTAKE_EVENTS
from tests import stack
from tests.world import MONDAY, World, a_clinic, a_request, a_world, contract_configs, contract_topics


def produced(bootstrap: str, topic: str, partitions: int) -> int:
    """How many records a topic holds."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-offsets"})
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        return sum(consumer.get_watermark_offsets(place, timeout=10)[1] for place in places)
    finally:
        consumer.close()


def time_until(world: World, wanted: int, start: Any) -> float:
    """Seconds from the first event out to the last, so that a process's start is not counted."""
    start()
    first: tuple[float, int] | None = None
    while True:
        now, count = time.perf_counter(), produced(world.kafka, INTAKE_EVENTS.name, INTAKE_EVENTS.partitions)
        if first is None and count:
            first = (now, count)
        if count >= wanted and first is not None:
            return (now - first[0]) / max(1, wanted - first[1]) * wanted
        time.sleep(0.02)


def one_round(requests: int) -> dict[str, float]:
    """Messages per second of the bare loop and of intake, on a broker and a database of their own."""
    found: dict[str, float] = {}
    with stack.own_kafka() as kafka, stack.shared_mongo() as mongo:
        for which in ("bare", "intake"):
            stack.recreate_topics(kafka.address, contract_topics(), contract_configs())
            with a_world(kafka.address, mongo.address, f"bench_{which}", at=MONDAY) as world:
                world.publish("clinic.published", *[a_clinic(f"clinic-{number}") for number in range(40)])
                for number in range(requests):
                    at = MONDAY + timedelta(milliseconds=number)
                    world.publish_one("request.submitted", a_request(f"clinic-{number % 40}", number, at))
                world.flush()
                if which == "intake":
                    seconds = time_until(world, requests, lambda: world.start("intake", ready=False))
                    found["rss_mib"] = rss_mib(world.processes[0].pid)
                else:
                    command = [sys.executable, "-m", "bench.bare", kafka.address, mongo.address, "bench_bare"]
                    with subprocess.Popen(command) as process:
                        seconds = time_until(world, requests, lambda: None)
                        process.terminate()
                found[which] = requests / seconds
    return found


def rss_mib(pid: int) -> float:
    """A process's resident memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of 4,000")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    asked = parser.parse_args()
    requests, rounds = (4_000, 1) if asked.quick else (asked.requests, asked.rounds)
    print(stack.describe())
    results = []
    for number in range(rounds):
        result = one_round(requests)
        results.append(result)
        ratio = result["intake"] / result["bare"]
        print(
            f"round {number + 1}: bare loop {result['bare']:,.0f}/s, intake {result['intake']:,.0f}/s, "
            f"ratio {ratio:.2f}, intake holds {result['rss_mib']:.0f} MiB"
        )
    ratios = [result["intake"] / result["bare"] for result in results]
    print(f"median ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    if asked.json:
        rss = max(result["rss_mib"] for result in results)
        print(json.dumps({"hop_ratio": round(statistics.median(ratios), 3), "rss_mib": {"intake": round(rss)}}))


if __name__ == "__main__":
    main()
