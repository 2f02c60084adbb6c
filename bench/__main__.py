"""``make bench``: how near the services come to bare loops of the same durability, in one run, as ratios."""

from __future__ import annotations

import argparse
import json
import statistics

from bench.stage import HOP, a_stage
from tests import stack


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of 4,000")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    asked = parser.parse_args()
    requests, rounds = (4_000, 1) if asked.quick else (10_000, 3)
    print(stack.describe())
    ratios = []
    for number in range(rounds):
        with a_stage() as stage:
            bare, intake = (stage.drain(each, requests) for each in HOP)
        ratios.append(intake.per_second / bare.per_second)
        print(f"round {number + 1}: bare loop {bare.per_second:,.0f}/s, intake {intake.per_second:,.0f}/s")
    if asked.json:
        print(json.dumps({"hop_ratio": round(statistics.median(ratios), 3)}))


if __name__ == "__main__":
    main()
