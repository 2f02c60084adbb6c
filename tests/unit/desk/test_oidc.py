"""Signing in through an OpenID Connect provider, which is made up here and does what it should not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from httpx import Response
from joserfc.jwk import OctKey

from homecall.runtime.settings import Settings, SettingsError
from services.desk import oidc
from services.desk.oidc import Provider, provider_from
from services.desk.sessions import COOKIE
from services.desk.watch import Watch
from services.desk.web import provider as pages
from tests.unit.desk.provider import CLIENT, SECRET, MadeUpProvider, a_key, running
from tests.unit.desk.reception import Browser, Reception, a_form

CALLBACK = "https://desk.test/login/oidc/callback"


@pytest.fixture
async def made_up() -> AsyncIterator[MadeUpProvider]:
    async with running(MadeUpProvider()) as provider:
        yield provider


@pytest.fixture
def reception(made_up: MadeUpProvider) -> Reception:
    reception = Reception()
    reception.site.oidc = Provider(made_up.issuer, CLIENT, SECRET, CALLBACK, secure=False)
    return reception


async def begin(browser: Browser, target: str = "/") -> str:
    answer = await browser.client.get("/login/oidc", params={"next": target})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def finish(browser: Browser, made_up: MadeUpProvider, address: str, **over: str) -> Response:
    answer = made_up.authorize(address)
    assert answer.pop("redirect_uri") == CALLBACK
    return await browser.client.get("/login/oidc/callback", params=answer | over)


async def sign_in(reception: Reception, made_up: MadeUpProvider, target: str = "/") -> tuple[Browser, Response]:
    browser = reception.browser(None)
    return browser, await finish(browser, made_up, await begin(browser, target))


async def test_a_user_of_the_provider_signs_in_and_works(reception: Reception, made_up: MadeUpProvider) -> None:
    browser, answer = await sign_in(reception, made_up, "/board?date=2026-11-23")
    assert answer.headers["location"] == "/board?date=2026-11-23"
    page = await browser.get("/board")
    assert page.status_code == 200
    assert "Ахметова Гүлнар" in page.text
    assert (await browser.post("/calls/new", a_form())).status_code == 303
    await reception.outbox.send()
    (event,) = reception.broker.sent
    assert b'"registrar":{"id":"oidc:u-17","full_name":"' in event.value.replace(b'": ', b'":').replace(b', "', b',"')


async def test_the_login_offers_what_there_is(reception: Reception) -> None:
    text = (await reception.browser(None).get("/login?next=/board")).text
    assert 'href="/login/oidc?next=/board"' in text
    assert 'name="password"' in text
    reception.users._entries = {}
    assert 'name="password"' not in (await reception.browser(None).get("/login")).text
    reception.site.oidc = None
    text = (await reception.browser(None).get("/login")).text
    assert "/login/oidc" not in text
    assert 'name="password"' in text


async def test_nothing_is_asked_of_the_provider_before_somebody_signs_in_and_once_for_all(
    reception: Reception, made_up: MadeUpProvider
) -> None:
    await reception.browser(None).get("/login")
    assert made_up.asked == []
    for _ in range(3):
        await sign_in(reception, made_up)
    assert made_up.asked.count("configuration") == 1
    assert made_up.asked.count("keys") == 1


# ------------------------------------------------------------------------------------------------------- forged tokens


def _forged(made_up: MadeUpProvider, what: str) -> None:
    now = int(time.time())
    turned: dict[str, dict[str, Any]] = {
        "another issuer": {"claims": {"iss": "https://evil.example"}},
        "another audience": {"claims": {"aud": "another-client"}},
        "several audiences, without the party": {"claims": {"aud": [CLIENT, "another-client"]}},
        "another party": {"claims": {"aud": [CLIENT, "x"], "azp": "x"}},
        "expired": {"claims": {"exp": now - 120, "iat": now - 400}},
        "of the future": {"claims": {"iat": now + 600, "exp": now + 900}},
        "without an end": {"left_out": ("exp",)},
        "without an issuer": {"left_out": ("iss",)},
        "without an audience": {"left_out": ("aud",)},
        "another login's nonce": {"claims": {"nonce": "of another login"}},
        "without a nonce": {"left_out": ("nonce",)},
        "without a signature": {"header": {"alg": "none"}},
        "HS256 with the public key": {"header": {"alg": "HS256"}, "signed_with": made_up.public_pem_as_secret()},
        "HS256 with the client's secret": {"header": {"alg": "HS256"}, "signed_with": SECRET.encode()},
        "a stranger's key": {"signed_with": a_key("a stranger's")},
        "a stranger's key of an unknown name": {"header": {"kid": "two"}, "signed_with": a_key("a stranger's")},
        "another access token's hash": {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
        "an end that is no number": {"claims": {"exp": "tomorrow"}},
    }
    for name, value in turned[what].items():
        setattr(made_up, name, value)


FORGED = (
    *("another issuer", "another audience", "several audiences, without the party", "another party", "expired"),
    *("of the future", "without an end", "without an issuer", "without an audience", "another login's nonce"),
    *("without a nonce", "without a signature", "HS256 with the public key", "HS256 with the client's secret"),
    *("a stranger's key", "a stranger's key of an unknown name", "another access token's hash"),
    "an end that is no number",
)


@pytest.mark.parametrize("what", FORGED)
async def test_a_forged_id_token_signs_nobody_in(reception: Reception, made_up: MadeUpProvider, what: str) -> None:
    _forged(made_up, what)
    browser, answer = await sign_in(reception, made_up)
    assert answer.status_code == 403
    assert COOKIE not in answer.headers.get("set-cookie", "")
    assert (await browser.get("/board")).status_code == 303


async def test_a_shared_key_among_the_providers_keys_is_not_used(reception: Reception, made_up: MadeUpProvider) -> None:
    secret = OctKey.generate_key(256, {"kid": "shared", "use": "sig"})
    made_up.keys.append(secret)  # type: ignore[arg-type]
    made_up.header, made_up.signed_with = {"alg": "HS256", "kid": "shared"}, secret
    assert (await sign_in(reception, made_up))[1].status_code == 403


async def test_new_keys_of_the_provider_are_learned(
    reception: Reception, made_up: MadeUpProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await sign_in(reception, made_up))[1].status_code == 303
    made_up.key = a_key("two")
    made_up.keys, made_up.header = [made_up.key], {"kid": "two"}
    assert (await sign_in(reception, made_up))[1].status_code == 403, "not asked for at every unknown key"
    monkeypatch.setattr(oidc, "NEW_KEYS_AFTER_SECONDS", 0)
    assert (await sign_in(reception, made_up))[1].status_code == 303


# ------------------------------------------------------------------------------------------------- bound to the browser


async def test_an_answer_of_another_browser_signs_nobody_in(reception: Reception, made_up: MadeUpProvider) -> None:
    """Login CSRF: the attacker's code in the victim's browser, with no login begun there, or another one."""
    address = await begin(reception.browser(None))
    victim = reception.browser(None)
    assert (await finish(victim, made_up, address)).status_code == 403
    await begin(victim)
    assert (await finish(victim, made_up, address)).status_code == 403
    assert victim.client.cookies.get(COOKIE) is None
    assert "token" not in made_up.asked, "the code was not even taken to the provider"


@pytest.mark.parametrize("over", [{"state": ""}, {"state": "x"}, {"code": ""}, {"iss": "https://evil.example"}])
async def test_an_answer_that_is_not_whole_signs_nobody_in(
    reception: Reception, made_up: MadeUpProvider, over: dict[str, str]
) -> None:
    browser = reception.browser(None)
    assert (await finish(browser, made_up, await begin(browser), **over)).status_code == 403
    assert "token" not in made_up.asked


async def test_a_stolen_code_is_no_use_in_another_login(reception: Reception, made_up: MadeUpProvider) -> None:
    """PKCE: the code belongs to the verifier in the cookie of the browser that began."""
    thief = reception.browser(None)
    stolen = made_up.authorize(await begin(reception.browser(None)))
    assert (await finish(thief, made_up, await begin(thief), code=stolen["code"])).status_code == 403


async def test_a_login_is_finished_once(reception: Reception, made_up: MadeUpProvider) -> None:
    browser = reception.browser(None)
    answer = made_up.authorize(await begin(browser))
    answer.pop("redirect_uri")
    first = await browser.client.get("/login/oidc/callback", params=answer)
    assert first.status_code == 303
    (line,) = [each for each in first.headers.get_list("set-cookie") if each.startswith(f"{COOKIE}=")]
    assert {"secure", "httponly", "samesite=lax"} <= {each.strip().lower() for each in line.split(";")}
    assert browser.client.cookies.get(pages.COOKIE) is None
    browser.client.cookies.delete(COOKIE)
    assert (await browser.client.get("/login/oidc/callback", params=answer)).status_code == 403


async def test_it_leads_nowhere_else(reception: Reception, made_up: MadeUpProvider) -> None:
    assert (await sign_in(reception, made_up, "//evil.example"))[1].headers["location"] == "/"
    browser = reception.browser(None)
    address = await begin(browser)
    assert urlsplit(address).netloc == urlsplit(made_up.issuer).netloc
    answer = await browser.client.get(
        "/login/oidc", headers={"host": "evil.example", "x-forwarded-host": "evil.example"}
    )
    assert "evil" not in answer.headers["location"], "the desk's own address is a setting, not what a header says"


# ------------------------------------------------------------------------------------------------------- who it is


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"homecall_role": None}, "homecall_role"),
        ({"homecall_role": "king"}, "homecall_role"),
        ({"homecall_role": ["registrar", "head"]}, "homecall_role"),
        ({"homecall_clinic": None}, "homecall_clinic"),
        ({"homecall_clinic": ["samal-1", "other-2"]}, "homecall_clinic"),
        ({"homecall_clinic": "<b>"}, "homecall_clinic"),
        ({"homecall_role": "doctor"}, "homecall_doctor"),
        ({"name": " "}, "name"),
        ({"sub": "850715100000"}, "sub"),
    ],
)
async def test_who_is_not_wholly_known_is_told_what_to_ask_for(
    reception: Reception, made_up: MadeUpProvider, change: dict[str, Any], says: str
) -> None:
    made_up.person |= change
    browser, answer = await sign_in(reception, made_up)
    assert answer.status_code == 403
    assert says in answer.text
    assert "администратора" in answer.text
    assert "850715100000" not in answer.text
    assert (await browser.get("/board")).status_code == 303


@pytest.mark.parametrize(
    ("person", "claims", "page"),
    [
        ({"homecall_role": ["offline_access", "head"]}, oidc.Claims(), "/board"),
        ({"realm_access": {"roles": ["dispatcher"]}}, oidc.Claims(role="realm_access.roles"), "/routes/2026-11-23"),
        ({"https://h.kz/role": "head"}, oidc.Claims(role="https://h.kz/role"), "/complaints"),
        ({"homecall_role": "doctor", "homecall_doctor": "gp-1"}, oidc.Claims(), "/today"),
        ({"homecall_role": "contact_centre", "homecall_clinic": None}, oidc.Claims(), "/find"),
        ({"homecall_role": "operator", "homecall_clinic": "samal-1"}, oidc.Claims(), "/health"),
    ],
)
async def test_role_clinic_and_doctor_come_from_the_claims(
    reception: Reception, made_up: MadeUpProvider, person: dict[str, Any], claims: oidc.Claims, page: str
) -> None:
    made_up.person |= person
    assert reception.site.oidc is not None
    reception.site.oidc.claims = claims
    browser, answer = await sign_in(reception, made_up)
    assert answer.status_code == 303, answer.text
    assert (await browser.get(page)).status_code == 200


# ---------------------------------------------------------------------------------------- away, removed, signed out


async def test_without_the_provider_a_page_says_so_and_passwords_go_on(
    reception: Reception, made_up: MadeUpProvider
) -> None:
    made_up.away = True
    answer = await reception.browser(None).get("/login/oidc?next=/board")
    assert answer.status_code == 503
    assert "не отвечает" in answer.text
    assert 'name="password"' in answer.text
    assert (await reception.browser("registrar").get("/board")).status_code == 200
    assert reception.site.oidc is not None
    reception.site.oidc.issuer = "http://127.0.0.1:9"
    assert (await reception.browser(None).get("/login/oidc")).status_code == 503
    reception.site.oidc.issuer, made_up.away = made_up.issuer, False
    assert (await sign_in(reception, made_up))[1].status_code == 303, "it is asked again, once it is back"


async def test_a_configuration_of_another_issuer_is_not_followed(reception: Reception, made_up: MadeUpProvider) -> None:
    made_up.said_issuer = "https://evil.example"
    assert (await reception.browser(None).get("/login/oidc")).status_code == 503


def _now(**later: float) -> datetime:
    return datetime.now(UTC) + timedelta(**later)


async def test_a_user_who_is_removed_at_the_provider_is_out_within_minutes(
    reception: Reception, made_up: MadeUpProvider
) -> None:
    browser, _ = await sign_in(reception, made_up)
    watch = Watch(reception.stores.signed_in, reception.site.oidc)
    await watch.turn(_now(minutes=6))
    assert (await browser.get("/board")).status_code == 200, "asked, and still known"
    assert made_up.asked.count("token") == 2
    await watch.turn(_now(minutes=7))
    assert made_up.asked.count("token") == 2, "not asked at every look"
    made_up.removed = True
    await watch.turn(_now(minutes=12))
    assert (await browser.get("/board")).status_code == 303


async def test_another_role_at_the_provider_ends_the_session(reception: Reception, made_up: MadeUpProvider) -> None:
    browser, _ = await sign_in(reception, made_up)
    made_up.person["homecall_role"] = "dispatcher"
    await Watch(reception.stores.signed_in, reception.site.oidc).turn(_now(minutes=6))
    assert (await browser.get("/board")).status_code == 303
    again, _ = await sign_in(reception, made_up)
    assert "диспетчер" in (await again.get("/board")).text


async def test_a_provider_that_is_away_ends_no_session(reception: Reception, made_up: MadeUpProvider) -> None:
    browser, _ = await sign_in(reception, made_up)
    made_up.away = True
    for minutes in (6, 12, 18):
        await Watch(reception.stores.signed_in, reception.site.oidc).turn(_now(minutes=minutes))
    assert (await browser.get("/board")).status_code == 200
    made_up.away, made_up.removed = False, True
    await Watch(reception.stores.signed_in, reception.site.oidc).turn(_now(minutes=24))
    assert (await browser.get("/board")).status_code == 303


async def test_without_a_refresh_token_a_session_lasts_an_hour(reception: Reception, made_up: MadeUpProvider) -> None:
    made_up.gives_refresh_token = False
    browser, answer = await sign_in(reception, made_up)
    assert answer.status_code == 303
    cookie = browser.client.cookies[COOKIE].strip('"')
    assert reception.site.sessions.read(cookie, _now(minutes=59)) is not None
    assert reception.site.sessions.read(cookie, _now(minutes=61)) is None


async def test_the_refresh_token_is_kept_sealed_and_in_no_cookie(reception: Reception, made_up: MadeUpProvider) -> None:
    browser, _ = await sign_in(reception, made_up)
    (token,) = made_up.refresh_tokens
    assert token not in repr(reception.database.collection("logins").docs)
    assert token not in repr(browser.client.cookies)


async def test_a_desk_without_its_provider_takes_none_of_its_users(
    reception: Reception, made_up: MadeUpProvider
) -> None:
    browser, _ = await sign_in(reception, made_up)
    assert reception.site.oidc is not None
    reception.site.oidc.issuer = "https://another.example"
    assert (await browser.get("/board")).status_code == 303
    reception.site.oidc = None
    assert (await browser.get("/board")).status_code == 303
    assert (await reception.browser(None).get("/login/oidc")).status_code == 404


async def test_a_copied_cookie_signs_nobody_in_after_the_logout() -> None:
    """On this replica at once, and on others within seconds."""
    reception, other = Reception(), Reception()
    browser = reception.browser("registrar")
    copy = browser.client.cookies[COOKIE]
    assert (await browser.post("/logout")).status_code == 303
    thief = reception.browser(None)
    thief.client.cookies.set(COOKIE, copy, domain="desk.test")
    assert (await thief.get("/board")).status_code == 303
    other.stores.signed_in._collection = reception.stores.signed_in._collection
    await Watch(other.stores.signed_in, None).turn(_now())
    thief = other.browser(None)
    thief.client.cookies.set(COOKIE, copy, domain="desk.test")
    assert (await thief.get("/board")).status_code == 303
    assert (await other.browser("registrar").get("/board")).status_code == 200, (
        "another session of the same user goes on"
    )


# ------------------------------------------------------------------------------------------------------------ settings


def test_a_desk_without_a_provider_loads_nothing_for_one() -> None:
    """Start and memory of a desk do not pay for what it does not use."""
    code = "import sys, services.desk.app; print({'authlib', 'joserfc', 'httpx'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "set()"


def _settings(tmp_path: Path, **over: Any) -> Settings:
    secret = tmp_path / "client-secret"
    secret.write_text(f"{SECRET}\n", encoding="utf-8")
    known = {
        "desk_oidc_issuer": "https://id.example",
        "desk_oidc_client_id": CLIENT,
        "desk_oidc_client_secret_file": secret,
        "desk_url": "https://desk.example/",
    }
    return Settings(_env_file=None, **(known | over))


def test_the_provider_of_the_settings(tmp_path: Path) -> None:
    provider = provider_from(_settings(tmp_path))
    assert provider is not None
    assert provider.redirect_uri == "https://desk.example/login/oidc/callback"
    assert provider.secret == SECRET
    assert SECRET not in repr(provider)
    assert provider_from(Settings(_env_file=None)) is None


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"desk_oidc_client_id": None}, "HOMECALL_DESK_OIDC_CLIENT_ID is missing"),
        ({"desk_oidc_client_secret_file": None}, "HOMECALL_DESK_OIDC_CLIENT_SECRET_FILE is missing"),
        ({"desk_oidc_client_secret_file": Path("/nowhere")}, "HOMECALL_DESK_OIDC_CLIENT_SECRET_FILE cannot be read"),
        ({"desk_url": None}, "HOMECALL_DESK_URL is missing"),
        ({"desk_url": "http://desk.example"}, "HOMECALL_DESK_URL must begin with https"),
        ({"desk_oidc_issuer": "http://id.example"}, "HOMECALL_DESK_OIDC_ISSUER must begin with https"),
    ],
)
def test_what_is_missing_in_the_settings_is_said(tmp_path: Path, over: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        provider_from(_settings(tmp_path, **over))
