"""The project speaks of itself alone: no registry's host, no machine's paths, no dead links, no page left out."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
# Put together from pieces, so that this file does not hold what it forbids.
REGISTRIES = [
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npm" + "js", "org"),
        ("npm" + "js", "com"),
        ("npm" + "mirror", "com"),
        ("yarn" + "pkg", "com"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("conda", "anaconda", "org"),
        ("deb", "debian", "org"),
    )
]
PATHS = ["/" + name + "/" for name in ("root", "home", "work", "Users", "farm")]
TEMPORARY = "/" + "tmp/"
WORDS = [
    "chat" + "gpt", "clau" + "de", "anthro" + "pic", "open" + "ai", "co" + "pilot", "l" + "lm", "sub" + "agent",
    "as an " + "ai", "design" + ".md", "domain" + ".md", "sc" + "ale.md", "st" + "ack.md", "house" + ".md",
    "issue" + " 2", "work" + "space",
]  # fmt: skip


def tracked() -> list[Path]:
    said = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if said.returncode != 0:
        pytest.skip("not a git clone")
    return [ROOT / name for name in said.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def texts() -> Iterator[tuple[str, str]]:
    for path in tracked():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        except UnicodeDecodeError:
            continue


def lines_with(pattern: re.Pattern[str], skip: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts()
        if not name.startswith(skip)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(re.compile("|".join(map(re.escape, REGISTRIES)), re.IGNORECASE)) == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    # At the start of a path only: docs/work/ or ~/home/ are nobody's machine.
    assert lines_with(re.compile(r"(?<![\w.~*}\]-])(?:" + "|".join(map(re.escape, PATHS)) + ")")) == []
    assert lines_with(re.compile(r"(?<![\w.-])" + re.escape(TEMPORARY)), skip=("tests/",)) == []


def test_no_file_speaks_of_how_it_was_written() -> None:
    assert lines_with(re.compile(r"\b(?:" + "|".join(map(re.escape, WORDS)) + r")\b", re.IGNORECASE)) == []


def _anchor(heading: str) -> str:
    plain = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_between_files_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            dead.append(target)
        elif anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            if anchor not in {_anchor(heading) for heading in headings}:
                dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "howto").glob("*.md")), ids=lambda path: path.stem)
def test_a_how_to_page_fits_a_screen_and_names_a_test_that_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)`", text)
    assert named, "the page names no test that fails when a step was missed"
    assert [name for name in named if not (ROOT / name).is_file()] == []
    assert len(text.splitlines()) <= 60


def test_every_test_and_module_a_page_names_is_there() -> None:
    missing = []
    for page in pages():
        for name in re.findall(
            r"`((?:tests|gisops|layers|tiles|api|data|docs|bench)/[\w/.-]+\.\w+)`", page.read_text("utf-8")
        ):
            if not (ROOT / name).exists() and "NNNN" not in name:
                missing.append(f"{page.relative_to(ROOT)}: {name}")
    assert missing == []


@pytest.mark.parametrize("folder", ["howto", "reference", "decisions"])
def test_every_page_is_in_the_table_of_contents(folder: str) -> None:
    contents = (ROOT / "docs" / "README.md").read_text("utf-8")
    there = {f"{folder}/{path.name}" for path in (ROOT / "docs" / folder).glob("*.md")}
    assert {name for name in there if f"({name})" not in contents} == set()


def test_decisions_are_numbered_without_gaps_and_keep_to_the_template() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in files] == [f"{number:04}" for number in range(len(files))]
    parts = re.findall(r"^\*\*(\w+)", files[0].read_text("utf-8"), re.MULTILINE)
    for path in files[1:]:
        text = path.read_text("utf-8")
        assert re.findall(r"^\*\*(\w+)", text, re.MULTILINE) == parts, path.name
        assert text.startswith(f"# {path.name[:4]}: ")
        assert f"]({'decisions/' + path.name})" in (ROOT / "docs" / "README.md").read_text("utf-8")
