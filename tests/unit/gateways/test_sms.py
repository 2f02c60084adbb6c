"""The port to the SMS gateway: what it was told apart by, what is sent, and that nothing is sent twice by itself."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from homecall.gateways.sms.http import HttpSms, Limits, gateway_from
from homecall.gateways.sms.port import Refused, Report, Sms, Taken, Unknown, Untried, Verdict
from homecall.gateways.sms.profile import Account, Profile, profile_from
from homecall.runtime.settings import Settings, SettingsError
from tests.infrastructure.sms_gateway import ACCEPT, BUSY, CUT, FAIL, HANG, REFUSE, SmsGateway

TO, TEXT = "+77010000001", "Дәрігер келеді: 23.11, 10:00-10:30."
QUICK = Limits(wait_seconds=5)


def sms(number: int = 1) -> Sms:
    return Sms(TO, TEXT, f"r-{number}")


@pytest.fixture
def gateway() -> Iterator[SmsGateway]:
    stand_in = SmsGateway()
    yield stand_in
    stand_in.close()


async def send(url: str, *messages: Sms, limits: Limits = QUICK, **how: Any) -> list[Verdict]:
    port = HttpSms(url, limits=limits, **how)
    try:
        return await port.send(messages)
    finally:
        await port.close()


# ---------------------------------------------------------------- how a call ends


@pytest.mark.parametrize(
    ("does", "verdict"),
    [
        (ACCEPT, Taken("g-1")),
        (BUSY, Refused("busy", again=True)),
        (REFUSE, Refused("bad_number", again=False)),
        (CUT, Unknown("cut_off")),
        (FAIL, Unknown("failing")),
    ],
)
async def test_each_end_of_a_call_is_told_apart(gateway: SmsGateway, does: str, verdict: Verdict) -> None:
    gateway.behaves = lambda _: does
    assert await send(gateway.url, sms()) == [verdict]
    assert len(gateway.calls) == 1, "it is never sent again by the port itself"


async def test_no_answer_in_time_is_unknown_and_costs_no_more_than_the_wait(gateway: SmsGateway) -> None:
    gateway.behaves = lambda _: HANG
    began = time.monotonic()
    assert await send(gateway.url, sms(), limits=Limits(wait_seconds=0.2)) == [Unknown("timeout")]
    assert time.monotonic() - began < 5
    assert len(gateway.log) == 1


async def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert await send(f"http://127.0.0.1:{port}/", sms()) == [Untried("unreachable")]


async def test_verdicts_stand_in_the_order_of_the_messages(gateway: SmsGateway) -> None:
    gateway.behaves = lambda body: BUSY if body["reference"] == "r-2" else ACCEPT
    verdicts = await send(gateway.url, *map(sms, range(5)), limits=Limits(at_once=2))
    assert [isinstance(each, Taken) for each in verdicts] == [True, True, False, True, True]


async def test_what_cannot_be_begun_in_time_is_not_begun(gateway: SmsGateway) -> None:
    """So that a round ends within twice the wait, as ``longest_seconds`` says."""
    gateway.behaves = lambda _: HANG
    limits = Limits(wait_seconds=0.3, at_once=2)
    port = HttpSms(gateway.url, limits=limits)
    began = time.monotonic()
    verdicts = await port.send([sms(each) for each in range(20)])
    assert time.monotonic() - began < port.longest_seconds + 2
    await port.close()
    assert Untried("busy") in verdicts
    assert sum(isinstance(each, Unknown) for each in verdicts) == len(gateway.log)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, {"id": 17}, Taken("17")),
        (201, {"id": "a", "error": 0}, Taken("a")),
        (200, {"id": "a", "error": "limit"}, Refused("limit", again=False)),
        (200, {"error": "internal"}, Unknown("failing")),
        (200, {}, Unknown("unreadable")),
        (200, b"<html>", Unknown("unreadable")),
        (200, [1], Unknown("unreadable")),
        (400, b"", Refused("http_400", again=False)),
        (401, {}, Refused("http_401", again=True)),
        (408, {}, Unknown("failing")),
        (429, b"slow down", Refused("http_429", again=True)),
        (500, b"", Unknown("failing")),
        (503, b"", Refused("http_503", again=True)),
        (503, {"error": "internal"}, Unknown("failing")),
        (302, b"", Unknown("failing")),
        (200, {"error": "x <+77010000001> y\n" + "z" * 90}, Refused(("x77010000001y" + "z" * 90)[:40], again=False)),
    ],
)
def test_what_an_answer_means(status: int, body: Any, verdict: Verdict) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert Profile.packaged().verdict(status, raw) == verdict


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async def spaces() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1000

    async def endless(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=spaces())

    assert await send("http://a.test/", sms(), transport=httpx.MockTransport(endless)) == [Unknown("unreadable")]


# ---------------------------------------------------------------- what is sent


async def test_login_recipients_and_text_in_the_body_and_nothing_of_it_in_the_address(gateway: SmsGateway) -> None:
    await send(gateway.url, sms(), account=Account("clinic", "s3cret", "Emhana"))
    assert gateway.calls == [
        (
            ACCEPT,
            {
                "login": "clinic",
                "password": "s3cret",
                "recipients": [TO],
                "text": TEXT,
                "sender": "Emhana",
                "reference": "r-1",
            },
        )
    ]
    assert not any(each in gateway.heads[0] for each in (TO, "7010000001", "s3cret"))


def test_a_profile_names_things_as_another_gateway_does(tmp_path: Path) -> None:
    file = tmp_path / "sms.toml"
    file.write_text(
        """
        [send]
        login = "auth.user"
        password = "auth.key"
        to = "messages[].to"
        reference = ""
        [answer]
        id = "messages[].id"
        error = "code"
        [errors]
        9 = "again"
        [report]
        status = "data.state"
        [statuses]
        2 = "delivered"
        """.replace('to = "messages[].to"', 'to = "phone"')
    )
    profile = Profile.read(file)
    body = profile.message(sms(), Account("u", "k"))
    assert body == {"auth": {"user": "u", "key": "k"}, "phone": TO, "text": TEXT}
    assert profile.verdict(200, b'{"code": 0, "messages": [{"id": 5}]}') == Taken("5")
    assert profile.verdict(200, b'{"code": 9}') == Refused("9", again=True)
    assert profile.verdict(200, b'{"code": 8}') == Refused("8", again=False)
    assert profile.reports(b'{"id": 5, "data": {"state": 2}}') == [Report("5", None, "delivered")]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[send", "no TOML"),
        ("[sends]\na = 'b'", "sections send, answer"),
        ("[send]\nlogn = 'b'", "there are only login"),
        ("[errors]\nbusy = 'maybe'", "one of again, never, unknown"),
        ("[statuses]\nx = 'read'", "one of sent, delivered, failed"),
        ("[send]\nlogin = 3", "a name in quotes"),
    ],
)
def test_a_wrong_profile_is_named(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "sms.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=named) as caught:
        Profile.read(file)
    assert str(caught.value).startswith("HOMECALL_SMS_PROFILE")
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- reports


@pytest.mark.parametrize(
    ("body", "reports"),
    [
        ({"id": "g-1", "status": "delivered"}, [Report("g-1", None, "delivered")]),
        ({"id": 7, "reference": "r-1", "status": "EXPIRED"}, [Report("7", "r-1", "failed")]),
        (
            [{"id": "a", "status": "sent"}, {"reference": "b", "status": "failed"}],
            [Report("a", None, "sent"), Report(None, "b", "failed")],
        ),
        ({"id": "g-1", "status": "read by the patient"}, []),
        ([], []),
    ],
)
def test_reports_are_read(body: Any, reports: list[Report]) -> None:
    assert Profile.packaged().reports(json.dumps(body).encode()) == reports


@pytest.mark.parametrize("body", [b"", b"x", b"7", b"[7]", b'{"status": "sent"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_report_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whichever kind of it
        Profile.packaged().reports(body)


# ---------------------------------------------------------------- the breaker


async def test_a_gateway_that_does_not_answer_is_left_in_peace_and_tried_with_one(gateway: SmsGateway) -> None:
    now = [0.0]
    gateway.behaves = lambda _: FAIL
    limits = Limits(wait_seconds=5, at_once=2, failures=4, rest_seconds=10)
    port = HttpSms(gateway.url, limits=limits, clock=lambda: now[0])
    assert port.room() == 8
    await port.send([sms(each) for each in range(4)])
    assert port.room() == 0
    assert await port.send([sms()]) == [Untried("resting")]
    now[0] = 10.0
    assert port.room() == 1
    verdicts = await port.send([sms(5), sms(6)])
    assert [type(each) for each in verdicts] == [Unknown, Untried]
    assert port.room() == 0
    gateway.behaves = lambda _: BUSY
    now[0] = 20.0
    assert await port.send([sms(7)]) == [Refused("busy", again=True)]
    assert port.room() == 8, "what says no in so many words is there"
    assert len(gateway.calls) == 6
    await port.close()


async def test_a_call_that_is_given_up_leaves_the_breaker_as_it_was(gateway: SmsGateway) -> None:
    loop, called = asyncio.get_running_loop(), asyncio.Event()

    def hang(_: Any) -> str:
        loop.call_soon_threadsafe(called.set)
        return HANG

    gateway.behaves = hang
    port = HttpSms(gateway.url, limits=Limits(wait_seconds=20, failures=1))
    task = asyncio.create_task(port.send([sms()]))
    await asyncio.wait_for(called.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert port.room() > 1
    await port.close()


async def test_no_phone_and_no_text_in_any_log(gateway: SmsGateway, caplog: pytest.LogCaptureFixture) -> None:
    gateway.behaves = lambda _: CUT
    with caplog.at_level(logging.DEBUG):
        await send(gateway.url, sms())
    assert "7010000001" not in caplog.text
    assert "Дәрігер" not in caplog.text
    assert "7010000001" not in repr(sms())


# ---------------------------------------------------------------- settings


def settings(**over: Any) -> Settings:
    return Settings(_env_file=None, **over)  # type: ignore[call-arg]  # pydantic-settings' own


async def test_off_by_default_and_an_address_turns_it_on() -> None:
    assert gateway_from(settings(), Profile.packaged()) is None
    port = gateway_from(settings(sms="https://sms.example.kz/send"), Profile.packaged())
    assert port is not None
    assert port.longest_seconds == 20
    await port.close()


@pytest.mark.parametrize(
    ("over", "named"),
    [
        ({"sms": "sms.example.kz"}, "HOMECALL_SMS: is no http or https address"),
        ({"sms": "http://sms.example.kz/"}, "HOMECALL_SMS: must be https in production"),
        ({"sms": "https://u:p@sms.example.kz/"}, "HOMECALL_SMS: holds a user or a password"),
        ({"sms": "http://127.0.0.1/", "sms_password": "a", "sms_password_file": "FILE"}, "HOMECALL_SMS_PASSWORD and"),
        ({"sms": "http://127.0.0.1/", "sms_password_file": "EMPTY"}, "HOMECALL_SMS_PASSWORD_FILE names"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, over: dict[str, str], named: str) -> None:
    files = {"FILE": tmp_path / "secret", "EMPTY": tmp_path / "empty"}
    files["FILE"].write_text("s3cret\n")
    files["EMPTY"].write_text(" \n")
    with pytest.raises(SettingsError, match=named) as caught:
        gateway_from(settings(**{name: files.get(value, value) for name, value in over.items()}), Profile.packaged())
    assert "s3cret" not in str(caught.value)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    assert settings(sms_password_file=file).secret("sms_password") == "s3cret"
    assert settings(sms_password="other").secret("sms_password") == "other"
    assert settings().secret("sms_password") is None
    assert profile_from(settings()) == Profile.packaged()


# ---------------------------------------------------------------- the right to send is over


@pytest.mark.parametrize("asked", [1, 2])
async def test_a_message_whose_time_is_over_is_not_taken_and_the_next_is(gateway: SmsGateway, asked: int) -> None:
    """Asked before the call, and once more as the body is written: there the head has gone out already."""
    answers = iter([True] * (asked - 1) + [False])
    late = Sms(TO, TEXT, "r-1", lambda: next(answers))
    port = HttpSms(gateway.url, limits=Limits(wait_seconds=5, failures=1))
    try:
        assert await port.send([late]) == [Untried("late")]
        assert next(answers, None) is None
        # It says nothing about the gateway: the breaker stays closed.
        assert await port.send([sms(2)]) == [Taken("g-1")]
    finally:
        await port.close()
    assert [each.reference for each in gateway.entries()] == ["r-2"]


async def test_the_body_is_sent_with_its_length(gateway: SmsGateway) -> None:
    await send(gateway.url, sms())
    head = gateway.heads[0].lower()
    assert "content-length: " in head
    assert "transfer-encoding" not in head


@pytest.mark.parametrize("name", [b"9" * 5_000, b'"\\ud800"', b"1e999999", b"-Infinity", b"[" * 5_000])
def test_an_answer_that_cannot_be_kept_leaves_the_message_unknown_or_is_named(name: bytes) -> None:
    verdict = Profile.packaged().verdict(200, b'{"id": ' + name + b"}")
    assert isinstance(verdict, Unknown | Taken)
    if isinstance(verdict, Taken):
        assert verdict.id.encode()
