"""Every setting of a service, from the environment or a ``.env`` file.

A wrong or missing one stops the start with one line that names it: ``SettingsError``.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from homecall.contract.encoding import NotUtf8, decoded
from homecall.runtime.clock import clock_from
from homecall.runtime.failpoint import check as check_failpoint
from homecall.runtime.kafka.senders import BadSenders, read_senders

PORTS = {"intake": 8101, "scheduler": 8102, "notifier": 8103, "complaints": 8104, "desk": 8105, "all": 8100}
_HOST_AND_PORT = re.compile(r"\s*[^\s,]+:(\d{1,5})\s*\Z")
MongoClientName = Literal["motor", "pymongo"]
_FILES = (
    *("kafka_ca_file", "kafka_cert_file", "kafka_key_file", "keys_file", "identity_shep_file"),
    *("sms_password_file", "sms_profile", "sms_report_secret_file"),
)


DOTENV = ".env"
"""Read from the directory that a command is started in."""


class SettingsError(Exception):
    """A setting that is wrong or missing, in one line."""


def check_dotenv() -> None:
    """Raise ``SettingsError`` where there is a ``.env`` that cannot be read."""
    path = Path(DOTENV)
    try:
        if path.is_file():
            decoded(path.read_bytes())
    except NotUtf8 as error:
        raise SettingsError(f"{path.absolute()} {error}") from None
    except OSError as error:
        raise SettingsError(f"{path.absolute()} cannot be read: {error.strerror}") from None


class Settings(BaseSettings):
    """The settings, with the contract's names and defaults."""

    model_config = SettingsConfigDict(
        env_prefix="HOMECALL_",
        env_file=DOTENV,
        env_file_encoding="utf-8-sig",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    env: Literal["production", "development"] = Field(
        "production", description="development allows what production refuses"
    )

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka's addresses, comma-separated", min_length=1)
    kafka_security: Literal["PLAINTEXT", "SASL_SSL", "SSL"] = Field("PLAINTEXT", description="how Kafka is reached")
    kafka_username: str | None = Field(None, description="SASL/SCRAM user, with SASL_SSL")
    kafka_password: SecretStr | None = Field(None, description="SASL/SCRAM password, with SASL_SSL")
    kafka_ca_file: Path | None = Field(None, description="CA certificate, PEM")
    kafka_cert_file: Path | None = Field(None, description="client certificate, PEM, with SSL")
    kafka_key_file: Path | None = Field(None, description="client key, PEM, with SSL")
    kafka_session_timeout_ms: int = Field(
        10_000, ge=1_000, le=300_000, description="when a silent member leaves its group"
    )

    mongo_url: str = Field("mongodb://127.0.0.1:27017", description="MongoDB's address", min_length=1)
    mongo_prefix: str = Field("homecall", pattern=r"^[a-zA-Z0-9_-]{1,40}$", description="each database's prefix")
    mongo_client: MongoClientName = Field("motor", description="MongoDB's client: motor, or PyMongo's own async client")

    http_host: str = Field("127.0.0.1", description="where /livez, /readyz, /metrics and /sms/reports listen")
    http_port: int | None = Field(None, ge=0, le=65535, description="their port")

    rules: Path | None = Field(None, description="a directory of rule sets in place of the packaged one")
    signatures: Literal["rsa", "ncanode", "off"] = Field("rsa", description="how signatures are checked")
    trust_store: Path | None = Field(None, description="directory of CA certificates, for rsa")
    crls: Path | None = Field(None, description="directory of revocation lists, for rsa")
    ocsp: str = Field("off", description="certificate (the responder it names), or a responder's address, for rsa")
    revocation: Literal["checked", "unchecked"] = Field(
        "checked",
        description="unchecked: start in production without crls and ocsp, and accept revoked certificates",
    )
    ncanode_url: str | None = Field(
        None, description="NCANode's address, for ncanode; in production https, or http on this machine"
    )
    keys_file: Path | None = Field(None, description="keys for personal data: JSON, see docs/security.md")
    senders_file: Path | None = Field(None, description="who may send for which clinic: JSON, see docs/security.md")
    duty_officer: str | None = Field(
        None,
        max_length=300,
        description="who answers for complaints that the system accepts (C10.2): full name, comma, position",
    )
    identity: str = Field(
        "off", description="the e-government gateway's address; with shep+ before it, in the gateway's own form"
    )
    identity_shep_file: Path | None = Field(
        None, description="who asks the gateway for what, and signs how: TOML, see docs/operations.md"
    )
    identity_wait_seconds: float = Field(3, gt=0, le=60, description="how long an answer waits for the gateway")
    sms: str = Field("off", description="the SMS gateway's address for messages")
    sms_login: str | None = Field(None, description="login at the SMS gateway")
    sms_password: SecretStr | None = Field(None, description="its password or key")
    sms_password_file: Path | None = Field(None, description="or a file that holds it")
    sms_sender: str | None = Field(None, max_length=40, description="the sender's name that patients see")
    sms_profile: Path | None = Field(None, description="how the SMS gateway names things: TOML, see docs/operations.md")
    sms_report_secret: SecretStr | None = Field(
        None, min_length=16, description="what the gateway shows with delivery reports"
    )
    sms_report_secret_file: Path | None = Field(None, description="or a file that holds it")
    sms_quiet_hours: str = Field("22:00-08:00", description="when messages wait, by the clinics' clock; or off")
    sms_statuses: str = Field(
        "registered,deferred,scheduled,rescheduled,delayed,refused,withdrawn,not_completed",
        description="the statuses that are sent, comma-separated",
    )
    sms_settle_seconds: float = Field(
        10, ge=0, le=600, description="how long registered waits for the time of the visit to replace it"
    )
    sms_wait_seconds: float = Field(10, gt=0, le=60, description="how long a call to the SMS gateway may take")
    sms_rest_seconds: float = Field(30, gt=0, le=600, description="pause after repeated failures of the SMS gateway")
    sms_at_once: int = Field(16, ge=1, le=200, description="calls to the SMS gateway at one time")

    replan_seconds: float = Field(
        0.2, ge=0, le=10, description="time to plan the rest of a clinic's day again; 0 never"
    )
    sampled_days: int = Field(
        20,
        ge=0,
        le=100,
        description="days sampled from a clinic's history by which windows are chosen, see docs/schedule.md; 0 none",
    )
    bookings_held: int = Field(
        6_000,
        ge=100,
        le=1_000_000,
        description="bookings, of some 3 KB each, that the scheduler keeps in memory",
    )
    osrm_url: str | None = Field(None, description="an OSRM server for travel by road")
    osrm_seconds: float = Field(0.3, gt=0, le=5, description="how long a promise waits for OSRM")
    offers_url: str | None = Field(
        None,
        description="the scheduler's address inside the cluster, of which the desk asks the windows that it offers",
    )
    desk_users_file: Path | None = Field(
        None, description="who may sign in at the desk: JSON, which homecall desk user add writes"
    )
    desk_secret_file: Path | None = Field(
        None, description="a file with the secret of the desk's sessions, the same for all replicas"
    )
    desk_sender: str = Field("desk", description="the name under which the desk signs what people do, with a key")
    desk_sender_key_file: Path | None = Field(
        None,
        description="the desk's private key, from homecall senders new; needed with senders_file",
    )
    desk_tiles_url: str | None = Field(
        None, description="a tile server for the desk's maps, as in https://tiles.example/{z}/{x}/{y}.png"
    )
    desk_url: str | None = Field(None, description="the desk's own address, as browsers have it")
    desk_oidc_issuer: str | None = Field(
        None, description="an OpenID Connect provider whose users may sign in at the desk; needs desk_url"
    )
    desk_oidc_client_id: str | None = Field(None, description="the desk's client id at the provider")
    desk_oidc_client_secret_file: Path | None = Field(None, description="a file with the client's secret")
    desk_oidc_scopes: str = Field("openid profile", description="the scopes that the provider is asked for")
    desk_oidc_role_claim: str = Field("homecall_role", description="the claim with the role; dots lead into objects")
    desk_oidc_clinic_claim: str = Field("homecall_clinic", description="the claim with the clinic_id")
    desk_oidc_doctor_claim: str = Field("homecall_doctor", description="the claim with a doctor's id of the rosters")
    desk_oidc_name_claim: str = Field("name", description="the claim with the full name, as the register shows it")
    desk_proxies: int = Field(
        0,
        ge=0,
        le=5,
        description="how many proxies of yours stand in front of the desk, so that it knows who tries passwords",
    )
    desk_demo: bool = Field(False, description="links that sign in at the desk; development only")
    clock: str | None = Field(None, description="an accelerated clock; development only")
    failpoint: str | None = Field(None, description="where a fault test ends or holds the process; development only")

    batch_max: int = Field(250, ge=1, le=10_000, description="most records in a batch")
    batch_wait_ms: int = Field(5, ge=1, le=1_000, description="how long a batch waits for its first record")
    dead_letter_max_share: float = Field(
        0.5, gt=0, le=1, description="share of dead letters in the last 1,000 records that stops the service"
    )
    traces: Literal["off", "otlp"] = Field(
        "off", description="otlp sends spans to OTEL_EXPORTER_OTLP_ENDPOINT, by default http://localhost:4318"
    )
    traces_share: float = Field(
        0.01, ge=0, le=1, description="share of the records without a traceparent that are traced"
    )
    clinic_metrics: bool = Field(False, description="metrics by clinic_id, for the region's dashboard")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least level logged")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for check in _CHECKS:
            problem = check(self)
            if problem is not None:
                raise PydanticCustomError("settings", problem)
        return self

    def officer(self) -> dict[str, str] | None:
        """The officer on duty by name and position; None where none is set, or it is not readable."""
        full_name, _, position = (" ".join(part.split()) for part in (self.duty_officer or "").partition(","))
        if not all(any(sign.isalpha() for sign in part) for part in (full_name, position)):
            return None
        return {"full_name": full_name, "position": position}

    def port(self, service: str) -> int:
        """The HTTP port of a service."""
        return PORTS[service] if self.http_port is None else self.http_port

    def secret(self, name: str) -> str | None:
        """A secret that may stand in the environment or, by ``…_file``, in a file; None where neither is set.

        Raises ``SettingsError`` where both are, or the file is empty or cannot be read.
        """
        setting, given, file = f"HOMECALL_{name.upper()}", getattr(self, name), getattr(self, f"{name}_file")
        if file is None:
            return None if given is None else str(given.get_secret_value())
        if given is not None:
            raise SettingsError(f"{setting} and {setting}_FILE are both set: take one away")
        try:
            text = decoded(file.read_bytes()).strip()
        except NotUtf8 as error:
            raise SettingsError(f"{setting}_FILE {error}") from None
        except OSError:
            text = ""
        if not text:
            raise SettingsError(f"{setting}_FILE names a file that is empty or cannot be read")
        return text


def _clock(settings: Settings) -> str | None:
    if settings.clock is None:
        return None
    if settings.env != "development":
        return "HOMECALL_CLOCK is for development only: set HOMECALL_ENV=development"
    return _error_of(lambda: clock_from(settings.clock))


def _failpoint(settings: Settings) -> str | None:
    if settings.failpoint is None:
        return None
    if settings.env != "development":
        return (
            "HOMECALL_FAILPOINT ends or holds the service and is for development only: unset it, or set "
            "HOMECALL_ENV=development"
        )
    return _error_of(lambda: check_failpoint(str(settings.failpoint)))


def _error_of(check: Callable[[], object]) -> str | None:
    try:
        check()
    except ValueError as error:
        return str(error)
    return None


def _signatures(settings: Settings) -> str | None:
    if settings.signatures == "off" and settings.env != "development":
        return "HOMECALL_SIGNATURES=off is for development only: set rsa or ncanode, or development"
    return None


def _demo(settings: Settings) -> str | None:
    if settings.desk_demo and settings.env != "development":
        return "HOMECALL_DESK_DEMO signs in by links and is for development only: unset it"
    return None


def _sasl(settings: Settings) -> str | None:
    if settings.kafka_security == "SASL_SSL" and None in (settings.kafka_username, settings.kafka_password):
        return "HOMECALL_KAFKA_SECURITY=SASL_SSL needs HOMECALL_KAFKA_USERNAME and HOMECALL_KAFKA_PASSWORD"
    return None


def _files(settings: Settings) -> str | None:
    for name in _FILES:
        path = getattr(settings, name)
        if path is not None and not path.is_file():
            return f"HOMECALL_{name.upper()} names no file that can be read"
    return None


def _certificates(settings: Settings) -> str | None:
    if settings.kafka_security == "PLAINTEXT":
        return None
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    except OSError:
        return "HOMECALL_KAFKA_CA_FILE holds no certificate in PEM form"
    if settings.kafka_cert_file is not None:
        try:
            # With an empty password, OpenSSL reports a protected key instead of asking for its password.
            context.load_cert_chain(settings.kafka_cert_file, settings.kafka_key_file, password="")
        except (OSError, ValueError):
            return "HOMECALL_KAFKA_CERT_FILE and HOMECALL_KAFKA_KEY_FILE hold no certificate with its key in PEM form"
    return None


def _senders(settings: Settings) -> str | None:
    if settings.senders_file is None:
        return None
    try:
        read_senders(decoded(settings.senders_file.read_bytes()))
    except (BadSenders, NotUtf8) as error:
        return f"HOMECALL_SENDERS_FILE {error}"
    except (OSError, ValueError):
        return "HOMECALL_SENDERS_FILE names no file that can be read"
    return None


def _officer(settings: Settings) -> str | None:
    if settings.duty_officer is not None and settings.officer() is None:
        return "HOMECALL_DUTY_OFFICER must be a full name, a comma and a position, each in words"
    return None


def _rules(settings: Settings) -> str | None:
    if settings.rules is not None and not settings.rules.is_dir():
        return "HOMECALL_RULES names no directory"
    return None


def _bootstrap(settings: Settings) -> str | None:
    if not all(map(_is_address, settings.kafka_bootstrap.split(","))):
        return "HOMECALL_KAFKA_BOOTSTRAP must be host:port, several with commas, as in 127.0.0.1:9092"
    return None


def _is_address(text: str) -> bool:
    found = _HOST_AND_PORT.match(text)
    return found is not None and 0 < int(found[1]) < 2**16


_CHECKS: Final = (
    _clock,
    _failpoint,
    _signatures,
    _demo,
    _sasl,
    _files,
    _certificates,
    _senders,
    _officer,
    _rules,
    _bootstrap,
)
"""What one field alone does not tell: each returns what is wrong, in one line."""


def load_settings(**over: Any) -> Settings:
    """The settings of this process; raises ``SettingsError`` with one line that names the first wrong one."""
    if "_env_file" not in over:
        check_dotenv()
    try:
        return Settings(**over)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in detail["loc"])
        if not name:
            raise SettingsError(detail["msg"]) from None
        raise SettingsError(f"HOMECALL_{name.upper()}: {detail['msg']}") from None
