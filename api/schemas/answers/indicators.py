"""Answers of indicators, scores and bulletins."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.shapes import Certainty, Many, Moment, Named, Sha256, Share, Words, closed, one_of
from gisops.indicators.counting import BY
from gisops.indicators.definitions import FORMS

Form = Annotated[str, one_of(FORMS)]
ByWhat = Annotated[str, one_of(BY)]
Points = Annotated[float | None, Field(description="0 to 100; null where there was nothing to count.")]


@closed
class Indicator(TypedDict):
    """What an indicator is: of which facts it is made, and what has to be known of it."""

    code: str
    zh: str
    en: str
    form: Form
    unit: str
    family: str
    of: list[str]
    per: list[str]
    value: str | None
    better: Literal["higher", "lower"] | None
    note_zh: str
    note_en: str
    certainty: Certainty
    metric: str | None
    choices: Annotated[dict[str, Words], Field(description="Other ways of counting it, by name.")]


@closed
class Term(TypedDict):
    """One part of a score: what it weighs, and how its number becomes points."""

    indicator: str
    weight: int
    complement: bool
    bands: list[list[int]]
    above: int


@closed
class ScoreMeaning(TypedDict):
    """What a composite score is made of."""

    code: str
    zh: str
    en: str
    by: ByWhat
    certainty: Certainty
    note_zh: str
    note_en: str
    terms: list[Term]


@closed
class Grade(TypedDict):
    """A grade, and the score from which it is given."""

    grade: str
    least: float
    colour: str


@closed
class Meanings(TypedDict):
    """Every indicator, score and grade there is, and what can be counted by."""

    indicators: list[Indicator]
    scores: list[ScoreMeaning]
    grades: list[Grade]
    by: list[ByWhat]


@closed
class CountValue(TypedDict):
    """A count; ``cases`` is where the cases behind it are."""

    value: Many
    cases: NotRequired[str]


@closed
class RateValue(TypedDict):
    """A rate, what it is of, and between what it lies with 95 %; ``few``: of so few that it may be chance."""

    value: Share | None
    numerator: int | None
    denominator: Many
    low: Share | None
    high: Share | None
    few: bool
    cases: NotRequired[str]


@closed
class DurationValue(TypedDict):
    """Durations in the indicator's unit: mean, median and 90th percentile of ``n``."""

    value: float | None
    median: float | None
    p90: float | None
    n: Many
    few: bool
    cases: NotRequired[str]


Value = CountValue | RateValue | DurationValue
Values = Annotated[dict[str, Value], Field(description="By code of the indicator.")]


@closed
class Subject(TypedDict):
    """One of the things counted by; without a key what has none."""

    key: str | None
    zh: str
    en: str


@closed
class Row(TypedDict):
    """What was counted of one thing; of a day or a month with its ends."""

    subject: Subject
    from_: NotRequired[Annotated[Moment, Field(alias="from")]]
    to: NotRequired[Moment]
    values: Values


@closed
class Numbers(TypedDict):
    """What indicators came to from one moment to another, the second not counted."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    by: ByWhat | None
    where: dict[str, str]
    few_below: Many
    indicators: list[Indicator]
    total: Values
    rows: list[Row]


@closed
class CasesBehind(TypedDict):
    """Numbers of the cases behind a number, newest first; ``next`` is what the next page is asked for by."""

    cases: list[str]
    next: str | None


@closed
class ScoreRow(TypedDict):
    """A score, its grade, the points of each term, and the terms that had nothing to count."""

    subject: Subject
    score: Points
    grade: str | None
    points: dict[str, Points]
    left_out: list[str]


@closed
class ScoreTold(TypedDict):
    """A composite score of each thing, the best first."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    by: ByWhat
    where: dict[str, str]
    few_below: Many
    score: ScoreMeaning
    rows: list[ScoreRow]


@closed
class BulletinListed(TypedDict):
    """A bulletin there is; ``sha256`` is that of its page."""

    period: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    version: Annotated[int, Field(ge=1)]
    published_at: Moment
    sha256: Sha256


@closed
class Bulletins(TypedDict):
    """Every bulletin there is, newest first."""

    bulletins: list[BulletinListed]


@closed
class CityNamed(TypedDict):
    """The city."""

    code: str
    zh: str
    en: str


@closed
class Counted(Subject):
    """What was counted of one thing."""

    values: Values


@closed
class CategoryCounted(Counted):
    """The same of a category, and how many were filed in the month before."""

    before: Many


@closed
class Scored(Counted):
    """A score of one thing, and what it was made of."""

    score: Points
    grade: str | None
    points: dict[str, Points]
    left_out: list[str]


@closed
class Ranked(Scored):
    """The same with its rank, and that of the month before."""

    rank: Annotated[int, Field(ge=1)]
    rank_before: int | None


@closed
class Bulletin(TypedDict):
    """A bulletin's numbers, as they were published."""

    period: str
    version: int
    published_at: Moment
    city: CityNamed
    issuer: Named
    since: Moment
    until: Moment
    total: Values
    before: Values
    organisations: list[Ranked]
    organisations_of_few: list[Scored]
    few_below: Many
    streets: list[Ranked]
    categories: list[CategoryCounted]
    channels: list[Counted]
    days: list[Counted]
    months: list[Counted]
