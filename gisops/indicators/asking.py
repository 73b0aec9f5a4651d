"""What somebody asks of the indicators, and what he is told: meanings, numbers, scores, the cases behind a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from gisops.access import audit
from gisops.access.people import Actor
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotAllowed
from gisops.indicators import counting, periods, scores
from gisops.indicators.counting import Counted
from gisops.indicators.definitions import Indicator, Score, UnknownIndicator, definitions
from gisops.indicators.periods import Period
from gisops.indicators.scores import Value

_NAMES = queries.load("gisops.indicators", "names.sql")
MOST_WHERE = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: over which time (a month, or from and to), by what, and only where; ``choice`` another way of
    counting. ``key_id`` is the key it was asked with.
    """

    since: str | None = None
    until: str | None = None
    month: str | None = None
    by: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    choice: str | None = None
    key_id: int | None = None


def meanings() -> dict[str, Any]:
    """Every indicator, score and grade there is, with what it means, and what can be counted by."""
    told = definitions()
    return {
        "indicators": [meaning(one) for one in told.indicators.values()],
        "scores": [_score_meaning(one) for one in told.scores.values()],
        "grades": [asdict(grade) for grade in told.grades],
        "by": list(counting.BY),
    }


def meaning(one: Indicator) -> dict[str, Any]:
    """What an indicator is, as answers say it."""
    return {
        "code": one.code, "zh": one.zh, "en": one.en, "form": one.form, "unit": one.unit, "family": one.family.name,
        "of": list(one.of), "per": list(one.per), "value": one.value, "better": one.better, "note_zh": one.note_zh,
        "note_en": one.note_en, "certainty": one.certainty, "metric": one.metric,
        "choices": {c.name: {"zh": c.zh, "en": c.en} for c in one.choices.values()},
    }  # fmt: skip


def parse_where(texts: Sequence[str]) -> dict[str, str]:
    """``["street:460107001", …]`` as a mapping. Raises ``InvalidInput``."""
    found: dict[str, str] = {}
    if len(texts) > MOST_WHERE:
        raise InvalidInput(f"At most {MOST_WHERE} conditions.", parameter="where")
    for text in texts:
        by, colon, key = text.partition(":")
        if not colon or by not in counting.DIMENSIONS or by in found:
            raise InvalidInput(
                f"{text!r} is no condition; one is what and its key, as street:460107001, each thing once.",
                parameter="where", by=list(counting.DIMENSIONS),
            )  # fmt: skip
        found[by] = key
    return found


def numbers(conn: Connection, city: City, codes: str, asked: Asked, to: Actor) -> dict[str, Any]:
    """What some indicators (``a,b,c``, or ``all``) came to: of all that the viewer may see, and by what was asked.

    Raises ``UnknownIndicator``, ``InvalidInput``; ``NotAllowed`` for a member of staff whose numbers are not his.
    """
    told = definitions()
    wanted = list(told.indicators.values())
    if codes != "all":
        wanted = [told.indicator(code) for code in dict.fromkeys(codes.split(","))]
    if asked.choice is not None:
        if len(wanted) != 1:
            raise InvalidInput("A choice is one indicator's.", parameter="choice")
        wanted = [wanted[0].chosen(asked.choice)]
    period = _period(asked, city)
    _only_whom_he_may_know(conn, asked, to)
    found = counting.count(conn, city, period, wanted, asked.by, asked.where, to)
    _write_down(conn, found, asked)
    spans: dict[str | None, dict[str, Any]] = {}
    if asked.by in periods.SPANS:
        cut = periods.slices(found.period, asked.by, city.timezone)
        spans = {name: {"from": since, "to": until} for name, since, until in cut}
    return {
        **_head(found, asked),
        "indicators": [meaning(one) for one in wanted],
        "total": {code: shown(value) for code, value in found.total.items()},
        "rows": [
            {
                "subject": asdict(row.subject),
                **spans.get(row.subject.key, {}),
                "values": {code: shown(value) for code, value in row.values.items()},
            }
            for row in found.rows
        ],
    }


def score(conn: Connection, city: City, code: str, asked: Asked, to: Actor) -> dict[str, Any]:
    """A composite score of each organisation, person or region that the viewer may see, the best first.

    Raises as `numbers` does.
    """
    told = definitions()
    one = told.scores.get(code)
    if one is None:
        raise UnknownIndicator(f"There is no score {code!r}.", scores=sorted(told.scores))
    period = _period(asked, city)
    _only_whom_he_may_know(conn, asked, to)
    found = counting.count(conn, city, period, indicators_of(one), asked.by or one.by, asked.where, to)
    _write_down(conn, found, asked, by=asked.by or one.by)
    rows = [
        {"subject": asdict(row.subject), **asdict(scores.scored(one, row.values, told.grades))}
        for row in found.rows
        if row.subject.key is not None
    ]
    told_rows = [row for row in rows if row["score"] is not None]
    return {
        **_head(found, asked),
        "by": asked.by or one.by,
        "score": _score_meaning(one),
        "rows": sorted(told_rows, key=lambda row: -row["score"]),
    }


def cases_behind(
    conn: Connection, city: City, code: str, part: str, asked: Asked, before: UUID | None, most: int, to: Actor
) -> dict[str, Any]:
    """The cases behind a number, newest first: ``{cases: [case_no], next: key or None}``. Raises as `numbers` does."""
    one = definitions().indicator(code).chosen(asked.choice)
    _only_whom_he_may_know(conn, asked, to)
    found = counting.behind(conn, city, _period(asked, city), one, part, asked.where, before, most)
    return {
        "cases": [row["case_no"] for row in found],
        "next": str(found[-1]["case_id"]) if len(found) == most else None,
    }


def indicators_of(one: Score) -> list[Indicator]:
    """What a score is made of."""
    return [definitions().indicator(term.indicator) for term in one.terms]


def shown(value: Value) -> dict[str, Any]:
    """A number as answers tell it, with how many it is of."""
    if value.form == "count":
        return {"value": value.n}
    if value.form == "rate":
        return {
            "value": value.number, "numerator": value.k, "denominator": value.n, "low": value.low, "high": value.high,
            "few": value.few,
        }  # fmt: skip
    return {"value": value.mean, "median": value.median, "p90": value.p90, "n": value.n, "few": value.few}


def _period(asked: Asked, city: City) -> Period:
    if asked.month is not None:
        if asked.since is not None or asked.until is not None:
            raise InvalidInput("A period is a month, or from and to; not both.", parameter="month")
        return periods.month(asked.month, city.timezone)
    if asked.since is None or asked.until is None:
        raise InvalidInput(
            "A period is wanted: month, or from and to (the first that is not counted).", parameter="from"
        )
    return periods.between(asked.since, asked.until, city.timezone)


def _only_whom_he_may_know(conn: Connection, asked: Asked, to: Actor) -> None:
    code = asked.where.get("staff")
    if not code:
        return
    row = conn.execute(_NAMES["staff_by_code"], {"code": code}).fetchone()
    # Somebody unknown is refused like somebody who is not to be known.
    if not counting.may_count_staff(to, row["organisation_id"] if row else None, row["staff_id"] if row else None):
        raise NotAllowed("The numbers of a person are for whom he works with.", parameter="where")


def _write_down(conn: Connection, found: Counted, asked: Asked, by: str | None = None) -> None:
    """That somebody looked at what others did is written down, as every look at people is."""
    if "staff" in (by or asked.by, *asked.where) and (found.rows or "staff" in asked.where):
        audit.looked(conn, "staff", None, max(1, len(found.rows)), key_id=asked.key_id)


def _head(found: Counted, asked: Asked) -> dict[str, Any]:
    return {
        "from": found.period.since, "to": found.period.until, "by": asked.by, "where": dict(asked.where),
        "few_below": scores.FEW,
    }  # fmt: skip


def _score_meaning(one: Score) -> dict[str, Any]:
    terms = [asdict(term) for term in one.terms]
    named = {name: getattr(one, name) for name in ("code", "zh", "en", "by", "certainty", "note_zh", "note_en")}
    return {**named, "terms": terms}
