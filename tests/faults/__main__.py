"""``make faults``: the scenarios, one after the other, and what came of them.

``python -m tests.faults [--seed S] [--scenario NAME]… [--json] [--list] [--soak-minutes M] [--part 1/3]``
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys

from tests.faults.harness import scenarios
from tests.faults.harness.run import Options, carry_out, summary, table, tell
from tests.infrastructure import stack

LONGEST_SECONDS = 900
"""Of a scenario without the soak's own time: whatever has not ended by then hangs."""


def part(text: str) -> tuple[int, int]:
    """``2/3`` as (2, 3). Raises ArgumentTypeError."""
    match = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", text)
    if match is None or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"{text} is not as 1/3 or 3/3: which part, of how many")
    return int(match[1]), int(match[2])


def main() -> int:
    """Run what was asked for. 0 if all passed, 1 if any failed, 2 for a name that is none."""
    parser = argparse.ArgumentParser(prog="make faults", description="Faults under load, judged by a ledger outside.")
    parser.add_argument("--seed", type=int, default=7, help="the same seed sends the same and does the same")
    parser.add_argument("--scenario", action="append", metavar="NAME", help="only this one; may be given again")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--list", action="store_true", help="name the scenarios and the controls, and end")
    parser.add_argument(
        "--soak-minutes", type=float, default=2.0, help="how long the soak loads the system; the long form is 15"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of the length of each scenario, to try one out")
    parser.add_argument(
        "--part",
        type=part,
        default=(1, 1),
        metavar="N/M",
        help="of kill-at-every-step: the n-th of so many parts of its failpoints, where one go has to be short",
    )
    asked = parser.parse_args()
    if asked.list:
        for name, (scenario, control) in scenarios.ALL.items():
            kind = "control " if control else "scenario"
            print(f"{kind}  {name:22}  {(scenario.__doc__ or '').splitlines()[0]}")
        return 0
    stack.settle_environment()
    names = asked.scenario or list(scenarios.ALL)
    unknown = [name for name in names if name not in scenarios.ALL]
    if unknown:
        print(f"--scenario {unknown[0]} is none of: {', '.join(scenarios.ALL)}", file=sys.stderr)
        return 2
    # An end from outside ends what was started here, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = Options(asked.seed, asked.soak_minutes * 60, asked.scale, asked.part)
    print(f"seed {options.seed}; {stack.describe()}", flush=True)
    reports = []
    for name in names:
        scenario, control = scenarios.ALL[name]
        print(f"{name}: {(scenario.__doc__ or '').splitlines()[0]}", flush=True)
        report = carry_out(
            name, scenario, options, control=control, longest=LONGEST_SECONDS + options.soak_seconds * options.scale
        )
        tell(report)
        sys.stdout.flush()
        reports.append(report)
    print(f"\nseed {options.seed}\n{table(reports)}")
    result = summary(reports)
    if asked.json:
        print(json.dumps(result))
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
