"""The worker that checks RSA signatures: apart from the service, mourned when it dies, and gone when the service is."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from homecall.gateways.signatures import rsa_pool
from homecall.gateways.signatures.port import Invalid, Unavailable, Valid
from homecall.gateways.signatures.rsa_pool import RsaPool
from tests.unit.gateways.signing import AIGUL, AT, BOLAT, DATA, authority, der, signed

GOOD = signed(authority().sign(DATA, AIGUL))
ANOTHERS = signed(authority().sign(DATA, BOLAT))


def workers() -> set[int | None]:
    return {child.pid for child in multiprocessing.active_children()}


@pytest.fixture
async def pool() -> AsyncIterator[RsaPool]:
    made = RsaPool([der(authority().certificate)], None)
    yield made
    await made.close()


async def test_verdicts_come_in_order_and_each_for_itself(pool: RsaPool) -> None:
    assert await pool.verify([]) == []
    batch = [GOOD if number % 3 else ANOTHERS for number in range(40)]
    verdicts = await pool.verify([*batch, signed("no cms"), signed(GOOD.cms, b"{")])
    assert [type(verdict) for verdict in verdicts] == [
        *(Valid if each is GOOD else Invalid for each in batch),
        Invalid,
        Invalid,
    ]


async def test_a_worker_that_was_killed_is_replaced(pool: RsaPool) -> None:
    others = workers()
    await pool.start()
    (worker,) = (child for child in multiprocessing.active_children() if child.pid not in others)
    worker.kill()
    worker.join()
    assert [type(verdict) for verdict in await pool.verify([GOOD, ANOTHERS])] == [Valid, Invalid]
    assert len(workers() - others - {worker.pid}) == 1


class Deadly(str):
    """A signature that no worker survives."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


async def test_a_signature_on_which_the_worker_dies_does_not_hold_up_its_neighbours(pool: RsaPool) -> None:
    verdicts = await pool.verify([GOOD, signed(Deadly("x")), ANOTHERS, GOOD])
    assert [type(verdict) for verdict in verdicts] == [Valid, Unavailable, Invalid, Valid]


async def test_workers_that_keep_dying_are_not_made_for_ever(pool: RsaPool, monkeypatch: pytest.MonkeyPatch) -> None:
    # They die before they check anything, and need not load what checks: this takes the three arguments, and no time.
    monkeypatch.setattr(rsa_pool, "_begin", slice)
    verdicts = await pool.verify([signed(Deadly("x"))] * 30)
    assert all(isinstance(verdict, Unavailable) for verdict in verdicts)
    assert verdicts[2] != verdicts[3]
    assert verdicts[3:] == [Unavailable("the process that checks signatures keeps dying")] * 27


async def test_close_leaves_nobody_behind(pool: RsaPool) -> None:
    others = workers()
    assert await pool.verify([GOOD]) == [Valid()]
    own = workers() - others
    assert len(own) == 1
    await pool.close()
    assert not own & workers()
    assert [type(verdict) for verdict in await pool.verify([GOOD])] == [Unavailable]


_SERVICE = """
import asyncio, os, sys
from datetime import datetime
from homecall.gateways.signatures.rsa_pool import RsaPool
from homecall.gateways.signatures.port import Signed

async def main():
    pool = RsaPool([bytes.fromhex(sys.argv[1])], None)
    value, cms, iin, at = sys.argv[2:]
    found = await pool.verify([Signed(value.encode(), cms, iin, datetime.fromisoformat(at))])
    print(found, [name for name in ("pyhanko", "asn1crypto", "cryptography") if name in sys.modules], flush=True)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


def test_a_killed_service_takes_its_worker_along_and_never_loads_what_reads_signatures() -> None:
    # The worker holds the other end of this pipe: the call comes back when it is gone, and not before.
    arguments = [der(authority().certificate).hex(), GOOD.value.decode(), GOOD.cms, AIGUL, AT.isoformat()]
    done = subprocess.run(
        [sys.executable, "-c", _SERVICE, *arguments], stdout=subprocess.PIPE, timeout=120, check=False
    )
    assert done.stdout.decode().strip() == "[Valid()] []"
    assert done.returncode == -9


def test_what_a_signature_says_is_in_no_repr() -> None:
    assert all(secret not in repr(GOOD) for secret in (AIGUL, GOOD.cms, "Айгүл"))
