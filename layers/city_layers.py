"""A city's own layers: each a row of ``city_layers`` and a table ``city_<id>``, with views and windows like any layer.

A row holds the very text of a ``layer.toml`` and a ``style.json``; what a folder's ``view.sql`` says follows from it,
as the table has the layer's fields for columns. So a city brings ninety layers without a line of code, and everything
that reads layers reads them alike. Every change is made by the owner, whole or not at all, in one transaction with the
views and windows that belong to it; servers follow within a second (`api.catalogs`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from gisops.access import audit, scopes
from gisops.db import migrate
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import Conflict, NotFound
from layers import reveals, style, windows
from layers.catalog import Catalog, CatalogError, Layer, check, load_catalog, own_layer
from layers.layer import UNIT
from layers.told import InvalidLayer

log = logging.getLogger(__name__)

_SQL = load("layers", "city_layers.sql")
# Where a city's own layers begin: above all that is shipped.
FIRST_ORDER = 1_000
# The relations of layers are named after their ids, and so is the layer of labels in a tile.
_RESERVED_ENDS = ("_label",)


class LayerTaken(Conflict):
    """There is a layer of this id already, or something else of its name."""

    code = "layer_taken"


@dataclass(frozen=True, slots=True)
class Own:
    """One of the city's own layers as it is kept. ``file_columns``: the file's column of each field."""

    layer_id: str
    description: str
    style: str
    file_columns: Mapping[str, str]
    scoped: bool
    file_name: str
    row_count: int
    made_at: datetime
    changed_at: datetime

    @property
    def layer(self) -> Layer:
        """The layer it describes. Raises ``CatalogError``."""
        return own_layer(self.layer_id, self.description, self.style)


def find(conn: Connection, layer_id: str) -> Own | None:
    """One of the city's own layers, or None."""
    row = conn.execute(_SQL["one"], {"layer": layer_id}).fetchone()
    return None if row is None else Own(**row)


def one(conn: Connection, layer_id: str) -> Own:
    """One of the city's own layers. Raises ``NotFound``, with where else it may be."""
    found = find(conn, layer_id)
    if found is None:
        shipped = layer_id in {layer.id for layer in load_catalog()}
        what = f"The layer {layer_id} is shipped: its folder says what it is." if shipped else None
        raise NotFound(what or f"The city brought no layer {layer_id!r}.", layer=layer_id, do="gisops layers")
    return found


def row_counts(conn: Connection) -> dict[str, int]:
    """How many rows each of the city's own layers holds."""
    return {row["layer_id"]: row["row_count"] for row in conn.execute(_SQL["counts"])}


def next_order(conn: Connection) -> int:
    """The place above every layer there is."""
    row = conn.execute(_SQL["next_order"]).fetchone()
    highest = row["highest"] if row else None
    return FIRST_ORDER if highest is None else max(FIRST_ORDER, int(highest) + 1)


def check_free(conn: Connection, layer_id: str) -> None:
    """See that a layer of this id can be made. Raises ``InvalidLayer`` and ``LayerTaken``."""
    if layer_id.endswith(_RESERVED_ENDS):
        raise InvalidLayer(f"{layer_id}: an id does not end in _label, which names the labels in a tile.")
    if layer_id in {layer.id for layer in load_catalog()}:
        raise LayerTaken(f"The layer {layer_id} is shipped; give yours another id: --set id=…", layer=layer_id)
    if names := [row["name"] for row in conn.execute(_SQL["taken"], {"layer": layer_id})]:
        raise LayerTaken(
            f"The id {layer_id} would make {names[0]}, which is there; give another: --set id=…", layer=layer_id
        )


def described(layer_id: str, description: str, drawn: str) -> Layer:
    """Read a description and a style as everything will read them. Raises ``InvalidLayer`` with what is wrong."""
    try:
        layer = own_layer(layer_id, description, drawn)
        for theme in style.THEMES:
            style.fragments(layer, theme)
    except (CatalogError, KeyError, TypeError) as error:
        raise InvalidLayer(str(error), layer=layer_id) from error
    return layer


def sql_of(layer: Layer) -> str:
    """The statements that make a layer's view over its table, its grants and its windows."""
    table, view = sql.Identifier(f"city_{layer.id}"), sql.Identifier(layer.relation)
    columns: list[sql.Composable] = [sql.Identifier(field.name) for field in layer.fields]
    columns += [sql.Identifier("geom"), sql.Identifier("geom_3857")]
    if layer.scope == UNIT:
        columns.append(sql.SQL("unit_id AS scope_unit"))
    made = sql.SQL("DROP VIEW IF EXISTS {view};\nCREATE VIEW {view} AS SELECT {columns} FROM {table};\n").format(
        view=view, table=table, columns=sql.SQL(", ").join(columns)
    )
    return made.as_string(None) + windows.sql_of(layer) + reveals.sql_of(layer)


def views(conn: Connection) -> list[tuple[str, str]]:
    """``(name, sql)`` of the view and windows of each of the city's own layers, for the migrator, in whose transaction
    it is asked. One that cannot be read, or whose id a release has taken since, is left without its grants, and so
    closed to everybody; it is said in the log.
    """
    shipped = {layer.id for layer in load_catalog()}
    found: list[tuple[str, str]] = []
    for row in conn.execute(_SQL["all"]).fetchall():
        try:
            if row["layer_id"] in shipped:
                raise CatalogError("this release ships a layer of that name")
            layer = own_layer(row["layer_id"], row["description"], row["style"])
        except CatalogError as error:
            log.error("layer %s is closed to everybody: %s", row["layer_id"], error)
        else:
            found.append((layer.relation, sql_of(layer)))
    return found


def keep(
    conn: Connection,
    layer: Layer,
    description: str,
    file_columns: Mapping[str, str],
    *,
    file_name: str,
    sha256: str,
    row_count: int,
) -> bool:
    """Put a layer's table, which waits in the schema ``staging``, in the place of what was there, with its views and
    windows, in the caller's transaction. Says whether what anybody may see has become another.
    """
    _unmake(conn, layer.id)
    table = sql.Identifier(f"city_{layer.id}")
    conn.execute(sql.SQL("ALTER TABLE staging.{} SET SCHEMA public").format(table))
    conn.execute(
        _SQL["keep"],
        {
            "layer": layer.id,
            "description": description,
            "style": layer.style,
            "file_columns": Jsonb(dict(file_columns)),
            "scoped": layer.scope == UNIT,
            "file_name": file_name,
            "sha256": sha256,
            "row_count": row_count,
        },
    )
    return _made(conn, layer, rows=row_count)


def change(conn: Connection, layer_id: str, description: str, drawn: str | None = None) -> Layer:
    """Give a layer another description and, where told, another style; its rows stay, in the caller's transaction.

    Raises ``NotFound``, and ``InvalidLayer`` where the rows do not fit it.
    """
    before = one(conn, layer_id)
    layer = described(layer_id, description, before.style if drawn is None else drawn)
    table = sql.Identifier(f"city_{layer_id}")
    _unmake(conn, layer_id, rows=False)
    scoped = layer.scope == UNIT
    if scoped and not before.scoped:
        said = f"{layer.field_class}: The smallest unit that holds a point of it; null outside all of them."
        _run(conn, "add_unit", table=table, comment=sql.Literal(said), index=sql.Identifier(f"city_{layer_id}_unit"))
    elif before.scoped and not scoped:
        _run(conn, "drop_unit", table=table)
    told = {"layer": layer_id, "description": description, "style": layer.style, "scoped": scoped}
    conn.execute(_SQL["describe"], told)
    for statement in comments(layer, sql.Identifier("public")):
        conn.execute(statement)
    _made(conn, layer, rows=before.row_count)
    return layer


def drop(conn: Connection, layer_id: str) -> Own:
    """Take a layer away with its rows, in the caller's transaction. Raises ``NotFound``."""
    gone = one(conn, layer_id)
    # What a release made under an id that it has taken since is the release's.
    _unmake(conn, layer_id, views=layer_id not in {layer.id for layer in load_catalog()})
    conn.execute(_SQL["forget"], {"layer": layer_id})
    audit.add(conn, "undo", layer_id, rows=gone.row_count)
    return gone


def comments(layer: Layer, schema: sql.Identifier) -> list[sql.Composed]:
    """What a layer's table and columns are, each with its class, as `gisops.lint` wants them and the notebook reads."""
    table = sql.SQL("{}.{}").format(schema, sql.Identifier(f"city_{layer.id}"))
    told = {field.name: f"{field.field_class}: {field.meaning}" for field in layer.fields}
    told |= {"geom": f"{layer.field_class}: Where."}
    told |= {"geom_3857": f"{layer.field_class}: The same in Web Mercator, for tiles."}
    said = [sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(f"reference: {layer.description}"))]
    said += [
        sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(table, sql.Identifier(name), sql.Literal(words))
        for name, words in told.items()
    ]
    return said


def _made(conn: Connection, layer: Layer, *, rows: int) -> bool:
    """Make a layer's view and windows over the table that is there, and tell everybody."""
    if layer.scope == UNIT:
        scopes.settle(conn, tables=[f"city_{layer.id}"])
    conn.execute(sql_of(layer).encode())
    _fits(conn, layer)
    moved = conn.execute(_SQL["changed"], {"layer": layer.id}).fetchone()
    audit.add(conn, "load", layer.id, rows=rows)
    return bool(moved and moved["moved"])


def _fits(conn: Connection, layer: Layer) -> None:
    try:
        check(conn, Catalog((layer,)))
    except CatalogError as error:
        raise InvalidLayer(str(error), layer=layer.id, do=f"gisops layers show {layer.id}") from error


def _unmake(conn: Connection, layer_id: str, *, views: bool = True, rows: bool = True) -> None:
    """Take away what was made for a layer, if anything was; nobody migrates meanwhile."""
    migrate.hold(conn)
    view, table = sql.Identifier(f"layer_{layer_id}"), sql.Identifier(f"city_{layer_id}")
    if views:
        conn.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
        for row in conn.execute(_SQL["functions"], {"layer": layer_id}).fetchall():
            conn.execute(f"DROP FUNCTION {row['name']}".encode())
    if rows:
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))


def _run(conn: Connection, name: str, **pieces: Any) -> None:
    conn.execute(sql.SQL(_SQL[name]).format(**pieces))
