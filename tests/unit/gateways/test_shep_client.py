"""The e-government gateway in its own form: what is sent, what each answer becomes, and how long anybody waits."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from lxml import etree
from prometheus_client import REGISTRY

from homecall.gateways.identity.port import (
    Attachment,
    Consent,
    Found,
    NoConsent,
    NotFound,
    Result,
    Unavailable,
)
from homecall.gateways.identity.rounds import AskedInRounds
from homecall.gateways.identity.shep.client import ShepRegister
from homecall.gateways.identity.shep.envelope import Sender
from homecall.gateways.identity.shep.names import GOST_DIGESTS, GOST_SIGNATURES
from homecall.gateways.identity.shep.ncanode import NcaNodeSigner, NcaNodeVerifier
from homecall.gateways.identity.shep.profile import Profile, Read
from homecall.gateways.identity.shep.signing import RsaSigner, Signer
from homecall.gateways.identity.shep.verifying import RsaVerifier, Verifier
from homecall.gateways.retry import Limits
from tests.unit.gateways.answering import response
from tests.unit.gateways.shep import (
    BIN,
    DS,
    IIN,
    NOW,
    SOAP,
    WSU,
    Authority,
    Signing,
    answer,
    key,
    message_of,
    person,
    persons,
    signed,
)

GATEWAYS = Authority()
GOOD = Signing(GATEWAYS.issue())
OURS = Authority("Ours", "our authority").issue("ours")
CONSENT = Consent("dG9rZW4tb2YtY29uc2VudA==", "cHVibGljLWtleQ==")
LONG = 30.0
QUICK = Limits(request_seconds=5, backoff_seconds=0.001, failures=1000)

PROFILE: dict[str, Any] = {
    "sender": {"id": "homecall", "password_file": "password", "code": "HOMECALL"},
    "persons": {"service_id": "GBDFL_UniversalServiceSync", "form": "universal"},
    "signing": {"by": "pkcs12", "key_file": "key.p12", "password_file": "key-password"},
    "answers": {"checked_by": "rsa", "trust_store": "trust"},
}
TOKEN = {"persons": {"service_id": "GBDFLUniversal_token", "form": "token"}}
ATTACHED = {
    "attachment": {
        "service_id": "RPN_Attachment",
        "request": {"requestId": "{message_id}", "patientIin": "{iin}"},
        "each": "attachments/attachment",
        "clinic": "organisation/code",
        "territory": "territory/number",
        "attached_from": "beginDate",
        "attached_until": "endDate",
        "result": "result/code",
        "clinics": {"7001": "almaty-7"},
    }
}

Reply = bytes | Exception | Callable[[bytes], Any]


class Gateway(httpx.AsyncBaseTransport):
    """Answers each request with the next reply; the last one stays."""

    def __init__(self, *replies: Reply, status: int = 200) -> None:
        self.replies = list(replies)
        self.status = status
        self.requests: list[bytes] = []
        self.heads: list[httpx.Headers] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.requests.append(body)
        self.heads.append(request.headers)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if callable(reply):
            reply = reply(body)
            if asyncio.iscoroutine(reply):
                reply = await reply
        if isinstance(reply, Exception):
            raise reply
        return response(reply, self.status)


def tells(data: str, signing: Signing = GOOD, **more: Any) -> Callable[[bytes], bytes]:
    """An answer to whatever message comes."""
    return lambda request: signed(answer(data, correlation_id=message_of(request), **more), signing)


FOUND = tells(persons(person()))
FAULT = (
    f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Body><soap:Fault><faultcode>soap:Server</faultcode>'
    "<faultstring>FAULT-015</faultstring></soap:Fault></soap:Body></soap:Envelope>"
).encode()


def port(
    gateway: Gateway,
    *,
    signer: Signer | None = None,
    verifier: Verifier | None = None,
    limits: Limits = QUICK,
    **sections: Any,
) -> AskedInRounds:
    profile = Profile.model_validate({**PROFILE, **sections})
    read = Read(profile, Path(), Sender("homecall", "gateway-password"), Path(), "")
    register = ShepRegister(
        "https://gateway.example.kz/sync",
        read,
        signer or RsaSigner(key("ours"), OURS),
        verifier or RsaVerifier([GATEWAYS.certificate()]),
        now=lambda: NOW,
        transport=gateway,
    )
    return AskedInRounds(register, limits)


async def ask(
    gateway: Gateway,
    *iins: str,
    within: float = LONG,
    consents: dict[str, Consent] | None = None,
    **more: Any,
) -> list[Result]:
    identity = port(gateway, **more)
    try:
        return await identity.look_up(iins or [IIN], within=within, consents=consents)
    finally:
        await identity.close()


async def one(gateway: Gateway, **more: Any) -> Result:
    (result,) = await ask(gateway, **more)
    return result


def untrusted(cause: str) -> float:
    return REGISTRY.get_sample_value("homecall_identity_untrusted_total", {"cause": cause}) or 0.0


# ---------------------------------------------------------------- what is sent


async def test_a_message_is_soap_1_1_signed_with_an_id_of_its_own() -> None:
    gateway = Gateway(FOUND)
    result = await one(gateway)
    assert isinstance(result, Found)
    assert result.attachment == Unavailable("not_asked")
    (request,), (head,) = gateway.requests, gateway.heads
    assert head["soapaction"] == "SendMessage"
    assert head["content-type"] == "text/xml; charset=utf-8"
    root = etree.fromstring(request)
    info = root.find(".//requestInfo")
    data = root.find(".//data")
    assert info is not None
    assert data is not None
    assert [each.tag for each in info] == ["messageId", "serviceId", "messageDate", "sender"]
    assert info.findtext("sender/password") == "gateway-password"
    assert [each.tag for each in data] == ["messageId", "messageDate", "senderCode", "iin"]
    assert data.findtext("messageId") == info.findtext("messageId")
    assert len(list(root.iter(f"{{{DS}}}SignatureValue"))) == 1


async def test_each_try_has_an_id_of_its_own() -> None:
    """The gateway refuses a message that it has seen."""
    gateway = Gateway(FAULT, httpx.ReadError("cut"), FOUND)
    assert isinstance(await one(gateway), Found)
    assert len(gateway.requests) == 3
    assert len({message_of(each) for each in gateway.requests}) == 3


async def test_consent_is_sent_to_the_service_that_wants_it() -> None:
    gateway = Gateway(FOUND)
    assert isinstance(await one(gateway, consents={IIN: CONSENT}, **TOKEN), Found)
    data = etree.fromstring(gateway.requests[0]).find(".//data")
    assert data is not None
    assert [each.tag for each in data] == ["messageId", "messageDate", "senderCode", "iin", "kdpToken", "publicKey"]
    assert data.findtext("kdpToken") == CONSENT.kdp_token
    assert not data.attrib


async def test_the_older_service_gets_no_consent() -> None:
    gateway = Gateway(FOUND)
    assert isinstance(await one(gateway, consents={IIN: CONSENT}), Found)
    assert CONSENT.kdp_token.encode() not in gateway.requests[0]


async def test_without_consent_the_service_that_wants_it_is_not_asked() -> None:
    gateway = Gateway(FOUND)
    assert await one(gateway, **TOKEN) == NoConsent()
    assert gateway.requests == []


# ---------------------------------------------------------------- what an answer becomes


@pytest.mark.parametrize(
    ("reply", "status", "result", "cause"),
    [
        (tells(persons()), 200, NotFound(), ""),
        (tells("", code="SCSE001", message="Физическое лицо не найдено"), 200, NotFound(), ""),
        (tells("", code="SCSE001", message="Согласие не найдено"), 200, NoConsent(), ""),
        (tells("", code="SCSE001", message="Ошибка"), 200, Unavailable("failing"), "scse"),
        (tells("", code="VAL-JSR-001"), 200, Unavailable("refused"), "val"),
        (tells(persons(person("850715200007"))), 200, Unavailable("unreadable"), "other_person"),
        (FAULT, 200, Unavailable("failing"), "fault"),
        (FAULT, 500, Unavailable("failing"), "fault"),
        (FAULT.replace(b"FAULT-015", b"SBF-AD-1"), 500, Unavailable("refused"), "sbf"),
        (b"<html><body>502 Bad Gateway</body></html>", 502, Unavailable("failing"), "http_502"),
        (b"<html><body>Sign in</body></html>", 200, Unavailable("unreadable"), "no_soap"),
        (b"<html><br>Sign in</html>", 200, Unavailable("unreadable"), "malformed"),
        (b"", 200, Unavailable("unreadable"), "malformed"),
        (b"", 404, Unavailable("refused"), "http_404"),
        (b"", 429, Unavailable("failing"), ""),
        (b"x" * 300_000, 200, Unavailable("unreadable"), "too_big"),
        (lambda request: FOUND(request)[:-200], 200, Unavailable("unreadable"), "malformed"),
        (httpx.RemoteProtocolError("cut off in the middle"), 200, Unavailable("unreachable"), ""),
        (httpx.ConnectError("no route"), 200, Unavailable("unreachable"), ""),
    ],
)
async def test_each_answer_becomes_one_result(reply: Reply, status: int, result: Result, cause: str) -> None:
    found = await one(Gateway(reply, status=status))
    assert found == result
    assert cause == (found.cause if isinstance(found, Unavailable) else "")


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (lambda request: FOUND(request).replace("Әлия".encode(), "Алия".encode()), "digest"),
        (tells(persons(person()), Signing(Authority(keys="another").issue())), "authority"),
        (lambda _: signed(answer(persons(person())), GOOD), "other_message"),
        (tells(persons(person()), at=NOW.replace(hour=1)), "stale"),
        (lambda request: FOUND(request).replace(b"ds:Signature", b"ds:Nothing"), "unsigned"),
        (lambda request: b"<!DOCTYPE a>" + FOUND(request), "doctype"),
    ],
)
async def test_what_is_not_the_gateways_is_no_answer_told_and_counted(reply: Reply, cause: str) -> None:
    before = untrusted(cause)
    with structlog.testing.capture_logs() as logs:
        found = await one(Gateway(reply))
    assert isinstance(found, Unavailable)
    assert found.cause == cause
    told = [each for each in logs if each["log_level"] == "error"]
    if cause == "doctype":
        assert found.reason == "unreadable"
        return
    assert found.reason == "untrusted"
    assert untrusted(cause) == before + 1
    assert [(each["event"], each["causes"]) for each in told] == [
        ("answer of the e-government gateway not trusted", [cause])
    ]


async def test_nobody_untrusted_is_asked_again_at_once() -> None:
    gateway = Gateway(tells(persons(person()), Signing(Authority(keys="another").issue())), FOUND)
    assert await one(gateway) == Unavailable("untrusted")
    assert len(gateway.requests) == 1


async def test_a_replayed_answer_is_refused() -> None:
    recorded: list[bytes] = []

    def record(request: bytes) -> bytes:
        recorded.append(FOUND(request))
        return recorded[0]

    assert isinstance(await one(Gateway(record)), Found)
    assert await one(Gateway(recorded[0])) == Unavailable("untrusted")


async def test_logs_tell_of_nobody() -> None:
    with structlog.testing.capture_logs() as logs:
        for reply in (FAULT, b"<html/>", tells(persons(person("850715200007"))), tells("", code="SCSE001")):
            await one(Gateway(reply), consents={IIN: CONSENT}, **TOKEN)
    assert logs
    for word in (IIN, "850715200007", CONSENT.kdp_token, CONSENT.public_key, "Сынақ", "gateway-password"):
        assert str(word) not in str(logs)


# ---------------------------------------------------------------- how long anybody waits


async def hangs(_: bytes) -> bytes:
    await asyncio.sleep(LONG)
    return b""


@pytest.mark.parametrize("within", [0.05, 0.2])
async def test_nobody_waits_longer_than_asked(within: float) -> None:
    gateway = Gateway(hangs)
    identity = port(gateway)
    started = time.monotonic()
    results = await identity.look_up([IIN, "850715200007", "850715100100"], within=within)
    waited = time.monotonic() - started
    await identity.close()
    assert results == [Unavailable("timeout")] * 3
    assert waited < within + 2


async def test_a_call_has_its_own_limit_below_the_round() -> None:
    gateway = Gateway(hangs, FOUND)
    # Half a second: on a busy machine a call that is answered may take a tenth.
    assert isinstance(await one(gateway, time_limit_seconds=0.5), Found)
    assert len(gateway.requests) == 2


async def test_a_gateway_that_is_away_is_not_asked_for_a_while() -> None:
    gateway = Gateway(httpx.ConnectError("no route"))
    limits = replace(QUICK, failures=3, attempts=1)
    identity = port(gateway, limits=limits)
    for _ in range(3):
        assert await identity.look_up([IIN], within=LONG) == [Unavailable("unreachable")]
    assert await identity.look_up([IIN], within=LONG) == [Unavailable("resting")]
    assert len(gateway.requests) == 3
    await identity.close()


async def test_many_are_asked_at_once_and_none_is_lost() -> None:
    iins = ["850715100000", "850715200007", "850715100100", "850715100112"]

    def each(request: bytes) -> bytes:
        iin = etree.fromstring(request).findtext(".//data/iin") or ""
        return tells(persons(person(iin)))(request)

    results = await ask(Gateway(each), *iins, iins[0])
    assert all(isinstance(result, Found) for result in results)
    assert len(results) == 5


# ---------------------------------------------------------------- the register of attached population


def attachments(*each: str, result: str = "00000") -> str:
    inside = "".join(f"<attachment>{one}</attachment>" for one in each)
    return f"<data><result><code>{result}</code></result><attachments>{inside}</attachments></data>"


def attached(code: str = "7001", since: str = "2020-01-01", until: str = "") -> str:
    return (
        f"<organisation><code>{code}</code></organisation><territory><number>12</number></territory>"
        f"<beginDate>{since}</beginDate>{f'<endDate>{until}</endDate>' if until else ''}"
    )


def both(data: str, **more: Any) -> Callable[[bytes], bytes]:
    """Answers the service of persons, and that of attachment with this data."""
    told = tells(data, **more)
    return lambda request: told(request) if b"RPN_Attachment" in request else FOUND(request)


@pytest.mark.parametrize(
    ("reply", "attachment"),
    [
        (both(attachments(attached())), Attachment("almaty-7", "12", date(2020, 1, 1))),
        (
            both(attachments(attached("tal-2", "2021-05-01", "2022-01-01"))),
            Attachment("tal-2", "12", date(2021, 5, 1), date(2022, 1, 1)),
        ),
        (
            both(
                attachments(
                    attached("tal-2", "2027-01-01"),
                    attached(until="2030-01-01"),
                    attached("old", "2001-01-01", "2002-01-01"),
                )
            ),
            Attachment("almaty-7", "12", date(2020, 1, 1), date(2030, 1, 1)),
        ),
        (both(attachments()), None),
        (both("", code="SCSE001", message="Данные по ИИН не найдены"), None),
        (both("", code="SCSE001", message="Нет согласия"), Unavailable("no_consent")),
        (both("", code="SCSE001", message="Ошибка"), Unavailable("failing")),
        (both(attachments(result="9")), Unavailable("failing")),
        (both(attachments(attached(since="01.01.2020"))), Unavailable("unreadable")),
        (both(attachments(attached(until="later"))), Unavailable("unreadable")),
        (both(attachments(attached(code=""))), Unavailable("unreadable")),
        (both(attachments(attached()), at=NOW.replace(hour=1)), Unavailable("untrusted")),
    ],
)
async def test_the_attachment_is_read_by_the_table(reply: Reply, attachment: Attachment | Unavailable | None) -> None:
    result = await one(Gateway(reply), **ATTACHED)
    assert isinstance(result, Found)
    assert result.attachment == attachment


async def test_the_request_for_an_attachment_is_built_by_the_table() -> None:
    gateway = Gateway(both(attachments(attached())))
    await one(gateway, **ATTACHED)
    root = etree.fromstring(gateway.requests[1])
    data = root.find(".//data")
    assert data is not None
    assert root.findtext(".//serviceId") == "RPN_Attachment"
    assert [(each.tag, each.text) for each in data] == [
        ("requestId", message_of(gateway.requests[1])),
        ("patientIin", IIN),
    ]


# ---------------------------------------------------------------- NCANode


class NcaNode(httpx.AsyncBaseTransport):
    """Signs as NCANode does, with RSA in place of GOST, under the names of GOST; calls valid what it is told to."""

    def __init__(self, verdict: Any = None, change: Callable[[str], str] = lambda xml: xml, status: int = 200) -> None:
        self.verdict = verdict
        self.change = change
        self.status = status
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        question = json.loads(await request.aread())
        path = request.url.path
        self.asked.append((path, question))
        if path == "/wsse/sign":
            xml = question["xml"].replace("id-", "id-own-", 1).replace("<soap:Header>", "<soap:Header><signed/>")
            return response({"status": 200, "xml": self.change(xml)}, self.status)
        return response(self.verdict, self.status)


MORE: dict[str, Any] = {"seconds": 5.0, "at_once": 2}
GOST = min(GOST_SIGNATURES), min(GOST_DIGESTS)
AS_GOST = replace(GOOD, method=GOST[0], digest_method=GOST[1])
BY_GOST = tells(persons(person()), AS_GOST)
VALID = {"status": 200, "valid": True, "signers": [{"valid": True, "subject": {"bin": BIN}}]}
IN_CMS_FORM = {"valid": True, "signers": [{"certificates": [{"valid": True, "subject": {"bin": BIN}}]}]}


def through(node: NcaNode, bin_: str | None = BIN, revocation: Sequence[str] = ()) -> NcaNodeVerifier:
    return NcaNodeVerifier("http://127.0.0.1:14579", bin_, revocation, transport=node, **MORE)


async def test_ncanode_signs_what_it_is_given() -> None:
    node = NcaNode()
    signer = NcaNodeSigner("http://127.0.0.1:14579/", b"bundle", "pw", transport=node, **MORE)
    gateway = Gateway(FOUND)
    assert isinstance(await one(gateway, signer=signer), Found)
    ((path, question),) = node.asked
    assert path == "/wsse/sign"
    assert (question["key"], question["password"]) == ("YnVuZGxl", "pw")
    assert b"<signed" in gateway.requests[0]
    body = etree.fromstring(gateway.requests[0]).find(f"{{{SOAP}}}Body")
    assert body is not None
    assert str(body.get(f"{{{WSU}}}Id")).startswith("id-own-")


@pytest.mark.parametrize(
    ("node", "cause"),
    [
        (NcaNode(change=lambda xml: xml.replace(IIN, "850715200007")), "ncanode_other_body"),
        (NcaNode(change=lambda _: "<html/>"), "ncanode_unreadable"),
        (NcaNode(change=lambda _: ""), "ncanode_unreadable"),
        (NcaNode(status=400), "ncanode_refused"),
        (NcaNode(status=500), "ncanode_refused"),
    ],
)
async def test_what_ncanode_does_not_sign_is_not_sent(node: NcaNode, cause: str) -> None:
    signer = NcaNodeSigner("http://127.0.0.1:14579", b"bundle", "pw", transport=node, **MORE)
    gateway = Gateway(FOUND)
    found = await one(gateway, signer=signer)
    assert found == Unavailable("broken")
    assert isinstance(found, Unavailable)
    assert found.cause == cause
    assert gateway.requests == []


@pytest.mark.parametrize("verdict", [VALID, IN_CMS_FORM])
async def test_ncanode_checks_gost(verdict: Any) -> None:
    node = NcaNode(verdict)
    result = await one(Gateway(BY_GOST), verifier=through(node, revocation=["OCSP"]))
    assert isinstance(result, Found)
    assert node.asked[0][1]["revocationCheck"] == ["OCSP"]


@pytest.mark.parametrize(
    ("verdict", "result", "cause"),
    [
        ({**VALID, "valid": False}, "untrusted", "signature"),
        ({**VALID, "signers": []}, "untrusted", "signer"),
        ({"valid": True}, "untrusted", "signer"),
        ({**VALID, "signers": VALID["signers"] * 2}, "untrusted", "signer"),
        ({**VALID, "signers": [{"valid": False, "subject": {"bin": BIN}}]}, "untrusted", "authority"),
        ({**VALID, "signers": [{"valid": True, "subject": {"iin": IIN}}]}, "untrusted", "owner"),
        ({**VALID, "signers": [{"valid": True}]}, "untrusted", "owner"),
        ([], "failing", "ncanode_unreadable"),
        (b"<html/>", "failing", "ncanode_unreadable"),
    ],
)
async def test_what_ncanode_does_not_call_valid_is_no_answer(verdict: Any, result: str, cause: str) -> None:
    found = await one(Gateway(BY_GOST), verifier=through(NcaNode(verdict)))
    assert isinstance(found, Unavailable)
    assert (found.reason, found.cause) == (result, cause)


async def test_ncanode_is_not_asked_about_an_answer_in_another_form() -> None:
    """It would call a signature valid that is over something else than the Body."""
    node = NcaNode(VALID)

    def wrapped(request: bytes) -> bytes:
        return BY_GOST(request).replace(b"<soap:Body ", b"<soap:Body/><soap:Body ", 1)

    assert await one(Gateway(wrapped), verifier=through(node)) == Unavailable("untrusted")
    assert node.asked == []


async def test_gost_is_not_believed_without_ncanode() -> None:
    found = await one(Gateway(BY_GOST))
    assert isinstance(found, Unavailable)
    assert (found.reason, found.cause) == ("untrusted", "algorithm")
