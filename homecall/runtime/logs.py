"""JSON logs, a line per event, with personal data taken out before it is written."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

from homecall.contract.iins import HIDDEN, without_iins

_IIN = re.compile(r"(?<!\d)\d{12}(?!\d)")
_PHONE = re.compile(r"(?<![\w-])(?:\+?7|8)[\s(-]*7?\d{2,3}[\s)-]*\d{3}[\s-]*\d{2}[\s-]*\d{2}(?![\w-])")
_PERSONAL = frozenset(
    {"iin", "full_name", "patient", "patient_name", "applicant", "complainant", "phone", "address", "note", "text"}
    | {"identity_document", "signature", "postal_address", "birth_date", "registrar", "value", "body", "data"}
    | {"kdp_token", "kdpToken", "public_key", "publicKey", "consent", "consents"}
)
REDACTED = "[redacted]"


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _PHONE.sub(REDACTED, _IIN.sub(REDACTED, without_iins(value).replace(HIDDEN, REDACTED)))
    if isinstance(value, dict):
        return {key: REDACTED if key in _PERSONAL else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    # Objects that the renderer would convert itself: bytes, records, errors.
    return _clean(repr(value))


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: fields that hold personal data, and anything that looks like an IIN or a phone, go."""
    for key, value in event.items():
        event[key] = REDACTED if key in _PERSONAL else _clean(value)
    return event


def _where(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """Where an error was raised, and its type. Not its message, which may quote data."""
    told: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        told.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nled to\n".join(reversed(told))


def set_up_logs(level: str = "info", stream: Any = None) -> None:
    """Send structlog and the libraries' own logging to one JSON stream, stderr by default."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_where),
        redact,
    ]
    render = structlog.processors.JSONRenderer(ensure_ascii=False)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # Kafka's client logs every heartbeat of a rebalance; we count and log what matters. FastStream warns at every start
    # of topics that it does not create.
    logging.getLogger("homecall.subscription").setLevel(logging.ERROR)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def logs_debug() -> bool:
    """Whether a line is logged for each record."""
    return bool(structlog.get_logger().is_enabled_for(logging.DEBUG))


def log(service: str) -> Any:
    """The logger of a service."""
    return structlog.get_logger(service=service)
