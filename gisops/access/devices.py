"""Sign-ins of phones: a short access token, and a refresh token that is worth nothing without the phone's key.

A refresh token is ``gr_<family>.<rotation>``. All tokens of one sign-in share the family part; the rotation part is
another one after each use. So one row per phone is enough to know a token that was used before: its family is known and
its rotation is not the present one. Whoever shows such a token *with a proof by the phone's key* is a phone whose key
or memory was copied, and the whole sign-in ends. Without the proof nothing happens to anybody: a stolen token alone
neither opens a door nor closes the phone's.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from gisops.access import audit, people, proofs
from gisops.access.people import Actor, token_hash
from gisops.access.proofs import InvalidProof
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import GisopsError, NotSignedIn

_SQL = load("gisops.access", "devices.sql")

ACCESS_MINUTES = 10
REFRESH_DAYS = 30
PREFIX = "gr_"


class InvalidRefreshToken(NotSignedIn):
    """This refresh token is unknown, has run out or was revoked; sign in again."""

    code = "invalid_refresh_token"


class ReusedRefreshToken(InvalidRefreshToken):
    """This refresh token was used before, so the sign-in it belongs to was ended; sign in again."""

    code = "refresh_token_reused"


class ReplayedProof(InvalidProof):
    """This proof was shown before; each is made for one request."""

    code = "proof_replayed"


@dataclass(frozen=True)
class Tokens:
    """What a phone is given: kept nowhere but there."""

    actor: Actor
    access: str
    access_expires_at: datetime
    refresh: str
    refresh_expires_at: datetime


def sign_in(conn: Connection, actor: Actor, jwk: dict[str, str]) -> Tokens:
    """Begin the sign-in of a phone that holds the key of ``jwk`` (as `proofs.device_key` gave it)."""
    device_id, family, rotation = uuid4(), secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    row = conn.execute(
        _SQL["open"],
        {
            "device_id": device_id,
            "account_id": actor.account_id,
            "jwk": Jsonb(jwk),
            "family_hash": token_hash(family),
            "rotation_hash": token_hash(rotation),
            "days": REFRESH_DAYS,
        },
    ).fetchone()
    assert row is not None  # noqa: S101  (INSERT … RETURNING)
    return _tokens(conn, actor, device_id, f"{PREFIX}{family}.{rotation}", row["expires_at"])


def refresh(
    conn: Connection,
    token: str,
    proof: str,
    address: str,
    *,
    clock: Callable[[], float] = time.time,
) -> Tokens | GisopsError:
    """Take a refresh token and the phone's proof for ``POST address``, and give out the next tokens.

    A refusal is returned and not raised, as what it found out must be committed: that a proof was shown, that a sign-in
    has ended. InvalidRefreshToken, ReusedRefreshToken, InvalidProof or ReplayedProof.
    """
    family, _, rotation = token.removeprefix(PREFIX).partition(".")
    if not token.startswith(PREFIX) or not rotation:
        return InvalidRefreshToken()
    # The row stays locked: of two at once the second finds its token used.
    found = conn.execute(_SQL["lock"], {"family_hash": token_hash(family)}).fetchone()
    if found is None:
        return InvalidRefreshToken()
    try:
        shown = proofs.verify(proof, found["jwk"], method="POST", address=address, now_s=clock())
    except InvalidProof as refused:
        return refused
    device_id: UUID = found["device_id"]
    known = {"proof_hash": token_hash(f"{device_id}\0{shown.jti}"), "expires_s": shown.expires_s}
    if conn.execute(_SQL["remember_proof"], known).fetchone() is None:
        return ReplayedProof()
    if not secrets.compare_digest(bytes(found["rotation_hash"]), token_hash(rotation)):
        end(conn, device_id)
        audit.add(conn, "sign_out", "devices", account_id=found["account_id"], facts={"why": "refresh_token_reused"})
        return ReusedRefreshToken()
    following = secrets.token_urlsafe(32)
    row = conn.execute(
        _SQL["rotate"], {"device_id": device_id, "rotation_hash": token_hash(following), "days": REFRESH_DAYS}
    ).fetchone()
    assert row is not None  # noqa: S101  (locked above)
    actor = people.actor_of_row(found)
    return _tokens(conn, actor, device_id, f"{PREFIX}{family}.{following}", row["expires_at"])


def end(conn: Connection, device_id: UUID) -> None:
    """End a phone's sign-in: its refresh token, and the access tokens it was given."""
    for statement in ("end", "end_access"):
        conn.execute(_SQL[statement], {"device_id": device_id})


def end_of_token(conn: Connection, hashed: bytes) -> bool:
    """End the phone's sign-in that an access token belongs to; says whether it belongs to one."""
    row = conn.execute(_SQL["of_token"], {"token_hash": hashed}).fetchone()
    if row is None or row["device_id"] is None:
        return False
    end(conn, row["device_id"])
    return True


def prune(conn: Connection) -> int:
    """Forget proofs that are too old to be shown again, and phones whose sign-in ended a day ago; returns how many."""
    return sum(conn.execute(_SQL[name]).rowcount for name in ("prune_proofs", "prune"))


def _tokens(conn: Connection, actor: Actor, device_id: UUID, refreshing: str, until: datetime) -> Tokens:
    access = secrets.token_urlsafe(32)
    told: dict[str, Any] = {
        "token_hash": token_hash(access),
        "account_id": actor.account_id,
        "device_id": device_id,
        "minutes": ACCESS_MINUTES,
    }
    row = conn.execute(_SQL["open_access"], told).fetchone()
    assert row is not None  # noqa: S101  (INSERT … RETURNING)
    return Tokens(actor, access, row["expires_at"], refreshing, until)
