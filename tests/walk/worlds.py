"""Random small cities, random reports in them, and how they get into the database.

A world is a function of its seed. It is nastier than a real city on purpose: shapes that are equal, codes that repeat
in two sets, gaps, holes, people assigned to others' zones, parts nobody owns, rows not yet or no longer valid.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

import numpy as np
import psycopg
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from gisops.db.copying import copy_rows
from tests.walk.oracle import (
    ALWAYS,
    AdminArea,
    Category,
    Cell,
    City,
    CoOwnershipArea,
    Input,
    LastPosition,
    Neighbour,
    Organisation,
    Part,
    Place,
    Plane,
    Roster,
    Rule,
    Span,
    Staff,
    World,
    Zone,
    ZoneSet,
    ZoneStaff,
)

Key = TypeVar("Key")

LOCAL = timezone(timedelta(hours=8))
CHANGE = datetime(2026, 3, 1, tzinfo=LOCAL)
MOMENTS = (
    datetime(2026, 2, 28, 10, 0, tzinfo=LOCAL),
    CHANGE - timedelta(microseconds=1),
    CHANGE,
    datetime(2026, 3, 2, 8, 0, tzinfo=LOCAL),
    datetime(2026, 3, 2, 14, 10, tzinfo=LOCAL),
)
BEFORE, AFTER = Span(None, CHANGE), Span(CHANGE, None)
ACCURACIES = (0, 3, 5, 8, 12, 20, 30, 60, 150, 250)
CENTRE = Plane(120.2, 30.3)
SIZE = 16  # cells a side
STEP_M = 190.0
DISTRICTS = ("900101", "900102")


def _polygonal(geom: BaseGeometry) -> MultiPolygon:
    """What a zone's column holds: a valid MultiPolygon."""
    return geom if isinstance(geom, MultiPolygon) else MultiPolygon([geom])


@dataclass
class Builder:
    """Draws one world; every ``add_…`` reads what those before it have drawn."""

    seed: int
    rng: np.random.Generator = field(init=False)
    # What the cases aim at, gathered while drawing.
    corners: list[tuple[float, float]] = field(default_factory=list)
    edges: list[tuple[tuple[float, float], tuple[float, float]]] = field(default_factory=list)
    gaps: list[BaseGeometry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    # ---- small draws

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, things: Any) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def degrees(self, xy: Any) -> Any:
        """Metres from the centre to degrees."""
        return np.asarray(xy, dtype=float) / CENTRE.metres_per_degree + (CENTRE.lon, CENTRE.lat)

    def spot(self) -> Any:
        return self.rng.uniform(-SIZE / 2 * STEP_M, SIZE / 2 * STEP_M, 2)

    def in_degrees(self, geom: BaseGeometry) -> BaseGeometry:
        return shapely.transform(geom, self.degrees)

    def star(self, middle: Any, low_m: float, high_m: float, corners: int = 9) -> Polygon:
        turns = np.sort(self.rng.uniform(0, 2 * np.pi, corners - 3))
        # Three fixed directions keep the middle inside.
        turns = np.sort(np.concatenate([turns, [0.1, 2.2, 4.3]]))
        radii = self.rng.uniform(low_m, high_m, corners)
        return Polygon(middle + np.column_stack([np.cos(turns), np.sin(turns)]) * radii[:, None])

    def span(self) -> Span:
        draw = self.rng.random()
        return BEFORE if draw < 0.07 else AFTER if draw < 0.14 else ALWAYS

    # ---- the ground

    def draw(self) -> World:
        self.add_ground()
        self.add_categories()
        self.add_organisations()
        self.add_admin_areas()
        self.add_zones()
        self.add_parts()
        self.add_rules_and_agreements()
        self.add_people()
        return World(
            city=self.city,
            neighbours=self.neighbours,
            admin_areas=self.admin_areas,
            cells=self.cells,
            categories=self.categories,
            organisations=self.organisations,
            staff=self.staff,
            zone_sets=self.zone_sets,
            zones=self.zones,
            zone_staff=self.zone_staff,
            rules=self.rules,
            co_ownership_areas=self.agreements,
            parts=self.parts,
            places=self.places,
            rosters=self.rosters,
            last_positions=self.last_positions,
            open_load=self.open_load,
        )

    def add_ground(self) -> None:
        """A perturbed lattice: neighbours share their corners to the last bit."""
        line = (np.arange(SIZE + 1) - SIZE / 2) * STEP_M
        xy = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
        at = self.degrees(xy + self.rng.uniform(-0.24, 0.24, xy.shape) * STEP_M)
        # Some straight stretches as well: real blocks are often rectangles.
        at[:, 4] = self.degrees(xy[:, 4])
        at[9, :] = self.degrees(xy[9, :])
        self.lattice = at

        def quad(i: int, j: int) -> Polygon:
            return Polygon([at[i, j], at[i + 1, j], at[i + 1, j + 1], at[i, j + 1]])

        self.quads = {(i, j): quad(i, j) for i in range(SIZE) for j in range(SIZE)}
        places = list(self.quads)
        self.rng.shuffle(places)
        inner = [tuple(p) for p in places if 0 < p[0] < SIZE - 1 and 0 < p[1] < SIZE - 1]
        self.no_man = set(inner[:3])  # in the city, in no district
        self.no_cell = self.no_man | set(inner[3:9])  # in no grid cell
        city_hole = (int(inner[9][0]), int(inner[9][1]))
        renamed, doubled = set(inner[10:16]), set(inner[16:18])
        self.quads.pop(city_hole)

        self.cells = []
        for n, ((i, j), shape) in enumerate(sorted(self.quads.items())):
            if (i, j) in self.no_cell:
                self.gaps.append(shape)
                continue
            district, street, community = self.codes_of(i, j)
            code = f"{community}{n:03d}"
            self.corners += [tuple(c) for c in shape.exterior.coords[:-1]]
            ring = list(shape.exterior.coords)
            self.edges += list(itertools.pairwise(ring))
            if (i, j) in renamed:
                self.cells.append(Cell(code, district, street, community, shape, BEFORE))
                self.cells.append(Cell(f"{community}{500 + n:03d}", district, street, community, shape, AFTER))
            else:
                self.cells.append(Cell(code, district, street, community, shape))
            if (i, j) in doubled:
                self.cells.append(Cell(f"{community}{700 + n:03d}", district, street, community, shape))

        exclave = self.in_degrees(self.star(np.array([SIZE / 2 * STEP_M + 700, 0]), 80, 160))
        self.city = City(_polygonal(shapely.union_all([*self.quads.values(), exclave])))
        self.gaps += [
            exclave,
            Polygon(self.city.geom.geoms[0].interiors[0]) if self.city.geom.geoms[0].interiors else exclave,
        ]
        half, far = SIZE / 2 * STEP_M, SIZE * STEP_M
        west = self.in_degrees(shapely.box(-far, -far, -half - 60, far))
        self.neighbours = [
            Neighbour("900200", _polygonal(west)),
            Neighbour("900190", _polygonal(west)),
            Neighbour("900300", _polygonal(self.in_degrees(shapely.box(-half, half + 60, far, far)))),
            Neighbour("900400", _polygonal(self.in_degrees(self.star(np.array([0, -half - 900]), 300, 700)))),
        ]

    def codes_of(self, i: int, j: int) -> tuple[str, str, str]:
        district = DISTRICTS[i * 2 // SIZE]
        street = f"{district}{(i * 4 // SIZE) % 2 * 4 + j * 4 // SIZE + 1:03d}"
        return district, street, f"{street}{(i * 8 // SIZE) % 2 * 2 + (j * 8 // SIZE) % 2 + 1:03d}"

    def add_categories(self) -> None:
        # A scheme may hold a colon, and two schemes use the same numbers.
        patterns = [
            (scheme, kind, major, minor)
            for scheme in ("W/T 1-2026", "W:2")
            for kind in "PE"
            for major in ("01", "02")
            for minor in ("01", "02", "003")
        ]
        parts = [f"{s}:{k}{a}-{i}" for s, k, a, i in patterns if k == "P"]
        self.categories = []
        for scheme, kind, major, minor in patterns:
            code, group = f"{scheme}:{kind}{major}-{minor}", f"{scheme}:P{major}-"
            scope: dict[str, int] = {}
            if kind == "P":
                scope = {p: 2 for p in parts if p.startswith(group) and self.chance(0.7)} | {code: 1}
            elif minor == "003":
                scope = {p: 1 + int(self.chance(0.5)) for p in parts if self.chance(0.5)}
            self.categories.append(Category(scheme, kind, major, minor, bool(scope), scope))

    def scope(self) -> tuple[str, ...]:
        c = self.pick(self.categories)
        by_kind = f"{c.scheme}:{c.kind}"
        draw = self.rng.random()
        if draw < 0.4:
            return ()
        if draw < 0.85:
            return (self.pick([by_kind, by_kind + c.major, c.pattern]),)
        d = self.pick(self.categories)
        return (by_kind, by_kind + c.major, d.pattern)

    def add_organisations(self) -> None:
        self.tree: dict[str, str | None] = {"O00": None}
        for n in range(1, 9):
            self.tree[f"O{n:02d}"] = "O00"  # bureaus and streets
        for n in range(10, 18):
            self.tree[f"O{n}"] = f"O{n - 9:02d}"
        for n in range(20, 26):
            self.tree[f"O{n}"] = f"O{n - 10}"
        for n in range(30, 33):
            self.tree[f"O{n}"] = f"O{n - 10}"
        self.tree |= {"O40": "O30", "O50": None, "O99": None}
        self.answerable = [o for o in self.tree if o != "O99"]

    def organisation(self, nobody: float = 0.0) -> str | None:
        return None if self.chance(nobody) else self.pick(self.answerable)

    def add_admin_areas(self) -> None:
        groups: dict[tuple[int, str], list[Polygon]] = {}
        for (i, j), shape in self.quads.items():
            if (i, j) not in self.no_man:
                for level, code in zip((2, 3, 4), self.codes_of(i, j), strict=True):
                    groups.setdefault((level, code), []).append(shape)
        self.admin_areas = [AdminArea(1, "900100", self.city.geom)]
        for (level, code), shapes in sorted(groups.items()):
            geom = _polygonal(shapely.union_all(shapes))
            # The second district has no organisation and its streets seldom: there the duty desk is reached.
            poor = code.startswith(DISTRICTS[1])
            nobody = {2: float(poor), 3: 0.8 if poor else 0.4, 4: 0.8 if poor else 0.4}[level]
            if self.chance(0.2):
                self.admin_areas.append(AdminArea(level, code, geom, self.organisation(nobody), BEFORE))
                self.admin_areas.append(AdminArea(level, code, geom, self.organisation(nobody), AFTER))
            else:
                self.admin_areas.append(AdminArea(level, code, geom, self.organisation(nobody)))

    # ---- zones

    def add_zones(self) -> None:
        self.zone_sets = [
            ZoneSet("S-main"),
            ZoneSet("S-more"),
            ZoneSet("S-winter", BEFORE, "closed"),
            ZoneSet("S-spring", AFTER),
            ZoneSet("S-draft", Span(empty=True), "draft"),
        ]
        self.zones: list[Zone] = []
        blocks: dict[str, list[Polygon]] = {}
        for (i, j), shape in self.quads.items():
            if (i, j) not in self.no_cell:
                blocks.setdefault(self.codes_of(i, j)[2], []).append(shape)
        for n, shapes in enumerate(blocks.values()):
            area = shapely.union_all(shapes)
            if self.chance(0.2):
                self.gaps.append(area)
                continue
            scope = () if self.chance(0.6) else self.scope()
            self.zone(f"T{n:03d}", area, "territory", "S-main", scope=scope, span=ALWAYS)
        for n in range(24):  # duty zones: blocks of cells, sharing edges with the territories
            i, j = (int(v) for v in self.rng.integers(0, SIZE - 3, 2))
            w, h = (int(v) for v in self.rng.integers(1, 4, 2))
            block = [self.quads[k] for k in self.quads if i <= k[0] < i + w and j <= k[1] < j + h]
            self.zone(f"D{n:03d}", shapely.union_all(block), "duty")
        for n in range(12):  # corridors: along roads
            points = np.cumsum(np.vstack([self.spot(), self.rng.uniform(-500, 500, (4, 2))]), axis=0)
            wide = LineString(points).buffer(self.pick([6, 12, 25]), cap_style="flat", join_style="mitre")
            self.zone(f"C{n:03d}", self.in_degrees(shapely.make_valid(wide)), "corridor")
        for n in range(22):
            self.zone(f"L{n:03d}", self.in_degrees(self.star(self.spot(), 25, 170)), "site")
        for n in range(6):  # lakes with an island that belongs to somebody else
            middle = self.spot()
            shore, island = self.star(middle, 120, 260, 14), self.star(middle, 20, 70)
            self.zone(f"W{n:03d}", self.in_degrees(shore.difference(island)), "water")
            self.gaps.append(self.in_degrees(island))
        for n in range(8):
            two = shapely.union_all([self.star(self.spot(), 40, 120), self.star(self.spot(), 40, 120)])
            self.zone(f"X{n:03d}", self.in_degrees(two), "special")
        for n in range(12):  # the same shape and claim twice: the code, or the set's code, decides
            twin = self.pick([z for z in self.zones if z.zone_set == "S-main"])
            code = twin.code if self.chance(0.5) and not self.taken("S-more", twin.code) else f"A{n:03d}"
            self.zone(code, twin.geom, twin.kind, "S-more", twin.scope, twin.priority, ALWAYS)
        for n in range(4):  # one code, two versions
            shape = self.in_degrees(self.star(self.spot(), 80, 240))
            self.zone(f"V{n:03d}", shape, "site", "S-main", (), 40, BEFORE)
            self.zone(f"V{n:03d}", shape, "site", "S-main", (), 40, AFTER, version=2)
        for n in range(8):
            self.zone(f"P{n:03d}", self.in_degrees(self.star(self.spot(), 150, 400)), "special", "S-draft")

    def taken(self, zone_set: str, code: str) -> bool:
        return any(z.zone_set == zone_set and z.code == code for z in self.zones)

    def zone(
        self,
        code: str,
        geom: BaseGeometry,
        kind: str,
        zone_set: str | None = None,
        scope: tuple[str, ...] | None = None,
        priority: int | None = None,
        span: Span | None = None,
        version: int = 1,
    ) -> None:
        usual = {"site": 40, "special": 40, "corridor": 30, "water": 25, "duty": 20, "territory": 10}[kind]
        self.zones.append(
            Zone(
                zone_set or self.pick(["S-main", "S-main", "S-main", "S-more", "S-winter", "S-spring"]),
                code,
                self.pick(self.answerable),
                _polygonal(geom),
                self.scope() if scope is None else scope,
                (usual if self.chance(0.8) else self.pick([0, 10, 20, 40, 100])) if priority is None else priority,
                kind,
                self.span() if span is None else span,
                version,
            )
        )

    # ---- parts, places, rules, agreements

    def add_parts(self) -> None:
        self.parts: list[Part] = []
        kinds = [c.pattern for c in self.categories if c.kind == "P"]
        self.clusters = [self.spot() for _ in range(90)]
        spots = [(c, self.rng.normal(c, 7)) for c in self.clusters for _ in range(int(self.rng.integers(2, 7)))]
        spots += [(s, s) for s in (self.spot() for _ in range(150))]
        few: list[str] = kinds[:2]
        last = None
        for n, (middle, spot) in enumerate(spots):
            if last is not middle:
                group = self.pick(kinds).rsplit("-", 1)[0]
                last, few = middle, [k for k in kinds if k.startswith(group) and self.chance(0.7)] or [self.pick(kinds)]
                whose = [self.organisation(0.15) for _ in range(2)]
            draw = self.rng.random()
            shape: BaseGeometry = Point(spot)
            if draw < 0.12:
                shape = LineString([spot, spot + self.rng.uniform(-15, 15, 2), spot + self.rng.uniform(-15, 15, 2)])
            elif draw < 0.25:
                shape = self.star(spot, 2, 12)
            geom = self.in_degrees(shape)
            if self.chance(0.1) and self.parts:
                geom = self.parts[-1].geom  # the same place: the code decides
            maintainer, owner, supervisor = self.pick(whose), self.organisation(0.4), self.organisation(0.6)
            if self.chance(0.12):
                maintainer = owner = supervisor = None
            elif self.chance(0.3):
                maintainer = None
            state = "removed" if self.chance(0.08) else self.pick(["intact", "damaged", "lost"])
            span = self.span()
            district = DISTRICTS[int(spot[0] > 0)]
            code = f"{n:016d}"
            self.parts.append(Part(code, self.pick(few), geom, maintainer, owner, supervisor, state, span, district))
            if span == BEFORE:  # replaced by another of the same code nearby
                geom = self.in_degrees(Point(spot + self.rng.normal(0, 5, 2)))
                owner = self.organisation()
                self.parts.append(Part(code, self.pick(few), geom, owner, None, None, "intact", AFTER, district))
        self.places = []
        for n in range(40):
            spot = self.spot()
            geom = self.in_degrees(Point(spot))
            self.places.append(Place(f"L{n:03d}", geom, self.organisation(0.25), DISTRICTS[int(spot[0] > 0)]))

    def add_rules_and_agreements(self) -> None:
        self.rules = []
        events = [c for c in self.categories if c.kind == "E"]
        for n in range(4):
            c = self.pick(events)
            pattern = c.pattern if n < 3 else f"{c.scheme}:{c.kind}{c.major}"
            self.rules.append(
                Rule(f"R{9 - n}", (pattern,), self.pick(self.answerable), self.pick([50, 50, 60]), self.span())
            )
        twin = self.rules[0]
        self.rules.append(Rule("R0", twin.scope, self.pick(self.answerable), twin.priority, twin.valid))
        # Everything of one kind, for eight hours only.
        hours = Span(MOMENTS[3], MOMENTS[3] + timedelta(hours=1))
        self.rules.append(Rule("R99", ("W:2:P",), self.pick(self.answerable), 100, hours))
        self.agreements: list[CoOwnershipArea] = []
        for n in range(26):
            geom = _polygonal(self.in_degrees(self.star(self.rng.normal(self.pick(self.clusters), 10), 12, 90)))
            if n % 6 == 5:
                geom = self.agreements[-1].geom
            scope = self.scope()
            self.agreements.append(CoOwnershipArea(f"J{40 - n}", self.pick(self.answerable), geom, scope, self.span()))

    # ---- people

    def add_people(self) -> None:
        self.staff: list[Staff] = []
        for organisation in self.answerable:
            for _ in range(int(self.rng.integers(0, 8))):
                role = "shift_leader" if self.chance(0.15) else self.pick(["officer", "officer", "handler", "leader"])
                room = int(self.pick([1, 2, 3, 5, 30]))
                code = f"W{int(self.rng.integers(1000)):03d}-{len(self.staff):03d}"
                self.staff.append(Staff(code, organisation, role, room, self.chance(0.92)))
        of = {o: [s.code for s in self.staff if s.organisation == o] for o in self.tree}
        everybody = [s.code for s in self.staff]
        self.organisations = []
        for code, parent in self.tree.items():
            lead = None if self.chance(0.35) else self.pick(of[code] or everybody)
            self.organisations.append(Organisation(code, parent, lead, code == "O99"))

        self.zone_staff: list[ZoneStaff] = []
        for zone in self.zones:
            for _ in range(int(self.rng.integers(0, 5))):
                person = self.pick(of[zone.organisation] if of[zone.organisation] and self.chance(0.85) else everybody)
                row = ZoneStaff(zone.key, person, self.pick(["primary", "backup", "backup", "leader"]), self.span())
                if row not in self.zone_staff:
                    self.zone_staff.append(row)

        self.rosters: list[Roster] = []
        for person in self.staff:
            districts = DISTRICTS if self.chance(0.3) else (self.pick(DISTRICTS),)
            for district in districts:
                for moment in MOMENTS:
                    if self.chance(0.6):
                        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
                        start = day + timedelta(hours=8 * (moment.hour // 8))
                        span = Span(start, start + timedelta(hours=8))
                        if Roster(district, person.code, span) not in self.rosters:
                            self.rosters.append(Roster(district, person.code, span))

        self.last_positions, self.open_load = [], {}
        for person in self.staff:
            if self.chance(0.75):
                captured = self.pick(MOMENTS) - timedelta(seconds=int(self.rng.integers(1, 890)))
                if self.chance(0.25):
                    captured -= timedelta(minutes=16)
                elif self.chance(0.1):
                    captured += timedelta(minutes=20)
                # Where their zones are, or anywhere.
                own = [z for z in self.zones if z.organisation == person.organisation]
                geom = self.in_degrees(Point(self.spot()))
                if own and self.chance(0.7):
                    geom = shapely.point_on_surface(self.pick(own).geom)
                # Kept in one district while the person may be on duty in both.
                district = next((r.district for r in self.rosters if r.staff == person.code), DISTRICTS[0])
                self.last_positions.append(LastPosition(district, person.code, captured, geom))
            if self.chance(0.6):
                self.open_load[person.code] = int(self.rng.integers(0, min(person.max_open, 4) + 2))

    # ---- reports

    def cases(self, world: World, count: int) -> list[Input]:
        """Reports drawn over every sort of place that has ever been dispatched wrongly."""
        borders = [z.geom.boundary for z in world.zones] + [a.geom.boundary for a in world.co_ownership_areas]
        rim = world.city.geom.boundary
        zone_corners = [c for z in world.zones for c in shapely.get_coordinates(z.geom)]
        kx, ky = CENTRE.metres_per_degree
        codes = [p.code for p in world.parts]
        found: list[Input] = []
        for n in range(count):
            accuracy = float(self.pick(ACCURACIES))
            sort = n % 12
            part = None
            if sort in (0, 1):
                lon, lat = self.degrees(self.spot())
            elif sort == 2:
                lon, lat = self.pick(self.corners)
            elif sort == 3:
                a, b = (np.array(e) for e in self.pick(self.edges))
                lon, lat = a + (b - a) * (0.5 if self.chance(0.5) else self.rng.random())
            elif sort == 4:  # just outside the city, or just inside
                spot = rim.interpolate(self.rng.random(), normalized=True)
                lon, lat = np.array([spot.x, spot.y]) + self.rng.uniform(-45, 45, 2) / (kx, ky)
            elif sort == 5:
                lon, lat = self.within(self.pick(self.gaps))
            elif sort in (6, 7):  # near a border, within the accuracy
                spot = self.pick(borders).interpolate(self.rng.random(), normalized=True)
                lon, lat = np.array([spot.x, spot.y]) + self.rng.normal(0, max(accuracy, 4), 2) / (kx, ky)
            elif sort == 8:
                lon, lat = self.pick(zone_corners)
            elif sort in (9, 10):
                part = self.pick(world.parts)
                spot = shapely.point_on_surface(part.geom)
                shift = self.rng.normal(0, 6, 2) if self.chance(0.85) else np.zeros(2)
                lon, lat = np.array([spot.x, spot.y]) + shift / (kx, ky)
            else:  # on a border, as near as numbers can be
                spot = self.pick(borders).interpolate(self.rng.random(), normalized=True)
                lon, lat = spot.x, spot.y
            category = self.pick(self.categories).pattern
            if part is not None and self.chance(0.8):  # a category that might mean this part
                category = self.pick([c for c in self.categories if part.category in c.part_scope]).pattern
            part_code = place_id = None
            if self.chance(0.08):
                part_code = self.pick(codes) if self.chance(0.8) else "9" * 16
            if self.chance(0.08):
                place_id = self.pick(world.places).place_id if self.chance(0.8) else uuid.UUID(int=n)
            at = self.pick(MOMENTS)
            found.append(Input(float(lon), float(lat), accuracy, category, at, part_code, place_id))
        return found

    def within(self, geom: BaseGeometry) -> Any:
        west, south, east, north = geom.bounds
        for _ in range(200):
            lon, lat = self.rng.uniform([west, south], [east, north])
            if geom.contains(Point(lon, lat)):
                return lon, lat
        return geom.representative_point().coords[0]


def draw_world(seed: int) -> tuple[World, Builder]:
    """A world, and the builder that goes on drawing reports for it."""
    builder = Builder(seed)
    return builder.draw(), builder


# ---- into the database -----------------------------------------------------------------------------------------------


@dataclass
class Ids:
    """Numbers given to codes, in both directions."""

    organisation: dict[str, int]
    staff: dict[str, int]
    category: dict[str, int]
    zone: dict[tuple[str, str, int], int]
    rule: dict[Rule, int]
    agreement: dict[CoOwnershipArea, int]

    def __post_init__(self) -> None:
        self.organisation_code = {v: k for k, v in self.organisation.items()}
        self.staff_code = {v: k for k, v in self.staff.items()}
        self.category_code = {v: k for k, v in self.category.items()}
        self.zone_key = {v: k for k, v in self.zone.items()}
        self.rule_code = {v: k.code for k, v in self.rule.items()}
        self.agreement_code = {v: k.code for k, v in self.agreement.items()}


def _wkb(geom: BaseGeometry, multi: bool = False) -> str:
    return str(shapely.to_wkb(shapely.set_srid(_polygonal(geom) if multi else geom, 4326), hex=True, include_srid=True))


def _range(span: Span) -> str:
    if span.empty:
        return "empty"
    return f"[{span.start.isoformat() if span.start else ''},{span.end.isoformat() if span.end else ''})"


def _array(scope: tuple[str, ...]) -> str:
    return "{" + ",".join(f'"{p}"' for p in scope) + "}"


def _numbered(keys: Iterable[Key]) -> dict[Key, int]:
    return {key: 1001 + n for n, key in enumerate(keys)}


def insert(world: World, conn: psycopg.Connection[Any]) -> Ids:
    """Write a world into the real tables, as the owner, in one transaction; there must be no other city in them."""
    ids = Ids(
        organisation=_numbered(o.code for o in world.organisations),
        staff=_numbered(s.code for s in world.staff),
        category=_numbered(c.pattern for c in world.categories),
        zone=_numbered(z.key for z in world.zones),
        rule=_numbered(world.rules),
        agreement=_numbered(world.co_ownership_areas),
    )
    org = ids.organisation
    sets = _numbered(s.code for s in world.zone_sets)

    def number(code: str | None) -> int | None:
        return None if code is None else org[code]

    with conn.transaction(), conn.cursor() as cur:

        def fill(table: str, columns: str, rows: Any) -> None:
            copy_rows(conn, table, columns.split(", "), rows)

        cur.execute("SET CONSTRAINTS ALL DEFERRED")
        fill(
            "city",
            "code, name_zh, name_en, geom, metric_srid, category_scheme, grid_code_scheme",
            [("900100", "样例市", "Sample city", _wkb(world.city.geom, multi=True), 4549, "W:2", "sample")],
        )
        fill(
            "neighbours",
            "code, name_zh, name_en, geom",
            [(n.code, "邻区", "Next", _wkb(n.geom, True)) for n in world.neighbours],
        )
        fill(
            "organisations",
            "organisation_id, code, name_zh, name_en, kind, parent_id, is_duty_desk, lead_staff_id",
            [
                (
                    org[o.code],
                    o.code,
                    o.code,
                    o.code,
                    "bureau",
                    number(o.parent),
                    o.is_duty_desk,
                    ids.staff[o.lead] if o.lead else None,
                )
                for o in world.organisations
            ],
        )
        fill(
            "staff",
            "staff_id, code, name, organisation_id, post_zh, post_en, role, max_open, active",
            [
                (
                    ids.staff[s.code],
                    s.code,
                    f"样例{s.code}",
                    org[s.organisation],
                    "岗",
                    "Post",
                    s.role,
                    s.max_open,
                    s.active,
                )
                for s in world.staff
            ],
        )
        fill(
            "admin_areas",
            "level, code, name_zh, name_en, organisation_id, geom, valid",
            [
                (a.level, a.code, a.code, a.code, number(a.organisation), _wkb(a.geom, True), _range(a.valid))
                for a in world.admin_areas
            ],
        )
        fill(
            "grid_cells",
            "code, code_scheme, district, street_code, community_code, geom, valid",
            [(c.code, "sample", c.district, c.street, c.community, _wkb(c.geom), _range(c.valid)) for c in world.cells],
        )
        fill(
            "categories",
            "category_id, scheme, kind, major, minor, name_zh, name_en, certainty, dispatch_mode",
            [
                (
                    ids.category[c.pattern],
                    c.scheme,
                    c.kind,
                    c.major,
                    c.minor,
                    "类",
                    "Category",
                    "P",
                    "part_owner" if c.part_owner else "zone",
                )
                for c in world.categories
            ],
        )
        fill(
            "part_scopes",
            "category_id, part_category_id, rank",
            [
                (ids.category[c.pattern], ids.category[p], rank)
                for c in world.categories
                for p, rank in c.part_scope.items()
            ],
        )
        purposes = {"S-winter": "seasonal", "S-spring": "seasonal"}
        fill(
            "zone_sets",
            "zone_set_id, code, name_zh, name_en, purpose, status, valid",
            [
                (sets[s.code], s.code, s.code, s.code, purposes.get(s.code, s.code), s.status, _range(s.valid))
                for s in world.zone_sets
            ],
        )
        fill(
            "zones",
            "zone_id, zone_set_id, code, name_zh, name_en, kind, organisation_id, scope, priority, geom, valid",
            [
                (
                    *(ids.zone[z.key], sets[z.zone_set], z.code, z.code, z.code, z.kind, org[z.organisation]),
                    *(_array(z.scope), z.priority, _wkb(z.geom, True), _range(z.valid)),
                )
                for z in world.zones
            ],
        )
        fill(
            "zone_staff",
            "zone_id, staff_id, role, valid",
            [(ids.zone[z.zone], ids.staff[z.staff], z.role, _range(z.valid)) for z in world.zone_staff],
        )
        fill(
            "dispatch_rules",
            "dispatch_rule_id, code, scope, organisation_id, priority, valid",
            [
                (ids.rule[r], r.code, _array(r.scope), org[r.organisation], r.priority, _range(r.valid))
                for r in world.rules
            ],
        )
        fill(
            "co_ownership_areas",
            "co_ownership_area_id, code, name_zh, scope, organisation_id, geom, valid",
            [
                (
                    ids.agreement[a],
                    a.code,
                    a.code,
                    _array(a.scope),
                    org[a.organisation],
                    _wkb(a.geom, True),
                    _range(a.valid),
                )
                for a in world.co_ownership_areas
            ],
        )
        fill(
            "parts",
            "district_code, part_id, code, code_scheme, category_id, name_zh, maintainer_organisation_id, "
            "owner_organisation_id, supervising_organisation_id, state, geom, valid",
            [
                (
                    *(p.district, p.part_id, p.code, "sample", ids.category[p.category], "部件"),
                    *(
                        number(p.maintainer),
                        number(p.owner),
                        number(p.supervisor),
                        p.state,
                        _wkb(p.geom),
                        _range(p.valid),
                    ),
                )
                for p in world.parts
            ],
        )
        fill(
            "places",
            "district_code, place_id, code, kind, name_zh, organisation_id, geom",
            [
                (p.district, p.place_id, p.code, "shop", "样例店", number(p.organisation), _wkb(p.geom))
                for p in world.places
            ],
        )
        cur.execute(
            "INSERT INTO shifts (code, name_zh, name_en, starts, ends) "
            "VALUES ('walk', '班', 'Shift', '00:00', '08:00') ON CONFLICT DO NOTHING"
        )
        fill(
            "rosters",
            "district_code, staff_id, on_duty, shift_code",
            [(r.district, ids.staff[r.staff], _range(r.on_duty), "walk") for r in world.rosters],
        )
        fill(
            "last_positions",
            "district_code, staff_id, captured_at, accuracy_m, geom",
            [(p.district, ids.staff[p.staff], p.captured_at, 5.0, _wkb(p.geom)) for p in world.last_positions],
        )
        fill(
            "cases",
            "district_code, case_id, case_no, category_id, state, stage, severity, geom, organisation_id, handler_id, "
            "reported_at",
            list(_case_rows(world, ids)),
        )
    return ids


def _case_rows(world: World, ids: Ids) -> Any:
    """Open cases that make up each load, spread over the districts, and as many closed ones, which do not count."""
    spot = _wkb(Point(CENTRE.lon, CENTRE.lat))
    category = next(iter(ids.category.values()))
    serial = 0
    for person in world.staff:
        load = world.open_load.get(person.code, 0)
        for n in range(2 * load):
            serial += 1
            state, stage = ("handling", 4) if n < load else ("closed", 7)
            yield (
                *(
                    DISTRICTS[serial % 2],
                    uuid.uuid5(uuid.NAMESPACE_OID, f"case {serial}"),
                    f"walk-{serial:06d}",
                    category,
                    state,
                    stage,
                ),
                *(
                    "normal",
                    spot,
                    ids.organisation[person.organisation],
                    ids.staff[person.code],
                    datetime(2026, 2, 1, tzinfo=UTC),
                ),
            )
