"""The drawn district as rows: one sheet per table, ready to be copied. A pure function of seed and moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from psycopg.types.range import Range
from shapely.geometry import MultiLineString, MultiPolygon

from gisops.codes import GRID_SCHEME
from gisops.sample.chance import chance, key
from gisops.sample.district import people, plan
from gisops.sample.district.buildings import Building, draw_buildings
from gisops.sample.district.ground import Ground, draw_ground
from gisops.sample.district.parts import Part, draw_parts
from gisops.sample.district.people import ORGANISATION_ID, Staff, draw_rosters, draw_staff, works_at
from gisops.sample.district.places import draw_flood_points, draw_households, draw_party_sites, draw_places
from gisops.sample.district.shapes import to_degrees
from gisops.sample.district.zones import CO_OWNERSHIP, IN_FORCE, RULES, SCHEME, SET_ID, SETS, Zone, draw_zones, patterns
from gisops.sample.part_kind import CODE_SCHEME
from gisops.sample.posts import POSTS
from gisops.sample.sheet import Row, Sheet

DISTRICT = plan.DISTRICT_CODE


def draw(seed: int, until: datetime) -> tuple[Sheet, ...]:
    """Draw the whole sample district, in the order in which its tables refer to each other.

    ``until`` (with a time zone) is "now": rosters run from 30 days before it to 60 after, officers were seen at it.
    The same seed and moment give the same rows, to the last byte. Raises ``ValueError`` for a moment without a zone.
    """
    if until.tzinfo is None:
        raise ValueError("the sample's moment needs a time zone")
    ground = draw_ground(chance(seed, "ground"))
    buildings = draw_buildings(ground, chance(seed, "buildings"))
    staff = draw_staff()
    zones = draw_zones(ground, staff)
    parts = draw_parts(ground, chance(seed, "parts"))
    return (
        _organisations(staff),
        _staff(staff),
        *_areas(ground, seed, until),
        *_zones(zones),
        Sheet("shifts", ("code", "name_zh", "name_en", "starts", "ends"), list(people.SHIFTS)),
        Sheet(
            "rosters",
            ("district_code", "staff_id", "on_duty", "shift_code"),
            [(DISTRICT, s.staff_id, Range(a, b), shift) for s, shift, a, b in draw_rosters(staff, until)],
        ),
        _parts(ground, parts, seed),
        *_spots(ground, buildings, seed),
        *_themes(ground, buildings),
        _positions(zones, staff, until, chance(seed, "positions")),
    )


def _hex(geometries: Iterable[Any]) -> list[str]:
    """Local metres -> EWKB, SRID 4326."""
    array = np.array([*geometries, None], dtype=object)[:-1]
    return list(shapely.to_wkb(to_degrees(array), hex=True, include_srid=True))


def _polygons(geometries: Iterable[Any]) -> list[str]:
    return _hex(g if g.geom_type == "MultiPolygon" else MultiPolygon([g]) for g in geometries)


def _organisation(code: str | None) -> int | None:
    return None if code is None else ORGANISATION_ID[code]


def _organisations(staff: Sequence[Staff]) -> Sheet:
    leads = {s.organisation: s.staff_id for s in reversed(staff)}
    rows = [
        (
            ORGANISATION_ID[o.code],
            o.code,
            o.name_zh,
            o.name_en,
            o.kind,
            _organisation(o.parent),
            o.code == people.DESK,
            leads[o.code] if o.has_lead else None,
            f"000-0900-{ORGANISATION_ID[o.code]:04d}",
        )
        for o in people.ORGANISATIONS
    ]
    columns = "organisation_id code name_zh name_en kind parent_id is_duty_desk lead_staff_id phone"
    return Sheet("organisations", tuple(columns.split()), rows)


def _staff(staff: Sequence[Staff]) -> Sheet:
    rows = [
        (s.staff_id, s.code, s.name, s.phone, ORGANISATION_ID[s.organisation], *POSTS[s.post], s.max_open)
        for s in staff
    ]
    columns = "staff_id code name phone organisation_id post_zh post_en role max_open"
    return Sheet("staff", tuple(columns.split()), rows)


def _areas(ground: Ground, seed: int, until: datetime) -> tuple[Sheet, ...]:
    note = "Drawn by hand: no such city exists. 手绘样例，并非真实城市。"
    settings = json.dumps({"sample": {"seed": seed, "until": until.isoformat(), "note": note}}, ensure_ascii=False)
    (outline,) = _polygons([ground.city])
    city = Sheet(
        "city",
        ("code", "name_zh", "name_en", "geom", "metric_srid", "category_scheme", "grid_code_scheme", "settings"),
        [(plan.CITY_CODE, "样例市", "Sample City", outline, plan.METRIC_SRID, SCHEME, GRID_SCHEME, settings)],
    )
    around = [
        (code, zh, en, geom)
        for (code, zh, en, _), geom in zip(plan.NEIGHBOURS, _polygons(ground.neighbours), strict=True)
    ]
    areas: list[Row] = [
        (1, plan.CITY_CODE, None, "样例市", "Sample City", None, outline),
        # The district names nobody: what no street holds, the reclaimed land, is for the duty desk.
        (2, DISTRICT, plan.CITY_CODE, "样例区", "Sample District", None, outline),
    ]
    for (code, zh, en, office), geom in zip(plan.STREET_AREAS, _polygons(ground.streets), strict=True):
        areas.append((3, DISTRICT + code, DISTRICT, zh, en, _organisation(office), geom))
    for c, geom in zip(plan.COMMUNITIES, _polygons(ground.communities), strict=True):
        parent = DISTRICT + c.street
        areas.append((4, parent + c.code, parent, c.name_zh, c.name_en, _organisation(c.organisation), geom))
    cells = [
        (cell.code, GRID_SCHEME, DISTRICT, cell.code[:9], cell.code[:12], geom)
        for cell, geom in zip(ground.cells, _hex(c.polygon for c in ground.cells), strict=True)
    ]
    return (
        city,
        Sheet("neighbours", ("code", "name_zh", "name_en", "geom"), around),
        Sheet("admin_areas", ("level", "code", "parent_code", "name_zh", "name_en", "organisation_id", "geom"), areas),
        Sheet("grid_cells", ("code", "code_scheme", "district", "street_code", "community_code", "geom"), cells),
    )


def _zones(zones: Sequence[Zone]) -> tuple[Sheet, ...]:
    sets = [
        (
            SET_ID[code],
            code,
            zh,
            en,
            purpose,
            "published" if public else "draft",
            Range(IN_FORCE, None) if public else Range(empty=True),
        )
        for code, zh, en, purpose, public in SETS
    ]
    rows, assignments = [], []
    for n, (z, geom) in enumerate(zip(zones, _polygons(z.area for z in zones), strict=True), 1):
        valid = Range(z.since, z.until)
        rows.append(
            (
                n,
                SET_ID[z.zone_set],
                z.code,
                z.name_zh,
                z.name_en,
                z.kind,
                ORGANISATION_ID[z.organisation],
                patterns(z.scope),
                z.priority,
                geom,
                valid,
            )
        )
        assignments += [(n, person.staff_id, role, valid) for person, role in z.assigned]
    zone_columns = "zone_id zone_set_id code name_zh name_en kind organisation_id scope priority geom valid"
    rules = [
        (code, patterns(scope), ORGANISATION_ID[who], 50, note, Range(IN_FORCE, None))
        for code, scope, who, note in RULES
    ]
    shared = [
        (code, name, patterns(scope), ORGANISATION_ID[who], agreement, geom, Range(IN_FORCE, None))
        for (code, name, scope, who, agreement, _), geom in zip(
            CO_OWNERSHIP, _polygons(c[-1] for c in CO_OWNERSHIP), strict=True
        )
    ]
    return (
        Sheet("zone_sets", ("zone_set_id", "code", "name_zh", "name_en", "purpose", "status", "valid"), sets),
        Sheet("zones", tuple(zone_columns.split()), rows),
        Sheet("zone_staff", ("zone_id", "staff_id", "role", "valid"), assignments),
        Sheet("dispatch_rules", ("code", "scope", "organisation_id", "priority", "note", "valid"), rules),
        Sheet(
            "co_ownership_areas", ("code", "name_zh", "scope", "organisation_id", "agreement", "geom", "valid"), shared
        ),
    )


def _parts(ground: Ground, parts: Sequence[Part], seed: int) -> Sheet:
    tree = shapely.STRtree([c.polygon for c in ground.cells])
    nearest = tree.nearest(np.array([p.point for p in parts], dtype=object))
    rows = [
        (
            DISTRICT,
            key(seed, "part", n, IN_FORCE),
            p.code,
            CODE_SCHEME,
            p.kind.category,
            p.kind.name_zh,
            _organisation(p.kind.supervising),
            _organisation(p.kind.owner),
            _organisation(p.kind.maintainer),
            ground.cells[int(cell)].code,
            p.state,
            p.kind.position_class,
            "样例",
            geom,
            Range(p.since, p.until),
        )
        for n, (p, cell, geom) in enumerate(zip(parts, nearest, _hex(p.shape for p in parts), strict=True))
    ]
    columns = (
        "district_code part_id code code_scheme category_id name_zh supervising_organisation_id owner_organisation_id "
        "maintainer_organisation_id grid_cell_code state position_class source geom valid"
    )
    return Sheet("parts", tuple(columns.split()), rows)


def _spots(ground: Ground, buildings: tuple[Building, ...], seed: int) -> tuple[Sheet, ...]:
    places = draw_places(ground, buildings, chance(seed, "places"))
    sites = draw_party_sites(ground, chance(seed, "party sites"))
    floods = draw_flood_points(ground, chance(seed, "flood points"))
    homes = draw_households(buildings, chance(seed, "households"))
    place_rows = [
        (
            DISTRICT,
            key(seed, "place", n, IN_FORCE),
            s.code,
            s.kind,
            s.name_zh,
            s.extra[0],
            _organisation(s.organisation),
            *s.extra[1:],
            geom,
        )
        for n, (s, geom) in enumerate(zip(places, _hex(s.point for s in places), strict=True))
    ]
    site_rows = [
        (s.code, s.name_zh, s.name_en, s.kind, _organisation(s.organisation), *s.extra, geom)
        for s, geom in zip(sites, _hex(s.point for s in sites), strict=True)
    ]
    flood_rows = [
        (s.code, s.name_zh, s.name_en, s.kind, s.extra[0], _organisation(s.organisation), s.extra[1], geom)
        for s, geom in zip(floods, _hex(s.point for s in floods), strict=True)
    ]
    home_rows = [
        (DISTRICT, key(seed, "household", n, IN_FORCE), s.code, s.name_zh, *s.extra, geom)
        for n, (s, geom) in enumerate(zip(homes, _hex(s.point for s in homes), strict=True))
    ]
    columns = {
        "places": "district_code place_id code kind name_zh address_zh organisation_id responsible_person phone geom",
        "party_sites": "code name_zh name_en kind organisation_id members contact_person phone geom",
        "flood_points": "code name_zh name_en kind risk organisation_id duty_post_zh geom",
        "relief_households": (
            "district_code household_id code householder phone persons cause_zh measure_zh helper_post_zh geom"
        ),
    }
    filled = (place_rows, site_rows, flood_rows, home_rows)
    return tuple(Sheet(t, tuple(c.split()), list(r)) for (t, c), r in zip(columns.items(), filled, strict=True))


_USES = {
    "residential": "住宅",
    "commercial": "商铺",
    "office": "写字楼",
    "industrial": "厂房",
    "school": "学校",
    "market": "市场",
    "depot": "停保场",
}


def _themes(ground: Ground, buildings: tuple[Building, ...]) -> tuple[Sheet, ...]:
    lines = _hex(
        g if g.geom_type == "MultiLineString" else MultiLineString([g]) for g in (r.line for r in ground.roads)
    )
    roads = [(r.code, r.name_zh, r.name_en, r.road_class, geom) for r, geom in zip(ground.roads, lines, strict=True)]
    waters = (
        ("RV01", "样例河", "Sample River", "river", "街道级河长", "RIVER", ground.river),
        ("RV02", "样例东涌", "Sample East Creek", "canal", "社区级河长", "STREET-3", ground.branch),
        ("RV03", "样例公园湖", "Sample Park Pond", "pond", "", "PARKS", ground.pond),
        ("RV04", "样例海湾", "Sample Bay", "sea", "", None, ground.sea),
    )
    rivers = [
        (code, zh, en, kind, chief, _organisation(who), geom)
        for (code, zh, en, kind, chief, who, _), geom in zip(waters, _polygons(w[-1] for w in waters), strict=True)
    ]
    houses = [
        (b.code, f"样例{_USES[b.use]}{b.code[1:]}", b.use, b.floors, b.height_m, b.households, b.residents, geom)
        for b, geom in zip(buildings, _polygons(b.polygon for b in buildings), strict=True)
    ]
    return (
        Sheet("roads", ("code", "name_zh", "name_en", "class", "geom"), roads),
        Sheet("rivers", ("code", "name_zh", "name_en", "class", "chief_post_zh", "organisation_id", "geom"), rivers),
        Sheet("buildings", ("code", "name_zh", "use", "floors", "height_m", "households", "residents", "geom"), houses),
    )


def _positions(zones: Sequence[Zone], staff: Sequence[Staff], until: datetime, rng: np.random.Generator) -> Sheet:
    """Where those who are out on duty were seen: in a zone of theirs, a few steps from its middle."""
    seen: list[tuple[Staff, float, Any]] = []
    for person in staff:
        # Drawn for everybody, so that who is on duty does not change where the others stand.
        accuracy, dx, dy, phone = (
            round(float(rng.uniform(4, 16)), 1),
            rng.uniform(-15, 15),
            rng.uniform(-15, 15),
            rng.random(),
        )
        beat = [
            z
            for z in zones
            if z.zone_set != "DUTY-DRAFT" and any(p is person and role != "leader" for p, role in z.assigned)
        ]
        if beat and works_at(person, until) and phone < 0.85:
            middle = beat[0].area.representative_point()
            seen.append((person, accuracy, shapely.Point(middle.x + dx, middle.y + dy)))
    rows = [
        (DISTRICT, person.staff_id, until, accuracy, geom)
        for (person, accuracy, _), geom in zip(seen, _hex(p for *_, p in seen), strict=True)
    ]
    return Sheet("last_positions", ("district_code", "staff_id", "captured_at", "accuracy_m", "geom"), rows)
