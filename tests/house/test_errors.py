"""The tree of errors is drawn as it is, every code is one error's own, and every code has its status and title."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator

import pytest

import api
import gisops
import layers
import tiles
from api import problems
from gisops import errors
from gisops.errors import GisopsError

_LINE = re.compile(r"^    ([│ ├└─]*)(\w+)(?: {2,}(\S.*))?$", re.MULTILINE)


def _all_of(cls: type[GisopsError]) -> Iterator[type[GisopsError]]:
    for child in cls.__subclasses__():
        if child.__module__.partition(".")[0] in ("gisops", "layers", "tiles", "api"):
            yield child
            yield from _all_of(child)


def _every_error() -> list[type[GisopsError]]:
    for package in (gisops, layers, tiles, api):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    return sorted(set(_all_of(GisopsError)), key=lambda cls: cls.__qualname__)


ERRORS = _every_error()
PUBLIC = [cls for cls in ERRORS if not cls.__name__.startswith("_")]


def _drawn(text: str) -> dict[str, str | None]:
    """Name to parent's name, from a tree drawn with lines."""
    branch: list[str] = []
    found: dict[str, str | None] = {}
    for lines, name, _ in _LINE.findall(text):
        depth = len(lines) // 4
        branch[depth:] = [name]
        found[name] = branch[depth - 1] if depth else None
    return found


def test_a_drawn_tree_is_read_as_it_is_meant() -> None:
    drawn = "    A\n    ├── B       words\n    │   └── C   words\n    └── D\n        └── E\n"
    assert _drawn(drawn) == {"A": None, "B": "A", "C": "B", "D": "A", "E": "D"}


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = _drawn((errors.__doc__ or "").partition("\n\n")[2].partition("\n\n")[0])
    assert drawn == {"GisopsError": None} | {cls.__name__: cls.__base__.__name__ for cls in PUBLIC}


def test_there_are_errors_of_every_floor_s_own_modules() -> None:
    assert len(ERRORS) > 25
    assert len({cls.__module__ for cls in ERRORS}) > 4


def test_every_error_has_a_code_of_its_own() -> None:
    own = [cls for cls in ERRORS if "code" in vars(cls)]
    assert own == ERRORS
    assert [code for code, count in Counter(cls.code for cls in ERRORS).items() if count > 1] == []
    assert GisopsError.code not in {cls.code for cls in ERRORS}


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_an_error_says_in_a_sentence_what_is_wrong(cls: type[GisopsError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", cls.code)
    first = (cls.__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert cls().message == first


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_an_error_has_a_status_and_a_title_in_both_languages(cls: type[GisopsError]) -> None:
    shown = problems.of_error(cls("words", field="x"), "/here")
    assert 400 <= shown["status"] < 600
    assert shown["status"] != 500, "only what is not an error of ours is a 500"
    assert (shown["code"], shown["type"], shown["detail"], shown["field"]) == (
        cls.code,
        f"/problems/{cls.code}",
        "words",
        "x",
    )
    assert re.search(r"[\u4e00-\u9fff].* / [A-Z]", shown["title"]), shown["title"]


def test_each_trunk_of_the_tree_has_one_status() -> None:
    trunks = [cls for cls in ERRORS if cls.__base__ is GisopsError]
    assert set(problems.STATUS) == {GisopsError, *trunks}
    told = {cls.__name__: problems.status_of(cls) for cls in trunks}
    assert told == {
        "InvalidInput": 422,
        "NotFound": 404,
        "Conflict": 409,
        "NotSignedIn": 401,
        "BadCredentials": 401,
        "NotAllowed": 403,
        "TooManyRequests": 429,
        "StorageFull": 507,
        "NotReady": 503,
    }
    for cls in ERRORS:
        trunk = next(one for one in trunks if issubclass(cls, one))
        assert problems.status_of(cls) == told[trunk.__name__], cls


def test_no_title_is_for_nobody() -> None:
    of_doors = set(problems._HTTP_CODES.values()) | {"internal_error"}
    assert set(problems.TITLES) == {cls.code for cls in ERRORS} | of_doors


def test_what_an_error_knows_cannot_take_the_standard_s_members() -> None:
    shown = problems.of_error(errors.NotFound("words", status=200, code="fine", title="x", instance="y"), "/here")
    assert (shown["status"], shown["code"], shown["instance"]) == (404, "not_found", "/here")
