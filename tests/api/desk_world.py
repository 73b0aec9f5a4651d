"""A drawn city in which everybody sees something else, with some hundred open cases in every state."""

from __future__ import annotations

from gisops.db import queries
from gisops.db.pool import connect
from tests.conftest import Database
from tests.walk import scope_world
from tests.walk.scope_world import ScopeWorld

_SQL = queries.load("tests.api", "desk_world.sql")


def drawn(database: Database, seed: int, more: int) -> ScopeWorld:
    """Draw the city by a seed, with so many cases more than it has, and write it."""
    world = scope_world.draw(seed)
    for _ in range(more):
        thing = world.new("cases")
        world.things["cases"][thing.key] = thing
    with connect(database.owner_url) as conn:
        scope_world.write(conn, world)
        conn.execute(_SQL["clear"])
        conn.execute(_SQL["spread"])
    return world
