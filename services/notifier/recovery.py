"""The notifier after a restore: which messages went out since the backup is not known, and none goes twice."""

from __future__ import annotations

from homecall.runtime.engine.decision import replace
from homecall.runtime.mongo.client import Database
from services.notifier.store import Calls, Mailings

_AT_ONCE = 500


async def forget_notices(database: Database) -> int:
    """Take back every message that may have gone out after the backup: it is not sent again. From how many calls."""
    calls, mailings = Calls(database), Mailings(database)
    forgotten = 0
    waiting = {each.id for each in await mailings.find({"waiting_since": {"$exists": True}})}
    while found := [*await calls.to_notify(_AT_ONCE), *(await calls.load(waiting)).values()]:
        waiting = set()
        noted = list({each.id: each for each in found if each.state is not None and each.state.notices}.values())
        for each in noted:
            if each.state is not None:
                each.state = replace(each.state, notices=[])
        if not noted:
            break
        forgotten += len(noted) - len(await calls.save(noted))
    return forgotten
