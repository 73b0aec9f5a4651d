"""Filters in CQL2: each answer is what a reading of the features one by one, in Python, says; what cannot be right is
refused by name; and nothing is found by what is not shown.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import cql2 as other_parser
import pytest
import shapely
import shapely.geometry

from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput
from layers import cql2, filters
from layers.catalog import load_catalog
from layers.features import TooSlow, parse_order, read
from layers.reference_systems import CRS84, system_of
from layers.viewer import ANYBODY, Viewer, viewer_of
from tests.conftest import Database
from tests.layers import tiny_city

ADMIN = viewer_of("admin")
NAMES = ["一号楼", "Bridge House", "bridge house", "50% off", "it's", 'a "b"', "x_y", "back\\slash", "=1", None]
CITY = shapely.box(*tiny_city.CITY)


@pytest.fixture(scope="module", autouse=True)
def city(database: Database) -> None:
    rng = random.Random(5)
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        for n in range(60):
            west, south = round(rng.uniform(110.31, 110.38), 6), round(rng.uniform(20.01, 20.05), 6)
            owner.execute(
                "INSERT INTO buildings (code, name_zh, use, floors, height_m, households, residents, geom) VALUES"
                " (%s, %s, %s, %s, %s, %s, %s, ST_Multi(ST_MakeEnvelope(%s, %s, %s, %s, 4326)))",
                (
                    f"T-{n:03}", rng.choice(NAMES) or "", rng.choice(["residential", "office", "school"]),
                    rng.randint(1, 30), rng.choice([3.3, 9.9, 0.1, 33.0, 12.75]), rng.choice([None, 5, 24]),
                    rng.choice([None, 60, 61]), west, south, round(west + 0.004, 6), round(south + 0.003, 6),
                ),
            )  # fmt: skip
            read_at = rng.choice([None, datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=rng.randint(0, 48))])
            owner.execute(
                "INSERT INTO sensors (district_code, sensor_id, code, kind, name_zh, unit, last_value, last_at, geom)"
                " VALUES ('460199', gen_random_uuid(), %s, %s, %s, 'm', %s, %s, ST_Point(%s, %s, 4326))",
                (
                    f"T-{n:03}", rng.choice(["water_level", "rain"]), rng.choice(NAMES) or "样例",
                    None if read_at is None else rng.choice([-1.5, 0, 1e20, 2.25]), read_at, west, south,
                ),
            )  # fmt: skip


@pytest.fixture
def app(database: Database) -> Iterator[Connection]:
    with tiny_city.seeing(database.app_url, "admin") as opened:
        yield opened


def keys(conn: Connection, layer_id: str, viewer: Viewer, **asked: Any) -> list[str]:
    page = read(conn, load_catalog()[layer_id], viewer, limit=10_000, **asked)
    return [feature["id"] for feature in json.loads(f"[{page.features}]")]


def by_text(conn: Connection, layer_id: str, text: str, viewer: Viewer = ADMIN) -> list[str]:
    asked = filters.parse(text, "cql2-text", load_catalog()[layer_id], viewer)
    return keys(conn, layer_id, viewer, filters=(asked,))


# ---- against reading one by one ------------------------------------------------------------------------------------

Row = dict[str, Any]


@dataclass
class Drawn:
    """A condition in both languages, and what it is of a feature: true, false or unknown."""

    text: str
    json: Any
    of: Callable[[Row], bool | None]


def _quoted(value: Any) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMP('{value:%Y-%m-%dT%H:%M:%SZ}')"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else json.dumps(value)


def _told(value: Any) -> Any:
    return {"timestamp": f"{value:%Y-%m-%dT%H:%M:%SZ}"} if isinstance(value, datetime) else value


OPS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
SPACE: dict[str, Callable[[Any, Any], bool]] = {
    name: getattr(shapely, name)
    for name in ("intersects", "disjoint", "contains", "within", "touches", "crosses", "overlaps", "equals")
}


def _like(value: str, pattern: str) -> bool:
    made = ""
    steps = iter(pattern)
    for step in steps:
        made += {"%": ".*", "_": "."}.get(step) or re.escape(next(steps) if step == "\\" else step)
    return re.fullmatch(made, value, re.DOTALL) is not None


def drawn(rng: random.Random, fields: dict[str, list[Any]], rows: list[Row], depth: int) -> Drawn:
    """A condition at random on these fields, each with values that it may have."""
    if depth and rng.random() < 0.7:
        a, b = drawn(rng, fields, rows, depth - 1), drawn(rng, fields, rows, depth - 1)
        kind = rng.choice(["and", "or", "not"])
        if kind == "not":
            return Drawn(
                f"NOT ({a.text})", {"op": "not", "args": [a.json]}, lambda r: None if a.of(r) is None else not a.of(r)
            )
        decides = kind == "or"

        def of(r: Row) -> bool | None:
            x, y = a.of(r), b.of(r)
            return decides if decides in (x, y) else (None if None in (x, y) else not decides)

        return Drawn(f"({a.text}) {kind.upper()} ({b.text})", {"op": kind, "args": [a.json, b.json]}, of)
    sort = rng.choice(["compare", "compare", "between", "in", "null", "like", "space", "space", "casei", "time"])
    name = rng.choice(list(fields))
    value = rng.choice(fields[name])
    prop = {"property": name}
    if sort == "space":
        return _in_space(rng, rows)
    if sort == "null":
        negated = rng.random() < 0.5
        told = {"op": "isNull", "args": [prop]}
        return Drawn(
            f"{name} IS {'NOT ' if negated else ''}NULL", {"op": "not", "args": [told]} if negated else told,
            lambda r: (r[name] is None) != negated,
        )  # fmt: skip
    if sort == "in":
        some = [rng.choice(fields[name]) for _ in range(3)]
        return Drawn(
            f"{name} IN ({', '.join(map(_quoted, some))})", {"op": "in", "args": [prop, list(map(_told, some))]},
            lambda r: None if r[name] is None else r[name] in some,
        )  # fmt: skip
    if sort == "between" and not isinstance(value, str):
        low, high = sorted([value, rng.choice(fields[name])])
        return Drawn(
            f"{name} BETWEEN {_quoted(low)} AND {_quoted(high)}",
            {"op": "between", "args": [prop, _told(low), _told(high)]},
            lambda r: None if r[name] is None else low <= r[name] <= high,
        )
    if sort == "like" and isinstance(value, str):
        pattern = rng.choice([f"%{value[1:3]}%", value[:2] + "%", "_" + value[1:], value, "%", "50\\%%"])
        if (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 0:
            return Drawn(
                f"{name} LIKE {_quoted(pattern)}", {"op": "like", "args": [prop, pattern]},
                lambda r: None if r[name] is None else _like(r[name], pattern),
            )  # fmt: skip
    if sort == "casei" and isinstance(value, str):
        return Drawn(
            f"CASEI({name}) = CASEI({_quoted(value.upper())})",
            {"op": "=", "args": [{"op": "casei", "args": [prop]}, {"op": "casei", "args": [value.upper()]}]},
            lambda r: None if r[name] is None else r[name].lower() == value.lower(),
        )
    if sort == "time" and isinstance(value, datetime):
        end = value + timedelta(hours=6)
        return Drawn(
            f"T_INTERSECTS({name}, INTERVAL('{value:%Y-%m-%dT%H:%M:%SZ}', '{end:%Y-%m-%dT%H:%M:%SZ}'))",
            {"op": "t_intersects", "args": [prop, {"interval": [_told(value)["timestamp"], _told(end)["timestamp"]]}]},
            lambda r: None if r[name] is None else value <= r[name] <= end,
        )
    op = rng.choice(list(OPS))
    return Drawn(
        f"{name} {op} {_quoted(value)}", {"op": op, "args": [prop, _told(value)]},
        lambda r: None if r[name] is None else OPS[op](r[name], value),
    )  # fmt: skip


def _in_space(rng: random.Random, rows: list[Row]) -> Drawn:
    x, y = round(rng.uniform(110.31, 110.38), 6), round(rng.uniform(20.01, 20.05), 6)
    size = rng.choice([0.001, 0.01, 0.03])
    shape = rng.choice([
        shapely.box(x, y, x + size, y + size), shapely.Point(x, y), rng.choice(rows)["geom"],
        shapely.LineString([(x, y), (x + size, y + size / 2), (x + size, y)]),
        shapely.Polygon([(x, y), (x + size, y), (x, y + size)]), shapely.MultiPoint([(x, y), (x + size, y)]),
        shapely.MultiPolygon([shapely.box(x, y, x + size, y + size), shapely.box(x - 0.01, y, x - 0.005, y + size)]),
    ])  # fmt: skip
    name = rng.choice(list(SPACE))
    told: Any = json.loads(shapely.to_geojson(shape))
    text = shapely.to_wkt(shape, rounding_precision=-1)
    if isinstance(shape, shapely.Polygon) and shapely.equals(shape, shapely.envelope(shape)) and rng.random() < 0.5:
        told, text = {"bbox": list(shape.bounds)}, "BBOX({}, {}, {}, {})".format(*map(repr, shape.bounds))
    order = rng.random() < 0.8
    args = ["geom", text] if order else [text, "geom"]
    return Drawn(
        f"S_{name.upper()}({', '.join(args)})",
        {"op": f"s_{name}", "args": [{"property": "geom"}, told] if order else [told, {"property": "geom"}]},
        lambda r: bool(SPACE[name](r["geom"], shape) if order else SPACE[name](shape, r["geom"])),
    )


def rows_of(conn: Connection, layer_id: str, viewer: Viewer) -> tuple[list[Row], dict[str, list[Any]]]:
    layer = load_catalog()[layer_id]
    page = read(conn, layer, viewer, limit=10_000)
    found = []
    for feature in json.loads(f"[{page.features}]"):
        row = feature["properties"] | {"geom": shapely.geometry.shape(feature["geometry"]), "id": feature["id"]}
        for field in viewer.fields_of(layer):
            if field.type == "timestamp" and row[field.name] is not None:
                row[field.name] = datetime.fromisoformat(row[field.name])
        found.append(row)
    names = [field.name for field in viewer.fields_of(layer) if field.mask is None]
    values = {name: [row[name] for row in found if row[name] is not None] for name in names}
    return found, {name: some for name, some in values.items() if some}


@pytest.mark.parametrize(("layer_id", "viewer"), [("buildings", ANYBODY), ("buildings", ADMIN), ("sensors", ADMIN)])
def test_a_filter_finds_what_reading_one_by_one_finds(app: Connection, layer_id: str, viewer: Viewer) -> None:
    layer, rng = load_catalog()[layer_id], random.Random(f"{layer_id} {viewer.role}")
    rows, fields = rows_of(app, layer_id, viewer)
    assert len(rows) > 60
    some = 0
    for _ in range(120):
        asked = drawn(rng, fields, rows, 3)
        want = [row["id"] for row in rows if asked.of(row) is True]
        text = filters.parse(asked.text, "cql2-text", layer, viewer)
        told = filters.parse(json.dumps(asked.json), "cql2-json", layer, viewer)
        assert keys(app, layer_id, viewer, filters=(text,)) == want, asked.text
        # Both languages are one question.
        assert (told.text, told.box) == (text.text, text.box), asked.text
        assert dict(told.values) == dict(text.values), asked.text
        some += 0 < len(want) < len(rows)
    assert some > 40


def test_a_second_reader_of_cql2_reads_the_same(app: Connection) -> None:
    """Another project's reader of the text, written out as JSON, asks for the same features as ours."""
    layer, rng = load_catalog()["buildings"], random.Random(8)
    rows, fields = rows_of(app, "buildings", ADMIN)
    # It has no escape in patterns and no quote in a text; and doubles a box.
    plain = {
        name: [each for each in some if not isinstance(each, str) or each.isalnum()] for name, some in fields.items()
    }
    for _ in range(40):
        text = drawn(rng, {name: some for name, some in plain.items() if some}, rows, 2).text
        if "LIKE" in text or "BBOX" in text or "CASEI" in text:
            continue
        told = json.dumps(other_parser.parse_text(text).to_json())
        ours = filters.parse(text, "cql2-text", layer, ADMIN)
        theirs = filters.parse(told, "cql2-json", layer, ADMIN)
        assert keys(app, "buildings", ADMIN, filters=(theirs,)) == keys(app, "buildings", ADMIN, filters=(ours,)), text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        # AND before OR, NOT before both, as written out with parentheses.
        ("floors = 1 OR floors = 2 AND use = 'x'", "floors = 1 OR (floors = 2 AND use = 'x')"),
        ("NOT floors = 1 AND use = 'office'", "(NOT floors = 1) AND use = 'office'"),
        ("floors between 1 and 3 and use = 'office'", "(floors BETWEEN 1 AND 3) AND use = 'office'"),
        ("floors NOT IN (1, 2)", "NOT (floors IN (1, 2))"),
        ('"floors" >= 3', "floors >= 3.0"),
        ("(floors) = (3)", "floors = 3"),
        ("name_zh LIKE 'it\\'s'", "name_zh LIKE 'it''s'"),
        ("S_INTERSECTS(geometry, POINT (110.32 20.03))", "S_INTERSECTS(geom, POINT Z (110.32 20.03 5))"),
    ],
)
def test_the_text_is_read_as_the_standard_has_it(app: Connection, text: str, same: str) -> None:
    assert by_text(app, "buildings", text) == by_text(app, "buildings", same)


def test_properties_are_compared_with_each_other(app: Connection) -> None:
    rows, _ = rows_of(app, "buildings", ADMIN)
    want = [row["id"] for row in rows if row["households"] is not None and row["floors"] > row["households"]]
    assert want
    assert by_text(app, "buildings", "floors > households") == want


MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Each of a span a to b and another c to d, where a moment is a span that ends as it starts.
TIMES: dict[str, Callable[[Any, Any, Any, Any], bool]] = {
    "T_AFTER": lambda a, b, c, d: a > d,
    "T_BEFORE": lambda a, b, c, d: b < c,
    "T_DISJOINT": lambda a, b, c, d: b < c or a > d,
    "T_INTERSECTS": lambda a, b, c, d: not (b < c or a > d),
    "T_EQUALS": lambda a, b, c, d: (a, b) == (c, d),
    "T_CONTAINS": lambda a, b, c, d: a < c and b > d,
    "T_DURING": lambda a, b, c, d: a > c and b < d,
    "T_STARTS": lambda a, b, c, d: a == c and b < d,
    "T_STARTEDBY": lambda a, b, c, d: a == c and b > d,
    "T_FINISHES": lambda a, b, c, d: a > c and b == d,
    "T_FINISHEDBY": lambda a, b, c, d: a < c and b == d,
    "T_MEETS": lambda a, b, c, d: b == c,
    "T_METBY": lambda a, b, c, d: a == d,
    "T_OVERLAPS": lambda a, b, c, d: a < c < b < d,
    "T_OVERLAPPEDBY": lambda a, b, c, d: c < a < d < b,
}


@pytest.mark.parametrize("name", TIMES)
def test_every_temporal_function_is_what_its_name_says(app: Connection, name: str) -> None:
    rows, _ = rows_of(app, "sensors", ADMIN)
    for hours in ((0, 12), (-12, 0), (6, 18)):
        c, d = (MOMENT + timedelta(hours=each) for each in hours)
        span = f"INTERVAL('{c:%Y-%m-%dT%H:%M:%SZ}', '{d:%Y-%m-%dT%H:%M:%SZ}')"
        # A reading, and the time from then until the end of the month.
        end = datetime(2026, 3, 31, tzinfo=UTC)
        for term, until in (("last_at", None), ("INTERVAL(last_at, '2026-03-31')", end)):
            want = [
                row["id"]
                for row in rows
                if row["last_at"] is not None and TIMES[name](row["last_at"], until or row["last_at"], c, d)
            ]
            assert by_text(app, "sensors", f"{name}({term}, {span})") == want, (term, span)
    some = [row["last_at"] for row in rows if row["last_at"] is not None]
    want = [
        row["id"]
        for row in rows
        if row["last_at"] is not None and TIMES[name](row["last_at"], row["last_at"], some[0], some[0])
    ]
    assert by_text(app, "sensors", f"{name}(last_at, TIMESTAMP('{some[0]:%Y-%m-%dT%H:%M:%SZ}'))") == want


def test_an_open_interval_and_a_date(app: Connection) -> None:
    rows, _ = rows_of(app, "sensors", ADMIN)
    moments = {row["id"]: row["last_at"] for row in rows if row["last_at"] is not None}
    day = datetime(2026, 3, 2, tzinfo=UTC)
    for text in ("T_INTERSECTS(last_at, INTERVAL('2026-03-02', '..'))", "last_at >= DATE('2026-03-02')"):
        assert by_text(app, "sensors", text) == [key for key, at in moments.items() if at >= day]


def test_geometries_are_in_the_system_they_are_said_to_be_in(app: Connection) -> None:
    layer = load_catalog()["buildings"]
    rows, _ = rows_of(app, "buildings", ADMIN)
    for srid, box in ((4326, "20.02,110.33,20.04,110.35"), (4490, "20.02,110.33,20.04,110.35")):
        asked = filters.parse(f"S_WITHIN(geom, BBOX({box}))", "cql2-text", layer, ADMIN, system_of(srid))
        want = [row["id"] for row in rows if shapely.within(row["geom"], shapely.box(110.33, 20.02, 110.35, 20.04))]
        assert want
        assert keys(app, "buildings", ADMIN, filters=(asked,)) == want
    # Across the 180th meridian is round the other side of the world.
    asked = filters.parse("S_INTERSECTS(geom, BBOX(110.35, 20, 110.33, 20.1))", "cql2-text", layer, ADMIN)
    outside = [row["id"] for row in rows if row["geom"].bounds[2] >= 110.35 or row["geom"].bounds[0] <= 110.33]
    assert keys(app, "buildings", ADMIN, filters=(asked,)) == outside


# ---- what cannot be right ------------------------------------------------------------------------------------------

TOO_MUCH = " OR ".join(["floors = 1"] * 300)
WRONG = [
    ("", "ends too early"),
    ("floors", "a condition is needed"),
    ("1 = ", "ends too early"),
    ("floors = 1 AND", "ends too early"),
    ("floors == 1", "not understood"),
    ("floors + 1 = 2", "Arithmetic"),
    ("floors = '1'", "cannot be compared"),
    ("use > 3", "cannot be compared"),
    ("use LIKE use", "LIKE takes a pattern"),
    ("floors LIKE '1%'", "looks into a text"),
    ("use LIKE 'a\\'", "single"),
    ("use LIKE 'a\\\\\\'", "single"),
    (f"use LIKE '{'%a' * 20}'", "wildcards"),
    ("colour = 'red'", "no property 'colour'"),
    ("scope_unit = 1", "no property 'scope_unit'"),
    ("geom_3857 IS NULL", "no property 'geom_3857'"),
    ("pg_sleep(10) = 1", "no function 'pg_sleep'"),
    ("CASEI(floors) = 'x'", "takes a text"),
    ("CASEI(use, use) = 'x'", "takes 1 argument"),
    ("S_INTERSECTS(use, POINT(1 2))", "takes geometries"),
    ("S_INTERSECTS(geom, POINT(200 20))", "outside"),
    ("S_INTERSECTS(geom, POINT(1e999 20))", "not finite"),
    ("S_INTERSECTS(geom, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))", "not valid"),
    ("S_INTERSECTS(geom, POLYGON((0 0, 1 1)))", "cannot be read"),
    ("S_INTERSECTS(geom, BBOX(1, 2, 3))", "BBOX takes four"),
    ("S_INTERSECTS(geom, BBOX(1, 5, 3, 2))", "BBOX is the lower corner"),
    ("T_AFTER(use, DATE('2026-01-01'))", "takes moments"),
    ("T_AFTER(last_at, DATE('yesterday'))", "is no moment"),
    ("T_AFTER(last_at, DATE('2026-02-30'))", "is no moment"),
    ("T_DURING(last_at, INTERVAL('2026-03-02', '2026-03-01'))", "start before its end"),
    ("floors = 1e999", "finite"),
    ("use = 'a\x00b'", "U+0000"),
    ("use IS NULL; DROP TABLE buildings", "not understood"),
    ("use = 'x' -- y", "not understood"),
    ("(" * 3000 + "floors = 1" + ")" * 3000, None),
    (TOO_MUCH, "parts"),
    ("use = '" + "x" * 30_000 + "'", "characters"),
]


@pytest.mark.parametrize(("text", "says"), WRONG, ids=[text[:40] for text, _ in WRONG])
def test_what_cannot_be_right_is_refused_and_named(app: Connection, text: str, says: str | None) -> None:
    layer = load_catalog()["sensors" if "last_at" in text else "buildings"]
    if says is None:
        # Parentheses are no parts: however many, they cost nothing.
        assert filters.parse(text, "cql2-text", layer, ADMIN) == filters.parse("floors = 1", "cql2-text", layer, ADMIN)
        return
    with pytest.raises(InvalidInput) as caught:
        filters.parse(text, "cql2-text", layer, ADMIN)
    assert caught.value.facts["parameter"] == "filter"
    assert says in caught.value.message


DEEP: Any = {"op": "=", "args": [{"property": "floors"}, 1]}
for _ in range(60):
    DEEP = {"op": "not", "args": [DEEP]}


@pytest.mark.parametrize(
    "told",
    [
        "", "[", "null", "[]", "{}", '{"op": 1}', '{"op": "and", "args": []}', '{"op": "=", "args": [1]}',
        '{"op": "in", "args": [{"property": "floors"}, []]}',
        '{"op": "between", "args": [{"property": "floors"}, [1, 2]]}',
        '{"op": "+", "args": [1, 2]}', '{"op": "like", "args": [{"property": "use"}, 1]}', '{"property": 1}',
        '{"op": "s_intersects", "args": [{"property": "geom"}, {"type": "Point", "coordinates": ["a", {}]}]}',
        '{"op": "s_intersects", "args": [{"property": "geom"}, {"type": "Point", "coordinates": []}]}',
        '{"op": "s_intersects", "args": [{"property": "geom"}, {"type": "Nothing", "coordinates": [1, 2]}]}',
        '{"op": "s_intersects", "args": [{"property": "geom"}, {"type": "GeometryCollection", "geometries": [1]}]}',
        '{"op": "t_after", "args": [{"timestamp": 5}, {"date": "2026-01-01"}]}', '{"interval": ["a"]}', "9" * 5000,
        json.dumps(DEEP), "[" * 5000,
    ],
    ids=lambda told: told[:30],
)  # fmt: skip
def test_json_that_cannot_be_right_is_refused(told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        filters.parse(told, "cql2-json", load_catalog()["buildings"], ADMIN)
    assert caught.value.facts["parameter"] == "filter"


def test_what_a_text_says_never_becomes_sql(app: Connection) -> None:
    """Whatever is quoted is a value: it is found as such, and the statement is the same for each."""
    layer = load_catalog()["buildings"]
    texts = ["'; DROP TABLE buildings; --", "%(f0)s", "%s", "' OR '1'='1", "\\x", "$1", "{0}", "1); SELECT pg_sleep(9)"]
    statements = set()
    for text in texts:
        quoted = text.replace("'", "''")
        asked = filters.parse(f"name_zh = '{quoted}' OR use IN ('{quoted}')", "cql2-text", layer, ANYBODY)
        assert keys(app, "buildings", ANYBODY, filters=(asked,)) == []
        statements.add(asked.text)
    assert len(statements) == 1
    assert len(filters.parse("use IN ('a', 'b', 'c')", "cql2-text", layer, ANYBODY).text) == len(
        filters.parse("use IN ('a')", "cql2-text", layer, ANYBODY).text
    )


def test_nobody_asks_by_a_field_that_is_not_his(app: Connection) -> None:
    layer = load_catalog()["buildings"]
    with pytest.raises(InvalidInput) as hidden:
        filters.parse("residents = 60", "cql2-text", layer, ANYBODY)
    with pytest.raises(InvalidInput) as never:
        filters.parse("recidents = 60", "cql2-text", layer, ANYBODY)
    assert hidden.value.message.replace("residents", "recidents") == never.value.message
    assert "residents" not in hidden.value.facts["properties"]
    assert filters.parse("residents = 60", "cql2-text", layer, ADMIN)


def test_a_masked_value_is_found_by_its_mask_alone(app: Connection) -> None:
    """Of a person in charge an admin is shown a first character: by no more than that can he be looked for."""
    shown = [row["responsible_person"] for row in rows_of(app, "places", ADMIN)[0]]
    assert shown == ["甲"] or "*" in shown[0]
    assert by_text(app, "places", f"responsible_person = '{shown[0]}'") == ["PL-01"]
    assert by_text(app, "places", "phone = '000'") == []
    with pytest.raises(InvalidInput):
        parse_order("phone", load_catalog()["places"], ADMIN)


# ---- sorting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("viewer", [ANYBODY, ADMIN])
@pytest.mark.parametrize("sortby", ["height_m", "-height_m", "name_zh,-floors", "-use,name_zh", "code", "-code"])
def test_pages_in_an_order_lose_nothing_and_repeat_nothing(app: Connection, viewer: Viewer, sortby: str) -> None:
    layer = load_catalog()["buildings"]
    rows, _ = rows_of(app, "buildings", viewer)
    want = rows
    # From the last that is sorted by to the first, as sorting keeps the order of what is equal. Nulls last.
    for piece in reversed(sortby.split(",")):
        name, down = piece.lstrip("-"), piece.startswith("-")
        there = sorted((row for row in want if row[name] is not None), key=lambda row: row[name], reverse=False)
        if down:
            there = sorted(reversed(there), key=lambda row: row[name], reverse=True)
            there = [row for value in dict.fromkeys(row[name] for row in there) for row in want if row[name] == value]
        want = there + [row for row in want if row[name] is None]
    order = parse_order(sortby, layer, viewer)
    walked: list[str] = []
    after = None
    while True:
        page = read(app, layer, viewer, order=order, limit=7, after=after)
        walked += [feature["id"] for feature in json.loads(f"[{page.features}]")]
        after = page.after
        if after is None:
            break
    assert walked == [row["id"] for row in want]


def test_a_filtered_walk_through_a_window_loses_nothing(app: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window is looked through so many at a time: here three."""
    monkeypatch.setattr("layers.features._FIRST_LOOK", 3)
    monkeypatch.setattr("layers.features._LOOK_FURTHER", 1)
    layer = load_catalog()["buildings"]
    asked = filters.parse("floors > 15 AND use <> 'school'", "cql2-text", layer, ADMIN)
    rows, _ = rows_of(app, "buildings", ADMIN)
    want = [row["id"] for row in rows if row["floors"] > 15 and row["use"] != "school"]
    walked: list[str] = []
    after = None
    while True:
        page = read(app, layer, ADMIN, filters=(asked,), limit=2, after=after, count=True)
        assert page.matched == len(want)
        walked += [feature["id"] for feature in json.loads(f"[{page.features}]")]
        after = page.after
        if after is None:
            break
    assert walked == want


@pytest.mark.parametrize(
    "token", ["x", "W10", "bnVsbA", "WyJhIl0", "W3t9LCJhIl0", "WyJub3QgYSBudW1iZXIiLCJhIl0", "é", "=" * 9]
)
def test_a_place_that_no_page_gave_is_refused(app: Connection, token: str) -> None:
    layer = load_catalog()["buildings"]
    with pytest.raises(InvalidInput):
        read(app, layer, ADMIN, order=parse_order("height_m", layer, ADMIN), after=token)


@pytest.mark.parametrize(
    "sortby", ["", "-", "colour", "residents,residents", "code,use,floors,height_m,name_zh", "geom", "code desc"]
)
def test_an_order_that_cannot_be_is_refused(sortby: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_order(sortby, load_catalog()["buildings"], ADMIN)
    assert caught.value.facts["parameter"] == "sortby"


# ---- what it costs -------------------------------------------------------------------------------------------------


def test_a_question_is_cut_off_when_its_time_is_up(app: Connection, database: Database) -> None:
    """Here it waits for somebody who holds the table; and nothing of it is left on the connection."""
    layer = load_catalog()["buildings"]
    asked = filters.parse("floors > 0", "cql2-text", layer, ANYBODY)
    with connect(database.owner_url) as owner:
        owner.execute("LOCK TABLE buildings IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TooSlow) as caught:
            read(app, layer, ANYBODY, filters=(asked,), patience_s=0.2)
        owner.rollback()
    assert caught.value.code == "too_slow"
    app.rollback()
    row = app.execute("SELECT current_setting('statement_timeout') AS now").fetchone()
    assert row == {"now": "30s"}


def test_a_box_within_a_filter_is_looked_for_by_the_index() -> None:
    layer = load_catalog()["buildings"]
    inside = filters.parse(
        "use = 'office' AND S_INTERSECTS(geom, BBOX(110.33, 20.02, 110.34, 20.03))", "cql2-text", layer, ADMIN
    )
    assert inside.box == pytest.approx((110.33, 20.02, 110.34, 20.03))
    for text in ("use = 'office' OR S_INTERSECTS(geom, POINT(110.33 20.02))", "NOT S_INTERSECTS(geom, POINT(110 20))",
                 "S_DISJOINT(geom, POINT(110 20))"):  # fmt: skip
        assert filters.parse(text, "cql2-text", layer, ADMIN).box is None


def test_a_filter_is_read_in_no_time() -> None:
    """The longest there may be, in a second on any machine: nothing in the reader grows faster than the text."""
    started = datetime.now(UTC)
    for text in (
        "((((" * 4_000,
        "NOT " * 4_000,
        "'" * 19_999,
        "use LIKE '" + "\\'" * 9_000 + "x",
        "1 " * 9_000,
    ):
        with pytest.raises(InvalidInput):
            cql2.parse(text, "cql2-text")
    assert (datetime.now(UTC) - started).total_seconds() < 5


def test_systems_have_their_own_axes() -> None:
    assert [system_of(srid).north_first for srid in (4326, 3857, 4490, 4546, 4525)] == [True, False, True, True, True]
    assert not CRS84.north_first
