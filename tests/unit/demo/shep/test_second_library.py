"""zeep and xmlsec, which share no code with the stand-in, build and read the same messages and signatures."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import xmlsec
import zeep
import zeep.exceptions
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from zeep.wsse.signature import BinarySignature, MemorySignature

from homecall.demo.shep.gateway import PERSONS_BY_TOKEN, Gateway
from homecall.demo.shep.markup import DS, PERSONS, SOAP, WSSE, WSU, parsed, written
from homecall.demo.shep.says import Says
from homecall.demo.shep.schema import WSDL
from homecall.demo.shep.server import PATH, ShepServer, serving
from homecall.demo.shep.wsse import BadSignature, KeyInfo, Signer, sign, verified
from tests.unit.demo.shep.messages import IIN, OTHER_IIN, canonical_text, golden, keys, register

AT = datetime(2026, 11, 30, tzinfo=UTC)
PERSONS_TYPE = f"{{{PERSONS}}}"


def pems(signer: Signer) -> tuple[bytes, bytes]:
    key = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key, signer.certificate.public_bytes(Encoding.PEM)


class SignedByXmlsec(MemorySignature):
    """zeep's own signature, with SHA-256, that also checks answers by the gateway's certificate."""

    def __init__(self, signer: Signer, gateway: Signer) -> None:
        super().__init__(*pems(signer), "", xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA256)
        self.gateway = gateway
        self.verified = 0

    def verify(self, envelope: Any) -> Any:
        verify_by_xmlsec(envelope, self.gateway)
        self.verified += 1
        return envelope


def verify_by_xmlsec(envelope: Any, signer: Signer) -> None:
    """Raises ``xmlsec.Error`` where the signature over the body is not this signer's."""
    _verify(envelope, xmlsec.Key.from_memory(pems(signer)[1], xmlsec.KeyFormat.CERT_PEM))


def verified_by_xmlsec(envelope: Any) -> None:
    """The same by the certificate that comes with the signature, whoever's it is."""
    carried = next(
        envelope.iter(f"{{{WSSE}}}KeyIdentifier", f"{{{WSSE}}}BinarySecurityToken", f"{{{DS}}}X509Certificate")
    )
    _verify(envelope, xmlsec.Key.from_memory(base64.b64decode(carried.text), xmlsec.KeyFormat.CERT_DER))


def _verify(envelope: Any, key: Any) -> None:
    [signature] = envelope.iter(f"{{{DS}}}Signature")
    context = xmlsec.SignatureContext()
    context.key = key
    context.register_id(envelope.find(f"{{{SOAP}}}Body"), "Id", WSU)
    context.verify(signature)


def signature_by(way: Any, signer: Signer, directory: Path) -> Any:
    """zeep's signature of one of its two kinds, with SHA-256."""
    pair: Sequence[Any] = pems(signer)
    if way is BinarySignature:
        files = directory / "key.pem", directory / "certificate.pem"
        for path, content in zip(files, pair, strict=True):
            path.write_bytes(content)
        pair = [str(path) for path in files]
    return way(*pair, "", xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA256)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(keys(), register())


@pytest.fixture
def server(gateway: Gateway) -> Iterator[ShepServer]:
    with serving(gateway) as server:
        yield server


class Zeep:
    """A client that zeep makes from our WSDL."""

    def __init__(self, url: str = "http://127.0.0.1:1") -> None:
        self.wsse = SignedByXmlsec(keys().client, keys().gateway)
        self.client = zeep.Client(str(WSDL), wsse=self.wsse)
        self.service = self.client.create_service(
            "{http://bip.bee.kz/SyncChannel/v10/Interfaces}SyncChannelHttp", f"{url}{PATH}"
        )

    def arguments(self, data_type: str, info: dict[str, Any], **data: str) -> dict[str, Any]:
        """What the one operation is called with."""
        shared = {"messageId": info["messageId"], "messageDate": info["messageDate"]}
        made = self.client.get_type(PERSONS_TYPE + data_type)(**shared, **data)
        return {"requestInfo": info, "requestData": {"data": made}}

    def ask(self, iin: str, **over: Any) -> Any:
        info = {
            "messageId": str(uuid.uuid4()),
            "serviceId": "GBDFL_UniversalServiceSync",
            "messageDate": "2026-11-23T08:00:00.123+05:00",
            "sender": {"senderId": "homecall", "password": "development"},
        }
        return self.service.SendMessage(request=self.arguments("Request", info | over, senderCode="HOMECALL", iin=iin))


# ---- messages

SENDER = {"senderId": "homecall", "password": "development"}


def test_zeep_builds_the_golden_request_from_the_wsdl() -> None:
    client = Zeep()
    info = {
        "messageId": "5f0c6d0e-5d0e-4b1e-9a52-6a8f5e3b1c01",
        "serviceId": "GBDFL_UniversalServiceSync",
        "messageDate": "2026-11-23T08:00:00.123+05:00",
        "routeId": "GBDFL",
        "sender": SENDER,
        "properties": [{"key": "CONNECTOR_CLIENT", "value": "true"}],
    }
    request = client.arguments("Request", info, senderCode="HOMECALL", iin=IIN)
    built = zeep.Client(str(WSDL)).create_message(client.service, "SendMessage", request=request)
    assert canonical_text(etree.tostring(built)) == canonical_text(golden("request"))


def test_zeep_builds_the_golden_request_with_a_token() -> None:
    client = Zeep()
    info = {
        "messageId": "5f0c6d0e-5d0e-4b1e-9a52-6a8f5e3b1c02",
        "serviceId": PERSONS_BY_TOKEN,
        "messageDate": "2026-11-23T08:00:00.123+05:00",
        "sender": SENDER,
    }
    request = client.arguments("TokenRequest", info, senderCode="HOMECALL", iin=IIN, kdpToken="TOKEN", publicKey="KEY")
    built = zeep.Client(str(WSDL)).create_message(client.service, "SendMessage", request=request)
    assert canonical_text(etree.tostring(built)) == canonical_text(golden("request_by_token"))


def test_zeep_asks_signed_and_reads_who_was_found(server: ShepServer, gateway: Gateway) -> None:
    client = Zeep(server.url)
    answer = client.ask(IIN)
    assert answer.responseInfo.status.code == "SCSS001"
    [person] = answer.responseData.data.persons.person
    entry = gateway.register.of(IIN)
    assert entry is not None
    assert (person.iin, person.surname, person.name) == (IIN, entry.surname, entry.name)
    assert person.birthDate == entry.birth_date
    assert isinstance(person.birthDate, date)
    assert person.gender.code == ("2" if entry.female else "1")
    assert person.lifeStatus.code == "0"
    assert [(each.type.code, each.status.code) for each in person.documents.document] == [("002", "00"), ("001", "02")]
    assert client.wsse.verified == 1
    assert [each.iin for each in gateway.asked] == [IIN]


def test_zeep_reads_nil_reference_values_and_several_persons(server: ShepServer, gateway: Gateway) -> None:
    gateway.says = {IIN: Says.NIL, OTHER_IIN: Says.SEVERAL}
    client = Zeep(server.url)
    [person] = client.ask(IIN).responseData.data.persons.person
    # zeep shows a nil value as one of which nothing is known.
    assert {person.gender.code, person.lifeStatus.code, person.regAddress.street, person.patronymic} == {None}
    persons = client.ask(OTHER_IIN).responseData.data.persons.person
    assert [each.iin for each in persons] == [IIN, OTHER_IIN]


def test_zeep_reads_who_was_not_found_and_faults(server: ShepServer, gateway: Gateway) -> None:
    client = Zeep(server.url)
    gateway.otherwise = Says.NOT_FOUND
    answer = client.ask(IIN)
    assert (answer.responseInfo.status.code, answer.responseData) == ("SCSE001", None)
    client.wsse.verify = lambda envelope: envelope  # type: ignore[method-assign]  # faults carry no signature
    with pytest.raises(zeep.exceptions.Fault, match="SBF-AD-1"):
        client.ask(IIN, sender=SENDER | {"password": "another"})


def test_zeep_refuses_an_answer_that_was_changed(server: ShepServer, gateway: Gateway) -> None:
    gateway.otherwise = Says.WRONG_SIGNATURE
    with pytest.raises(xmlsec.Error):
        Zeep(server.url).ask(IIN)


# ---- signatures


@pytest.mark.parametrize("how", KeyInfo)
def test_xmlsec_verifies_what_the_stand_in_signed(how: KeyInfo) -> None:
    envelope = parsed(golden())
    sign(envelope, keys().client, how)
    received = parsed(written(envelope))
    verify_by_xmlsec(received, keys().client)
    for iin in received.iter("iin"):
        iin.text = OTHER_IIN
    with pytest.raises(xmlsec.Error):
        verify_by_xmlsec(received, keys().client)


@pytest.mark.parametrize("way", [MemorySignature, BinarySignature])
def test_the_stand_in_verifies_what_xmlsec_signed(way: Any, tmp_path: Path) -> None:
    signature = signature_by(way, keys().client, tmp_path)
    envelope, _ = signature.apply(parsed(golden()), {})
    assert len(list(envelope.iter(f"{{{WSSE}}}Security"))) == 1
    received = parsed(etree.tostring(envelope))
    trusted = [keys().authority.certificate]
    assert verified(received, trusted, AT) == keys().client.certificate
    changed = deepcopy(received)
    for iin in changed.iter("iin"):
        iin.text = OTHER_IIN
    with pytest.raises(BadSignature, match="changed after it was signed"):
        verified(changed, trusted, AT)
