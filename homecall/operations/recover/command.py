"""``homecall recover``: after a restore, what came since the backup is handled again, and comes out as it was told.

The services are stopped. Each one's records are handled from where its group stood at the backup, in the order of their
times, by the service's own code, on a clock that stands where each record came. What the service said of them is taken
from its own topics, and not sent again. Then the group's offsets are set, and the services go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from homecall.contract.topics import DECIDING, DESK, SCHEDULE_EVENTS, SCHEDULER, TOPICS, read_by
from homecall.operations.backup import Reader
from homecall.operations.failure import Failure
from homecall.operations.kafka import commit_offsets, committed_offsets, members_of
from homecall.operations.recover.reading import Place, Reading
from homecall.operations.recover.replay import Recovered, Replay
from homecall.operations.serve import build
from homecall.operations.terminal import counted, json_line, print_bytes, settings
from homecall.runtime.clock import AcceleratedClock, ReplayClock, clock_from
from homecall.runtime.encryption import Vault
from homecall.runtime.engine.published_events import PublishedEvents
from homecall.runtime.failures import Awaited, TooNew, Transient
from homecall.runtime.kafka.producer import Producer
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings, SettingsError

_EARLIER_MS: Final = 600_000
"""How much further back than the first record what was said is looked for."""


def recover(backup: Path | None, service: str, *, as_json: bool) -> None:
    """Recover from where a backup was taken, or without one from the beginning of the topics.

    ``Failure`` while a service runs, or where something was told that does not come out again.
    """
    asked = settings()
    try:
        starts = None if backup is None else Reader(backup, Vault.from_settings(asked)).whole().offsets
        if backup is not None and not starts:
            raise Failure(f"{backup}: does not say where the groups stood: recover without it, from the beginning")
        if service == DESK:
            raise Failure("the desk decides nothing: homecall desk rebuild makes its view again")
        names = DECIDING if service == "all" else (service,)
        found = asyncio.run(_all(asked, names, starts))
    except (SettingsError, TooNew, Awaited) as error:
        raise Failure(str(error)) from None
    except Transient as error:
        raise Failure(f"{error}; restore once more, and run it again", code=1) from None
    if as_json:
        print_bytes(json_line({"services": {name: vars(each) for name, each in found.items()}}))
    else:
        for name, each in found.items():
            _print(name, each)
    left = sum(sum(each.silent.values()) for each in found.values())
    if left:
        raise Failure(
            f"{counted(left, 'event')} {'was' if left == 1 else 'were'} told before and did not come out again: "
            "look with homecall reconcile",
            code=1,
        )


def _print(name: str, found: Recovered) -> None:
    print(
        f"{name}: {counted(found.records, 'record')} handled again; "
        f"{counted(sum(found.as_told.values()), 'event')} as told before, "
        f"{sum(found.otherwise.values())} otherwise, {sum(found.new.values())} new, "
        f"{sum(found.silent.values())} not again"
    )
    for what, told in (("otherwise", found.otherwise), ("new", found.new), ("not again", found.silent)):
        for event_type, count in sorted(told.items()):
            print(f"{name}: {what}: {event_type} {count}")


async def _all(
    asked: Settings, names: Sequence[str], starts: Mapping[str, Mapping[str, int]] | None
) -> dict[str, Recovered]:
    running = [name for name in names if await members_of(asked, name)]
    if running:
        raise Failure(f"{', '.join(running)}: still running: stop every replica first, and wait until it has left")
    committed = await committed_offsets(asked)
    found = {}
    for name in names:
        start = None if starts is None else _places(starts.get(name, {}))
        found[name] = await _recovered(asked, name, start, _places(committed.get(name, {})))
    return found


def _places(texts: Mapping[str, int]) -> dict[Place, int]:
    return {(name.rpartition("/")[0], int(name.rpartition("/")[2])): offset for name, offset in texts.items()}


async def _recovered(
    asked: Settings, name: str, start: Mapping[Place, int] | None, committed: Mapping[Place, int]
) -> Recovered:
    own = clock_from(asked.clock)
    if isinstance(own, AcceleratedClock) and asked.clock is not None and asked.clock.count("@") < 2:
        raise Failure("HOMECALL_CLOCK: needs the real time of its start here, as in 2026-11-23T09:00:00+05:00@1@…")
    clock = ReplayClock(own)
    published = PublishedEvents(name)
    published.slack = published.slack * clock.speed
    done = Recovered()
    async with AsyncExitStack() as stack:
        stack.callback(published.close)
        heard_topics = [topic.name for topic in read_by(name) if not topic.whole]
        heard = await stack.enter_async_context(Reading(asked, heard_topics, start))
        first = await heard.peek()
        since = None if start is None or first is None else first.timestamp - _EARLIER_MS
        own_topics = [topic.name for topic in TOPICS if name in topic.writers and topic.types]
        async with Reading(asked, own_topics, since=since) as said:
            while (record := await said.next()) is not None:
                published.take(record)
        service = build(name, asked, clock)
        stack.push_async_callback(_closed, service)
        await _prepared(service)
        producer = Producer(asked, f"homecall-recover-{name}")
        await producer.start()
        stack.push_async_callback(producer.stop)
        replay = Replay(service, published, clock, producer, committed, done)
        await replay.begin()
        adopting = None
        if name == SCHEDULER:
            adopting = await stack.enter_async_context(Reading(asked, [SCHEDULE_EVENTS.name], since=since))
        await replay.run(heard, adopting)
        await replay.end()
        await commit_offsets(asked, name, replay.next_to_read(heard.ends))
    done.as_told, done.otherwise, done.new = dict(published.as_told), dict(published.otherwise), dict(published.new)
    return done


async def _prepared(service: Service) -> None:
    if service.schema is not None:
        await service.schema.admit()
    for step in service.prepare:
        await step()
    for table in service.tables:
        await table.start()


async def _closed(service: Service) -> None:
    for table in service.tables:
        await table.stop()
    for closing in service.close:
        await closing()
    await service.database.close()
