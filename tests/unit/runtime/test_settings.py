"""A wrong or missing setting stops the start with one line that names it."""

import os
from pathlib import Path

import pytest

from homecall.runtime.settings import PORTS, SettingsError, load_settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine's, and no .env but the test's own."""
    for name in [name for name in os.environ if name.startswith("HOMECALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def wrong(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(f"HOMECALL_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_the_contracts_defaults() -> None:
    settings = load_settings()
    assert (settings.env, settings.kafka_bootstrap, settings.kafka_security) == (
        "production",
        "127.0.0.1:9092",
        "PLAINTEXT",
    )
    assert (settings.mongo_url, settings.mongo_prefix, settings.http_host) == (
        "mongodb://127.0.0.1:27017",
        "homecall",
        "127.0.0.1",
    )
    assert (settings.signatures, settings.identity, settings.clock, settings.rules) == ("rsa", "off", None, None)


@pytest.mark.parametrize(
    ("service", "port"),
    [("intake", 8101), ("scheduler", 8102), ("notifier", 8103), ("complaints", 8104), ("desk", 8105), ("all", 8100)],
)
def test_each_service_has_its_port_unless_one_is_set(service: str, port: int) -> None:
    assert load_settings().port(service) == PORTS[service] == port
    assert load_settings(http_port=0).port(service) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENV", "staging"),
        ("KAFKA_BOOTSTRAP", ""),
        ("KAFKA_BOOTSTRAP", "127.0.0.1:99999"),
        ("KAFKA_BOOTSTRAP", "127.0.0.1:9092,127.0.0.1:0"),
        ("KAFKA_SECURITY", "SASL_PLAINTEXT"),
        ("KAFKA_SESSION_TIMEOUT_MS", "10"),
        ("KAFKA_CA_FILE", "nowhere.pem"),
        ("KAFKA_CERT_FILE", "nowhere.pem"),
        ("KAFKA_KEY_FILE", "nowhere.pem"),
        ("MONGO_URL", ""),
        ("MONGO_PREFIX", "home call"),
        ("MONGO_PREFIX", "a.b"),
        ("HTTP_PORT", "eighty"),
        ("HTTP_PORT", "70000"),
        ("RULES", "nowhere"),
        ("SIGNATURES", "none"),
        ("KEYS_FILE", "nowhere.json"),
        ("BATCH_MAX", "0"),
        ("BATCH_WAIT_MS", "soon"),
        ("DEAD_LETTER_MAX_SHARE", "1.5"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_one_line_that_names_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    line = wrong(monkeypatch, **{name: value})
    assert f"HOMECALL_{name}" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"CLOCK": "2026-11-23T07:55:00+05:00@120"}, "HOMECALL_CLOCK is for development only"),
        ({"SIGNATURES": "off"}, "HOMECALL_SIGNATURES=off is for development only"),
        ({"DESK_DEMO": "true"}, "HOMECALL_DESK_DEMO signs in by links and is for development only"),
        ({"ENV": "development", "CLOCK": "noon"}, "HOMECALL_CLOCK must be a time with an offset"),
        ({"KAFKA_SECURITY": "SASL_SSL"}, "needs HOMECALL_KAFKA_USERNAME and HOMECALL_KAFKA_PASSWORD"),
        ({"KAFKA_SECURITY": "SASL_SSL", "KAFKA_USERNAME": "u"}, "HOMECALL_KAFKA_PASSWORD"),
    ],
)
def test_settings_that_do_not_go_together(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str
) -> None:
    line = wrong(monkeypatch, **environment)
    assert named in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("KAFKA_CA_FILE", {}),
        ("KAFKA_CERT_FILE", {"KAFKA_KEY_FILE": __file__}),
        ("KAFKA_CERT_FILE", {}),
    ],
)
def test_a_file_that_holds_no_certificate(monkeypatch: pytest.MonkeyPatch, name: str, others: dict[str, str]) -> None:
    line = wrong(monkeypatch, **({"KAFKA_SECURITY": "SSL", name: __file__} | others))
    assert f"HOMECALL_{name}" in line
    assert "PEM" in line


def test_a_line_never_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    line = wrong(monkeypatch, KAFKA_SECURITY="SASL_SSL", KAFKA_PASSWORD="hush-hush", MONGO_PREFIX="hush hush")
    assert "hush" not in line
    whole = {"kafka_username": "u", "kafka_password": "hush-hush", "mongo_prefix": "homecall"}
    assert "hush" not in repr(load_settings(**whole))


def test_development_may_have_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMECALL_ENV", "development")
    monkeypatch.setenv("HOMECALL_SIGNATURES", "off")
    monkeypatch.setenv("HOMECALL_CLOCK", "2026-11-23T07:55:00+05:00@120")
    settings = load_settings()
    assert settings.clock == "2026-11-23T07:55:00+05:00@120"


def test_an_env_file_is_read_and_the_environment_goes_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("HOMECALL_MONGO_PREFIX=from_file\nHOMECALL_BATCH_MAX=7\nOTHER=1\n")
    monkeypatch.setenv("HOMECALL_MONGO_PREFIX", "from_environment")
    settings = load_settings()
    assert (settings.mongo_prefix, settings.batch_max) == ("from_environment", 7)
