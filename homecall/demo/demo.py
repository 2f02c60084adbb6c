"""``homecall demo``: a clinic day on the embedded broker and database, with the services in this process.

The day's clock runs a minute in a second and steps over hours in which nothing is due: only when all that was sent has
had its first word, and never past an opening or the end of a clock that runs. In the end the stores are compared, as
``homecall reconcile`` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import io
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console

from homecall.contract.events import StatusChanged, VisitScheduled
from homecall.contract.topics import SERVICES, TOPICS
from homecall.contract.types import ZONE, Event
from homecall.demo.acts import ENDS_AT, STARTS_AT, Act, report_of
from homecall.demo.browser import CLINIC, Browser, browsed
from homecall.demo.clinic_day import Plan, make_plan
from homecall.demo.desk import AtTheDesk, NotTakenError, looked_at
from homecall.demo.embedded import DidNotStartError, NotInstalledError, Stack, embedded_stack
from homecall.demo.ledger import HEARD, Ledger
from homecall.demo.registers import PersonsGateway, persons_gateway, register_of
from homecall.demo.screen import Screen, screen_for
from homecall.demo.summary import show_findings, show_summary
from homecall.gateways.signatures.canonical import canonical
from homecall.gateways.signatures.dev_authority import CRLS, TRUST_STORE, DevAuthority
from homecall.operations.failure import Failure
from homecall.operations.reconcile.differences import Difference
from homecall.operations.reconcile.stores import Asked, stores_of
from homecall.operations.serve import build
from homecall.operations.terminal import counted
from homecall.runtime.clock import SteppedClock
from homecall.runtime.kafka.consuming import consumer_options
from homecall.runtime.kafka.global_table import record_of
from homecall.runtime.logs import set_up_logs
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings
from homecall_client import Homecall, Outgoing

_SPEED = 60.0
_BIN = "850740000000"
"""Of an organisation that is none."""
_HEAD_START = timedelta(hours=1)
"""Of the clock before the day: it runs while the services start, and steps to the day's beginning once they have."""
_LEAD = 100
"""Requests under way at most: of each partition the embedded broker keeps 5 MiB, read or not."""
_PAUSE_SECONDS = 0.01
_SHOW_SECONDS = 0.25
_FETCH_MS = 20
"""The embedded broker answers a fetch that found nothing after so long, whatever has come meanwhile."""
_READY_SECONDS = 30.0
_SILENCE_SECONDS = 20.0
"""After so long without a word while something is awaited, nothing more is waited for."""
_LISTEN_ON_SECONDS = 0.5
"""How long to listen on when all has come: for what would come twice."""
_TAKEN_UP_SECONDS = 10.0
"""After so long, what differs between the stores is not on its way any more."""
_REPORT_WITHIN = timedelta(minutes=55)
"""Within which doctors hand in how their visits ended; the last one is over an hour before closing."""


def run(requests: int, seed: int, *, as_json: bool, stay: bool = False) -> None:
    """Play the day and show it; ``Failure`` with code 1 when anything was lost, doubled, unanswered, or differs.

    ``stay`` leaves the finished day open in the browser until Ctrl-C.
    """
    began = time.perf_counter()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no Kazakh letters is to lose the letters, not the day.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # With --json, standard output is the object alone.
    console = Console(stderr=as_json, highlight=False)
    console.print("A clinic's day, with seven clinics: about a minute. Writing what clinics and patients send …")
    descriptor, name = tempfile.mkstemp(prefix="homecall-demo-", suffix=".log")
    log_path = Path(name)
    where = f"the services' log is {log_path}"
    keep_log = False
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as log:
            ledger, seconds = _whole_day(requests, seed, console, log, began, stay=stay)
        summary, findings = ledger.summary(seconds), ledger.findings()
        keep_log = bool(findings)
    except (NotInstalledError, DidNotStartError) as error:
        raise Failure(f"demo: {error}") from None
    except KeyboardInterrupt:
        raise Failure("demo: stopped before the day was over", code=130) from None
    except BaseException:
        keep_log = True
        console.print(where)
        raise
    finally:
        if not keep_log:
            log_path.unlink(missing_ok=True)
    show_summary(console, summary, ledger)
    show_findings(console, findings)
    if as_json:
        print(json.dumps(asdict(summary)), flush=True)
    if findings:
        raise Failure(f"demo: {counted(len(findings), 'finding')}, listed above; {where}", code=1)


def _whole_day(
    requests: int, seed: int, console: Console, log: TextIO, began: float, *, stay: bool
) -> tuple[Ledger, float]:
    """The ledger of the day, and how many real seconds it took without the stay."""
    set_up_logs("warning", log)
    # A database that is still writing its last page may add a file while we remove the others.
    with tempfile.TemporaryDirectory(prefix="homecall-demo-", ignore_cleanup_errors=True) as name:
        authority, signed_by = DevAuthority.new(), Path(name) / "authority"
        authority.save(signed_by)
        plan = make_plan(requests, seed, AuthoritySignatures(authority))
        console.print("Starting a broker and a database of the demo's own, on 127.0.0.1 …")
        with (
            embedded_stack(Path(name) / "stack", {topic.name: topic.partitions for topic in TOPICS}) as stack,
            persons_gateway(Path(name) / "gateway", authority, register_of(plan.patients)) as persons,
        ):
            console.print(f"Starting {', '.join(SERVICES[:-1])} and {SERVICES[-1]} …")
            browser = Browser.prepared(Path(name), plan.doctor_of(CLINIC))
            settings = demo_settings(stack, signed_by, browser, persons)
            # A link that is broken by a line's end cannot be clicked.
            watch = ("Watch the day at the desk in a browser, signed in as", *browser.lines())
            console.print(*watch, sep="\n", soft_wrap=True)
            played = asyncio.run(_play(plan, settings, console, browser, began, stay=stay))
            console.print(persons.line())
            return played


class AuthoritySignatures:
    """The plan's signatures, by people whom the authority knows under any IIN."""

    def __init__(self, authority: DevAuthority) -> None:
        self._authority = authority

    def of_person(self, data: Mapping[str, Any], iin: str) -> str:
        return self._authority.sign(data, iin)

    def of_organisation(self, data: Mapping[str, Any], iin: str) -> str:
        certificate = self._authority.organisation(iin, _BIN)
        return self._authority.sign_bytes(canonical(json.dumps(data).encode()), certificate)


def demo_settings(stack: Stack, authority: Path, browser: Browser, persons: PersonsGateway) -> Settings:
    """The services' settings, the same everywhere: what the environment says is for the other commands."""
    return Settings.model_construct(
        env="development",
        signatures="rsa",
        trust_store=authority / TRUST_STORE,
        crls=authority / CRLS,
        identity=persons.address,
        identity_shep_file=persons.file,
        kafka_bootstrap=stack.bootstrap,
        mongo_url=stack.mongo_url,
        mongo_prefix="demo",
        log_level="warning",
        desk_users_file=browser.users,
        desk_secret_file=browser.secret,
        desk_demo=True,
        offers_url=browser.address,
    )


async def _play(
    plan: Plan, settings: Settings, console: Console, browser: Browser, began: float, *, stay: bool
) -> tuple[Ledger, float]:
    clock = SteppedClock(STARTS_AT - _HEAD_START, _SPEED)
    ledger = Ledger(key for key, clinic in plan.clinics.items() if clinic.oral_confirmation)
    # Clinics and the portal, with the client that theirs are offered.
    outside = Homecall(settings.kafka_bootstrap, source="/demo")
    desk = AtTheDesk(browser, plan)
    async with _serving(settings, clock) as services, browsed(browser, services), outside, desk:
        clock.step_to(STARTS_AT)
        with screen_for(console, ledger, total=len(plan.expected)) as screen:
            day = _Day(plan, ledger, clock, services, outside, desk, screen)
            async with _listening(settings, day), _beside(_follow(outside, screen)):
                await day.play()
            for each in await _reconciled(settings):
                ledger.drifted(each.line)
            unsent, apart = await _shown_at_the_desk(settings, ledger)
            ledger.at_the_desk(desk.done, unsent, apart)
        seconds = time.perf_counter() - began
        if stay:
            console.print(f"The day stays open at {browser.address}; Ctrl-C ends it.")
            await _until_interrupted()
    return ledger, seconds


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    await stop.wait()


async def _reconciled(settings: Settings) -> Sequence[Difference]:
    """What differs between the stores once the last events have been taken up: the ledger does not hear of those."""
    asked = Asked(None, STARTS_AT.date() - timedelta(days=1), date.max, settle_seconds=-1.0)
    end = time.perf_counter() + _TAKEN_UP_SECONDS
    async with stores_of(settings) as stores:
        while True:
            found = [each async for judged in stores.judged(asked) for each in judged.differences]
            if not found or time.perf_counter() > end:
                return found
            await asyncio.sleep(0.1)


async def _shown_at_the_desk(settings: Settings, ledger: Ledger) -> tuple[int, list[str]]:
    """What is not sent, and what the desk shows otherwise than it was said, once it has taken up the last events."""
    end = time.perf_counter() + _TAKEN_UP_SECONDS
    while True:
        unsent, apart = await looked_at(settings, ledger.decided())
        if not (unsent or apart) or time.perf_counter() > end:
            return unsent, apart
        await asyncio.sleep(0.1)


@asynccontextmanager
async def _serving(settings: Settings, clock: SteppedClock) -> AsyncIterator[Sequence[Service]]:
    services = [build(name, settings, clock) for name in SERVICES]
    try:
        end = time.perf_counter() + _READY_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(service.start() for service in services)), _READY_SECONDS)
        while waiting := [f"{each.name}: {why}" for each in services for good, why in [await each.ready()] if not good]:
            if time.perf_counter() > end:
                raise Failure(f"demo: not ready after {_READY_SECONDS:.0f} s: {'; '.join(waiting)}", code=1)
            await asyncio.sleep(0.05)
        yield services
    finally:
        await asyncio.gather(*(service.stop() for service in services), return_exceptions=True)


@asynccontextmanager
async def _listening(settings: Settings, day: _Day) -> AsyncIterator[None]:
    """Let the day hear every topic that the ledger judges by, from its beginning and without a group."""
    consumer = AIOKafkaConsumer(**consumer_options(settings, "homecall-demo"), fetch_max_wait_ms=_FETCH_MS)
    await consumer.start()

    async def listen() -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for raw in records:
                    day.hear(raw)

    try:
        consumer.assign([TopicPartition(topic.name, number) for topic in HEARD for number in range(topic.partitions)])
        async with _beside(listen()):
            yield
    finally:
        await consumer.stop()


async def _follow(outside: Homecall, screen: Screen) -> None:
    """Let the screen show what the portal reads: each status once, in order."""
    async for status in outside.statuses(from_beginning=True):
        screen.answer(StatusChanged.model_validate(status.data))


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have it done meanwhile, and ended in the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@dataclass(eq=False)
class _Day:
    """Sends the plan as the clock reaches it, and reports the visits that were made."""

    plan: Plan
    ledger: Ledger
    clock: SteppedClock
    services: Sequence[Service]
    outside: Homecall
    desk: AtTheDesk
    screen: Screen
    unconfirmed: list[tuple[Act, Any]] = field(default_factory=list)
    visits: list[tuple[datetime, str]] = field(default_factory=list)
    word_at: float = field(default_factory=time.perf_counter)
    shown_at: float = 0.0

    async def play(self) -> None:
        """Send everything in its time, and wait for all that must come of it."""
        ending = "the day is over"
        try:
            for act in self.plan.acts:
                await self._reach(act.at)
                while self.ledger.underway(self.clock.now()) > _LEAD:
                    await self._pause()
                await self._send(act)
            await self._reach(ENDS_AT)
            while not self.ledger.complete(self.clock.now()):
                await self._pause()
        except _SilenceError:
            ending = f"broken off: nothing was heard for {_SILENCE_SECONDS:.0f} s"
        await asyncio.sleep(_LISTEN_ON_SECONDS)
        self.screen.show(self.clock.now(), ending)

    # ------------------------------------------------------------ time

    async def _reach(self, moment: datetime) -> None:
        """Let the clock come to a moment, stepping over what lies between where nothing is due."""
        while (now := self.clock.now()) < moment:
            await self._report(now)
            if not self.ledger.quiet(now):
                await self._pause()
                continue
            stops = [moment, self.ledger.next_due(now)]
            if self.visits:
                stops.append(self.visits[0][0] + _REPORT_WITHIN)
            self.clock.step_to(min(stop for stop in stops if stop is not None and stop > now))
            await self._pause()

    async def _pause(self) -> None:
        await self._confirm()
        for service in self.services:
            if service.failed.done():
                raise Failure(f"demo: {service.name} stopped: {service.failed.exception()}", code=1)
        now = time.perf_counter()
        if now - self.shown_at > _SHOW_SECONDS:
            self.shown_at = now
            self.screen.show(self.clock.now())
        if now - self.word_at > _SILENCE_SECONDS:
            raise _SilenceError
        await asyncio.sleep(_PAUSE_SECONDS)

    # ------------------------------------------------------------ what goes in

    async def _send(self, act: Act) -> None:
        self.ledger.sent(act, time.perf_counter())
        self.word_at = time.perf_counter()
        if act.news:
            self.screen.tell(self.clock.now(), act.news)
        if self.desk.does(act):
            try:
                await self.desk.do(act)
            except NotTakenError as refusal:
                self.ledger.not_taken(str(refusal))
            return
        record = Outgoing(act.topic, act.key, act.value, act.headers)
        self.unconfirmed.append((act, await self.outside.begin(record)))

    async def _confirm(self) -> None:
        sent, self.unconfirmed = self.unconfirmed, []
        for act, future in sent:
            if future.done():
                place = future.result()
                self.ledger.stored(act, place.partition, place.offset)
            else:
                self.unconfirmed.append((act, future))

    async def _report(self, now: datetime) -> None:
        """The clinics say how the visits ended that are over by now."""
        while self.visits and self.visits[0][0] <= now:
            ends, request_id = heapq.heappop(self.visits)
            fate = self.ledger.fates[request_id]
            # A visit that was moved stands in the list again; one that was withdrawn is not made.
            if not fate.reported and not fate.withdrawal_sent and fate.window is not None and fate.window.ends == ends:
                await self._send(report_of(now.astimezone(ZONE), fate.clinic_id, request_id, ends))

    # ------------------------------------------------------------ what comes out

    def hear(self, raw: Any) -> None:
        """Take a record of the services' topics."""
        self.word_at = time.perf_counter()
        event: Event | None = self.ledger.hear(record_of(raw), self.word_at)
        if isinstance(event, VisitScheduled):
            heapq.heappush(self.visits, (event.arrives_to, event.request_id))


class _SilenceError(Exception):
    """Something was awaited for so long that it will not come."""
