"""The contract of dispatch, read a second time: plain Python and shapely, no SQL.

This is ``docs/reference/dispatch.md`` in code, section by section, written from that page alone so that it can disagree
with the database. It favours being read over being fast: nothing is cached but indexes and areas, no step is merged
with another.

Where the page leaves a choice, the reading taken is marked ``Reading:``.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

# ---- the world -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """A range of time, lower end in, upper end out; None is open; ``Span(empty=True)`` holds nothing."""

    start: datetime | None = None
    end: datetime | None = None
    empty: bool = False

    def __contains__(self, at: object) -> bool:
        assert isinstance(at, datetime)
        return not self.empty and (self.start is None or self.start <= at) and (self.end is None or at < self.end)


ALWAYS = Span()


@dataclass(frozen=True)
class City:
    geom: BaseGeometry


@dataclass(frozen=True)
class Neighbour:
    code: str
    geom: BaseGeometry


@dataclass(frozen=True)
class AdminArea:
    level: int
    code: str
    geom: BaseGeometry
    organisation: str | None = None
    valid: Span = ALWAYS


@dataclass(frozen=True)
class Cell:
    code: str
    district: str
    street: str
    community: str
    geom: BaseGeometry
    valid: Span = ALWAYS


@dataclass(frozen=True)
class Category:
    scheme: str
    kind: str
    major: str
    minor: str
    part_owner: bool = False
    # Which parts a report of it may be about: pattern of the part's category -> rank.
    part_scope: dict[str, int] = field(default_factory=dict, hash=False)

    @property
    def pattern(self) -> str:
        return f"{self.scheme}:{self.kind}{self.major}-{self.minor}"


@dataclass(frozen=True)
class Organisation:
    code: str
    parent: str | None = None
    lead: str | None = None
    is_duty_desk: bool = False


@dataclass(frozen=True)
class Staff:
    code: str
    organisation: str
    role: str = "officer"
    max_open: int = 30
    active: bool = True


@dataclass(frozen=True)
class ZoneSet:
    code: str
    valid: Span = ALWAYS
    status: str = "published"


@dataclass(frozen=True)
class Zone:
    zone_set: str
    code: str
    organisation: str
    geom: BaseGeometry
    scope: tuple[str, ...] = ()
    priority: int = 10
    kind: str = "territory"
    valid: Span = ALWAYS
    # Tells apart two rows of one code whose validity follows one another.
    version: int = 1

    @cached_property
    def area_m2(self) -> float:
        return geodesic_area_m2(self.geom)

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.zone_set, self.code, self.version)


@dataclass(frozen=True)
class ZoneStaff:
    zone: tuple[str, str, int]
    staff: str
    role: str
    valid: Span = ALWAYS


@dataclass(frozen=True)
class Rule:
    code: str
    scope: tuple[str, ...]
    organisation: str
    priority: int = 50
    valid: Span = ALWAYS


@dataclass(frozen=True)
class CoOwnershipArea:
    code: str
    organisation: str
    geom: BaseGeometry
    scope: tuple[str, ...] = ()
    valid: Span = ALWAYS

    @cached_property
    def area_m2(self) -> float:
        return geodesic_area_m2(self.geom)


@dataclass(frozen=True)
class Part:
    code: str
    category: str
    geom: BaseGeometry
    maintainer: str | None = None
    owner: str | None = None
    supervisor: str | None = None
    state: str = "intact"
    valid: Span = ALWAYS
    district: str = ""

    @property
    def part_id(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_OID, f"part {self.code} {self.valid.start}")


@dataclass(frozen=True)
class Place:
    code: str
    geom: BaseGeometry
    organisation: str | None = None
    district: str = ""

    @property
    def place_id(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_OID, f"place {self.code}")


@dataclass(frozen=True)
class Roster:
    district: str
    staff: str
    on_duty: Span


@dataclass(frozen=True)
class LastPosition:
    district: str
    staff: str
    captured_at: datetime
    geom: BaseGeometry


@dataclass
class World:
    """Everything dispatch may look at."""

    city: City
    neighbours: list[Neighbour] = field(default_factory=list)
    admin_areas: list[AdminArea] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)
    organisations: list[Organisation] = field(default_factory=list)
    staff: list[Staff] = field(default_factory=list)
    zone_sets: list[ZoneSet] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    zone_staff: list[ZoneStaff] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    co_ownership_areas: list[CoOwnershipArea] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    rosters: list[Roster] = field(default_factory=list)
    last_positions: list[LastPosition] = field(default_factory=list)
    # Open cases by the staff member who handles them.
    open_load: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.category = {c.pattern: c for c in self.categories}
        self.organisation = {o.code: o for o in self.organisations}
        self.staff_member = {s.code: s for s in self.staff}
        self.zone_set = {s.code: s for s in self.zone_sets}
        self.cells_near = _index(self.cells)
        self.zones_near = _index(self.zones)
        self.parts_near = _index(self.parts)
        self.areas_near = _index(self.admin_areas)
        self.co_ownership_near = _index(self.co_ownership_areas)


def _index(things: Sequence[Any]) -> Callable[..., list[Any]]:
    """A search for things whose box comes within ``margin`` degrees of a point; exactness is the caller's business."""
    tree = shapely.STRtree([t.geom for t in things])

    def near(lon: float, lat: float, margin: float = 1e-6) -> list[Any]:
        return [
            things[i] for i in sorted(tree.query(shapely.box(lon - margin, lat - margin, lon + margin, lat + margin)))
        ]

    return near


# ---- §2 metres, edges, circles ---------------------------------------------------------------------------------------

WGS84_A = 6378137.0
WGS84_F = 1 / 298.257223563
GEOD = Geod(a=WGS84_A, f=WGS84_F)
COVERS_DEG = 1e-10
EDGE_DEG = 1e-9

# Every distance is rounded to whole millimetres before it is compared. Without a grain, zones that share the nearest
# stretch of border would be ordered by the last bit of a computation, which no two programs share.
DISTANCE_DECIMALS = 3


def geodesic_area_m2(geom: BaseGeometry) -> float:
    """Geodesic area rounded to whole square metres (end of §5)."""
    polygons: Iterable[Polygon] = geom.geoms if isinstance(geom, MultiPolygon) else [geom]
    return float(round(sum(abs(GEOD.geometry_area_perimeter(orient(p))[0]) for p in polygons)))


@dataclass(frozen=True)
class Plane:
    """The local plane round one point: metres east and north of it."""

    lon: float
    lat: float

    @cached_property
    def metres_per_degree(self) -> tuple[float, float]:
        phi = math.radians(self.lat)
        e2 = WGS84_F * (2 - WGS84_F)
        w = 1 - e2 * math.sin(phi) ** 2
        kx = math.pi / 180 * WGS84_A * math.cos(phi) / math.sqrt(w)
        ky = math.pi / 180 * WGS84_A * (1 - e2) / w**1.5
        return kx, ky

    @cached_property
    def point(self) -> Point:
        return Point(self.lon, self.lat)

    @cached_property
    def point_plus(self) -> Point:
        return Point(self.lon + EDGE_DEG, self.lat + EDGE_DEG)

    def local(self, geom: BaseGeometry) -> BaseGeometry:
        k = np.array(self.metres_per_degree)
        origin = np.array([self.lon, self.lat])
        return shapely.transform(geom, lambda xy: (xy - origin) * k)

    def distance_m(self, geom: BaseGeometry) -> float:
        return round(float(shapely.distance(self.local(geom), Point(0, 0))), DISTANCE_DECIMALS)

    def degrees(self, metres: float) -> float:
        """Degrees that are surely not less than so many metres, for searching by boxes."""
        return metres / min(self.metres_per_degree) * 1.001 + 1e-7

    def covered_by(self, geom: BaseGeometry) -> bool:
        return bool(shapely.distance(geom, self.point) <= COVERS_DEG)

    def edge(self, geom: BaseGeometry) -> bool:
        """The half-open rule: whether a polygon that covers p also covers p⁺."""
        return bool(shapely.distance(geom, self.point_plus) <= COVERS_DEG)

    def circle(self, radius_m: float) -> Polygon:
        angles = [2 * math.pi * i / 32 for i in range(32)]
        return Polygon([(radius_m * math.cos(t), radius_m * math.sin(t)) for t in angles])


def covering(plane: Plane, things: Iterable[Any], at: datetime) -> list[Any]:
    """Of polygons valid at a moment, those that cover p; first by (edge desc, code asc)."""
    found = [t for t in things if at in t.valid and plane.covered_by(t.geom)]
    return sorted(found, key=lambda t: (not plane.edge(t.geom), t.code))


# ---- input and answer ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    lon: float
    lat: float
    accuracy_m: float
    category: str
    at: datetime
    part_code: str | None = None
    place_id: uuid.UUID | None = None

    @property
    def a5(self) -> float:
        """The accuracy, but at least five metres."""
        return max(self.accuracy_m, 5)

    @property
    def r(self) -> float:
        return min(self.a5, 200)

    @property
    def snap(self) -> float:
        return min(30, 2 * self.a5)

    @property
    def reach(self) -> float:
        return max(self.r, self.snap)


@dataclass(frozen=True)
class Answer:
    status: str
    neighbour: str | None = None
    mode: str | None = None
    organisation: str | None = None
    zone: tuple[str, str, int] | None = None
    part: Part | None = None
    # To the part; out of the area, to the city.
    distance_m: float | None = None
    reclassify: str | None = None
    place: str | None = None
    rule: Rule | None = None
    co_ownership: CoOwnershipArea | None = None
    grid_cell: str | None = None
    district: str | None = None
    street: str | None = None
    community: str | None = None
    handler: str | None = None
    superior: str | None = None
    ambiguous: bool | None = None
    confidence: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass
class Draft:
    """What the steps fill in on the way to an answer."""

    mode: str | None = None
    organisation: str | None = None
    zone: Zone | None = None
    part: Part | None = None
    part_distance_m: float | None = None
    reclassify: str | None = None
    place: Place | None = None
    rule: Rule | None = None
    co_ownership: CoOwnershipArea | None = None
    ambiguous: bool = False
    confidence: float = 1.0
    ambiguity_code: str | None = None


# ---- §3 grid cell and administrative areas ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Location:
    """Where a point lies; ``areas`` are the admin areas of level 4, 3 and 2, as far as there are any."""

    grid_cell: str | None
    community: str | None
    street: str | None
    district: str | None
    areas: tuple[AdminArea | None, AdminArea | None, AdminArea | None]


def grid_cell(world: World, plane: Plane, at: datetime) -> Cell | None:
    return next(iter(covering(plane, world.cells_near(plane.lon, plane.lat), at)), None)


def locate(world: World, plane: Plane, at: datetime) -> Location:
    cell = grid_cell(world, plane, at)
    if cell is not None:

        def named(level: int, code: str) -> AdminArea | None:
            return next((a for a in world.admin_areas if a.level == level and a.code == code and at in a.valid), None)

        areas = named(4, cell.community), named(3, cell.street), named(2, cell.district)
        return Location(cell.code, cell.community, cell.street, cell.district, areas)

    here = world.areas_near(plane.lon, plane.lat)
    community, street, district = (
        next(iter(covering(plane, [a for a in here if a.level == level], at)), None) for level in (4, 3, 2)
    )
    if district is None:
        districts = [a for a in world.admin_areas if a.level == 2 and at in a.valid]
        district = min(districts, key=lambda a: (plane.distance_m(a.geom), a.code), default=None)

    def code(area: AdminArea | None) -> str | None:
        return area.code if area else None

    return Location(None, code(community), code(street), code(district), (community, street, district))


# ---- §4 scope of a category ------------------------------------------------------------------------------------------


def specificity(scope: Sequence[str], category: Category) -> int | None:
    """3 minor, 2 major, 1 kind, 0 an empty scope (all); None where nothing applies."""
    if not scope:
        return 0
    by_kind = f"{category.scheme}:{category.kind}"
    for rank, pattern in ((3, category.pattern), (2, by_kind + category.major), (1, by_kind)):
        if pattern in scope:
            return rank
    return None


# ---- §5 order of evidence --------------------------------------------------------------------------------------------


def dispatch(world: World, report: Input) -> Answer:
    """Say who is responsible for a report, and why."""
    plane = Plane(report.lon, report.lat)
    reasons: list[str] = []

    # §3 Outside.
    if grid_cell(world, plane, report.at) is None and not plane.covered_by(world.city.geom):
        if plane.distance_m(world.city.geom) > report.snap:
            nearest = min(world.neighbours, key=lambda n: (plane.distance_m(n.geom), n.code), default=None)
            # Reading: its one reason is OUT_OF_AREA, its distance that to the city, its district (where the refusal is
            # kept) the nearest one; all else is unset.
            return Answer(
                "out_of_area",
                neighbour=nearest.code if nearest else None,
                distance_m=plane.distance_m(world.city.geom),
                district=locate(world, plane, report.at).district,
                reasons=("OUT_OF_AREA",),
            )
        reasons.append("CITY_EDGE_SNAPPED")
    if report.accuracy_m > 200:
        reasons.append("ACCURACY_POOR")

    where = locate(world, plane, report.at)
    draft = Draft()
    for step in (
        explicit_part,
        explicit_place,
        fixed_rule,
        nearest_part,
        zone_at_point,
        snapped_zone,
        territory,
        duty_desk,
    ):
        if draft.organisation is None:
            reasons += step(world, plane, report, where, draft)

    if draft.reclassify:
        reasons.append("RECLASSIFY_PROPOSED")
    if draft.ambiguity_code:
        reasons.append(draft.ambiguity_code)

    handler = superior = None
    if draft.mode != "desk" and draft.organisation is not None:
        zones = zones_of_duty(world, plane, report, draft)
        handler, why = choose_handler(world, plane, report, where, draft.organisation, zones)
        reasons.append(why)
        superior, why = choose_superior(world, report, draft.organisation, zones, handler)
        reasons.append(why)

    return Answer(
        status="ok",
        mode=draft.mode,
        organisation=draft.organisation,
        zone=draft.zone.key if draft.zone else None,
        part=draft.part,
        distance_m=draft.part_distance_m,
        reclassify=draft.reclassify,
        place=draft.place.code if draft.place else None,
        rule=draft.rule,
        co_ownership=draft.co_ownership,
        grid_cell=where.grid_cell,
        district=where.district,
        street=where.street,
        community=where.community,
        handler=handler.code if handler else None,
        superior=superior.code if superior else None,
        ambiguous=draft.ambiguous or report.accuracy_m > 200,
        confidence=round(draft.confidence, 3),
        reasons=tuple(reasons),
    )


def explicit_part(world: World, plane: Plane, report: Input, where: Location, draft: Draft) -> list[str]:
    if report.part_code is None:
        return []
    found = [p for p in world.parts if p.code == report.part_code and report.at in p.valid and p.state != "removed"]
    if not found:
        return ["PART_UNKNOWN"]
    return _take_part(world, plane, report, found[0], draft, "PART_EXPLICIT")


def _take_part(world: World, plane: Plane, report: Input, part: Part, draft: Draft, code: str) -> list[str]:
    """Make the part's addressee the answer, if it has one. Reading: without one the answer does not name the part."""
    organisation, area = addressee(world, part, report.at)
    if organisation is None:
        return ["PART_WITHOUT_ORGANISATION"]
    draft.organisation, draft.co_ownership, draft.part = organisation, area, part
    draft.part_distance_m = plane.distance_m(part.geom)
    draft.mode = "co_ownership" if area else "part"
    return [code, "CO_OWNERSHIP"] if area else [code]


def explicit_place(world: World, plane: Plane, report: Input, where: Location, draft: Draft) -> list[str]:
    if report.place_id is None:
        return []
    place = next((p for p in world.places if p.place_id == report.place_id), None)
    if place is None:
        return ["PLACE_UNKNOWN"]
    if place.organisation is None:
        return ["PLACE_WITHOUT_ORGANISATION"]
    draft.organisation, draft.place, draft.mode = place.organisation, place, "place"
    return ["PLACE_EXPLICIT"]


def fixed_rule(world: World, plane: Plane, report: Input, where: Location, draft: Draft) -> list[str]:
    category = world.category[report.category]
    matching = [
        (spec, r) for r in world.rules if report.at in r.valid and (spec := specificity(r.scope, category)) is not None
    ]
    if not matching:
        return []
    _, rule = min(matching, key=lambda m: (-m[0], -m[1].priority, m[1].code))
    draft.organisation, draft.rule, draft.mode = rule.organisation, rule, "fixed"
    return ["RULE_FIXED"]


def nearest_part(world: World, plane: Plane, report: Input, where: Location, draft: Draft) -> list[str]:
    category = world.category[report.category]
    if not category.part_owner:
        return []
    n = min(max(report.accuracy_m, 10), 30)
    candidates = [
        (category.part_scope[part.category], distance, part)
        for part in world.parts_near(plane.lon, plane.lat, plane.degrees(n))
        if report.at in part.valid
        and part.state != "removed"
        and part.category in category.part_scope
        and (distance := plane.distance_m(part.geom)) <= n
    ]
    if not candidates:
        return ["MISSING_PART"]
    rank, d1, part = min(candidates, key=lambda c: (c[0], c[1], c[2].code))
    codes = _take_part(world, plane, report, part, draft, "PART_NEAREST")
    if draft.organisation is None:
        return codes
    if rank == 2:
        draft.reclassify = part.category
    # Those that might as well be meant. Nobody is no addressee, so it makes nothing ambiguous.
    close = [other for other_rank, d, other in candidates if other_rank == rank and d <= d1 + report.a5 / 2]
    addressees = {addressee(world, other, report.at)[0] for other in close} - {None}
    draft.confidence = 1 / len(addressees)
    if len(addressees) > 1:
        draft.ambiguous, draft.ambiguity_code = True, "PART_AMBIGUOUS"
    return codes


@dataclass(frozen=True)
class Candidate:
    """A zone that takes part, with its place in the order."""

    zone: Zone
    specificity: int
    distance_m: float
    covers: bool
    edge: bool

    @property
    def claim(self) -> tuple[int, int]:
        """How strongly it claims the case: smaller is stronger."""
        return (-self.specificity, -self.zone.priority)

    @property
    def tie(self) -> tuple[float, str, str]:
        return (self.zone.area_m2, self.zone.code, self.zone.zone_set)

    @property
    def rank(self) -> tuple[Any, ...]:
        """The key without ``edge``: the order that holds for the whole neighbourhood."""
        return (*self.claim, *self.tie)

    @property
    def key(self) -> tuple[Any, ...]:
        return (*self.claim, not self.edge, *self.tie)


def in_force(world: World, zone: Zone, at: datetime) -> bool:
    return at in zone.valid and at in world.zone_set[zone.zone_set].valid


def zone_candidates(world: World, plane: Plane, report: Input) -> list[Candidate]:
    category = world.category[report.category]
    found = []
    for zone in world.zones_near(plane.lon, plane.lat, plane.degrees(report.reach)):
        spec = specificity(zone.scope, category)
        if spec is None or not in_force(world, zone, report.at):
            continue
        covers, distance = plane.covered_by(zone.geom), plane.distance_m(zone.geom)
        if covers or distance <= report.reach:
            found.append(Candidate(zone, spec, distance, covers, plane.edge(zone.geom)))
    return found


def zone_at_point(world: World, plane: Plane, report: Input, where: Location, draft: Draft) -> list[str]:
    candidates = zone_candidates(world, plane, report)
    covering_p = [c for c in candidates if c.covers]
    if not covering_p:
        return []
    winner = min(covering_p, key=lambda c: c.key)
    draft.organisation, draft.zone, draft.mode = winner.zone.organisation, winner.zone, "zone"
    draft.confidence = round(share_of_circle(plane, report.r, candidates, winner.zone.organisation), 3)
    if draft.confidence < 1:
        draft.ambiguous, draft.ambiguity_code = True, "AMBIGUOUS"
    codes = ["ZONE_COVERS"]
    if len(covering_p) > 1:
        codes.append("ZONE_OVERLAP")
    if any(c.claim == winner.claim and c.edge != winner.edge for c in covering_p):
        codes.append("ZONE_EDGE")
    return codes


def share_of_circle(plane: Plane, radius_m: float, candidates: list[Candidate], organisation: str) -> float:
    """Of the part of the accuracy circle that any candidate covers, the share in which the organisation's zones win."""
    circle = plane.circle(radius_m)
    won = covered = 0.0
    left: BaseGeometry = circle
    for candidate in sorted(candidates, key=lambda c: c.rank):
        here = left.intersection(plane.local(candidate.zone.geom))
        covered += here.area
        won += here.area if candidate.zone.organisation == organisation else 0
        left = left.difference(here)
    return won / covered


def snapped_zone(world: World, plane: Plane, report: Input, where: Location, draft: Draft) -> list[str]:
    near = [c for c in zone_candidates(world, plane, report) if c.distance_m <= report.snap]
    if not near:
        return ["ZONE_NONE"]
    winner = min(near, key=lambda c: (c.distance_m, *c.rank))
    draft.organisation, draft.zone, draft.mode = winner.zone.organisation, winner.zone, "snapped"
    others = [c.distance_m for c in near if c.zone.organisation != winner.zone.organisation]
    if others:
        d1, d2 = winner.distance_m, min(others)
        # Reading: with both nearer than half a millimetre there is nothing to choose between them.
        draft.confidence = d2 / (d1 + d2) if d2 else 0.5
        draft.ambiguous, draft.ambiguity_code = True, "AMBIGUOUS"
    return ["ZONE_SNAPPED"]


def territory(world: World, plane: Plane, report: Input, where: Location, draft: Draft) -> list[str]:
    organisation = next((a.organisation for a in where.areas if a is not None and a.organisation is not None), None)
    if organisation is None:
        return []
    draft.organisation, draft.mode = organisation, "territorial"
    return ["TERRITORIAL_FALLBACK"]


def duty_desk(world: World, plane: Plane, report: Input, where: Location, draft: Draft) -> list[str]:
    draft.organisation = next((o.code for o in world.organisations if o.is_duty_desk), None)
    draft.mode = "desk"
    return ["NO_MATCH"]


# ---- §6 addressee of a part ------------------------------------------------------------------------------------------


def addressee(world: World, part: Part, at: datetime) -> tuple[str | None, CoOwnershipArea | None]:
    """Whom a part's trouble concerns, and the co-ownership area that says so, if one does."""
    spot = part.geom if isinstance(part.geom, Point) else shapely.point_on_surface(part.geom)
    category = world.category[part.category]
    agreements = [
        (spec, area)
        for area in world.co_ownership_near(spot.x, spot.y, 1e-6)
        if at in area.valid
        and (spec := specificity(area.scope, category)) is not None
        and shapely.distance(area.geom, spot) <= COVERS_DEG
    ]
    if agreements:
        _, area = min(agreements, key=lambda m: (-m[0], m[1].area_m2, m[1].code))
        return area.organisation, area
    return part.maintainer or part.owner or part.supervisor, None


# ---- §7 the person ---------------------------------------------------------------------------------------------------

FRESH = timedelta(minutes=15)
NEAR_M = 500
ANCESTORS_ASKED = 3


def zones_of_duty(world: World, plane: Plane, report: Input, draft: Draft) -> set[tuple[str, str, int]]:
    """S: the zones whose people are asked first."""
    if draft.zone is not None:
        return {draft.zone.key}
    return {
        z.key
        for z in world.zones_near(plane.lon, plane.lat)
        if z.organisation == draft.organisation and in_force(world, z, report.at) and plane.covered_by(z.geom)
    }


def on_duty(world: World, staff: Staff, district: str | None, at: datetime) -> bool:
    return any(r.staff == staff.code and r.district == district and at in r.on_duty for r in world.rosters)


def choose_handler(
    world: World, plane: Plane, report: Input, where: Location, organisation: str, zones: set[tuple[str, str, int]]
) -> tuple[Staff | None, str]:
    ordered = []
    for person in world.staff:
        if person.organisation != organisation or not person.active:
            continue
        if not on_duty(world, person, where.district, report.at):
            continue
        assigned = {
            z.role for z in world.zone_staff if z.staff == person.code and z.zone in zones and report.at in z.valid
        }
        # A fresh position: of the last quarter of an hour before the report, not of the time after it.
        # Reading: like the roster it is looked up in the case's district; the next district may hold another one.
        distance = next(
            (
                plane.distance_m(pos.geom)
                for pos in world.last_positions
                if pos.staff == person.code
                and pos.district == where.district
                and report.at - FRESH <= pos.captured_at <= report.at
            ),
            math.inf,
        )
        if "primary" in assigned:
            role = 0
        elif "backup" in assigned:
            role = 1
        elif distance <= NEAR_M:
            role = 2
        else:
            continue
        load = min(world.open_load.get(person.code, 0), person.max_open)
        if load >= person.max_open:
            continue
        whole_metres = round(distance) if math.isfinite(distance) else math.inf
        ordered.append(((role, load, whole_metres, person.code), person))
    if ordered:
        (role, *_), person = min(ordered, key=lambda o: o[0])
        return person, ("STAFF_PRIMARY", "STAFF_BACKUP", "STAFF_NEARBY")[role]

    for height, code in enumerate(line_of(world, organisation)):
        leaders = [
            s
            for s in world.staff
            if s.organisation == code
            and s.role == "shift_leader"
            and s.active
            and on_duty(world, s, where.district, report.at)
        ]
        leader = min(leaders, key=lambda s: s.code, default=None)
        if leader is not None:
            return leader, "STAFF_PARENT" if height else "STAFF_SHIFT_LEADER"
        lead = lead_of(world, code)
        if lead is not None:
            return lead, "STAFF_PARENT" if height else "STAFF_LEAD"
    return None, "STAFF_NONE"


def choose_superior(
    world: World, report: Input, organisation: str, zones: set[tuple[str, str, int]], handler: Staff | None
) -> tuple[Staff | None, str]:
    assigned = [
        world.staff_member[z.staff]
        for z in world.zone_staff
        if z.zone in zones and z.role == "leader" and report.at in z.valid and world.staff_member[z.staff].active
    ]
    leader = min((s for s in assigned if s != handler), key=lambda s: s.code, default=None)
    if leader is not None:
        return leader, "SUPERIOR_ZONE_LEADER"
    for height, code in enumerate(line_of(world, organisation)):
        lead = lead_of(world, code)
        if lead is not None and lead != handler:
            return lead, "SUPERIOR_PARENT" if height else "SUPERIOR_LEAD"
    return None, "SUPERIOR_NONE"


def line_of(world: World, organisation: str) -> Iterator[str]:
    """The organisation, its parent, its parent's parent, and that one's parent: three ancestors and no fourth."""
    code: str | None = organisation
    for _ in range(1 + ANCESTORS_ASKED):
        if code is None:
            return
        yield code
        code = world.organisation[code].parent


def lead_of(world: World, organisation: str) -> Staff | None:
    """An organisation's lead, while still in service: nobody who is not active is ever named (§7)."""
    code = world.organisation[organisation].lead
    lead = world.staff_member[code] if code else None
    return lead if lead is not None and lead.active else None
