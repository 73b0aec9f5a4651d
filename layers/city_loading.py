"""A file becomes a layer of the city, or takes the place of what one held: read, typed, described, drawn, in one go.

The rows go as text into a table of the transaction, in batches, so that a file larger than memory is no larger a load;
what their columns are is known once all were seen, and then they are written as that, in the order of the ground. The
layer's table, view, windows and description change together, or not at all.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from gisops.db.pool import Connection
from gisops.db.queries import load as load_queries
from gisops.errors import InvalidInput
from gisops.loads import agreement, lookups
from gisops.loads.batches import Options
from gisops.loads.failures import MissingGeometry
from gisops.loads.lookups import Known
from gisops.loads.publishing import NotPublishable
from gisops.loads.reading import Source, open_source
from gisops.loads.tables import Place
from layers import city_layers, describing
from layers.city_layers import Own
from layers.describing import ROW_NO
from layers.incoming import Column, Incoming, Refusal
from layers.layer import UNIT, Layer
from layers.told import InvalidLayer
from layers.wanted import Wanted

_SQL = load_queries("layers", "city_loading.sql")
Step = Callable[[int, int | None], None]

_SQL_TYPES = {
    "text": "text",
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamptz",
}
# A row's number in its file: a key where there is no better one, and otherwise nothing anybody asked for.
_SPARE = {("GPKG", "fid"), ("GeoJSON", "id")}
_SHAPES = {"point": "Point", "line": "MultiLineString", "polygon": "MultiPolygon", "mixed": "Geometry"}


@dataclass(frozen=True, slots=True)
class Brought:
    """What a load did. ``moved``: what anybody may see is another now; ``refused`` by reason; ``notes`` in words."""

    layer: Layer
    new: bool
    rows: int
    mended: int
    refused: tuple[Refusal, ...]
    moved: bool
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Plan:
    """How the file's columns become the layer's fields: ``label`` and ``key`` are fields, the key None for a row's
    number; ``told_key``: it was named, so that rows without it, or with another's, are refused. ``spare``: a column
    that is none unless it is the key.
    """

    layer_id: str
    before: Own | None
    base: dict[str, Any]
    columns: list[Column]
    key: str | None
    told_key: bool
    label: str | None
    spare: str | None
    notes: list[str] = field(default_factory=list)

    @property
    def ids(self) -> dict[str, str]:
        """Column of the file -> field."""
        return {column.source: column.field for column in self.columns}


def load(
    conn: Connection,
    path: Path,
    wanted: Wanted,
    *,
    allow_refused: int = 0,
    step: Step = lambda done, total: None,
) -> Brought:
    """Load a file as one of the city's own layers, as the owner, within the caller's transaction.

    A layer of that id which the city brought before gets the file's rows in place of its own and keeps its description,
    but for what is told anew. Raises the errors of `gisops.loads.reading`, ``InvalidLayer``, ``LayerTaken``,
    ``NotReady`` before there is a city, and ``NotPublishable`` for more refused rows than are allowed.
    """
    layer_id = str(wanted.layer.get("id", ""))
    before = _found(conn, layer_id)
    base = tomllib.loads(before.description) if before else {}
    known = lookups.read(conn)
    geometry = wanted.layer.get("geometry", base.get("geometry"))
    options = Options(
        **wanted.reading, expected=geometry if geometry in ("point", "line", "polygon") else "any", extent=known.extent
    )
    conn.execute(_SQL["patience"])
    _run(conn, "zone", timezone=sql.Literal(known.timezone.key))
    try:
        with open_source(path, options) as source:
            if not source.has_geometry:
                raise MissingGeometry(f"{path.name} has no geometry; name its columns: --x, --y or --wkt.")
            plan = _plan(layer_id, wanted, before, base, source, options)
            incoming = Incoming(conn, plan.columns, known, guess=source.driver in ("CSV", "GeoJSON"))
            incoming.make()
            for batch in source.batches():
                incoming.take(batch)
                step(incoming.read, source.total_rows or source.about_rows)
        brought = _bring(conn, path, wanted, plan, source, incoming, known, geometry, allow_refused)
    except (psycopg.DataError, psycopg.errors.CheckViolation) as error:
        raise InvalidLayer(f"{path.name}: {error.diag.message_primary or error}", file=path.name) from error
    return brought


def _found(conn: Connection, layer_id: str) -> Own | None:
    if not layer_id:
        raise InvalidLayer("A layer needs an id: lower-case letters, digits and _.", do="--set id=street_trees")
    if not describing.FIELD.fullmatch(layer_id):
        raise InvalidLayer(f"{layer_id!r} is no id: lower-case letters, digits and _, a letter first, 2 to 41 of them.")
    before = city_layers.find(conn, layer_id)
    if before is None:
        city_layers.check_free(conn, layer_id)
    return before


# Columns --------------------------------------------------------------------------------------------------------------


def _plan(
    layer_id: str, wanted: Wanted, before: Own | None, base: dict[str, Any], source: Source, options: Options
) -> _Plan:
    there = [column.name for column in source.columns]
    place = Place.of(there, options, source.path.name) if source.driver == "CSV" else None
    left_out = wanted.leave_out | set(place.columns if place else ())
    mapped = {**(before.file_columns if before else {}), **wanted.columns}
    if absent := sorted(set(mapped.values()) - set(there)):
        raise InvalidLayer(
            f"{source.path.name} has no column {', '.join(absent)}; it has {', '.join(there) or 'none'}.",
            absent=absent,
            columns=there,
            do="" if before is None else f"gisops layers drop {layer_id}   (then load it as a new layer)",
        )
    ids = {column: name for name, column in mapped.items()}
    notes: list[str] = []
    spare = there[0] if there and (source.driver, there[0]) in _SPARE and there[0] not in ids else None
    if before is None:
        ids |= describing.field_ids(
            (name for name in there if name not in ids and name not in left_out and name != spare), mapped
        )
        if spare is not None and spare not in left_out and spare not in ids.values():
            ids[spare] = spare
    elif new := [name for name in there if name not in ids and name not in left_out and name != spare]:
        notes.append(f"新列未载入 / new columns, left out: {', '.join(new)}")
    told = {**base.get("fields", {}), **wanted.fields}
    types = {name: given["type"] for name, given in told.items() if "type" in given}
    if unknown := sorted(set(types.values()) - set(_SQL_TYPES)):
        raise InvalidLayer(f"{unknown[0]!r} is no type of a field; there are {', '.join(_SQL_TYPES)}.")
    columns = [
        Column(n, name, ids[name], types.get(ids[name])) for n, name in enumerate(sorted(ids, key=there.index), 1)
    ]
    plan = _Plan(layer_id, before, base, columns, None, False, None, spare if before is None else None, notes)
    if unknown := sorted(set(wanted.fields) - set(plan.ids.values()) - {ROW_NO}):
        raise InvalidLayer(
            f"No column of {source.path.name} becomes the field {', '.join(unknown)}; fields are "
            f"{', '.join(f'{one} ({column})' for column, one in plan.ids.items())}. Name the column in [columns].",
            unknown=unknown,
        )
    key = wanted.layer.get("key", base.get("key"))
    plan.told_key = key is not None and key != ROW_NO
    plan.key = _field(plan, str(key)) if plan.told_key else None
    if wanted.label is not None:
        plan.label = _field(plan, wanted.label)
    elif before is None:
        plan.label = next((plan.ids[name] for name in describing.first_of(describing.LABELS, plan.ids)), None)
    for column in columns:
        # A key is compared as text, whatever it is made of.
        if column.field == plan.key:
            column.declared = "text"
    return plan


def _field(plan: _Plan, name: str) -> str:
    """A field by its own name or its column's."""
    if name in plan.ids.values():
        return name
    if name in plan.ids:
        return plan.ids[name]
    raise InvalidLayer(f"There is no column {name}; there are {', '.join(plan.ids) or 'none'}.", columns=list(plan.ids))


# Rows -----------------------------------------------------------------------------------------------------------------


def _bring(
    conn: Connection,
    path: Path,
    wanted: Wanted,
    plan: _Plan,
    source: Source,
    incoming: Incoming,
    known: Known,
    geometry: str | None,
    allow_refused: int,
) -> Brought:
    if incoming.taken and incoming.outside == incoming.taken:
        west, south, east, north = known.extent
        raise InvalidInput(
            f"Nothing of {path.name} lies in the city ({west:.3f}, {south:.3f} to {east:.3f}, {north:.3f}); is it in "
            "another reference system?",
            file=path.name,
            do="gisops load --look FILE; then --crs …",
        )
    _choose_key(incoming, plan)
    refused = incoming.refusals()
    if (count := sum(one.rows for one in refused)) > allow_refused:
        said = "; ".join(f"{one.rows:,} × {one.zh} / {one.en} ({one.first})" for one in refused)
        raise NotPublishable(
            f"{count:,} of {incoming.read:,} rows of {path.name} are refused: {said}.",
            refused=count,
            do=f"Mend the file, or leave them behind: --allow-refused {count}",
        )
    if not incoming.taken:
        raise InvalidInput(f"{path.name} holds no row.", file=path.name)
    kind = geometry or incoming.geometry()
    described = _described(conn, wanted, plan, incoming, kind)
    _fill(conn, plan, incoming, kind, scoped=described["scope"] == UNIT)
    text, drawn = _finished(conn, wanted, plan, described)
    layer = city_layers.described(plan.layer_id, text, drawn)
    for comment in city_layers.comments(layer, sql.Identifier("staging")):
        conn.execute(comment)
    moved = city_layers.keep(
        conn,
        layer,
        text,
        {column.field: column.source for column in plan.columns},
        file_name=path.name,
        sha256=source.sha256,
        row_count=incoming.taken,
    )
    notes = [*plan.notes, *(f"{one.zh} / {one.en}" for one in source.file_findings), *_about(conn, source, incoming)]
    return Brought(layer, plan.before is None, incoming.taken, incoming.mended, tuple(refused), moved, tuple(notes))


def _about(conn: Connection, source: Source, incoming: Incoming) -> list[str]:
    notes = []
    if incoming.outside:
        notes.append(f"{incoming.outside:,} 个在本市范围外 / lie outside the city's box")
    places = incoming.places()
    judged = agreement.judge_datum(conn, places, {}, source.chosen_crs) if len(places) else None
    if judged is not None:
        notes.append(f"坐标系检查 / datum: {judged['zh']} / {judged['en']}")
    return notes


def _choose_key(incoming: Incoming, plan: _Plan) -> None:
    """Rows without the key that was named, or with another's, are refused; where none was named, the first column that
    is called like a key and tells every row apart is taken, else the row's number.
    """
    if plan.told_key:
        incoming.refuse_keys(next(column for column in plan.columns if column.field == plan.key))
    elif plan.before is None:
        names = describing.first_of(describing.KEYS, (name for name in plan.ids if name != plan.spare))
        for name in [*names, *([plan.spare] if plan.spare in plan.ids else [])]:
            column = next(column for column in plan.columns if column.source == name)
            if incoming.tells_apart(column):
                plan.key, column.declared = column.field, "text"
                break
        else:
            plan.notes.append("没有唯一的编号列，以行号为键 / no column tells rows apart: the row's number is the key")
    plan.columns = [column for column in plan.columns if column.source != plan.spare or column.field == plan.key]


def _described(conn: Connection, wanted: Wanted, plan: _Plan, incoming: Incoming, geometry: str) -> dict[str, Any]:
    """The description, but for how it is cut into tiles."""
    base = {name: value for name, value in plan.base.items() if name not in ("fields", "tiles")}
    told = {"class": "work", **base, **wanted.layer, "geometry": geometry, "key": plan.key or ROW_NO}
    told.setdefault("order", city_layers.next_order(conn))
    usual = wanted.field_class or describing.class_of_fields(told["class"])
    fields: dict[str, dict[str, Any]] = {}
    if plan.key is None:
        numbered = plan.base.get("fields", {}).get(ROW_NO)
        fields[ROW_NO] = numbered or describing.field_of("行号 / row number", "text", told["class"])
    for column in plan.columns:
        found = describing.field_of(column.source, incoming.type_of(column), usual)
        earlier = plan.base.get("fields", {}).get(column.field)
        fields[column.field] = {**(earlier or found), **wanted.fields.get(column.field, {})}
        if earlier is not None and wanted.field_class is not None:
            fields[column.field]["class"] = wanted.fields.get(column.field, {}).get("class", wanted.field_class)
    if ROW_NO in fields:
        fields[ROW_NO] |= wanted.fields.get(ROW_NO, {})
    if "time" in told:
        told["time"] = _field(plan, told["time"])
    if "search" in told:
        told["search"] = [_field(plan, name) if name != ROW_NO else name for name in told["search"]]
    label = plan.label or _label_of(fields, told["key"]) if plan.before is not None else plan.label
    plan.label = label
    return describing.complete(told, fields, label)


def _label_of(fields: dict[str, dict[str, Any]], key: str) -> str | None:
    """The field that labels carried before, beside the key."""
    return next((name for name, told in fields.items() if told.get("in_labels") and name != key), None)


def _finished(conn: Connection, wanted: Wanted, plan: _Plan, described: dict[str, Any]) -> tuple[str, str]:
    """The description as text, with the tiles it needs, and the style."""
    tiles = wanted.tiles if wanted.tiles is not None else plan.base.get("tiles")
    if tiles is None:
        made = sql.SQL(_SQL["fullest"]).format(table=_table(plan))
        full = {row["zoom"]: (row["features"], row["corners"]) for row in conn.execute(made)}
        tiles, minzoom = describing.tiling_of(full, described["geometry"], plan.label)
        if "minzoom" not in wanted.layer:
            described["minzoom"] = minzoom
    text = describing.toml({**described, "tiles": tiles} if tiles else described)
    if plan.before is not None and plan.base.get("geometry") == described["geometry"]:
        return text, plan.before.style
    titles = (described["title_zh"], described["title_en"])
    return text, describing.style_of(plan.layer_id, described["geometry"], described["family_en"], titles, plan.label)


def _table(plan: _Plan) -> sql.Identifier:
    return sql.Identifier(f"city_{plan.layer_id}")


def _fill(conn: Connection, plan: _Plan, incoming: Incoming, geometry: str, *, scoped: bool) -> None:
    """Make the layer's table where things wait, and fill it."""
    table = _table(plan)
    columns: list[sql.Composable] = []
    names: list[sql.Composable] = []
    values: list[sql.Composable] = []
    if plan.key is None:
        columns.append(sql.SQL("{} text PRIMARY KEY").format(sql.Identifier(ROW_NO)))
        names.append(sql.Identifier(ROW_NO))
        values.append(sql.SQL("lpad(row_no::text, 9, '0')"))
    for column in plan.columns:
        kind, name = incoming.type_of(column), sql.Identifier(column.field)
        primary = sql.SQL(" PRIMARY KEY" if column.field == plan.key else "")
        columns.append(sql.SQL("{} {}{}").format(name, sql.SQL(_SQL_TYPES[kind]), primary))
        names.append(name)
        values.append(incoming.value_of(column, _SQL_TYPES[kind]))
    unit = "unit_id int REFERENCES scope_units," if scoped else ""
    _run(conn, "clear", table=table)
    _run(
        conn,
        "make",
        table=table,
        columns=sql.SQL(",\n  ").join(columns),
        unit=sql.SQL(unit),
        shape=sql.SQL(_SHAPES[geometry]),
    )
    several = geometry in ("line", "polygon")
    _run(
        conn,
        "fill",
        table=table,
        names=sql.SQL(", ").join(names),
        values=sql.SQL(", ").join(values),
        geometry=sql.SQL("ST_Multi(geom)" if several else "geom"),
    )
    told = f"city_{plan.layer_id}"
    _run(
        conn,
        "index",
        table=table,
        geom_index=sql.Identifier(f"{told}_geom"),
        geom_3857_index=sql.Identifier(f"{told}_geom_3857"),
    )
    if scoped:
        _run(conn, "index_unit", table=table, index=sql.Identifier(f"{told}_unit"))
        said = sql.Literal("work: The smallest unit that holds a point of it; null outside all of them.")
        conn.execute(sql.SQL("COMMENT ON COLUMN staging.{}.unit_id IS {}").format(table, said))
    _run(conn, "analyze", table=table)


def _run(conn: Connection, name: str, **pieces: Any) -> None:
    conn.execute(sql.SQL(_SQL[name]).format(**pieces))
