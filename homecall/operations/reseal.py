"""``homecall keys reseal``: what is encrypted under an older key is encrypted again under the current one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from homecall.contract.topics import COMPLAINTS, DESK, INTAKE
from homecall.operations.databases import REPOSITORIES, database_of
from homecall.operations.failure import Failure, advised
from homecall.operations.terminal import settings
from homecall.runtime.encryption import Unreadable, Vault
from homecall.runtime.engine.parking import parked_place
from homecall.runtime.mongo.repository import Repository
from homecall.runtime.settings import Settings
from services.complaints.store import resealed as complaint_resealed
from services.desk.store.actions import Actions
from services.intake.store import resealed

_AT_ONCE = 500


Resealed = Callable[[Any, Vault], Any]

SEALED_STATES: Mapping[str, Resealed] = {INTAKE: resealed, COMPLAINTS: complaint_resealed}
"""Whose states hold something sealed, and how it is sealed again. Events that wait for their subject always are."""


def reseal() -> None:
    """Reseal all that is sealed, in each service's database. ``Failure`` with code 1 if something is left."""
    asked = settings()
    with advised("run it again, it goes on there"):
        left = asyncio.run(_all(asked, Vault.from_settings(asked)))
    if left:
        raise Failure(f"{left} do not open with the keys of HOMECALL_KEYS_FILE: put back the one they need", code=1)


async def _all(asked: Settings, vault: Vault) -> int:
    left = 0
    for service, repository in REPOSITORIES.items():
        async with database_of(asked, service) as database:
            done, unopened = await reseal_in(repository(database), vault, SEALED_STATES.get(service))
            if service == DESK:
                actions, sealed = await Actions(database, vault).reseal()
                done, unopened = done + actions, unopened + sealed
        print(
            f"{service}: {done} resealed with {vault.current}" + (f", {unopened} cannot be opened" if unopened else "")
        )
        left += unopened
    return left


async def reseal_in(
    store: Repository[Any], vault: Vault, state_of: Resealed | None = None, at_once: int = _AT_ONCE
) -> tuple[int, int]:
    """Reseal one store's documents, in bulk and by compare-and-set: (how many, how many cannot be opened).

    ``state_of`` reseals the state, where something in it is sealed beside the events that wait for their subject.

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
                if state_of is not None and each.state is not None:
                    each.state = state_of(each.state, vault)
                each.parked = [
                    replace(kept, record=vault.reseal(kept.record, parked_place(each.id, kept.causation_id)))
                    for kept in each.parked
                ]
                ready.append(each)
            except Unreadable:
                unopened.add(each.id)
        done += len(ready) - len(await store.save(ready, timers=False))
    return done, len(unopened)
