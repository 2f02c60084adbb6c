"""Asks the gateways about a batch of requests: the verifier of signatures, the register of persons."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from homecall.contract import topics
from homecall.contract.envelope import Incoming
from homecall.contract.events import RequestSubmitted
from homecall.contract.types import ZONE
from homecall.gateways.identity.port import Found, Identity, NotFound, Result
from homecall.gateways.identity.port import Unavailable as Unanswered
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Unchecked, Verdict, Verifier
from homecall.runtime.logs import log
from services.intake.domain.facts import BadSignature, Checks
from services.intake.domain.facts import Identity as IdentityAnswer


class ExternalChecks:
    """Both gateways, asked once per batch and at the same time. Neither ever raises; each has a timeout."""

    def __init__(
        self,
        verifier: Verifier,
        identity: Identity | None,
        *,
        wait_seconds: float,
        judge_record_time: bool = False,
        zone_of: Callable[[str], ZoneInfo] = lambda _clinic_id: ZONE,
    ) -> None:
        self._zone_of = zone_of
        self._verifier = verifier
        self._judge_record_time = judge_record_time
        self._identity = identity
        self._wait = wait_seconds
        self._last_batch: Mapping[str, Checks] = {}

    async def start(self) -> None:
        """Get the verifier ready."""
        await self._verifier.start()

    async def close(self) -> None:
        """Give up what is under way."""
        await self._verifier.close()
        if self._identity is not None:
            await self._identity.close()

    def asks_about(self, event: Incoming) -> bool:
        """Whether somebody is asked before this request is decided: then it had better be a new one."""
        unsigned = isinstance(event.data, RequestSubmitted) and event.data.channel != "portal"
        return self._identity is not None or not (unsigned or isinstance(self._verifier, Unchecked))

    async def check_batch(self, events: Sequence[Incoming]) -> Mapping[str, Checks]:
        """As ``check``; for a batch that is handled again, nobody is asked twice."""
        last = self._last_batch
        known = {each.causation_id: last[each.causation_id] for each in events if each.causation_id in last}
        self._last_batch = known | await self.check([each for each in events if each.causation_id not in known])
        return self._last_batch

    async def check(self, events: Sequence[Incoming]) -> dict[str, Checks]:
        """The answers about each request, by its causation id."""
        verdicts, results = await asyncio.gather(self._signatures(events), self._identities(events))
        return {
            key: checks_of(each, verdicts.get(key), results.get(key), self._zone_of(each.clinic_id))
            for key, each in {each.causation_id: each for each in events}.items()
        }

    async def ask(self, iins: Mapping[str, str]) -> dict[str, IdentityAnswer]:
        """What the register of persons says of these IINs, by the same keys."""
        return {key: _identity(result) for key, result in (await self._look_up(iins)).items()}

    async def _signatures(self, events: Sequence[Incoming]) -> dict[str, Verdict]:
        signed: dict[str, Signed] = {}
        for event in events:
            heard_at = event.record.recorded_at if self._judge_record_time else None
            if (asked := signed_of(event, heard_at)) is not None:
                signed[event.causation_id] = asked
        verdicts = await self._verifier.verify(list(signed.values())) if signed else []
        away = [verdict.reason for verdict in verdicts if isinstance(verdict, Unavailable) and not verdict.for_good]
        if away:
            log(topics.INTAKE).warning("signatures cannot be checked", held=len(away), reason=away[0])
        return dict(zip(signed, verdicts, strict=True))

    async def _identities(self, events: Sequence[Incoming]) -> dict[str, Result]:
        return await self._look_up(
            {each.causation_id: each.data.patient.iin for each in events if isinstance(each.data, RequestSubmitted)}
        )

    async def _look_up(self, iins: Mapping[str, str]) -> dict[str, Result]:
        if self._identity is None or not iins:
            return {}
        return dict(zip(iins, await self._identity.look_up(list(iins.values()), within=self._wait), strict=True))


def signed_of(event: Incoming, heard_at: datetime | None = None) -> Signed | None:
    """A request from the portal with its signature, and whose it must be (C9.2, R15); None where nobody signs."""
    data = event.data
    if not isinstance(data, RequestSubmitted) or data.channel != "portal" or data.signature is None:
        return None
    signer = data.applicant.iin if data.applicant is not None else data.patient.iin
    return Signed(event.value, data.signature.value, signer, data.submitted_at, heard_at)


def _identity(result: Result | None) -> IdentityAnswer:
    if isinstance(result, Found):
        return "confirmed"
    if isinstance(result, NotFound):
        return "not_found"
    if result is None:
        return "off"
    return "away" if isinstance(result, Unanswered) else "no_consent"


def checks_of(event: Incoming, verdict: Verdict | None, result: Result | None = None, zone: ZoneInfo = ZONE) -> Checks:
    """What a decision takes from what was said of a request."""
    signature: BadSignature | Literal["away", "never"] | None = None
    if isinstance(verdict, Invalid):
        signature = BadSignature(verdict.check, verdict.path, verdict.message)
    elif isinstance(verdict, Unavailable):
        signature = "never" if verdict.for_good else "away"
    attached: bool | None = None
    birth_date = None
    if isinstance(result, Found) and isinstance(event.data, RequestSubmitted):
        birth_date = result.person.birth_date
        if not isinstance(result.attachment, Unanswered):
            on = event.data.submitted_at.astimezone(zone).date()
            here = result.attachment
            attached = here is not None and here.clinic_id == event.clinic_id and here.holds_on(on)
    return Checks(
        signature=signature,
        identity=_identity(result),
        birth_date=birth_date,
        attached=attached,
    )
