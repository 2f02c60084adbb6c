"""Attempts to guess a password, and attempts to lock people out with them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from httpx import Response
from starlette.requests import Request

from services.desk.domain.roles import User
from services.desk.sessions import COOKIE
from services.desk.store.locks import Locks, of_name
from services.desk.users import Entry, Users
from services.desk.web import login
from tests.unit.desk.reception import Browser, Reception

NAME, PASSWORD = "gulnar", "correct horse battery"
NOW = datetime.now().astimezone()


def users_with(hasher: PasswordHasher) -> Users:
    users = Users(None)
    users._hasher = hasher
    users._entries = {NAME: Entry(User(NAME, "Ахметова Гүлнар", "registrar", "samal-1"), hasher.hash(PASSWORD))}
    return users


@pytest.fixture(scope="module")
def users() -> Users:
    """One user, whose hash takes a thousandth of the time that a true one takes."""
    return users_with(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def reception(users: Users) -> Reception:
    reception = Reception()
    reception.site.users = users
    return reception


async def sign_in(browser: Browser, password: str = PASSWORD, name: str = NAME, **headers: str) -> Response:
    return await browser.client.post("/login", data={"username": name, "password": password}, headers=headers)


async def test_a_session_of_before_the_login_is_not_taken_over(reception: Reception) -> None:
    """Session fixation: whatever cookie was there, the session is a new one, and the old one signs nobody in."""
    browser = reception.browser(None)
    planted = reception.site.sessions.new("nobody", NOW)
    browser.client.cookies.set(COOKIE, planted, domain="desk.test")
    answer = await sign_in(browser)
    assert answer.status_code == 303
    (line,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith(f"{COOKIE}=")]
    assert planted not in line
    again = await sign_in(reception.browser(None))
    assert line.split(";")[0] not in again.headers["set-cookie"], "two logins, two sessions"


async def test_cookies_go_to_this_site_alone_and_to_no_script(reception: Reception) -> None:
    """Cookies' flags: of the session, of the browser, of the language."""
    browser = reception.browser(None)
    lines = (await sign_in(browser)).headers.get_list("set-cookie")
    lines += (await reception.browser("registrar").post("/language", {"language": "kk"})).headers.get_list("set-cookie")
    assert len(lines) >= 2
    for line in lines:
        flags = {each.strip().lower() for each in line.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax"} <= flags, line
        assert not any(each.startswith("domain=") for each in flags), line


async def test_five_wrong_passwords_lock_a_name_and_no_other(reception: Reception) -> None:
    browser = reception.browser(None)
    assert [(await sign_in(browser, "wrong")).status_code for _ in range(5)] == [401] * 5
    locked = await sign_in(browser)
    assert locked.status_code == 429, "the right password tells nothing while the name is locked"
    assert "5 мин" in locked.text
    assert (await sign_in(browser, name="somebody.else")).status_code == 401


async def test_the_lock_ends_by_itself(reception: Reception) -> None:
    locks = reception.stores.locks
    for _ in range(Locks.FAILURES):
        await locks.failed([of_name(NAME)], NOW)
    assert await locks.locked_until([of_name(NAME)], NOW + timedelta(minutes=4, seconds=59)) is not None
    assert await locks.locked_until([of_name(NAME)], NOW + timedelta(minutes=5, seconds=1)) is None


async def test_a_stranger_locks_nobody_out_of_the_browser_that_they_use(reception: Reception) -> None:
    """The lock is no weapon: in a browser where the user has signed in before, others' failures do not count."""
    mine, strangers = reception.browser(None), reception.browser(None)
    assert (await sign_in(mine)).status_code == 303
    for _ in range(7):
        await sign_in(strangers, "wrong")
    assert (await sign_in(strangers)).status_code == 429
    mine.client.cookies.delete(COOKIE)
    assert (await sign_in(mine)).status_code == 303


async def test_a_known_browser_may_not_guess_either(reception: Reception) -> None:
    browser = reception.browser(None)
    assert (await sign_in(browser)).status_code == 303
    browser.client.cookies.delete(COOKIE)
    assert [(await sign_in(browser, "wrong")).status_code for _ in range(5)] == [401] * 5
    assert (await sign_in(browser)).status_code == 429


async def test_a_made_up_browser_is_known_to_nobody(reception: Reception) -> None:
    """Its tag is signed: a cookie of another name, or a made-up one, counts as no cookie."""
    browser = reception.browser(None)
    other = login._tag(reception.site, "ab" * 12, "another")
    browser.client.cookies.set(login.KNOWN_COOKIE, f"{'ab' * 12}.{other}.{'0' * 32}", domain="desk.test", path="/login")
    for _ in range(5):
        await sign_in(reception.browser(None), "wrong")
    assert (await sign_in(browser)).status_code == 429


async def test_many_names_from_one_address_lock_the_address(reception: Reception) -> None:
    reception.site.proxies = 1
    browser = reception.browser(None)
    for number in range(Locks.FAILURES_OF_AN_ADDRESS):
        answer = await sign_in(browser, "wrong", f"name{number}", **{"x-forwarded-for": f"10.0.0.{number}, 192.0.2.7"})
        assert answer.status_code == 401, "what a client writes before the proxy's word does not count"
    assert (await sign_in(browser, **{"x-forwarded-for": "192.0.2.7"})).status_code == 429
    assert (await sign_in(browser, **{"x-forwarded-for": "192.0.2.8"})).status_code == 303
    assert "192.0.2.7" not in repr(reception.database.collection("logins").docs)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "127.0.0.1"),
        (0, "192.0.2.7", ""),
        (1, "192.0.2.7", "192.0.2.7"),
        (1, "203.0.113.9, 192.0.2.7", "192.0.2.7"),
        (2, "192.0.2.7", ""),
        (2, "203.0.113.9, 192.0.2.7, 10.1.1.1", "192.0.2.7"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "<script>", ""),
        (1, None, ""),
    ],
)
def test_whose_address_counts(reception: Reception, proxies: int, forwarded: str | None, address: str) -> None:
    """Without a named proxy a forwarded address is nobody's word: no address is locked then, nor is the proxy's."""
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": ("127.0.0.1", 5)}
    reception.site.proxies = proxies
    assert login.address_of(reception.site, Request(scope)) == address


async def test_made_up_names_cannot_fill_the_database(reception: Reception) -> None:
    for number in range(50):
        await sign_in(reception.browser(None), "x", f"Not A Name {number}" + "ы" * 5_000)
    ids = list(reception.database.collection("logins").docs)
    assert all(len(each) <= len("address ") + 4 for each in ids), "a keyed hash in one of 65,536 places"
    assert "Not" not in repr(reception.database.collection("logins").docs)


def test_a_name_that_is_not_there_takes_as_long_as_one_that_is() -> None:
    users = users_with(PasswordHasher())

    def seconds(name: str) -> float:
        started = time.process_time()
        assert users.check(name, "wrong") is None
        return time.process_time() - started

    users._entries = {**users._entries, "broken": Entry(users._entries[NAME].user, "no hash")}
    users.check("the first of all", "wrong")
    times = {name: min(seconds(name) for _ in range(2)) for name in (NAME, "nobody", "broken")}
    assert max(times.values()) < 3 * min(times.values()), times


async def test_a_crowd_at_the_login_waits_in_a_line_of_limited_length(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check takes 64 MiB: at most one runs, and of those that wait the last are told to come again."""
    monkeypatch.setattr(login, "_MOST_WAITING", 0)
    assert (await sign_in(reception.browser(None))).status_code == 429


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}],
)
async def test_another_site_signs_nobody_in(reception: Reception, headers: dict[str, str]) -> None:
    """CSRF at the login: it would put the victim into the attacker's account."""
    assert (await sign_in(reception.browser(None), **headers)).status_code == 403
    assert (await sign_in(reception.browser(None), origin="https://desk.test")).status_code == 303
