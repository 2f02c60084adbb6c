"""The stand-in on its port: answers that come late, in part or not at all; NCANode's addresses; the WSDL."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import zeep

from homecall.demo.shep.gateway import Gateway
from homecall.demo.shep.keys import CLIENT_BIN, P12_PASSWORD
from homecall.demo.shep.markup import parsed
from homecall.demo.shep.says import Says
from homecall.demo.shep.server import ShepServer, serving
from homecall.demo.shep.wsse import verified
from tests.unit.demo.shep.messages import IIN, golden, keys, request
from tests.unit.demo.shep.test_gateway import AT


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(keys())


@pytest.fixture
def server(gateway: Gateway) -> Iterator[ShepServer]:
    with serving(gateway) as server:
        yield server


def post(
    server: ShepServer, body: bytes, *, path: str = "/shep", kind: str = "text/xml; charset=utf-8", wait: float = 10
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=wait)
    try:
        connection.request("POST", path, body, {"content-type": kind, "soapaction": '"SendMessage"'})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_it_answers_on_its_port(server: ShepServer) -> None:
    status, body = post(server, request())
    assert status == 200
    assert parsed(body).findtext(".//person/iin") == IIN


def test_what_is_no_soap_is_turned_away(server: ShepServer, gateway: Gateway) -> None:
    assert post(server, request(), path="/other")[0] == 404
    assert post(server, request(), kind="application/json")[0] == 415
    assert post(server, b"<a/>" + b" " * 200_000)[0] == 413
    assert not gateway.asked


def test_slow_is_late_and_whole(server: ShepServer, gateway: Gateway) -> None:
    gateway.otherwise, gateway.slow_seconds = Says.SLOW, 0.3
    began = time.monotonic()
    assert post(server, request())[0] == 200
    assert time.monotonic() - began >= 0.3


def test_hanging_lasts_until_the_caller_goes(server: ShepServer, gateway: Gateway) -> None:
    gateway.otherwise = Says.HANG
    with pytest.raises(TimeoutError):
        post(server, request(), wait=0.2)


def test_cut_gives_nothing_and_half_gives_a_part(server: ShepServer, gateway: Gateway) -> None:
    gateway.otherwise = Says.CUT
    with pytest.raises(http.client.RemoteDisconnected):
        post(server, request())
    gateway.otherwise = Says.HALF
    with pytest.raises(http.client.IncompleteRead):
        post(server, request())


def test_html_of_a_proxy(server: ShepServer, gateway: Gateway) -> None:
    gateway.otherwise = Says.HTML
    status, body = post(server, request())
    assert (status, body[:15]) == (502, b"<!DOCTYPE html>")


def test_once_stopped_it_answers_on_no_kept_connection(gateway: Gateway) -> None:
    with serving(gateway) as server:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
        headers = {"content-type": "text/xml", "soapaction": "SendMessage"}
        connection.request("POST", "/shep", request(), headers)
        assert connection.getresponse().read()
        kept = connection.sock
        assert kept is not None
    assert kept.recv(1) == b""
    connection.close()


def test_the_wsdl_is_served_with_its_schemas(server: ShepServer) -> None:
    client = zeep.Client(f"{server.url}/shep?wsdl")
    assert client.get_type("{http://message.persistence.interactive.nat}Request") is not None


# ---- NCANode


def asked(server: ShepServer, path: str, **question: Any) -> tuple[int, dict[str, Any]]:
    status, body = post(server, json.dumps(question).encode(), path=path, kind="application/json")
    return status, json.loads(body)


def test_the_node_signs_and_verifies(server: ShepServer) -> None:
    p12 = base64.b64encode(keys().client_p12()).decode()
    status, signed = asked(server, "/wsse/sign", xml=golden().decode(), key=p12, password=P12_PASSWORD)
    assert (status, signed["status"]) == (200, 200)
    assert verified(parsed(signed["xml"].encode()), [keys().authority.certificate], AT) == keys().client.certificate
    status, told = asked(server, "/wsse/verify", xml=signed["xml"])
    assert (status, told["valid"], told["signers"][0]["subject"]["bin"]) == (200, True, CLIENT_BIN)
    _, told = asked(server, "/wsse/verify", xml=signed["xml"].replace(IIN, "850715200007"))
    assert (told["valid"], told["signers"]) == (False, [])


@pytest.mark.parametrize(
    "question",
    [{}, {"xml": "<a/>", "key": "AAAA", "password": "x"}, {"xml": 1, "key": "", "password": ""}],
)
def test_the_node_says_400_to_what_it_cannot_sign(server: ShepServer, question: dict[str, Any]) -> None:
    assert asked(server, "/wsse/sign", **question)[0] == 400
