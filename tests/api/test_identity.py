"""Sign-ins against a running server: locked doors, phones bound to a key, cookies, proxies, and the end of it all."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access import accounts, api_keys, devices, lockout, people, proofs
from gisops.db.pool import connect
from gisops.settings import Settings
from tests.api.phones import REFRESH, Phone


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    told: dict[str, Any] = answer.json()
    assert (told["status"], told["code"]) == (status, code), told
    return told


def _signed_in_phone(database, client: Any, address: str) -> Phone:
    """As POST /api/session does it, without the second a password takes."""
    made = Phone(client, address)
    with connect(database.app_url) as conn:
        found = people.account(conn, "officer")
        assert found is not None
        tokens = devices.sign_in(conn, found.actor, proofs.device_key(made.jwk))
    made.tokens = {"token": tokens.access, "refresh_token": tokens.refresh}
    return made


@pytest.fixture
def phone(live_server, caller) -> Phone:
    """A phone whose officer is signed in."""
    return _signed_in_phone(live_server.database, caller(), live_server.base_url)


@pytest.fixture(autouse=True)
def _open_doors(live_server) -> Iterator[None]:
    """What one test got wrong on purpose must not lock the next one out."""
    yield
    with connect(live_server.database.owner_url) as conn:
        conn.execute("DELETE FROM sign_in_failures")
        conn.execute("DELETE FROM rate_buckets")


# ---- locked doors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["planner", "no-such-login"])
def test_the_sixth_guess_finds_the_door_closed_whether_there_is_such_a_login_or_not(
    login: str, live_server, caller
) -> None:
    client = caller()
    for _ in range(5):
        problem(client.post("/api/session", json={"login": login, "password": "a wrong one"}), 401, "bad_credentials")
    for password in ("a wrong one", live_server.password):
        answer = client.post("/api/session", json={"login": login, "password": password})
        told = problem(answer, 429, "locked_out")
        assert set(told) == {"type", "title", "status", "detail", "code", "instance", "retry_after_s"}
        assert 800 < told["retry_after_s"] == int(answer.headers["retry-after"]) <= 900
    other = client.post("/api/session", json={"login": "leader", "password": live_server.password})
    assert other.status_code == 200, "another login from the same address is another door"


def test_a_closed_door_opens_when_its_time_is_over(live_server, caller) -> None:
    right = {"login": "planner", "password": live_server.password}
    _lock(live_server.database, "planner", "127.0.0.1")
    problem(caller().post("/api/session", json=right), 429, "locked_out")
    with connect(live_server.database.owner_url) as conn:
        conn.execute(
            "UPDATE sign_in_failures SET failed_at = ARRAY(SELECT t - interval '15 min' FROM unnest(failed_at) t)"
        )
    assert caller().post("/api/session", json=right).status_code == 200


# ---- phones --------------------------------------------------------------------------------------------------------


def test_a_phone_gets_a_short_token_and_one_to_get_the_next_with(live_server, caller) -> None:
    phone = Phone(caller(), live_server.base_url)
    answer = phone.sign_in("officer", live_server.password)
    told = answer.json()
    assert set(told) == {"token", "expires_at", "refresh_token", "refresh_expires_at", "account"}
    assert "set-cookie" not in answer.headers
    now = datetime.now(UTC)
    assert timedelta(minutes=9) < datetime.fromisoformat(told["expires_at"]) - now <= timedelta(minutes=10, seconds=5)
    assert timedelta(days=29) < datetime.fromisoformat(told["refresh_expires_at"]) - now < timedelta(days=31)
    assert phone.me() == 200
    seen = {told["token"], told["refresh_token"]}
    for _ in range(3):
        answer = phone.refresh()
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert not {phone.tokens["token"], phone.tokens["refresh_token"]} & seen
        seen |= {phone.tokens["token"], phone.tokens["refresh_token"]}
        assert phone.me() == 200
    assert phone.me(told["token"]) == 200, "an access token lasts its ten minutes"
    with connect(live_server.database.owner_url) as conn:
        kept = str(
            conn.execute("SELECT d::text, (SELECT array_agg(s::text) FROM sessions s) FROM devices d").fetchall()
        )
    assert not any(token.partition(".")[2] in kept for token in seen if token.startswith("gr_"))
    assert not any(token in kept for token in seen)


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(phone: Phone) -> None:
    assert phone.me(phone.tokens["refresh_token"]) == 401
    problem(phone.refresh(token=phone.tokens["token"]), 401, "invalid_refresh_token")


def test_a_stolen_refresh_token_opens_nothing_and_does_the_phone_no_harm(phone: Phone, caller) -> None:
    thief = Phone(caller(), phone.address)
    stolen = phone.tokens["refresh_token"]
    problem(thief.refresh(token=stolen), 401, "invalid_proof")
    # with the phone's public key beside a signature of his own
    problem(thief.refresh(thief.proof(header={"jwk": phone.jwk}), stolen), 401, "invalid_proof")
    assert phone.refresh().status_code == 200
    # nor does a used one, without the key, end anything
    problem(thief.refresh(token=stolen), 401, "invalid_proof")
    assert (phone.refresh().status_code, phone.me()) == (200, 200)


def test_a_refresh_token_used_twice_ends_the_phone_s_sign_in(phone: Phone) -> None:
    first, access = phone.tokens["refresh_token"], phone.tokens["token"]
    assert phone.refresh().status_code == 200
    problem(phone.refresh(token=first), 401, "refresh_token_reused")
    ended_at = time.monotonic()
    problem(phone.refresh(), 401, "invalid_refresh_token")
    problem(phone.refresh(token=first), 401, "invalid_refresh_token")
    for token in (access, phone.tokens["token"]):
        _wait_until_dead(lambda token=token: phone.me(token), ended_at)


def test_of_two_at_once_one_is_the_second(phone: Phone) -> None:
    shown = [phone.proof() for _ in range(4)]
    token = phone.tokens["refresh_token"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda proof: phone.refresh(proof, token), shown))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    assert phone.refresh().status_code == 401


def test_a_proof_is_taken_once(phone: Phone) -> None:
    proof = phone.proof()
    assert phone.refresh(proof).status_code == 200
    problem(phone.refresh(proof), 401, "proof_replayed")
    assert phone.refresh().status_code == 200, "a replay of a proof ends nothing"


def _b64(told: Any) -> str:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unsigned(phone: Phone) -> str:
    _, claims, _ = phone.proof().split(".")
    return f"{_b64({'typ': 'dpop+jwt', 'alg': 'none', 'jwk': phone.jwk})}.{claims}."


def _by_the_public_key_as_a_secret(phone: Phone) -> str:
    pem = phone.key.as_pem(private=False)
    return phone.proof(header={"alg": "HS256"}, key=OctKey.import_key(base64.b64encode(pem)))


def _by_rsa(phone: Phone) -> str:
    key = RSAKey.generate_key(2048)
    return phone.proof(header={"alg": "RS256", "jwk": {**key.as_dict(private=False)}}, key=key)


def _with_another_payload(phone: Phone) -> str:
    head, _, signature = phone.proof(iat=1).split(".")
    return f"{head}.{phone.proof().split('.')[1]}.{signature}"


BAD_PROOFS: dict[str, Callable[[Phone], str]] = {
    "too old": lambda phone: phone.proof(iat=int(time.time()) - 70),
    "from the future": lambda phone: phone.proof(iat=int(time.time()) + 70),
    "without a time": lambda phone: phone.proof(iat=...),
    "a time that is none": lambda phone: phone.proof(iat=True),
    "a time beyond all numbers": lambda phone: phone.proof(iat=10**400),
    "for another method": lambda phone: phone.proof(htm="GET"),
    "for another address": lambda phone: phone.proof(htu="https://elsewhere.example/api/session/refresh"),
    "for another path": lambda phone: phone.proof(htu=phone.address + "/api/session"),
    "an address that is none": lambda phone: phone.proof(htu="http://[::1/api/session/refresh"),
    "without an address": lambda phone: phone.proof(htu=...),
    "of another kind": lambda phone: phone.proof(header={"typ": "JWT"}),
    "without a name": lambda phone: phone.proof(jti=...),
    "with a short name": lambda phone: phone.proof(jti="1"),
    "with a name too long": lambda phone: phone.proof(jti="1" * 129),
    "with another key": lambda phone: phone.proof(
        header={"jwk": {**ECKey.generate_key("P-256").as_dict(private=False)}}
    ),
    "with a private key": lambda phone: phone.proof(header={"jwk": {**phone.key.as_dict(private=True)}}),
    "without a key": lambda phone: phone.proof(header={"jwk": ...}),
    "signed by nobody": _unsigned,
    "signed by a secret": _by_the_public_key_as_a_secret,
    "signed by another kind of key": _by_rsa,
    "signed for something else": _with_another_payload,
    "garbage": lambda _: "garbage",
    "garbage in three parts": lambda _: "a.b.c",
    "JSON that is no object": lambda _: f"{_b64([1])}.{_b64([1])}.{_b64(b'x' * 64)}",
    "very deep": lambda _: f"{_b64(b'[' * 1000)}.{_b64({})}.{_b64(b'x' * 64)}",
    "very long": lambda _: "x" * 5000,
}


@pytest.mark.parametrize("name", BAD_PROOFS)
def test_a_proof_that_does_not_hold_is_refused_and_spends_nothing(name: str, phone: Phone) -> None:
    problem(phone.refresh(BAD_PROOFS[name](phone)), 401, "invalid_proof")
    assert phone.refresh().status_code == 200


def test_without_a_proof_or_with_two_nothing_is_given(phone: Phone) -> None:
    body = {"refresh_token": phone.tokens["refresh_token"]}
    problem(phone.client.post(REFRESH, json=body), 401, "invalid_proof")
    two = [("DPoP", phone.proof()), ("DPoP", phone.proof())]
    problem(phone.client.post(REFRESH, json=body, headers=two), 401, "invalid_proof")


@pytest.mark.parametrize("token", ["x", "gr_", "gr_a.b", "gr_" + "a" * 200, "gk_" + "a" * 43, "é.é"])
def test_a_forged_refresh_token_is_refused(token: str, phone: Phone) -> None:
    problem(phone.refresh(token=token), 401, "invalid_refresh_token")


def test_a_refresh_token_with_a_forged_end_is_one_that_was_used(phone: Phone) -> None:
    family = phone.tokens["refresh_token"].partition(".")[0]
    problem(phone.refresh(token=f"{family}.{'a' * 43}"), 401, "refresh_token_reused")


def test_a_phone_s_sign_in_runs_out(phone: Phone, live_server) -> None:
    with connect(live_server.database.owner_url) as conn:
        conn.execute("UPDATE devices SET expires_at = now() - interval '1 s' WHERE revoked_at IS NULL")
    problem(phone.refresh(), 401, "invalid_refresh_token")


def test_signing_out_ends_the_phone_s_sign_in_as_a_whole(phone: Phone) -> None:
    bearer = {"Authorization": f"Bearer {phone.tokens['token']}"}
    assert phone.client.delete("/api/session", headers=bearer).status_code == 204
    assert phone.me() == 401
    problem(phone.refresh(), 401, "invalid_refresh_token")


@pytest.mark.parametrize(
    ("jwk", "code"),
    [
        ({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}, "invalid_device_key"),
        ({"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"}, "invalid_device_key"),
        ({"kty": "oct", "k": "AAAA"}, "invalid_device_key"),
        ({"kty": "EC", "crv": "P-256", "x": 1, "y": None}, "invalid_device_key"),
        ({}, "invalid_device_key"),
        ("a text", "invalid_body"),
        ({**ECKey.generate_key("P-256").as_dict(private=True)}, "invalid_device_key"),
        ({**RSAKey.generate_key(2048).as_dict(private=False)}, "invalid_device_key"),
    ],
)
def test_a_key_that_is_none_is_told_before_the_password_is_looked_at(jwk: Any, code: str, caller) -> None:
    body = {"login": "officer", "password": "a wrong one", "device": {"jwk": jwk}}
    answer = caller().post("/api/session", json=body)
    problem(answer, 422, code)
    assert not isinstance(jwk, dict) or str(jwk.get("d")) not in answer.text


# ---- cookies and other sites ---------------------------------------------------------------------------------------

CROSS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "something new"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://[::1"},
]


@pytest.mark.parametrize("headers", CROSS, ids=str)
def test_another_site_s_page_can_neither_act_by_the_cookie_nor_sign_anybody_in(
    headers: dict[str, str], live_server, caller
) -> None:
    client = caller()
    body = {"login": "planner", "password": live_server.password}
    problem(client.post("/api/session", json=body, headers=headers), 403, "cross_site")
    client.cookies.set("gisops_session", _session(live_server, "planner"))
    problem(client.post("/api/dispatch/replay", json={}, headers=headers | {"X-Gisops": "1"}), 403, "cross_site")
    problem(client.post("/api/dispatch/replay", json={}, headers=headers), 403, "not_allowed")
    assert client.get("/api/me", headers=headers).status_code == 200, "reading is for the browser to guard"


def test_our_own_page_acts_by_the_cookie_and_a_token_needs_none_of_it(live_server, caller) -> None:
    client = caller()
    token = _session(live_server, "planner")
    client.cookies.set("gisops_session", token)
    for headers in (
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": live_server.base_url},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy.example"},
        {},
    ):
        answer = client.post("/api/dispatch/replay", json={}, headers=headers | {"X-Gisops": "1"})
        assert answer.status_code == 422, answer.text
    bearer = {"Authorization": f"Bearer {token}", "Origin": "https://evil.example"}
    assert caller().post("/api/dispatch/replay", json={}, headers=bearer).status_code == 422


def _behind(database, **told: str) -> TestClient:
    """A server whose peer is 127.0.0.1, as behind a proxy on the same machine."""
    settings = Settings(_env_file=None, database_url=SecretStr(database.app_url), pool_size=2, **told)  # type: ignore[arg-type]
    return TestClient(create_app(settings), base_url="http://127.0.0.1:8000", client=("127.0.0.1", 50000))


def test_behind_a_proxy_with_tls_cookies_proofs_and_addresses_are_the_public_ones(live_server) -> None:
    database = live_server.database
    sign_in = {"login": "planner", "password": live_server.password}
    with _behind(database, public_url="https://gis.example", trusted_proxies="127.0.0.1/32") as client:
        answer = client.post("/api/session", json=sign_in, headers={"Origin": "https://gis.example"})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-gisops_session=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
        assert "domain" not in cookie.lower()
        token = answer.json()["token"]
        for name, status in (("gisops_session", 401), ("__Host-gisops_session", 200)):
            # a cookie that any neighbouring host could have planted is not looked at
            assert client.get("/api/me", headers={"Cookie": f"{name}={token}"}).status_code == status
        phone = _signed_in_phone(database, client, "https://gis.example")
        problem(phone.refresh(phone.proof(htu="http://127.0.0.1:8000" + REFRESH)), 401, "invalid_proof")
        assert phone.refresh(phone.proof(htu="HTTPS://GIS.example:443" + REFRESH + "?x=1#y")).status_code == 200
        # each caller has a door of his own, by the address the proxy saw last
        _lock(database, "nobody-at-all", "198.51.100.7")
        for came_from in ("198.51.100.7", "203.0.113.5, 198.51.100.7", "garbage, , 198.51.100.7, 127.0.0.1"):
            problem(_guess(client, came_from), 429, "locked_out")
        problem(_guess(client, "198.51.100.7, 198.51.100.8"), 401, "bad_credentials")
    with _behind(database, trusted_proxies="192.0.2.1") as client:
        answer = client.post("/api/session", json=sign_in, headers={"X-Forwarded-Proto": "https"})
        assert answer.headers["set-cookie"].startswith("gisops_session=")
        _lock(database, "nobody-at-all", "127.0.0.1")
        problem(_guess(client, "198.51.100.99"), 429, "locked_out")


def _lock(database, login: str, address: str) -> None:
    with connect(database.app_url) as conn:
        for _ in range(lockout.FROM_ONE_ADDRESS):
            lockout.begin(conn, login, address)


def _guess(client: Any, came_from: str) -> httpx2.Response:
    body = {"login": "nobody-at-all", "password": "a wrong one"}
    answer: httpx2.Response = client.post("/api/session", json=body, headers={"X-Forwarded-For": came_from})
    return answer


# ---- the end -------------------------------------------------------------------------------------------------------


def _session(live_server, login: str) -> str:
    with connect(live_server.database.owner_url) as conn:
        found = people.account(conn, login)
        assert found is not None
        return people.open_session(conn, found.actor, 1)[0]


def _wait_until_dead(status: Callable[[], int], since: float) -> None:
    while status() == 200:
        assert time.monotonic() - since < 5, "five seconds were promised"
        time.sleep(0.1)


ENDS: dict[str, Callable[[Any, str], int]] = {
    "end-sessions": accounts.end_sessions,
    "a-new-password": lambda conn, login: accounts.set_password(conn, login, "another good password"),
    "another-role": lambda conn, login: accounts.set_role(conn, login, "planner"),
    "deactivated": accounts.deactivate,
}


@dataclass
class Opened:
    """What one account has open: a sign-in, a phone, a key, a stream."""

    how: str
    session: str
    phone: Phone
    key: str
    lines: Iterator[str]


def _open_everything(how: str, live_server, client: httpx2.Client, streams: ExitStack) -> Opened:
    phone = Phone(client, live_server.base_url)
    with connect(live_server.database.owner_url) as conn:
        accounts.add(conn, how, "inspector", None)
        key = api_keys.add(conn, how, "样例 / sample", ["read:layers"], 1)[1]
        found = people.account(conn, how)
        assert found is not None
        session, _ = people.open_session(conn, found.actor, 1)
        tokens = devices.sign_in(conn, found.actor, proofs.device_key(phone.jwk))
    phone.tokens = {"token": tokens.access, "refresh_token": tokens.refresh}
    assert (phone.me(session), phone.me(), phone.me(key)) == (200, 200, 200)
    headers = {"Authorization": f"Bearer {tokens.access}"}
    lines = streams.enter_context(client.stream("GET", "/api/live", headers=headers)).iter_lines()
    assert next(lines) == "event: hello"
    return Opened(how, session, phone, key, lines)


def test_whatever_ends_a_sign_in_ends_tokens_phones_and_streams_within_five_seconds(live_server, caller) -> None:
    with ExitStack() as streams:
        opened = [_open_everything(how, live_server, caller(), streams) for how in ENDS]
        with connect(live_server.database.owner_url) as conn:
            for one in opened:
                assert ENDS[one.how](conn, one.how) >= 2
            # Open again at once, so that not the closed account but the end of each token is what is seen.
            accounts.activate(conn, "deactivated")
        ended_at = time.monotonic()
        for one in opened:
            for token in (one.session, one.phone.tokens["token"], *([one.key] if one.how == "deactivated" else [])):
                _wait_until_dead(lambda phone=one.phone, token=token: phone.me(token), ended_at)
        for one in opened:
            for _ in one.lines:
                assert time.monotonic() - ended_at < 5, "the stream goes on"
    for one in opened:
        problem(one.phone.refresh(), 401, "invalid_refresh_token")
        assert (one.phone.me(one.key) == 200) == (one.how != "deactivated"), "keys go with the account only"


def test_a_sign_in_that_waited_for_a_new_password_is_not_opened_by_the_old_one(live_server, caller) -> None:
    body = {"login": "slow-to-sign-in", "password": "a good password for tests"}
    with connect(live_server.database.owner_url) as conn:
        accounts.add(conn, "slow-to-sign-in", "planner", str(body["password"]))
    with ThreadPoolExecutor(1) as pool:
        with connect(live_server.database.owner_url) as conn:
            accounts.set_password(conn, "slow-to-sign-in", "another good password")
            waiting = pool.submit(caller().post, "/api/session", json=body)
            asked = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
            with connect(live_server.database.admin_url, autocommit=True) as looking:
                deadline = time.monotonic() + 20
                while looking.execute(asked.encode(), [live_server.database.name]).fetchone() != {"n": 1}:
                    assert time.monotonic() < deadline, "the sign-in does not wait"
                    time.sleep(0.05)
        problem(waiting.result(), 401, "bad_credentials")
    with connect(live_server.database.owner_url) as conn:
        open_now = conn.execute(
            "SELECT count(*) AS n FROM sessions JOIN accounts USING (account_id) WHERE login = 'slow-to-sign-in'"
        ).fetchone()
    assert open_now == {"n": 0}
