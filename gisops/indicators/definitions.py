"""What is counted: indicators, composite scores and grades, as ``data/reference/indicators.toml`` has them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from gisops.errors import InvalidInput, NotFound
from gisops.reference_files import data

Form = Literal["count", "rate", "duration"]
FORMS: tuple[Form, ...] = ("count", "rate", "duration")
_NAME = re.compile(r"[a-z][a-z0-9_]{1,47}")


class UnknownIndicator(NotFound):
    """There is no such indicator."""

    code = "unknown_indicator"


@dataclass(frozen=True, slots=True)
class Family:
    """Facts of one kind; ``staff`` is the column that says whose they are."""

    name: str
    zh: str
    en: str
    staff: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Another way of counting an indicator."""

    name: str
    zh: str
    en: str
    of: tuple[str, ...] | None
    per: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator. ``of`` and ``per`` are columns of its family's facts that must all hold: a count is of ``of``, a
    rate is (``of`` and ``per``) out of ``per``, a duration tells of the column ``value`` where ``per`` holds.
    """

    code: str
    zh: str
    en: str
    form: Form
    family: Family
    of: tuple[str, ...]
    per: tuple[str, ...]
    value: str | None
    unit: str
    staff: str
    better: Literal["higher", "lower"] | None
    certainty: str
    note_zh: str = ""
    note_en: str = ""
    metric: str | None = None
    effect: str | None = None
    choices: Mapping[str, Choice] = field(default_factory=dict)

    def chosen(self, name: str | None) -> Indicator:
        """The indicator as one of its other ways counts it. Raises ``InvalidInput`` for a way it has not."""
        if name is None:
            return self
        choice = self.choices.get(name)
        if choice is None:
            raise InvalidInput(
                f"{self.code} is not counted by {name!r}.", parameter="choice", choices=sorted(self.choices)
            )
        return replace(self, of=choice.of or self.of, per=choice.per or self.per)


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a score: an indicator, what it weighs, and how its number becomes points of 100: a rate as it is (or
    what it leaves to 100, if ``complement``), a count by ``bands`` (the first whose limit it does not exceed).
    """

    indicator: str
    weight: int
    complement: bool = False
    bands: tuple[tuple[int, int], ...] = ()
    above: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """A composite score of 100, of what it is made, and by what it is told (organisation, staff, street)."""

    code: str
    zh: str
    en: str
    by: str
    terms: tuple[Term, ...]
    certainty: str
    note_zh: str = ""
    note_en: str = ""


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade: the least score it is given from."""

    grade: str
    least: int
    colour: str


@dataclass(frozen=True, slots=True)
class Definitions:
    """Everything the file holds, by code."""

    families: Mapping[str, Family]
    indicators: Mapping[str, Indicator]
    scores: Mapping[str, Score]
    grades: tuple[Grade, ...]

    def indicator(self, code: str) -> Indicator:
        """An indicator by its code. Raises ``UnknownIndicator``."""
        found = self.indicators.get(code)
        if found is None:
            raise UnknownIndicator(f"There is no indicator {code!r}.", indicators=sorted(self.indicators))
        return found


@cache
def definitions() -> Definitions:
    """The shipped definitions."""
    return parse(data("reference", "indicators.toml").read_text("utf-8"))


def parse(text: str) -> Definitions:
    """Read definitions. Raises ``InvalidInput`` that says which entry is wrong, and what would be right."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"The indicators are no TOML: {error}.") from error
    families = {name: Family(name, **_text(f, "zh", "en", "staff")) for name, f in told["families"].items()}
    indicators = {}
    for row in told["indicator"]:
        made = _indicator(row, families)
        if made.code in indicators:
            raise InvalidInput(f"The indicator {made.code} stands there twice.", indicator=made.code)
        indicators[made.code] = made
    scores = {row["code"]: _score(row, indicators) for row in told["score"]}
    grades = tuple(Grade(g["grade"], g["from"], g["colour"]) for g in told["grade"])
    if [g.least for g in grades] != sorted({g.least for g in grades}, reverse=True) or grades[-1].least != 0:
        raise InvalidInput("Grades go down, and the last one begins at 0.")
    return Definitions(MappingProxyType(families), MappingProxyType(indicators), MappingProxyType(scores), grades)


def _indicator(row: Mapping[str, Any], families: Mapping[str, Family]) -> Indicator:
    code, form = row.get("code", ""), row.get("form")

    def wrong(what: str) -> InvalidInput:
        return InvalidInput(f"The indicator {code or '?'}: {what}.", indicator=code)

    if form not in FORMS:
        raise wrong(f"its form is one of {', '.join(FORMS)}")
    if row.get("family") not in families:
        raise wrong(f"its family is one of {', '.join(families)}")
    of, per, value = tuple(row.get("of", ())), tuple(row.get("per", ())), row.get("value")
    if (
        (form == "count") != (not per)
        or (form == "duration") != (value is not None)
        or (form != "duration") != bool(of)
    ):
        raise wrong("a count has `of`; a rate `of` and `per`; a duration `value` and `per`")
    choices = {
        name: Choice(
            name, c["zh"], c["en"], tuple(c["of"]) if "of" in c else None, tuple(c["per"]) if "per" in c else None
        )
        for name, c in row.get("choices", {}).items()
    }
    columns = [*of, *per, *([value] if value else []), *choices, row.get("staff", "x_")]
    for choice in choices.values():
        columns += [*(choice.of or ()), *(choice.per or ())]
    # They become names of columns: nothing but a plain word does.
    if bad := [name for name in [code, *columns] if not _NAME.fullmatch(name)]:
        raise wrong(f"{bad[0]!r} is no name of lower-case letters, digits and _")
    family = families[row["family"]]
    return Indicator(
        form=form, family=family, of=of, per=per, value=value, choices=MappingProxyType(choices),
        unit=row.get("unit", {"count": "", "rate": "%", "duration": "s"}[form]),
        staff=row.get("staff", family.staff), better=row.get("better"), metric=row.get("metric"),
        effect=row.get("effect"), **_text(row, "code", "zh", "en", "certainty"),
        **{name: row.get(name, "") for name in ("note_zh", "note_en")},
    )  # fmt: skip


def _score(row: Mapping[str, Any], indicators: Mapping[str, Indicator]) -> Score:
    terms = tuple(
        Term(
            t["indicator"], t["weight"], t.get("complement", False),
            tuple((limit, points) for limit, points in t.get("bands", ())), t.get("above", 0),
        )
        for t in row["terms"]
    )  # fmt: skip
    if sum(term.weight for term in terms) != 100:
        raise InvalidInput(f"The weights of {row['code']} do not add up to 100.", score=row["code"])
    for term in terms:
        of = indicators.get(term.indicator)
        if of is None or (of.form == "count") != bool(term.bands):
            raise InvalidInput(
                f"{row['code']}: {term.indicator} is an indicator, a count with bands or a rate without.",
                score=row["code"],
            )
    return Score(
        terms=terms,
        **_text(row, "code", "zh", "en", "by", "certainty"),
        **{name: row.get(name, "") for name in ("note_zh", "note_en")},
    )


def _text(row: Mapping[str, Any], *names: str) -> dict[str, str]:
    missing = [name for name in names if not isinstance(row.get(name), str) or not row[name]]
    if missing:
        raise InvalidInput(f"Of {row.get('code', 'an entry')} these are wanted, as text: {', '.join(missing)}.")
    return {name: row[name] for name in names}
