"""Online revocation (OCSP, RFC 6960): the authority's own responder is asked about each certificate.

pyHanko makes the request and checks the answer: who signed it, for which certificate, and whether it was still valid.
This module calls the responder within limits, and handles a missing answer.

No clock is read: an answer counts if it had not expired at the time in question (R1), and was made while the
certificate was valid, since a responder may forget expired certificates.
Loaded only by the workers of ``rsa_pool``, if OCSP is configured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx
from asn1crypto import ocsp as asn1_ocsp  # type: ignore[import-untyped]  # ships no types
from asn1crypto import x509 as asn1_x509
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import (
    OCSPFetchError,
    OCSPNoMatchesError,
    OCSPValidationError,
    OCSPValidationIndeterminateError,
    RevokedError,
)
from pyhanko_certvalidator.fetchers.common_utils import format_ocsp_request, process_ocsp_response_data
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import NO_REVOCATION, CertRevTrustPolicy
from pyhanko_certvalidator.revinfo.validate_ocsp import verify_ocsp_response

from homecall.gateways.breaker import Breaker
from homecall.gateways.http import TooLong, body_of, client
from homecall.gateways.retry import Limits

_MOST_BYTES = 64 * 1024
_STRONG = frozenset({"sha256", "sha384", "sha512"})
"""The digests with which an answer may be signed."""
_MOST_RESPONDERS = 2
"""Of the addresses that a certificate names, so many are tried."""


LIMITS = Limits(request_seconds=4.0, failures=5)
"""Of one responder; each is called once for a question."""


class Unanswered(Exception):
    """No usable answer, and why; ``for_good``: no later answer can be usable either."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


class Ocsp:
    """Asks the responder at ``address``, or, without one, those that each certificate names. For one event loop."""

    def __init__(
        self, address: str | None, limits: Limits = LIMITS, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._address = address
        self._limits = limits
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._client: httpx.AsyncClient | None = None

    async def verdict(
        self, certificate: asn1_x509.Certificate, path: ValidationPath, at: datetime
    ) -> Literal["revoked", "good"]:
        """Whether a certificate of a path that has been found sound was revoked at that time. Raises ``Unanswered``."""
        addresses = [self._address] if self._address else self.named_in(certificate)
        failure = Unanswered("a certificate names no OCSP responder: set HOMECALL_OCSP to its authority's")
        for address in addresses[:_MOST_RESPONDERS]:
            try:
                return await self._judged(await self._fetched(address, certificate, path), certificate, path, at)
            except Unanswered as latest:
                failure = latest
                if latest.for_good:
                    break
        raise failure

    @staticmethod
    def named_in(certificate: asn1_x509.Certificate) -> list[str]:
        """The responders that a certificate names."""
        return [url for url in certificate.ocsp_urls if url.lower().startswith(("http://", "https://"))]

    async def _fetched(
        self, address: str, certificate: asn1_x509.Certificate, path: ValidationPath
    ) -> asn1_ocsp.OCSPResponse:
        issuer = path.find_issuing_authority(certificate)
        # SHA-1 only identifies the issuer, and every responder understands it.
        asked = format_ocsp_request(certificate, issuer, certid_hash_algo="sha1", request_nonces=True)
        breaker = self._breakers.setdefault(
            address, Breaker(failures=self._limits.failures, rest_seconds=self._limits.rest_seconds, clock=self._clock)
        )
        if not breaker.admits():
            raise Unanswered("the OCSP responder failed several times in a row and is left in peace for a while")
        try:
            body = await self._exchange(address, asked.dump())
        except Unanswered:
            breaker.failed()
            raise
        except BaseException:
            breaker.dropped()
            raise
        breaker.succeeded()
        try:
            return process_ocsp_response_data(body, ocsp_request=asked, ocsp_url="the responder")
        except (OCSPFetchError, OCSPValidationError, ValueError) as error:
            raise Unanswered("what the OCSP responder answers is no answer") from error

    async def _exchange(self, address: str, question: bytes) -> bytes:
        if self._client is None:
            self._client = client(
                at_once=32,
                headers={"content-type": "application/ocsp-request", "accept": "*/*"},
                # A reused connection that the responder has closed would look like an outage.
                idle_seconds=0,
            )
        try:
            async with (
                asyncio.timeout(self._limits.request_seconds),
                self._client.stream("POST", address, content=question) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise Unanswered(f"the OCSP responder answers with status {response.status_code}")
                return await body_of(response, _MOST_BYTES)
        except TooLong:
            raise Unanswered("the OCSP responder's answer is longer than 64 KiB") from None
        except TimeoutError:
            raise Unanswered("the OCSP responder did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            raise Unanswered("the OCSP responder cannot be reached") from None

    async def _judged(
        self, response: asn1_ocsp.OCSPResponse, certificate: asn1_x509.Certificate, path: ValidationPath, at: datetime
    ) -> Literal["revoked", "good"]:
        single = _about(response, certificate)
        made_at: datetime = single["this_update"].native
        # An answer may be newer than that time: it says when the certificate was revoked. Then it must be valid at its
        # own start; else it must not have expired by that time.
        moment = max(at, made_at)
        context = ValidationContext(
            trust_roots=[path.trust_anchor],
            # An intermediate authority may sign answers itself, without including its certificate.
            other_certs=list(path.iter_certs(False)),
            moment=moment,
            allow_fetching=False,
            ocsps=[response],
            revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
            time_tolerance=timedelta(0),
        )
        try:
            await verify_ocsp_response(certificate, path, context)
        except RevokedError as error:
            return "revoked" if error.revocation_dt <= at else "good"
        except (OCSPNoMatchesError, OCSPValidationIndeterminateError, OCSPValidationError, ValueError) as error:
            reason = "is stale" if getattr(error, "suspect_stale", None) else "cannot be trusted or does not know"
            raise Unanswered(f"the OCSP responder's answer {reason}") from error
        if not _remembers(single, certificate, made_at):
            raise Unanswered(
                "the OCSP responder's answer is from after the certificate's end and tells nothing about it",
                for_good=True,
            )
        return "good"

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _about(response: Any, certificate: asn1_x509.Certificate) -> Any:
    """The part of an answer about this certificate; not trusted until the signature is verified."""
    try:
        basic = response["response_bytes"]["response"].parsed
        if basic["signature_algorithm"].hash_algo not in _STRONG:
            raise Unanswered("the OCSP responder's answer cannot be trusted: it is signed with a weak digest")
        parts = basic["tbs_response_data"]["responses"]
        named = [each for each in parts if each["cert_id"]["serial_number"].native == certificate.serial_number]
        if len(named) == 1 and named[0]["this_update"].native is not None:
            return named[0]
    except (ValueError, TypeError, KeyError) as error:
        raise Unanswered("what the OCSP responder answers is no answer") from error
    raise Unanswered("the OCSP responder's answer cannot be trusted or does not know")


def _remembers(single: Any, certificate: asn1_x509.Certificate, made_at: datetime) -> bool:
    """Whether "good" is meaningful: the answer is older than the certificate's end, or the responder keeps certificates
    that expired that long ago (RFC 6960, 4.4.4).
    """
    if made_at <= certificate.not_valid_after:
        return True
    try:
        cutoff = single.archive_cutoff_value
        kept_since = None if cutoff is None else cutoff.native
    except (ValueError, TypeError):
        return False
    return kept_since is not None and kept_since <= certificate.not_valid_after
