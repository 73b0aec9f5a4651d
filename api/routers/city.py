"""The city as every screen needs it first: its name, its box, its categories, the layers there are."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import answers, looks
from api.deps import Caller, Layers, Seeing, SeeingCtx
from api.schemas.answers import answering
from api.schemas.answers import city as described
from layers import freshness

router = APIRouter(prefix="/api", tags=["city"])


@router.get("/city", openapi_extra={"x-permission": "public", "x-scope": "none"}, responses=answering(described.City))
def city(caller: Caller, ctx: SeeingCtx, conn: Seeing, catalog: Layers) -> Response:
    """Name, box, whose map it is, and layers: those that are shipped, with ``allowed`` for whether one is open to the
    caller, and of those that the city brought itself the ones that are. ``updated_at``: when it was loaded; ``stale``:
    whether that is longer ago than its cycle; both where the caller may know.

    ``sample`` is null for a city of one's own; ``made_up`` is false where the ground is a real city's.
    """
    sample = ctx.settings.get("sample")
    west, south, east, north = ctx.extent
    viewer = looks.viewer_for(caller)
    fresh = freshness.told(conn, catalog, viewer)
    layers = [
        {
            "id": layer.id,
            "title_zh": layer.title_zh,
            "title_en": layer.title_en,
            "family": {"zh": layer.family_zh, "en": layer.family_en},
            "class": layer.field_class,
            "geometry": layer.geometry,
            "minzoom": layer.minzoom,
            "maxzoom": layer.maxzoom,
            "allowed": viewer.may_see(layer),
            **fresh[layer.id],
        }
        for layer in catalog
        if viewer.may_see(layer) or layer.id not in catalog.own
    ]
    return answers.json(
        {
            "code": ctx.code,
            "name_zh": ctx.name_zh,
            "name_en": ctx.name_en,
            "bbox": [west, south, east, north],
            "center": [(west + east) / 2, (south + north) / 2],
            "crs": "EPSG:4326",
            "timezone": ctx.timezone.key,
            # Whoever drew the ground is named on the map itself; open licences ask for it.
            "attribution": (sample or ctx.settings).get("attribution"),
            "sample": None if sample is None else {"made_up": bool(sample.get("made_up", True))},
            "layers": layers,
        }
    )


@router.get(
    "/categories",
    openapi_extra={"x-permission": "public", "x-scope": "none"},
    responses=answering(described.Categories),
)
def categories(caller: Caller, ctx: SeeingCtx) -> Response:
    """What can be reported, in the city's scheme; without a sign-in what citizens may choose."""
    shown = [
        {
            "code": category.code,
            "kind": category.code[0],
            "name_zh": category.name_zh,
            "name_en": category.name_en,
            "severity": category.severity,
        }
        for category in ctx.categories.values()
        if category.scheme == ctx.category_scheme and (category.public or caller is not None)
    ]
    return answers.json({"scheme": ctx.category_scheme, "categories": shown})
