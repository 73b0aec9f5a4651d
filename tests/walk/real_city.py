"""Real cities' own files, and a city made of them as its people would: a profile, then one load after another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gisops import profiles
from gisops.db.pool import Connection, connect
from gisops.loads import mapping as mappings
from gisops.loads import publishing, records, staging, targets
from gisops.loads.mapping import Assignment


def owner(database: Any) -> Connection:
    """As the commands connect: each transaction by itself."""
    return connect(database.owner_url, autocommit=True, unhurried=True)


def found_city(conn: Connection, folder: Path, profile: str) -> profiles.Founded:
    path = folder / "city.toml"
    path.write_text(profile, "utf-8")
    with conn.transaction():
        return profiles.found(conn, profiles.read(path), folder)


def assignment(
    target: str, mapping: Path | str | None = None, sets: Sequence[str] = (), expect: Sequence[str] = (), **reading: Any
) -> Assignment:
    told = mappings.read(Path(mapping)) if mapping else Assignment()
    return mappings.with_options(told, targets.find(target), sets, expect, reading)


def load(
    conn: Connection,
    target: str,
    path: Path,
    mapping: Path | str | None = None,
    sets: Sequence[str] = (),
    expect: Sequence[str] = (),
    publish: bool = True,
    keep_pile_ups: bool = False,
    how: dict[str, Any] | None = None,
    **reading: Any,
) -> records.Load:
    """Stage a file and, as `--publish` does, publish it; ``how`` are options of publishing."""
    told = assignment(target, mapping, sets, expect, **reading)
    with conn.transaction():
        done = staging.stage(conn, targets.find(target), path, told, keep_pile_ups=keep_pile_ups)
    if publish:
        with conn.transaction():
            done = publishing.publish(conn, done.load_id, **(how or {}))
    return done


def codes(conn: Connection, load_id: int) -> dict[str, int]:
    """How often each finding was made."""
    return {row["code"]: row["n"] for row in records.findings_by_code(conn, load_id)}
