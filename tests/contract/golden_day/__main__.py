"""Records the golden day: what each option does stands in the package's docstring."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.contract.golden_day import plan, recording
from tests.contract.golden_day.harness import Day, Input, Player, known_words
from tests.infrastructure import stack


def load() -> Day:
    """The day that was committed."""
    head, *inputs = recording.read(recording.INPUTS)
    return Day(
        [Input(**recording.input_fields(line)) for line in inputs],
        [datetime.fromisoformat(each) for each in head["moments"]],
        frozenset(datetime.fromisoformat(each) for each in head["restarts"]),
        head["outside"],
    )


def save(day: Day) -> None:
    """Put the inputs into their file."""
    head = {
        "moments": [each.isoformat() for each in day.moments],
        "restarts": sorted(each.isoformat() for each in day.restarts),
        "outside": day.outside,
    }
    recording.write(recording.INPUTS, [head, *(recording.input_line(each) for each in day.inputs)])


async def play(day: Day, mongo_url: str, prefix: str) -> list[dict[str, Any]]:
    """The lines of a recording of the day."""
    player = Player(day, mongo_url, prefix)
    player.drop()
    try:
        await player.play()
        return list(recording.recorded(player.broker.topics, player.documents()))
    finally:
        player.drop()


def _with_reports(mongo_url: str) -> Day:
    """The planned day: played once without reports, to see which visits are promised."""
    maker = plan.make()
    player = Player(maker.day(), mongo_url, "golden_plan")
    player.drop()
    try:
        asyncio.run(player.play())
    finally:
        player.drop()
    maker.reports(player.broker.topics["homecall.schedule-events.v1"])
    return maker.day()


def covers(lines: Sequence[Mapping[str, Any]]) -> str:
    """Which of the contract's words the recording has in what services say, how often, and which it lacks."""
    said: Counter[tuple[str, str]] = Counter()
    for line in lines:
        headers = dict(line.get("headers", ()))
        if "homecall-dead-reason" in headers:
            said["dead letters", headers["homecall-dead-reason"]] += 1
            said["dead letters by service", headers["homecall-dead-service"]] += 1
        if "topic" not in line or "homecall-dead-reason" in headers:
            continue
        event_type = str(headers.get("ce_type", "")).removeprefix("kz.homecall.")
        said["types", event_type] += 1
        try:
            data = json.loads(line["value"] or "{}")
        except (ValueError, TypeError):
            continue
        for kind, name in (("outcomes", "outcome"), ("refusals", "code"), ("causes", "cause"), ("deadlines", "name")):
            if isinstance(data, dict) and isinstance(data.get(name), str):
                said[kind, data[name]] += 1
        if event_type in ("status.changed", "complaint.status-changed"):
            said[event_type, data["status"]] += 1
        if event_type.startswith("deadline."):
            said[event_type, data.get("deadline") or data.get("name")] += 1
    lacks = {kind: sorted(words - {word for of, word in said if of == kind}) for kind, words in known_words().items()}
    kinds = sorted({kind for kind, _ in said})
    has = [f"{kind}: " + ", ".join(f"{w} {n}" for (k, w), n in sorted(said.items()) if k == kind) for kind in kinds]
    return "\n".join([*has, "", "lacks:", *(f"  {kind}: {', '.join(words)}" for kind, words in lacks.items() if words)])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract.golden_day", description=__doc__)
    parser.add_argument("--inputs", action="store_true", help="make the inputs as well")
    parser.add_argument("--covers", action="store_true", help="only list what the recording has and lacks")
    options = parser.parse_args()
    if options.covers:
        print(covers(recording.read(recording.RECORDING)))
        return
    with stack.shared_mongo() as mongo:
        if options.inputs:
            save(_with_reports(mongo.address))
        lines = asyncio.run(play(load(), mongo.address, "golden_day"))
    recording.write(recording.RECORDING, lines)
    size = sum(path.stat().st_size for path in (recording.INPUTS, recording.RECORDING))
    print(f"{len(lines)} lines recorded; both files have {size:,} bytes")


if __name__ == "__main__":
    main()
