"""Keys of other systems: made and ended at the command line, used at the doors, good for what they were made for."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from api.auth import BELIEVE_S
from api.cli import app
from gisops.access import api_keys, people
from gisops.access.api_keys import EVERY_SCOPE, NO_SCOPE, PERSON, SCOPES, ScopeMissing, check_scope, lacks
from gisops.db.pool import connect

Run = Callable[..., Result]


@pytest.fixture
def gisops(live_server, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on this module's database."""
    monkeypatch.setenv("GISOPS_DATABASE_URL", live_server.database.app_url)
    monkeypatch.setenv("GISOPS_MIGRATE_URL", live_server.database.owner_url)

    def run(*words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(app, words, input=typed)

    return run


def _key(live_server, *scopes: str, login: str = "officer") -> str:
    with connect(live_server.database.owner_url) as conn:
        return api_keys.add(conn, login, "样例系统 / sample system", scopes, 30)[1]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _refused(answer, status: int, code: str) -> dict:
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), answer.text
    return told


# ---- scopes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "needed", "missing"),
    [
        ({"read:layers"}, "read:layers", None),
        ({"read:layers"}, "read:cases", "read:cases"),
        (set(), NO_SCOPE, None),
        (set(SCOPES), PERSON, PERSON),
        (set(SCOPES), None, PERSON),
        (EVERY_SCOPE, PERSON, None),
        ({"read"}, "read:layers", "read:layers"),
        ({"READ:LAYERS"}, "read:layers", "read:layers"),
    ],
)
def test_a_scope_is_there_or_missing(scopes: set[str], needed: str | None, missing: str | None) -> None:
    assert lacks(frozenset(scopes), needed) == missing
    if missing is None:
        check_scope(frozenset(scopes), needed)
    else:
        with pytest.raises(ScopeMissing) as refused:
            check_scope(frozenset(scopes), needed)
        assert refused.value.facts["scope"] == missing


def test_a_key_does_what_it_was_made_for_as_its_account(live_server, caller, a_report) -> None:
    key = _bearer(_key(live_server, "write:reports"))
    assert key["Authorization"].startswith("Bearer gk_")
    client = caller()
    assert client.get("/api/me", headers=key).json()["login"] == "officer"
    body = a_report(channel="feed", client_uid=str(uuid4()))
    assert client.post("/api/reports", json=body, headers=key).status_code == 201
    for path in ("/api/cases", "/api/me/tasks"):
        told = _refused(client.get(path, headers=key), 403, "scope_missing")
        assert (told["scope"], told["has"]) == ("read:cases", ["write:reports"])
    _refused(client.get("/ogc/collections", headers=key), 403, "scope_missing")
    _refused(client.get("/tiles/rivers/14/1/1.mvt", headers=key), 403, "scope_missing")
    _refused(client.delete("/api/session", headers=key), 403, "scope_missing")
    assert client.get("/api/city", headers=key).status_code == 200


def test_a_key_is_never_worth_more_than_its_account(live_server, caller) -> None:
    """Every scope there is, and still an officer: the roles of a route hold as they do for people."""
    key = _bearer(_key(live_server, *SCOPES))
    _refused(caller().get("/metrics", headers=key), 403, "not_allowed")
    assert caller().get("/metrics", headers=_bearer(_key(live_server, "admin", login="admin"))).status_code == 200
    mine = caller("officer").get("/api/cases").json()["cases"]
    assert caller().get("/api/cases", headers=key).json()["cases"] == mine


def test_a_key_is_a_bearer_token_and_nothing_else(live_server, caller) -> None:
    token = _key(live_server, *SCOPES)
    client = caller()
    for cookie in ("gisops_session", "__Host-gisops_session"):
        assert client.get("/api/me", headers={"Cookie": f"{cookie}={token}"}).status_code == 401
    _refused(client.get("/api/me", headers={"Authorization": f"Basic {token}"}), 401, "not_signed_in")
    _refused(client.get("/api/me", headers=_bearer(token[3:])), 401, "not_signed_in")
    _refused(client.get("/api/me", headers=_bearer(token + "x")), 401, "not_signed_in")
    _refused(client.get("/api/me", headers=_bearer("gk_")), 401, "not_signed_in")
    _refused(client.get("/api/me", headers=_bearer("gk_" + "x" * 10_000)), 401, "not_signed_in")
    assert client.get("/api/me", params={"token": token}).status_code == 401
    with connect(live_server.database.owner_url) as conn:
        found = people.account(conn, "officer")
        assert found is not None
        session, _ = people.open_session(conn, found.actor, 1)
        kept = conn.execute("SELECT array_agg(k::text) AS rows FROM api_keys k").fetchone()
    assert token not in str(kept)
    _refused(client.get("/api/me", headers=_bearer("gk_" + session)), 401, "not_signed_in")


def test_its_use_is_written_down_at_most_once_a_minute(live_server, caller) -> None:
    token = _key(live_server, "read:layers")
    asked = "SELECT last_used_at FROM api_keys WHERE token_hash = %s"
    seen = []
    for wait_s in (0.0, BELIEVE_S + 0.1):  # the second time the process asks the database again
        time.sleep(wait_s)
        assert caller().get("/ogc/collections", headers=_bearer(token)).status_code == 200
        with connect(live_server.database.owner_url) as conn:
            row = conn.execute(asked, [people.token_hash(token)]).fetchone()
            assert row is not None
            seen.append(row["last_used_at"])
            api_keys.touch(conn, people.token_hash(token))  # as another process would
            assert conn.execute(asked, [people.token_hash(token)]).fetchone() == {"last_used_at": seen[0]}
    assert seen[0] is not None
    assert seen == [seen[0], seen[0]]
    with connect(live_server.database.owner_url) as conn:
        conn.execute("UPDATE api_keys SET last_used_at = last_used_at - interval '61 s'")
        api_keys.touch(conn, people.token_hash(token))
        assert conn.execute(asked, [people.token_hash(token)]).fetchone() != {"last_used_at": seen[0]}


def test_a_key_runs_out(live_server, caller) -> None:
    token = _key(live_server, "read:layers")
    with connect(live_server.database.owner_url) as conn:
        conn.execute(
            "UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE token_hash = %s", [people.token_hash(token)]
        )
    _refused(caller().get("/ogc/collections", headers=_bearer(token)), 401, "not_signed_in")


# ---- the command line ----------------------------------------------------------------------------------------------


def test_a_key_is_made_listed_and_ended_and_its_stream_with_it(gisops: Run, live_server, caller) -> None:
    made = gisops(
        "user", "key", "add", "officer", "样例热线 / sample hotline", "--scope", "live", "--scope", "read:layers"
    )
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert token.startswith("gk_")
    listed = gisops("user", "key", "list", "officer")
    assert "sample hotline" in listed.stdout
    assert token not in listed.stdout
    with connect(live_server.database.owner_url) as conn:
        number = next(row["key_id"] for row in api_keys.listed(conn) if "hotline" in row["label"])
    with caller().stream("GET", "/api/live", headers=_bearer(token)) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: hello"
        assert gisops("user", "key", "revoke", str(number)).exit_code == 0
        ended_at = time.monotonic()
        for _ in lines:
            assert time.monotonic() - ended_at < 5, "the stream goes on"
    while caller().get("/ogc/collections", headers=_bearer(token)).status_code == 200:
        assert time.monotonic() - ended_at < 5
        time.sleep(0.1)
    again = gisops("user", "key", "revoke", str(number))
    assert again.exit_code == 1
    assert again.exception is not None


def test_accounts_are_looked_after_at_the_command_line(gisops: Run, live_server, caller) -> None:
    typed = "a good password for tests\n"
    made = gisops("user", "add", "sample-planner", "planner", "--password-stdin", typed=typed)
    assert made.exit_code == 0, made.output
    sign_in = {"login": "sample-planner", "password": typed.strip()}
    token = caller().post("/api/session", json=sign_in).json()["token"]
    assert "sample-planner" in gisops("user", "list").stdout
    assert "公开" in gisops("user", "scope", "show", "sample-planner").stdout
    assert gisops("user", "scope", "everywhere", "sample-planner").exit_code == 0
    assert "全市" in gisops("user", "scope", "show", "sample-planner").stdout
    assert gisops("user", "scope", "everywhere", "sample-planner", "--off").exit_code == 0
    with connect(live_server.database.owner_url) as conn:
        row = conn.execute("SELECT code FROM scope_units WHERE level = 3 ORDER BY code LIMIT 1").fetchone()
        assert row is not None
    assert gisops("user", "scope", "grant", "sample-planner", "area", row["code"]).exit_code == 0
    assert row["code"] in gisops("user", "scope", "show", "sample-planner").stdout
    assert gisops("user", "scope", "revoke", "sample-planner", "area", row["code"]).exit_code == 0
    assert gisops("user", "role", "sample-planner", "inspector").exit_code == 0
    link = ("user", "link", "sample-planner", "somebody", "--issuer", "https://login.example")
    assert gisops(*link).exit_code == 0
    assert gisops("user", "link", "sample-planner", "--remove").exit_code == 0
    assert (
        gisops("user", "password", "sample-planner", "--password-stdin", typed="another good password\n").exit_code == 0
    )
    assert gisops("user", "unlock", "sample-planner").exit_code == 0
    assert gisops("user", "end-sessions", "sample-planner").exit_code == 0
    assert gisops("user", "deactivate", "sample-planner").exit_code == 0
    assert gisops("user", "activate", "sample-planner").exit_code == 0
    began = time.monotonic()
    while caller().get("/api/me", headers=_bearer(token)).status_code == 200:
        assert time.monotonic() - began < 5
        time.sleep(0.1)
    with connect(live_server.database.owner_url) as conn:
        written = conn.execute(
            "SELECT act, facts ->> 'what' AS what FROM audit WHERE act IN ('account', 'grant', 'revoke')"
            " AND object = (SELECT account_id::text FROM accounts WHERE login = 'sample-planner')"
        ).fetchall()
    assert {(row["act"], row["what"]) for row in written} >= {
        *(("account", what) for what in ("added", "role", "linked", "unlinked", "password", "unlocked")),
        *(("account", what) for what in ("sessions_ended", "deactivated", "activated")),
        ("grant", None),
        ("revoke", None),
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("user", "add", "new", "emperor"), "no role"),
        (("user", "add", "new", "planner", "--password-stdin"), "12 characters"),
        (("user", "password", "nobody-here", "--password-stdin"), "12 characters"),
        (("user", "role", "nobody-here", "planner"), "no account"),
        (("user", "link", "officer", "x"), "GISOPS_OIDC_ISSUER"),
        (("user", "link", "officer"), "subject"),
        (("user", "key", "add", "officer", "label", "--scope", "everything"), "no scope"),
        (("user", "key", "add", "nobody-here", "label", "--scope", "live"), "no active account"),
        (("user", "scope", "grant", "officer", "galaxy", "1"), "no kind"),
        (("user", "scope", "grant", "officer", "area"), "code"),
        (("user", "scope", "everywhere", "officer"), "whole city"),
    ],
    ids=" ".join,
)
def test_the_command_line_says_what_was_wrong(words: tuple[str, ...], said: str, gisops: Run) -> None:
    answer = gisops(*words, typed="short\n")
    assert answer.exit_code == 1
    assert said in str(answer.exception)
