"""In which system a file's coordinates are, and their way to WGS-84 degrees.

A file's own word is taken where it can be relied on. It cannot for WGS 84 inside China's rough box: data in GCJ-02
and BD-09 is written as "WGS 84" by every program, because neither has a name in any file format. There the system must
be declared, be it only by repeating ``WGS84``. A file that states nothing must have its system declared anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from gisops.coordinates import SHIFTED_BOX, to_wgs84, to_wgs84_array
from gisops.crs import ACCEPTED_CRS, parse_crs
from gisops.datum_shift import FloatArray
from gisops.errors import InvalidCoordinate
from gisops.loads.batches import Finding, Options
from gisops.loads.failures import CrsConflict, UndeclaredCrs
from gisops.loads.findings import found

# Systems that say nothing of whether the map vendors' shift is in the numbers.
_OPEN = {"EPSG:4326", "EPSG:3857"}
_CHINESE = "GCJ02", "BD09"
# Two frames that differ by some decimetres, which PROJ takes for one.
_ALIKE = {"EPSG:4326", "EPSG:4490"}


@dataclass(frozen=True)
class System:
    """A system coordinates are taken for: by a name that `gisops.coordinates` knows, or by a definition of its own.

    ``doubtful``: nobody declared it, and inside China it is not to be relied on.
    """

    name: str
    definition: CRS | None = None
    doubtful: bool = False

    @cached_property
    def _transformer(self) -> Transformer:
        return Transformer.from_crs(self.definition, 4326, always_xy=True)

    def to_degrees(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude of WGS-84 (degrees) for arrays in this system, x always the easting.

        Raises InvalidCoordinate with the first bad position in ``facts["index"]``, its kind SwappedCoordinate with
        ``facts["suggestion"]`` where the pair would be right the other way, and UndeclaredCrs.
        """
        if self.definition is None:
            try:
                lon, lat = to_wgs84_array(x, y, self.name)
            except InvalidCoordinate as error:
                index = error.facts.get("index")
                if index is None:
                    raise
                # One point at a time the same rule also knows what would be right.
                to_wgs84(float(x[index]), float(y[index]), self.name)
                raise
        else:
            lon, lat = self._by_definition(x, y)
        if self.doubtful:
            west, south, east, north = SHIFTED_BOX
            if bool(np.any((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))):
                raise UndeclaredCrs(
                    f"The coordinates lie in or near China and the file says only {self.name}: that is also what files "
                    "in GCJ-02 or BD-09 say. Declare what they are: WGS84, GCJ02, BD09, CGCS2000 or EPSG:<n>.",
                    file_crs=self.name,
                    accepted=list(ACCEPTED_CRS),
                )
        return lon, lat

    def _by_definition(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        try:
            lon, lat = self._transformer.transform(x, y)
            back_x, back_y = self._transformer.transform(lon, lat, direction="INVERSE")
        except ProjError as error:
            raise InvalidCoordinate(f"PROJ cannot convert from {self.name}: {error}", index=0) from error
        with np.errstate(invalid="ignore"):
            # PROJ wraps and clamps some nonsense into range; a true position leads back to where it came from.
            reach = 1e-6 * np.maximum(np.abs(x), np.abs(y)) + 1e-6
            good = (np.abs(back_x - x) <= reach) & (np.abs(back_y - y) <= reach) & (np.abs(lat) <= 90)
        if not good.all():
            index = int(np.flatnonzero(~good)[0])
            raise InvalidCoordinate(
                f"x {x[index]}, y {y[index]} is far outside of where the file's own system {self.name!r} holds",
                index=index,
                bad=int((~good).sum()),
            )
        return lon, lat


def flat(definition: CRS) -> CRS:
    """A system without its heights."""
    if definition.is_compound:
        return definition.sub_crs_list[0]
    return definition.to_2d() if len(definition.axis_info) > 2 else definition


def read_definition(text: str | None) -> CRS | None:
    """A file's own definition (WKT, authority code or PROJJSON), or None where it states none or nonsense."""
    if not text:
        return None
    try:
        definition = flat(CRS.from_user_input(text))
    except CRSError:
        return None
    if not (definition.is_geographic or definition.is_projected or definition.is_bound):
        return None
    return definition


def name_of(definition: CRS | None) -> str | None:
    """``EPSG:n`` where it is one, else the definition's own name."""
    if definition is None:
        return None
    if definition.equals(CRS.from_epsg(4326), ignore_axis_order=True):
        return "EPSG:4326"
    number = definition.to_epsg()
    return f"EPSG:{number}" if number else str(definition.name)


def choose(file_crs: CRS | None, options: Options, what: str, *, assumed: bool) -> tuple[System, list[Finding]]:
    """Choose the system of a file's coordinates from what it states and what was declared.

    ``assumed``: the file states WGS 84 only because its format knows nothing else (GeoJSON), so any declaration wins.
    Raises UndeclaredCrs, CrsConflict, and UnknownCrs for a declaration that names nothing.
    """
    stated = name_of(file_crs)
    if options.crs is None:
        if file_crs is None or stated is None:
            raise UndeclaredCrs(
                f"{what} does not say in which system its coordinates are; declare it: {', '.join(ACCEPTED_CRS)}.",
                accepted=list(ACCEPTED_CRS),
            )
        if stated.startswith("EPSG:"):
            parsed = parse_crs(stated)
            system = System(parsed.name, doubtful=stated in _OPEN)
        else:
            system = System(stated, file_crs)
        return system, [found(None, "crs_taken", now=stated, crs=stated)]
    declared = parse_crs(options.crs)
    system = System(declared.name)
    told = f"EPSG:{declared.epsg or 4326}" if declared.name not in _CHINESE else declared.name
    if stated is None or stated == told or assumed or _agree(told, stated):
        words = stated or "无 / nothing"
        return system, [found(None, "crs_declared", stated or "", declared.name, crs=declared.name, file=words)]
    if options.trust_declared:
        return system, [found(None, "crs_overridden", stated, declared.name, crs=declared.name, file=stated)]
    raise CrsConflict(
        f"{what} states {stated}, but {declared.name} was declared; leave the declaration out, or say that it is to be "
        "trusted more than the file.",
        file_crs=stated,
        declared=declared.name,
    )


def _agree(told: str, stated: str) -> bool:
    """No format has a name for GCJ-02 and BD-09, so a file in one of them states a system of true degrees."""
    return stated in _ALIKE and (told in _ALIKE or told in _CHINESE)
