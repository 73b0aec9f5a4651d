"""Who plays in a database: an account for each role with the whole city, and two for each organisation.

They are made once, as the owner, without a password: nobody signs in as one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gisops.access import accounts, people, scopes
from gisops.access.people import Actor
from gisops.access.roles import EVERYWHERE_ROLES
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.simulation", "town.sql")

_CENTRE = ("admin", "acceptor", "shift_leader", "dispatcher", "supervisor", "inspector", "leader", "coordinator")


@dataclass(frozen=True, slots=True)
class Organisation:
    """One that handles cases: its code, its own account, and that of somebody of its staff, with his code."""

    organisation_id: int
    code: str
    department: Actor
    handler: Actor
    staff: str


@dataclass(frozen=True, slots=True)
class Cast:
    """By role, and by organisation."""

    centre: Mapping[str, Actor]
    organisations: Mapping[int, Organisation]


def cast(owner: Connection, city: City) -> Cast:
    """Make the accounts where they are not there yet; as the owner."""
    centre = {role: _actor(owner, f"sim-{role}".replace("_", "-"), role, city) for role in _CENTRE}
    found = {}
    for row in owner.execute(_SQL["organisations"]).fetchall():
        login = f"sim-{row['code'].lower()}"
        found[row["organisation_id"]] = Organisation(
            row["organisation_id"],
            row["code"],
            _actor(owner, login, "department", city, organisation=row["code"]),
            _actor(owner, f"{login}-h", "handler", city, staff=row["staff"]),
            row["staff"],
        )
    return Cast(centre, found)


def _actor(
    owner: Connection, login: str, role: str, city: City, staff: str | None = None, organisation: str | None = None
) -> Actor:
    known = people.account(owner, login)
    if known is None:
        accounts.add(owner, login, role, None, staff=staff, organisation=organisation)
        if role in EVERYWHERE_ROLES:
            scopes.set_everywhere(owner, login, True)
        else:
            scopes.grant(owner, login, "area", city.code)
        known = people.account(owner, login)
        assert known is not None  # noqa: S101 - just made
    return known.actor
