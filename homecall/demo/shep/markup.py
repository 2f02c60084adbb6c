"""XML of the stand-in: parsed without entities, DTDs or addresses, written without spaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lxml import etree

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
TYPES: Final = "http://bip.bee.kz/SyncChannel/v10/Types"
PERSONS: Final = "http://message.persistence.interactive.nat"
ATTACHMENT: Final = "urn:homecall:made-up:attachment"
"""Of a made-up service: the form of the real one is not public."""
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
WSS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
WSSE: Final = f"{WSS}-wssecurity-secext-1.0.xsd"
WSU: Final = f"{WSS}-wssecurity-utility-1.0.xsd"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
MOST_BYTES: Final = 64 * 1024

Element = Any
"""An element of lxml, which ships no types."""
Content = str | None | Mapping[str, "Content"] | Sequence[Mapping[str, "Content"]]
"""What an element contains: text; nothing, and says so (``xsi:nil``); children by name; or several of the same name."""


class NotXml(ValueError):
    """What came is no XML that is read here; the message says why."""


def parsed(text: bytes) -> Element:
    """The root of a document without a DTD, of at most 64 KiB. Raises ``NotXml``."""
    if len(text) > MOST_BYTES:
        raise NotXml("is longer than 64 KiB")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotXml(f"cannot be parsed: {type(error).__name__}") from None
    if root.getroottree().docinfo.doctype:
        raise NotXml("has a DTD")
    return root


def filled(parent: Element, content: Mapping[str, Content]) -> Element:
    """The parent, with these children in no namespace."""
    for name, value in content.items():
        for each in value if isinstance(value, Sequence) and not isinstance(value, str) else [value]:
            child = etree.SubElement(parent, name)
            if each is None:
                child.set(f"{{{XSI}}}nil", "true")
            elif isinstance(each, Mapping):
                filled(child, each)
            else:
                child.text = each
    return parent


def new_envelope(name: str, content: Mapping[str, Content]) -> Element:
    """A SOAP 1.1 envelope whose body is that element of the channel."""
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP, "wsu": WSU, "xsi": XSI})
    etree.SubElement(envelope, f"{{{SOAP}}}Header")
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    filled(etree.SubElement(body, f"{{{TYPES}}}{name}", nsmap={"t": TYPES}), content)
    return envelope


def typed(element: Element, namespace: str, name: str) -> None:
    """Give it an ``xsi:type``, with a prefix of its own for the namespace."""
    replacement = etree.Element(element.tag, nsmap={"d": namespace})
    replacement.extend(list(element))
    replacement.set(f"{{{XSI}}}type", f"d:{name}")
    element.getparent().replace(element, replacement)


def type_of(element: Element) -> tuple[str | None, str] | None:
    """Namespace and name of its ``xsi:type``; None without one."""
    value = element.get(f"{{{XSI}}}type")
    if value is None:
        return None
    prefix, _, name = value.strip().rpartition(":")
    return element.nsmap.get(prefix or None), name


def the_only(parent: Element, namespace: str, name: str) -> Element | None:
    """Its one child of that name; None where there is none, or several."""
    found = parent.findall(f"{{{namespace}}}{name}")
    return found[0] if len(found) == 1 else None


def canonical(element: Element, inclusive: Sequence[str] = ()) -> bytes:
    """Its exclusive canonical form, without comments."""
    text: bytes = etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=list(inclusive) or None
    )
    return text


def written(root: Element) -> bytes:
    text: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return text
