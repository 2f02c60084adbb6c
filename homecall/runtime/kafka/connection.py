"""How clients reach the brokers, and a diagnosis if they cannot: aiokafka only says that it could not connect."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import IllegalSaslStateError, KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from homecall.runtime.failures import Refused, Transient
from homecall.runtime.kafka.errors import make_connections_safe
from homecall.runtime.settings import Settings

_TRY_SECONDS = 5.0
_CONNECTION_OPTIONS = (
    *("security_protocol", "ssl_context", "sasl_mechanism"),
    *("sasl_plain_username", "sasl_plain_password"),
)


def connection(settings: Settings) -> dict[str, Any]:
    """The options by which aiokafka reaches the brokers of the settings."""
    make_connections_safe()
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security != "PLAINTEXT":
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
        if settings.kafka_cert_file is not None:
            context.load_cert_chain(settings.kafka_cert_file, settings.kafka_key_file)
        options["ssl_context"] = context
    if settings.kafka_security == "SASL_SSL" and settings.kafka_password is not None:
        options["sasl_mechanism"] = "SCRAM-SHA-512"
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    return options


async def why_not(options: Mapping[str, Any], error: BaseException) -> Transient:
    """What to raise for ``error`` of a client with these options, after trying each broker once more.

    ``Refused`` if one rejected our credentials or configuration; else ``Transient`` with the result for each broker.
    Neither contains a password.
    """
    connecting = {name: options[name] for name in _CONNECTION_OPTIONS if name in options}
    found = []
    for host, port, _ in collect_hosts(options["bootstrap_servers"]):
        try:
            async with asyncio.timeout(_TRY_SECONDS):
                connection = await create_conn(host, port, client_id="homecall-why", **connecting)
            connection.close()
            found.append(f"{host}:{port} answers by now")
        except (KafkaError, OSError, TimeoutError) as problem:
            told = _refusal(problem)
            if told is not None:
                return Refused("broker", f"Kafka at {host}:{port} (HOMECALL_KAFKA_BOOTSTRAP) {told}")
            found.append(f"{host}:{port}: {_kind(problem)}")
    if isinstance(error, Transient):
        return error  # a refusal, or a missing topic
    return Transient("broker", error, f"HOMECALL_KAFKA_BOOTSTRAP, {'; '.join(found)}")


def _refusal(problem: BaseException) -> str | None:
    """Why a broker that answered rejected us; None if it did not answer."""
    if isinstance(problem, SaslAuthenticationFailed):
        return "refuses the user or the password: HOMECALL_KAFKA_USERNAME, HOMECALL_KAFKA_PASSWORD"
    if isinstance(problem, UnsupportedSaslMechanismError | IllegalSaslStateError):
        return "takes no SCRAM-SHA-512 passwords: HOMECALL_KAFKA_SECURITY"
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not trusted, {problem.verify_message.rstrip('.')}: HOMECALL_KAFKA_CA_FILE"
    if isinstance(problem, ssl.SSLError):
        return "cannot agree with us on TLS: HOMECALL_KAFKA_SECURITY, HOMECALL_KAFKA_CERT_FILE"
    return None


def _kind(problem: BaseException) -> str:
    return "no such host" if isinstance(problem, socket.gaierror) else type(problem).__name__
