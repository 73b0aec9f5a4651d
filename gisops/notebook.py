"""The planner's door: the city as data frames, in three lines of a notebook.

    from gisops import connect

    city = connect()
    cases = city.cases(since="2026-11-01")
    city.map(cases, colour="crimson")

It reads, and never writes. Nothing personal comes along: who must see names and telephones signs in on the map. Frames
are in EPSG:4326, moments in the city's time zone. Maps carry everything they need in themselves: no other host is asked
for anything, so they also open where there is no internet.
"""

from __future__ import annotations

import base64
import re
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import folium
import geopandas as gpd
import pandas as pd
import shapely
from psycopg import OperationalError, sql

from gisops.cluster import database_urls
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.db.pool import connect as open_connection
from gisops.errors import InvalidInput, NotAllowed, NotFound, NotReady
from gisops.settings import Settings

_SQL = queries.load("gisops", "notebook.sql")

Moment = str | date | datetime | pd.Timestamp
# Drawn under every map, lowest first, where the city has them.
_GROUND = (("rivers", "#a9cbe0"), ("roads", "#c9c4b8"))


def connect(url: str | None = None) -> CityData:
    """Open the city's data for reading.

    Parameters
    ----------
    url
        ``postgresql://…`` of a gisops database; by default the one of the settings (``GISOPS_DATABASE_URL``, else the
        private cluster that ``make run`` or ``gisops up`` runs).

    Raises
    ------
    NotReady
        The database does not answer, or holds no city; says what to do.
    """
    address = url or database_urls(_settings()).app
    try:
        conn = open_connection(address, autocommit=True, unhurried=True)
    except OperationalError as error:
        raise NotReady(f"The database does not answer: {error}", do="make run   (or gisops up)") from error
    try:
        conn.execute("SET default_transaction_read_only = on")
        return CityData(conn)
    except BaseException:
        conn.close()
        raise


class CityData:
    """One city, open for reading. Close it, or use it in a ``with`` statement."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        row = conn.execute(_SQL["city"]).fetchone()
        if row is None:
            raise NotReady("The database holds no city.", do="gisops sample")
        self.code: str = row["code"]
        self.name_zh: str = row["name_zh"]
        self.name_en: str = row["name_en"]
        self.timezone = ZoneInfo(row["timezone"])

    def __repr__(self) -> str:
        return f"<{self.name_zh} / {self.name_en}, {self.code}: {', '.join(self.layers())}>"

    def __enter__(self) -> CityData:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._conn.close()

    def cases(self, since: Moment | None = None, until: Moment | None = None) -> gpd.GeoDataFrame:
        """Return the cases reported from ``since`` on and before ``until``, the oldest first; points.

        A moment without a time zone is the city's own time: ``"2026-11-01"`` is midnight there.
        """
        return self._read(_SQL["cases"], since=self._moment(since), until=self._moment(until))

    def zones(self, at: Moment | None = None) -> gpd.GeoDataFrame:
        """Return the responsibility zones in force at a moment, by default now; polygons."""
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
        """Return a layer as the map shows it, without what is personal in it.

        ``bbox`` is west, south, east, north in degrees. Raises ``NotFound`` with the ids there are, or ``NotAllowed``
        where the places themselves are personal.
        """
        layers = self.layers()
        if layer_id not in layers:
            raise NotFound(f"There is no layer {layer_id!r}.", layer=layer_id, layers=layers)
        view = f"layer_{layer_id}"
        columns = self._conn.execute(_SQL["columns"], {"view": view}).fetchall()
        if any(row["personal"] for row in columns if row["name"] == "geom"):
            raise NotAllowed(f"The layer {layer_id} is personal, its places included.", layer=layer_id)
        names = [row["name"] for row in columns if not row["personal"] and not row["name"].startswith("geom")]
        statement = sql.SQL("SELECT {}, ST_AsBinary(geom) AS geom FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(view)
        )
        if bbox is None:
            return self._read(statement)
        west, south, east, north = map(float, bbox)
        box = sql.SQL(" WHERE ST_Intersects(geom, ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326))")
        return self._read(statement + box, west=west, south=south, east=east, north=north)

    def map(
        self, frame: gpd.GeoDataFrame, *, colour: str = "#c0392b", tooltip: list[str] | None = None, ground: bool = True
    ) -> folium.Map:
        """Draw a frame over the city's roads and water; a notebook shows the map, ``.save("map.html")`` keeps it.

        Parameters
        ----------
        frame
            Any frame with a CRS and at least one feature.
        colour
            A CSS colour, or the name of a column that holds one for each feature.
        tooltip
            Columns shown under the pointer; by default the first six.
        ground
            Whether roads and water are drawn underneath.
        """
        if frame.crs is None or frame.empty:
            raise InvalidInput("A map needs a frame with a CRS and at least one feature.", rows=len(frame))
        shown = _plain(frame.to_crs(4326))
        west, south, east, north = map(float, shown.total_bounds)
        drawn = _OfflineMap(location=[(south + north) / 2, (west + east) / 2], tiles=None, control_scale=True)
        if ground:
            margin = 0.3 * max(east - west, north - south, 0.005)
            around = (west - margin, south - margin, east + margin, north + margin)
            there = self.layers()
            for layer_id, shade in _GROUND:
                below = self.layer(layer_id, around)[["geometry"]] if layer_id in there else shown.iloc[:0]
                if not below.empty:
                    style = {"color": shade, "weight": 2, "fillColor": shade, "fillOpacity": 1, "interactive": False}
                    folium.GeoJson(below, name=layer_id, style_function=lambda _, style=style: style).add_to(drawn)
        fields = [str(name) for name in (tooltip or shown.columns.drop("geometry")[:6])]
        own = colour if colour in shown.columns else None
        folium.GeoJson(
            shown,
            style_function=lambda feature: _style(feature["properties"][own] if own else colour),
            marker=folium.CircleMarker(radius=5, fill=True),
            tooltip=folium.GeoJsonTooltip(fields) if fields else None,
        ).add_to(drawn)
        drawn.fit_bounds([[south, west], [north, east]])
        return drawn

    def _moment(self, given: Moment | None) -> datetime | None:
        if given is None:
            return None
        moment = pd.Timestamp(given)
        local = moment.tz_localize(self.timezone) if moment.tzinfo is None else moment
        return datetime.fromisoformat(local.isoformat())

    def _read(self, statement: str | sql.Composed, **values: Any) -> gpd.GeoDataFrame:
        asked = statement.encode() if isinstance(statement, str) else statement
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


def _style(colour: str) -> dict[str, Any]:
    return {"color": colour, "weight": 1.5, "fillColor": colour, "fillOpacity": 0.35}


def _plain(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Moments as text, which JSON has no other way to tell."""
    told = frame.copy()
    for name in told.select_dtypes(["datetime", "datetimetz"]).columns:
        told[name] = told[name].dt.strftime("%Y-%m-%d %H:%M").fillna("")
    return told.rename_geometry("geometry") if told.geometry.name != "geometry" else told


def _leaflet(name: str, media_type: str) -> str:
    """One of Leaflet's files as a data: address, its pictures included."""
    folder = files("js_lib_leaflet") / "static" / "js_lib_leaflet"
    content = (folder / name).read_bytes()
    if name.endswith(".css"):
        content = re.sub(
            rb"url\((images/[\w.-]+)\)",
            lambda found: (
                b"url(data:image/png;base64,%b)" % base64.b64encode(folder.joinpath(found[1].decode()).read_bytes())
            ),
            content,
        )
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


class _OfflineMap(folium.Map):
    """folium's map without its eight addresses on other people's hosts: Leaflet stands in the page itself."""

    _template = folium.Map._template

    def __init__(self, **options: Any) -> None:
        self.default_js = [("leaflet", _leaflet("leaflet.js", "text/javascript"))]
        self.default_css = [("leaflet_css", _leaflet("leaflet.css", "text/css"))]
        super().__init__(**options)
