"""The statements that read a layer's features, as text for psycopg.

Composed with SQLAlchemy Core and GeoAlchemy2 and compiled once per shape of question (layer, fields, which filters);
psycopg's one connection executes them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    CTE,
    Boolean,
    Column,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy import DateTime as Timestamp
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect

from layers.conditions import AsItsColumn
from layers.filters import Filter
from layers.layer import Layer
from layers.reference_systems import CRS84, ReferenceSystem

# What features are sorted by: fields, and whether the greatest comes first.
Order = tuple[tuple[str, bool], ...]
_TYPES: dict[str, Any] = {
    "text": String, "integer": Integer, "number": Double, "boolean": Boolean, "timestamp": Timestamp(timezone=True),
}  # fmt: skip
_DIALECT = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]


def relation_of(layer: Layer) -> Table:
    """Return the layer's view as a SQLAlchemy table, as its folder describes it."""
    return Table(layer.relation, MetaData(), *_columns(layer))


def _columns(layer: Layer) -> list[Column[Any]]:
    return [
        *(Column(field.name, _TYPES[field.type]) for field in layer.fields),
        Column("geom", Geometry(srid=4326, spatial_index=False)),
        Column("geom_3857", Geometry(srid=3857, spatial_index=False)),
    ]


def _seen(layer: Layer, filters: tuple[bool, bool], after: Any, most: Any, name: str, key: Any = None) -> FromClause:
    """The layer through its window (layers/windows.py), which knows the box, the time and the page itself."""
    boxed, timed = filters
    nothing: ColumnElement[Any] = literal_column("NULL")
    asked = [_box() if boxed else nothing, nothing if key is None else key, after, most]
    if timed and layer.time is not None:
        asked += [bindparam(end, type_=Timestamp(timezone=True)) for end in ("start", "end")]
    return getattr(func, f"see_{layer.id}")(*asked).table_valued(*_columns(layer), name=name)  # type: ignore[no-any-return]


def _box() -> ColumnElement[Any]:
    sides = (bindparam(side, type_=Double) for side in ("west", "south", "east", "north"))
    return func.ST_MakeEnvelope(*sides, literal_column("4326"))


def _geometry(table: FromClause, layer: Layer, system: ReferenceSystem) -> ColumnElement[Any]:
    """The geometry in a system and in the order of its axes, with no more decimals than a survey has: half the text of
    a double.
    """
    shown: Any = table.c.geom
    if system.srid == 3857:
        shown = table.c.geom_3857
    elif system.srid != 4326:
        shown = func.ST_Transform(shown, literal_column(str(system.srid)))
    if system.north_first:
        shown = func.ST_FlipCoordinates(shown)
    elif layer.geometry in ("polygon", "mixed"):
        # Outer rings turn left, inner ones right (RFC 7946, 3.1.6). The function would turn lines round as well.
        turned = func.ST_ForcePolygonCCW(shown)
        shown = turned if layer.geometry == "polygon" else case((_areal(shown), turned), else_=shown)
    # 0: without a member that names the system, which the answer's header does.
    return cast(func.ST_AsGeoJSON(shown, literal_column(str(system.decimals)), literal_column("0")), JSON)


def _areal(shape: Any) -> ColumnElement[bool]:
    return func.ST_Dimension(shape) == literal_column("2")


def _feature(
    table: FromClause, layer: Layer, fields: tuple[str, ...], system: ReferenceSystem = CRS84
) -> ColumnElement[str]:
    """One feature as text. Its id is its key."""
    pairs: list[Any] = []
    for name in fields:
        pairs += [literal_column(f"'{name}'"), table.c[name]]
    return cast(
        func.json_build_object(
            literal_column("'type'"),
            literal_column("'Feature'"),
            literal_column("'id'"),
            table.c[layer.key],
            literal_column("'geometry'"),
            _geometry(table, layer, system),
            literal_column("'properties'"),
            func.json_build_object(*pairs),
        ),
        String,
    )


def _where(table: FromClause, layer: Layer, filters: tuple[bool, bool]) -> list[ColumnElement[bool]]:
    boxed, timed = filters
    found: list[ColumnElement[bool]] = []
    if boxed:
        box = _box()
        # The operator finds candidates by index, whose boxes are rounded outwards by a metre or two; the second test is
        # the truth.
        found.append(table.c.geom.op("&&")(box))
        found.append(func.ST_Intersects(table.c.geom, box))
    if timed and layer.time is not None:
        moment = table.c[layer.time]
        start, end = (bindparam(end, type_=Timestamp(timezone=True)) for end in ("start", "end"))
        found.append(
            or_(moment.is_(None), and_(or_(start.is_(None), moment >= start), or_(end.is_(None), moment <= end)))
        )
    return found


@lru_cache(maxsize=512)
def page_sql(
    layer: Layer,
    fields: tuple[str, ...],
    filters: tuple[bool, bool],
    continued: bool,
    window: bool,
    system: ReferenceSystem = CRS84,
) -> str:
    """One page: ``features`` (joined by commas), ``returned``, ``last`` (key) and whether there is ``more``.

    ``filters`` says whether there is a box and whether there is a time; ``continued``, whether there is an ``after``;
    ``window``, whether the layer is read through its window.
    """
    if window:
        return _page_through_window(layer, fields, filters, system)
    table = relation_of(layer)
    key = table.c[layer.key]
    where = _where(table, layer, filters)
    if continued:
        where.append(key > bindparam("after", type_=String))
    # Ties included, so that features which share a key are never parted by a page's end.
    page = (
        select(key.label("key"), _feature(table, layer, fields, system).label("feature"))
        .where(*where)
        .order_by(key)
        .fetch(_one_more(), with_ties=True)
        .cte("page")
    )
    rest = table.alias("rest")
    behind = rest.c[layer.key] > select(func.max(page.c.key)).scalar_subquery()
    return _page(page, select(literal_column("1")).select_from(rest).where(*_where(rest, layer, filters), behind))


def _page_through_window(
    layer: Layer, fields: tuple[str, ...], filters: tuple[bool, bool], system: ReferenceSystem
) -> str:
    seen = _seen(layer, filters, bindparam("after", type_=String), _one_more(), "seen")
    page = select(seen.c[layer.key].label("key"), _feature(seen, layer, fields, system).label("feature")).cte("page")
    last = select(func.max(page.c.key)).scalar_subquery()
    return _page(
        page, select(literal_column("1")).select_from(_seen(layer, filters, last, literal_column("1"), "rest"))
    )


def _one_more() -> ColumnElement[int]:
    """One more than a page holds: by it is seen whether there is more, and nothing is looked for twice."""
    return bindparam("limit", type_=Integer) + literal_column("1")


def _page(page: CTE, behind: Select[Any]) -> str:
    """The page without the one too many. Only where that one shares the last one's key is it looked for what is behind
    them.
    """
    limit = bindparam("limit", type_=Integer)
    last = select(page.c.key).order_by(page.c.key).offset(limit - literal_column("1")).limit(literal_column("1"))
    end = last.cte("last")
    here = or_(end.c.key.is_(None), page.c.key <= end.c.key)
    more = case(
        (func.bool_or(page.c.key > end.c.key), literal_column("true")),
        (func.count() <= limit, literal_column("false")),
        else_=behind.exists(),
    )
    features = func.string_agg(page.c.feature, aggregate_order_by(literal_column("','"), page.c.key))
    return _compiled(
        select(
            features.filter(here).label("features"),
            func.count().filter(here).label("returned"),
            func.max(page.c.key).filter(here).label("last"),
            more.label("more"),
        ).select_from(page.outerjoin(end, literal_column("true")))
    )


@lru_cache(maxsize=256)
def rows_sql(
    layer: Layer,
    fields: tuple[str, ...],
    filters: tuple[bool, bool],
    window: bool,
    system: ReferenceSystem,
    conditions: tuple[Filter, ...],
    order: Order,
    behind: tuple[bool, ...] | None,
) -> str:
    """The first features that pass, in an order: ``key``, ``feature`` and ``place`` (JSON: by what it was sorted).

    ``behind``, for going on behind a feature, says of each of what is sorted by whether it is null there; its values
    are ``after0``, ``after1`` and so on, its key ``after``. There are ``most`` rows, if there are as many, and those
    that share the last one's place.
    """
    nothing: ColumnElement[Any] = literal_column("NULL")
    if window:
        table = _seen(layer, filters, nothing, nothing, "seen")
        where: list[ColumnElement[bool]] = []
    else:
        table = relation_of(layer)
        where = _where(table, layer, filters)
    key, sorts = table.c[layer.key], [_sortable(table, layer, name) for name, _ in order]
    if behind is not None:
        where.append(_behind(key, [(by, desc) for by, (_, desc) in zip(sorts, order, strict=True)], behind))
    by = [(each.desc() if desc else each.asc()).nulls_last() for each, (_, desc) in zip(sorts, order, strict=True)]
    return _compiled(
        select(
            key.label("key"),
            _feature(table, layer, fields, system).label("feature"),
            cast(func.json_build_array(*sorts), String).label("place"),
        )
        .where(*where, *(each.condition for each in conditions))
        .order_by(*by, key)
        .fetch(bindparam("most", type_=Integer), with_ties=True)
    )


def _sortable(table: FromClause, layer: Layer, name: str) -> ColumnElement[Any]:
    # What is told as text may be kept as something else.
    return cast(table.c[name], Text) if layer.field(name).type == "text" else table.c[name]


def _behind(
    key: ColumnElement[Any], sorts: list[tuple[ColumnElement[Any], bool]], nulls: tuple[bool, ...]
) -> ColumnElement[bool]:
    """What comes after a place: greater in the first that differs, nulls last."""
    onward: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for n, ((by, descending), null) in enumerate(zip(sorts, nulls, strict=True)):
        at = bindparam(f"after{n}", type_=AsItsColumn())
        if null:
            same.append(by.is_(None))
            continue
        further = or_(by < at if descending else by > at, by.is_(None))
        onward.append(and_(*same, further))
        same.append(by == at)
    onward.append(and_(*same, key > bindparam("after", type_=String)))
    return or_(*onward)


@lru_cache(maxsize=256)
def chunk_sql(
    layer: Layer,
    fields: tuple[str, ...],
    filters: tuple[bool, bool],
    system: ReferenceSystem,
    conditions: tuple[Filter, ...],
) -> str:
    """Of the next ``chunk`` features of a window, those that pass: ``keys`` and ``features``, in the order of their
    keys; and of all that were looked at, how many (``looked``) and the ``last`` one's key.
    """
    after, chunk = bindparam("after", type_=String), bindparam("chunk", type_=Integer)
    seen = select(_seen(layer, filters, after, chunk, "window")).cte("seen").prefix_with("MATERIALIZED")
    page = (
        select(seen.c[layer.key].label("key"), _feature(seen, layer, fields, system).label("feature"))
        .where(*(each.condition for each in conditions))
        .order_by(seen.c[layer.key])
        .fetch(bindparam("most", type_=Integer), with_ties=True)
        .subquery("page")
    )
    return _compiled(
        select(
            select(func.count()).select_from(seen).scalar_subquery().label("looked"),
            select(func.max(seen.c[layer.key])).scalar_subquery().label("last"),
            func.array_agg(aggregate_order_by(page.c.key, page.c.key)).label("keys"),
            func.array_agg(aggregate_order_by(page.c.feature, page.c.key)).label("features"),
        )
    )


@lru_cache(maxsize=512)
def count_sql(layer: Layer, filters: tuple[bool, bool], window: bool, conditions: tuple[Filter, ...] = ()) -> str:
    """How many features pass the filters, as ``matched``."""
    passing = [each.condition for each in conditions]
    if window and not conditions and not (filters[1] and layer.time):
        dots = getattr(func, f"dots_{layer.id}")(*([_box()] if filters[0] else []))
        return _compiled(select(func.count().label("matched")).select_from(dots.alias("dots")))
    if window:
        return _compiled(
            select(func.count().label("matched"))
            .select_from(_seen(layer, filters, literal_column("NULL"), literal_column("NULL"), "seen"))
            .where(*passing)
        )
    table = relation_of(layer)
    where = [*_where(table, layer, filters), *passing]
    return _compiled(select(func.count().label("matched")).select_from(table).where(*where))


@lru_cache(maxsize=512)
def one_sql(layer: Layer, fields: tuple[str, ...], window: bool, system: ReferenceSystem = CRS84) -> str:
    """The one feature whose key is ``key``, as ``feature``."""
    nothing: ColumnElement[Any] = literal_column("NULL")
    if window:
        seen = _seen(layer, (False, False), nothing, nothing, "seen", bindparam("key", type_=String))
        return _compiled(select(_feature(seen, layer, fields, system).label("feature")).limit(literal_column("1")))
    table = relation_of(layer)
    wanted = table.c[layer.key] == bindparam("key", type_=String)
    feature = _feature(table, layer, fields, system).label("feature")
    return _compiled(select(feature).where(wanted).limit(literal_column("1")))


def _compiled(statement: Select[Any]) -> str:
    """Compile to psycopg's placeholders. Every value is a named parameter; anything else would be a literal left
    behind.
    """
    compiled = statement.compile(dialect=_DIALECT)
    left_behind = {name for name, value in compiled.params.items() if value is not None}
    if left_behind:
        raise AssertionError(f"a literal became a parameter: {left_behind}")
    return str(compiled)
