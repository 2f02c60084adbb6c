"""Requests for the stand-in, made here from the facts and not by the client; and the keys that all tests share."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from homecall.demo.shep.keys import Keys
from homecall.demo.shep.markup import SOAP, XSI, parsed, written
from homecall.demo.shep.register import Register, invented
from homecall.demo.shep.wsse import KeyInfo, Signer, sign
from homecall.gateways.signatures.dev_authority import DevAuthority

GOLDEN = Path(__file__).parent / "golden"
IIN, OTHER_IIN = "850715100000", "850715200007"


@cache
def keys() -> Keys:
    """One authority for all tests: its keys take half a second."""
    return Keys(DevAuthority.new())


def register() -> Register:
    """One in which the birth dates of the two people of the tests are known."""
    born = date(1985, 7, 15)
    return Register({each: replace(invented(each), birth_date=born) for each in (IIN, OTHER_IIN)})


def golden(name: str = "request") -> bytes:
    return (GOLDEN / f"{name}.xml").read_bytes()


def edited(text: bytes, **values: str | None) -> Any:
    """The envelope with other texts in all elements of these names; None takes the elements out."""
    envelope = parsed(text)
    for name, value in values.items():
        for each in list(envelope.iter(name)):
            if value is None:
                each.getparent().remove(each)
            else:
                each.text = value
    return envelope


def request(
    *, name: str = "request", signer: Signer | None = None, how: KeyInfo = KeyInfo.IDENTIFIER, **values: str | None
) -> bytes:
    """A signed request with a messageId of its own, unless ``values`` say otherwise."""
    envelope = edited(golden(name), **({"messageId": str(uuid.uuid4())} | values))
    sign(envelope, signer or keys().client, how)
    return written(envelope)


def body_of(text: bytes) -> Any:
    return parsed(text).find(f"{{{SOAP}}}Body")


def canonical_text(text: bytes) -> str:
    """Canonical XML 2.0 with prefixes by their order and without the spaces between elements."""
    return ElementTree.canonicalize(
        text.decode(), rewrite_prefixes=True, strip_text=True, qname_aware_attrs=[f"{{{XSI}}}type"]
    )
