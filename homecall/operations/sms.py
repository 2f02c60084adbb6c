"""``homecall sms stop`` and ``allow``: numbers that are not to be written to, kept by their keyed hashes."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from homecall.contract.topics import NOTIFIER
from homecall.operations.databases import database_of
from homecall.operations.failure import Failure, advised
from homecall.operations.terminal import counted, settings
from homecall.runtime.encryption import Vault
from homecall.runtime.settings import Settings
from homecall.standard.phones import mobile_number
from services.notifier.outbox import OPT_OUT
from services.notifier.store import OptOuts


def change(*, stopped: bool) -> None:
    """Take each number from standard input, where neither a shell's history nor a list of processes shows it.

    ``Failure`` with code 1 if a line held no mobile number of Kazakhstan; the others are done.
    """
    asked = settings()
    numbers = [mobile_number([line]) for line in sys.stdin if line.strip()]
    known = sorted({number for number in numbers if number})
    with advised("run it again"):
        asyncio.run(_change(asked, Vault.from_settings(asked), known, stopped=stopped))
    gets = "get" if len(known) != 1 else "gets"
    print(f"{counted(len(known), 'number')} {f'{gets} no messages any more' if stopped else 'may get messages'}")
    wrong = [place for place, number in enumerate(numbers, start=1) if number is None]
    if wrong or not numbers:
        which = f"line {', '.join(map(str, wrong))}: no mobile number of Kazakhstan" if wrong else "no number was given"
        raise Failure(f"{which}; write one a line, as +7 701 …", code=1)


async def _change(asked: Settings, vault: Vault, numbers: list[str], *, stopped: bool) -> None:
    async with database_of(asked, NOTIFIER) as database:
        for number in numbers:
            await OptOuts(database).change(vault.index(OPT_OUT, number), datetime.now(UTC), stopped=stopped)
