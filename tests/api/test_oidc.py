"""Signing in through an identity provider: two real ones on this machine, one of which can be told to go wrong."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import SecretStr, ValidationError
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access import accounts
from gisops.db.pool import connect
from gisops.settings import Settings
from tests.api import identity_provider
from tests.api.identity_provider import CLIENT, SECRET, Provider
from tests.conftest import SAMPLE_PASSWORD, Server, serve

BEGIN, RETURN = "/api/session/oidc", "/api/session/oidc/return"


def problem(answer: httpx2.Response, status: int, code: str) -> dict:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    told = answer.json()
    assert told["code"] == code, told
    return told


@dataclass
class World:
    """A server and the provider it trusts."""

    server: Server
    provider: Provider

    def browser(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.server.base_url, timeout=20, follow_redirects=False)


@pytest.fixture(scope="module")
def running(sample_database) -> Iterator[World]:
    with (
        identity_provider.running() as provider,
        serve(sample_database, oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET) as server,
    ):
        provider.return_to = server.base_url + RETURN
        with connect(sample_database.owner_url) as conn:
            accounts.link(conn, "planner", provider.issuer, "sample-subject")
        yield World(server, provider)


@pytest.fixture
def world(running: World) -> Iterator[World]:
    yield running
    running.provider.sabotage, running.provider.subject = None, "sample-subject"
    with connect(running.server.database.owner_url) as conn:
        conn.execute("DELETE FROM rate_buckets")


def _to_the_provider_and_back(browser: httpx2.Client) -> str:
    """Follow the browser to the provider, click there, and say where it is sent back to."""
    begun = browser.get(BEGIN)
    assert begun.status_code == 303, begun.text
    clicked = httpx2.get(begun.headers["location"], timeout=20, follow_redirects=False)
    assert clicked.status_code == 302
    return str(clicked.headers["location"])


def test_somebody_the_provider_knows_is_signed_in_as_the_linked_account(world: World) -> None:
    with world.browser() as browser:
        begun = browser.get(BEGIN)
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert (asked["scope"], asked["code_challenge_method"]) == (["openid"], ["S256"])
        assert asked["redirect_uri"] == [world.server.base_url + RETURN]
        assert min(len(asked[name][0]) for name in ("state", "nonce", "code_challenge")) >= 32
        cookie = begun.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
        assert begun.headers["cache-control"] == "no-store"

        answer = browser.get(_to_the_provider_and_back(browser))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookies = answer.headers.get_list("set-cookie")
        session = next(one for one in cookies if one.startswith("gisops_session="))
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in session.split(";")}
        assert any(one.startswith("gisops_oidc=") and "Max-Age=0" in one for one in cookies)
        assert browser.get("/api/me").json()["login"] == "planner"
        assert browser.delete("/api/session", headers={"X-Gisops": "1"}).status_code == 204
        assert browser.get("/api/me").status_code == 401


def test_what_came_back_is_taken_once(world: World) -> None:
    with world.browser() as browser:
        back = _to_the_provider_and_back(browser)
        kept = browser.cookies.get("gisops_oidc")
        assert browser.get(back).status_code == 303
        browser.cookies.clear()
        problem(browser.get(back), 401, "oidc_failed")
        # even with the cookie kept aside: the provider gives out nothing for a code a second time
        browser.cookies.set("gisops_oidc", str(kept))
        problem(browser.get(back), 401, "oidc_failed")


def test_another_s_answer_signs_nobody_in(world: World) -> None:
    """A link with somebody else's code and state must not sign its victim in as him."""
    with world.browser() as attacker, world.browser() as victim:
        back = _to_the_provider_and_back(attacker)
        problem(victim.get(back), 401, "oidc_failed")
        victim.get(BEGIN)
        problem(victim.get(back), 401, "oidc_failed")
        assert victim.cookies.get("gisops_session") is None
        # a code carried over into the victim's own flow: its verifier does not fit
        code = parse_qs(urlsplit(back).query)["code"][0]
        state = parse_qs(urlsplit(str(victim.get(BEGIN).headers["location"])).query)["state"][0]
        problem(victim.get(RETURN, params={"code": code, "state": state}), 401, "oidc_failed")


SABOTAGE = [
    "expired", "from the future", "for somebody else", "for several, us not named", "for us, by another", "by another",
    "of another sign-in", "of no sign-in", "of several sign-ins", "of nobody", "of a number",
    "of somebody with a long name", "without an end", "unsigned", "signed by our shared secret",
    "signed by its public key as a secret", "signed by an unknown key", "signed by another key of the same name",
    "signed by a key it brings along", "garbage", "no id_token",
]  # fmt: skip


@pytest.mark.parametrize("what", SABOTAGE)
def test_an_id_token_that_does_not_hold_signs_nobody_in(what: str, world: World) -> None:
    world.provider.sabotage = what
    with world.browser() as browser:
        answer = browser.get(_to_the_provider_and_back(browser))
        problem(answer, 401, "oidc_failed")
        assert browser.cookies.get("gisops_session") is None


def test_whom_nobody_linked_is_told_so_clearly(world: World) -> None:
    world.provider.subject = "a stranger"
    with world.browser() as browser:
        told = problem(browser.get(_to_the_provider_and_back(browser)), 403, "no_account")
    assert told["subject"] == "a stranger"
    assert "gisops user link" in told["detail"]


def test_a_link_taken_away_and_an_account_closed_sign_nobody_in(world: World) -> None:
    url = world.server.database.owner_url
    with world.browser() as browser:
        with connect(url) as conn:
            accounts.add(conn, "linked-for-this", "planner", None)
            accounts.link(conn, "linked-for-this", world.provider.issuer, "for-this")
        world.provider.subject = "for-this"
        assert browser.get(_to_the_provider_and_back(browser)).status_code == 303
        with connect(url) as conn:
            accounts.deactivate(conn, "linked-for-this")
        problem(browser.get(_to_the_provider_and_back(browser)), 403, "no_account")
        with connect(url) as conn:
            accounts.activate(conn, "linked-for-this")
            accounts.unlink(conn, "linked-for-this")
        problem(browser.get(_to_the_provider_and_back(browser)), 403, "no_account")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"code": "x"},
        {"state": "x"},
        {"error": "access_denied", "state": "x"},
        {"code": "x", "state": "é"},
        {"code": "x", "state": "wrong", "iss": "https://elsewhere.example"},
    ],
    ids=str,
)
def test_an_answer_that_is_none_is_refused(query: dict[str, str], world: World) -> None:
    asked = world.provider.asked.count("/token")
    with world.browser() as browser:
        problem(browser.get(RETURN, params=query), 401, "oidc_failed")
        browser.get(BEGIN)
        problem(browser.get(RETURN, params=query), 401, "oidc_failed")
    assert world.provider.asked.count("/token") == asked, "the provider was asked about it"


@pytest.mark.parametrize("cookie", ["x", "e30=", base64.urlsafe_b64encode(b"[" * 5000).decode(), "bnVsbA==", "WzFd"])
def test_a_cookie_that_is_none_is_refused(cookie: str, world: World) -> None:
    with world.browser() as browser:
        answer = browser.get(RETURN, params={"code": "x", "state": "x"}, headers={"Cookie": f"gisops_oidc={cookie}"})
        problem(answer, 401, "oidc_failed")


def test_nobody_chooses_where_it_goes_on(world: World) -> None:
    with world.browser() as browser:
        begun = browser.get(BEGIN, params={"next": "https://evil.example", "redirect_uri": "https://evil.example"})
        assert "evil" not in begun.headers["location"]
        back = _to_the_provider_and_back(browser)
        answer = browser.get(back + "&next=https://evil.example&redirect_uri=//evil.example")
        assert answer.headers["location"] == "/"


def test_a_provider_that_describes_itself_wrongly_or_is_away_closes_its_own_door_only(sample_database) -> None:
    with identity_provider.running() as provider:
        told = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
        with TestClient(create_app(_settings(sample_database, **told))) as browser:
            for provider.sabotage in ("another issuer", "an endpoint of another kind", "no description"):
                answer = browser.get(BEGIN, follow_redirects=False)
                assert (answer.status_code, answer.json()["code"]) == (503, "oidc_unavailable")
                assert answer.headers["retry-after"]
            assert set(provider.asked) == {"/.well-known/openid-configuration"}
            provider.sabotage = None
            assert browser.get(BEGIN, follow_redirects=False).status_code == 303
        away = create_app(_settings(sample_database, **told))
    with TestClient(away) as browser:
        assert browser.get(BEGIN, follow_redirects=False).json()["code"] == "oidc_unavailable"
        sign_in = {"login": "planner", "password": SAMPLE_PASSWORD}
        assert browser.post("/api/session", json=sign_in).status_code == 200


def test_without_the_setting_there_is_no_such_door(sample_database) -> None:
    with TestClient(create_app(_settings(sample_database))) as browser:
        for path in (BEGIN, RETURN, RETURN + "?code=x&state=y"):
            answer = browser.get(path, follow_redirects=False)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def _settings(database, **told: str) -> Settings:
    return Settings(_env_file=None, database_url=SecretStr(database.app_url), pool_size=2, **told)


@pytest.mark.parametrize(
    "told",
    [
        {"oidc_issuer": "http://login.example", "oidc_client_id": "x"},
        {"oidc_issuer": "login.example", "oidc_client_id": "x"},
        {"oidc_issuer": "https://login.example"},
        {"oidc_client_id": "x"},
        {"public_url": "https://gis.example/path"},
        {"public_url": "gis.example"},
        {"public_url": "https://user:word@gis.example"},
        {"trusted_proxies": "not an address"},
        {"trusted_proxies": "10.0.0.1/8"},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_told_at_the_start(told: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **told)


def test_settings_that_can() -> None:
    told = {"oidc_issuer": "https://login.example/realms/city", "oidc_client_id": "gisops"}
    settings = Settings(
        _env_file=None, **told, oidc_client_secret=SecretStr("hidden"), public_url="HTTPS://GIS.example/"
    )
    assert settings.public_url == "https://gis.example"
    assert "hidden" not in repr(settings)


def test_with_a_provider_made_by_others(sample_database) -> None:
    """oidc-provider-mock: another implementation than the one above, as a program of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    issuer = f"http://localhost:{port}"
    program = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    started = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(issuer)
        told = {"oidc_issuer": issuer, "oidc_client_id": "gisops", "oidc_client_secret": "any"}
        with TestClient(create_app(_settings(sample_database, **told)), follow_redirects=False) as browser:
            with connect(sample_database.owner_url) as conn:
                accounts.link(conn, "leader", issuer, "sample-leader")
            page = browser.get(BEGIN).headers["location"]
            clicked = httpx2.post(page, data={"sub": "sample-leader"}, timeout=20, follow_redirects=False)
            answer = browser.get(clicked.headers["location"])
            assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
            assert browser.get("/api/me").json()["login"] == "leader"
    finally:
        started.terminate()
        started.wait()


def _wait_for(issuer: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if json.loads(httpx2.get(f"{issuer}/.well-known/openid-configuration", timeout=5).text)["issuer"] == issuer:
                return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise AssertionError("the provider did not start")
