"""Asks the gateways about a batch of requests: the verifier of signatures, the register of persons."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from homecall.contract import topics
from homecall.contract.envelope import Incoming
from homecall.contract.events import RequestSubmitted
from homecall.contract.types import ZONE
from homecall.gateways.identity.port import Consent, Found, Identity, NotFound, Result
from homecall.gateways.identity.port import Unavailable as Unanswered
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Unchecked, Verdict, Verifier
from homecall.runtime.logs import log
from services.intake.domain.facts import BadSignature, Checks
from services.intake.domain.facts import Identity as IdentityAnswer


@dataclass
class ExternalChecks:
    """Both gateways, asked once per batch and at the same time. Neither ever raises; each has a timeout."""

    verifier: Verifier
    identity: Identity | None
    _: KW_ONLY
    wait_seconds: float
    judge_record_time: bool = False
    zone_of: Callable[[str], ZoneInfo] = lambda _: ZONE

    def __post_init__(self) -> None:
        self._last_batch: Mapping[str, Checks] = {}

    async def start(self) -> None:
        await self.verifier.start()

    async def close(self) -> None:
        await self.verifier.close()
        if self.identity is not None:
            await self.identity.close()

    def asks_about(self, event: Incoming) -> bool:
        """Whether a gateway is asked before this request is decided."""
        unsigned = isinstance(event.data, RequestSubmitted) and event.data.channel != "portal"
        return self.identity is not None or not (unsigned or isinstance(self.verifier, Unchecked))

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
            key: checks_of(each, verdicts.get(key), results.get(key), self.zone_of(each.clinic_id))
            for key, each in {each.causation_id: each for each in events}.items()
        }

    async def ask(self, iins: Mapping[str, str]) -> dict[str, Checks]:
        """What the register of persons says of these IINs, by the same keys."""
        found = await self._look_up(iins)
        return {key: Checks(identity=_identity(result), dead=_dead(result)) for key, result in found.items()}

    async def _signatures(self, events: Sequence[Incoming]) -> dict[str, Verdict]:
        signed: dict[str, Signed] = {}
        for event in events:
            heard_at = event.record.recorded_at if self.judge_record_time else None
            if (asked := signed_of(event, heard_at)) is not None:
                signed[event.causation_id] = asked
        verdicts = await self.verifier.verify(list(signed.values())) if signed else []
        away = [verdict.reason for verdict in verdicts if isinstance(verdict, Unavailable) and not verdict.for_good]
        if away:
            log(topics.INTAKE).warning("signatures cannot be checked", held=len(away), reason=away[0])
        return dict(zip(signed, verdicts, strict=True))

    async def _identities(self, events: Sequence[Incoming]) -> dict[str, Result]:
        requests = {each.causation_id: each.data for each in events if isinstance(each.data, RequestSubmitted)}
        consents = {data.patient.iin: given for data in requests.values() if (given := _consent(data)) is not None}
        return await self._look_up({key: data.patient.iin for key, data in requests.items()}, consents)

    async def _look_up(
        self, iins: Mapping[str, str], consents: Mapping[str, Consent] | None = None
    ) -> dict[str, Result]:
        if self.identity is None or not iins:
            return {}
        found = await self.identity.look_up(list(iins.values()), within=self.wait_seconds, consents=consents)
        return dict(zip(iins, found, strict=True))


def signed_of(event: Incoming, heard_at: datetime | None = None) -> Signed | None:
    """A request from the portal with its signature and the IIN of its signer (C9.2, R15); None if nobody signs."""
    data = event.data
    if not isinstance(data, RequestSubmitted) or data.channel != "portal" or data.signature is None:
        return None
    signer = data.applicant.iin if data.applicant is not None else data.patient.iin
    return Signed(event.value, data.signature.value, signer, data.submitted_at, heard_at)


def _consent(data: RequestSubmitted) -> Consent | None:
    """The consent that came with a request; it goes no further than the call."""
    given = data.identity
    return None if given is None or given.kdp_token is None else Consent(given.kdp_token, given.public_key)


def _dead(result: Result | None) -> bool:
    return isinstance(result, Found) and result.person.alive is False


def _identity(result: Result | None) -> IdentityAnswer:
    if isinstance(result, Found):
        return "confirmed"
    if isinstance(result, NotFound):
        return "not_found"
    if result is None:
        return "off"
    return "away" if isinstance(result, Unanswered) else "no_consent"


def checks_of(event: Incoming, verdict: Verdict | None, result: Result | None = None, zone: ZoneInfo = ZONE) -> Checks:
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
    return Checks(signature, _identity(result), birth_date, attached, dead=_dead(result))
