"""The reference page of all targets: ``python -m gisops.loads.page > docs/reference/load-targets.md``."""

from __future__ import annotations

from gisops.loads.columns import CODES
from gisops.loads.targets import Column, all_targets

_HEAD = """\
# What can be loaded

Made of `gisops/loads/targets/*.toml` by `python -m gisops.loads.page`; a house test holds it to them. How a file's
columns become these stands in [load-your-own-city](../howto/load-your-own-city.md), what files are read in
[loading-files](loading-files.md).

How it comes into force: **upsert** by the key, rows that are there are changed; **versions**: the record in force ends
and the next begins; **zone_set**: a set that replaces the one of its purpose; **cases**: told through dispatch as of
when each was received. Lists are separated by semicolons.

## Targets"""


def page() -> str:
    """All targets with their columns, and the codes of what is found, in Markdown."""
    lines = [_HEAD]
    for target in all_targets().values():
        shape = "" if target.shape == "none" else f", {target.shape}"
        told = f"{target.zh} / {target.en}. Key: {', '.join(target.key)}; {target.publish}{shape}."
        lines += [f"\n### {target.id}\n", told]
        if target.settings:
            lines += ["", *(f"- `--set {name}=…`: {words}" for name, words in target.settings.items())]
        lines += ["", "| column | type | | what |", "|---|---|---|---|"]
        lines += [_row(column) for column in target.columns.values()]
    lines += ["\n## Findings\n", "Beside those of [reading](loading-files.md):\n", "| code | what |", "|---|---|"]
    lines += [f"| `{code}` | {_plain(zh)} / {_plain(en)} |" for code, (zh, en) in CODES.items()]
    return "\n".join(lines) + "\n"


def _row(column: Column) -> str:
    kind = f"code of {column.lookup.replace('_', ' ')}" if column.lookup else column.type
    marks = ["**required**"] if column.required else []
    if column.default is not None and column.default != "" and column.default != ():
        shown = str(column.default).lower() if isinstance(column.default, bool) else column.default
        marks.append(f"default `{shown}`")
    if column.one_of:
        marks.append(", ".join(f"`{one}`" for one in column.one_of))
    if column.sensitive:
        marks.append("personal")
    return f"| `{column.name}` | {kind} | {'; '.join(marks)} | {column.zh} / {column.en} |"


def _plain(words: str) -> str:
    return words.replace("{column}", "…").replace("{right}", "…")


if __name__ == "__main__":
    print(page(), end="")
