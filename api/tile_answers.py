"""The one way in which any route answers with a tile: who may see it, who may keep it, and under which name.

What stands in a tile's address as ``v`` names the *public* content of its layers, and nothing else: whoever asks with
it, signed in or not, is given what anybody is given, so that one copy serves all. What a viewer may see beyond that has
an address without a name, and is his alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import Request, Response

from api import answers, looks, metrics
from api.auth import Identity
from api.ready_tiles import OFFER, encoding_for, pack
from gisops.access import scopes
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound
from layers.catalog import Catalog, Layer
from layers.versions import joint, versions_of
from layers.viewer import ANYBODY, Viewer
from tiles.cache import TileCache
from tiles.counts import IN_FORCE_S, covers
from tiles.grid import Tile
from tiles.live import LiveTiles, may_be_kept
from tiles.mvt import CONTENT_TYPE, draw, is_public, tile_fields

YEAR_S, DAY_S = 31_536_000, 86_400
MOST_LAYERS = 20


def layers_named(catalog: Catalog, ids: str) -> tuple[Layer, ...]:
    """Return the layers of an address like ``a,b,c``. Raises ``NotFound`` for one that is not there, ``InvalidInput``
    for one that is named twice, and for more than a tile takes.
    """
    names = ids.split(",")
    if len(names) > MOST_LAYERS:
        raise InvalidInput(
            f"A tile holds at most {MOST_LAYERS} layers, not {len(names)}.", parameter="layers", most=MOST_LAYERS
        )
    chosen = tuple(catalog[name] for name in names)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidInput(f"Each layer is named once; {', '.join(twice)} is not.", parameter="layers", twice=twice)
    return chosen


def answer(
    request: Request,
    conn: Connection,
    caller: Identity | None,
    layers: Sequence[Layer],
    at: Tile,
    *,
    v: str | None,
    if_none_match: str | None,
    accept_encoding: str,
) -> Response:
    """Answer with one tile of one layer or several, which follow one another; of several, one that has no tiles for the
    zoom adds nothing. Raises ``NotSignedIn``, ``NotAllowed``, and ``NotFound`` where a single layer has none.
    """
    viewer = looks.viewer_for(caller)
    for layer in layers:
        viewer.require(layer)
    if v is not None and all(layer.public for layer in layers):
        viewer = ANYBODY
    public = all(is_public(layer, viewer) for layer in layers)
    ids = [layer.id for layer in layers]
    # Before anything is cut: what is cut afterwards may be newer than its name, and is never older. Whoever asks by the
    # name that this process knows need not be looked after once more.
    versions: Mapping[str, str] = request.app.state.catalogs.versions
    if v is None or v != joint(ids, versions):
        versions = versions_of(conn, [layer for layer in layers if is_public(layer, viewer) or covers(layer, at.z)])
    named = joint(ids, versions) if public else None
    drawn = b"".join(_drawn(request, conn, caller, viewer, layer, versions, at) for layer in _with_tiles(layers, at))
    current = v is not None and v == named
    body, packed = pack(drawn, encoding_for(accept_encoding.encode("latin-1")), kept=current)
    headers = {
        "ETag": answers.tag(drawn),
        "Cache-Control": _cache_control(layers, viewer, public, current),
        # Under a name everybody gets the same.
        "Vary": "Accept-Encoding" if public and v is not None else "Accept-Encoding, Authorization, Cookie",
    }
    if public:
        # What anybody may keep, any page may draw: a planner's saved map, another city's portal. To a page of another
        # origin browsers send no session with "*", so it never sees more than a stranger does.
        headers |= {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    if current and (offer := request.scope.get(OFFER)) is not None:
        # The door keeps it, and tells whoever has it already that nothing changed.
        offer.take(tuple((layer.id, versions[layer.id]) for layer in layers), _kept_s(layers), request.scope["route"])
    elif answers.has(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if not drawn:
        return Response(status_code=204, headers=headers)
    if packed != "identity":
        headers["Content-Encoding"] = packed
    return Response(body, media_type=CONTENT_TYPE, headers=headers)


def _kept_s(layers: Sequence[Layer]) -> float:
    return IN_FORCE_S if any(layer.in_force for layer in layers) else YEAR_S


def _with_tiles(layers: Sequence[Layer], at: Tile) -> Sequence[Layer]:
    shown = [layer for layer in layers if layer.minzoom <= at.z <= layer.maxzoom]
    if not shown and len(layers) == 1:
        (layer,) = layers
        raise NotFound(
            f"The layer {layer.id} has tiles for zoom {layer.minzoom} to {layer.maxzoom}.",
            parameter="z",
            layer=layer.id,
            minzoom=layer.minzoom,
            maxzoom=layer.maxzoom,
        )
    return shown


def _drawn(
    request: Request,
    conn: Connection,
    caller: Identity | None,
    viewer: Viewer,
    layer: Layer,
    versions: Mapping[str, str],
    at: Tile,
) -> bytes:
    # Where everybody alike is told counts, of what anybody may see all of, they are the same for who sees more.
    if is_public(layer, viewer) or covers(layer, at.z):
        kept: TileCache = request.app.state.tiles
        return kept.tile(conn, layer, versions.get(layer.id), at)
    fields = tile_fields(layer, viewer)
    if may_be_kept(layer, _classes(layer, viewer)):
        scope = scopes.word_of_viewer(conn)
        live: LiveTiles = request.app.state.live_tiles
        if scope is not None:
            named = " ".join((scope, *(field.name for field in fields)))
            cuts: list[bytes] = []

            def cut() -> bytes:
                cuts.append(draw(conn, layer, viewer, at)[0])
                return cuts[0]

            drawn = live.tile(layer, named, scope.startswith("city "), at, cut)
            metrics.count_live_tile("cut" if cuts else "kept")
            return drawn
    drawn, shown = draw(conn, layer, viewer, at)
    looks.looked(conn, caller, layer, fields, f"{at.z}/{at.x}/{at.y}", shown)
    return drawn


def _cache_control(layers: Sequence[Layer], viewer: Viewer, public: bool, current: bool) -> str:
    """Who may keep a tile, and for how long.

    What anybody may see is kept by anybody: for good under its version's name, and to ask again otherwise. What is told
    by events is the viewer's own browser's to keep, which asks each time whether it is so and whether he may still see
    it. Everything else is kept by nobody: it is made anew in a few milliseconds, and a copy outlives a scope.
    """
    if current:
        return f"public, max-age={DAY_S if any(layer.in_force for layer in layers) else YEAR_S}, immutable"
    if public:
        return "public, no-cache"
    if all(is_public(layer, viewer) or may_be_kept(layer, _classes(layer, viewer)) for layer in layers):
        return "private, no-cache"
    return "private, no-store"


def _classes(layer: Layer, viewer: Viewer) -> set[str]:
    return {layer.field_class, *(field.field_class for field in tile_fields(layer, viewer))}
