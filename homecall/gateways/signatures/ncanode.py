"""RSA and GOST signatures, checked by NCANode (``POST {url}/cms/verify``), which has the certified provider for GOST.

Its answer is required but not sufficient. Gaps found in its code, and how they are closed here:

- ``valid`` stays true without a signer, or if a signer has no certificate: exactly one of each is required, and counted
  in the CMS itself too;
- ``data`` is ignored if the CMS carries its own content: that is compared with ours before NCANode is called;
- revocation is checked only on request, and not at all without a configured OCSP address: an OCSP answer is required,
  and must say that the certificate is not revoked. NCANode says "not revoked" also of a responder that did not answer:
  ``result`` (newer versions) or the text in ``reason`` tells them apart;
- the owner and the purpose of the certificate, and weak digests, are not checked there;
- dates are compared with its own clock: they are compared with ``Signed.at`` too.

A malformed answer counts as no answer: the signature is neither accepted nor refused.
"""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from homecall.gateways.breaker import Breaker
from homecall.gateways.http import TooLong, body_of, client, wrong_address
from homecall.gateways.retry import BreakerOpen, Limits, NoAnswer, retried
from homecall.gateways.signatures.canonical import NotCanonical, canonical
from homecall.gateways.signatures.cms import Refused, opened
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Valid, Verdict
from homecall.runtime.settings import Settings, SettingsError

_MOST_BYTES = 1024 * 1024


_LIMITS = Limits(request_seconds=5.0, backoff_seconds=0.2)
"""Five seconds, since NCANode itself asks the OCSP responder meanwhile."""


# ---------------------------------------------------------------- what it answers


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, strict=True)


class _Revocation(_Part):
    revoked: bool
    by: str
    reason: str | None = None
    result: str | None = None

    @property
    def answered(self) -> bool:
        """Whether a responder was asked and answered."""
        if self.result is not None:
            return self.result == "ACTIVE"
        return self.reason in (None, "", "OK")


class _Subject(_Part):
    iin: str | None = None
    bin: str | None = None


class _Certificate(_Part):
    valid: bool
    revocations: list[_Revocation]
    not_before: AwareDatetime = Field(alias="notBefore", strict=False)
    not_after: AwareDatetime = Field(alias="notAfter", strict=False)
    key_usage: str = Field(alias="keyUsage")
    key_user: list[str] = Field(alias="keyUser")
    subject: _Subject


class _Signer(_Part):
    certificates: list[_Certificate]


class Answer(_Part):
    """The answer of ``/cms/verify`` with status 200, as far as it is used here."""

    valid: bool
    signers: list[_Signer]


class _Error(_Part):
    """The answer to a request that it could not parse."""

    status: Literal[400]
    message: str


def judge(answer: Answer, signed: Signed) -> Verdict:
    """The verdict by NCANode's answer, for a CMS with one signer over our content."""
    if len(answer.signers) != 1 or len(answer.signers[0].certificates) != 1:
        return Invalid("signer", "has no signer with a certificate, or several: the applicant alone must sign")
    certificate = answer.signers[0].certificates[0]
    if any(each.revoked or each.result == "REVOKED" for each in certificate.revocations):
        return Invalid("revocation", "has a certificate that was revoked: sign with another")
    if not certificate.not_before <= signed.at <= certificate.not_after:
        return Invalid("validity", "has a certificate that was not valid at submitted_at: sign with a valid one")
    if certificate.key_usage != "SIGN":
        return Invalid("usage", "has a certificate that is not for signing documents: use the signing key, not AUTH")
    if "INDIVIDUAL" not in certificate.key_user or "ORGANIZATION" in certificate.key_user or certificate.subject.bin:
        return Invalid("individual", "has an organisation's certificate: sign with a natural person's own")
    if certificate.subject.iin != signed.signer_iin:
        return Invalid("iin", "is another person's: the applicant must sign, or the representative who applies (R15)")
    # From here on a failure may be caused by what NCANode depends on.
    if not any(each.by == "OCSP" and each.answered for each in certificate.revocations):
        return Unavailable("NCANode had no answer on revocation (OCSP): look at its log and its ncanode.ocsp settings")
    if not certificate.valid:
        return Invalid("chain", "has a certificate that is expired or from no authority that NCANode trusts")
    if not answer.valid:
        return Invalid("signature", "does not match its certificate's key and the data: sign their RFC 8785 form")
    return Valid()


# ---------------------------------------------------------------- asking


class NcaNode:
    """The port over NCANode. One instance per process and event loop."""

    def __init__(
        self,
        url: str,
        limits: Limits = _LIMITS,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._limits = limits
        self._draw = draw
        self._breaker = Breaker(failures=limits.failures, rest_seconds=limits.rest_seconds, clock=clock)
        self._free = asyncio.Semaphore(limits.at_once)
        self._address = url.rstrip("/") + "/cms/verify"
        self._client = client(at_once=limits.at_once)

    async def start(self) -> None:
        return

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        # In a thread: parsing a CMS takes a millisecond of CPU time each.
        questions = await asyncio.to_thread(lambda: [_question(signed) for signed in batch])
        return await asyncio.gather(*map(self._one, batch, questions))

    async def close(self) -> None:
        await self._client.aclose()

    async def _one(self, signed: Signed, question: dict[str, Any] | Invalid) -> Verdict:
        if isinstance(question, Invalid):
            return question
        try:
            answer = await self._ask(question)
        except NoAnswer as failure:
            return Unavailable(str(failure))
        except Exception as error:  # an error of ours leaves one signature unchecked
            return Unavailable(f"the check by NCANode broke: {type(error).__name__}")
        return answer if isinstance(answer, Invalid) else judge(answer, signed)

    async def _ask(self, question: dict[str, Any]) -> Answer | Invalid:
        """NCANode's answer. Raises ``NoAnswer``."""

        async def call() -> Answer | Invalid:
            async with self._free:
                if not self._breaker.admits():
                    raise BreakerOpen("NCANode failed several times in a row and is left in peace for a while")
                return await self._told(question)

        return await retried(call, self._limits, self._draw)

    async def _told(self, question: dict[str, Any]) -> Answer | Invalid:
        """One call, counted by the breaker: any answer other than NCANode's own errors is a success."""
        try:
            found = await self._exchange(question)
        except NoAnswer as failure:
            self._breaker.failed() if failure.again else self._breaker.succeeded()
            raise
        except BaseException:
            self._breaker.dropped()
            raise
        self._breaker.succeeded()
        return found

    async def _exchange(self, question: dict[str, Any]) -> Answer | Invalid:
        try:
            async with (
                asyncio.timeout(self._limits.request_seconds),
                self._client.stream("POST", self._address, json=question) as response,
            ):
                if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    raise NoAnswer(f"NCANode answers with status {response.status_code}", again=True)
                body = await body_of(response, _MOST_BYTES)
        except TooLong:
            raise NoAnswer("NCANode's answer is longer than 1 MiB") from None
        except TimeoutError:
            raise NoAnswer("NCANode did not answer in time", again=True) from None
        except httpx.TransportError:
            raise NoAnswer("NCANode cannot be reached: see HOMECALL_NCANODE_URL", again=True) from None
        return _read(response.status_code, body)


def _read(status: int, body: bytes) -> Answer | Invalid:
    """Parse an answer. Raises ``NoAnswer`` if it says nothing about this signature."""
    try:
        if status == httpx.codes.OK:
            return Answer.model_validate_json(body)
        if status == httpx.codes.BAD_REQUEST:
            # Its answer to a CMS that it cannot parse, or with the digest of other data.
            _Error.model_validate_json(body)
            return Invalid("form", "cannot be verified by NCANode: sign the RFC 8785 form of the data again")
    except ValidationError:
        raise NoAnswer(f"what answers with status {status} at HOMECALL_NCANODE_URL is no NCANode") from None
    raise NoAnswer(f"NCANode answers with status {status}: see HOMECALL_NCANODE_URL")


def _question(signed: Signed) -> dict[str, Any] | Invalid:
    """The request body; ``Invalid`` for what is no CMS with one signer over our content. Never raises."""
    try:
        content = canonical(signed.value)
        cms = opened(signed.cms, content)
    except NotCanonical as error:
        return Invalid("canonical", str(error), error.path)
    except Refused as refused:
        return refused.verdict
    except Exception:
        return Invalid("form", "cannot be read as a CMS signature: sign again and send its DER in base64")
    return {
        # The bytes that were checked here, so that NCANode does not decode the base64 differently.
        "cms": base64.b64encode(cms.der).decode(),
        "data": base64.b64encode(content).decode(),
        "revocationCheck": ["OCSP", "CRL"],
    }


def ncanode_from(settings: Settings) -> NcaNode:
    """The port over ``HOMECALL_NCANODE_URL``; see ``choice.verifier_from``.

    In production an address other than this machine's must be ``https``: a machine in between could declare any
    signature valid, and read IINs. Errors never repeat the address: it may contain a password.
    """
    url = settings.ncanode_url
    if url is None:
        raise SettingsError("HOMECALL_NCANODE_URL is missing: HOMECALL_SIGNATURES=ncanode needs NCANode's address")
    if wrong_address(url, encrypted=False):
        raise SettingsError(
            "HOMECALL_NCANODE_URL is no plain http or https address: set one as in http://127.0.0.1:14579"
        )
    wrong = wrong_address(url, encrypted=settings.env == "production")
    if wrong:
        raise SettingsError(
            f"HOMECALL_NCANODE_URL: {wrong}: run NCANode beside the service, as in http://127.0.0.1:14579, "
            "or set an https address in front of it"
        )
    return NcaNode(url)
