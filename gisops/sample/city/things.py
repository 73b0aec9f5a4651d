"""What stands in a city and lies under it, as rows: everything that is laid over a town but areas, zones and people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gisops.sample.city.devices import device_sheets
from gisops.sample.city.fronts import read_fronts
from gisops.sample.city.ground import ground_sheets
from gisops.sample.city.laid import Laid
from gisops.sample.city.parts import parts_sheet
from gisops.sample.city.pipes import pipes_sheet
from gisops.sample.city.places import places_sheet
from gisops.sample.city.streets import read_streets
from gisops.sample.city.themes import theme_sheets
from gisops.sample.sheet import Sheet

# The number of places at which a town has as many cameras, sites and vehicles as a whole city.
WHOLE_CITY_PLACES = 10_000


def things(laid: Laid, seed: int, until: datetime, *, parts: int, places: int) -> Iterator[Sheet]:
    """Draw roads, waters, buildings, green, parts, pipes, places, themes, cameras, sensors and vehicles.

    ``parts`` and ``places`` are how many there shall be; a town with less room gets fewer. ``until`` (with a time
    zone) is the sample's "now": readings and positions are of its last minutes, records of the years before. The
    same town, seed and moment give the same rows. Each sheet's rows can be read once. Raises ``ValueError`` for a
    moment without a zone.
    """
    if until.tzinfo is None:
        raise ValueError("the sample's moment needs a time zone")
    streets = read_streets(laid.town)
    fronts = read_fronts(laid.town, streets)
    share = min(1.0, max(0.02, places / WHOLE_CITY_PLACES))
    yield from ground_sheets(laid)
    yield pipes_sheet(laid, streets, seed, until.year)
    yield parts_sheet(laid, streets, seed, until, parts)
    yield places_sheet(laid, fronts, seed, until, places)
    yield from theme_sheets(laid, streets, fronts, seed, until, share)
    yield from device_sheets(laid, streets, fronts, seed, until, share)
