"""The table of who sees what, written from the catalogue: layers by roles by fields.

``python -m layers.who_sees_what docs/reference/who-sees-what.md`` writes it into the page; a house test holds the page
to it.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from layers.catalog import load_catalog
from layers.classes import STAFF_ROLES
from layers.layer import UNIT, Field, Layer
from layers.viewer import viewer_of

SEVEN_THEMES = "Seven themes"
EVERY, IN_SCOPE, MASKED, NOT = "●", "◐", "✱", "·"
ROLES = tuple(sorted(STAFF_ROLES))


def tables() -> str:
    """Return both tables as Markdown: the seven themes, then the other layers."""
    layers = list(load_catalog())
    themes = [layer for layer in layers if layer.family_en == SEVEN_THEMES]
    others = [layer for layer in layers if layer.family_en != SEVEN_THEMES]
    return f"## The seven themes\n\n{_table(themes)}\n\n## The other layers\n\n{_table(others)}\n"


def into(page: str) -> str:
    """Return a page with the tables in it, in place of those that were there: from the first table's heading on."""
    return page[: page.index("## The seven themes")] + tables()


def sees(layer: Layer, field: Field, role: str | None) -> str:
    """Return the sign for what a role (``None``: nobody signed in) sees of a field."""
    viewer = viewer_of(role)
    if not viewer.may_see(layer) or field not in viewer.fields_of(layer):
        return NOT
    if field.mask is not None:
        return MASKED
    if layer.scope == UNIT and (not layer.public or field not in layer.public_fields):
        return IN_SCOPE
    return EVERY


def _table(layers: list[Layer]) -> str:
    head = ["layer", "fields", "nobody", *(role.replace("_", " ") for role in ROLES)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * 2 + ":-:|" * (len(ROLES) + 1)]
    for layer in layers:
        titled = f"{layer.title_zh} `{layer.id}`"
        for signs, fields in _groups(layer):
            lines.append("| " + " | ".join([titled, ", ".join(f"`{name}`" for name in fields), *signs]) + " |")
            titled = ""
    return "\n".join(lines)


def _groups(layer: Layer) -> list[tuple[tuple[str, ...], list[str]]]:
    """The layer's fields, those together that the same people see in the same way; who stands beside one field only
    would make a page of many.
    """
    told = [(tuple(sees(layer, field, role) for role in (None, *ROLES)), field.name) for field in layer.fields]
    told.sort(key=lambda each: [each[0].count(NOT), each[0]])
    return [(signs, [name for _, name in each]) for signs, each in groupby(told, key=lambda one: one[0])]


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(into(path.read_text("utf-8")), "utf-8")
