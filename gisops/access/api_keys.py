"""Keys of other systems: a hotline, a sensor network, another city's portal. Each acts as an account, for some ends.

What a key may be used for are its scopes; what it may see and do there is what its account may. A person's own sign-in
has every scope: his role says what he may do.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gisops.access import audit, people
from gisops.access.people import Actor, token_hash
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput, NotAllowed, NotFound

_SQL = load("gisops.access", "api_keys.sql")

PREFIX = "gk_"
MOST_DAYS = 3650
_MOST_LABEL = 100

# What a key may be given, and what each is for.
SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "read:layers": "图层、瓦片、搜索、统计、导出 / layers, tiles, search, counts, exports, who answers where",
        "read:cases": "查看案件 / cases: lists, details, decisions",
        "write:cases": "处理案件 / acts on cases",
        "write:reports": "上报问题 / reports, and what became of them",
        "write:positions": "上报位置 / positions of its own account",
        "live": "实时事件流 / the live stream",
        "reveal": "查看完整个人信息（须说明目的，全程留痕） / full personal values, for a purpose, each look recorded",
        "read:audit": "查看审计记录 / the record of who did and saw what",
        "admin": "运行指标与管理 / metrics and administration",
    }
)
# What a route declares beside those: what needs no scope, and what is for people's own sign-ins, as no key has it.
NO_SCOPE = "none"
PERSON = "person"
EVERY_SCOPE = frozenset({*SCOPES, PERSON})


class ScopeMissing(NotAllowed):
    """This key was not made for this."""

    code = "scope_missing"


class UnknownApiKey(NotFound):
    """There is no such key."""

    code = "unknown_api_key"


@dataclass(frozen=True)
class KeyHeld:
    """Who a key acts as, for what, until when, and whether its last use should be written down anew."""

    actor: Actor
    scopes: frozenset[str]
    expires_at: datetime
    stale: bool
    key_id: int


def lacks(scopes: frozenset[str], needed: str | None) -> str | None:
    """Name the scope that is missing for a route that declares ``needed``; ``None`` where none is.

    A route that declares nothing is closed to keys: what nobody thought of is denied.
    """
    if needed == NO_SCOPE or needed in scopes:
        return None
    return needed or PERSON


def check_scope(scopes: frozenset[str], needed: str | None) -> None:
    """Raise ScopeMissing where a route that declares ``needed`` asks for more than these scopes."""
    missing = lacks(scopes, needed)
    if missing == PERSON:
        raise ScopeMissing("This is for people's own sign-ins; no key has it.", scope=missing, has=sorted(scopes))
    if missing is not None:
        raise ScopeMissing(f"This key does not have the scope {missing}.", scope=missing, has=sorted(scopes))


def holder(conn: Connection, hashed: bytes) -> KeyHeld | None:
    """Say who holds a key; ``None`` if nobody does (any more)."""
    row = conn.execute(_SQL["holder"], {"token_hash": hashed}).fetchone()
    if row is None:
        return None
    return KeyHeld(people.actor_of_row(row), frozenset(row["scopes"]), row["expires_at"], row["stale"], row["key_id"])


def touch(conn: Connection, hashed: bytes) -> None:
    """Write down that a key is used: at most once a minute, however many processes use it."""
    conn.execute(_SQL["touch"], {"token_hash": hashed})


def add(conn: Connection, login: str, label: str, scopes: Sequence[str], days: int) -> tuple[int, str, datetime]:
    """Make a key for an account: its number, the key itself (shown once, kept nowhere) and when it ends.

    As the owner. Raises InvalidInput for an unknown scope, an empty label or days out of range, NotFound for an unknown
    login.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InvalidInput(
            f"There is no scope {', '.join(unknown)}." if unknown else "A key has one scope at least.",
            field="scope",
            scopes=list(SCOPES),
            do="--scope " + " | ".join(SCOPES),
        )
    if not 0 < len(label.strip()) <= _MOST_LABEL:
        raise InvalidInput(f"A key's label says which system has it, in 1 to {_MOST_LABEL} characters.", field="label")
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"A key lasts 1 to {MOST_DAYS} days.", field="days")
    token = PREFIX + secrets.token_urlsafe(32)
    row = conn.execute(
        _SQL["add"],
        {
            "token_hash": token_hash(token),
            "login": login,
            "label": label.strip(),
            "scopes": sorted(set(scopes)),
            "days": days,
        },
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no active account {login}.", login=login)
    facts: dict[str, audit.Fact] = {"what": "added", "scopes": sorted(set(scopes))}
    audit.add(conn, "key", "api_keys", object=str(row["key_id"]), rows=1, facts=facts)
    return row["key_id"], token, row["expires_at"]


def listed(conn: Connection, login: str | None = None) -> list[dict[str, Any]]:
    """Every key, or an account's, without the key: ``{key_id, login, label, scopes}`` and the moments ``created_at``,
    ``expires_at``, ``revoked_at``, ``last_used_at``.
    """
    return conn.execute(_SQL["listed"], {"login": login}).fetchall()


def revoke(conn: Connection, key_id: int) -> None:
    """End a key. Raises UnknownApiKey where there is none that still holds."""
    if conn.execute(_SQL["revoke"], {"key_id": key_id}).rowcount == 0:
        raise UnknownApiKey(f"There is no key {key_id} that was not ended before.", key_id=key_id)
    audit.add(conn, "key", "api_keys", object=str(key_id), rows=1, facts={"what": "revoked"})
