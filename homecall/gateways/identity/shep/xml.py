"""XML that comes from outside: a parser that is hard to hurt, and ways to read what it found.

The parser takes UTF-8 without document type, entities and processing instructions, up to a size, a depth and a number
of elements; it reads no file and no address. All of this is checked before anything else looks at the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from lxml import etree

from homecall.gateways.identity.shep.names import XSI

MOST_BYTES: Final = 256 * 1024
_DEEPEST: Final = 40
_MOST_ELEMENTS: Final = 5_000
_MOST_ATTRIBUTES: Final = 50
_DECLARATION = re.compile(rb"""<\?xml\s[^?]*\?>\s*""")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([^"']*)["']""")
_FORBIDDEN: Final = ((b"<!DOCTYPE", "doctype"), (b"<!ENTITY", "doctype"), (b"<?", "instruction"))


class BadXml(Exception):
    """A document that is not read; the text is the cause, in one word."""


def parsed(document: bytes) -> etree._Element:
    """The root of a document from outside. Raises ``BadXml``."""
    text = _checked(document)
    parser: etree.XMLPullParser[Any] = etree.XMLPullParser(events=("start", "end"), **_OPTIONS)
    depth = elements = 0
    try:
        for start in range(0, len(text), 4096):
            parser.feed(text[start : start + 4096])
            for event, element in parser.read_events():
                if event == "end":
                    depth -= 1
                    continue
                depth += 1
                elements += 1
                if depth > _DEEPEST:
                    raise BadXml("too_deep")
                if elements > _MOST_ELEMENTS or len(element.attrib) > _MOST_ATTRIBUTES:
                    raise BadXml("too_big")
        root = parser.close()
    except etree.XMLSyntaxError:
        raise BadXml("malformed") from None
    if root.getroottree().docinfo.doctype or any(True for _ in root.iter(etree.Entity)):
        raise BadXml("doctype")
    return root


def _checked(document: bytes) -> bytes:
    """The document without its declaration; what no message of the gateway has is refused by its bytes alone."""
    if len(document) > MOST_BYTES:
        raise BadXml("too_big")
    text = document.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        raise BadXml("encoding") from None
    declaration = _DECLARATION.match(text)
    if declaration is not None:
        named = _ENCODING.search(declaration[0])
        if named is not None and named[1].lower() not in (b"utf-8", b"utf8"):
            raise BadXml("encoding")
        text = text[declaration.end() :]
    upper = text.upper()
    for mark, cause in _FORBIDDEN:
        if mark in upper:
            raise BadXml(cause)
    if not text.startswith(b"<"):
        raise BadXml("malformed")
    return text


_OPTIONS: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "collect_ids": False,
}


def parser() -> etree.XMLParser[Any]:
    """A parser of the same kind for libraries that parse again what ``parsed`` has let through."""
    return etree.XMLParser(**_OPTIONS)


def canonical(element: etree._Element, prefixes: list[str] | None = None) -> bytes:
    """Exclusive canonical XML without comments; ``prefixes`` are the ones that are kept as in inclusive form."""
    found: bytes = etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes
    )
    return found


def name_of(element: etree._Element) -> str:
    """The name without its namespace; empty for what is no element."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def children(element: etree._Element) -> list[etree._Element]:
    """The elements inside, without comments."""
    return [each for each in element if isinstance(each.tag, str)]


def named(element: etree._Element, path: str) -> Iterator[etree._Element]:
    """The elements at a path of names, as in ``responseInfo/status/code``, whatever their namespaces."""
    first, _, rest = path.partition("/")
    for each in children(element):
        if name_of(each) == first:
            if rest:
                yield from named(each, rest)
            else:
                yield each


def text_at(element: etree._Element, path: str) -> str | None:
    """The text at a path; None where it is absent, ``xsi:nil``, blank, or stands several times with unlike texts."""
    texts = {" ".join("".join(each.itertext()).split()) for each in named(element, path) if not is_nil(each)} - {""}
    return texts.pop() if len(texts) == 1 else None


def is_nil(element: etree._Element) -> bool:
    """Whether ``xsi:nil`` says that the element has no value."""
    return element.get(f"{{{XSI}}}nil", "").strip() in ("true", "1")
