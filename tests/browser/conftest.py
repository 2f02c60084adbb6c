"""The desk in Chromium. What answers behind it is played here: intake, scheduler and notifier in a few lines."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
import uvicorn

from homecall.contract.types import ZONE
from homecall.runtime.failures import Transient
from homecall.runtime.http import listen
from services.desk.sessions import COOKIE
from tests.unit.desk.reception import HERE, Reception, the_call

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
T = TypeVar("T")
PATIENCE = 30
"""Seconds until what a test waits for counts as never coming: generous, since a busy machine is no defect."""
_LEFT_OUT = (
    # The address bar's list: no test sees it, and for each tab it is a page of its own, dearer than the desk's.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    # What Playwright leaves out: the last list that Chromium is given is the one that counts.
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled"),
    "PreconnectToSearch",
)
CHROMIUM = os.environ.get("HOMECALL_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


class Server:
    """One address and one loop in a thread for all tests of a process; which desk answers there is set by each."""

    def __init__(self) -> None:
        self.desk: LiveDesk | None = None
        self.loop = asyncio.new_event_loop()
        self._listening = listen("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        config = uvicorn.Config(self._app, log_level="critical", lifespan="off", interface="asgi3")
        self._server = uvicorn.Server(config)
        serving = self._server.serve([self._listening])
        self._thread = threading.Thread(target=self.loop.run_until_complete, args=[serving], daemon=True)
        self._thread.start()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.desk is not None
        await self.desk.app(scope, receive, send)

    def wait(self, work: Awaitable[T]) -> T:
        """The result of something that runs on the loop."""

        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(2 * PATIENCE)

    def end(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


class LiveDesk(Reception):
    """A desk that browsers can reach. Calls that it sends are answered as they come.

    ``answers`` False: nothing comes back, as if the other services stood still. ``database_away``: no write is taken.
    """

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.ahead = timedelta()
        """By how much this desk's clock is ahead of the real one."""
        self.clock.at = datetime.now(ZONE)
        self.answers = True
        self.database_away = False
        for name in ("calls", "actions", "complaints", "rosters"):
            self.database.collection(name).before_write = self._look
        self.numbers = 0
        self.stopping = asyncio.Event()
        self.address = server.address
        self._server = server
        self._tasks: list[asyncio.Task[None]] = []

    def _look(self) -> None:
        if self.database_away:
            raise Transient("database", ConnectionError(), "127.0.0.1:27017")

    def start(self) -> None:
        self._server.desk = self
        self.wait(self._start())

    async def _start(self) -> None:
        works = self.live.work(self.clock.now(), self.stopping), self._work()
        self._tasks = [asyncio.create_task(each) for each in works]

    def end(self) -> None:
        self.wait(self._end())

    async def _end(self) -> None:
        self.stopping.set()
        await asyncio.gather(*self._tasks)

    def wait(self, work: Awaitable[T]) -> T:
        """The result of something that runs on the desk's loop."""
        return self._server.wait(work)

    def heard(self, *events: tuple[str, dict[str, Any]]) -> None:
        """Take events up as they come from Kafka."""
        self.wait(self.hear(*events))

    def until(self, holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until something holds here."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it never held"
            time.sleep(0.01)

    def sent(self, *kinds: str) -> list[Any]:
        """The events of these types, or all, that were sent, once none waits: a page is there before its event is."""
        self.until(lambda: not self.wait(self.stores.actions.waiting()))
        return [each for each in self.broker.sent if not kinds or each.type in kinds]

    def cut_streams(self) -> None:
        """End all streams, as a proxy or a restart does; new ones may come."""
        self._server.loop.call_soon_threadsafe(self._end_streams)
        self.until(lambda: self.live.count == 0)
        self._server.loop.call_soon_threadsafe(self._let_streams_be)

    def _end_streams(self) -> None:
        self.live.stopping.set()
        for listener in self.live._listeners:
            listener.wake()

    def _let_streams_be(self) -> None:
        self.live.stopping = asyncio.Event()

    @property
    def today(self) -> str:
        """The clinic's day as addresses have it."""
        return self.clock.now().astimezone(ZONE).date().isoformat()

    def cookie(self, name: str) -> dict[str, Any]:
        """The cookie of a session of this user."""
        value = self.site.sessions.new(name, datetime.now().astimezone())
        url = self.address.replace("http:", "https:")  # browsers take this machine for as good as https
        return {"name": COOKIE, "value": value, "url": url, "secure": True, "httpOnly": True, "sameSite": "Lax"}

    async def _work(self) -> None:
        """Send what is stored, and answer it."""
        answered = 0
        while not self.stopping.is_set():
            self.clock.at = datetime.now(ZONE) + self.ahead
            if not self.broker.away:
                await self.outbox.send()
            for event in self.broker.sent[answered:] if self.answers else []:
                answered += 1
                if event.type == "request.submitted":
                    self.numbers += 1
                    submitted = (event.type, json.loads(event.value))
                    await self.hear(submitted, *story(event.subject, self.numbers, self.clock.at))
                else:
                    await self.hear((event.type, json.loads(event.value)))
            await asyncio.sleep(0.02)


def story(request_id: str, number: int, now: datetime) -> list[tuple[str, dict[str, Any]]]:
    """What is heard of a call that came in now."""
    today = now.date().isoformat()
    later = {
        "submitted_at": now.isoformat(),
        "accepted_at": now.isoformat(),
        "clock_started_at": now.isoformat(),
        "due_at": now.fromtimestamp(now.timestamp() + 600, ZONE).isoformat(),
        "register_date": today,
        "visit_date": today,
    }
    (kind, decision), (visit, planned), told, (line, entry) = the_call(request_id, number=number)
    times = {"visit_date": today, "arrives_from": now.isoformat(), "arrives_to": later["due_at"]}
    return [(kind, decision | later), (visit, planned | times), told, (line, entry | {"register_date": today})]


def moved(request_id: str, now: datetime, doctor_id: str = "gp-2") -> list[tuple[str, dict[str, Any]]]:
    """What is heard when the visit of a story goes to another doctor and another time."""
    visit = dict(story(request_id, 1, now))["visit.scheduled"]
    status = dict(story(request_id, 1, now))["status.changed"]
    later = {"arrives_from": _after(now, 120), "arrives_to": _after(now, 240), "revision": 2}
    doctor = {"doctor_id": doctor_id, "full_name": "Дәрігер Екінші", "specialty": "gp"}
    return [
        ("visit.rescheduled", visit | later | {"doctor": doctor, "reason": "doctor_unavailable"}),
        ("status.changed", status | {"sequence": 3, "status": "rescheduled", "occurred_at": now.isoformat()}),
    ]


def _after(now: datetime, minutes: int) -> str:
    return datetime.fromtimestamp(now.timestamp() + minutes * 60, ZONE).isoformat()


def a_roster(on: str, revision: int = 1) -> tuple[str, dict[str, Any]]:
    """A day's roster with two doctors."""
    doctors = [
        {
            "doctor_id": f"gp-{number}",
            "full_name": name,
            "specialty": "gp",
            "districts": [f"d{number}"],
            "shift": {"from": "08:00", "to": "20:00"},
            "max_visits": 12,
        }
        for number, name in ((1, "Дәрігер Бірінші"), (2, "Дәрігер Екінші"))
    ]
    return "roster.published", {"clinic_id": HERE, "date": on, "revision": revision, "doctors": doctors}


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.end()


@pytest.fixture
def desk(server: Server) -> Iterator[LiveDesk]:
    desk = LiveDesk(server)
    desk.start()
    yield desk
    desk.end()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install Debian's chromium, or name one in HOMECALL_TEST_CHROMIUM")
    with playwright.sync_playwright() as started:
        options = ["--no-sandbox", f"--disable-features={','.join(_LEFT_OUT)}"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


def _leave(page: Any) -> None:
    """Nothing is on its way to the page any more: closed while a form's answer is, Chromium sometimes hangs."""
    for _ in range(5):
        with suppress(playwright.Error):  # the answer came first
            page.goto("about:blank")
            return


@pytest.fixture
def tab(desk: LiveDesk, chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a tab in a browser of its own in which this user is signed in; what the page's scripts get wrong fails."""
    contexts: list[Any] = []
    errors: list[str] = []

    def opened(
        name: str | None = "registrar", path: str = "/", before: Callable[[Any], None] | None = None, **options: Any
    ) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        if name is not None:
            context.add_cookies([desk.cookie(name)])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        if before is not None:
            before(page)
        page.goto(desk.address + path)
        return page

    yield opened
    for each in contexts:
        for page in each.pages:
            _leave(page)
        each.close()
    assert errors == []
