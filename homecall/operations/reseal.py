"""``homecall keys reseal``: what is sealed under an older key is sealed anew under the current one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from homecall.contract.topics import COMPLAINTS, INTAKE, NOTIFIER, SCHEDULER
from homecall.operations.failure import Failure
from homecall.operations.terminal import settings
from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.engine.engine import parked_place
from homecall.runtime.failures import Transient
from homecall.runtime.mongo.mongo import Database, Repository
from homecall.runtime.settings import Settings, SettingsError
from services.complaints.store import ComplaintStore
from services.complaints.store import resealed as complaint_resealed
from services.intake.store import IntakeStore, resealed
from services.notifier.store import Calls
from services.scheduler.store import SchedulerStore

_AT_ONCE = 500


@dataclass(frozen=True)
class Sealing:
    """Where a service keeps what is sealed: events that wait for their subject, and with ``resealed`` its states."""

    store: Callable[[Database], Repository[Any]]
    resealed: Callable[[Any, Vault], Any] = lambda state, _: state


SEALINGS: Mapping[str, Sealing] = {
    INTAKE: Sealing(lambda each: IntakeStore(each).requests, resealed),
    SCHEDULER: Sealing(lambda each: SchedulerStore(each).calls),
    NOTIFIER: Sealing(Calls),
    COMPLAINTS: Sealing(lambda each: ComplaintStore(each).complaints, complaint_resealed),
}


def reseal() -> None:
    """Reseal all that is sealed, in each service's database. ``Failure`` with code 1 if something is left."""
    asked = settings()
    try:
        left = asyncio.run(_all(asked, Vault.from_settings(asked)))
    except SettingsError as error:
        raise Failure(str(error)) from None
    except Transient as error:
        raise Failure(f"{error}; run it again, it goes on there", code=1) from None
    if left:
        raise Failure(f"{left} do not open with the keys of HOMECALL_KEYS_FILE: put back the one they need", code=1)


async def _all(asked: Settings, vault: Vault) -> int:
    left = 0
    for service, sealing in SEALINGS.items():
        database = Database(asked.mongo_url, f"{asked.mongo_prefix}_{service}")
        try:
            done, unopened = await reseal_in(sealing.store(database), sealing, vault)
        finally:
            database.close()
        print(
            f"{service}: {done} resealed with {vault.current}" + (f", {unopened} cannot be opened" if unopened else "")
        )
        left += unopened
    return left


async def reseal_in(store: Repository[Any], sealing: Sealing, vault: Vault, at_once: int = _AT_ONCE) -> tuple[int, int]:
    """Reseal one store's documents, in bulk and by compare-and-set: (how many, how many cannot be opened).

    What a service changes meanwhile is found again if it is still sealed as before.
    """
    done = 0
    unopened: set[str] = set()
    # Those that cannot be opened are found whenever it is asked: the limit reaches past them.
    while found := [
        each for each in await store.sealed_but(vault.current, at_once + len(unopened)) if each.id not in unopened
    ]:
        ready = []
        for each in found:
            try:
                each.state = None if each.state is None else sealing.resealed(each.state, vault)
                each.parked = [
                    replace(kept, record=vault.reseal(kept.record, parked_place(each.id, kept.causation_id)))
                    for kept in each.parked
                ]
                ready.append(each)
            except Unreadable:
                unopened.add(each.id)
        done += len(ready) - len(await store.save(ready, timers=False))
    return done, len(unopened)
