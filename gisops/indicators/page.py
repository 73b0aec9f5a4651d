"""The page docs/reference/indicators.md, made of the definitions: ``python -m gisops.indicators.page FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

from gisops.indicators.definitions import Indicator, definitions

_HEAD = """\
# Indicators

Made of [data/reference/indicators.toml](../../data/reference/indicators.toml) by `python -m gisops.indicators.page`;
the facts are columns of [counting.sql](../../gisops/indicators/counting.sql). A rate is (*counted* and *out of*) ÷
*out of*. Certainty as in the [reference data](../../data/reference/README.md): none is a quotation of a standard.

## How it is counted

- A period runs from a moment to the first that is no longer in it, and never beyond now.
- What happened is told as of the end of the period; what corrects the record (void, duplicate, a granted appeal) as it
  is known when it is asked.
- `should_be_handled`: the handling deadline lies in the period, or it was handled in the period; without what is void,
  a duplicate, closed by force, or was on hold at that deadline. One whose overrun was exempted by an appeal is in time.
- Cases of the simple flow that were never promoted enter no assessment.
- A case is charged to whoever holds it now. By organisation and by staff its deadline is that of the organisation's own
  last clock, which runs from its acknowledgement, and its time to handle begins with the last dispatch to it: what
  another one spent before is not charged to it.
- By staff, a case is its handler's, a report that of the officer who sent the case's first, a step's clock and an act
  theirs who ended or did it; a missed report is that of whoever patrols the ground.
- A road is the named one nearest to the case, within thirty metres.
- The city's times to handle run from the first dispatch to the last time it was said to be done; without a dispatch
  from the report. What is again a fault within seven days counts as rework only while that case stands.
- A crowd's reports that a case merely counts, because it had its fill of them, have no moment and are no part of it.
- Durations come with median and ninth decile beside the mean, rates with what they are of and Wilson's interval (95 %);
  what is of fewer than 30 says so (`few`).
"""


def page() -> str:
    """The page as it should be."""
    told = definitions()
    out = [_HEAD]
    for family in told.families.values():
        out.append(f"\n## {family.zh} / Of {family.en}\n")
        out.append("| code | 指标 / indicator | counted | out of | other ways | certainty |\n|---|---|---|---|---|---|")
        out += [_row(one) for one in told.indicators.values() if one.family.name == family.name]
    out.append("\n## 城市报告的成效 / Effects that cities report of such systems\n")
    out.append(
        "Each is one query, here of a month by organisation; `by` is any of what there is to count by, `where` keeps "
        "to a part, `/cases` behind the code gives the cases behind the number:\n\n```sh\n"
        'curl -H "Authorization: Bearer $TOKEN" \\\n'
        '  "http://127.0.0.1:8000/api/indicators/mean_working_days?month=2026-10&by=organisation"\n'
        "```\n"
    )
    out.append("| code | what a city reported |\n|---|---|")
    out += [f"| `{one.code}` | {one.effect} |" for one in told.indicators.values() if one.effect]
    out.append("\n## 综合评价 / Composite scores\n")
    out.append(
        "Weights are one source's convention. A term that has nothing to count is left out, and the others share its "
        "weight.\n"
    )
    out.append("| code | 评价 / score | by | terms | certainty |\n|---|---|---|---|---|")
    for score in told.scores.values():
        terms = "; ".join(
            f"{'1 − ' if term.complement else ''}`{term.indicator}` × {term.weight} %"
            + (
                f" (points: {', '.join(f'≤ {m}: {p}' for m, p in term.bands)}, above: {term.above})"
                if term.bands
                else ""
            )
            for term in score.terms
        )
        note = f"<br>{score.note_zh} / {score.note_en}" if score.note_zh else ""
        out.append(f"| `{score.code}` | {score.zh} / {score.en}{note} | {score.by} | {terms} | {score.certainty} |")
    grades = ", ".join(f"{grade.grade} from {grade.least}" for grade in told.grades)
    out.append(f"\nGrades: {grades}.\n")
    return "\n".join(out)


def _row(one: Indicator) -> str:
    note = f"<br>{one.note_zh}<br>{one.note_en}" if one.note_zh else ""
    counted = f"`{one.value}`, {one.unit}" if one.value else ", ".join(f"`{name}`" for name in one.of)
    choices = "; ".join(f"`{c.name}`: {c.zh} / {c.en}" for c in one.choices.values())
    per = ", ".join(f"`{name}`" for name in one.per)
    return f"| `{one.code}` | {one.zh} / {one.en}{note} | {counted} | {per} | {choices} | {one.certainty} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), "utf-8")
