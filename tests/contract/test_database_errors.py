"""Whose fault a database error is: a document's, our settings', or nobody's, so that the command is retried."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, get_args

import pytest
from bson.errors import InvalidDocument
from pymongo import InsertOne, UpdateOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    CursorNotFound,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ProtocolError,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WTimeoutError,
)

from homecall.cli.main import main
from homecall.runtime.failures import Awaited, Refused, Transient
from homecall.runtime.mongo.client import Database, MongoCollection
from homecall.runtime.mongo.errors import OF_A_DOCUMENT, caused_by_document, outage, place_of
from homecall.runtime.mongo.probe import COLLECTION, Probe
from homecall.runtime.settings import MongoClientName
from tests.faults.harness.proxy import Proxy
from tests.infrastructure import stack

# What servers have answered while they recovered, stepped down, moved data or had no primary; and codes of nobody.
OUTAGES = [1, 6, 8, 26, 43, 50, 64, 76, 79, 82, 91, 96, 100, 112, 133, 134, 150, 189, 202, 211, 225, 237, 246, 262]
OUTAGES += [290, 314, 358, 384, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 14031, 50463173, 999_999_999, -1]
DOCUMENTS = [2, 9, 14, 15, 16, 22, 28, 40, 52, 53, 54, 55, 56, 57, 66, 121, 171, 10003, 10334, 17280, 17419, 17420]
WHERE = "10.0.0.7:27017, HOMECALL_MONGO_URL"


def bulk(*codes: int, concern: tuple[int, ...] = ()) -> BulkWriteError:
    errors = [{"index": index, "code": code, "errmsg": "850715200007"} for index, code in enumerate(codes)]
    return BulkWriteError(
        {
            "writeErrors": errors,
            "writeConcernErrors": [{"code": code, "codeName": "SomeConcern", "errmsg": ""} for code in concern],
        }
    )


# ---- the rule


@pytest.mark.parametrize("code", OUTAGES)
def test_an_error_that_no_document_can_cause_is_an_outage(code: int) -> None:
    for error in (OperationFailure("850715200007", code), bulk(code), bulk(2, code), bulk(11000, code), bulk(code, 2)):
        assert not caused_by_document(error)
        told = outage(error, WHERE)
        assert isinstance(told, Transient)
        assert f"code {code}" in str(told)
        assert WHERE in str(told)
        assert "8507" not in str(told)


@pytest.mark.parametrize("code", DOCUMENTS)
def test_an_error_that_a_document_causes_is_its_own(code: int) -> None:
    assert caused_by_document(OperationFailure("", code))
    assert caused_by_document(bulk(code))
    assert caused_by_document(bulk(code, 11000, code))
    assert not caused_by_document(bulk(code, concern=(64,))), "whether the rest was kept is not known yet"
    assert not caused_by_document(WriteConcernError("", code)), "nothing is said of a document there"


def test_both_lists_say_nothing_of_each_other() -> None:
    assert not set(OUTAGES) & OF_A_DOCUMENT
    assert set(DOCUMENTS) <= OF_A_DOCUMENT


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect(),
        NetworkTimeout(),
        NotPrimaryError(),
        ServerSelectionTimeoutError("mongodb://intake:secret@10.0.0.7"),
        OperationFailure("no code"),
        CursorNotFound("", 43),
        ExecutionTimeout("", 50),
        WTimeoutError("", 64),
        WriteConcernError("", 100),
        ProtocolError(),
        ConfigurationError("wire version"),
        InvalidOperation("client closed"),
        PyMongoError(),
        bulk(concern=(79,)),
        bulk(11000, concern=(64,)),
        BulkWriteError({}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_else_the_driver_raises_is_an_outage(error: PyMongoError) -> None:
    assert not caused_by_document(error)
    told = str(outage(error, WHERE))
    assert type(error).__name__ in told
    assert "secret" not in told


def test_the_servers_name_of_an_error_is_told_where_it_is_a_name() -> None:
    def told(name: Any) -> str:
        return str(outage(OperationFailure("", 133, {"codeName": name}), WHERE))

    assert "code 133 FailedToSatisfyReadPreference (10.0.0.7" in told("FailedToSatisfyReadPreference")
    for name in ("no name: 850715200007", "", None, 7, "X" * 61):
        assert "code 133 (10.0.0.7" in told(name)


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (OperationFailure("", 18), "refuses the user or the password"),
        (OperationFailure("", 11), "refuses the user or the password"),
        (OperationFailure("bad auth : Authentication failed.", 8000), "refuses the user or the password"),
        (OperationFailure("", 13), "does not let the user"),
        (bulk(13), "does not let the user"),
        (AutoReconnect("CERTIFICATE_VERIFY_FAILED"), "certificate that is not trusted"),
        (AutoReconnect("SSL handshake failed"), "cannot agree with us on TLS"),
    ],
)
def test_a_refusal_names_the_setting(error: PyMongoError, named: str) -> None:
    assert not caused_by_document(error)
    told = outage(error, WHERE)
    assert isinstance(told, Refused)
    assert named in str(told)
    assert "HOMECALL_MONGO_URL" in str(told)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("mongodb://127.0.0.1:27017", "127.0.0.1:27017"),
        ("mongodb://127.0.0.1", "127.0.0.1:27017"),
        ("mongodb://intake:s3cret@db.example", "db.example:27017"),
        ("mongodb://intake:s3cr%40t@db.example:27018/?authSource=admin", "db.example:27018"),
        ("mongodb://u:s3cret@a:1,b,c:3/admin?replicaSet=rs", "a:1,b:27017,c:3"),
        ("mongodb+srv://u:s3cret@cluster.example/?w=1", "cluster.example"),
        ("mongodb://u:s3cret@[::1]:27017", "[::1]:27017"),
        ("mongodb://u:s3cret@[::1]/", "[::1]:27017"),
        ("mongodb://u:12/s3cret@host/db", ""),
        ("mongodb://u:12?s3cret@host/db", ""),
        ("mongodb://127.0.0.1/?appName=a@s3cret", ""),
        ("mongodb://u:pa@s3cret/word@host/db", ""),
        ("mongodb://u:s3cret@db:1/?appName=a@b", "db:1"),
        ("", ""),
    ],
)
def test_an_address_is_told_without_its_password(url: str, place: str) -> None:
    assert place_of(url) == (f"{place}, HOMECALL_MONGO_URL" if place else "HOMECALL_MONGO_URL")
    assert "s3cret" not in place_of(url)


# ---- on the wire: each command, answered with an error instead


@pytest.fixture(params=get_args(MongoClientName))
async def proxied(request: pytest.FixtureRequest, every_mongo: stack.Server) -> AsyncIterator[tuple[Proxy, Database]]:
    proxy = Proxy(every_mongo.address, seed=1)
    database = Database(proxy.url, f"test_{uuid.uuid4().hex[:12]}", request.param)
    await database.collection("things").write([InsertOne({"_id": "there", "v": 1})])
    try:
        yield proxy, database
    finally:
        proxy.instead = lambda _: None
        await database.drop()
        await database.close()
        proxy.close()


def command_error(code: int) -> dict[str, Any]:
    return {"ok": 0.0, "errmsg": "of the server", "code": code, "codeName": "ByTheTest"}


def write_error(code: int) -> dict[str, Any]:
    return {"ok": 1.0, "n": 0, "nModified": 0, "writeErrors": [{"index": 0, "code": code, "errmsg": "of the server"}]}


def concern_error(code: int) -> dict[str, Any]:
    return {"ok": 1.0, "n": 1, "nModified": 1, "writeConcernError": {"code": code, "errmsg": "of the server"}}


def instead(commands: set[str], reply: dict[str, Any]) -> Callable[[str], dict[str, Any] | None]:
    """Answers these commands so."""
    return lambda asked: reply if asked in commands else None


CALLS: dict[str, tuple[str, Callable[[MongoCollection], Awaitable[Any]]]] = {
    "find": ("find", lambda things: things.find({"_id": "there"})),
    "group": ("aggregate", lambda things: things.group({}, "v", "v")),
    "insert": ("insert", lambda things: things.write([InsertOne({"_id": uuid.uuid4().hex})])),
    "update": ("update", lambda things: things.write([UpdateOne({"_id": "there"}, {"$set": {"v": 2}})])),
    "index_keys": ("listIndexes", lambda things: things.index_keys()),
    "ensure_indexes": ("createIndexes", lambda things: things.ensure_indexes([("v", False)])),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_command_that_fails_for_the_server_is_tried_again_and_one_for_its_document_is_not(
    proxied: tuple[Proxy, Database], call: str
) -> None:
    proxy, database = proxied
    command, ask = CALLS[call]
    things = database.collection("things")
    answers = [command_error] + ([write_error] if command in {"insert", "update"} else [])
    for answer in answers:
        for code in (1, 133, 50463173):
            proxy.instead = instead({command}, answer(code))
            with pytest.raises(Transient, match=rf"code {code}.*127\.0\.0\.1:\d+, HOMECALL_MONGO_URL"):
                await ask(things)
        proxy.instead = instead({command}, answer(121))
        with pytest.raises(Transient if call == "ensure_indexes" else OperationFailure):
            await ask(things)
    if command in {"insert", "update"}:
        proxy.instead = lambda asked: concern_error(100) if asked == command else None
        with pytest.raises(Transient, match="code 100"):
            await ask(things)
    proxy.instead = lambda _: None
    await ask(things)


async def test_keys_that_were_there_are_no_error_and_an_outage_among_them_is_one(
    proxied: tuple[Proxy, Database],
) -> None:
    proxy, database = proxied
    things = database.collection("things")
    assert await things.write([InsertOne({"_id": "there"}), InsertOne({"_id": "new"})]) is None
    both = write_error(11000)
    both["writeErrors"].append({"index": 1, "code": 133, "errmsg": "of the server"})
    proxy.instead = lambda asked: both if asked == "insert" else None
    with pytest.raises(Transient, match="code 133"):
        await things.write([InsertOne({"_id": "there"}), InsertOne({"_id": "newer"})])


async def test_an_index_that_documents_do_not_allow_is_told_in_one_line(proxied: tuple[Proxy, Database]) -> None:
    proxy, database = proxied
    things = database.collection("things")
    proxy.instead = lambda asked: command_error(11000) if asked == "createIndexes" else None
    with pytest.raises(Awaited, match=r"index of .*things cannot be made"):
        await things.ensure_indexes([("patient", True)])


@pytest.mark.parametrize("document", [{"_id": 2**64}, {"_id": "a", "v": object()}])
async def test_what_the_driver_cannot_send_is_the_documents_own_fault(
    proxied: tuple[Proxy, Database], document: dict[str, Any]
) -> None:
    _, database = proxied
    with pytest.raises((InvalidDocument, OverflowError)):
        await database.collection("things").write([InsertOne(document)])


# ---- readiness


async def test_readiness_writes_and_reads(proxied: tuple[Proxy, Database]) -> None:
    """A server that answers pings and refuses work is not ready, and says by which code."""
    proxy, database = proxied
    probe = Probe(database, fresh=0)
    assert await probe.problem() is None
    assert await probe.problem() is None
    assert len(await database.collection(COLLECTION).find({})) == 1
    for command in ("find", "update"):
        for code in (1, 2, 13, 133, 50463173):
            proxy.instead = instead({command}, command_error(code))
            assert await database.ping()
            told = await probe.problem()
            assert told is not None
            assert (f"code {code}" in told) != (code == 13)
            with pytest.raises(Transient):
                await probe.check()
    proxy.instead = lambda _: None
    assert await probe.problem() is None
    await probe.check()


async def test_readiness_is_shared_among_replicas_and_callers(proxied: tuple[Proxy, Database]) -> None:
    _, database = proxied
    probes = [Probe(database) for _ in range(5)]
    assert await asyncio.gather(*(probe.problem() for probe in probes)) == [None] * 5
    assert len(await database.collection(COLLECTION).find({})) == 1
    sent = database.commands
    assert [await probes[0].problem() for _ in range(50)] == [None] * 50
    assert database.commands - sent <= 2 * 3


async def test_readiness_answers_in_time_while_the_database_hangs(proxied: tuple[Proxy, Database]) -> None:
    proxy, database = proxied
    probe = Probe(database, patience=0.05, fresh=0)
    proxy.slow = 3.0
    told = [await probe.problem() for _ in range(3)]
    assert any(each is not None and "no answer within" in each for each in told)
    probe.close()


# ---- commands

COMMANDS = (
    ("migrate",),
    ("migrate", "--check"),
    ("erase", "--older-than", "400", "--dry-run"),
    ("reconcile", "samal-3", "2026-11-20"),
    ("explain", "--request", "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"),
    ("routes", "samal-3", "2026-11-20"),
)


@pytest.mark.parametrize(
    "asked",
    [*(f"motor {' '.join(each)}" for each in COMMANDS), "pymongo migrate", "pymongo reconcile samal-3 2026-11-20"],
)
def test_a_command_ends_with_one_line_that_names_address_setting_and_code(
    mongo: stack.Server, asked: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    client, *arguments = asked.split()
    for name in [name for name in os.environ if name.startswith("HOMECALL_")]:
        monkeypatch.delenv(name)
    proxy = Proxy(mongo.address, seed=1)
    monkeypatch.setenv("HOMECALL_MONGO_URL", proxy.url + "/?serverSelectionTimeoutMS=2000")
    monkeypatch.setenv("HOMECALL_MONGO_CLIENT", client)
    monkeypatch.setenv("HOMECALL_MONGO_PREFIX", f"test_{uuid.uuid4().hex[:12]}")
    monkeypatch.setenv("HOMECALL_ENV", "development")
    monkeypatch.setattr(sys, "argv", ["homecall", *arguments])
    commands = {"find", "aggregate", "listIndexes", "listCollections", "insert", "update"}
    try:
        for code in (133, 50463173, 2):
            proxy.instead = instead(commands, command_error(code))
            with pytest.raises(SystemExit) as ended:
                main()
            told = capfd.readouterr().err.strip().splitlines()
            assert (ended.value.code, len(told)) in {(1, 1), (2, 1)}, told
            assert f"code {code}" in told[0]
            assert f"({proxy.url.removeprefix('mongodb://')}, HOMECALL_MONGO_URL)" in told[0]
    finally:
        proxy.close()
