"""The bulletin of a month: what was counted, the ranking of units, beside the month before; kept as it was published.

It never changes once it is kept: what has to be corrected is another version. No person is named in it. See
``docs/decisions/0037-indicators-are-data-over-named-facts.md``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from gisops import bulletin_page
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import Conflict, InvalidInput, NotFound
from gisops.indicators import asking, counting, periods, scores
from gisops.indicators.counting import Counted
from gisops.indicators.definitions import Score, definitions
from gisops.indicators.periods import Period

log = logging.getLogger(__name__)

_SQL = queries.load("gisops", "bulletin.sql")

_BY_DAY = ("report_count", "closings")
_BY_MONTH = ("filed_count", "closing_rate", "on_time_handling_rate")
_BY_CATEGORY = ("filed_count", "on_time_handling_rate", "rework_rate", "handling_time")
_MOST_CATEGORIES = 12
_MONTHS_BACK = 12


@dataclass(frozen=True, slots=True)
class Bulletin:
    """A bulletin that is kept; ``sha256`` is that of its page."""

    period: str
    version: int
    published_at: datetime
    sha256: str
    facts: Mapping[str, Any]
    html: str


def publish(conn: Connection, city: City, month: str, *, corrected: bool = False) -> Bulletin:
    """Make the bulletin of a month that is over, and keep it; ``corrected`` makes a further version of one there is.

    Raises ``InvalidInput`` for a month that is not over, ``Conflict`` where there is one already.
    """
    period = periods.month(month, city.timezone)
    now = counting.now(conn)
    if period.until > now:
        raise InvalidInput(f"{month} is not over yet.", field="month", over_at=period.until.isoformat())
    row = conn.execute(_SQL["versions"], {"period": month}).fetchone()
    version = (row["n"] if row else 0) + 1
    if version > 1 and not corrected:
        raise Conflict(
            f"The bulletin of {month} is published already; one that corrects it is another version.",
            period=month, do="gisops bulletin --corrected",
        )  # fmt: skip
    facts = {**gather(conn, city, month), "version": version, "published_at": now.isoformat()}
    # What is shown is what is kept: numbers go through JSON once, before the page is made of them.
    facts = orjson.loads(orjson.dumps(facts))
    outlines = conn.execute(_SQL["streets"], {"at": period.since}).fetchall()
    html = bulletin_page.render(facts, outlines, city.timezone)
    kept = conn.execute(
        _SQL["publish"], {"period": month, "version": version, "facts": Jsonb(facts), "html": html}
    ).fetchone()
    if kept is None:
        raise Conflict(f"The bulletin of {month} was published a moment ago.", period=month)
    return Bulletin(**kept, facts=facts, html=html)


def due(conn: Connection, city: City) -> Bulletin | None:
    """Publish the bulletin of the month before this one, if there is none and the city had cases; for the worker, who
    calls it again and again. One of several workers makes it.
    """
    with conn.transaction():
        conn.execute(_SQL["one_tense"])
        month = periods.month_before(f"{counting.now(conn).astimezone(city.timezone):%Y-%m}")
        period = periods.month(month, city.timezone)
        if _says(conn, "had_cases", until=period.until) and not _versions(conn, month) and _says(conn, "alone"):
            made = publish(conn, city, month)
            log.info("bulletin: %s is published", month)
            return made
    return None


def listed(conn: Connection) -> list[dict[str, Any]]:
    """Every bulletin there is, newest first: ``[{period, version, published_at, sha256}]``."""
    return conn.execute(_SQL["listed"]).fetchall()


def read(conn: Connection, month: str, version: int | None = None) -> Bulletin:
    """A bulletin as it was published; the last version if none is named. Raises ``NotFound``."""
    row = conn.execute(_SQL["read"], {"period": month, "version": version}).fetchone()
    if row is None:
        raise NotFound("There is no such bulletin.", period=month)
    return Bulletin(**row)


def gather(conn: Connection, city: City, month: str) -> dict[str, Any]:
    """Everything a bulletin says, as numbers: of the month and the one before; by organisation, street, kind, day."""
    told = definitions()
    every = list(told.indicators.values())
    period = periods.month(month, city.timezone)
    before = periods.month(periods.month_before(month), city.timezone)

    def count(of: Period, codes: Sequence[str] | None, by: str | None) -> Counted:
        wanted = every if codes is None else [told.indicators[code] for code in codes]
        return counting.count(conn, city, of, wanted, by)

    now, then = count(period, None, None), count(before, None, None)
    organisations, of_few = _ranked(
        told.scores["department_score"],
        count(period, None, "organisation"),
        count(before, None, "organisation"),
        without=city.desk.code,
    )
    streets, _ = _ranked(told.scores["region_score"], count(period, None, "street"), count(before, None, "street"))
    months = Period(_months_back(period.since, city, _MONTHS_BACK - 1), period.until)
    categories = {row.subject.key: row for row in count(before, ("filed_count",), "category").rows}
    return {
        "period": month,
        "city": {"code": city.code, "zh": city.name_zh, "en": city.name_en},
        "issuer": city.desk.as_dict(),
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "total": {code: asking.shown(value) for code, value in now.total.items()},
        "before": {code: asking.shown(value) for code, value in then.total.items()},
        "organisations": organisations,
        "organisations_of_few": of_few,
        "few_below": scores.FEW,
        "streets": streets,
        "categories": [
            {**row, "before": categories[row["key"]].values["filed_count"].n if row["key"] in categories else 0}
            for row in _rows(count(period, _BY_CATEGORY, "category"))
            if row["values"]["filed_count"]["value"]
        ][:_MOST_CATEGORIES],
        "channels": _rows(count(period, ("report_count",), "channel")),
        "days": _rows(count(period, _BY_DAY, "day"), ordered=False),
        "months": _rows(count(months, _BY_MONTH, "month"), ordered=False),
    }  # fmt: skip


def _ranked(
    score: Score, now: Counted, then: Counted, without: str | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those who had enough to be compared, the best first, equals sharing a rank; and those who had too little for it,
    the busiest first: of a handful any rank is chance.
    """
    placed, of_few = _placed(score, now, without)
    ranks, ranks_then = _ranks(placed), _ranks(_placed(score, then, without)[0])
    rows = {row.subject.key: row for row in now.rows}

    def shown(key: str, one: scores.Scored) -> dict[str, Any]:
        values = {code: asking.shown(value) for code, value in rows[key].values.items()}
        return {**asdict(rows[key].subject), **asdict(one), "values": values}

    return (
        [{**shown(key, one), "rank": ranks[key], "rank_before": ranks_then.get(key)} for key, one in placed],
        [shown(key, one) for key, one in of_few],
    )


def _placed(
    score: Score, counted: Counted, without: str | None
) -> tuple[list[tuple[str, scores.Scored]], list[tuple[str, scores.Scored]]]:
    due = {row.subject.key: row.values["should_be_handled_count"].n for row in counted.rows}
    told = [
        (row.subject.key, scores.scored(score, row.values, definitions().grades))
        for row in counted.rows
        if row.subject.key is not None and row.subject.key != without and due[row.subject.key]
    ]
    placed = [(key, one) for key, one in told if one.score is not None and due[key] >= scores.FEW]
    of_few = [(key, one) for key, one in told if due[key] < scores.FEW]
    return (
        sorted(placed, key=lambda pair: (-round(pair[1].score or 0, 6), -due[pair[0]], pair[0])),
        sorted(of_few, key=lambda pair: (-due[pair[0]], pair[0])),
    )


def _ranks(placed: Sequence[tuple[str, scores.Scored]]) -> dict[str, int]:
    ranks: dict[str, int] = {}
    last: tuple[float, int] | None = None
    for number, (key, one) in enumerate(placed, 1):
        points = round(one.score or 0, 6)
        last = last if last is not None and last[0] == points else (points, number)
        ranks[key] = last[1]
    return ranks


def _rows(counted: Counted, *, ordered: bool = True) -> list[dict[str, Any]]:
    rows = [
        {**asdict(row.subject), "values": {code: asking.shown(value) for code, value in row.values.items()}}
        for row in counted.rows
    ]
    return sorted(rows, key=lambda row: -next(iter(row["values"].values()))["value"]) if ordered else rows


def _months_back(since: datetime, city: City, many: int) -> datetime:
    month = f"{since.astimezone(city.timezone):%Y-%m}"
    for _ in range(many):
        month = periods.month_before(month)
    return periods.month(month, city.timezone).since


def _versions(conn: Connection, month: str) -> int:
    row = conn.execute(_SQL["versions"], {"period": month}).fetchone()
    return row["n"] if row else 0


def _says(conn: Connection, name: str, **params: Any) -> bool:
    row = conn.execute(_SQL[name], params).fetchone()
    return bool(row and row["so"])
