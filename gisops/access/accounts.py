"""Accounts as their administrator sees them. Everything here takes the owner's connection: the doors make no accounts.

Whatever takes something away from an account (a new password, another role, its end) ends what it has open, so that it
holds at once and not when the last sign-in has run out.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from argon2 import PasswordHasher

from gisops.access import audit, lockout, scopes
from gisops.access.roles import EVERYWHERE_ROLES, ROLES
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import Conflict, InvalidInput, NotFound, UnknownOrganisation, UnknownStaff

_SQL = load("gisops.access", "accounts.sql")

LEAST_PASSWORD = 12
MOST_PASSWORD = 1024
_LOGIN = re.compile(r"[a-z][a-z0-9_.-]{1,63}")
# Of one account's two parts of an identity at a provider; issuers are addresses and hold no space.
_ISSUER = re.compile(r"https?://[^\s]+")
_MOST_SUBJECT = 255


class WeakPassword(InvalidInput):
    """A password has 12 characters or more, and is not the login."""

    code = "weak_password"


class UnknownAccount(NotFound):
    """There is no such account."""

    code = "unknown_account"


class LoginTaken(Conflict):
    """There is an account with this login already."""

    code = "login_taken"


class SubjectTaken(Conflict):
    """This person of the identity provider is linked to another account already."""

    code = "subject_taken"


def check_password(password: str, login: str) -> None:
    """Refuse what is guessed first: short ones, the login, one thing over and over. Nothing is asked about its
    composition, which only makes people write `Password1!` (NIST SP 800-63B). Raises WeakPassword.
    """
    if len(password) < LEAST_PASSWORD:
        raise WeakPassword(f"A password has {LEAST_PASSWORD} characters or more; this one has {len(password)}.")
    if len(password) > MOST_PASSWORD:
        raise WeakPassword(f"A password has at most {MOST_PASSWORD} characters.")
    told, name = password.casefold(), login.casefold()
    if told.replace(name, "") in ("", *"0123456789"):
        raise WeakPassword("A password is not the login.")
    if any(told == (told[:n] * len(told))[: len(told)] for n in range(1, 5)):
        raise WeakPassword("A password is not the same few characters over and over.")


def listed(conn: Connection) -> list[dict[str, Any]]:
    """Every account: ``{login, role, staff, organisation, active, linked, open, keys, is_sample}``; ``open`` counts its
    sign-ins and phones, ``keys`` its keys that hold.
    """
    return conn.execute(_SQL["listed"]).fetchall()


def add(
    conn: Connection,
    login: str,
    role: str,
    password: str | None,
    *,
    staff: str | None = None,
    organisation: str | None = None,
) -> int:
    """Make an account; returns its number. Without a password nobody can sign in by one: it is for a key, or for
    somebody whom an identity provider vouches for.

    Raises LoginTaken, WeakPassword, UnknownStaff, UnknownOrganisation, InvalidInput.
    """
    if not _LOGIN.fullmatch(login):
        raise InvalidInput(
            "A login is 2 to 64 characters of a-z, 0-9, _ . and -, and begins with a letter.", field="login"
        )
    check_role(role)
    if password is not None:
        check_password(password, login)
    member = _number(conn, "staff_of_code", staff)
    if staff is not None and member is None:
        raise UnknownStaff(f"There is no member of staff {staff}.", staff=staff)
    works_for = _number(conn, "organisation_of_code", organisation)
    if organisation is not None and works_for is None:
        raise UnknownOrganisation(f"There is no organisation {organisation}.", organisation=organisation)
    if role == "department" and works_for is None and member is None:
        raise InvalidInput("An account of a department names its organisation, or a member of its staff.", field="role")
    row = conn.execute(
        _SQL["add"],
        {
            "login": login,
            "role": role,
            "password_hash": _hashed(password),
            "staff_id": member,
            "organisation_id": works_for,
        },
    ).fetchone()
    if row is None:
        raise LoginTaken(f"There is an account {login} already.", login=login)
    made: int = row["account_id"]
    _wrote(conn, made, "added", role=role)
    return made


def set_password(conn: Connection, login: str, password: str) -> int:
    """Give an account another password, end what it has open and open its door again; returns how much was ended."""
    check_password(password, login)
    account_id = number_of(conn, login)
    conn.execute(_SQL["set_password"], {"account_id": account_id, "password_hash": _hashed(password)})
    lockout.open_again(conn, login)
    _wrote(conn, account_id, "password")
    return _end(conn, account_id)


def set_role(conn: Connection, login: str, role: str) -> int:
    """Give an account another role and end what it has open; returns how much was ended.

    Its keys stay: they may do what the new role may, from now on. The whole city stays only where the new role may have
    it; what it was granted beside that stays.
    """
    check_role(role)
    account_id = number_of(conn, login)
    told = {"account_id": account_id, "role": role, "everywhere_roles": sorted(EVERYWHERE_ROLES)}
    conn.execute(_SQL["set_role"], told)
    scopes.expand(conn, account_id)
    _wrote(conn, account_id, "role", role=role)
    return _end(conn, account_id)


def deactivate(conn: Connection, login: str) -> int:
    """Close an account and end whatever it has open, its keys too; returns how much was ended."""
    account_id = number_of(conn, login)
    conn.execute(_SQL["set_active"], {"account_id": account_id, "active": False})
    _wrote(conn, account_id, "deactivated")
    return _end(conn, account_id) + conn.execute(_SQL["end_keys"], {"account_id": account_id}).rowcount


def activate(conn: Connection, login: str) -> None:
    """Open an account again. What was ended stays ended."""
    account_id = number_of(conn, login)
    conn.execute(_SQL["set_active"], {"account_id": account_id, "active": True})
    _wrote(conn, account_id, "activated")
    lockout.open_again(conn, login)


def end_sessions(conn: Connection, login: str) -> int:
    """End every sign-in of an account, phones included; returns how many. Its keys stay."""
    account_id = number_of(conn, login)
    _wrote(conn, account_id, "sessions_ended")
    return _end(conn, account_id)


def unlock(conn: Connection, login: str) -> bool:
    """Forget the wrong passwords for a login; says whether there was any."""
    _wrote(conn, number_of(conn, login), "unlocked")
    return lockout.open_again(conn, login)


def link(conn: Connection, login: str, issuer: str, subject: str) -> None:
    """Let somebody whom an identity provider vouches for sign in as an account. Raises SubjectTaken, InvalidInput."""
    account_id = number_of(conn, login)
    if not _ISSUER.fullmatch(issuer):
        raise InvalidInput("The issuer is the provider's address, as its tokens name it.", field="issuer")
    if not 0 < len(subject) <= _MOST_SUBJECT or subject != subject.strip() or "\x00" in subject:
        raise InvalidInput(f"A subject has 1 to {_MOST_SUBJECT} characters and no space at its ends.", field="subject")
    told = {"account_id": account_id, "subject": f"{issuer} {subject}"}
    other = conn.execute(_SQL["linked_to_another"], told).fetchone()
    if other is not None:
        raise SubjectTaken(f"This person is linked to {other['login']} already.", login=other["login"])
    conn.execute(_SQL["link"], told)
    _wrote(conn, account_id, "linked")


def unlink(conn: Connection, login: str) -> int:
    """Take an account's link to an identity provider away, and end what it has open; returns how much was ended."""
    account_id = number_of(conn, login)
    conn.execute(_SQL["link"], {"account_id": account_id, "subject": None})
    _wrote(conn, account_id, "unlinked")
    return _end(conn, account_id)


def check_role(role: str) -> None:
    """Raise InvalidInput for a role there is not."""
    if role not in ROLES:
        raise InvalidInput(f"There is no role {role}.", field="role", roles=list(ROLES), do=" | ".join(ROLES))


def number_of(conn: Connection, login: str) -> int:
    """An account's number; its row is held until the transaction ends. Raises UnknownAccount."""
    row = conn.execute(_SQL["account"], {"login": login}).fetchone()
    if row is None:
        raise UnknownAccount(f"There is no account {login}.", login=login, do="gisops user list")
    found: int = row["account_id"]
    return found


def _wrote(conn: Connection, account_id: int, what: str, **facts: str) -> None:
    audit.add(conn, "account", "accounts", object=str(account_id), rows=1, facts={"what": what, **facts})


def _end(conn: Connection, account_id: int) -> int:
    # Phones first: that waits for a refresh that is under way, and then its access token is there to be ended.
    ended = [
        conn.execute(_SQL[name], {"account_id": account_id}).rowcount
        for name in ("end_devices", "end_access", "end_sessions")
    ]
    return ended[0] + ended[2]


def _number(conn: Connection, query: str, code: str | None) -> int | None:
    if code is None:
        return None
    row = conn.execute(_SQL[query], {"code": code}).fetchone()
    return None if row is None else row["number"]


def _hashed(password: str | None) -> str:
    # Of a secret that nobody has, where there is none: refusing it takes as long as refusing any other.
    return PasswordHasher().hash(secrets.token_urlsafe(32) if password is None else password)
