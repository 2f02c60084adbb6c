"""What the stand-in does with a request: checks it as strictly as the gateway may, and answers as it was told.

The codes of its refusals have the gateway's form; which code means which fault is not public: the numbers are ours.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from homecall.demo.shep import markup
from homecall.demo.shep.answers import Answers, Question, Reply, fault_reply
from homecall.demo.shep.keys import Keys
from homecall.demo.shep.markup import SOAP, TYPES, Element, NotXml, parsed, the_only
from homecall.demo.shep.register import Register
from homecall.demo.shep.says import Says
from homecall.demo.shep.schema import wrong_request
from homecall.demo.shep.wsse import BadSignature, KeyInfo, verified
from homecall.gateways.signatures.dev_authority import ORGANISATION

PERSONS: Final = "GBDFL_UniversalServiceSync"
PERSONS_BY_TOKEN: Final = "GBDFLUniversal_token"
ATTACHMENTS: Final = "MADE_UP_ATTACHMENT"
"""Made up: neither the name nor the form of the real one is public."""
SERVICES: Final = {
    PERSONS: (markup.PERSONS, "Request"),
    PERSONS_BY_TOKEN: (markup.PERSONS, "TokenRequest"),
    ATTACHMENTS: (markup.ATTACHMENT, "Request"),
}
"""The services that it knows, with namespace and type of each one's data."""
_MOST_REMEMBERED: Final = 100_000


@dataclass(frozen=True)
class Access:
    """How a client signs in."""

    sender_id: str = "homecall"
    password: str = field(default="development", repr=False)


@dataclass(frozen=True)
class Asked:
    """A request that passed every check, for who looks at it in a test."""

    service_id: str
    message_id: str
    iin: str
    at: datetime
    route_id: str | None = None
    sender_code: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


class _Refused(Exception):
    """A request that is not carried out, with a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Gateway:
    """One gateway. ``says``: by IIN, what it is told to answer; all others by ``otherwise``.

    ``clock`` None: it lives in the time of its callers, whose clock may be an accelerated one.
    """

    def __init__(
        self,
        keys: Keys,
        register: Register | None = None,
        access: Access | None = None,
        *,
        how: KeyInfo = KeyInfo.IDENTIFIER,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.keys = keys
        self.register = register or Register()
        self.access = access or Access()
        self.answers = Answers(keys, how)
        self.says: Mapping[str, Says] = {}
        self.otherwise = Says.FOUND
        self.slow_seconds = 2.0
        self.asked: deque[Asked] = deque(maxlen=_MOST_REMEMBERED)
        self.refused: deque[str] = deque(maxlen=_MOST_REMEMBERED)
        """Why requests were refused, each as its code and what was wrong."""
        self._clock = clock
        self._seen: dict[str, None] = {}
        self._secret = secrets.token_bytes(32)
        self._one_at_a_time = threading.Lock()

    def consent(self, iin: str) -> tuple[str, str]:
        """A token as the access control of personal data gives it, and the public key beside it."""
        token = hmac.digest(self._secret, iin.encode(), "sha256")
        return base64.b64encode(token).decode(), base64.b64encode(b"public key of the stand-in").decode()

    def take(self, action: str, body: bytes) -> Reply:
        """The reply to a request with that ``SOAPAction``; waits for nothing itself."""
        with self._one_at_a_time:
            try:
                return self._answered(action, body)
            except _Refused as refused:
                self.refused.append(f"{refused.code} {refused.message}")
                return fault_reply(refused.code, refused.message, datetime.now(UTC))

    def _answered(self, action: str, body: bytes) -> Reply:
        envelope = _envelope(action, body)
        self._check_signature(envelope)
        request = _request(envelope)
        asked = self._read(request)
        self._check_access(request)
        self._remember(asked.message_id)
        self.asked.append(asked)
        says = self.says.get(asked.iin, self.otherwise) if self._agreed(request, asked) else Says.NO_CONSENT
        attached = self.register.attachments_of(asked.iin) if asked.service_id == ATTACHMENTS else None
        question = Question(asked.message_id, asked.iin, self.register.of(asked.iin), asked.at, attached)
        reply = self.answers.answer(says, question)
        waits = {Says.SLOW: self.slow_seconds, Says.HANG: float("inf")}
        return replace(reply, wait_seconds=waits.get(says, 0.0))

    def _read(self, request: Element) -> Asked:
        info, data = request.find("requestInfo"), request.find("requestData/data")
        stated = datetime.fromisoformat(info.findtext("messageDate"))
        return Asked(
            service_id=info.findtext("serviceId"),
            message_id=info.findtext("messageId"),
            iin=data.findtext("iin"),
            at=stated if self._clock is None else self._clock(),
            route_id=info.findtext("routeId"),
            sender_code=data.findtext("senderCode") or "",
            properties={each.findtext("key"): each.findtext("value") for each in info.findall("properties")},
        )

    def _agreed(self, request: Element, asked: Asked) -> bool:
        """Whether the service wants no consent, or the token of this person comes with the request."""
        given = tuple(request.findtext(f"requestData/data/{name}") for name in ("kdpToken", "publicKey"))
        return asked.service_id != PERSONS_BY_TOKEN or given == self.consent(asked.iin)

    def _check_signature(self, envelope: Element) -> None:
        try:
            certificate = verified(envelope, [self.keys.authority.certificate], datetime.now(UTC))
        except BadSignature as error:
            raise _Refused("SBF-SIG-1", str(error)) from None
        if not is_organisations(certificate):
            raise _Refused("SBF-SIG-2", "the certificate is of no organisation")

    def _check_access(self, request: Element) -> None:
        sender = request.find("requestInfo/sender")
        sender_id, password = (sender.findtext(name).encode() for name in ("senderId", "password"))
        known = hmac.compare_digest(sender_id, self.access.sender_id.encode())
        if not (hmac.compare_digest(password, self.access.password.encode()) and known):
            raise _Refused("SBF-AD-1", "the sender or its password is wrong")

    def _remember(self, message_id: str) -> None:
        if message_id.lower() in self._seen:
            raise _Refused("SBF-VE-8", "a message with this messageId was sent before")
        self._seen[message_id.lower()] = None
        if len(self._seen) > _MOST_REMEMBERED:
            del self._seen[next(iter(self._seen))]


def _envelope(action: str, body: bytes) -> Element:
    if action.strip('"') != "SendMessage":
        raise _Refused("VAL-1", "SOAPAction is not SendMessage")
    try:
        envelope = parsed(body)
    except NotXml as error:
        raise _Refused("VAL-2", f"the request {error}") from None
    if envelope.tag != f"{{{SOAP}}}Envelope":
        raise _Refused("VAL-2", "the request is no SOAP 1.1 envelope")
    return envelope


def _request(envelope: Element) -> Element:
    """The element ``request`` of a body that the schema allows."""
    body = envelope.find(f"{{{SOAP}}}Body")
    message = the_only(body, TYPES, "SendMessage")
    if message is None or len(body) != 1:
        raise _Refused("VAL-3", "the body is not one SendMessage")
    service_id = message.findtext("request/requestInfo/serviceId") or ""
    if service_id not in SERVICES:
        raise _Refused("FAULT-015", "there is no such service")
    namespace, data_type = SERVICES[service_id]
    wrong = wrong_request(message, data_type, namespace)
    if wrong is not None:
        raise _Refused("VAL-R-004", wrong)
    return message.find("request")


def is_organisations(certificate: x509.Certificate) -> bool:
    """Whether a certificate is one that an organisation signs with."""
    try:
        usages = certificate.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
    except x509.ExtensionNotFound:
        return False
    return isinstance(usages, x509.ExtendedKeyUsage) and ORGANISATION in usages
