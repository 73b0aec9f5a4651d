"""The city laid over a town, and its rows: areas, cells, people, zones, rosters, positions. A pure function."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from psycopg.types.range import Range
from shapely.geometry import MultiPolygon, Polygon, box

from gisops.codes import GRID_SCHEME
from gisops.sample.chance import chance
from gisops.sample.city import areas, people, rosters, special, zones
from gisops.sample.city.cells import codes, cut, faces
from gisops.sample.city.laid import Laid, Organisation, Person, Zone
from gisops.sample.city.mesh import Ints
from gisops.sample.sheet import Row, Sheet
from gisops.sample.town import Shapes, Town, to_hex

# The roster is the slowest table to load (it has an exclusion constraint): so many rows at most, about.
ROSTER_ROWS = 170_000
_FAR_M = 4000.0


class Counts(NamedTuple):
    """How many cells and people a town is worth."""

    cells: int
    staff: int


def counts(town: Town, most: Counts) -> Counts:
    """Cells and staff for a town: as many as ``most`` for a city, fewer for a small place.

    Four hundred cells and sixty people per built-up square kilometre, four cells and a person per other one; at least
    60 cells and 80 people.
    """
    area = shapely.area(town.blocks) / 1e6
    built = float((area * np.clip(town.urban, 0, 1)).sum())
    rest = float(area.sum()) - built
    cells, staff = 400 * built + 4 * rest, 60 * built + rest
    return Counts(int(np.clip(cells, 60, most.cells)), int(np.clip(staff, 80, most.staff)))


def lay(town: Town, seed: int, until: datetime, *, cells: int, staff: int) -> Laid:
    """Divide a town, cut its blocks into about ``cells`` grid cells, employ ``staff`` people and draw their zones.

    ``until`` (with a time zone) is the sample's "now". The same town, seed and moment give the same city. Raises
    ``ValueError`` for a moment without a zone.
    """
    if until.tzinfo is None:
        raise ValueError("the sample's moment needs a time zone")
    code = town.profile.district_code
    shapes, community, division = _cells(town, seed, cells)
    communities, streets = areas.named(division, shapes, community, code, chance(seed, "names"))
    order, cell_codes = codes(shapes, community, [area.code for area in communities])
    shapes, community = shapes[order], community[order]

    offices = people.offices(streets, communities, division.street.tolist())
    sizes = np.bincount(community, minlength=len(communities)).tolist()
    patrols = {area.organisation: float(size) for area, size in zip(communities, sizes, strict=True)}
    persons = people.employ(offices, staff, patrols)
    organisations = people.organisations(offices, persons)

    since = zones.in_force(until, ZoneInfo(town.profile.timezone))
    found = zones.of_cells(town, shapes, community, communities, division.street, streets, until, chance(seed, "zones"))
    found += special.of_things(town, shapes, community, division.street, streets, since, chance(seed, "special zones"))
    zones.assign(found, persons)
    return Laid(
        town,
        code,
        shapes,
        cell_codes,
        community,
        communities,
        division.street,
        streets,
        organisations,
        {o.code: o.organisation_id for o in organisations},
        persons,
        tuple(found),
    )


def _cells(town: Town, seed: int, count: int) -> tuple[Shapes, Ints, areas.Division]:
    found, worth = faces(town, count)
    division = areas.divide(town, found, worth, chance(seed, "areas"))
    worth = areas.capped(worth, division.community)
    shapes, face = cut(found, worth, division.community, chance(seed, "cells"))
    return shapes, division.community[face], division


def sheets(laid: Laid, seed: int, until: datetime) -> Iterator[Sheet]:
    """The rows of a laid city, table by table in the order in which they refer to each other."""
    zone = ZoneInfo(laid.town.profile.timezone)
    yield _organisations(laid.organisations)
    yield _staff(laid)
    yield from _areas(laid, seed, until)
    yield from _zones(laid, until, zone)
    yield rosters.shifts_sheet()
    yield rosters.sheet(laid.staff, laid.district_code, until, zone, ROSTER_ROWS)
    yield _positions(laid, until, zone, chance(seed, "positions"))


def _polygons(laid: Laid, shapes: Iterable[Any]) -> list[str]:
    """Survey metres -> EWKB of MultiPolygons; lines and points left over from cutting are dropped."""
    found = []
    for shape in shapes:
        parts = [p for p in shapely.get_parts(shape) if p.geom_type == "Polygon" and p.area > 0.5]
        found.append(MultiPolygon(parts))
    return to_hex(np.array([*found, None], dtype=object)[:-1], laid.town.profile.metric_srid)


def _organisations(organisations: Iterable[Organisation]) -> Sheet:
    organisations = tuple(organisations)
    ids = {o.code: o.organisation_id for o in organisations}
    rows = [
        (
            o.organisation_id,
            o.code,
            o.name_zh,
            o.name_en,
            o.kind,
            None if o.parent is None else ids[o.parent],
            o.code == people.DESK,
            None if o.lead is None else int(o.lead.removeprefix("S")),
            o.phone,
        )
        for o in organisations
    ]
    columns = "organisation_id code name_zh name_en kind parent_id is_duty_desk lead_staff_id phone"
    return Sheet("organisations", tuple(columns.split()), rows, len(rows))


def _staff(laid: Laid) -> Sheet:
    rows = [
        (
            p.staff_id,
            p.code,
            p.name,
            p.phone,
            laid.organisation_ids[p.organisation],
            p.post_zh,
            p.post_en,
            p.role,
            p.max_open,
        )
        for p in laid.staff
    ]
    columns = "staff_id code name phone organisation_id post_zh post_en role max_open"
    return Sheet("staff", tuple(columns.split()), rows, len(rows))


def _areas(laid: Laid, seed: int, until: datetime) -> Iterator[Sheet]:
    town, profile = laid.town, laid.town.profile
    note = f"{profile.note_en} {profile.note_zh}".strip()
    facts = {"seed": seed, "until": until.isoformat(), "note": note, "made_up": profile.made_up}
    if profile.attribution:
        facts["attribution"] = profile.attribution
    settings = json.dumps({"sample": {**facts, **town.facts}}, ensure_ascii=False)
    whole = shapely.coverage_union_all([street.shape for street in laid.streets])
    (outline,) = _polygons(laid, [whole])
    columns = "code name_zh name_en geom metric_srid timezone category_scheme grid_code_scheme settings"
    names = profile.city_zh, profile.city_en
    city = (profile.city_code, *names, outline, profile.metric_srid, profile.timezone, zones.SCHEME, GRID_SCHEME)
    yield Sheet("city", tuple(columns.split()), [(*city, settings)], 1)

    around = _neighbours(laid, whole)
    geoms = _polygons(laid, [shape for *_, shape in around])
    rows: list[Row] = [(*area[:3], geom) for area, geom in zip(around, geoms, strict=True)]
    yield Sheet("neighbours", ("code", "name_zh", "name_en", "geom"), rows, len(rows))

    district = laid.district_code
    rows = [
        (1, profile.city_code, None, *names, None, outline),
        (2, district, profile.city_code, profile.district_zh, profile.district_en, None, outline),
    ]
    for level, found in ((3, laid.streets), (4, laid.communities)):
        for area, geom in zip(found, _polygons(laid, [a.shape for a in found]), strict=True):
            office = laid.organisation_ids[area.organisation]
            rows.append((level, area.code, area.code[:-3], area.name_zh, area.name_en, office, geom))
    columns = "level code parent_code name_zh name_en organisation_id geom"
    yield Sheet("admin_areas", tuple(columns.split()), rows, len(rows))

    cell_geoms = to_hex(laid.cell_shapes, profile.metric_srid)
    rows = [
        (code, GRID_SCHEME, district, code[:9], code[:12], geom)
        for code, geom in zip(laid.cell_codes, cell_geoms, strict=True)
    ]
    columns = "code code_scheme district street_code community_code geom"
    yield Sheet("grid_cells", tuple(columns.split()), rows, len(rows))


def _neighbours(laid: Laid, whole: Any) -> list[tuple[str, str, str, Any]]:
    """The areas around, as far as four kilometres: the ring round the city in four quarters."""
    west, south, east, north = whole.bounds
    x, y = (west + east) / 2, (south + north) / 2
    reach = 2 * max(east - west, north - south) + 2 * _FAR_M
    frame = box(west - _FAR_M, south - _FAR_M, east + _FAR_M, north + _FAR_M)
    corners = [(x - reach, y + reach), (x + reach, y + reach), (x + reach, y - reach), (x - reach, y - reach)]
    sides = (("北邻区", "Northern"), ("东邻区", "Eastern"), ("南邻区", "Southern"), ("西邻区", "Western"))
    found = []
    for n, (zh, en) in enumerate(sides):
        wedge = Polygon([(x, y), corners[n], corners[(n + 1) % 4]])
        shape = shapely.difference(shapely.intersection(wedge, frame), whole, grid_size=0.01)
        code = f"{laid.district_code[:4]}{int(laid.district_code[4:]) + n + 1:02d}"
        found.append((code, f"样例{zh}", f"Sample {en} Neighbour", shape))
    return found


def _zones(laid: Laid, until: datetime, zone: ZoneInfo) -> Iterator[Sheet]:
    since = zones.in_force(until, zone)
    set_id = {code: n for n, (code, *_) in enumerate(zones.SETS, 1)}
    rows: list[Row] = [
        (
            set_id[code],
            code,
            zh,
            en,
            purpose,
            *(("published", Range(since, None)) if public else ("draft", Range(empty=True))),
        )
        for code, zh, en, purpose, public in zones.SETS
    ]
    columns = "zone_set_id code name_zh name_en purpose status valid"
    yield Sheet("zone_sets", tuple(columns.split()), rows, len(rows))

    rows, assigned = [], []
    ids = laid.organisation_ids
    for n, (z, geom) in enumerate(zip(laid.zones, _polygons(laid, [z.area for z in laid.zones]), strict=True), 1):
        valid = Range(z.since, z.until)
        head = n, set_id[z.zone_set], z.code, z.name_zh, z.name_en, z.kind, ids[z.organisation]
        rows.append((*head, zones.patterns(z.scope), z.priority, geom, valid))
        assigned += [(n, staff_id, role, valid) for staff_id, role in z.assigned]
    columns = "zone_id zone_set_id code name_zh name_en kind organisation_id scope priority geom valid"
    yield Sheet("zones", tuple(columns.split()), rows, len(rows))
    yield Sheet("zone_staff", ("zone_id", "staff_id", "role", "valid"), assigned, len(assigned))

    held = Range(since, None)
    rows = [(code, zones.patterns(scope), ids[who], 50, note, held) for code, scope, who, note in zones.RULES]
    columns = "code scope organisation_id priority note valid"
    yield Sheet("dispatch_rules", tuple(columns.split()), rows, len(rows))

    shared = zones.agreements(laid)
    geoms = _polygons(laid, [shape for *_, shape in shared])
    rows = [
        (code, name, zones.patterns(scope), ids[who], text, geom, held)
        for (code, name, scope, who, text, _), geom in zip(shared, geoms, strict=True)
    ]
    columns = "code name_zh scope organisation_id agreement geom valid"
    yield Sheet("co_ownership_areas", tuple(columns.split()), rows, len(rows))


def _positions(laid: Laid, until: datetime, zone: ZoneInfo, rng: np.random.Generator) -> Sheet:
    """Where those who are out on duty were seen: most of them in a zone of theirs, a few elsewhere."""
    beats: dict[int, list[Zone]] = {}
    for z in laid.zones:
        if z.zone_set != "DUTY-DRAFT" and z.until is None:
            for staff_id, role in z.assigned:
                if role != "leader":
                    beats.setdefault(staff_id, []).append(z)
    # Drawn for everybody, so that who is on duty does not change where the others stand.
    draws = rng.random((len(laid.staff), 6))
    seen: list[tuple[Person, Any, Any]] = []
    for person, draw in zip(laid.staff, draws, strict=True):
        own = beats.get(person.staff_id)
        if own and draw[0] < 0.9 and rosters.works_at(person, until, zone):
            middle = shapely.point_on_surface(own[int(draw[1] * len(own))].area)
            # One in twelve is on an errand elsewhere.
            far = 900.0 if draw[2] < 1 / 12 else 25.0
            at = shapely.Point(middle.x + far * (2 * draw[3] - 1), middle.y + far * (2 * draw[4] - 1))
            seen.append((person, at, round(4 + 12 * float(draw[5]), 1)))
    points = np.array([*(at for _, at, _ in seen), None], dtype=object)[:-1]
    rows = [
        (laid.district_code, person.staff_id, until, accuracy, geom)
        for (person, _, accuracy), geom in zip(seen, to_hex(points, laid.town.profile.metric_srid), strict=True)
    ]
    columns = ("district_code", "staff_id", "captured_at", "accuracy_m", "geom")
    return Sheet("last_positions", columns, rows, len(rows))
