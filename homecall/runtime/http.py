"""``/livez``, ``/readyz``, ``/metrics`` and what services receive, and the run of a process from start to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from homecall.runtime.logs import log
from homecall.runtime.service import Receiver, Service
from homecall.runtime.settings import SettingsError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_MOST_BYTES = 256 * 1024
_TEXT = "text/plain; charset=utf-8"


def application(services: Sequence[Service]) -> Any:
    """The ASGI application."""

    receivers = {path: receive for service in services for path, receive in service.receives.items()}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        receiver = receivers.get(scope["path"])
        if receiver is not None:
            status, told = await _received(receiver, scope, receive)
            kind, body = _TEXT, f"{told}\n".encode()
        else:
            status, kind, body = await _page(services, scope["path"])
        headers = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


async def _received(receiver: Receiver, scope: Scope, receive: Receive) -> tuple[int, str]:
    """What a service answers to what was posted to it; 503 where it cannot take it now, so that it comes again."""
    if scope["method"] != "POST":
        return 405, "this address takes POST alone"
    body, more = b"", True
    while more:
        part = await receive()
        if part["type"] == "http.disconnect":
            return 400, "the body was cut off"
        body += part.get("body", b"")
        more = part.get("more_body", False)
        if len(body) > _MOST_BYTES:
            return 413, f"the body must have {_MOST_BYTES} bytes at most"
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        return await receiver(body, headers)
    except Exception as error:  # the database is away, or a fault of ours: whoever posts it is to do so again
        log("http").error("what was posted could not be taken", path=scope["path"], error=type(error).__name__)
        return 503, "it cannot be taken now: post it again later"


async def _page(services: Sequence[Service], path: str) -> tuple[int, str, bytes]:
    text = _TEXT
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest()
    if path == "/livez":
        verdicts = [(service.name, *service.alive()) for service in services]
    elif path == "/readyz":
        verdicts = [(service.name, *await service.ready()) for service in services]
    else:
        return 404, text, b"there are /livez, /readyz and /metrics\n"
    good = all(verdict for _, verdict, _ in verdicts)
    body = "".join(f"{name}: {why}\n" for name, _, why in verdicts)
    return (200 if good else 503), text, body.encode()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process ends as its services do."""

    def install_signal_handlers(self) -> None:
        return

    def capture_signals(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises ``SettingsError`` for one where nobody can listen."""
    listening = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise SettingsError(
            f"nobody can listen on {host}:{port} (HOMECALL_HTTP_HOST, HOMECALL_HTTP_PORT): {error.strerror}"
        ) from None
    return listening


async def run(
    services: Sequence[Service], listening: socket.socket, *, ending: Callable[[], None] = lambda: None
) -> None:
    """Run services until SIGTERM or SIGINT, or until one of them fails; then stop them in order.

    ``listening`` is where they are asked how they are. ``ending`` is called when the end begins. Raises what made a
    service fail.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = _Server(uvicorn.Config(application(services), log_config=None, lifespan="off", access_log=False))
    serving = asyncio.create_task(server.serve([listening]))
    starting = asyncio.ensure_future(_start(services))
    stopped = asyncio.create_task(stop.wait())
    first: list[asyncio.Future[Any]] = [starting, stopped, serving]
    try:
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and not stop.is_set():
            await starting
            failures = [service.failed for service in services]
            waiting: list[asyncio.Future[Any]] = [stopped, serving, *failures]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for failure in failures:
                if failure.done():
                    failure.result()
    finally:
        ending()
        for service in services:
            service.pipeline.stopping.set()
        starting.cancel()
        await asyncio.gather(*(service.stop() for service in services), return_exceptions=True)
        stopped.cancel()
        server.should_exit = True
        await asyncio.gather(serving, starting, return_exceptions=True)


async def _start(services: Sequence[Service]) -> None:
    await asyncio.gather(*(service.start() for service in services))
