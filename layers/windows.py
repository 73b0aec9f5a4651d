"""The windows of a layer: the functions of the database through which anything above the public class is read.

Row-level security would cost the spatial index: PostgreSQL tests a policy before an operator that is not leakproof,
and no operator of PostGIS is. A window states the scope itself, beside the box and in the same statement, so the box
is found by the GiST index and the scope is asked of what was found. It belongs to a role that owns nothing else, and
knows its viewer by the transaction's own setting (`scopes.look_as`), never by an argument that a caller could
choose. Row-level security stays below, for whoever forgets the windows.

They are generated from a layer's folder whenever the database is migrated:

``see_<layer>(box, wanted, after, most[, since, until])``   features with every field
``tile_<layer>(box, most)``                                 what a tile carries of them
``dots_<layer>(box)``                                       where they are, to be counted
``near_<layer>(p, most, box)``                              features with every field, the nearest first
``squares_<layer>(zoom, west_x, north_y, east_x, south_y)`` of a personal layer, for others of the whole city: how
                                                            many there are in squares, none of which tells of few

A field that the viewer may not see is null in them, and one with a mask is masked. Every layer has besides:

``digest_<layer>()``   what its public content is, so that a load which changed none of it moves no version
"""

from __future__ import annotations

from psycopg import sql

from gisops.db.queries import load
from layers.classes import PERSONAL, PUBLIC, STAFF_ROLES, WORK
from layers.layer import UNIT, Field, Layer

_SQL = load("layers", "windows.sql")
KINDS = ("see", "tile", "dots", "near")
# The names of arguments and of what a window knows of its viewer: a field of the same name could not be told from them,
# or would be taken for them.
RESERVED = frozenset({
    "box", "wanted", "after", "most", "since", "until", "p", "geom", "geom_3857",
    "v_account", "v_everywhere", "v_staff", "v_organisation", "v_work", "v_personal", "v_units",
    "scope_unit", "scope_staff", "scope_superior", "scope_organisation",
})  # fmt: skip
_OPEN = {PUBLIC: sql.SQL("true"), WORK: sql.SQL("v_work"), PERSONAL: sql.SQL("v_personal")}
_GEOMETRIES = ("geom", "geom_3857")
# Whose a row is besides its unit's, and what is known of the viewer that makes it his.
_OWNER = {
    "staff": sql.SQL("v_staff"),
    "superior": sql.SQL("v_staff"),
    "organisation": sql.SQL("v_organisation"),
}


def reserved(layer: Layer) -> tuple[str, ...]:
    """Return the columns of a layer's view that are no fields: whose row it is."""
    if layer.scope != UNIT:
        return ()
    return ("scope_unit", *(f"scope_{own}" for own in layer.own))


def tile_columns(layer: Layer) -> tuple[Field, ...]:
    """Return the fields that tiles may carry, or that decide what they show, whoever looks."""
    by_zoom = layer.tiling.by_zoom_field
    return tuple(field for field in layer.fields if field.in_tiles or field.in_labels or field.name == by_zoom)


def sql_of(layer: Layer) -> str:
    """Return the statements that make a layer's grants and windows, once its view is there."""
    pieces = [_grants(layer), _digest(layer)]
    if layer.windowed:
        pieces += [_window(layer, kind) for kind in KINDS]
    if layer.field_class == PERSONAL:
        pieces.append(_squares(layer))
    return "\n".join(pieces)


def _grants(layer: Layer) -> str:
    relation = sql.Identifier(layer.relation)
    granted: list[sql.Composable] = []
    if layer.public:
        names = [*(field.name for field in layer.public_fields), *_GEOMETRIES]
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        granted.append(sql.SQL("GRANT SELECT ({}) ON {} TO gisops_app, gisops_reader;").format(columns, relation))
    if layer.windowed:
        granted.append(sql.SQL("GRANT SELECT ON {} TO gisops_windows;").format(relation))
    return _filled("grants", relation=relation, granted=sql.SQL("\n").join(granted)) + "\n"


def _digest(layer: Layer) -> str:
    """What the public sees is hashed row by row: 64 bits each, summed up. A layer that is not public, or that changes
    by itself, has no version to be moved, and so one digest for ever.
    """
    digested: sql.Composable = sql.SQL("'none'")
    if layer.public and not layer.live:
        names = [sql.SQL("t.{}").format(sql.Identifier(field.name)) for field in layer.public_fields]
        digested = sql.SQL(
            "count(*) || ' ' || coalesce(sum(hash_record_extended(ROW({}, t.geom::bytea), 0)), 0){} FROM {} AS t"
        ).format(
            sql.SQL(", ").join(names),
            sql.SQL(
                " || to_char(app_now() AT TIME ZONE coalesce((SELECT c.timezone FROM city AS c), 'UTC'), ' YYYYMMDD')"
                if layer.in_force
                else ""
            ),
            sql.Identifier(layer.relation),
        )
    return _filled("digest", digest=sql.Identifier(f"digest_{layer.id}"), digested=digested) + ";\n"


def _window(layer: Layer, kind: str) -> str:
    narrow = kind == "tile"
    fields = tile_columns(layer) if narrow else layer.fields
    geometries = ("geom_3857",) if narrow else _GEOMETRIES
    relation = sql.Identifier(layer.relation)
    names = [sql.Identifier(name) for name in (*(field.name for field in fields), *geometries)]
    function = sql.Identifier(f"{kind}_{layer.id}")
    shown = sql.SQL(", ").join(
        [
            *(field_of(layer, field) for field in fields),
            *(sql.SQL("t.{}").format(sql.Identifier(g)) for g in geometries),
        ]
    )
    made = _filled(
        kind,
        **{kind: function},
        # Of the view's own types, whatever they are: a window must not change a number on its way.
        columns=sql.SQL(", ").join(sql.SQL("{} {}.{}%TYPE").format(name, relation, name) for name in names),
        fields=shown,
        few=_few(layer, kind, shown),
        timed=sql.SQL(", since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL" if layer.time else ""),
        key=sql.Identifier(layer.key),
        **parts(layer, timed=kind == "see"),
    )
    return f"{made};\n{given_away(function)}\n"


def _squares(layer: Layer) -> str:
    function = sql.Identifier(f"squares_{layer.id}")
    made = _filled("squares", squares=function, relation=sql.Identifier(layer.relation), staff=_names(STAFF_ROLES))
    return f"{made};\n{_filled('given_away', function=function)};\n"


def _filled(name: str, **parts: sql.Composable) -> str:
    return sql.SQL(_SQL[name]).format(**parts).as_string(None)


def _told(name: str) -> str:
    """A piece without its first line, which says what it is."""
    return _SQL[name].partition("\n")[2] + ";"


def _names(names: frozenset[str]) -> sql.Composable:
    return sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(sql.Literal(name) for name in sorted(names)))


def _rows(layer: Layer) -> sql.Composable:
    """The view, each row beside the viewer's own entry for its unit, where there is one: one look into an index for
    each row that the box found; whoever sees the whole city has no account to look for (NULL), so it ends at the door.
    """
    relation = sql.Identifier(layer.relation)
    if layer.scope != UNIT:
        return sql.SQL("{} AS t").format(relation)
    return sql.SQL(
        "{} AS t LEFT JOIN account_units AS u ON u.account_id = v_account AND u.unit_id = t.scope_unit"
    ).format(relation)


def _in_scope(layer: Layer) -> sql.Composable:
    if layer.scope != UNIT:
        return sql.SQL("true")
    tests: list[sql.Composable] = [sql.SQL("v_everywhere"), sql.SQL("u.unit_id IS NOT NULL")]
    tests += [sql.SQL("t.{} = {}").format(sql.Identifier(f"scope_{own}"), _OWNER[own]) for own in layer.own]
    # Nobody's number equals none, and an unknown is no yes.
    return sql.SQL("({}) IS TRUE").format(sql.SQL(" OR ").join(tests))


# A box wider than a screenful, in degrees or in units of Web Mercator: some 2 km.
_WIDE = "ST_XMax(box) - ST_XMin(box) > CASE ST_SRID(box) WHEN 4326 THEN 0.02 ELSE 2500 END"
_ASKS_FOR_MUCH = {
    "see": f"wanted IS NULL AND (box IS NULL OR {_WIDE})",
    "tile": _WIDE,
    "dots": f"(box IS NULL OR {_WIDE})",
    "near": f"box IS NOT NULL AND {_WIDE}",
}


def _few(layer: Layer, kind: str, shown: sql.Composable) -> sql.Composable:
    """The way in for whoever sees little of a layer that is not open to anybody."""
    if layer.public or layer.scope != UNIT:
        return sql.SQL("")
    relation = sql.Identifier(layer.relation)
    # One statement for departments and one for the others, whose plan what it looks for besides would spoil.
    of_persons, of_departments = (
        _asked_of_few(layer, kind, shown, [each for each in layer.own if each != "organisation" or departments])
        for departments in (False, True)
    )
    of_a_department: sql.Composable = sql.SQL("")
    if "organisation" in layer.own:
        of_a_department = sql.SQL(_told("of_a_department")).format(relation=relation, asked=of_departments)
    return sql.SQL(_told("few")).format(
        wide=sql.SQL(_ASKS_FOR_MUCH[kind]), asked=of_persons, of_a_department=of_a_department
    )


def _asked_of_few(layer: Layer, kind: str, shown: sql.Composable, own: list[str]) -> sql.Composable:
    mine: list[sql.Composable] = [sql.SQL("r.scope_unit = ANY (v_units)")]
    mine += [sql.SQL("r.{} = {}").format(sql.Identifier(f"scope_{each}"), _OWNER[each]) for each in own]
    names = [*(field.name for field in layer.fields), *_GEOMETRIES]
    return sql.SQL(_told(f"few_{kind}").rstrip(";")).format(
        fields=shown,
        # OFFSET 0: first his rows, then what is asked of them.
        his=sql.SQL("(SELECT {} FROM {} AS r WHERE {} OFFSET 0) AS t").format(
            sql.SQL(", ").join(sql.SQL("r.{}").format(sql.Identifier(name)) for name in names),
            sql.Identifier(layer.relation),
            sql.SQL(" OR ").join(mine),
        ),
        key=sql.Identifier(layer.key),
        timely=_timely(layer),
    )


def _visible(layer: Layer, *, timed: bool) -> sql.Composable:
    """Which rows are there for the viewer. Those of a public layer are there for anybody."""
    tests: list[sql.Composable] = [sql.SQL("true") if layer.public else _in_scope(layer)]
    if timed:
        tests.append(_timely(layer))
    return sql.SQL(" AND ").join(tests)


def _timely(layer: Layer) -> sql.Composable:
    if layer.time is None:
        return sql.SQL("true")
    return sql.SQL("({m} IS NULL OR (since IS NULL OR {m} >= since) AND (until IS NULL OR {m} <= until))").format(
        m=sql.SQL("t.{}").format(sql.Identifier(layer.time))
    )


def field_of(layer: Layer, field: Field) -> sql.Composable:
    """A field as the viewer may see it: null where class or scope is closed to him, masked where it has a mask."""
    value: sql.Composable = sql.SQL("t.{}").format(sql.Identifier(field.name))
    if field.mask is not None:
        value = sql.SQL("{}({})").format(sql.Identifier(f"masked_{field.mask}"), value)
    if not layer.above(field):
        return value
    # Of a public layer every row is shown, and what is above the public class only of those in scope.
    tests: list[sql.Composable] = [_OPEN[field.field_class]]
    if layer.public and layer.scope == UNIT:
        tests.append(_in_scope(layer))
    return sql.SQL("CASE WHEN {} THEN {} END").format(sql.SQL(" AND ").join(tests), value)


def parts(layer: Layer, *, timed: bool = False) -> dict[str, sql.Composable]:
    """The pieces of a window that another one of the same layer is made of: who looks, and at which rows."""
    return {
        "known": sql.SQL(_told("known")),
        "who": sql.SQL(_told("who")).format(
            staff=_names(STAFF_ROLES), personal=_names(layer.personal_roles), open=_OPEN[layer.field_class]
        ),
        "rows": _rows(layer),
        "visible": _visible(layer, timed=timed),
    }


def given_away(function: sql.Identifier) -> str:
    """The statements that make a function its window's."""
    return _filled("given_away", function=function) + ";"
