"""Those whom intake asks, for tests: a verifier and a register of persons that say what the test wants, and count."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any

from homecall.gateways.identity.port import Attachment, Consent, Found, NotFound, Person, Result
from homecall.gateways.identity.port import Unavailable as Unanswered
from homecall.gateways.signatures.port import Signed, Unavailable, Valid, Verdict

Meanwhile = Callable[[], Awaitable[Any]]

AWAY = Unavailable("NCANode cannot be reached")
SILENT = Unanswered("timeout")
HERE = Attachment("samal-3", None, date(2020, 1, 1))


class Notary:
    """A verifier. ``meanwhile`` is done, once, while somebody waits for its word."""

    def __init__(self, verdict: Verdict = Valid()) -> None:  # noqa: B008  # frozen
        self.verdict = verdict
        self.of: dict[str, Verdict] = {}
        """By the signer's IIN, another verdict."""
        self.asked: list[Signed] = []
        self.calls = 0
        self.meanwhile: Meanwhile | None = None

    async def start(self) -> None:
        return

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        self.calls += 1
        self.asked += batch
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return [self.of.get(each.signer_iin, self.verdict) for each in batch]

    async def close(self) -> None:
        return


class Register:
    """A register of persons: ``people`` by IIN, ``rest`` for everybody else."""

    def __init__(self, people: Mapping[str, Result] | None = None, rest: Result = NotFound()) -> None:  # noqa: B008  # frozen
        self.people = dict(people or {})
        self.rest = rest
        self.asked: list[str] = []
        self.consents: dict[str, Consent] = {}
        """What came with the questions, by IIN."""
        self.calls = 0
        self.meanwhile: Meanwhile | None = None

    async def look_up(
        self, iins: Sequence[str], *, within: float, consents: Mapping[str, Consent] | None = None
    ) -> list[Result]:
        self.calls += 1
        self.asked += iins
        self.consents |= consents or {}
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        assert within > 0
        return [self.people.get(iin, self.rest) for iin in iins]

    async def close(self) -> None:
        return


def found(birth_date: str = "1885-07-15", attachment: Any = HERE) -> Found:
    """A person of the register."""
    return Found(Person("Сынақ Серік", date.fromisoformat(birth_date)), attachment)
