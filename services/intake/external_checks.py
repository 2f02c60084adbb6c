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

    async def check(self, events: Sequence[Incoming], known: Mapping[str, Checks]) -> dict[str, Checks]:
        """What is said of each new request, by its cause; what ``known`` has of them is not asked again."""
        asked = [each for each in events if isinstance(each.data, RequestSubmitted) and each.causation_id not in known]
        if self._identity is None:
            verdicts, results = await self._signatures(asked), dict[str, Result]()
        else:
            verdicts, results = await asyncio.gather(self._signatures(asked), self._identities(asked, self._identity))
        found = {each.causation_id: known[each.causation_id] for each in events if each.causation_id in known}
        for event in asked:
            found[event.causation_id] = checks_of(
                event, verdicts.get(event.causation_id), results.get(event.causation_id), self._zone_of(event.clinic_id)
            )
        return found

    async def ask(self, iins: Mapping[str, str]) -> dict[str, IdentityAnswer]:
        """What the register says of persons, by the name given to each."""
        if self._identity is None or not iins:
            return {}
        results = await self._identity.look_up(list(iins.values()), within=self._wait)
        return {name: _identity(result) for name, result in zip(iins, results, strict=True)}

    async def _signatures(self, events: Sequence[Incoming]) -> dict[str, Verdict]:
        signed: dict[str, Signed] = {}
        for event in events:
            asked = signed_of(event, self._heard_at(event))
            if asked is not None:
                signed[event.causation_id] = asked
        verdicts = await self._verifier.verify(list(signed.values())) if signed else []
        away = [verdict.reason for verdict in verdicts if isinstance(verdict, Unavailable) and not verdict.for_good]
        if away:
            log(topics.INTAKE).warning("signatures cannot be checked", held=len(away), reason=away[0])
        return dict(zip(signed, verdicts, strict=True))

    def _heard_at(self, event: Incoming) -> datetime | None:
        return event.record.recorded_at if self._judge_record_time else None

    async def _identities(self, events: Sequence[Incoming], identity: Identity) -> dict[str, Result]:
        iins = {
            event.causation_id: event.data.patient.iin for event in events if isinstance(event.data, RequestSubmitted)
        }
        results = await identity.look_up(list(iins.values()), within=self._wait) if iins else []
        return dict(zip(iins, results, strict=True))


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
