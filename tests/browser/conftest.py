"""The desk in Chromium. What answers behind it is played here: intake, scheduler and notifier in a few lines."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import pytest
import uvicorn

from homecall.contract.types import ZONE
from homecall.runtime.failures import Transient
from homecall.runtime.http import listen
from services.desk.sessions import COOKIE
from tests.unit.desk.reception import Reception, the_call

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
T = TypeVar("T")
CHROMIUM = os.environ.get("HOMECALL_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


class LiveDesk(Reception):
    """A desk that browsers can reach, on a loop in a thread of its own. Calls that it sends are answered as they come.

    ``answers`` False: nothing comes back, as if the other services stood still.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock.at = datetime.now(ZONE)
        self.answers = True
        self.database_away = False
        for name in ("calls", "actions", "complaints", "rosters"):
            self.database.collection(name).before_write = self._look
        self.numbers = 0
        self.stopping = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._listening = listen("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()], daemon=True)
        self._server = uvicorn.Server(uvicorn.Config(self.app, log_level="critical", lifespan="off"))

    def _look(self) -> None:
        if self.database_away:
            raise Transient("database", ConnectionError(), "127.0.0.1:27017")

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self.stopping.set)
        self._server.should_exit = True
        self._thread.join(10)

    def wait(self, work: Awaitable[T]) -> T:
        """The result of something that runs on the desk's loop."""

        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(20)

    def cookie(self, name: str) -> dict[str, Any]:
        """The cookie of a session of this user."""
        value = self.site.sessions.new(name, datetime.now().astimezone())
        return {"name": COOKIE, "value": value, "url": self.address, "httpOnly": True, "sameSite": "Lax"}

    async def _run(self) -> None:
        tasks = [
            asyncio.create_task(self.live.work(self.clock.now(), self.stopping)),
            asyncio.create_task(self._work()),
        ]
        await self._server.serve([self._listening])
        self.stopping.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        """Send what is stored, and answer it."""
        answered = 0
        while not self.stopping.is_set():
            self.clock.at = datetime.now(ZONE)
            if not self.broker.away:
                await self.outbox.send()
            for event in self.broker.sent[answered:] if self.answers else []:
                answered += 1
                if event.type == "request.submitted":
                    self.numbers += 1
                    await self.hear(*story(event.subject, self.numbers, self.clock.at))
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


@pytest.fixture
def desk() -> Iterator[LiveDesk]:
    desk = LiveDesk()
    desk.start()
    yield desk
    desk.end()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install Debian's chromium, or name one in HOMECALL_TEST_CHROMIUM")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(desk: LiveDesk, chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a tab in a browser of its own in which this user is signed in; what the page's scripts get wrong fails."""
    contexts: list[Any] = []
    errors: list[str] = []

    def opened(name: str | None = "registrar", path: str = "/", **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        if name is not None:
            context.add_cookies([desk.cookie(name)])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(desk.address + path)
        return page

    yield opened
    for each in contexts:
        each.close()
    assert errors == []
