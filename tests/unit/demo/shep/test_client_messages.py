"""The client's own messages, by libraries and a schema that it does not use: zeep, xmlsec, the XSD, the stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xmlsec
import zeep
from lxml import etree
from zeep.wsse.signature import BinarySignature, MemorySignature

from homecall.demo.shep.gateway import SERVICES, Gateway
from homecall.demo.shep.keys import GATEWAY_BIN
from homecall.demo.shep.markup import SOAP, TYPES, XSI, parsed
from homecall.demo.shep.says import Says
from homecall.demo.shep.schema import WSDL, wrong_request
from homecall.demo.shep.wsse import BadSignature, verified
from homecall.gateways.identity.shep.signing import RsaSigner
from homecall.gateways.identity.shep.structure import Untrusted
from homecall.gateways.identity.shep.verifying import RsaVerifier
from tests.unit.demo.shep.messages import OTHER_IIN, canonical_text, keys, request
from tests.unit.demo.shep.test_second_library import AT, Zeep, signature_by, verify_by_xmlsec
from tests.unit.gateways.test_shep_requests import CONSENT, FIELDS, GOLDENS, TOKEN, UNIVERSAL, of

MESSAGE_INFO = {
    "messageId": FIELDS["messageId"],
    "messageDate": FIELDS["messageDate"],
    "sender": {"senderId": "homecall", "password": "secret & <word>"},
}
BUILT: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "universal": ("Request", {"properties": [{"key": "CONNECTOR_CLIENT", "value": "true"}]}, {}),
    "token": ("TokenRequest", {"routeId": "route-7"}, CONSENT),
}
REQUESTS = {"universal": of(FIELDS, UNIVERSAL), "token": of(FIELDS | CONSENT, TOKEN)}


def message_of(envelope: Any) -> Any:
    return envelope.find(f"{{{SOAP}}}Body/{{{TYPES}}}SendMessage")


@pytest.mark.parametrize("name", BUILT)
def test_zeep_builds_the_clients_golden_request(name: str) -> None:
    data_type, more, token = BUILT[name]
    golden = parsed((GOLDENS / f"request_{name}.xml").read_bytes())
    client = Zeep()
    info = MESSAGE_INFO | more | {"serviceId": golden.findtext(".//serviceId")}
    request = client.arguments(data_type, info, senderCode="HOMECALL", iin=FIELDS["iin"], **token)
    built = message_of(zeep.Client(str(WSDL)).create_message(client.service, "SendMessage", request=request))
    if name == "token":
        # The client names no type there: public clients send none either.
        del built.find(".//data").attrib[f"{{{XSI}}}type"]
    assert canonical_text(etree.tostring(built)) == canonical_text(etree.tostring(message_of(golden)))


@pytest.mark.parametrize("name", REQUESTS)
def test_the_schema_allows_what_the_client_sends(name: str) -> None:
    message = message_of(parsed(REQUESTS[name]))
    _, data_type = SERVICES[message.findtext(".//serviceId")]
    assert wrong_request(message, data_type) is None
    message.find(".//iin").text = "1"
    assert wrong_request(message, data_type) is not None


@pytest.mark.parametrize("way", [MemorySignature, BinarySignature])
def test_the_client_believes_what_xmlsec_signed(way: Any, tmp_path: Path) -> None:
    gateway = Gateway(keys())
    gateway.otherwise = Says.UNSIGNED
    unsigned = parsed(gateway.take("SendMessage", request()).body)
    envelope, _ = signature_by(way, keys().gateway, tmp_path).apply(unsigned, {})
    verifier = RsaVerifier([keys().authority.certificate], GATEWAY_BIN)
    signed = etree.tostring(envelope)
    assert verifier.check(signed, AT).findtext(".//person/iin") == FIELDS["iin"]
    with pytest.raises(Untrusted, match="digest"):
        verifier.check(signed.replace(FIELDS["iin"].encode(), OTHER_IIN.encode()), AT)


@pytest.mark.parametrize("name", REQUESTS)
def test_others_verify_what_the_client_signed(name: str) -> None:
    client = keys().client
    received = parsed(RsaSigner(client.key, client.certificate).signed(REQUESTS[name]))
    verify_by_xmlsec(received, client)
    trusted = [keys().authority.certificate]
    assert verified(received, trusted, AT) == client.certificate
    received.find(".//iin").text = OTHER_IIN
    with pytest.raises(BadSignature, match="changed after it was signed"):
        verified(received, trusted, AT)
    with pytest.raises(xmlsec.Error):
        verify_by_xmlsec(received, client)
