"""Accounts and sign-ins."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher

from gisops.access import accounts, api_keys, lockout, people
from gisops.access.accounts import LoginTaken, SubjectTaken, UnknownAccount, WeakPassword
from gisops.access.api_keys import UnknownApiKey
from gisops.access.lockout import LockedOut
from gisops.db.pool import Connection
from gisops.errors import BadCredentials, InvalidInput, NotFound, UnknownOrganisation, UnknownStaff


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


# ---- closed doors --------------------------------------------------------------------------------------------------


def _locked(conn: Connection, login: str, address: str) -> int:
    with pytest.raises(LockedOut) as refused, conn.transaction():
        lockout.begin(conn, login, address)
    wait_s: int = refused.value.facts["retry_after_s"]
    return wait_s


def test_five_wrong_ones_from_an_address_close_that_door_only(conn: Connection) -> None:
    for _ in range(5):
        lockout.begin(conn, "someone", "198.51.100.1")
    assert 890 < _locked(conn, "someone", "198.51.100.1") <= 900
    lockout.begin(conn, "someone", "198.51.100.2")
    lockout.begin(conn, "another", "198.51.100.1")


def test_twenty_from_anywhere_close_every_door_and_refused_ones_are_not_counted(conn: Connection) -> None:
    for n in range(1, 5):
        for _ in range(5):
            lockout.begin(conn, "someone", f"198.51.100.{n}")
        for _ in range(3):  # hammering on one closed door does not close the others
            _locked(conn, "someone", f"198.51.100.{n}")
    _locked(conn, "someone", "2001:db8::1")
    lockout.begin(conn, "another", "2001:db8::1")
    assert lockout.open_again(conn, "someone")
    assert not lockout.open_again(conn, "someone")
    lockout.begin(conn, "someone", "198.51.100.1")


def test_a_right_password_forgets_what_was_wrong_here_and_not_what_others_got_wrong(conn: Connection) -> None:
    def counted() -> dict[str, int]:
        rows = conn.execute(
            "SELECT key = login_key AS wide, sum(cardinality(failed_at)) AS n FROM sign_in_failures GROUP BY 1"
        )
        return {"wide" if row["wide"] else "narrow": int(row["n"]) for row in rows}

    for n in range(1, 4):
        for _ in range(5):
            lockout.begin(conn, "someone", f"198.51.100.{n}")
    assert counted() == {"wide": 15, "narrow": 15}
    for _ in range(10):  # right every time: nothing is used up
        lockout.succeed(conn, lockout.begin(conn, "someone", "198.51.100.9"))
    assert counted() == {"wide": 15, "narrow": 15}
    attempts = [lockout.begin(conn, "someone", "198.51.100.9") for _ in range(4)]
    lockout.succeed(conn, attempts[-1])
    assert counted() == {"wide": 18, "narrow": 15}


def test_the_door_opens_one_guess_at_a_time_and_what_is_over_is_forgotten(conn: Connection) -> None:
    for _ in range(5):
        lockout.begin(conn, "someone", "198.51.100.1")
    # one of the five was fourteen minutes ago, the others just now: in a minute one more guess is taken
    conn.execute("UPDATE sign_in_failures SET failed_at[1] = clock_timestamp() - interval '14 min'")
    assert 50 < _locked(conn, "someone", "198.51.100.1") <= 60
    conn.execute("UPDATE sign_in_failures SET failed_at[1] = clock_timestamp() - interval '15 min 1 s'")
    lockout.begin(conn, "someone", "198.51.100.1")
    _locked(conn, "someone", "198.51.100.1")
    assert lockout.prune(conn) == 0
    conn.execute("UPDATE sign_in_failures SET failed_at = ARRAY[clock_timestamp() - interval '16 min']")
    assert lockout.prune(conn) == 2


def test_a_restart_forgives_nobody(conn: Connection) -> None:
    kept = conn.execute("SELECT relpersistence::text AS p FROM pg_class WHERE relname = 'sign_in_failures'").fetchone()
    assert kept == {"p": "p"}


# ---- accounts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "someone",
        "someonesomeone",
        "SomeOneSomeOne",
        "aaaaaaaaaaaaaa",
        "1234" * 4,
        "x" * 1025,
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        accounts.check_password(password, "someone")


@pytest.mark.parametrize(
    "password", ["correct horse battery", "一二三四五六七八九十样例", "            x", "all lower case"]
)
def test_nothing_is_asked_about_a_password_s_composition(password: str) -> None:
    accounts.check_password(password, "someone")


def test_an_account_is_made_changed_and_closed(owner_conn: Connection) -> None:
    accounts.add(owner_conn, "someone", "planner", "correct horse battery")
    listed = {row["login"]: row for row in accounts.listed(owner_conn)}
    assert listed["someone"]["role"] == "planner"
    assert (listed["someone"]["active"], listed["someone"]["everywhere"], listed["someone"]["open"]) == (True, False, 0)
    assert "password_hash" not in listed["someone"]
    actor = people.verify(people.account(owner_conn, "someone"), "correct horse battery")
    people.open_session(owner_conn, actor, 1)
    assert accounts.set_password(owner_conn, "someone", "another good password") == 1
    with pytest.raises(BadCredentials):
        people.verify(people.account(owner_conn, "someone"), "correct horse battery")
    people.verify(people.account(owner_conn, "someone"), "another good password")
    accounts.deactivate(owner_conn, "someone")
    assert people.account(owner_conn, "someone") is None
    accounts.activate(owner_conn, "someone")
    assert people.account(owner_conn, "someone") is not None


def test_an_account_without_a_password_takes_none(owner_conn: Connection) -> None:
    accounts.add(owner_conn, "a-system", "planner", None)
    found = people.account(owner_conn, "a-system")
    assert found is not None
    assert found.password_hash.startswith("$argon2id$"), "refusing takes as long as for any other account"
    for password in ("none", "", found.password_hash):
        with pytest.raises(BadCredentials):
            people.verify(found, password)


def test_another_role_takes_the_whole_city_where_it_may_not_have_it(owner_conn: Connection) -> None:
    accounts.add(owner_conn, "someone", "planner", None)
    owner_conn.execute("UPDATE accounts SET everywhere = true WHERE login = 'someone'")
    asked = "SELECT role, everywhere, scope_version AS version FROM accounts WHERE login = 'someone'"
    before = owner_conn.execute(asked).fetchone()
    assert before is not None
    accounts.set_role(owner_conn, "someone", "leader")
    after = owner_conn.execute(asked).fetchone()
    assert after is not None
    assert (after["role"], after["everywhere"]) == ("leader", True)
    assert after["version"] > before["version"]
    accounts.set_role(owner_conn, "someone", "officer")
    after = owner_conn.execute(asked).fetchone()
    assert after is not None
    assert (after["role"], after["everywhere"]) == ("officer", False)


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda conn: accounts.add(conn, "Upper", "planner", None), InvalidInput),
        (lambda conn: accounts.add(conn, "x" * 65, "planner", None), InvalidInput),
        (lambda conn: accounts.add(conn, "new", "emperor", None), InvalidInput),
        (lambda conn: accounts.add(conn, "new", "planner", "short"), WeakPassword),
        (lambda conn: accounts.add(conn, "new", "planner", None, staff="nobody"), UnknownStaff),
        (lambda conn: accounts.add(conn, "new", "planner", None, organisation="none"), UnknownOrganisation),
        (lambda conn: accounts.add(conn, "new", "department", None), InvalidInput),
        (lambda conn: accounts.add(conn, "taken", "planner", None), LoginTaken),
        (lambda conn: accounts.set_role(conn, "taken", "emperor"), InvalidInput),
        (lambda conn: accounts.set_password(conn, "nobody", "a good password"), UnknownAccount),
        (lambda conn: accounts.set_password(conn, "taken", "taken"), WeakPassword),
        (lambda conn: accounts.end_sessions(conn, "nobody"), UnknownAccount),
        (lambda conn: accounts.link(conn, "taken", "not an address", "x"), InvalidInput),
        (lambda conn: accounts.link(conn, "taken", "https://login.example", ""), InvalidInput),
        (lambda conn: accounts.link(conn, "taken", "https://login.example", "somebody"), SubjectTaken),
        (lambda conn: api_keys.add(conn, "nobody", "label", ["live"], 1), NotFound),
        (lambda conn: api_keys.add(conn, "taken", "label", [], 1), InvalidInput),
        (lambda conn: api_keys.add(conn, "taken", "label", ["person"], 1), InvalidInput),
        (lambda conn: api_keys.add(conn, "taken", " ", ["live"], 1), InvalidInput),
        (lambda conn: api_keys.add(conn, "taken", "label", ["live"], 0), InvalidInput),
        (lambda conn: api_keys.revoke(conn, 12345), UnknownApiKey),
    ],
)
def test_what_cannot_be_is_told(
    act: Callable[[Connection], object], error: type[Exception], owner_conn: Connection
) -> None:
    accounts.add(owner_conn, "taken", "planner", None)
    accounts.add(owner_conn, "linked", "planner", None)
    accounts.link(owner_conn, "linked", "https://login.example", "somebody")
    with pytest.raises(error) as refused:
        act(owner_conn)
    assert type(refused.value) is error


def test_somebody_known_elsewhere_is_found_by_issuer_and_subject_together(owner_conn: Connection) -> None:
    accounts.add(owner_conn, "someone", "planner", None)
    accounts.link(owner_conn, "someone", "https://login.example", "a b")
    accounts.link(owner_conn, "someone", "https://login.example", "a b")
    found = people.actor_of_subject(owner_conn, "https://login.example", "a b")
    assert found is not None
    assert found.login == "someone"
    for issuer, subject in (("https://other.example", "a b"), ("https://login.example", "a")):
        assert people.actor_of_subject(owner_conn, issuer, subject) is None
    people.open_session(owner_conn, found, 1)
    assert accounts.unlink(owner_conn, "someone") == 1
    assert people.actor_of_subject(owner_conn, "https://login.example", "a b") is None
