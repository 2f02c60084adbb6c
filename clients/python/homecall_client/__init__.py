"""A client of Homecall for clinics and the portal: publish what happens on your side, follow what becomes of it.

Needs nothing of the services but their Kafka. ``records`` is pure: an event as the record that carries it, and back;
``client`` sends and listens.
"""

from homecall_client.client import Homecall, NoAnswerError, NotTakenError, Place
from homecall_client.records import (
    FINAL,
    TOPIC_OF,
    Event,
    NotAnEventError,
    Outgoing,
    Status,
    Statuses,
    event_of,
    record_of,
    signed,
    signing_form,
)

__all__ = [
    "FINAL",
    "TOPIC_OF",
    "Event",
    "Homecall",
    "NoAnswerError",
    "NotAnEventError",
    "NotTakenError",
    "Outgoing",
    "Place",
    "Status",
    "Statuses",
    "event_of",
    "record_of",
    "signed",
    "signing_form",
]
