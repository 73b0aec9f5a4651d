"""The planner's door: the city as data frames, in three lines of a notebook.

    from gisops import connect

    city = connect()
    cases = city.cases(since="2026-11-01")
    city.map(city.hotspots(cases))

It reads, and never writes, and sees what a planner sees, or whoever is named to `connect`: rows of their part of the
city. Nothing personal comes along: who must see names and telephones signs in on the map. Frames are in EPSG:4326,
moments in the city's time zone. Maps carry everything they need in themselves and ask nobody for
anything but the tiles of a server that was named: they also open where there is no internet.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import folium
import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from psycopg import OperationalError, sql

from gisops import notebook_map
from gisops.access import scopes
from gisops.cluster import database_urls
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.db.pool import connect as open_connection
from gisops.errors import InvalidInput, NotAllowed, NotFound, NotReady
from gisops.hotspots import density, frames
from gisops.hotspots.hexagons import Hexagons
from gisops.settings import Settings

_SQL = queries.load("gisops", "notebook.sql")

Moment = str | date | datetime | pd.Timestamp
Bounds = notebook_map.Bounds
_SIDES = ("west", "south", "east", "north")


def connect(url: str | None = None, *, server: str | None = None, login: str | None = None) -> CityData:
    """Open the city's data for reading.

    Parameters
    ----------
    url
        ``postgresql://…`` of a gisops database; by default the one of the settings (``GISOPS_DATABASE_URL``, else the
        private cluster that ``make run`` or ``gisops up`` runs).
    server
        ``http://…`` of a gisops server, whose vector tiles then lie under every map; without one, maps have the roads
        and water around drawn into themselves.
    login
        An account whose part of the city is read; by default the first planner's, and where there is none, what anybody
        may see.

    Raises
    ------
    NotReady
        The database does not answer, or holds no city; says what to do.
    NotFound
        There is no such account.
    """
    address = url or database_urls(_settings()).app
    try:
        conn = open_connection(address, autocommit=True, unhurried=True)
    except OperationalError as error:
        raise NotReady(f"The database does not answer: {error}", do="make run   (or gisops up)") from error
    try:
        conn.execute("SET default_transaction_read_only = on")
        return CityData(conn, server, login)
    except BaseException:
        conn.close()
        raise


class CityData:
    """One city, open for reading. Close it, or use it in a ``with`` statement."""

    def __init__(self, conn: Connection, server: str | None = None, login: str | None = None) -> None:
        self._conn = conn
        self._server = server
        row = conn.execute(_SQL["account"], {"login": login}).fetchone()
        if row is None and login is not None:
            raise NotFound(f"There is no account {login}.", login=login)
        self._account: int | None = row["account_id"] if row else None
        row = conn.execute(_SQL["city"]).fetchone()
        if row is None:
            raise NotReady("The database holds no city.", do="gisops sample")
        self.code: str = row["code"]
        self.name_zh: str = row["name_zh"]
        self.name_en: str = row["name_en"]
        self.timezone = ZoneInfo(row["timezone"])
        self.metric_srid: int = row["metric_srid"]

    def __repr__(self) -> str:
        return f"<{self.name_zh} / {self.name_en}, {self.code}: {', '.join(self.layers())}>"

    def __enter__(self) -> CityData:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._conn.close()

    def cases(
        self, since: Moment | None = None, until: Moment | None = None, bbox: Bounds | None = None
    ) -> gpd.GeoDataFrame:
        """Return the cases reported from ``since`` on and before ``until``, the oldest first; points.

        A moment without a time zone is the city's own time: ``"2026-11-01"`` is midnight there. ``bbox`` is west,
        south, east, north in degrees.
        """
        box = dict.fromkeys(_SIDES) if bbox is None else dict(zip(_SIDES, map(float, bbox), strict=True))
        return self._read(_SQL["cases"], since=self._moment(since), until=self._moment(until), **box)

    def zones(self, at: Moment | None = None) -> gpd.GeoDataFrame:
        """Return the responsibility zones in force at a moment, by default now, with how many ``officers`` look after
        each and how many ``stand_ins`` there are; polygons.
        """
        return self._read(_SQL["zones"], at=self._moment(at))

    def grid_cells(self, at: Moment | None = None) -> gpd.GeoDataFrame:
        """Return the grid cells in force at a moment, by default now; polygons."""
        return self._read(_SQL["grid_cells"], at=self._moment(at))

    def parts(self, at: Moment | None = None) -> gpd.GeoDataFrame:
        """Return the parts on record at a moment, by default now; points, and some lines and areas."""
        return self._read(_SQL["parts"], at=self._moment(at))

    def layers(self) -> list[str]:
        """Return the ids of the layers there are."""
        return [row["id"] for row in self._conn.execute(_SQL["layers"])]

    def layer(self, layer_id: str, bbox: tuple[float, float, float, float] | None = None) -> gpd.GeoDataFrame:
        """Return a layer as the map shows it to this viewer, without what is personal in it.

        ``bbox`` is west, south, east, north in degrees. Raises ``NotFound`` with the ids there are, or ``NotAllowed``
        where the places themselves are personal, or not public and nobody is named to read them.
        """
        layers = self.layers()
        if layer_id not in layers:
            raise NotFound(f"There is no layer {layer_id!r}.", layer=layer_id, layers=layers)
        view = f"layer_{layer_id}"
        columns = self._conn.execute(_SQL["columns"], {"view": view, "window": f"see_{layer_id}"}).fetchall()
        geom = next(row for row in columns if row["name"] == "geom")
        if geom["personal"]:
            raise NotAllowed(f"The layer {layer_id} is personal, its places included.", layer=layer_id)
        if not geom["public"] and self._account is None:
            raise NotAllowed(f"The layer {layer_id} is not public; name who reads: connect(login=…).", layer=layer_id)
        # Nobody reads the public columns of the view; somebody, what the layer's window shows them.
        window = geom["windowed"] and self._account is not None
        told = [row for row in columns if not row["personal"] and (window or row["public"])]
        box = sql.SQL("ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)" if bbox is not None else "NULL")
        source = sql.SQL("{}({})").format(sql.Identifier(f"see_{layer_id}"), box) if window else sql.Identifier(view)
        statement = sql.SQL("SELECT {}, ST_AsBinary(geom) AS geom FROM {}").format(
            sql.SQL(", ").join(sql.Identifier(row["name"]) for row in told if not row["name"].startswith("geom")),
            source,
        )
        if bbox is None:
            return self._read(statement)
        sides = dict(zip(_SIDES, map(float, bbox), strict=True))
        return self._read(statement + sql.SQL(" WHERE ST_Intersects(geom, {})").format(box), **sides)

    def pileups(self, cases: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return the coordinates that stand for "no place known": ``cases``, ``share``; points.

        Too many cases lie exactly there for a place to be meant (see `gisops.loads.pileups`).
        """
        # Here and not above: what reads a city's files is only needed where somebody looks for hot spots.
        from gisops.loads import pileups

        found = pileups.find(_lonlat(cases))
        return gpd.GeoDataFrame(
            {"cases": [each.count for each in found], "share": [each.share for each in found]},
            geometry=gpd.points_from_xy([each.lon for each in found], [each.lat for each in found]),
            crs=4326,
        )

    def placed(self, cases: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return the cases without those on a pile-up. Whatever looks for hot spots does so first, by itself."""
        at, piles = _lonlat(cases), self.pileups(cases)
        kept = np.ones(len(cases), np.bool_)
        for pile in piles.geometry:
            kept &= (at != (pile.x, pile.y)).any(axis=1)
        return cases[kept]

    def hexagons(
        self,
        cases: gpd.GeoDataFrame,
        edge_m: float = 150.0,
        *,
        flat: bool = False,
        area: gpd.GeoDataFrame | None = None,
    ) -> gpd.GeoDataFrame:
        """Count cases on hexagons: ``row``, ``column``, ``cases``, ``per_km2``, ``colour``; polygons.

        The study area is where cases can be reported: by default the city's grid cells. Its empty hexagons are there
        as well, with a 0. Pile-ups are set aside (`placed`). The grid stands still: other cases, same hexagons.
        """
        return frames.hexagon_frame(self._counted(cases, edge_m, flat, area), self.metric_srid)

    def hotspots(
        self,
        cases: gpd.GeoDataFrame,
        edge_m: float = 150.0,
        *,
        rings: int = 1,
        q: float = 0.05,
        flat: bool = False,
        area: gpd.GeoDataFrame | None = None,
    ) -> gpd.GeoDataFrame:
        """Find hot and cold spots by Getis-Ord Gi*: `hexagons` with ``z``, ``p``, ``q``, ``spot``; polygons.

        ``spot`` is "hot" or "cold" where the false discovery rate is at most ``q``: of all those called so, about that
        share is expected to be chance. ``rings`` is how many steps the neighbourhood reaches. See
        `gisops.hotspots.getis_ord`.
        """
        found = self._counted(cases, edge_m, flat, area)
        return frames.hotspot_frame(found, self.metric_srid, rings=rings, q=q)

    def density(
        self, cases: gpd.GeoDataFrame, bandwidth_m: float | None = None, cell_m: float | None = None
    ) -> gpd.GeoDataFrame:
        """Estimate the density of cases: bands ``from_per_km2``, ``to_per_km2``, ``colour``; multipolygons.

        The default bandwidth is Silverman's rule, which is wide for a city. Edges are not corrected: see
        `gisops.hotspots.density`, which also has the raster itself.
        """
        x, y = frames.metres(self.placed(cases), self.metric_srid)
        found = density.density(x, y, bandwidth_m=bandwidth_m, cell_m=cell_m)
        return frames.density_frame(found, self.metric_srid)

    def clusters(self, cases: gpd.GeoDataFrame, reach_m: float = 60.0, min_cases: int = 15) -> gpd.GeoDataFrame:
        """Find crowds of cases by DBSCAN: one row for each, the largest first; the hull of its cases.

        At least ``min_cases`` within ``reach_m`` metres make a crowd, and those near one another are one. See
        `gisops.hotspots.clusters`.
        """
        return frames.cluster_frame(self.placed(cases), self.metric_srid, reach_m, min_cases)

    def map(
        self,
        *shown: gpd.GeoDataFrame,
        colour: str = "colour",
        tooltip: list[str] | None = None,
        ground: bool = True,
        legend: dict[str, str] | None = None,
    ) -> folium.Map:
        """Draw frames over the city; a notebook shows the map, ``.save("map.html")`` keeps it.

        Parameters
        ----------
        shown
            Frames with a CRS and at least one feature each, the first lowest.
        colour
            A CSS colour, or the name of a column that holds one for each feature; by default the column ``colour``
            where there is one, else red.
        tooltip
            Columns shown under the pointer; by default the first six.
        ground
            Whether the city is drawn underneath: tiles of the server named to `connect`, else roads and water.
        legend
            What the colours mean: words and the CSS colour each stands for, in the order they are listed.
        """

        def layer(layer_id: str, around: Bounds) -> gpd.GeoDataFrame | None:
            return self.layer(layer_id, around) if layer_id in there else None

        there = self.layers()
        return notebook_map.draw(
            shown,
            colour=colour,
            tooltip=tooltip,
            server=self._server,
            layer=layer if ground else None,
            legend=legend or {},
        )

    def _counted(self, cases: gpd.GeoDataFrame, edge_m: float, flat: bool, area: gpd.GeoDataFrame | None) -> Hexagons:
        ground = self.grid_cells() if area is None else area.to_crs(4326)
        return frames.counted(self.placed(cases), self.metric_srid, edge_m, flat=flat, area=ground.geometry.to_numpy())

    def _moment(self, given: Moment | None) -> datetime | None:
        if given is None:
            return None
        moment = pd.Timestamp(given)
        local = moment.tz_localize(self.timezone) if moment.tzinfo is None else moment
        return datetime.fromisoformat(local.isoformat())

    def _read(self, statement: str | sql.Composed, **values: Any) -> gpd.GeoDataFrame:
        asked = statement.encode() if isinstance(statement, str) else statement
        with self._conn.transaction():
            scopes.look_as(self._conn, self._account)
            cursor = self._conn.execute(asked, values)
            names = [column.name for column in cursor.description or ()]
            frame = pd.DataFrame(cursor.fetchall(), columns=names)
        geometry = shapely.from_wkb(frame.pop("geom").to_numpy())
        moments = [c.name for c in cursor.description or () if c.type_display == "timestamptz"]
        for name in moments:
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("us").dt.tz_convert(self.timezone)
        return gpd.GeoDataFrame(frame, geometry=geometry, crs=4326)


def _settings() -> Settings:
    """The settings of the project around: a notebook runs in its own folder, ``.env`` and ``.gisops`` lie above it."""
    here = Path.cwd()
    above = (folder for folder in (here, *here.parents) if (folder / ".env").is_file() or (folder / ".gisops").is_dir())
    base = next(above, here)
    settings = Settings(_env_file=base / ".env")  # type: ignore[call-arg]
    return settings.model_copy(update={"home": base / settings.home})


def _lonlat(cases: gpd.GeoDataFrame) -> npt.NDArray[np.float64]:
    """The positions of a frame of points, as an array of shape (cases, 2) in degrees."""
    at: npt.NDArray[np.float64] = shapely.get_coordinates(cases.geometry.to_crs(4326))
    if len(at) != len(cases) or not (cases.geom_type == "Point").all():
        raise InvalidInput("Hot spots are made of points, each with a place.", rows=len(cases))
    return at
