"""A request of the synchronous channel: ``SendMessage`` in a SOAP 1.1 envelope, in canonical form.

The same question gives the same bytes, whatever the order in which the parts were made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

from homecall.contract.types import ZONE
from homecall.gateways.identity.shep.names import CHANNEL, SOAP, WSU, XSI

SOAP_ACTION: Final = "SendMessage"
CONTENT_TYPE: Final = "text/xml; charset=utf-8"


@dataclass(frozen=True, slots=True, repr=False)
class Sender:
    """Who asks, as the gateway knows us. No repr: the password is secret."""

    id: str
    password: str


@dataclass(frozen=True, slots=True)
class Route:
    """Which service is asked, and by which way.

    ``data_type`` is the ``xsi:type`` of ``data`` as (namespace, name); None: it has none.
    """

    service_id: str
    route_id: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    data_type: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """One message: ``data`` are its fields in order, a mapping for fields inside a field. Personal data: no repr."""

    message_id: str
    at: datetime
    data: Mapping[str, str | Mapping[str, str]]


def envelope(question: Question, sender: Sender, route: Route) -> bytes:
    """The request without a signature, as canonical XML 1.0.

    Not in exclusive form, which drops the declaration of a prefix that only the value of ``xsi:type`` uses.
    """
    return (
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Header></soap:Header>'
        f'<soap:Body xmlns:wsu="{WSU}" wsu:Id="{body_id(question.message_id)}">'
        f'<ns2:SendMessage xmlns:ns2="{CHANNEL}"><request>'
        f"<requestInfo>{_info(question, sender, route)}</requestInfo>"
        f"<requestData>{_data(question, route)}</requestData>"
        "</request></ns2:SendMessage></soap:Body></soap:Envelope>"
    ).encode()


def body_id(message_id: str) -> str:
    """The ``wsu:Id`` of the Body, to which the signature refers."""
    return f"id-{message_id}"


def written_time(moment: datetime) -> str:
    """A time with milliseconds and the offset, as ``messageDate`` has it."""
    return moment.astimezone(ZONE).isoformat(timespec="milliseconds")


def _info(question: Question, sender: Sender, route: Route) -> str:
    properties = [
        f"<properties>{_field('key', key)}{_field('value', value)}</properties>" for key, value in route.properties
    ]
    return "".join(
        [
            _field("messageId", question.message_id),
            _field("serviceId", route.service_id),
            _field("messageDate", written_time(question.at)),
            "" if route.route_id is None else _field("routeId", route.route_id),
            f"<sender>{_field('senderId', sender.id)}{_field('password', sender.password)}</sender>",
            *properties,
        ]
    )


def _data(question: Question, route: Route) -> str:
    opening = "<data>"
    if route.data_type is not None:
        namespace, name = (_attribute(part) for part in route.data_type)
        opening = f'<data xmlns:cs="{namespace}" xmlns:xsi="{XSI}" xsi:type="cs:{name}">'
    return f"{opening}{''.join(_field(name, value) for name, value in question.data.items())}</data>"


def _field(name: str, value: str | Mapping[str, str]) -> str:
    """One element; names are the profile's, which are checked when it is read."""
    inside = _text(value) if isinstance(value, str) else "".join(_field(*each) for each in value.items())
    return f"<{name}>{inside}</{name}>"


def _text(value: str) -> str:
    return escape(value, {"\r": "&#xD;"})


def _attribute(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
