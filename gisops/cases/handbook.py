"""The handbook: under which conditions a category is filed and closed, within which time, by what standard.

Its entries hold for a time (`handbook_entries.valid`): one that is changed ends, and the next begins, so that a case is
shown the words it was filed under. What new cases are filed by are the tables behind it, `filing_conditions` and
`time_limits`; `turn_handbook` (functions/77_handbook.sql) keeps the entries in step with them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from gisops import clocks
from gisops.access import audit
from gisops.city import Category, City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput

_SQL = queries.load("gisops.cases", "handbook.sql")

# What its entries follow, by whichever way it is changed.
BEHIND = frozenset({"filing_conditions", "time_limits"})
MOST_ENTRIES = 1_000
MOST_BYTES = 8 * 1024 * 1024
STEPS: Mapping[str, tuple[str, str]] = {
    "handle": ("处置", "handle"),
    "stop": ("制止", "stop it"),
    "penalise": ("处罚", "penalise"),
    "restore": ("恢复", "restore"),
}
UNITS: Mapping[str, tuple[str, str]] = {
    "minute": ("分钟", "minutes"),
    "urgent_hour": ("紧急工作时", "urgent hours"),
    "natural_day": ("自然日", "natural days"),
    "work_hour": ("工作时", "working hours"),
    "work_day": ("工作日", "working days"),
}
SEASONS: Mapping[str, tuple[str, str]] = {"planting": ("种植季节", "in the planting season")}
# Nothing here is a quotation of a standard, and what comes from memory says so (data/reference/README.md).
CERTAINTY: Mapping[str, tuple[str, str]] = {
    "V2": ("两个公开来源一致", "two public sources agree"),
    "V": ("一个公开来源", "one public source"),
    "I": ("推断，或仅一个城市的编号", "inferred, or one city's own"),
    "P": ("本系统的建议值，由城市改定", "our own proposal, for the city to replace"),
    "M": ("凭记忆，未核对，不得引作标准", "from memory, not checked: not to be quoted as the standard"),
}
# What only the handbook holds; the rest of an entry is the condition's and its limits' own.
_OWN = (
    "handling_zh", "handling_en", "supervising_zh", "responsible_zh", "legal_zh", "collection_zh", "collection_en",
)  # fmt: skip
_OF_CONDITION = ("text_zh", "text_en", "evidence_zh", "closing_zh", "closing_en")
COLUMNS = (
    "scheme", "category", "seq", *_OF_CONDITION, "min_photos", "is_default", "limits", *_OWN, "certainty", "ends",
)  # fmt: skip
_LONGEST = 2_000
_LIMIT = re.compile(
    r"(?:(?P<step>[a-z]+)\s+)?(?P<value>[0-9.]+)\s*(?P<unit>[a-z_]+|[\u4e00-\u9fff]+)"
    r"(?:\s*@(?P<grade>\S+))?(?:\s+in\s+(?P<season>[a-z]+))?"
)
_MANY = 200


class InvalidHandbook(InvalidInput):
    """A file of the handbook has rows that cannot be taken; nothing of it was."""

    code = "invalid_handbook"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a file did: rows read, and entries that began or ended."""

    rows: int
    written: int


@dataclass(frozen=True, slots=True)
class _Known:
    category_ids: Mapping[str, int]
    # (category, number): whether it is the default, whether it holds
    conditions: Mapping[tuple[int, int], tuple[bool, bool]]


def entries(
    conn: Connection,
    city: City,
    *,
    category: Category | None = None,
    at: datetime | None = None,
    words: str | None = None,
    public_only: bool = False,
) -> list[dict[str, Any]]:
    """What the handbook said at a moment (now), by category and number of the condition: `shown` of each entry.

    ``words`` looks in all its texts; ``public_only`` leaves out what citizens may not choose. Raises ``InvalidInput``
    for a moment without a time zone.
    """
    if at is not None and at.tzinfo is None:
        raise InvalidInput("at needs a time zone: 2026-11-22T10:00:00+08:00.", field="at")
    asked = {
        "at": at,
        "scheme": category.scheme if category else city.category_scheme,
        "category_id": category.category_id if category else None,
        "public_only": public_only,
        "words": None if words is None else re.sub(r"([\\%_])", r"\\\1", words),
        "most": MOST_ENTRIES,
    }
    return [shown(row) for row in conn.execute(_SQL["entries"], asked)]


def of_condition(conn: Connection, filing_condition_id: int | None, at: datetime | None) -> dict[str, Any] | None:
    """What the handbook said of a condition at a moment (now); None where there is none, or it did not hold."""
    if filing_condition_id is None:
        return None
    row = conn.execute(_SQL["of_condition"], {"filing_condition_id": filing_condition_id, "at": at}).fetchone()
    return None if row is None else shown(row)


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """An entry as answers show it, with words for its codes."""
    certainty = CERTAINTY[row["certainty"]]
    return {
        "condition_id": row["filing_condition_id"],
        "category": {name: row[name] for name in ("scheme", "code", "name_zh", "name_en")},
        "severity": row["severity"],
        "seq": row["seq"],
        "is_default": row["is_default"],
        **{name: row[name] for name in (*_OF_CONDITION, "min_photos")},
        "limits": [_limit_in_words(one) for one in row["limits"]],
        **{name: row[name] for name in _OWN},
        "certainty": {"code": row["certainty"], "zh": certainty[0], "en": certainty[1]},
        "source": row["source"],
        "valid_from": row["valid_from"],
        "valid_until": row["valid_until"],
    }


def _limit_in_words(limit: Mapping[str, Any]) -> dict[str, Any]:
    step, unit, season = STEPS[limit["step"]], UNITS[limit["unit"]], SEASONS.get(limit["season"])
    value = f"{Decimal(str(limit['value'])).normalize():f}"
    zh = f"{season[0] if season else ''}{value} {unit[0]}"
    en = f"{value} {unit[1]}{f' {season[1]}' if season else ''}"
    return {**limit, "step_zh": step[0], "step_en": step[1], "zh": zh, "en": en}


# ---- a file of it ---------------------------------------------------------------------------------------------------


def load(conn: Connection, city: City, path: Path) -> Outcome:
    """Take a CSV file of entries in, within the caller's transaction, as the owner: all of it or nothing.

    Columns are those of `COLUMNS`; ``category`` and ``seq`` say which entry. A column that the file has not, and a cell
    that is empty, leave what stands; ``-`` empties it. Raises ``InvalidHandbook`` with every row that is wrong.
    """
    lines = list(_lines(path))
    conn.execute(_SQL["alone"])
    rows = _checked(lines, city, _known(conn))
    packed = {"rows": Jsonb(rows)}
    for statement in ("put_conditions", "put_defaults", "drop_limits", "put_limits"):
        conn.execute(_SQL[statement], packed)
    turned = conn.execute(_SQL["turn"], packed).fetchone()
    assert turned is not None  # noqa: S101  (SELECT count)
    audit.add(conn, "load", "handbook", rows=turned["written"], facts={"rows": len(rows)})
    return Outcome(len(rows), turned["written"])


def follow(conn: Connection) -> int:
    """Bring the entries up to conditions and limits that were changed by another way, as the owner; returns how many
    began or ended.
    """
    row = conn.execute(_SQL["turn"], {"rows": Jsonb([])}).fetchone()
    return 0 if row is None else int(row["written"])


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The file's rows by their line. Raises ``InvalidHandbook`` for what is no such file."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidHandbook(f"{path.name} is larger than {MOST_BYTES:,} bytes.", file=path.name)
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise InvalidHandbook(f"{path.name} cannot be read: {error.strerror}.", file=path.name) from error
    except UnicodeDecodeError as error:
        raise InvalidHandbook(f"{path.name} is not UTF-8; save it as “CSV UTF-8”.", file=path.name) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        unknown = sorted(set(names) - set(COLUMNS))
        lacking = [name for name in ("category", "seq") if name not in names]
        if unknown or lacking or len(set(names)) < len(names):
            raise InvalidHandbook(
                f"The columns of {path.name} are not the handbook's: unknown {unknown}, missing {lacking}.",
                unknown=unknown,
                missing=lacking,
                columns=list(COLUMNS),
            )
        reader.fieldnames = names
        for row in reader:
            if None in row or None in row.values():
                raise InvalidHandbook(
                    f"Line {reader.line_num} of {path.name} has another number of cells than the first line.",
                    line=reader.line_num,
                )
            yield reader.line_num, {name: value.strip() for name, value in row.items()}
    except csv.Error as error:
        raise InvalidHandbook(f"Line {reader.line_num} of {path.name}: {error}.", line=reader.line_num) from error


def _known(conn: Connection) -> _Known:
    ids: dict[str, int] = {}
    conditions: dict[tuple[int, int], tuple[bool, bool]] = {}
    for row in conn.execute(_SQL["known"]):
        ids[f"{row['scheme']}:{row['code']}"] = row["category_id"]
        if row["seq"] is not None:
            conditions[row["category_id"], row["seq"]] = (row["is_default"], row["holds"])
    return _Known(ids, conditions)


def _checked(lines: Sequence[tuple[int, dict[str, str]]], city: City, known: _Known) -> list[dict[str, Any]]:
    """The rows as statements take them. Raises ``InvalidHandbook`` with all that is wrong."""
    rows: list[dict[str, Any]] = []
    wrong: list[dict[str, Any]] = []
    first: dict[tuple[int, int], int] = {}
    for line, cells in lines:
        try:
            row = _row(cells, city, known)
            key = row["category_id"], row["seq"]
            if first.setdefault(key, line) != line:
                raise _Wrong("seq", f"line {first[key]} has this condition already")
            rows.append(row)
        except _Wrong as error:
            wrong.append({"line": line, "column": error.column, "wrong": error.said})
    wrong += _of_all(rows, known)
    if wrong or not rows:
        said = "; ".join(f"line {one['line']}, {one['column']}: {one['wrong']}" for one in wrong[:5])
        raise InvalidHandbook(
            f"{len(wrong)} rows cannot be taken: {said}." if wrong else "The file has no rows.", rows=wrong[:_MANY]
        )
    return rows


class _Wrong(Exception):
    def __init__(self, column: str, said: str) -> None:
        super().__init__(said)
        self.column, self.said = column, said


def _row(cells: Mapping[str, str], city: City, known: _Known) -> dict[str, Any]:
    scheme, colon, code = cells["category"].rpartition(":")
    scheme = scheme if colon else cells.get("scheme") or city.category_scheme
    category_id = known.category_ids.get(f"{scheme}:{code}")
    if category_id is None:
        raise _Wrong("category", f"there is no category {code!r} in the scheme {scheme!r}")
    row: dict[str, Any] = {"category_id": category_id, "seq": _whole(cells, "seq", 1, 999)}
    texts = {name: _text(cells, name) for name in (*_OF_CONDITION, *_OWN)}
    row |= {name: text for name, text in texts.items() if text is not None}
    for name in ("text_zh", "closing_zh"):
        if row.get(name) == "":
            raise _Wrong(name, "a condition has one; it cannot be emptied")
    if cells.get("min_photos"):
        row["min_photos"] = _whole(cells, "min_photos", 0, 20)
    if cells.get("limits"):
        row["limits"] = list(_limits(cells["limits"]))
    for name in ("is_default", "ends"):
        row[name] = _yes(cells, name)
    if certainty := cells.get("certainty"):
        if certainty not in CERTAINTY:
            raise _Wrong("certainty", f"{certainty!r} is none of {', '.join(CERTAINTY)}")
        row["certainty"] = certainty
    there = known.conditions.get((category_id, row["seq"]))
    if there is None:
        lacking = [name for name in ("text_zh", "closing_zh", "limits") if not row.get(name)]
        if row["ends"]:
            raise _Wrong("ends", "there is no such condition that could end")
        if lacking:
            raise _Wrong(lacking[0], "a new condition needs text_zh, closing_zh and limits")
    return row


def _of_all(rows: Sequence[Mapping[str, Any]], known: _Known) -> Iterator[dict[str, Any]]:
    """What is wrong with the file as a whole: a category has one default condition, which holds."""
    named: dict[int, int] = {}
    for row in rows:
        if row["is_default"] and (row["ends"] or named.setdefault(row["category_id"], row["seq"]) != row["seq"]):
            said = "the default cannot end" if row["ends"] else "the category has another default in this file"
            yield {"line": None, "column": "is_default", "wrong": f"condition {row['seq']}: {said}"}
    for row in rows:
        default, _ = known.conditions.get((row["category_id"], row["seq"]), (False, False))
        if row["ends"] and default and row["category_id"] not in named:
            said = "it is its category's default; name another one with is_default"
            yield {"line": None, "column": "ends", "wrong": f"condition {row['seq']}: {said}"}


def _text(cells: Mapping[str, str], name: str) -> str | None:
    value = cells.get(name, "")
    if len(value) > _LONGEST:
        raise _Wrong(name, f"longer than {_LONGEST} characters")
    return None if value == "" else "" if value == "-" else value


def _whole(cells: Mapping[str, str], name: str, least: int, most: int) -> int:
    value = cells[name]
    if not re.fullmatch(r"[0-9]{1,3}", value) or not least <= int(value) <= most:
        raise _Wrong(name, f"{value!r} is no whole number from {least} to {most}")
    return int(value)


def _yes(cells: Mapping[str, str], name: str) -> bool:
    value = cells.get(name, "")
    if value not in ("", "true", "false"):
        raise _Wrong(name, f"{value!r} is neither true nor false")
    return value == "true"


def _limits(text: str) -> Iterator[dict[str, Any]]:
    """``4 work_hour``, ``stop 4 工作时; restore 20 work_day``, ``2 work_day @1``, ``15 work_day in planting``."""
    by_word = {words[0]: unit for unit, words in UNITS.items()} | {unit: unit for unit in clocks.UNITS}
    seen: set[tuple[str, str]] = set()
    for one in text.split(";"):
        found = _LIMIT.fullmatch(one.strip())
        step = (found["step"] or "handle") if found else ""
        unit = by_word.get(found["unit"]) if found else None
        season = (found["season"] or "") if found else ""
        if found is None or step not in STEPS or unit is None or (season and season not in SEASONS):
            raise _Wrong("limits", f"{one.strip()!r} is not: [step] value unit [@grade] [in season]")
        try:
            value = Decimal(found["value"])
        except InvalidOperation:
            value = Decimal(0)
        if not 0 < value <= 10_000:
            raise _Wrong("limits", f"{found['value']!r} is not between 0 and 10,000")
        grade = found["grade"] or ""
        if (step, grade) in seen:
            raise _Wrong("limits", f"{step} stands there twice")
        seen.add((step, grade))
        yield {
            "step": step,
            "area_grade": grade,
            "unit": unit,
            "value": int(value) if value == int(value) else float(value),
            "season": season,
        }
