"""``/livez``, ``/readyz``, ``/metrics`` and what services receive, and the run of a process from start to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from homecall.runtime.logs import log
from homecall.runtime.service import Receiver, Service
from homecall.runtime.settings import SettingsError

_FORWARDED = "x-forwarded-for"
"""A proxy in front puts this header: what it lets through comes from outside, and is not told how we are."""
_MOST_BYTES = 256 * 1024


def application(services: Sequence[Service]) -> Starlette:
    """The ASGI application."""

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})

    async def livez(_: Request) -> Response:
        return _health([(service.name, *service.alive()) for service in services])

    async def readyz(_: Request) -> Response:
        return _health([(service.name, *await service.ready()) for service in services])

    app = Starlette(
        routes=[
            Route("/metrics", inside(metrics)),
            Route("/livez", inside(livez)),
            Route("/readyz", inside(readyz)),
            *(
                Route(path, partial(_post, receiver), methods=["POST"])
                for service in services
                for path, receiver in service.receives.items()
            ),
            *(route for service in services for route in service.routes),
        ],
        exception_handlers={
            HTTPException: next((service.not_found for service in services if service.not_found), None) or _not_found
        },
    )
    app.router.redirect_slashes = False
    return app


def inside(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for those inside the cluster: what a proxy in front lets through finds no such address."""

    async def endpoint(request: Request) -> Response:
        if _FORWARDED in request.headers:
            return _text(404, "there is no such address")
        return await answer(request)

    return endpoint


def _text(status: int, line: str) -> Response:
    return PlainTextResponse(f"{line}\n", status)


def _health(verdicts: Sequence[tuple[str, bool, str]]) -> Response:
    good = all(verdict for _, verdict, _ in verdicts)
    return _text(200 if good else 503, "\n".join(f"{name}: {why}" for name, _, why in verdicts))


async def _not_found(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        return _text(405, f"this address takes {'POST' if error.headers == {'Allow': 'POST'} else 'GET'} alone")
    return _text(404, "there are /livez, /readyz and /metrics")


async def _post(receiver: Receiver, request: Request) -> Response:
    """What a service answers to a POST; 503 if it cannot take it now, so that the sender repeats it."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BYTES:
                return _text(413, f"the body must have {_MOST_BYTES} bytes at most")
    except ClientDisconnect:
        return _text(400, "the body was cut off")
    try:
        return _text(*await receiver(body, request.headers))
    except Exception as error:  # an unavailable database, or a fault of ours: the sender is to repeat it
        log("http").error("what was posted could not be taken", path=request.url.path, error=type(error).__name__)
        return _text(503, "it cannot be taken now: post it again later")


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process ends as its services do."""

    def capture_signals(self) -> Any:
        return nullcontext()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises ``SettingsError`` if the address cannot be bound."""
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


@asynccontextmanager
async def serving(services: Sequence[Service], listening: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serve the HTTP of these services at ``listening`` as long as the block runs; gives the task that does it."""
    server = _Server(uvicorn.Config(application(services), log_config=None, lifespan="off", access_log=False))
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield task
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


async def run(
    services: Sequence[Service], listening: socket.socket, *, ending: Callable[[], None] = lambda: None
) -> None:
    """Run services until SIGTERM or SIGINT, or until one of them fails; then stop them in order.

    HTTP is served at ``listening``. ``ending`` is called when the end begins. Raises the error of the service that
    failed.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(services, listening) as answering:
        await _run(services, stop, answering, ending)


async def _run(
    services: Sequence[Service], stop: asyncio.Event, answering: asyncio.Task[None], ending: Callable[[], None]
) -> None:
    starting = asyncio.ensure_future(_start(services))
    stopped = asyncio.create_task(stop.wait())
    first: list[asyncio.Future[Any]] = [starting, stopped, answering]
    try:
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and not stop.is_set():
            await starting
            failures = [service.failed for service in services]
            waiting: list[asyncio.Future[Any]] = [stopped, answering, *failures]
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
        await asyncio.gather(starting, return_exceptions=True)


async def _start(services: Sequence[Service]) -> None:
    await asyncio.gather(*(service.start() for service in services))
