"""The register of persons and that of attached population, asked on the synchronous channel of the gateway."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from homecall.contract.types import ZONE
from homecall.gateways.http import TooLong, body_of, client, wrong_address
from homecall.gateways.identity.port import Attachment, Identity, NoConsent, NotFound, Person, Unavailable
from homecall.gateways.identity.rounds import Asked, AskedInRounds
from homecall.gateways.identity.shep.answers import Answer, answer_in, failure, fault_in, person_in
from homecall.gateways.identity.shep.attachment import attachment_in, fields_of, needs_consent
from homecall.gateways.identity.shep.envelope import CONTENT_TYPE, SOAP_ACTION, Question, Route, envelope, written_time
from homecall.gateways.identity.shep.ncanode import NcaNodeSigner, NcaNodeVerifier
from homecall.gateways.identity.shep.profile import SETTING, Read, read_profile
from homecall.gateways.identity.shep.signing import NotSigned, Signer, rsa_signer
from homecall.gateways.identity.shep.structure import Untrusted
from homecall.gateways.identity.shep.structure import body_of as body_in
from homecall.gateways.identity.shep.verifying import RsaVerifier, Verifier, authorities_in
from homecall.gateways.identity.shep.xml import MOST_BYTES, BadXml, parsed
from homecall.gateways.retry import Limits, NoAnswer
from homecall.gateways.signatures.revocation import RevocationLists
from homecall.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    import httpx

_UNIVERSAL_TYPE: Final = "{http://message.persistence.interactive.nat}Request"
"""The ``xsi:type`` of the older service of persons."""
_PERSON_FIELDS: Final = {
    "messageId": "message_id",
    "messageDate": "message_date",
    "senderCode": "sender_code",
    "iin": "iin",
}
_CONSENT_FIELDS: Final = {"kdpToken": "kdp_token", "publicKey": "public_key"}
_HEADERS: Final = {"accept": "text/xml", "content-type": CONTENT_TYPE, "soapaction": SOAP_ACTION}


class ShepRegister:
    """One call at a time: built, signed, sent, verified, read. Each has a ``messageId`` of its own.

    ``now`` is the world's time: certificates, and the gateway, know no other.
    """

    def __init__(
        self,
        address: str,
        read: Read,
        signer: Signer,
        verifier: Verifier,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        profile = read.profile
        self._address = address
        self._profile = profile
        self._sender = read.sender
        self._signer = signer
        self._verifier = verifier
        self._now = now
        self.new_id: Callable[[], str] = lambda: str(uuid.uuid4())
        """Makes the ``messageId`` of each message."""
        self._persons = profile.persons.route(_UNIVERSAL_TYPE if profile.persons.form == "universal" else None)
        self._attachment = None if profile.attachment is None else profile.attachment.route()
        self._tolerance = timedelta(seconds=profile.answers.tolerance_seconds)
        self._client = client(at_once=profile.at_once, headers=_HEADERS, transport=transport)

    def person_without_call(self, asked: Asked) -> NoConsent | None:
        """The service with consent is not asked without one: it would only refuse."""
        return NoConsent() if self._profile.persons.form == "token" and asked.consent is None else None

    def attachment_without_call(self, asked: Asked) -> Unavailable | None:
        section = self._profile.attachment
        if section is None:
            return Unavailable("not_asked")
        return Unavailable("no_consent") if needs_consent(section) and asked.consent is None else None

    async def person(self, asked: Asked) -> Person | NotFound | NoConsent:
        def fields(values: Mapping[str, str]) -> dict[str, str]:
            names = _PERSON_FIELDS | (_CONSENT_FIELDS if self._profile.persons.form == "token" else {})
            return {name: values[value] for name, value in names.items() if value in values}

        answer = await self._answer(asked, self._persons, fields)
        with _as_no_answer():
            return person_in(answer, asked.iin, self._profile.meanings, self._today())

    async def attachment(self, asked: Asked) -> Attachment | Unavailable | None:
        section, route = self._profile.attachment, self._attachment
        assert section is not None
        assert route is not None
        answer = await self._answer(asked, route, lambda values: fields_of(section, values))
        with _as_no_answer():
            return attachment_in(answer, section, self._profile.meanings, self._today())

    async def close(self) -> None:
        await self._client.aclose()
        await self._signer.close()
        await self._verifier.close()

    def _today(self) -> date:
        return self._now().astimezone(ZONE).date()

    async def _answer(
        self, asked: Asked, route: Route, fields: Callable[[Mapping[str, str]], dict[str, str]]
    ) -> Answer:
        """The answer to one message, as the gateway signed it. Raises ``NoAnswer``."""
        message_id, at = self.new_id(), self._now()
        values = {
            "message_id": message_id,
            "message_date": written_time(at),
            "sender_code": self._profile.sender.code,
            "iin": asked.iin,
            **_consent(asked),
        }
        request = envelope(Question(message_id, at, fields(values)), self._sender, route)
        try:
            async with asyncio.timeout(self._profile.time_limit_seconds):
                status, document = await self._exchange(await self._signer.sign(request))
                with _as_no_answer():
                    _raise_fault(status, document)
                    body = await self._verifier.verified(document, self._now())
                    return answer_in(body, message_id, self._now(), self._tolerance)
        except NotSigned as problem:
            raise NoAnswer("broken", again=problem.again, cause=str(problem)) from None
        except TimeoutError:
            raise NoAnswer("timeout", again=True) from None

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of an answer. Raises ``NoAnswer``."""
        import httpx

        try:
            async with self._client.stream("POST", self._address, content=request) as response:
                status = response.status_code
                if status == httpx.codes.TOO_MANY_REQUESTS:
                    raise NoAnswer("failing", again=True)
                if status < httpx.codes.INTERNAL_SERVER_ERROR and status != httpx.codes.OK:
                    raise NoAnswer("refused", cause=f"http_{status}")
                return status, await body_of(response, MOST_BYTES)
        except TooLong:
            raise NoAnswer("unreadable", cause="too_big") from None
        except httpx.TransportError:
            raise NoAnswer("unreachable", again=True) from None


def _consent(asked: Asked) -> dict[str, str]:
    if asked.consent is None:
        return {}
    key = asked.consent.public_key
    return {"kdp_token": asked.consent.kdp_token, **({} if key is None else {"public_key": key})}


def _raise_fault(status: int, document: bytes) -> None:
    """Raises ``NoAnswer`` for a SOAP fault, and for whatever comes with an error's status."""
    if status != 200 or b"Fault" in document:
        try:
            code = fault_in(body_in(parsed(document)))
        except (BadXml, Untrusted):
            code = None
        if code is not None:
            raise failure(code)
    if status != 200:
        raise NoAnswer("failing", again=True, cause=f"http_{status}")


@contextmanager
def _as_no_answer() -> Iterator[None]:
    """What cannot be read or believed is no answer."""
    try:
        yield
    except BadXml as problem:
        raise NoAnswer("unreadable", cause=str(problem)) from None
    except Untrusted as problem:
        raise NoAnswer("untrusted", cause=str(problem)) from None


# ---------------------------------------------------------------- from the settings

_WAY_OUT = "set an address as in shep+https://gateway.example.kz/bip-sync-wss-gost/"


def shep_from(settings: Settings, address: str) -> Identity:
    """The port of ``HOMECALL_IDENTITY=shep+…``. Raises ``SettingsError`` in one line, which repeats no secret."""
    wrong = wrong_address(address, encrypted=settings.env == "production")
    if wrong:
        raise SettingsError(f"HOMECALL_IDENTITY: {wrong}: {_WAY_OUT}")
    if settings.identity_shep_file is None:
        raise SettingsError(f"{SETTING} is missing: HOMECALL_IDENTITY=shep+… needs it, see docs/operations.md")
    read = read_profile(settings.identity_shep_file)
    profile = read.profile
    ncanode = _ncanode(settings) if "ncanode" in (profile.signing.by, profile.answers.checked_by) else ""
    register = ShepRegister(address, read, _signer(read, ncanode), _verifier(read, ncanode))
    limits = Limits(
        request_seconds=profile.time_limit_seconds, at_once=profile.at_once, failures=max(10, profile.at_once + 2)
    )
    return AskedInRounds(register, limits)


def _signer(read: Read, ncanode: str) -> Signer:
    profile = read.profile
    try:
        if profile.signing.by == "pkcs12":
            return rsa_signer(read.key_file, read.key_password)
        bundle = read.key_file.read_bytes()
    except (ValueError, OSError) as error:
        told = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise SettingsError(f"{SETTING}: signing.key_file {told}") from None
    return NcaNodeSigner(
        ncanode, bundle, read.key_password, seconds=profile.time_limit_seconds, at_once=profile.at_once
    )


def _verifier(read: Read, ncanode: str) -> Verifier:
    profile, answers = read.profile, read.profile.answers
    if answers.checked_by == "ncanode":
        return NcaNodeVerifier(
            ncanode, answers.bin, answers.revocation, seconds=profile.time_limit_seconds, at_once=profile.at_once
        )
    assert answers.trust_store is not None
    try:
        authorities = authorities_in(read.place(answers.trust_store))
    except ValueError as error:
        raise SettingsError(f"{SETTING}: answers.trust_store {error}") from None
    lists = None if answers.crls is None else RevocationLists(read.place(answers.crls))
    return RsaVerifier(authorities, answers.bin, lists)


def _ncanode(settings: Settings) -> str:
    """NCANode's address. It gets our key, so in production it is here, or https."""
    url = settings.ncanode_url
    if url is None:
        raise SettingsError(f"HOMECALL_NCANODE_URL is missing: {SETTING} asks for NCANode")
    wrong = wrong_address(url, encrypted=settings.env == "production")
    if wrong:
        raise SettingsError(f"HOMECALL_NCANODE_URL: {wrong}: set one as in http://127.0.0.1:14579")
    return url
