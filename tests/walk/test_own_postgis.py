"""The page about a PostGIS of one's own, followed step by step."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gisops.cluster import ADMIN, APP, OWNER, READER, WINDOWS
from gisops.db.migrate import migrate
from gisops.db.pool import connect
from gisops.errors import NotReady
from layers.catalog import view_sql

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "run-on-your-own-postgis.md").read_text("utf-8")


def test_the_page_names_the_roles_and_extensions_the_program_expects(empty_template: str, fresh_database) -> None:
    assert set(re.findall(r"CREATE ROLE (\w+)", PAGE)) == {APP, OWNER, READER, WINDOWS}
    assert set(re.findall(r"GRANT (.*) TO (\w+);", PAGE)) == {(f"{READER}, {WINDOWS}", OWNER), (READER, APP)}
    with connect(fresh_database("empty_template").admin_url) as conn:
        rows = conn.execute("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'").fetchall()
    assert set(re.findall(r"CREATE EXTENSION (\w+)", PAGE)) == {row["extname"] for row in rows}


def test_an_empty_database_is_filled_and_found_right(fresh_database, tmp_path: Path) -> None:
    empty = fresh_database("empty_template")
    named = dict(re.findall(r"export (GISOPS_\w+)=(\S+)", PAGE))
    assert set(named) == {"GISOPS_DATABASE_URL", "GISOPS_MIGRATE_URL"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
    environment |= {
        "GISOPS_DATABASE_URL": empty.app_url,
        "GISOPS_MIGRATE_URL": empty.owner_url,
        "GISOPS_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "GISOPS_SAMPLE_SIZE": "district",
    }
    commands = re.search(r"\*\*Fill it and look\*\*: (.*)", PAGE)
    assert commands is not None
    words = re.findall(r"`gisops (\w+)`", commands[1])
    assert words == ["migrate", "sample", "check"]
    for word in words:
        ran = subprocess.run(
            [sys.executable, "-m", "api.cli", word], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    with connect(empty.app_url) as conn:
        owned = conn.execute("SELECT count(*) AS n FROM pg_class WHERE relowner = 'gisops_app'::regrole").fetchone()
        cities = conn.execute("SELECT count(*) AS n FROM city").fetchone()
    assert (owned, cities) == ({"n": 0}, {"n": 1})
    # Nothing of a private cluster was made.
    assert not (tmp_path / "home" / "data").exists()


def test_without_the_roles_it_says_what_to_type(cluster: Any, fresh_database) -> None:
    """As on a server that an earlier release was set up on; here the roles stay, being those of other databases too."""
    made = fresh_database("empty_template")
    with psycopg.connect(cluster.url(ADMIN, "postgres"), autocommit=True) as conn:
        conn.execute(f"REVOKE {READER}, {WINDOWS} FROM {OWNER}, {APP}".encode())
        try:
            with pytest.raises(NotReady, match="lacks the roles") as refused:
                migrate(made.owner_url, view_sql())
        finally:
            conn.execute(f"GRANT {READER}, {WINDOWS} TO {OWNER}; GRANT {READER} TO {APP}".encode())
        said = refused.value.facts["do"]
        assert said == (
            f"As a superuser: GRANT {READER} TO {OWNER}; GRANT {WINDOWS} TO {OWNER}; GRANT {READER} TO {APP};"
        )
        conn.execute(said.partition(": ")[2].encode())
    assert migrate(made.owner_url, view_sql()).steps


@pytest.mark.parametrize("word", ["down", "reset"])
def test_what_is_for_the_private_cluster_leaves_it_alone(word: str, tmp_path: Path) -> None:
    environment = dict(os.environ, GISOPS_DATABASE_URL="postgresql://app@db.example/x", PYTHONPATH=str(ROOT))
    ran = subprocess.run(
        [sys.executable, "-m", "api.cli", word], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert "GISOPS_DATABASE_URL" in ran.stderr
