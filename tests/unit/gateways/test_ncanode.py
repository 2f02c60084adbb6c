"""NCANode says more than it knows: each hole in its answers, and what happens when it gives none.

The stand-in answers as NCANode does: ``valid`` for a CMS without signers, no word on whose certificate it is, "not
revoked" when nobody was asked.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from homecall.gateways.signatures.ncanode import Limits, NcaNode
from homecall.gateways.signatures.port import Invalid, Unavailable, Valid, Verdict
from tests.unit.gateways.signing import AIGUL, AT, BOLAT, DATA, as_json, authority, by_hand, content, signed

GOOD = signed(authority().sign(DATA, AIGUL))
Body = dict[str, Any]


def when(days: float) -> str:
    return (AT.astimezone(UTC) + timedelta(days=days)).isoformat(timespec="milliseconds")


def revocation(by: str, **over: Any) -> Body:
    return {"revoked": False, "by": by, "revocationTime": None, "reason": "OK" if by == "OCSP" else None} | over


def certificate(**over: Any) -> Body:
    subject = {"commonName": "ҮЛГІ АЙГҮЛ", "iin": AIGUL, "country": "KZ", "dn": f"SERIALNUMBER=IIN{AIGUL}"}
    return {
        "valid": True,
        "revocations": [revocation("CRL"), revocation("OCSP")],
        "notBefore": when(-9),
        "notAfter": when(9),
        "keyUsage": "SIGN",
        "serialNumber": "77",
        "signAlg": "ECGOST3410-2015-512",
        "keyUser": ["INDIVIDUAL"],
        "subject": subject | over.pop("subject", {}),
        "issuer": {"commonName": "ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (GOST)"},
    } | over


def answer(*certificates: Body, **over: Any) -> Body:
    return {"status": 200, "message": "OK", "valid": True, "signers": [{"certificates": list(certificates)}]} | over


class StandIn:
    """A server at which tests say what it answers, and see what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Body] = []
        self.heard = threading.Semaphore(0)
        """Released by each question."""
        self.at_once = self.most_at_once = 0
        self._counting = threading.Lock()
        self.replies: list[tuple[int, bytes]] = []
        self.reply: tuple[int, bytes] = (200, json.dumps(answer(certificate())).encode())
        self.hold: threading.Event | None = None
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, sent = stand_in.heard_of({"path": self.path, **body})
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def heard_of(self, question: Body) -> tuple[int, bytes]:
        with self._counting:
            self.asked.append(question)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.heard.release()
        if self.hold is not None:
            self.hold.wait(30)
        with self._counting:
            self.at_once -= 1
            return self.replies.pop(0) if self.replies else self.reply

    async def until_asked(self, times: int) -> None:
        for _ in range(times):
            assert await asyncio.to_thread(self.heard.acquire, timeout=30)

    def says(self, body: Any, status: int = 200) -> None:
        self.reply = (status, body if isinstance(body, bytes) else json.dumps(body).encode())


class Monotonic:
    """A clock that stands until it is moved."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    if made.hold is not None:
        made.hold.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def clock() -> Monotonic:
    return Monotonic()


@pytest.fixture
async def node(stand_in: StandIn, clock: Monotonic) -> AsyncIterator[NcaNode]:
    made = NcaNode(stand_in.url + "/", Limits(attempts=1, failures=3, at_once=2), clock=clock)
    yield made
    await made.close()


def kind(verdict: Verdict) -> str:
    """The check that failed, ``valid`` or ``away``; and nothing personal in what it says."""
    if isinstance(verdict, Valid):
        return "valid"
    said = verdict.reason if isinstance(verdict, Unavailable) else verdict.message
    assert "\n" not in said
    assert AIGUL not in said
    return "away" if isinstance(verdict, Unavailable) else verdict.check


async def test_it_is_asked_about_the_canonical_form_and_revocation(node: NcaNode, stand_in: StandIn) -> None:
    assert await node.verify([GOOD]) == [Valid()]
    assert stand_in.asked == [
        {
            "path": "/cms/verify",
            "cms": GOOD.cms,
            "data": base64.b64encode(content()).decode(),
            "revocationCheck": ["OCSP", "CRL"],
        }
    ]


ANSWERS: dict[str, tuple[str, Body]] = {
    "a good one": ("valid", answer(certificate())),
    "a good one of a newer NCANode": (
        "valid",
        answer(
            certificate(
                revocations=[revocation("CRL", result="UNAVAILABLE"), revocation("OCSP", result="ACTIVE", reason=None)]
            )
        ),
    ),
    "valid, without signers": ("signer", answer(certificate(), signers=[])),
    "valid, a signer without certificates": ("signer", answer()),
    "valid, two certificates": ("signer", answer(certificate(), certificate())),
    "valid, two signers": ("signer", answer(signers=[{"certificates": [certificate()]}] * 2)),
    "valid, another person": ("iin", answer(certificate(subject={"iin": BOLAT}))),
    "valid, nobody": ("iin", answer(certificate(subject={"iin": None}))),
    "valid, an organisation": ("individual", answer(certificate(keyUser=["ORGANIZATION", "CEO"]))),
    "valid, an organisation too": ("individual", answer(certificate(keyUser=["INDIVIDUAL", "ORGANIZATION"]))),
    "valid, with a BIN": ("individual", answer(certificate(subject={"bin": "850740000001"}))),
    "valid, of no kind": ("individual", answer(certificate(keyUser=[]))),
    "valid, for signing in": ("usage", answer(certificate(keyUsage="AUTH"))),
    "valid, for nothing known": ("usage", answer(certificate(keyUsage="UNKNOWN"))),
    "valid, revoked by OCSP": (
        "revocation",
        answer(certificate(revocations=[revocation("CRL"), revocation("OCSP", revoked=True)])),
    ),
    "valid, revoked by CRL": (
        "revocation",
        answer(certificate(revocations=[revocation("CRL", revoked=True), revocation("OCSP")])),
    ),
    "valid, revoked by its result": (
        "revocation",
        answer(certificate(revocations=[revocation("OCSP"), revocation("CRL", result="REVOKED")])),
    ),
    "valid, expired at the request": ("validity", answer(certificate(notAfter=when(-0.001)))),
    "valid, not yet valid at the request": ("validity", answer(certificate(notBefore=when(0.001)))),
    "valid, nobody asked about revocation": ("away", answer(certificate(revocations=[]))),
    "valid, OCSP not asked": ("away", answer(certificate(revocations=[revocation("CRL")]))),
    "valid, OCSP away": ("away", answer(certificate(revocations=[revocation("OCSP", reason="Connection refused")]))),
    "valid, OCSP unknown": ("away", answer(certificate(revocations=[revocation("OCSP", result="UNKNOWN")]))),
    "invalid for OCSP's sake": (
        "away",
        answer(certificate(valid=False, revocations=[revocation("OCSP", result="UNAVAILABLE")]), valid=False),
    ),
    "an untrusted certificate": ("chain", answer(certificate(valid=False), valid=False)),
    "an untrusted certificate, yet valid": ("chain", answer(certificate(valid=False))),
    "a bad signature": ("signature", answer(certificate(), valid=False)),
    "another shape: no valid": ("away", {"signers": [{"certificates": [certificate()]}]}),
    "another shape: valid is a text": ("away", answer(certificate(), valid="true")),
    "another shape: no signers": ("away", {"status": 200, "valid": True}),
    "another shape: no revocations": ("away", answer({**certificate(), "revocations": None})),
    "another shape: no subject": ("away", answer({**certificate(), "subject": None})),
    "another shape: a date without an offset": ("away", answer(certificate(notAfter="2027-01-01T00:00:00"))),
    "another shape: one certificate for the list": ("away", answer(signers=[{"certificates": certificate()}])),
}


@pytest.mark.parametrize(("expected", "body"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_its_word_does_not_suffice(node: NcaNode, stand_in: StandIn, expected: str, body: Body) -> None:
    stand_in.says(body)
    assert [kind(verdict) for verdict in await node.verify([GOOD])] == [expected]


@pytest.mark.parametrize("offset", [".000+00:00", ".000+0000", "Z", "+05:00"])
async def test_dates_as_its_versions_write_them(node: NcaNode, stand_in: StandIn, offset: str) -> None:
    stand_in.says(
        answer(certificate(notBefore="2026-01-01T00:00:00" + offset, notAfter="2027-01-01T00:00:00" + offset))
    )
    assert await node.verify([GOOD]) == [Valid()]


def _carried() -> str:
    other = content(DATA | {"clinic_id": "almaty-2"})
    return authority().sign_bytes(other, authority().individual(AIGUL), detached=False)


NOT_ASKED: dict[str, tuple[str, Callable[[], str]]] = {
    "content that differs": ("content", _carried),
    "no signer": ("signer", lambda: by_hand(content(), authority().individual(AIGUL), signers=0)),
    "two signers": ("signer", lambda: by_hand(content(), authority().individual(AIGUL), signers=2)),
    "no certificate": ("signer", lambda: by_hand(content(), authority().individual(AIGUL), certificates=[])),
    "SHA-1": ("algorithm", lambda: by_hand(content(), authority().individual(AIGUL), digest="sha1")),
    "cut": ("form", lambda: GOOD.cms[:-8]),
    "nothing": ("form", lambda: ""),
    "more after its end": ("form", lambda: base64.b64encode(base64.b64decode(GOOD.cms) + b"\x00").decode()),
}


@pytest.mark.parametrize(("check", "make"), NOT_ASKED.values(), ids=NOT_ASKED.keys())
async def test_what_it_would_overlook_is_not_even_asked(
    node: NcaNode, stand_in: StandIn, check: str, make: Callable[[], str]
) -> None:
    assert [kind(verdict) for verdict in await node.verify([signed(make())])] == [check]
    assert stand_in.asked == []


async def test_data_without_a_canonical_form_are_refused_with_their_field(node: NcaNode, stand_in: StandIn) -> None:
    (verdict,) = await node.verify([signed(GOOD.cms, as_json(DATA)[:-1] + b',"patient":{}}')])
    assert isinstance(verdict, Invalid)
    assert (verdict.check, verdict.path) == ("canonical", "patient")
    assert stand_in.asked == []


@pytest.mark.parametrize(
    "cms",
    [
        by_hand(
            content(), authority().individual(AIGUL), digest="1.2.398.3.10.1.3.3", mechanism="1.2.398.3.10.1.1.2.3.2"
        ),
        authority().sign_bytes(content(), authority().individual(AIGUL), detached=False),
        "\n".join(GOOD.cms[start : start + 76] for start in range(0, len(GOOD.cms), 76)),
    ],
    ids=["GOST", "carries exactly our content", "in lines"],
)
async def test_what_it_can_judge_is_asked_in_plain_base64(node: NcaNode, stand_in: StandIn, cms: str) -> None:
    assert await node.verify([signed(cms)]) == [Valid()]
    assert stand_in.asked[0]["cms"] == "".join(cms.split())


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"status": 400, "message": "message-digest attribute value does not match"}, "form"),
        (400, {"error": "Bad Request"}, "away"),
        (400, b"<html>", "away"),
        (200, b"", "away"),
        (200, b"<html>", "away"),
        (200, [], "away"),
        (200, b'{"valid":true}' + b" " * 2**20, "away"),
        (201, answer(certificate()), "away"),
        (302, b"", "away"),
        (401, {"status": 401, "message": "Unauthorized"}, "away"),
        (404, {"status": 404, "message": "Not Found"}, "away"),
        (422, {"status": 422, "message": "?"}, "away"),
        (429, b"", "away"),
        (500, {"status": 500, "message": "java.lang.NullPointerException"}, "away"),
        (503, b"", "away"),
    ],
)
async def test_only_its_own_no_is_a_refusal(
    node: NcaNode, stand_in: StandIn, status: int, body: Any, expected: str
) -> None:
    stand_in.says(body, status)
    assert [kind(verdict) for verdict in await node.verify([GOOD])] == [expected]


async def test_verdicts_come_in_order_and_each_for_itself(node: NcaNode) -> None:
    batch = [GOOD, signed("no cms"), signed(GOOD.cms, iin=BOLAT), GOOD]
    assert [kind(verdict) for verdict in await node.verify(batch)] == ["valid", "form", "iin", "valid"]
    assert await node.verify([]) == []


async def test_nobody_there_is_no_refusal(stand_in: StandIn) -> None:
    node = NcaNode(stand_in.url, Limits(attempts=2, backoff_seconds=0))
    stand_in.server.shutdown()
    stand_in.server.server_close()
    assert [kind(verdict) for verdict in await node.verify([GOOD])] == ["away"]
    await node.close()


async def test_a_failure_is_tried_again(stand_in: StandIn) -> None:
    node = NcaNode(stand_in.url, Limits(attempts=3, backoff_seconds=0))
    stand_in.replies = [(503, b""), (500, b"")]
    assert await node.verify([GOOD]) == [Valid()]
    assert len(stand_in.asked) == 3
    stand_in.replies = [(503, b"")] * 3
    assert [kind(verdict) for verdict in await node.verify([GOOD])] == ["away"]
    assert len(stand_in.asked) == 6
    await node.close()


async def test_one_that_hangs_is_not_waited_for(stand_in: StandIn) -> None:
    stand_in.hold = threading.Event()
    node = NcaNode(stand_in.url, Limits(request_seconds=0.05, attempts=1))
    assert [kind(verdict) for verdict in await node.verify([GOOD])] == ["away"]
    await node.close()


async def test_one_that_keeps_failing_is_left_in_peace(node: NcaNode, stand_in: StandIn, clock: Monotonic) -> None:
    stand_in.says(b"", 503)
    for _ in range(5):
        assert [kind(verdict) for verdict in await node.verify([GOOD])] == ["away"]
    assert len(stand_in.asked) == 3

    clock.seconds += 15
    stand_in.says(answer(certificate()))
    assert await node.verify([GOOD]) == [Valid()]
    assert [kind(verdict) for verdict in await node.verify([GOOD] * 4)] == ["valid"] * 4
    assert len(stand_in.asked) == 8


async def test_no_more_are_asked_at_once_than_set(node: NcaNode, stand_in: StandIn) -> None:
    stand_in.hold = threading.Event()
    asking = asyncio.create_task(node.verify([GOOD] * 6))
    await stand_in.until_asked(2)
    stand_in.hold.set()
    assert await asking == [Valid()] * 6
    assert stand_in.most_at_once == 2


async def test_being_cancelled_leaves_it_usable(node: NcaNode, stand_in: StandIn) -> None:
    stand_in.hold = threading.Event()
    asking = asyncio.create_task(node.verify([GOOD] * 2))
    await stand_in.until_asked(2)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    stand_in.hold.set()
    assert await node.verify([GOOD] * 3) == [Valid()] * 3
