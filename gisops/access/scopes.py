"""Scope: into which parts of the city an account may look, and the one place where a connection starts to look for it.

A scope is granted in units of the tree city > district > street > community > grid cell, or as "the zones its person is
assigned to", and spelled out as rows; an account of the whole city has a mark and no rows. Beside that, a case is seen
by whoever handles it, was told of it, or (a department) holds it. docs/decisions/0020.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gisops.access.roles import EVERYWHERE_ROLES
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound

_SQL = queries.load("gisops.access", "scopes.sql")

Kind = Literal["area", "cell", "own_zones"]
KINDS: tuple[Kind, ...] = ("area", "cell", "own_zones")

# What units are made of, and the tables whose rows have one.
GROUND = frozenset({"grid_cells", "admin_areas"})
SCOPED = frozenset({"cases", "relief_households", "party_sites", "places", "last_positions", "buildings"})


class UnknownUnit(InvalidInput):
    """There is no such area or grid cell."""

    code = "unknown_unit"


class NoSuchScope(InvalidInput):
    """This account cannot be granted that."""

    code = "scope_not_possible"


@dataclass(frozen=True, slots=True)
class Scope:
    """What decides which rows somebody sees. ``organisation_id`` is told of a department only."""

    account_id: int | None
    role: str | None
    everywhere: bool
    units: frozenset[int]
    staff_id: int | None
    organisation_id: int | None
    version: int

    def sees(
        self, unit_id: int | None, staff_ids: Collection[int | None] = (), organisation_id: int | None = None
    ) -> bool:
        """Tell whether a row is in scope: one of this unit, with these people (a case's handler and superior) and this
        organisation. What a viewer may see of it is a question of classes.
        """
        if self.everywhere or unit_id in self.units:
            return True
        if self.staff_id is not None and self.staff_id in staff_ids:
            return True
        return self.organisation_id is not None and self.organisation_id == organisation_id


NOBODY = Scope(None, None, False, frozenset(), None, None, 0)


@dataclass(frozen=True, slots=True)
class Granted:
    """One thing an account was granted."""

    kind: Kind
    code: str
    granted_at: datetime


def look_as(conn: Connection, account_id: int | None) -> None:
    """Read for an account (``None``: for nobody) from here to the end of the connection's transaction.

    Nothing of it outlives the transaction, so whoever gets the connection next, through whatever pool, starts anew.
    """
    conn.execute(_SQL["look_as"], {"account": "" if account_id is None else str(account_id)})


def word_of_viewer(conn: Connection) -> str | None:
    """Say what decides which rows the transaction's viewer (`look_as`) sees, as one word: it is another one as soon as
    that changes, and the same for all who look after the whole city in one role. None for nobody.
    """
    row = conn.execute(_SQL["viewer_scope"]).fetchone()
    return None if row is None else row["word"]


def scope_of(conn: Connection, account_id: int | None) -> Scope:
    """Read the scope of an account; ``NOBODY`` for none, and for one that is unknown or closed. For the system's own
    role, not the readers'.
    """
    row = conn.execute(_SQL["account"], {"account_id": account_id}).fetchone() if account_id is not None else None
    if row is None:
        return NOBODY
    units: frozenset[int] = frozenset()
    if not row["everywhere"]:
        units = frozenset(one["unit_id"] for one in conn.execute(_SQL["units"], {"account_id": account_id}))
    return Scope(
        row["account_id"],
        row["role"],
        row["everywhere"],
        units,
        row["staff_id"],
        row["organisation_id"],
        row["scope_version"],
    )


def granted(conn: Connection, login: str) -> tuple[bool, list[Granted]]:
    """Whether an account has the whole city, and what it was granted. Raises ``NotFound``."""
    account = _account(conn, login)
    rows = conn.execute(_SQL["granted"], {"account_id": account["account_id"]})
    return account["everywhere"], [Granted(row["kind"], row["code"], row["granted_at"]) for row in rows]


def grant(conn: Connection, login: str, kind: Kind, code: str = "") -> bool:
    """Let an account look into an area with all below it, a grid cell, or its person's zones; as the owner.

    Says whether that is new. Raises ``NotFound`` for the login, ``UnknownUnit`` for the code, ``NoSuchScope`` where
    the account is no member of staff and so has no zones of its own.
    """
    account = _account(conn, login)
    code = _checked(conn, kind, code)
    if kind == "own_zones" and account["staff_id"] is None:
        raise NoSuchScope(f"{login} is no member of staff, so there are no zones of its own.", login=login)
    new = conn.execute(_SQL["grant"], {"account_id": account["account_id"], "kind": kind, "code": code}).rowcount > 0
    expand(conn, account["account_id"])
    return new


def revoke(conn: Connection, login: str, kind: Kind, code: str = "") -> bool:
    """Take back what was granted; as the owner. Says whether it had been. Raises ``NotFound`` for the login."""
    account = _account(conn, login)
    had = conn.execute(_SQL["revoke"], {"account_id": account["account_id"], "kind": kind, "code": code}).rowcount > 0
    expand(conn, account["account_id"])
    return had


def set_everywhere(conn: Connection, login: str, everywhere: bool) -> bool:
    """Give an account the whole city, or take it back to what it was granted; as the owner. Says whether that is new.

    Raises ``NotFound`` for the login, ``NoSuchScope`` for a role that is not about the city as a whole.
    """
    account = _account(conn, login)
    if everywhere and account["role"] not in EVERYWHERE_ROLES:
        raise NoSuchScope(
            f"The role {account['role']} cannot have the whole city; grant it areas.",
            role=account["role"],
            roles=sorted(EVERYWHERE_ROLES),
        )
    asked = {"account_id": account["account_id"], "everywhere": everywhere}
    new = conn.execute(_SQL["set_everywhere"], asked).rowcount > 0
    expand(conn, account["account_id"])
    return new


def expand(conn: Connection, account_id: int | None = None) -> int:
    """Spell out what an account (``None``: every one) was granted as rows; returns how many accounts see something
    else than before.
    """
    row = conn.execute(_SQL["expand"], {"account_id": account_id}).fetchone()
    assert row is not None  # noqa: S101
    return int(row["changed"])


def settle(conn: Connection, around: bytes | None = None, tables: Collection[str] | None = None) -> int:
    """Bring units, rows and scopes up to what the ground is now, as the owner, after cells, areas, zones or rows with a
    place were loaded; ``around`` (EWKB) limits the rows to those near a place, ``tables`` to those of some tables.
    Returns how many moved to another unit.
    """
    told = {"around": around, "tables": None if tables is None else list(tables)}
    row = conn.execute(_SQL["settle"], told).fetchone()
    assert row is not None  # noqa: S101
    return int(row["moved"])


def settle_due(conn: Connection) -> int:
    """The same, for the worker, after cells, areas and assignments that begin or end by their date; returns how many
    accounts see something else than before.
    """
    row = conn.execute(_SQL["settle_due"]).fetchone()
    assert row is not None  # noqa: S101
    return int(row["changed"] or 0)


def ground_changed(conn: Connection, moment: datetime) -> None:
    """Settle what lies around cells or areas that began or ended at a moment, unless that moment is to come."""
    row = conn.execute(_SQL["changed_ground"], {"moment": moment}).fetchone()
    around = None if row is None else row["around"]
    settle(conn, around, None if around is not None else ())


def unsettled(conn: Connection) -> dict[str, tuple[int, int]]:
    """Look at some thousand rows of each table: ``{table: (wrong, looked at)}`` where a row's unit is not the one that
    holds its point now. Nothing is said of a database that waits for its migration.
    """
    told = conn.execute(_SQL["can_tell_unsettled"]).fetchone()
    if told is None or not told["there"]:
        return {}
    return {row["name"]: (row["wrong"], row["looked_at"]) for row in conn.execute(_SQL["unsettled"])}


def _account(conn: Connection, login: str) -> dict[str, Any]:
    row = conn.execute(_SQL["by_login"], {"login": login}).fetchone()
    if row is None:
        raise NotFound(f"There is no account {login}.", login=login)
    return row


def _checked(conn: Connection, kind: Kind, code: str) -> str:
    if kind == "own_zones":
        return ""
    row = conn.execute(_SQL["is_unit"], {"kind": kind, "code": code}).fetchone()
    if row is None or not row["there"]:
        what = "grid cell" if kind == "cell" else "area"
        raise UnknownUnit(f"There is no {what} {code} in the city.", kind=kind, code=code)
    return code
