"""From a file to rows that wait: read, map, convert, check, and audit, in one transaction that publishes nothing.

A row is staged, refused with its reason, or set aside; none is dropped in silence. Batches are written as they are
read, so a file larger than memory is no larger a load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import shapely
from psycopg import sql
from psycopg.types.json import Jsonb

from gisops.db import queries
from gisops.db.pool import Connection
from gisops.keys import new_key
from gisops.loads import agreement, audits, catalogue, columns, derive, lookups, pileups, records
from gisops.loads.batches import Batch, Finding, Options, Shapes
from gisops.loads.columns import Problem
from gisops.loads.lookups import Known
from gisops.loads.mapping import READING, Assignment, text
from gisops.loads.reading import open_source
from gisops.loads.targets import EXPECTED, Target

_SQL = queries.load("gisops.loads", "staging.sql")
Step = Callable[[int, int | None], None]
Floats = npt.NDArray[np.float64]


@dataclass
class _Progress:
    """What has been seen so far, kept small: numbers of rows, and positions where a check needs them all."""

    rows: int = 0
    taken: int = 0
    seq: int = 0
    refused: set[int] = field(default_factory=set)
    mended: set[int] = field(default_factory=set)
    set_aside: set[int] = field(default_factory=set)
    shapes: list[Shapes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    groups: list[Any] = field(default_factory=list)
    places: list[Floats] = field(default_factory=list)
    expected: dict[str, list[str | None]] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)


def stage(
    conn: Connection,
    target: Target,
    path: Path,
    assignment: Assignment,
    *,
    keep_pile_ups: bool = False,
    step: Step = lambda done, total: None,
) -> records.Load:
    """Read a file into a staging table of its own, as the owner, within the caller's transaction.

    ``step`` is told rows read and rows in all (None where the file does not say). Raises ``InvalidInput`` for a file
    or a mapping that cannot be right as a whole.
    """
    known = lookups.read(conn)
    told = {key: value for key, value in assignment.reading.items() if key in READING}
    options = Options(**told, expected=EXPECTED[target.shape], extent=known.extent)
    with open_source(path, options) as source:
        met = assignment.meet(target, [column.name for column in source.columns])
        load_id = cast(dict[str, Any], conn.execute(_SQL["next_load"]).fetchone())["load_id"]
        records.begin(conn, load_id, target.id, path.name, source.sha256, met.as_dict(), source.chosen_crs)
        made = _Stage(conn, target, known, met, load_id, source.chosen_crs)
        made.create()
        made.tell(source.file_findings)
        for batch in source.batches():
            made.take(batch)
            step(made.progress.rows, source.total_rows)
    audit = made.audit(keep_pile_ups)
    audit["crs"] = {"file": source.crs, "chosen": source.chosen_crs, "encoding": source.encoding}
    return made.finish(audit)


class _Stage:
    """One staging table while it is filled."""

    def __init__(
        self, conn: Connection, target: Target, known: Known, met: Assignment, load_id: int, crs: str | None
    ) -> None:
        self.conn, self.target, self.known, self.met = conn, target, known, met
        self.load_id, self.crs = load_id, crs
        self.progress = _Progress()
        self.types = catalogue.types(conn, target)
        self.filled = self._filled()

    def _filled(self) -> dict[str, str]:
        """The staged columns in order, by the name under which their values are found."""
        found = {}
        for name, column in self.target.columns.items():
            derived = name in derive.FILLS[self.target.derive]
            if name in self.met.rules or column.default is not None or derived:
                found[name] = column.column
        if self.target.home and "district_code" not in found:
            found["district_code"] = "district_code"
        if self.target.new_key:
            found[self.target.new_key] = self.target.new_key
        if self.target.shape != "none":
            found["geom"] = "geom"
        return found | {f"expect_{kind}": f"expect_{kind}" for kind in self.met.expect}

    def _run(self, name: str, params: Mapping[str, Any] | None = None, **names: Any) -> Any:
        composed = sql.SQL(cast(Any, _SQL[name])).format(stage=sql.Identifier(f"load_{self.load_id}"), **names)
        return self.conn.execute(composed, params)

    def create(self) -> None:
        listed = [
            sql.SQL("{} {}").format(sql.Identifier(to), sql.SQL(cast(Any, self._type(name))))
            for name, to in self.filled.items()
        ]
        self._run("create_stage", columns=sql.SQL(", ").join(listed))

    def _type(self, name: str) -> str:
        column = self.target.columns.get(name)
        if name.startswith("expect_"):
            return "text"
        if column is not None and (column.meanwhile or column.lookup == "itself" or self.target.publish == "cases"):
            return column.sql_type
        return self.types[self.filled[name]]

    def take(self, batch: Batch) -> None:
        """Convert and check a batch, and write what can be taken."""
        count = len(batch.rows)
        self.progress.rows += count + len({f.row for f in batch.findings if f.kind == "refused"})
        values, problems = columns.convert_all(self.target, self.met, batch.fields, count, self.known)
        shapes = self._shapes(batch, problems)
        problems += derive.complete(self.target, values, shapes, count, self.known)
        if self.target.new_key:
            values[self.target.new_key] = [new_key() for _ in range(count)]
        for kind, column in self.met.expect.items():
            values[f"expect_{kind}"] = [text(value) for value in batch.fields[column]]
        bad = {problem.index for problem in problems if problem.kind == "refused"}
        numbers = batch.rows.tolist()
        self.tell([*batch.findings, *(problem.finding(numbers[problem.index]) for problem in problems)])
        kept = [n for n in range(count) if n not in bad]
        self._copy(numbers, values, shapes, kept, count)
        self._remember(numbers, values, shapes, kept)

    def _shapes(self, batch: Batch, problems: list[Problem]) -> Shapes | None:
        """The batch's geometries, one polygon out of its bag where one is wanted; what lies elsewhere is refused."""
        if self.target.shape == "none":
            return None
        shapes = batch.geometry
        if shapes is None:
            return np.full(len(batch.rows), None, dtype=object)
        if self.target.shape == "polygon":
            parts = shapely.get_num_geometries(shapes)
            for n in np.flatnonzero(parts > 1).tolist():
                problems.append(Problem(n, "several_polygons", "geom", shapes[n].wkt[:80], str(parts[n])))
            shapes = shapely.get_geometry(shapes, 0)
        west, south, east, north = self.known.box
        bounds = shapely.bounds(shapes)
        with np.errstate(invalid="ignore"):
            out = (bounds[:, 0] < west) | (bounds[:, 1] < south) | (bounds[:, 2] > east) | (bounds[:, 3] > north)
        if self.target.shape == "point":
            for n in np.flatnonzero(out).tolist():
                right = f"{west:.4f}, {south:.4f}, {east:.4f}, {north:.4f}"
                problems.append(Problem(n, "outside_city", "geom", shapes[n].wkt, right))
        else:
            apart = (bounds[:, 2] < west) | (bounds[:, 3] < south) | (bounds[:, 0] > east) | (bounds[:, 1] > north)
            for n in np.flatnonzero(apart).tolist():
                right = f"{west:.4f}, {south:.4f}, {east:.4f}, {north:.4f}"
                problems.append(Problem(n, "outside_city", "geom", shapes[n].wkt[:80], right))
        return shapes

    def _copy(
        self, numbers: list[int], values: dict[str, list[Any]], shapes: Shapes | None, kept: list[int], count: int
    ) -> None:
        if shapes is not None:
            values["geom"] = shapely.to_wkb(shapely.set_srid(shapes, 4326), hex=True, include_srid=True).tolist()
        none = [None] * count
        laid = [numbers, *(values.get(name, none) for name in self.filled)]
        rows: Iterable[tuple[Any, ...]] = zip(*laid, strict=True)
        if len(kept) < count:
            wanted = set(kept)
            rows = (row for n, row in enumerate(rows) if n in wanted)
        listed = sql.SQL(", ").join(map(sql.Identifier, self.filled.values()))
        statement = sql.SQL(cast(Any, _SQL["copy_rows"])).format(
            stage=sql.Identifier(f"load_{self.load_id}"), columns=listed
        )
        with self.conn.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
        self.progress.taken += len(kept)

    def _remember(
        self, numbers: list[int], values: dict[str, list[Any]], shapes: Shapes | None, kept: list[int]
    ) -> None:
        seen, asked = self.progress, self.target.audits
        if shapes is None:
            return
        if "tiling" in asked:
            group = values.get("kind") or values.get("level")
            seen.shapes.append(shapes[kept])
            seen.names += [str(values["code"][n]) for n in kept]
            seen.groups += [group[n] if group else "" for n in kept]
        if "pile_ups" in asked or "datum" in asked:
            points = shapes[kept]
            points = points[shapely.get_type_id(points) == 0] if self.target.shape == "any" else points
            seen.places.append(shapely.get_coordinates(points))
            if self.target.shape == "point":
                for kind in self.met.expect:
                    seen.expected.setdefault(kind, []).extend(values[f"expect_{kind}"][n] for n in kept)
                if self.met.expect:
                    seen.numbers += [numbers[n] for n in kept]

    def tell(self, findings: Iterable[Finding], kind: str | None = None) -> None:
        """Write findings down, and count their rows."""
        seen = self.progress
        with self.conn.cursor() as cursor, cursor.copy(_SQL["copy_findings"].encode()) as copy:
            for one in findings:
                seen.seq += 1
                what = kind or one.kind
                if one.row is not None and what in ("refused", "mended", "set_aside"):
                    getattr(seen, what).add(one.row)
                clean = [said.replace("\x00", "␀") for said in (one.zh, one.en, one.was, one.now)]
                copy.write_row((self.load_id, seen.seq, one.row, what, one.code, *clean))

    def _refuse(self, rows: list[dict[str, Any]], code: str, column: str, kind: str = "refused") -> None:
        """Take rows out of the stage after all, with a finding each."""
        if rows:
            self._run("leave_out", {"rows": [row["row_no"] for row in rows]})
            self.tell(
                (
                    Problem(0, code, column, row.get("was") or "", str(row.get("first_no", ""))).finding(row["row_no"])
                    for row in rows
                ),
                kind,
            )
            self.progress.taken -= len(rows)

    def audit(self, keep_pile_ups: bool) -> dict[str, Any]:
        """Check what only the whole shows: keys given twice, superiors, turns; then gaps, overlaps, pile-ups, datum."""
        key = sql.SQL(", ").join(map(sql.Identifier, self.target.key))
        self._refuse(self._run("repeated", key=key).fetchall(), "duplicate_code", self.target.key[-1])
        for name, column in self.target.columns.items():
            if column.lookup == "itself" and name in self.filled:
                above, table = sql.Identifier(column.column), sql.Identifier(self.target.table)
                rows = self._run("unknown_parents", column=above, table=table).fetchall()
                self._refuse(rows, "unknown_code", name)
        if self.target.id == "rosters":
            self._refuse(self._run("overlapping_turns").fetchall(), "overlapping_turns", "on_duty")
        if (
            self.target.id == "parts"
            and "grid_cell_code" not in self.met.rules
            and catalogue.has_rows(self.conn, "grid_cells")
        ):
            self._run("fill_cells")
        found: dict[str, Any] = {}
        seen = self.progress
        places = np.concatenate(seen.places) if seen.places else np.empty((0, 2))
        if "tiling" in self.target.audits and seen.shapes:
            found["tiling"] = self._tiling(np.concatenate(seen.shapes))
        if "pile_ups" in self.target.audits and len(places):
            found["pile_ups"] = self._pile_ups(places, keep_pile_ups)
        if "datum" in self.target.audits and len(places):
            found |= self._agreement(places, found.get("pile_ups", []))
        self._run("analyze")
        return found

    def _tiling(self, shapes: Shapes) -> dict[str, Any]:
        """Each kind of zone and each level of areas tiles for itself; corridors and sites are meant to overlap."""
        groups = np.array([str(group) for group in self.progress.groups])
        city = catalogue.outline(self.conn)
        found = {}
        for group in sorted(set(groups.tolist())):
            if self.target.id == "zones" and group not in ("territory", "duty"):
                continue
            mine = groups == group
            names = [name for name, here in zip(self.progress.names, mine, strict=True) if here]
            whole = None if self.target.id == "zones" and group == "duty" else city
            found[group or self.target.id] = audits.tiling(shapes[mine], names, whole)
        return found

    def _agreement(self, places: Floats, piles: list[dict[str, Any]]) -> dict[str, Any]:
        """The datum, and how many rows lie where they say; those on a placeholder prove nothing."""
        real = np.ones(len(places), bool)
        for pile in piles:
            real &= (places != (pile["lon"], pile["lat"])).any(axis=1)
        kept = np.flatnonzero(real).tolist()
        expected = {kind: [names[n] for n in kept] for kind, names in self.progress.expected.items()}
        found: dict[str, Any] = {}
        if (judged := agreement.judge_datum(self.conn, places[real], expected, self.crs)) is not None:
            found["datum"] = judged
        # Of cases dispatch says it itself, when they are published.
        for kind in () if self.target.publish == "cases" else expected:
            rows = [self.progress.numbers[n] for n in kept]
            found["agreement"] = agreement.with_areas(self.conn, kind, places[real], expected[kind], rows)
        return found

    def _pile_ups(self, places: Floats, keep: bool) -> list[dict[str, Any]]:
        told = []
        for pile in pileups.find(places):
            told.append(
                {
                    "lon": float(pile.lon),
                    "lat": float(pile.lat),
                    "rows": int(pile.count),
                    "share": round(float(pile.share), 5),
                }
            )
            if self.target.publish != "cases" or keep:
                continue
            rows = self._run("at_place", {"lon": pile.lon, "lat": pile.lat}).fetchall()
            where = {"was": f"{pile.lon}, {pile.lat}", "first_no": pile.count}
            self._refuse([{**row, **where} for row in rows], "pile_up", "geom", "set_aside")
        return told

    def finish(self, audit: dict[str, Any]) -> records.Load:
        """Keep the counts and the audit."""
        seen = self.progress
        state = "staged" if seen.taken else "refused"
        return records.staged(
            self.conn,
            self.load_id,
            {
                "state": state,
                "rows_read": seen.taken + len(seen.refused) + len(seen.set_aside),
                "taken": seen.taken,
                "mended": len(seen.mended - seen.refused - seen.set_aside),
                "refused": len(seen.refused),
                "set_aside": len(seen.set_aside),
                "audit": Jsonb(audit),
            },
        )
