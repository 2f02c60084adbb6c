"""``homecall serve``: the composition root of a process."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from services.cli.failure import Failure
from services.contract.topics import SERVICES
from services.runtime.clock import Clock, clock_from
from services.runtime.failpoint import arm
from services.runtime.failures import TooManyDeadLetters
from services.runtime.http import run
from services.runtime.logs import log, set_up_logs
from services.runtime.service import Service
from services.runtime.settings import Settings, SettingsError, load_settings
from services.standard.rules import RuleSetError


def build(name: str, settings: Settings, clock: Clock) -> Service:
    """A service by its name; the others are not imported."""
    module: Any = import_module(f"services.{name}.app")
    service: Service = module.build(settings, clock)
    return service


def serve(name: str) -> None:
    """Run a service, or all four in one process, until SIGTERM."""
    try:
        settings = load_settings()
        clock = clock_from(settings.clock)
        set_up_logs(settings.log_level)
        arm(settings.failpoint)
        asyncio.run(_serve(name, settings, clock))
    except (SettingsError, RuleSetError) as error:
        raise Failure(str(error)) from None
    except TooManyDeadLetters as error:
        raise Failure(str(error), code=3) from None


async def _serve(name: str, settings: Settings, clock: Clock) -> None:
    names = SERVICES if name == "all" else (name,)
    services = [build(each, settings, clock) for each in names]
    log(name).info("starting", env=settings.env, http=f"{settings.http_host}:{settings.port(name)}")
    await run(services, settings.http_host, settings.port(name))
