"""The page about one's own city does what it says, typed into a shell in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gisops.db.pool import connect

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "load-your-own-city.md").read_text("utf-8")


# A dozen commands, each a process of its own.
@pytest.mark.timeout(400)
def test_the_page_s_commands_make_a_city_and_fill_it(fresh_database: Any, tmp_path: Path) -> None:
    found = re.search(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    made = fresh_database()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GISOPS_DATABASE_URL": made.app_url,
        "GISOPS_MIGRATE_URL": made.owner_url,
        "GISOPS_HOME": str(tmp_path / "home"),
        "COLUMNS": "200",
    }
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", found[1]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    said = ran.stdout
    assert re.search(r"管理员 / admin: admin   密码 / password: \S{12,}", said)
    assert "added 1, changed 0, unchanged 0" in said
    assert "zone_set TERRITORY-" in said
    assert "1 of 2 (50.000%" in said
    assert "no_zone 1" in said
    assert "✓ 已撤销 / undone: 4 cases (past.csv)" in said
    with connect(made.owner_url) as conn:
        states = [row["state"] for row in conn.execute("SELECT state FROM loads ORDER BY load_id")]
        # the dry run has taken a number, and left nothing else
        held = conn.execute(
            "SELECT (SELECT count(*) FROM cases) AS cases, (SELECT count(*) FROM zones) AS zones,"
            " (SELECT count(*) FROM organisations) AS organisations"
        ).fetchone()
    assert held == {"cases": 0, "zones": 1, "organisations": 2}
    assert states == ["published", "published", "undone"]
    findings = sorted(path.name for path in (tmp_path / "home" / "loads").iterdir())
    assert "dry-run" in findings
    assert (tmp_path / "home" / "loads" / "1" / "findings.csv").stat().st_mode & 0o777 == 0o600
