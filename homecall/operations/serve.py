"""``homecall serve``: the composition root of a process."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import faulthandler
import gc
import os
import threading
from importlib import import_module
from typing import Any

import uvloop

from homecall.contract.topics import SERVICES
from homecall.operations.failure import Failure
from homecall.runtime.clock import Clock, clock_from
from homecall.runtime.failpoint import arm
from homecall.runtime.failures import TooManyDeadLetters, TooNew
from homecall.runtime.http import listen, run
from homecall.runtime.logs import log, set_up_logs
from homecall.runtime.service import Service
from homecall.runtime.settings import Settings, SettingsError, load_settings
from homecall.standard.rules import RuleSetError


def build(name: str, settings: Settings, clock: Clock) -> Service:
    """A service by its name; the others are not imported."""
    module: Any = import_module(f"services.{name}.app")
    service: Service = module.build(settings, clock)
    return service


_M_ARENA_MAX = -8
"""Of glibc's ``mallopt``: how many heaps there are at most."""


def _few_heaps() -> None:
    """Share a heap among threads: glibc gives each its own, and what the driver's have once held is not given back."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


_TRIM_SECONDS = 10.0
"""Between two times that freed memory is given back, which takes some milliseconds."""


async def _give_back_memory() -> None:
    """Give freed memory back to the system now and then: glibc keeps what a large batch once took.

    Not measured at its peak, which stays; between batches the notifier holds some 8 MiB less, the scheduler 4.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return  # not glibc
    while True:
        await asyncio.sleep(_TRIM_SECONDS)
        trim(0)


_END_SECONDS = 9.5
"""An orderly end takes one. What still goes on then is somebody's thread or connection, and of no more use."""


def _end_all_the_same() -> None:
    """See to it that the process ends within 10 s, whatever holds it: who waits for it would kill it unheard."""

    def end() -> None:
        faulthandler.dump_traceback(all_threads=True)
        os._exit(1)

    timer = threading.Timer(_END_SECONDS, end)
    timer.daemon = True
    timer.start()


def serve(name: str) -> None:
    """Run a service, or all five in one process, until SIGTERM."""
    _few_heaps()
    try:
        settings = load_settings()
        clock = clock_from(settings.clock)
        set_up_logs(settings.log_level)
        arm(settings.failpoint)
        # What it gives, and the collector's settings below: docs/performance.md.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(name, settings, clock))
    except (SettingsError, RuleSetError) as error:
        raise Failure(str(error)) from None
    except TooManyDeadLetters as error:
        raise Failure(str(error), code=3) from None
    except TooNew as error:
        raise Failure(str(error), code=4) from None


def with_offers_here(settings: Settings) -> Settings:
    """The settings of a process with all services: its desk asks its own scheduler, unless another is named, or none.

    With a port that the system chooses, nothing is asked: the address is not known beforehand.
    """
    port = settings.port("all")
    if settings.offers_url is not None or port == 0:
        return settings
    # Where all addresses are listened at, this machine's own is one of them.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http_host, settings.http_host)
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return settings.model_copy(update={"offers_url": url})


def settle_collector() -> None:
    """Have the garbage collector look at what comes from now on, and seldom.

    What is there now stays: the collector need not look at it again, and a batch makes thousands of objects that
    reference counting alone will free. By its own thresholds it would look again and again; by much wider ones the
    notifier grew by some megabytes more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _serve(name: str, settings: Settings, clock: Clock) -> None:
    names = SERVICES if name == "all" else (name,)
    if name == "all":
        settings = with_offers_here(settings)
    services = [build(each, settings, clock) for each in names]
    listening = listen(settings.http_host, settings.port(name))
    settle_collector()
    log(name).info("starting", env=settings.env, http=f"{settings.http_host}:{settings.port(name)}")
    giving_back = asyncio.create_task(_give_back_memory(), name="give memory back")
    try:
        await run(services, listening, ending=_end_all_the_same)
    finally:
        giving_back.cancel()
