"""The pages under docs/reference say what the program does: routes and permissions, layers and classes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from api.app import create_app
from gisops.access.api_keys import NO_SCOPE, PERSON, SCOPES
from gisops.settings import Settings
from layers import who_sees_what
from layers.catalog import load_catalog
from layers.classes import CLASSES, STAFF_ROLES
from layers.viewer import viewer_of

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def rows(page: str, columns: int) -> list[list[str]]:
    """The cells of every table row of a page that has so many columns, without code marks."""
    text = (REFERENCE / page).read_text("utf-8")
    found = [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\|.*\|$", text, re.MULTILINE)
    ]
    return [cells for cells in found if len(cells) == columns and not set("".join(cells)) <= {"-", ":"}]


def test_every_route_is_on_the_page_with_its_permission_and_no_other() -> None:
    declared = {}
    for context in iter_route_contexts(create_app(Settings(_env_file=None)).router.routes):
        if isinstance(context.original_route, APIRoute):
            permission = str((context.openapi_extra or {}).get("x-permission"))
            words = permission.replace("signed_in", "signed in").removeprefix("roles:").replace(",", ", ")
            declared |= {f"{method} {context.path}": words for method in context.methods or ()}
    listed = {route: permission for route, permission, _ in rows("api.md", 3) if route.split()[0].isupper()}
    assert listed == declared


def test_every_scope_is_on_the_page_with_the_routes_it_opens() -> None:
    declared: dict[str, set[str]] = {}
    for context in iter_route_contexts(create_app(Settings(_env_file=None)).router.routes):
        if isinstance(context.original_route, APIRoute):
            scope = str((context.openapi_extra or {}).get("x-scope"))
            declared.setdefault(scope, set()).update(f"{method} {context.path}" for method in context.methods or ())
    declared.pop(NO_SCOPE)
    listed = {scope: set(routes.split(", ")) for scope, routes in rows("api.md", 2) if scope != "scope"}
    assert listed == declared
    assert set(listed) == {*SCOPES, PERSON}


def test_every_layer_is_on_the_page_with_its_class_roles_and_guarded_fields() -> None:
    listed = {row[0]: row[1:] for row in rows("layers-and-classes.md", 5)[1:]}
    expected = {}
    for layer in load_catalog():
        guarded = {name: [f.name for f in layer.fields if f.field_class == name] for name in CLASSES[1:]}
        beyond = [name for name in CLASSES[1:] if CLASSES.index(name) > CLASSES.index(layer.field_class)]
        named = [", ".join(guarded[name]) if name in beyond else "" for name in CLASSES[1:]]
        expected[layer.id] = [layer.field_class, *named, ", ".join(sorted(layer.personal_roles))]
    assert listed == expected


def test_the_table_of_who_sees_what_is_the_one_the_layers_make() -> None:
    page = (REFERENCE / "who-sees-what.md").read_text("utf-8")
    assert page == who_sees_what.into(page), "run: python -m layers.who_sees_what docs/reference/who-sees-what.md"
    lines = [line for line in page.split("## The other layers")[0].splitlines() if line.startswith("| ")]
    assert sum("`" in line.split("|")[1] for line in lines if line.count("|") > 10) == 7
    for sign in (who_sees_what.EVERY, who_sees_what.IN_SCOPE, who_sees_what.MASKED, who_sees_what.NOT):
        assert f"| {sign} |" in page


@pytest.mark.parametrize("role", [None, *sorted(STAFF_ROLES)])
def test_the_page_tells_what_each_role_may_see(role: str | None) -> None:
    """Read as the page says to: a row's class opens the layer, a further column's class opens those fields."""
    viewer = viewer_of(role)
    for layer_id, layer_class, work, personal, roles in rows("layers-and-classes.md", 5)[1:]:
        layer = load_catalog()[layer_id]
        open_classes = (
            {"public"} | ({"work"} if role else set()) | ({"personal"} if role in roles.split(", ") else set())
        )
        assert viewer.may_see(layer) == (layer_class in open_classes)
        if layer_class not in open_classes:
            continue
        hidden = {name for column, needed in ((work, "work"), (personal, "personal")) if needed not in open_classes
                  for name in column.split(", ") if name}  # fmt: skip
        assert {field.name for field in layer.fields} - {f.name for f in viewer.fields_of(layer)} == hidden
