"""One column's raw values -> what its table keeps, with a finding for every value that cannot be right.

The usual value takes the short way; words are looked for only where something is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gisops.errors import GisopsError
from gisops.loads import dates
from gisops.loads.batches import Finding, Kind
from gisops.loads.lookups import Known
from gisops.loads.mapping import Assignment, InvalidMapping, Rule, text
from gisops.loads.targets import Column, Target

# What is found when rows meet a table, beside what reading the file finds: code -> words.
CODES: Mapping[str, tuple[str, str]] = {
    "missing_value": ("{column} 为空", "{column} is empty"),
    "not_a_number": ("{column} 不是数字", "{column} is not a number"),
    "not_whole": ("{column} 不是整数", "{column} is not a whole number"),
    "not_a_boolean": ("{column} 应为 是/否、true/false、1/0", "{column} is not yes/no, true/false, 1/0"),
    "not_a_date": ("{column} 不是可识别的日期：{right}", "{column} is no date that can be read: {right}"),
    "not_a_time": ("{column} 应为 HH:MM", "{column} is not a time like 07:30"),
    "not_one_of": ("{column} 应为其中之一：{right}", "{column} must be one of {right}"),
    "not_as_written": ("{column} 的写法应为 {right}", "{column} must be written {right}"),
    "out_of_range": ("{column} 应在 {right} 之间", "{column} must be {right}"),
    "unknown_code": ("{column} 没有这个编码", "{column}: there is no such code"),
    "bad_pattern": ("{column} 不是事项范围，如 E04 或 E04-05", "{column} is no category pattern like E04 or E04-05"),
    "invalid_code": ("{column} 不符合编码方案：{right}", "{column} is not written as its scheme writes it: {right}"),
    "several_polygons": ("由 {right} 个多边形组成，此处只能是一个", "is made of {right} polygons where one is wanted"),
    "outside_city": ("不在本市范围内", "lies outside the city's box: {right}"),
    "outside_districts": ("不在任何辖区内，归入最近的 {right}", "lies in no district; taken to the nearest, {right}"),
    "unknown_district": ("没有这个辖区", "there is no such district"),
    "duplicate_code": ("编码在文件中重复，首次见于第 {right} 行", "the code stands in the file before, in row {right}"),
    "pile_up": (
        "坐标与其他 {right} 行完全相同，疑为占位坐标",
        "shares its coordinates with {right} rows: a placeholder, it seems",
    ),
    "overlapping_turns": ("与第 {right} 行的排班时间重叠", "overlaps the same person's turn in row {right}"),
    "ends_before_it_starts": ("结束不晚于开始", "ends before it starts"),
    "in_future": ("时间在将来", "lies in the future"),
    "refused_by_dispatch": ("派遣不接受：{right}", "dispatch does not take it: {right}"),
}

_YES = {"true", "t", "yes", "y", "1", "是", "有", "对"}
_NO = {"false", "f", "no", "n", "0", "否", "无", "不"}
_PATTERN = re.compile(r"^(?:(?P<scheme>.+):)?(?P<short>[PE](?:[0-9]{2}(?:-[0-9]{2,3})?)?)$")
_PIECES = re.compile(r"[;；,，、|]")


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that is wrong: which of the batch (from 0), the code of what is wrong, what stands there, what would be
    right.
    """

    index: int
    code: str
    column: str
    was: str = ""
    right: str = ""
    kind: Kind = "refused"

    def finding(self, row: int) -> Finding:
        """In words, for the row of the file."""
        zh, en = CODES[self.code]
        told = {"column": self.column, "right": self.right}
        return Finding(
            row, self.kind, self.code, zh.format(**told), en.format(**told), self.was[:200], self.right[:200]
        )


class Wrong(ValueError):
    """A value is wrong: a code of `CODES` and what would be right."""

    def __init__(self, code: str, right: str = "") -> None:
        super().__init__(code)
        self.code, self.right = code, right


Convert = Callable[[Any], Any]


def convert_all(
    target: Target, mapping: Assignment, fields: Mapping[str, Sequence[Any]], count: int, known: Known
) -> tuple[dict[str, list[Any]], list[Problem]]:
    """Fill and convert the columns of a batch: target column -> value per row (None where there is none or it is
    wrong), and what is wrong. Columns that nothing fills and that have no default are not among them.
    """
    values: dict[str, list[Any]] = {}
    problems: list[Problem] = []
    for name, column in target.columns.items():
        rule = mapping.rules.get(name)
        if rule is None and column.default is None:
            continue
        raw = rule.fill(fields, count) if rule else [None] * count
        values[name] = _convert_column(column, raw, _converter(column, rule, known), problems)
    for name, column in target.columns.items():
        if column.lookup == "filing_condition" and name in values:
            values[name] = _conditions(column, values[name], values[column.also], known, problems)
        if name in values and column.default is not None:
            _fill_gaps(column, values, count)
        if column.required and name in values:
            bad = {problem.index for problem in problems if problem.column == name}
            problems += [
                Problem(n, "missing_value", name)
                for n, value in enumerate(values[name])
                if value is None and n not in bad
            ]
    return values, problems


def _convert_column(column: Column, raw: list[Any], convert: Convert, problems: list[Problem]) -> list[Any]:
    found: list[Any] = []
    seen: dict[Any, Any] = {}
    for n, value in enumerate(raw):
        # Few values of most columns are different: what was converted once is not converted again.
        try:
            found.append(seen[value])
            continue
        except (KeyError, TypeError):
            pass
        try:
            done = convert(value)
        except Wrong as wrong:
            problems.append(Problem(n, wrong.code, column.name, str(value), wrong.right))
            done = None
        else:
            if len(seen) < 10_000 and isinstance(value, str | int | None):
                seen[value] = done
        found.append(done)
    return found


def _fill_gaps(column: Column, values: dict[str, list[Any]], count: int) -> None:
    mine, default = values[column.name], column.default
    if isinstance(default, str) and default.startswith("{"):
        other = values.get(default.strip("{}"), [None] * count)
        values[column.name] = [other[n] if value is None else value for n, value in enumerate(mine)]
    elif column.lookup is None:
        default = list(default) if isinstance(default, tuple) else default
        values[column.name] = [default if value is None else value for value in mine]


def _conditions(
    column: Column, categories: list[Any], seqs: list[Any], known: Known, problems: list[Problem]
) -> list[Any]:
    found: list[Any] = []
    for n, (category, seq) in enumerate(zip(categories, seqs, strict=True)):
        key = known.keys["filing_condition"].get(f"{category}/{1 if seq is None else seq}")
        if key is None and category is not None:
            problems.append(Problem(n, "unknown_code", column.name, f"condition {seq} of category {category}"))
        found.append(key)
    return found


def _converter(column: Column, rule: Rule | None, known: Known) -> Convert:
    if column.lookup == "itself":
        return text
    if column.lookup == "shift":
        return lambda value: _known_text(value, known.shifts)
    if column.lookup:
        keys = known.keys["category" if column.lookup == "filing_condition" else column.lookup]
        if column.type == "texts":
            return lambda value: [_key(piece, keys) for piece in _texts(value) or ()] or None
        return lambda value: _key(value, keys)
    if column.type == "timestamp" or column.type == "date":
        zone = known.timezone
        if rule and rule.timezone:
            try:
                zone = ZoneInfo(rule.timezone)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise InvalidMapping(f"{column.name}: there is no time zone {rule.timezone!r}.") from error
        written = rule.date if rule else None
        return lambda value: _moment(value, zone, written, whole_day=column.type == "date")
    if column.type == "patterns":
        return lambda value: _patterns(value, known.category_scheme)
    if column.type == "integer":
        return lambda value: _integer(value, column)
    if column.type == "number":
        return lambda value: _number(value, column)
    plain: dict[str, Convert] = {"boolean": _boolean, "time": _time, "texts": _texts}
    if column.type in plain:
        return plain[column.type]
    return lambda value: _text(value, column)


def _text(value: Any, column: Column) -> str | None:
    found = text(value)
    if found is None:
        return None
    if column.one_of and found not in column.one_of:
        if found.lower() in column.one_of:
            return found.lower()
        raise Wrong("not_one_of", ", ".join(column.one_of))
    if column.pattern and not re.fullmatch(column.pattern, found):
        raise Wrong("not_as_written", column.pattern)
    return found


def _number(value: Any, column: Column) -> float | None:
    found = text(value)
    if found is None:
        return None
    try:
        number = float(found)
    except ValueError as error:
        raise Wrong("not_a_number") from error
    least, most = column.least, column.most
    if number != number or (least is not None and number < least) or (most is not None and number > most):
        raise Wrong("out_of_range", f"{'…' if least is None else least} – {'…' if most is None else most}")
    return number


def _integer(value: Any, column: Column) -> int | None:
    number = _number(value, column)
    if number is None:
        return None
    if not number.is_integer() or abs(number) > 2**53:
        raise Wrong("not_whole")
    return int(number)


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    found = text(value)
    if found is None:
        return None
    if found.lower() in _YES:
        return True
    if found.lower() in _NO:
        return False
    raise Wrong("not_a_boolean")


def _time(value: Any) -> time | None:
    if isinstance(value, time):
        return value
    found = text(value)
    if found is None:
        return None
    try:
        return time.fromisoformat(found.zfill(5) if re.fullmatch(r"\d:\d\d", found) else found)
    except ValueError as error:
        raise Wrong("not_a_time") from error


def _moment(value: Any, zone: ZoneInfo, written: str | None, *, whole_day: bool) -> datetime | date | None:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=zone)
        return moment.astimezone(zone).date() if whole_day else moment
    if isinstance(value, date):
        return value if whole_day else datetime(value.year, value.month, value.day, tzinfo=zone)
    found = text(value)
    if found is None:
        return None
    try:
        read = dates.parse(found, zone, written)
    except GisopsError as error:
        raise Wrong("not_a_date", error.message) from error
    return _moment(read, zone, None, whole_day=whole_day)


def _texts(value: Any) -> list[str] | None:
    found = text(value)
    return None if found is None else [piece.strip() for piece in _PIECES.split(found) if piece.strip()]


def _patterns(value: Any, scheme: str) -> list[str] | None:
    found = []
    for piece in _texts(value) or ():
        match = _PATTERN.match(piece)
        if match is None:
            raise Wrong("bad_pattern")
        found.append(f"{match['scheme'] or scheme}:{match['short']}")
    return found or None


def _key(value: Any, keys: Mapping[str, int]) -> int | None:
    found = text(value)
    if found is None:
        return None
    if found not in keys:
        raise Wrong("unknown_code")
    return keys[found]


def _known_text(value: Any, keys: Mapping[str, Any]) -> str | None:
    found = text(value)
    if found is not None and found not in keys:
        raise Wrong("unknown_code")
    return found
