"""Accounts and sign-ins."""

from __future__ import annotations

import time

import pytest
from argon2 import PasswordHasher

from gisops import people
from gisops.db.pool import Connection
from gisops.errors import BadCredentials


@pytest.fixture
def account(owner_conn: Connection) -> tuple[Connection, str]:
    owner_conn.execute(
        "INSERT INTO accounts (login, password_hash, role) VALUES ('someone', %s, 'planner')",
        [PasswordHasher().hash("correct horse")],
    )
    return owner_conn, "someone"


def test_the_right_password_opens_a_session_of_which_only_a_hash_is_kept(account: tuple[Connection, str]) -> None:
    conn, login = account
    actor = people.verify(people.account(conn, login), "correct horse")
    token, expires_at = people.open_session(conn, actor, 12)
    assert people.actor_of_session(conn, people.token_hash(token)) == (actor, expires_at, False)
    assert len(token) >= 43
    kept = conn.execute("SELECT sessions::text AS row FROM sessions").fetchall()
    assert len(kept) == 1
    assert token not in kept[0]["row"]


def test_wrong_password_unknown_login_and_closed_account_are_the_same_refusal(account: tuple[Connection, str]) -> None:
    conn, login = account
    conn.execute("INSERT INTO accounts (login, password_hash, role, active) VALUES ('gone', 'x', 'planner', false)")
    for who in (login, "nobody", "gone"):
        with pytest.raises(BadCredentials) as refused:
            people.verify(people.account(conn, who), "wrong")
        assert refused.value.facts == {}


def test_an_unknown_login_costs_as_much_as_a_wrong_password(account: tuple[Connection, str]) -> None:
    conn, login = account

    def took(who: str) -> float:
        began = time.thread_time()
        with pytest.raises(BadCredentials):
            people.verify(people.account(conn, who), "wrong")
        return time.thread_time() - began

    took("warm.up")
    known, unknown = min(took(login) for _ in range(3)), min(took("nobody") for _ in range(3))
    # A skipped hash would be a thousand times quicker.
    assert unknown > known / 4


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE sessions SET revoked_at = now()",
        "UPDATE sessions SET expires_at = now() - interval '1 s'",
        "UPDATE accounts SET active = false",
        "SET LOCAL gisops.clock_offset = '13 hours'",
    ],
)
def test_a_session_ends(account: tuple[Connection, str], end: str) -> None:
    conn, login = account
    token, _ = people.open_session(conn, people.verify(people.account(conn, login), "correct horse"), 12)
    conn.execute(end)
    assert people.actor_of_session(conn, people.token_hash(token)) is None


def test_ended_sessions_are_forgotten_after_a_day(account: tuple[Connection, str]) -> None:
    conn, login = account
    actor = people.verify(people.account(conn, login), "correct horse")
    for _ in range(2):
        people.open_session(conn, actor, 12)
    token, _ = people.open_session(conn, actor, 12)
    people.revoke_session(conn, people.token_hash(token))
    assert people.prune_sessions(conn) == 0
    conn.execute("UPDATE sessions SET revoked_at = now() - interval '25 hours' WHERE revoked_at IS NOT NULL")
    assert people.prune_sessions(conn) == 1
    assert conn.execute("SELECT count(*) AS n FROM sessions").fetchone() == {"n": 2}
