"""Parts from a GeoPackage through `gisops load`, against a bare read-and-COPY of the same file.

780,000 points. Ours reads in batches, maps, looks up, checks, stages, audits, publishes and keeps what undoing needs;
the other reads the file into a frame and copies it into a table that is like ``parts`` in columns, constraints and
indexes. CPU seconds of this process and of the server's, together: both do half of the work each.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import geopandas as gpd
import numpy as np
import shapely

from bench.result import Result
from bench.town import Town, cpu_s
from gisops import profiles
from gisops.cluster import OWNER
from gisops.db.pool import Connection, connect
from gisops.loads import mapping, publishing, staging, targets

ROWS = 780_000
PROFILE = """
name_zh = "量测市"
name_en = "Bench City"
code = "410200"
extent = [114.2, 34.7, 114.45, 34.95]
metric_srid = 4547
[district]
code = "410202"
"""
MAPPING = mapping.Assignment(
    rules={
        "code": mapping.Rule(column="code"),
        "maintainer_organisation": mapping.Rule(column="maintainer"),
        "state": mapping.Rule(column="state"),
        "source": mapping.Rule(column="source"),
    },
    reading={"crs": "WGS84"},
)


def run(town: Town) -> Iterator[Result]:
    """Measure and compare."""
    place = town.fresh(city=False)
    with tempfile.TemporaryDirectory(prefix="gisops-bench-") as name:
        folder = Path(name)
        (folder / "city.toml").write_text(PROFILE, "utf-8")
        file = _draw(folder / "parts.gpkg")
        with connect(place.url(OWNER), autocommit=True, unhurried=True) as conn:
            with conn.transaction():
                profiles.found(conn, profiles.read(folder / "city.toml"), folder)
            category = conn.execute("SELECT category_id AS id FROM categories WHERE code = 'P01-01' LIMIT 1").fetchone()
            conn.execute("CREATE TABLE bench_parts (LIKE parts INCLUDING ALL)")
            conn.execute("CREATE TABLE bench_plain (LIKE parts INCLUDING DEFAULTS)")
            desk = conn.execute("SELECT organisation_id AS id FROM organisations").fetchone()
            assert category is not None
            assert desk is not None
            staged, read = _timed(conn, lambda: _stage(conn, file))
            published, _ = _timed(conn, lambda: _publish(conn, read))
            other, _ = _timed(conn, lambda: _bare(conn, "bench_parts", file, category["id"], desk["id"]))
            plain, _ = _timed(conn, lambda: _bare(conn, "bench_plain", file, category["id"], desk["id"]))
    sent = f"both: {ROWS:,} points of one GeoPackage into constraints and indexes of parts"
    yield Result("loading.parts", staged + published, other, "CPU s", sent, at_most=3)
    sent = "ours: as far as the staging table, checked and audited; other: into a table without any index"
    yield Result("loading.staged", staged, plain, "CPU s", sent, at_most=3)


def _draw(path: Path) -> Path:
    rng = np.random.default_rng(3)
    majors = rng.integers(1, 5, ROWS)
    codes = [f"41020201{minor:02d}{n % 1_000_000:06d}" for n, minor in enumerate(majors)]
    told = {"code": codes, "maintainer": ["CENTRE"] * ROWS, "state": ["intact"] * ROWS, "source": ["bench"] * ROWS}
    points = shapely.points(rng.uniform((114.2, 34.7), (114.45, 34.95), (ROWS, 2)))
    gpd.GeoDataFrame(told, geometry=points, crs=4326).to_file(path, driver="GPKG", engine="pyogrio")
    return path


def _timed(conn: Connection, act: Callable[[], Any]) -> tuple[float, Any]:
    pid = conn.info.backend_pid
    mine, its = time.process_time(), cpu_s(pid)
    done = act()
    return time.process_time() - mine + cpu_s(pid) - its, done


def _stage(conn: Connection, file: Path) -> int:
    with conn.transaction():
        read = staging.stage(conn, targets.find("parts"), file, MAPPING)
    assert (read.taken, read.refused) == (ROWS, 0), read
    return read.load_id


def _publish(conn: Connection, load_id: int) -> None:
    with conn.transaction():
        done = publishing.publish(conn, load_id)
    assert done.outcome["added"] == ROWS


def _bare(conn: Connection, table: str, file: Path, category: int, organisation: int) -> None:
    frame = gpd.read_file(file, engine="pyogrio")
    shapes = shapely.to_wkb(shapely.set_srid(frame.geometry.to_numpy(), 4326), hex=True, include_srid=True)
    into = "district_code, part_id, code, code_scheme, category_id, name_zh, maintainer_organisation_id"
    into += ", state, source, geom"
    with conn.transaction(), conn.cursor().copy(f"COPY {table} ({into}) FROM STDIN".encode()) as copy:
        for n, (code, state, source, shape) in enumerate(
            zip(frame["code"], frame["state"], frame["source"], shapes, strict=True)
        ):
            copy.write_row(
                ("410202", UUID(int=n), code, "GB/T 30428.2-2013", category, "x", organisation, state, source, shape)
            )
