"""People: accounts and their sign-ins, and what a signed-in officer asks about himself."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import BadCredentials, NotSignedIn

_SQL = load("gisops.access", "people.sql")


@dataclass(frozen=True)
class Actor:
    """Who does something: an account, and the member of staff and organisation it stands for, if any."""

    account_id: int
    login: str
    role: str
    staff_id: int | None
    organisation_id: int | None


# Whose work it is to act on cases, or to look after those who do. A planner counts cases and needs nobody's name; a
# department gets to know the people on the cases that it holds.
_WORK_ON_CASES = frozenset(
    {
        "admin", "acceptor", "shift_leader", "dispatcher", "supervisor", "handler", "officer", "inspector", "leader",
        "coordinator",
    }
)  # fmt: skip


def knows_people(actor: Actor | None, organisation_id: int | None = None) -> bool:
    """Say whether somebody may learn which person handles a case and what its reporter wrote; others see posts.

    ``organisation_id`` is whose case it is, where it is about a case.
    """
    if actor is None:
        return False
    if actor.role == "department":
        return organisation_id is not None and actor.organisation_id == organisation_id
    return actor.role in _WORK_ON_CASES


# Who commands, and sees officers on the map; the layer's own list is the same, and a house test holds it so.
COMMAND = frozenset({"admin", "acceptor", "shift_leader", "dispatcher", "inspector", "leader"})


def knows_whereabouts(actor: Actor | None) -> bool:
    """Say whether what somebody is told may depend on where officers are and how much they have to do.

    Colleagues know each other's names; that does not let them find each other by asking who would be sent.
    """
    return actor is not None and actor.role in COMMAND


@dataclass(frozen=True)
class Account:
    """An account that wants to sign in. ``password_hash`` never leaves this process."""

    actor: Actor
    password_hash: str


def token_hash(token: str) -> bytes:
    """What is kept of a token. It has 256 random bits, so a fast hash hides it as well as a slow one would."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def actor_of_subject(conn: Connection, issuer: str, subject: str) -> Actor | None:
    """The account of somebody an identity provider vouches for; ``None`` where nobody linked one."""
    row = conn.execute(_SQL["actor_of_subject"], {"subject": f"{issuer} {subject}"}).fetchone()
    return None if row is None else actor_of_row(row)


def account(conn: Connection, login: str) -> Account | None:
    """Look up an active account by its login."""
    row = conn.execute(_SQL["account_by_login"], {"login": login}).fetchone()
    return None if row is None else Account(actor_of_row(row), row["password_hash"])


def verify(found: Account | None, password: str) -> Actor:
    """Check a password. Takes about 50 ms of a core and 64 MB on purpose; needs no connection.

    An unknown login costs the same as a wrong password, so that the time tells nobody which logins exist.
    Raises BadCredentials.
    """
    try:
        _hasher().verify(_decoy() if found is None else found.password_hash, password.encode("utf-8", "replace"))
    except (VerificationError, InvalidHashError):
        found = None
    if found is None:
        raise BadCredentials
    return found.actor


def still_holds(conn: Connection, found: Account) -> bool:
    """Say whether the password that was verified is still the account's, asked after its sign-in was written.

    Whoever changes a password holds the account's row, on which the new sign-in waits: asked before, a sign-in could
    begin with the old password after everything that was open with it had been ended.
    """
    row = conn.execute(_SQL["password_hash"], {"login": found.actor.login}).fetchone()
    return row is not None and row["password_hash"] == found.password_hash


def open_session(conn: Connection, actor: Actor, hours: int) -> tuple[str, datetime]:
    """Sign an account in: returns the token, which is kept nowhere, and when it ends."""
    token = secrets.token_urlsafe(32)
    row = conn.execute(
        _SQL["open_session"], {"token_hash": token_hash(token), "account_id": actor.account_id, "hours": hours}
    ).fetchone()
    assert row is not None  # noqa: S101  (INSERT … RETURNING)
    return token, row["expires_at"]


class SignIn(NamedTuple):
    """Who holds a token, until when, and whether it is a phone's short access token."""

    actor: Actor
    expires_at: datetime
    of_device: bool


def actor_of_session(conn: Connection, hashed: bytes) -> SignIn | None:
    """Say who holds a token and until when; ``None`` if nobody does (any more)."""
    row = conn.execute(_SQL["actor_of_session"], {"token_hash": hashed}).fetchone()
    return None if row is None else SignIn(actor_of_row(row), row["expires_at"], row["of_device"])


def revoke_session(conn: Connection, hashed: bytes) -> bool:
    """End a sign-in; says whether there was one."""
    return conn.execute(_SQL["revoke_session"], {"token_hash": hashed}).rowcount > 0


def sessions_alive_sql() -> str:
    """The statement that says which of ``token_hashes`` still hold, for a caller with an async connection: sign-ins,
    phones' access tokens and keys of systems alike.
    """
    return _SQL["sessions_alive"]


def prune_sessions(conn: Connection) -> int:
    """Forget sign-ins that ended more than a day ago, and phones' access tokens that did; returns how many."""
    return conn.execute(_SQL["prune_sessions"]).rowcount


def card(conn: Connection, actor: Actor) -> dict[str, Any]:
    """Read an account's own card: ``{login, role, staff?: {code, post_zh, post_en}, organisation?: {code, …}}``."""
    row = conn.execute(_SQL["card"], {"account_id": actor.account_id}).fetchone()
    if row is None:
        raise NotSignedIn
    shown: dict[str, Any] = {"login": row["login"], "role": row["role"]}
    if row["staff_code"] is not None:
        shown["staff"] = {"code": row["staff_code"], "post_zh": row["post_zh"], "post_en": row["post_en"]}
    if row["organisation_code"] is not None:
        shown["organisation"] = {
            "code": row["organisation_code"],
            "name_zh": row["organisation_name_zh"],
            "name_en": row["organisation_name_en"],
        }
    return shown


def account_card(conn: Connection, actor: Actor) -> dict[str, Any]:
    """What a sign-in answers of its account: ``{login, role, name_zh, name_en, organisation}``, the names being those
    of the post, as an account is not a person.
    """
    shown = card(conn, actor)
    staff = shown.get("staff", {})
    return {
        "login": shown["login"],
        "role": shown["role"],
        "name_zh": staff.get("post_zh", shown["login"]),
        "name_en": staff.get("post_en", shown["login"]),
        "organisation": shown.get("organisation"),
    }


def zones(conn: Connection, actor: Actor) -> str:
    """The zones an officer is assigned to now, as the text of a GeoJSON FeatureCollection (empty for an account
    that is no member of staff).
    """
    row = conn.execute(_SQL["zones"], {"staff_id": actor.staff_id}).fetchone()
    assert row is not None  # noqa: S101  (an aggregate always has one row)
    return str(row["collection"])


def actor_of_row(row: dict[str, Any]) -> Actor:
    """The actor of a row with ``account_id, login, role, staff_id, organisation_id``."""
    return Actor(row["account_id"], row["login"], row["role"], row["staff_id"], row["organisation_id"])


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _decoy() -> str:
    return _hasher().hash(secrets.token_urlsafe(32))
