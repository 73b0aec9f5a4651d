"""A bulletin as a page: four sheets of A4 that need nothing beside themselves, to be read on a screen or printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gisops import charts
from gisops.indicators.definitions import definitions

# What stands in large figures on the first sheet.
HEADLINES = (
    "filed_count", "on_time_handling_rate", "closing_rate", "rework_rate", "satisfaction_rate",
    "solved_within_5_hours_rate", "mean_working_days", "intake_to_dispatch",
)  # fmt: skip
# The rest, in the table of the last sheet.
_LEFT_OUT_OF_TABLE = ("should_be_handled_count", "should_be_closed_count")


def render(facts: Mapping[str, Any], outlines: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> str:
    """Make the page of a bulletin's facts (`gisops.bulletin.gather`). The same facts make the same page."""
    told = definitions()
    streets = facts["streets"]
    grades = {row["key"]: row["grade"] for row in streets}
    labels = {row["key"]: f"{row['rank']}" for row in streets}
    days, months = facts["days"], facts["months"]
    dates = [date.fromisoformat(row["key"]) for row in days]
    page: str = _page().render(
        facts=facts,
        year=facts["period"][:4],
        month=int(facts["period"][5:]),
        published=datetime.fromisoformat(facts["published_at"]).astimezone(zone),
        indicators=told.indicators,
        headlines=[
            # A city that asks nobody shows what it handled.
            "handling_rate" if code == "satisfaction_rate" and not facts["total"][code]["denominator"] else code
            for code in HEADLINES
        ],
        table=[one for one in told.indicators.values() if one.code not in _LEFT_OUT_OF_TABLE],
        scores=told.scores,
        grade_list=told.grades,
        chart_of_days=Markup(  # noqa: S704  (made of numbers)
            charts.columns(
                [
                    (str(day.day), row["values"]["report_count"]["value"], row["values"]["closings"]["value"])
                    for day, row in zip(dates, days, strict=True)
                ],
                ("上报 reports", "结案 closed"),
                [day.weekday() > 4 for day in dates],
            )
        ),
        chart_of_months=Markup(  # noqa: S704
            charts.lines(
                [f"{int(row['key'][5:])}月" for row in months],
                ("立案 filed", [row["values"]["filed_count"]["value"] for row in months]),
                [
                    ("按期处置率 on time", [row["values"]["on_time_handling_rate"]["value"] for row in months]),
                    ("结案率 closed", [row["values"]["closing_rate"]["value"] for row in months]),
                ],
            )
        ),
        map_of_streets=Markup(charts.areas(outlines, grades, labels)),  # noqa: S704
    )
    return page


def figure(value: Mapping[str, Any] | None, form: str, unit: str) -> str:
    """A number as it is printed; — where there was nothing to count."""
    number = None if value is None else value["value"]
    if number is None:
        return "—"
    if form == "count":
        return f"{number:,}"
    if form == "rate":
        return f"{number:.1%}"
    if unit == "d":
        # under a day a tenth says nothing
        return f"{number:.1f} 个工作日" if number >= 1 else f"{number:.2f} 个工作日"
    return _span(number)


def change(now: Mapping[str, Any], before: Mapping[str, Any], form: str, unit: str) -> tuple[str, int] | None:
    """What became of a number since the month before, and whether it went up (1), down (-1) or stayed; None where
    there is nothing to compare.
    """
    new, old = now["value"], before["value"]
    if new is None or old is None:
        return None
    if form == "rate":
        difference = round((new - old) * 100, 1)
        return f"{difference:+.1f} 个百分点" if difference else "持平", _sign(difference)
    if new == old:
        return "持平", 0
    if not old:
        return None
    share = round((new - old) / old * 100, 1)
    return f"{share:+.1f}%" if share else "持平", _sign(share)


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} 秒"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} 分钟"
    return f"{seconds / 3600:.1f} 小时" if seconds < 72 * 3600 else f"{seconds / 86_400:.1f} 天"


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


@cache
def _page() -> Any:
    made = Environment(
        loader=PackageLoader("gisops", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "figure": figure,
        "change": change,
        "share_bar": lambda value: Markup(  # noqa: S704
            charts.share_bar(value["value"], value["low"], value["high"]) if value["value"] is not None else ""
        ),
        "bar": lambda value, most, before: Markup(charts.bar(value, most, before)),  # noqa: S704
        "colour": charts.GRADES.get,
    }
    return made.get_template("bulletin.html")
