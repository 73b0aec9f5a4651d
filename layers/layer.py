"""What a layer is: its fields, how it is cut into tiles, and who may see which of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from layers.classes import CLASSES, PUBLIC

# Whether a layer's rows are open to a viewer by their place in the tree of units, or by class alone.
UNIT, SCOPES = "unit", ("unit", "none")
# Who owns a row besides: the view's columns scope_staff, scope_superior, scope_organisation.
OWN = ("staff", "superior", "organisation")
# How a value is shown to whoever may know that there is one: the SQL functions masked_phone and masked_name.
MASKS = ("phone", "name")


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of a layer. ``in_tiles`` and ``in_labels`` say whether tiles and label points carry it, and
    ``tiles_from``, from which zoom on; ``mask``, in which form it is shown (see ``MASKS``), or None for as it is.
    """

    name: str
    title_zh: str
    title_en: str
    type: str
    field_class: str
    meaning: str
    in_tiles: bool
    in_labels: bool
    mask: str | None = None
    tiles_from: int = 0


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a layer is cut: counted squares below ``counted_below``; at most ``max_features`` drawn singly in one
    tile; ``buffer`` (of the tile's 4,096 units) is how far beyond its edge it reaches: what is drawn wider than that
    would be cut off there. Squares are ``squares`` zooms deeper than their tile, and with ``summed_area`` tell how
    much ground lies under what they count. What is smaller than ``smallest_px`` pixels (of a tile of 512) either way
    is counted as well. ``told_by_events``: every change of a row comes as an event with its place, so that a tile may
    be kept until one does.
    """

    counted_below: int
    max_features: int
    buffer: int
    label_minzoom: int | None
    by_zoom_field: str | None
    by_zoom: tuple[tuple[str, int], ...]
    squares: int = 5
    summed_area: bool = False
    smallest_px: int = 0
    told_by_events: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """One thematic layer.

    ``scope``: whether rows are open by unit or by class alone; ``own``: who sees a row wherever it lies (see ``OWN``).
    ``search``: the fields by which a feature is found. ``reveal``: the purposes for which a masked
    value is shown in full. ``shown``: whether a map that was just opened shows it.
    ``fresh_for``: how long after a load it is up to date, None for always. ``in_force``: its rows come into force and
    end by date.
    ``fingerprint``: of its description and its view, so that what was cached under an older release is not taken for
    today's.
    """

    id: str
    order: int
    title_zh: str
    title_en: str
    family_zh: str
    family_en: str
    description: str
    field_class: str
    personal_roles: frozenset[str]
    scope: str
    own: tuple[str, ...]
    relation: str
    key: str
    time: str | None
    geometry: str
    minzoom: int
    maxzoom: int
    shown: bool
    live: bool
    in_force: bool
    update_cycle: str
    fresh_for: timedelta | None
    owner: str
    search: tuple[str, ...]
    reveal: tuple[str, ...]
    fields: tuple[Field, ...]
    tiling: Tiling
    style: str
    fingerprint: str

    def __hash__(self) -> int:
        """Of its name and its fingerprint: it is looked up by at every question, and has some twenty attributes."""
        return hash((self.id, self.fingerprint))

    def field(self, name: str) -> Field:
        """Return one field. Raises ``KeyError``."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def public(self) -> bool:
        """Whether anybody may see that its features are there."""
        return self.field_class == PUBLIC

    @property
    def public_fields(self) -> tuple[Field, ...]:
        """The fields anybody may see, of a layer anybody may see."""
        return tuple(field for field in self.fields if self.public and field.field_class == PUBLIC)

    @property
    def windowed(self) -> bool:
        """Whether anything in it is above the public class, and so read through its windows."""
        return self.public_fields != self.fields

    def above(self, field: Field) -> bool:
        """Whether a field is of a higher class than the layer itself."""
        return CLASSES.index(field.field_class) > CLASSES.index(self.field_class)
