"""What a code tells beside itself, and what makes one value of several: filled in where the file gives none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import shapely

from gisops import codes
from gisops.errors import GisopsError
from gisops.loads.batches import Shapes
from gisops.loads.columns import Problem
from gisops.loads.lookups import Known
from gisops.loads.targets import Target

Values = dict[str, list[Any]]
# The columns that each derivation fills.
FILLS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "admin_area": ("level", "parent_code"),
    "grid_cell": ("code_scheme", "district", "street_code", "community_code"),
    "part": ("category", "name_zh", "grid_cell_code"),
    "category": ("scheme", "city_code", "kind", "major", "minor"),
    "past_case": ("closed_at", "accuracy_m"),
    "roster": ("district_code", "on_duty"),
}
_LEVELS = {"city": 1, "district": 2, "street": 3, "community": 4}


def complete(target: Target, values: Values, shapes: Shapes | None, count: int, known: Known) -> list[Problem]:
    """Fill in what follows from the rest, and say what cannot be."""
    problems: list[Problem] = []
    if target.derive:
        _DERIVATIONS[target.derive](values, count, known, problems)
    if target.home == "place" and shapes is not None:
        values["district_code"] = _home(shapes, known, problems)
    return problems


def _column(values: Values, name: str, count: int) -> list[Any]:
    return values.setdefault(name, [None] * count)


def _admin_area(values: Values, count: int, known: Known, problems: list[Problem]) -> None:
    levels, parents = _column(values, "level", count), _column(values, "parent_code", count)
    for n, code in enumerate(values["code"]):
        if code is None:
            continue
        try:
            read = codes.parse_admin(code)
        except GisopsError as error:
            problems.append(Problem(n, "invalid_code", "code", code, error.message))
            continue
        levels[n] = levels[n] or _LEVELS[read.level]
        parents[n] = parents[n] or read.parent


def _grid_cell(values: Values, count: int, known: Known, problems: list[Problem]) -> None:
    schemes = _column(values, "code_scheme", count)
    names = ("district", "street_code", "community_code")
    district, street, community = (_column(values, name, count) for name in names)
    for n, code in enumerate(values["code"]):
        schemes[n] = schemes[n] or known.grid_scheme
        if code is None or (district[n] and street[n] and community[n]):
            continue
        try:
            read = codes.parse_grid_cell(code, schemes[n])
        except GisopsError as error:
            problems.append(Problem(n, "invalid_code", "code", code, error.message))
            continue
        district[n] = district[n] or read.district
        street[n] = street[n] or read.district + read.street
        community[n] = community[n] or read.community_code


def _part(values: Values, count: int, known: Known, problems: list[Problem]) -> None:
    categories, names = _column(values, "category", count), _column(values, "name_zh", count)
    home = _column(values, "district_code", count)
    keys = known.keys["category"]
    for n, (code, scheme) in enumerate(zip(values["code"], values["code_scheme"], strict=True)):
        if code is None:
            continue
        try:
            read = codes.parse_part(code, scheme)
        except GisopsError as error:
            problems.append(Problem(n, "invalid_code", "code", code, error.message))
            continue
        home[n] = read.district
        if known.districts and read.district not in known.districts:
            problems.append(Problem(n, "unknown_district", "code", read.district, ", ".join(known.districts)))
        if categories[n] is None:
            short = f"P{read.major}-{read.minor}"
            found = keys.get(f"{scheme}:{short}") or keys.get(short)
            if found is None:
                problems.append(Problem(n, "unknown_code", "category", short))
            categories[n] = found
        names[n] = names[n] or known.category_names.get(categories[n])


def _category(values: Values, count: int, known: Known, problems: list[Problem]) -> None:
    schemes, cities = _column(values, "scheme", count), _column(values, "city_code", count)
    kinds, majors, minors = (_column(values, name, count) for name in ("kind", "major", "minor"))
    given = values.get("code") or [None] * count
    for n, code in enumerate(given):
        schemes[n] = schemes[n] or known.category_scheme
        cities[n] = known.city_code if cities[n] is None else cities[n]
        if code is not None:
            try:
                read = codes.parse_category(code, schemes[n])
            except GisopsError as error:
                problems.append(Problem(n, "invalid_code", "code", code, error.message))
                continue
            schemes[n], kinds[n], majors[n], minors[n] = read.scheme, read.kind, read.major, read.minor
        for name, value in (("kind", kinds[n]), ("major", majors[n]), ("minor", minors[n])):
            if value is None:
                problems.append(Problem(n, "missing_value", name))


def _past_case(values: Values, count: int, known: Known, problems: list[Problem]) -> None:
    now = datetime.now(UTC)
    closed = _column(values, "closed_at", count)
    for n, received in enumerate(values["received_at"]):
        if received is None:
            continue
        if received > now:
            problems.append(Problem(n, "in_future", "received_at", received.isoformat()))
        if closed[n] is not None and closed[n] < received:
            # The past is as it was written down; a clock that ran backwards is told, and closing waits for receipt.
            problems.append(
                Problem(n, "ends_before_it_starts", "closed_at", closed[n].isoformat(), received.isoformat(), "mended")
            )
            closed[n] = received


def _roster(values: Values, count: int, known: Known, problems: list[Problem]) -> None:
    homes, turns = _column(values, "district_code", count), _column(values, "on_duty", count)
    days, starts, ends = (_column(values, name, count) for name in ("day", "starts_at", "ends_at"))
    only = next(iter(known.districts)) if len(known.districts) == 1 else None
    for n, shift in enumerate(values["shift"]):
        homes[n] = homes[n] or only
        if homes[n] is None:
            problems.append(Problem(n, "missing_value", "district_code", "", ", ".join(known.districts)))
        begin, end = starts[n], ends[n]
        if shift is not None and days[n] is not None:
            opens, closes = known.shifts[shift]
            begin = begin or datetime.combine(days[n], opens, known.timezone)
            after = days[n] + timedelta(days=1) if closes <= opens else days[n]
            end = end or datetime.combine(after, closes, known.timezone)
        if begin is None or end is None:
            problems.append(Problem(n, "missing_value", "day" if days[n] is None else "starts_at"))
        elif end <= begin:
            problems.append(Problem(n, "ends_before_it_starts", "ends_at", end.isoformat(), begin.isoformat()))
        else:
            turns[n] = f"[{begin.isoformat()},{end.isoformat()})"


def _home(shapes: Shapes, known: Known, problems: list[Problem]) -> list[Any]:
    """The district each place lies in, of those in force; the nearest where it lies in none."""
    points = shapely.point_on_surface(shapes)
    homes: list[Any] = [None] * len(points)
    if not known.districts:
        return homes
    names, areas = list(known.districts), np.array(list(known.districts.values()), dtype=object)
    tree = shapely.STRtree(areas)
    inside, area = tree.query(points, predicate="intersects")
    # Those on a shared edge are in two; the first by code, as everywhere.
    for n, which in sorted(zip(inside.tolist(), area.tolist(), strict=True), reverse=True):
        homes[n] = names[which]
    for n, home in enumerate(homes):
        if home is None and points[n] is not None:
            homes[n] = names[int(tree.nearest(points[n]))]
            problems.append(Problem(n, "outside_districts", "geom", points[n].wkt, homes[n], "noted"))
    return homes


_DERIVATIONS: Mapping[str, Callable[[Values, int, Known, list[Problem]], None]] = {
    "admin_area": _admin_area,
    "grid_cell": _grid_cell,
    "part": _part,
    "category": _category,
    "past_case": _past_case,
    "roster": _roster,
}
