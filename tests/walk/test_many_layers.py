"""As many layers as a prefecture-level city has, of its own files: loaded by the command, listed, drawn.

The long form has the figures of one that counts them: 97 layers, 3,800,000 rows.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import httpx2
import mapbox_vector_tile
import numpy as np
import pytest
import shapely

from gisops.db.pool import connect
from tests.conftest import Database, serve
from tests.layers import tiny_city
from tiles.grid import Tile
from tiles.mvt import MAX_BYTES

ROOT = Path(__file__).parents[2]
MOST_FEATURES = 20_000
BOX = (113.90, 34.20, 115.20, 35.00)  # degrees: some 120 by 90 km of plain
MIDDLE = (114.31, 34.80)
KINDS = ("point", "point", "polygon", "line", "point", "polygon")
DRIVERS = {".gpkg": "GPKG", ".fgb": "FlatGeobuf"}


@dataclass(frozen=True)
class Plan:
    """How many layers, and how many rows together."""

    layers: int
    rows: int

    def sizes(self) -> list[int]:
        """Rows of each: a few are large, most are small, as such lists are."""
        share = 1 / np.arange(1, self.layers + 1) ** 0.8
        sizes = np.maximum(40, np.floor(share / share.sum() * self.rows)).astype(int)
        sizes[0] += self.rows - int(sizes.sum())
        return [int(size) for size in sizes]


SHORT = Plan(3, 3_000)
LONG = Plan(97, 3_800_000)


def shapes_of(kind: str, at: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    if kind == "point":
        return np.asarray(shapely.points(at))
    reach = chance.uniform(5e-5, 4e-4, (len(at), 2))
    if kind == "line":
        ends = np.stack([at, at + reach, at + reach * (2, 1)], axis=1)
        return np.asarray(shapely.linestrings(ends))
    return np.asarray(shapely.box(at[:, 0], at[:, 1], at[:, 0] + reach[:, 0], at[:, 1] + reach[:, 1]))


def write(folder: Path, number: int, rows: int) -> Path:
    """A file of one layer: two thirds of it in the town, the rest all over."""
    chance = np.random.default_rng(number)
    urban = chance.normal(MIDDLE, (0.035, 0.028), (rows, 2))
    rural = chance.uniform(BOX[:2], BOX[2:], (rows, 2))
    at = np.clip(np.where(chance.random((rows, 1)) < 2 / 3, urban, rural), BOX[:2], np.subtract(BOX[2:], 0.01))
    frame = geopandas.GeoDataFrame(
        {
            "编码": np.char.add(f"L{number:02d}-", np.char.zfill(np.arange(rows).astype(str), 7)),
            "名称": [f"样例{n % 1000}" for n in range(rows)],
            "level": chance.integers(1, 6, rows),
            "depth_m": np.round(chance.uniform(0, 9, rows), 2),
        },
        geometry=shapes_of(KINDS[number % len(KINDS)], at, chance),
        crs=4326,
    )
    suffix = list(DRIVERS)[number % len(DRIVERS)]
    file = folder / f"layer_{number:02d}{suffix}"
    frame.to_file(file, driver=DRIVERS[suffix], engine="pyogrio")
    return file


# A process begins with the most that its parent had: so the parent whose child is measured is a small one.
MEASURED = """
import os, sys
pid = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ)
_, status, used = os.wait4(pid, 0)
print(f"\\nKIB {used.ru_maxrss}", file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def load(database: Database, home: Path, file: Path, number: int) -> tuple[float, int]:
    """`gisops load layer`, as a process: how long it took, and the most memory it had (MiB)."""
    words = ["load", "layer", str(file), "--crs", "WGS84", "--set", f"id=many_{number:02d}"]
    words += ["--set", f"title_zh=样例图层{number:02d}", "--set", "class=public", "--set", "field_class=public"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
    environment |= {
        "GISOPS_DATABASE_URL": database.app_url,
        "GISOPS_MIGRATE_URL": database.owner_url,
        "GISOPS_HOME": str(home),
        "COLUMNS": "200",
    }
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, "-m", "api.cli", *words],
        env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"✓ 已载入 / loaded", ran.stdout + ran.stderr), ran.stdout + ran.stderr
    kibibytes = re.findall(r"^KIB (\d+)$", ran.stderr, re.MULTILINE)[-1]
    return time.monotonic() - began, int(kibibytes) // 1024


def fullest(conn: Any, layer: str, zoom: int) -> tuple[Tile, int]:
    """The tile of a zoom that holds the most of a layer, by the middles of boxes, and how many."""
    row = conn.execute(
        f"""
        SELECT x, y, count(*) AS n FROM (
          SELECT floor((ST_X(c) / 40075016.685578488 + 0.5) * (1 << {zoom}))::int AS x,
                 floor((0.5 - ST_Y(c) / 40075016.685578488) * (1 << {zoom}))::int AS y
          FROM (SELECT ST_Centroid(ST_Envelope(geom_3857)) AS c FROM layer_{layer}) AS t) AS p
        GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 1"""
    ).fetchone()
    assert row is not None
    return Tile(zoom, row["x"], row["y"]), row["n"]


@pytest.fixture(
    scope="module",
    params=[pytest.param(SHORT, id="3"), pytest.param(LONG, id="97", marks=[pytest.mark.soak])],
)
def many(request: pytest.FixtureRequest, fresh_database: Callable[..., Database], tmp_path_factory: Any) -> Any:
    plan, made, folder = request.param, fresh_database(), tmp_path_factory.mktemp("many")
    with connect(made.owner_url) as conn:
        tiny_city.build(conn)
        conn.execute("UPDATE city SET geom = ST_Multi(ST_MakeEnvelope(%s, %s, %s, %s, 4326))", list(BOX))
        conn.execute("UPDATE organisations SET is_duty_desk = true WHERE organisation_id = 1")
    took, memory = [], []
    for number, rows in enumerate(plan.sizes()):
        file = write(folder, number, rows)
        seconds, mebibytes = load(made, folder, file, number)
        took.append(seconds)
        memory.append(mebibytes)
        file.unlink()
    print(
        f"\n{plan.layers} layers, {plan.rows:,} rows: {sum(took) / 60:.1f} min, the longest {max(took):.0f} s,"
        f" at most {max(memory)} MiB"
    )
    return plan, made, max(memory)


@pytest.mark.timeout(7200)
def test_they_are_loaded_whole_and_in_little_memory(many: Any) -> None:
    plan, made, memory = many
    with connect(made.owner_url) as conn:
        counted = conn.execute("SELECT count(*) AS layers, sum(row_count) AS rows FROM city_layers").fetchone()
        held = sum(
            conn.execute(f"SELECT count(*) AS n FROM city_many_{number:02d}").fetchone()["n"]  # type: ignore[index]
            for number in range(plan.layers)
        )
    assert counted == {"layers": plan.layers, "rows": plan.rows}
    assert held == plan.rows
    assert memory < 700


@pytest.mark.timeout(7200)
def test_they_are_listed_and_drawn_and_no_tile_is_too_heavy(many: Any) -> None:
    plan, made, _ = many
    ids = [f"many_{number:02d}" for number in range(plan.layers)]
    with (
        serve(made) as server,
        httpx2.Client(base_url=server.base_url, timeout=60) as client,
        connect(made.owner_url) as conn,
    ):
        listed = {each["id"] for each in client.get("/ogc/collections").json()["collections"]}
        assert set(ids) <= listed
        drawn = client.get("/styles/day.json").json()
        sources = {piece.get("metadata", {}).get("gisops:layer") for piece in drawn["layers"]}
        assert set(ids) <= sources
        heaviest, slowest = (0, ""), (0.0, "")
        for layer in ids:
            for zoom in range(10, 17):
                at, held = fullest(conn, layer, zoom)
                began = time.monotonic()
                answer = client.get(f"/tiles/{layer}/{at.z}/{at.x}/{at.y}.mvt")
                took = time.monotonic() - began
                where = f"{layer} {at.z}/{at.x}/{at.y}"
                assert answer.status_code == 200, where
                assert len(answer.content) <= MAX_BYTES, where
                features = mapbox_vector_tile.decode(answer.content)[layer]["features"]
                assert 0 < len(features) <= MOST_FEATURES, where
                told = sum(each["properties"].get("count", 1) for each in features)
                # Every one of those whose middle lies there is drawn or counted.
                assert told >= held, where
                heaviest, slowest = max(heaviest, (len(answer.content), where)), max(slowest, (took, where))
    print(f"\nheaviest tile {heaviest[0]:,} bytes ({heaviest[1]}), slowest {slowest[0]:.2f} s ({slowest[1]})")
