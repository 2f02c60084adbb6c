"""The client asks the stand-in of the gateway, over HTTP: every answer and every attack that the stand-in knows.

The stand-in was written from the facts alone, apart from the client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from homecall.demo.shep.answers import Reply
from homecall.demo.shep.client_files import write_client_files
from homecall.demo.shep.gateway import ATTACHMENTS, PERSONS, Access, Gateway
from homecall.demo.shep.register import Attached, Register
from homecall.demo.shep.says import Says
from homecall.demo.shep.server import PATH, ShepServer, serving
from homecall.demo.shep.wsse import KeyInfo
from homecall.gateways.identity.http import identity_from
from homecall.gateways.identity.port import (
    Attachment,
    Consent,
    Found,
    Identity,
    NoConsent,
    NotFound,
    Result,
    Unavailable,
)
from homecall.runtime.settings import Settings
from tests.unit.demo.shep.messages import IIN, OTHER_IIN, keys, register

LONG = 30.0
NO_ANSWER: Mapping[Says, str] = {
    Says.SERVICE_ERROR: "failing",
    Says.RESULT_ERROR: "failing",
    Says.FAULT: "failing",
    Says.SBF: "refused",
    Says.VAL: "refused",
    Says.SOAP_FAULT: "failing",
    Says.UNKNOWN_CODE: "failing",
    Says.HTML: "failing",
    Says.NOT_XML: "unreadable",
    Says.EMPTY: "unreadable",
    Says.CUT: "unreachable",
    Says.HALF: "unreachable",
    Says.TWICE: "unreadable",
    Says.OTHER_PERSON: "unreadable",
    Says.UNSIGNED: "untrusted",
    Says.WRONG_SIGNATURE: "untrusted",
    Says.OTHER_AUTHORITY: "untrusted",
    Says.CITIZEN: "untrusted",
    Says.EXPIRED: "untrusted",
    Says.OTHER_MESSAGE: "untrusted",
    Says.REPLAY: "untrusted",
    Says.WRAPPED: "untrusted",
    Says.MOVED: "untrusted",
    Says.DOUBLE_ID: "untrusted",
    Says.BOMB: "unreadable",
    Says.DTD: "unreadable",
    Says.DEEP: "unreadable",
    Says.LONG: "unreadable",
}
FOUND = (Says.FOUND, Says.SEVERAL, Says.NIL, Says.ABSENT, Says.ZONED, Says.MORE_FIELDS, Says.SLOW, Says.DEAD)
OTHERWISE: Mapping[Says, Result] = {
    Says.NOT_FOUND: NotFound(),
    Says.NOBODY_LISTED: NotFound(),
    Says.NO_CONSENT: NoConsent(),
}


@pytest.fixture
def gateway() -> Gateway:
    gateway = Gateway(keys(), register())
    gateway.slow_seconds = 0.2
    return gateway


@pytest.fixture
def server(gateway: Gateway) -> Iterator[ShepServer]:
    with serving(gateway) as server:
        yield server


@asynccontextmanager
async def port_to(
    server: ShepServer,
    directory: Path,
    *,
    by_token: bool = False,
    by_ncanode: bool = False,
    attachments: bool = False,
    access: Access | None = None,
) -> AsyncIterator[Identity]:
    """The client as the settings make it."""
    file = write_client_files(
        directory, keys(), access or Access(), by_token=by_token, by_ncanode=by_ncanode, attachments=attachments
    )
    identity = identity_from(
        Settings(
            _env_file=None,  # type: ignore[call-arg]  # pydantic-settings' own argument
            env="development",
            identity=f"shep+{server.url}{PATH}",
            identity_shep_file=file,
            ncanode_url=server.url,
        )
    )
    assert identity is not None
    try:
        yield identity
    finally:
        await identity.close()


async def asked(server: ShepServer, directory: Path, iin: str = IIN, within: float = LONG) -> Result:
    async with port_to(server, directory) as identity:
        [result] = await identity.look_up([iin], within=within)
    return result


def test_every_answer_is_tried() -> None:
    assert {*NO_ANSWER, *FOUND, *OTHERWISE, Says.HANG} == set(Says)


# ---- as it should be


@pytest.mark.parametrize("says", FOUND)
async def test_who_is_found(gateway: Gateway, server: ShepServer, tmp_path: Path, says: Says) -> None:
    gateway.otherwise = says
    result = await asked(server, tmp_path)
    entry = gateway.register.of(IIN)
    assert isinstance(result, Found)
    assert entry is not None
    person = result.person
    bare = says in (Says.NIL, Says.ABSENT)
    names = [entry.surname, entry.name, *([] if bare or entry.patronymic is None else [entry.patronymic])]
    assert (person.full_name, person.birth_date) == (" ".join(names), entry.birth_date)
    assert person.sex == (None if bare else "male")
    assert person.alive is (None if bare else says is not Says.DEAD)
    assert (person.document is None) == (person.address is None) == bare
    if person.document is not None:
        assert (person.document.kind, person.document.number) == ("identity_card", "715100000")
    if person.address is not None:
        assert f"УЛИЦА {entry.street}, {entry.building}, {entry.flat}" in person.address


@pytest.mark.parametrize("says", OTHERWISE)
async def test_who_is_not(gateway: Gateway, server: ShepServer, tmp_path: Path, says: Says) -> None:
    gateway.otherwise = says
    assert await asked(server, tmp_path) == OTHERWISE[says]


@pytest.mark.parametrize("how", KeyInfo)
async def test_the_gateway_may_carry_its_certificate_in_each_way(
    server: ShepServer, gateway: Gateway, tmp_path: Path, how: KeyInfo
) -> None:
    gateway.answers.how = how
    assert isinstance(await asked(server, tmp_path), Found)


async def test_many_at_once_each_by_a_message_of_its_own(server: ShepServer, gateway: Gateway, tmp_path: Path) -> None:
    iins = [f"850715{number:06}" for number in range(40)]
    gateway.says = {iins[7]: Says.NOT_FOUND, iins[8]: Says.NO_CONSENT}
    async with port_to(server, tmp_path) as identity:
        results = await identity.look_up(iins, within=LONG)
    kinds = [type(each) for each in results]
    assert (kinds[7], kinds[8], kinds.count(Found)) == (NotFound, NoConsent, 38)
    assert len({each.message_id for each in gateway.asked}) == len(gateway.asked) == 40
    assert not gateway.refused


# ---- consent


async def test_the_service_with_consent_is_asked_with_the_persons_token(
    server: ShepServer, gateway: Gateway, tmp_path: Path
) -> None:
    consents = {IIN: Consent(*gateway.consent(IIN)), OTHER_IIN: Consent(*gateway.consent(IIN))}
    without = "850715300008"
    async with port_to(server, tmp_path, by_token=True) as identity:
        mine, others, nobodys = await identity.look_up([IIN, OTHER_IIN, without], within=LONG, consents=consents)
    assert isinstance(mine, Found)
    # The token of somebody else is none; without one the service is not even asked.
    assert (others, nobodys) == (NoConsent(), NoConsent())
    assert {each.iin for each in gateway.asked} == {IIN, OTHER_IIN}


# ---- attachment, by a made-up service


async def test_the_made_up_register_of_attachments_is_asked_by_the_table(
    server: ShepServer, gateway: Gateway, tmp_path: Path
) -> None:
    today, day = datetime.now(UTC).date(), timedelta(days=1)
    before = Attached("samal-1", date(2015, 1, 1), until=today - 400 * day)
    here = Attached("baiterek-2", today - 399 * day, territory="12")
    nobodys = "850715300008"
    gateway.register = Register(attached={IIN: [before, here], OTHER_IIN: [before]})
    async with port_to(server, tmp_path, attachments=True) as identity:
        results = await identity.look_up([IIN, OTHER_IIN, nobodys], within=LONG)
    told = [each.attachment for each in results if isinstance(each, Found)]
    assert told == [
        Attachment("baiterek-2", "12", here.since),
        Attachment("samal-1", None, before.since, before.until),
        None,
    ]
    assert sorted(each.service_id for each in gateway.asked) == [PERSONS] * 3 + [ATTACHMENTS] * 3
    assert not gateway.refused


async def test_without_an_answer_on_attachment_the_person_is_found(
    server: ShepServer, gateway: Gateway, tmp_path: Path
) -> None:
    class OnlyPersons(Gateway):
        def take(self, action: str, body: bytes) -> Reply:
            self.otherwise = Says.WRONG_SIGNATURE if ATTACHMENTS.encode() in body else Says.FOUND
            return super().take(action, body)

    server.gateway = OnlyPersons(gateway.keys, gateway.register)
    async with port_to(server, tmp_path, attachments=True) as identity:
        [result] = await identity.look_up([IIN], within=LONG)
    assert isinstance(result, Found)
    assert result.attachment == Unavailable("untrusted")


# ---- as it should not be


@pytest.mark.parametrize("says", NO_ANSWER)
async def test_what_is_wrong_is_no_answer(gateway: Gateway, server: ShepServer, tmp_path: Path, says: Says) -> None:
    async with port_to(server, tmp_path) as identity:
        assert isinstance((await identity.look_up([OTHER_IIN], within=LONG))[0], Found)
        gateway.says = {IIN: says}
        with structlog.testing.capture_logs() as told:
            assert await identity.look_up([IIN], within=LONG) == [Unavailable(NO_ANSWER[says])]  # type: ignore[arg-type]  # a name of Reason
        assert "the e-government gateway is away" in {each["event"] for each in told}
        assert not {IIN, "Forged"} & {word for each in told for word in str(each).replace("'", " ").split()}
        # Others are found meanwhile, and this one once the answer is right.
        gateway.says = {}
        assert isinstance((await identity.look_up([IIN], within=LONG))[0], Found)


async def test_whoever_hangs_is_waited_for_as_long_as_was_said(
    gateway: Gateway, server: ShepServer, tmp_path: Path
) -> None:
    gateway.says = {IIN: Says.HANG}
    began = datetime.now(UTC)
    async with port_to(server, tmp_path) as identity:
        results = await identity.look_up([IIN, OTHER_IIN], within=2.0)
    assert results[0] == Unavailable("timeout")
    assert isinstance(results[1], Found)
    assert datetime.now(UTC) - began < timedelta(seconds=LONG / 2)


async def test_a_wrong_password_is_refused_and_told(server: ShepServer, gateway: Gateway, tmp_path: Path) -> None:
    async with port_to(server, tmp_path, access=Access(password="another")) as identity:
        assert await identity.look_up([IIN], within=LONG) == [Unavailable("refused")]
    assert {each.split()[0] for each in gateway.refused} == {"SBF-AD-1"}


async def test_an_answer_of_long_ago_is_not_believed(tmp_path: Path) -> None:
    with serving(Gateway(keys(), clock=lambda: datetime.now(UTC) - timedelta(hours=1))) as late:
        assert await asked(late, tmp_path) == Unavailable("untrusted")


# ---- by NCANode


async def test_ncanode_signs_and_verifies(gateway: Gateway, server: ShepServer, tmp_path: Path) -> None:
    async with port_to(server, tmp_path, by_ncanode=True) as identity:
        assert isinstance((await identity.look_up([IIN], within=LONG))[0], Found)
        for says in (Says.WRONG_SIGNATURE, Says.OTHER_AUTHORITY, Says.CITIZEN, Says.WRAPPED, Says.MOVED, Says.REPLAY):
            gateway.otherwise = says
            assert await identity.look_up([OTHER_IIN], within=LONG) == [Unavailable("untrusted")], says
    assert set(server.node.asked) == {"/wsse/sign", "/wsse/verify"}
