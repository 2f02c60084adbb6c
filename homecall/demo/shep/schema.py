"""The XSD that requests and answers are checked by; written from the same facts, and no copy of the operator's."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Final

from lxml import etree

from homecall.demo.shep.markup import PERSONS, TYPES, XSI, Element, type_of, typed

DIRECTORY: Final = Path(__file__).parent / "schema"
WSDL: Final = DIRECTORY / "channel.wsdl"


@cache
def _schema() -> Any:
    return etree.XMLSchema(etree.parse(DIRECTORY / "all.xsd"))


def wrong_request(message: Element, data_type: str, namespace: str = PERSONS) -> str | None:
    """What is wrong with a ``SendMessage`` whose data must be of that type; None where nothing is.

    The data may leave out their ``xsi:type``, as some clients do, but not name another.
    """
    return _wrong(message, f"{{{TYPES}}}SendMessage", namespace, data_type)


def wrong_answer(message: Element, namespace: str = PERSONS) -> str | None:
    """What is wrong with a ``SendMessageResponse`` of a register; None where nothing is."""
    return _wrong(message, f"{{{TYPES}}}SendMessageResponse", namespace, "Response")


def _wrong(message: Element, tag: str, namespace: str, data_type: str) -> str | None:
    if message.tag != tag:
        return f"is no {etree.QName(tag).localname}"
    checked = deepcopy(message)
    for data in checked.findall(".//data"):
        named = type_of(data)
        if named is None:
            typed(data, namespace, data_type)
        elif named != (namespace, data_type):
            return f"data are of another type than {data_type}"
    schema = _schema()
    if schema.validate(checked):
        return None
    # Values stay out of what is told: they may be personal data.
    fault = schema.error_log[0]
    return f"{fault.path or ''} {fault.type_name}".replace(f"{{{XSI}}}", "xsi:").strip()
