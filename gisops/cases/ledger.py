"""The ledger: cases as a table to take away, page by page, as the viewer may see them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gisops import wording
from gisops.access import audit
from gisops.access.people import Actor, knows_people
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput

_SQL = queries.load("gisops.cases", "ledger.sql")

PAGE = 2_000
# What a sheet of a workbook can hold, its first line left out.
MOST_IN_SHEET = 1_048_575
# What a spreadsheet takes for a formula when a text begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
Cell = str | int | float | bool | datetime | None
Row = dict[str, Any]


def _state(language: int) -> Callable[[Row], Cell]:
    return lambda row: wording.STATES[row["state"]][language]


# The columns in order: name, Chinese, what stands in it.
COLUMNS: Sequence[tuple[str, str, str | Callable[[Row], Cell]]] = (
    ("case_no", "案卷号", "case_no"),
    ("state", "状态码", "state"),
    ("state_zh", "状态", _state(0)),
    ("state_en", "状态（英文）", _state(1)),
    ("stage", "阶段", "stage"),
    ("flow", "流程", "flow"),
    ("severity", "紧急程度", "severity"),
    ("category", "类别代码", "category"),
    ("category_zh", "类别", "category_zh"),
    ("category_en", "类别（英文）", "category_en"),
    ("condition", "立案条件序号", "condition"),
    ("condition_zh", "立案条件", "condition_zh"),
    ("organisation", "责任单位代码", "organisation"),
    ("organisation_zh", "责任单位", "organisation_zh"),
    ("organisation_en", "责任单位（英文）", "organisation_en"),
    ("handler_post_zh", "处置岗位", "handler_post_zh"),
    ("handler", "处置人工号", "handler"),
    ("handler_name", "处置人", "handler_name"),
    ("street", "街道代码", "street"),
    ("community", "社区代码", "community"),
    ("grid_cell", "单元网格", "grid_cell"),
    ("zone", "责任区", "zone"),
    ("lon", "经度", "lon"),
    ("lat", "纬度", "lat"),
    ("reported_at", "上报时间", "reported_at"),
    ("filed_at", "立案时间", "filed_at"),
    ("dispatched_at", "派遣时间", "dispatched_at"),
    ("acknowledged_at", "签收时间", "acknowledged_at"),
    ("handled_at", "处置时间", "handled_at"),
    ("closed_at", "结案时间", "closed_at"),
    ("deadline", "截止时间", "deadline"),
    ("late", "是否超期", "late"),
    ("report_count", "上报数", "report_count"),
    ("return_count", "退回次数", "return_count"),
    ("rework_count", "返工次数", "rework_count"),
    ("extended_count", "延期次数", "extended_count"),
    ("suspended_count", "挂账次数", "suspended_count"),
    ("escalation", "升级层级", "escalation"),
    ("assessed", "参与考评", "assessed"),
    ("timeout_exempt", "超期豁免", "timeout_exempt"),
    ("satisfaction", "满意度", "satisfaction"),
)
_PERSONAL = ("handler", "handler_name")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which cases a ledger holds. ``since``, ``until``: reported from a moment on, and before one."""

    state: str | None = None
    category: str | None = None
    organisation: str | None = None
    bbox: Sequence[float] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of it: the cells of each row in the order of `COLUMNS`, and what to go on after (None: it is all)."""

    rows: list[list[Cell]]
    after: UUID | None


def page(
    conn: Connection,
    city: City,
    asked: Asked,
    form: str,
    to: Actor,
    after: UUID | None = None,
    key_id: int | None = None,
    most: int = PAGE,
) -> Page:
    """Read a page, newest first; that it was taken away is written into the audit.

    Moments are those of the city's clocks, persons named for whom `people.knows_people` says. Raises ``InvalidInput``,
    ``UnknownCategory``.
    """
    if asked.state is not None and asked.state not in wording.STATES:
        raise InvalidInput(f"There is no state {asked.state!r}.", state=asked.state, states=list(wording.STATES))
    for name, moment in (("from", asked.since), ("to", asked.until)):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput(f"{name} needs a time zone: 2026-11-22T10:00:00+08:00.", field=name)
    west, south, east, north = asked.bbox if asked.bbox is not None else (None, None, None, None)
    told = {
        "state": asked.state,
        "category_id": city.category(asked.category).category_id if asked.category else None,
        "organisation": asked.organisation,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "since": asked.since,
        "until": asked.until,
        "after": after,
        "most": most,
    }
    found = conn.execute(_SQL["page"], told).fetchall()
    audit.add(conn, "export", "cases", rows=len(found), facts={"format": form}, key_id=key_id)
    rows = [_cells(row, city, knows_people(to, row["organisation_id"])) for row in found]
    return Page(rows, found[-1]["case_id"] if len(found) >= most else None)


def _cells(row: Row, city: City, names: bool) -> list[Cell]:
    if not names:
        row = {**row, **dict.fromkeys(_PERSONAL)}
    cells = [row[of] if isinstance(of, str) else of(row) for _, _, of in COLUMNS]
    return [cell.astimezone(city.timezone) if isinstance(cell, datetime) else cell for cell in cells]


def head() -> list[str]:
    """The first line: each column in Chinese, and its name."""
    return [f"{zh} {name}" for name, zh, _ in COLUMNS]


def lines(rows: Sequence[Sequence[Cell]]) -> bytes:
    """Rows as CSV, in UTF-8, with moments as ISO 8601."""
    made = io.StringIO(newline="")
    csv.writer(made, lineterminator="\r\n").writerows([_text(cell) for cell in row] for row in rows)
    return made.getvalue().encode()


def _text(cell: Cell) -> str:
    """A cell as a spreadsheet takes it for what it is: a text that looks like a formula is marked as text."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    if isinstance(cell, float):
        return f"{cell:.7f}"
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else str(cell)
