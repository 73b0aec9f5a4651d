"""A question for a collection's features, as an address asks it: read once, checked before a connection is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request

from api.ogc_route import refuse_unknown
from layers import features
from layers.cql2 import Language
from layers.features import MAX_LIMIT, BBox, Interval
from layers.layer import Layer
from layers.reference_systems import CRS84, ReferenceSystem, parse_system
from layers.viewer import Viewer

Extent = tuple[float, float, float, float]
# The parameters of the standard and ours. A queryable of the same name is asked by filter.
PARAMETERS = frozenset({
    "bbox", "bbox-crs", "datetime", "limit", "after", "count", "crs", "filter", "filter-lang", "filter-crs", "sortby",
    "f",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one collection by one viewer, all that can be read without the database."""

    layer: Layer
    viewer: Viewer
    bbox: str | None
    bbox_crs: str | None
    interval: Interval | None
    limit: int
    after: str | None
    count: bool
    crs: str | None
    condition: str | None
    language: Language
    filter_crs: str | None
    sortby: str | None
    equal: tuple[tuple[str, str], ...]
    html: bool

    @classmethod
    def of(
        cls, request: Request, layer: Layer, viewer: Viewer, *, moment: str | None, limit: int, **sent: Any
    ) -> Question:
        """Read the parameters that are the same for every collection, and see that the others are queryables of this
        one. Raises ``InvalidInput``.
        """
        equal = tuple((name, value) for name, value in request.query_params.items() if name not in PARAMETERS)
        if equal:
            names = {field.name for field in viewer.fields_of(layer)}
            refuse_unknown((name for name, _ in equal), PARAMETERS | names)
        interval = features.parse_interval(moment) if moment is not None else None
        return cls(layer, viewer, interval=interval, limit=min(limit, MAX_LIMIT), equal=equal, **sent)

    @property
    def costly(self) -> bool:
        """Whether more may have to be looked through than is told."""
        return bool(self.condition is not None or self.sortby is not None or self.equal or self.count)

    @property
    def names_systems(self) -> bool:
        """Whether a reference system is named, of which the city's extent decides which there are."""
        return any(each is not None for each in (self.crs, self.bbox_crs, self.filter_crs))

    def asked(self, extent: Extent | None) -> tuple[dict[str, Any], ReferenceSystem]:
        """Return what `layers.features.read` takes, and the system in which geometries are told; a page is told in
        degrees. Raises ``InvalidInput``.
        """

        def system(text: str | None, parameter: str) -> ReferenceSystem:
            return CRS84 if text is None else parse_system(text, extent, parameter)

        told = system(self.crs, "crs")
        found: list[Any] = []
        box: BBox | None = None
        if self.bbox is not None:
            box, within = features.parse_box(self.bbox, system(self.bbox_crs, "bbox-crs"))
            found += [within] if within is not None else []
        else:
            system(self.bbox_crs, "bbox-crs")
        filter_system = system(self.filter_crs, "filter-crs")
        if self.equal or self.condition is not None:
            from layers import filters  # late: see layers.features

            if self.equal:
                found.append(filters.equal(self.equal, self.layer, self.viewer))
            if self.condition is not None:
                found.append(filters.parse(self.condition, self.language, self.layer, self.viewer, filter_system))
        order = features.parse_order(self.sortby, self.layer, self.viewer) if self.sortby is not None else ()
        shown = CRS84 if self.html else told
        asked: dict[str, Any] = {
            "bbox": box,
            "interval": self.interval,
            "filters": tuple(found),
            "order": order,
            "system": shown,
            "limit": self.limit,
            "after": self.after,
            "count": self.count,
        }
        return asked, shown
