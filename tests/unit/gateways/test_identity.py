"""The port to the e-government gateway (C9.3): what it tells, in what order, and that nobody waits for it in vain."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from homecall.contract.iins import iin_check_digit
from homecall.gateways.identity.http import HttpIdentity, identity_from
from homecall.gateways.identity.port import (
    Attachment,
    Found,
    Identity,
    KnownPeople,
    NoConsent,
    NotFound,
    Person,
    Result,
    Unavailable,
)
from homecall.gateways.retry import Limits
from homecall.runtime.settings import Settings, SettingsError

# Births in 1885: nobody's.
IINS = [f"{first}{digit}" for n in range(60) if (digit := iin_check_digit(first := f"8507151{n:04}")) is not None]
ALIYA, BOLAT, CHINGIZ, DANA = IINS[:4]

PERSON = {"full_name": "Сынақ Әлия", "birth_date": "1885-07-15", "sex": "female", "address": "Алматы, Сынақ көшесі, 1"}
CLINIC = {"clinic_id": "almaty-7", "territory": "12", "attached_from": "2020-01-01"}
ALIYA_FOUND = Found(
    Person("Сынақ Әлия", date(1885, 7, 15), "female", "Алматы, Сынақ көшесі, 1"),
    Attachment("almaty-7", "12", date(2020, 1, 1)),
)
QUICK = Limits(request_seconds=5, backoff_seconds=0.001, failures=1000)
LONG = 30.0
"""Far more than any answer here takes."""
MARGIN = 1.0
"""What a busy machine may add to a limit, in seconds; without the limit these calls would take ``LONG``."""


class Reply:
    """What the stand-in does with a call: a status and a body; or it hangs, drips, or cuts the connection."""

    def __init__(self, body: Any = None, status: int = 200, *, does: str = "answer", to: str | None = None) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.does = does
        self.to = to


HANG, DRIP, CUT, HALF = Reply(does="hang"), Reply(does="drip"), Reply(does="cut"), Reply(b"{}", does="half")
FOUND = Reply({"status": "found", "person": PERSON})
NOT_FOUND = Reply({"status": "not_found"})
NO_CONSENT = Reply({"status": "no_consent"})
ATTACHED = Reply({"status": "found", "attachment": CLINIC})
FAILS = Reply(status=503)


class Gateway:
    """A stand-in for the gateway on a port of its own. ``replies``: by path, or path and IIN; a list is used up."""

    def __init__(self) -> None:
        self.replies: dict[Any, Reply | list[Reply]] = {"persons": FOUND, "attachments": ATTACHED}
        self.asked: list[tuple[str, str]] = []
        self.heads: list[str] = []
        self.let_go = threading.Event()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                gateway.answer(self)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/registers"
        self.thread = threading.Thread(target=lambda: self.server.serve_forever(poll_interval=0.01), daemon=True)
        self.thread.start()

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        iin = json.loads(call.rfile.read(int(call.headers["content-length"])))["iin"]
        path = call.path.removeprefix("/registers/")
        self.asked.append((path, iin))
        self.heads.append(f"{call.requestline}\n{call.headers}")
        reply = self.replies.get((path, iin), self.replies.get(path, NOT_FOUND))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if reply.does == "hang":
            self.let_go.wait(LONG)
        if reply.does in ("hang", "cut"):
            call.close_connection = True
            return
        call.send_response(reply.status)
        call.send_header("content-length", str(len(reply.body) + (1000 if reply.does in ("half", "drip") else 0)))
        if reply.to:
            call.send_header("location", reply.to)
        call.end_headers()
        if reply.does == "drip":
            while not self.let_go.wait(0.01):
                try:
                    call.wfile.write(b" ")
                    call.wfile.flush()
                except OSError:
                    break
        call.wfile.write(reply.body)
        call.close_connection = reply.does in ("half", "drip")

    def close(self) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    stand_in = Gateway()
    yield stand_in
    stand_in.close()


async def ask(gateway: Gateway, *iins: str, limits: Limits = QUICK, within: float = LONG) -> list[Result]:
    identity = HttpIdentity(gateway.url, limits)
    try:
        return await identity.look_up(iins, within=within)
    finally:
        await identity.close()


# ---------------------------------------------------------------- the port's contract, kept by both

BOOK: dict[str, Result] = {ALIYA: ALIYA_FOUND, BOLAT: NoConsent(), CHINGIZ: NotFound()}


@pytest.fixture(params=["known people", "http"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[Identity]:
    """Both sides of the port, knowing the people of BOOK."""
    if request.param == "known people":
        yield KnownPeople(BOOK)
        return
    stand_in = Gateway()
    stand_in.replies = {
        ("persons", ALIYA): FOUND,
        ("attachments", ALIYA): ATTACHED,
        ("persons", BOLAT): NO_CONSENT,
    }
    identity = HttpIdentity(stand_in.url, QUICK)
    yield identity
    await identity.close()
    stand_in.close()


async def test_one_result_for_each_iin_in_their_order(port: Identity) -> None:
    asked = [BOLAT, ALIYA, CHINGIZ, ALIYA, BOLAT]
    assert await port.look_up(asked, within=LONG) == [BOOK[iin] for iin in asked]


async def test_nobody_asked_about_nobody_told(port: Identity) -> None:
    assert await port.look_up([], within=LONG) == []


@pytest.mark.parametrize("within", [0.0, -1.0])
async def test_no_time_no_answer(port: Identity, within: float) -> None:
    assert await port.look_up([ALIYA, BOLAT], within=within) == [Unavailable("timeout"), Unavailable("timeout")]


# ---------------------------------------------------------------- what it tells


@pytest.mark.parametrize(
    ("persons", "attachments", "expected"),
    [
        (FOUND, ATTACHED, ALIYA_FOUND),
        (NOT_FOUND, ATTACHED, NotFound()),
        (NO_CONSENT, ATTACHED, NoConsent()),
        (FOUND, NOT_FOUND, Found(ALIYA_FOUND.person, None)),
        (FOUND, NO_CONSENT, Found(ALIYA_FOUND.person, Unavailable("no_consent"))),
        (FOUND, FAILS, Found(ALIYA_FOUND.person, Unavailable("failing"))),
        (FOUND, Reply(b"?"), Found(ALIYA_FOUND.person, Unavailable("unreadable"))),
    ],
)
async def test_what_the_registers_hold(gateway: Gateway, persons: Reply, attachments: Reply, expected: Result) -> None:
    gateway.replies = {"persons": persons, "attachments": attachments}
    assert await ask(gateway, ALIYA) == [expected]


async def test_only_a_person_who_was_found_is_asked_about_further(gateway: Gateway) -> None:
    gateway.replies["persons"] = NO_CONSENT
    await ask(gateway, ALIYA)
    assert gateway.asked == [("persons", ALIYA)]


async def test_what_is_optional_may_be_absent(gateway: Gateway) -> None:
    gateway.replies = {
        "persons": Reply({"status": "found", "person": {"full_name": "Сынақ Дана", "birth_date": "1885-07-15"}}),
        "attachments": Reply({"status": "found", "attachment": {"clinic_id": "c", "attached_from": "2020-01-01"}}),
    }
    person, attachment = Person("Сынақ Дана", date(1885, 7, 15)), Attachment("c", None, date(2020, 1, 1), None)
    assert await ask(gateway, DANA) == [Found(person, attachment)]


@pytest.mark.parametrize(
    ("day", "until", "holds"),
    [
        ("2019-12-31", None, False),
        ("2020-01-01", None, True),
        ("2026-11-23", None, True),
        ("2026-11-23", "2026-11-23", True),
        ("2026-11-24", "2026-11-23", False),
    ],
)
def test_both_ends_of_an_attachment_count(day: str, until: str | None, holds: bool) -> None:
    attachment = Attachment("c", None, date(2020, 1, 1), date.fromisoformat(until) if until else None)
    assert attachment.holds_on(date.fromisoformat(day)) is holds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Service portal</html>",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        {"status": "maybe"},
        {"status": "found"},
        {"status": "found", "person": None},
        {"status": "found", "person": {"full_name": "Сынақ Әлия"}},
        {"status": "found", "person": PERSON | {"birth_date": "15.07.1885"}},
        {"status": "found", "person": PERSON | {"birth_date": 18850715}},
        {"status": "found", "person": PERSON | {"full_name": "  "}},
        {"status": "found", "person": PERSON | {"sex": "M"}},
        b'{"a":' * 10_000,
        json.dumps({"status": "not_found", "more": "x" * 70_000}).encode(),
    ],
)
async def test_an_answer_of_no_known_shape_is_no_answer(gateway: Gateway, body: Any) -> None:
    gateway.replies["persons"] = Reply(body)
    assert await ask(gateway, ALIYA) == [Unavailable("unreadable")]
    assert len(gateway.asked) == 1


@pytest.mark.parametrize("status", [201, 400, 401, 403, 404])
async def test_a_gateway_that_refuses_the_call_is_not_asked_again(gateway: Gateway, status: int) -> None:
    gateway.replies["persons"] = Reply({"status": "not_found"}, status)
    assert await ask(gateway, ALIYA) == [Unavailable("refused")]
    assert len(gateway.asked) == 1


async def test_an_iin_is_not_sent_on_to_another_address(gateway: Gateway) -> None:
    elsewhere = Gateway()
    gateway.replies["persons"] = Reply(status=307, to=f"{elsewhere.url}/persons")
    assert await ask(gateway, ALIYA) == [Unavailable("refused")]
    assert elsewhere.asked == []
    elsewhere.close()


# ---------------------------------------------------------------- failures and retries


@pytest.mark.parametrize("failure", [FAILS, Reply(status=500), Reply(status=429), CUT, HALF])
async def test_a_failure_in_passing_is_asked_over(gateway: Gateway, failure: Reply) -> None:
    gateway.replies["persons"] = [failure, failure, FOUND]
    assert await ask(gateway, ALIYA) == [ALIYA_FOUND]
    assert [path for path, _ in gateway.asked] == ["persons", "persons", "persons", "attachments"]


@pytest.mark.parametrize(("failure", "reason"), [(FAILS, "failing"), (CUT, "unreachable"), (HALF, "unreachable")])
async def test_a_failure_that_lasts_ends_after_the_attempts(gateway: Gateway, failure: Reply, reason: Any) -> None:
    gateway.replies["persons"] = failure
    assert await ask(gateway, ALIYA) == [Unavailable(reason)]
    assert len(gateway.asked) == QUICK.attempts


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        identity = HttpIdentity(f"http://127.0.0.1:{free.getsockname()[1]}", QUICK)
        assert await identity.look_up([ALIYA, BOLAT], within=LONG) == [Unavailable("unreachable")] * 2
        await identity.close()


async def test_waits_before_further_calls_are_drawn_and_grow() -> None:
    drawn = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return 0.0

    transport = httpx.MockTransport(lambda _: httpx.Response(503))
    identity = HttpIdentity("http://gateway", Limits(attempts=4, backoff_seconds=0.5), draw=draw, transport=transport)
    assert await identity.look_up([ALIYA], within=LONG) == [Unavailable("failing")]
    assert drawn == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0)]
    await identity.close()


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("slow", [HANG, DRIP])
async def test_the_whole_takes_no_longer_than_it_may(gateway: Gateway, slow: Reply) -> None:
    gateway.replies[("persons", BOLAT)] = slow
    began = time.monotonic()
    results = await ask(gateway, ALIYA, BOLAT, CHINGIZ, limits=Limits(request_seconds=LONG), within=1.0)
    assert time.monotonic() - began < 1.0 + MARGIN
    assert results == [ALIYA_FOUND, Unavailable("timeout"), ALIYA_FOUND]


@pytest.mark.parametrize("slow", [HANG, DRIP])
async def test_a_single_call_has_its_own_limit(gateway: Gateway, slow: Reply) -> None:
    gateway.replies["persons"] = [slow, FOUND]
    assert await ask(gateway, ALIYA, limits=Limits(request_seconds=0.5, backoff_seconds=0.001)) == [ALIYA_FOUND]


async def test_a_person_is_found_though_the_attachment_comes_too_late(gateway: Gateway) -> None:
    gateway.replies["attachments"] = HANG
    assert await ask(gateway, ALIYA, within=1.0) == [Found(ALIYA_FOUND.person, Unavailable("timeout"))]


class Scripted(httpx.AsyncBaseTransport):
    """A gateway without a socket: what it does is a function of path and IIN; counts calls under way at once."""

    def __init__(self, does: Callable[[str, str], str]) -> None:
        self.does = does
        self.asked: list[str] = []
        self.now = self.most = 0
        self.called = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        iin, path = json.loads(request.content)["iin"], request.url.path
        self.asked.append(iin)
        self.called.set()
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            return await self._answer(self.does(path, iin), path)
        finally:
            self.now -= 1

    async def _answer(self, does: str, path: str) -> httpx.Response:
        if does == "hang":
            await asyncio.get_running_loop().create_future()
        if does == "cut":
            raise httpx.RemoteProtocolError("cut")
        if does == "burst":
            raise RuntimeError("a defect of ours")
        reply = {"failing": FAILS, "garbled": Reply(b"]"), "refused": Reply(status=403), "not_found": NOT_FOUND}
        reply |= {"no_consent": NO_CONSENT, "found": ATTACHED if path == "/attachments" else FOUND}
        return httpx.Response(reply[does].status, stream=httpx.ByteStream(reply[does].body))


EXPECTED: Mapping[str, Result] = {
    "found": ALIYA_FOUND,
    "not_found": NotFound(),
    "no_consent": NoConsent(),
    "hang": Unavailable("timeout"),
    "cut": Unavailable("unreachable"),
    "failing": Unavailable("failing"),
    "garbled": Unavailable("unreadable"),
    "refused": Unavailable("refused"),
    "burst": Unavailable("broken"),
}


@settings(max_examples=40, deadline=None)
@given(
    script=st.fixed_dictionaries({iin: st.sampled_from(sorted(EXPECTED)) for iin in IINS[:6]}),
    asked=st.lists(st.sampled_from(IINS[:6]), max_size=20),
    at_once=st.integers(min_value=6, max_value=8),
)
def test_never_raises_never_late_always_in_order(script: dict[str, str], asked: list[str], at_once: int) -> None:
    limits = Limits(request_seconds=LONG, backoff_seconds=0.0, at_once=at_once, failures=1000)
    hangs = any(script[iin] == "hang" for iin in asked)
    within = 0.1 if hangs else LONG

    async def go() -> tuple[list[Result], float]:
        identity = HttpIdentity("http://gateway", limits, transport=Scripted(lambda _, iin: script[iin]))
        began = time.monotonic()
        results = await identity.look_up(asked, within=within)
        took = time.monotonic() - began
        await identity.close()
        return results, took

    results, took = asyncio.run(go())
    assert took < within + MARGIN
    assert len(results) == len(asked)
    for iin, result in zip(asked, results, strict=True):
        # Where one hangs the time is short, and a machine that stalls may use it up for the others too.
        told = result.attachment if isinstance(result, Found) else result
        assert result == EXPECTED[script[iin]] or (hangs and told == Unavailable("timeout"))


@settings(max_examples=30, deadline=None)
@given(
    script=st.lists(st.sampled_from(sorted(set(EXPECTED) - {"hang"})), min_size=1, max_size=8),
    rounds=st.lists(st.lists(st.sampled_from(IINS[:5]), max_size=8), max_size=6),
    failures=st.integers(min_value=1, max_value=4),
)
def test_with_a_breaker_too_each_gets_a_result_of_its_own(
    script: list[str], rounds: list[list[str]], failures: int
) -> None:
    """Whoever is asked about gets what the gateway told, or ``Unavailable``: never what it told about another."""
    limits = Limits(backoff_seconds=0.0, failures=failures, at_once=2)
    does = dict(zip(IINS[:5], (script * 5)[:5], strict=True))

    async def go() -> list[list[Result]]:
        identity = HttpIdentity("http://gateway", limits, transport=Scripted(lambda _, iin: does[iin]))
        results = [await identity.look_up(asked, within=LONG) for asked in rounds]
        await identity.close()
        return results

    for asked, results in zip(rounds, asyncio.run(go()), strict=True):
        assert len(results) == len(asked)
        for iin, result in zip(asked, results, strict=True):
            known = EXPECTED[does[iin]]
            told = result.attachment if isinstance(result, Found) else result
            assert result == known or isinstance(told, Unavailable)
            assert isinstance(result, type(known) | Unavailable)


async def test_each_is_asked_about_once_and_only_so_many_at_once() -> None:
    transport = Scripted(lambda *_: "not_found")
    identity = HttpIdentity("http://gateway", Limits(at_once=3), transport=transport)
    await identity.look_up(IINS * 2, within=LONG)
    await identity.close()
    assert sorted(transport.asked) == sorted(IINS)
    assert transport.most == 3


# ---------------------------------------------------------------- the breaker in its place


class Patient:
    """An adapter on a scripted gateway, with a clock that stands until it is moved."""

    def __init__(self, does: str, **limits: Any) -> None:
        self.does = does
        self.seconds = 0.0
        self.transport = Scripted(lambda *_: self.does)
        over = {"backoff_seconds": 0.0, "attempts": 1, "failures": 3, "rest_seconds": 10.0} | limits
        self.identity = HttpIdentity(
            "http://gateway", Limits(**over), clock=lambda: self.seconds, transport=self.transport
        )

    async def ask(self, *iins: str, within: float = LONG) -> list[Result]:
        return await self.identity.look_up(iins, within=within)


async def test_a_gateway_that_fails_is_left_in_peace_and_then_asked_once() -> None:
    patient = Patient("failing", at_once=1)
    results = await patient.ask(*IINS[:5])
    assert results == [Unavailable("failing")] * 3 + [Unavailable("resting")] * 2
    patient.seconds = 9.9
    assert await patient.ask(ALIYA) == [Unavailable("resting")]
    assert len(patient.transport.asked) == 3
    patient.seconds, patient.does = 10.0, "not_found"
    assert await patient.ask(ALIYA) == [NotFound()]
    assert await patient.ask(*IINS[:5]) == [NotFound()] * 5
    await patient.identity.close()


async def test_a_defect_of_ours_does_not_keep_the_gateway_out() -> None:
    patient = Patient("failing", failures=1)
    await patient.ask(ALIYA)
    patient.seconds, patient.does = 10.0, "burst"
    assert await patient.ask(ALIYA) == [Unavailable("broken")]
    patient.does = "not_found"
    assert await patient.ask(ALIYA) == [NotFound()]
    await patient.identity.close()


async def test_why_the_first_call_failed_is_told_rather_than_that_the_second_was_not_made() -> None:
    patient = Patient("cut", attempts=3, failures=1)
    assert await patient.ask(ALIYA) == [Unavailable("unreachable")]
    assert len(patient.transport.asked) == 1
    await patient.identity.close()


@pytest.mark.parametrize("does", ["refused", "garbled", "not_found", "no_consent"])
async def test_a_gateway_that_answers_is_never_left_in_peace(does: str) -> None:
    patient = Patient(does, failures=1)
    await patient.ask(*IINS[:20])
    assert len(patient.transport.asked) == 20
    await patient.identity.close()


async def test_a_gateway_that_hangs_longer_than_anyone_waits_is_found_out() -> None:
    """A look-up shorter than a single call's limit cuts its calls off itself: they count, if nothing was answered."""
    patient = Patient("hang", at_once=2, request_seconds=LONG)
    assert await patient.ask(*IINS[:4], within=0.05) == [Unavailable("timeout")] * 4
    assert await patient.ask(*IINS[:4], within=0.05) == [Unavailable("timeout")] * 4
    assert await patient.ask(*IINS[:4]) == [Unavailable("resting")] * 4
    # The call that is let through hangs as well: it rests again, and nobody waits.
    patient.seconds = 10.0
    assert (await patient.ask(ALIYA, within=0.05)) == [Unavailable("timeout")]
    assert await patient.ask(ALIYA) == [Unavailable("resting")]
    patient.seconds, patient.does = 20.0, "not_found"
    assert await patient.ask(ALIYA) == [NotFound()]
    await patient.identity.close()


async def test_calls_cut_off_do_not_count_against_a_gateway_that_answers_others() -> None:
    patient = Patient("", at_once=8, failures=1, request_seconds=LONG)
    patient.transport.does = lambda _, iin: "not_found" if iin == ALIYA else "hang"
    for _ in range(3):
        assert await patient.ask(ALIYA, BOLAT, within=0.3) == [NotFound(), Unavailable("timeout")]
    await patient.identity.close()


async def test_a_look_up_that_is_cancelled_counts_for_nothing_and_leaves_nothing() -> None:
    patient = Patient("hang", failures=1, request_seconds=LONG)
    asking = asyncio.create_task(patient.ask(ALIYA))
    await patient.transport.called.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    patient.does = "not_found"
    assert await patient.ask(ALIYA) == [NotFound()]
    await patient.identity.close()
    assert patient.transport.now == 0


async def test_closing_gives_up_what_is_under_way_and_later_look_ups_still_do_not_raise() -> None:
    patient = Patient("hang", request_seconds=LONG)
    assert await patient.ask(ALIYA, within=0.01) == [Unavailable("timeout")]
    await patient.identity.close()
    assert patient.transport.now == 0
    assert await patient.ask(ALIYA) == [Unavailable("broken")]


# ---------------------------------------------------------------- personal data


async def test_an_iin_stands_in_the_body_alone(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """In no address, header or log line, whatever goes wrong; nor do name and address."""
    caplog.set_level(logging.DEBUG)
    gateway.replies = {
        "attachments": ATTACHED,
        ("persons", ALIYA): FOUND,
        ("persons", BOLAT): FAILS,
        ("persons", CHINGIZ): Reply(b"{"),
        ("persons", DANA): CUT,
    }
    with structlog.testing.capture_logs() as told:
        results = await ask(gateway, ALIYA, BOLAT, CHINGIZ, DANA)
        broken = Patient("burst")
        await broken.ask(ALIYA)
        await broken.identity.close()
    assert len(set(map(type, results))) == 2
    assert [line["event"] for line in told][-2:] == ["look-up broke", "the e-government gateway is away"]
    said = "\n".join([*gateway.heads, caplog.text, repr(told), repr(results), str(results)])
    assert "persons" in said
    for secret in (ALIYA, BOLAT, CHINGIZ, DANA, "Әлия", "Сынақ көшесі"):
        assert secret not in said


async def test_the_log_tells_when_trouble_begins_and_ends_not_each_time() -> None:
    patient = Patient("failing", failures=1000)
    with structlog.testing.capture_logs() as told:
        for patient.does in ("not_found", "failing", "failing", "refused", "no_consent", "found"):
            await patient.ask(ALIYA)
    await patient.identity.close()
    assert [(line["log_level"], line.get("reasons")) for line in told] == [
        ("warning", ["failing"]),
        ("warning", ["refused"]),
        ("info", None),
    ]


async def test_no_proxy_of_the_environment_gets_an_iin(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Gateway()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert await ask(gateway, ALIYA) == [ALIYA_FOUND]
    assert proxy.asked == []
    proxy.close()


# ---------------------------------------------------------------- the setting


def of(identity: str, env: str = "development") -> Settings:
    keys = Path(__file__)  # any file: it is not read here
    return Settings(_env_file=None, env=env, identity=identity, keys_file=keys)  # type: ignore[call-arg, arg-type]  # pydantic-settings' own argument


def test_off_is_no_port() -> None:
    assert identity_from(of("off")) is None


@pytest.mark.parametrize(
    ("url", "env"),
    [
        ("http://127.0.0.1:8090", "development"),
        ("http://gateway:8090/", "development"),
        ("https://gateway.example.kz/registers", "production"),
        ("http://127.0.0.1:8090", "production"),
        ("http://[::1]:8090", "production"),
        ("http://localhost:8090", "production"),
    ],
)
async def test_an_address_is_the_port_over_http(url: str, env: str) -> None:
    identity = identity_from(of(url, env))
    assert isinstance(identity, HttpIdentity)
    await identity.close()


@pytest.mark.parametrize(
    ("url", "env", "why"),
    [
        ("", "development", "is no http or https address"),
        ("on", "development", "is no http or https address"),
        ("gateway:8090", "development", "is no http or https address"),
        ("ftp://gateway", "development", "is no http or https address"),
        ("http://", "development", "is no http or https address"),
        ("http:///registers", "development", "is no http or https address"),
        ("http://gateway:port", "development", "is no http or https address"),
        ("http://gateway:99999", "development", "is no http or https address"),
        ("http://gateway:0", "development", "is no http or https address"),
        ("http://gate way", "development", "is no http or https address"),
        ("http://gateway\n", "development", "is no http or https address"),
        ("http://[::1", "development", "is no http or https address"),
        ("http://шлюз.қаз", "development", "is no http or https address"),
        ("http://hidden:secret@gateway", "development", "holds a user or a password"),
        ("http://gateway/?key=secret", "development", "must end with its path"),
        ("http://gateway/#secret", "development", "must end with its path"),
        ("http://gateway:8090", "production", "must be https in production"),
        ("http://127.0.0.1.example.kz", "production", "must be https in production"),
    ],
)
def test_a_wrong_address_stops_the_start_with_one_line(url: str, env: str, why: str) -> None:
    with pytest.raises(SettingsError) as error:
        identity_from(of(url, env))
    line = str(error.value)
    assert line.startswith(f"HOMECALL_IDENTITY: {why}")
    assert line.endswith("set off, or an address as in https://gateway.example.kz/registers")
    assert "\n" not in line
    assert "secret" not in line


def test_a_service_without_a_gateway_does_not_load_its_client() -> None:
    code = "import sys, homecall.gateways.identity; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
