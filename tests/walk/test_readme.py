"""What the first page promises, done."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gisops import sample
from tests.conftest import serve

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
HEADERS = {"Content-Type": "application/json"}
DISTRICT_POINT = '"lon": 110.36193, "lat": 20.03593'
CURL = re.compile(r"curl -s (\S+) -H 'Content-Type: application/json' -d '(\{.*?\})'", re.DOTALL)


def shown_answer() -> dict[str, Any]:
    found = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def shown_command() -> tuple[str, str]:
    ((address, body),) = CURL.findall(README)
    assert address.startswith("http://127.0.0.1:8000/")
    return address.removeprefix("http://127.0.0.1:8000"), body


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_curl_reports_a_problem_and_the_answer_says_who_got_it_and_why(fresh_database) -> None:
    database = fresh_database()
    sample.load(database.owner_url, database.settings(), size="city")
    path, body = shown_command()
    with serve(database) as server:
        answer = httpx2.post(server.base_url + path, content=body.encode(), headers=HEADERS)
    assert answer.status_code == 201, answer.text
    told, shown = answer.json(), shown_answer()
    # Where a thing lies does not change with the hour; who is on duty does.
    for name in ("mode", "zone", "organisation", "ambiguous", "confidence"):
        assert told["dispatch"][name] == shown["dispatch"][name], name
    assert told["dispatch"]["reasons"][:2] == shown["dispatch"]["reasons"][:2]


def test_the_command_is_answered_in_the_shape_shown_and_twice_alike(live_server) -> None:
    """In the small district, which is there at once; another point, for the city shown is larger."""
    path, body = shown_command()
    address, body = live_server.base_url + path, re.sub(r'"lon": [\d.]+, "lat": [\d.]+', DISTRICT_POINT, body)
    assert DISTRICT_POINT in body

    answer = httpx2.post(address, content=body.encode(), headers=HEADERS)
    assert answer.status_code == 201, answer.text
    told, shown = answer.json(), shown_answer()
    assert re.fullmatch(r"469901-\d{4}-\d{6}", told["case"]["case_no"])
    assert told["case"]["state"] == shown["case"]["state"]
    assert set(shown["dispatch"]) <= set(told["dispatch"])
    assert told["dispatch"]["zone"].keys() == shown["dispatch"]["zone"].keys()
    for name in ("mode", "ambiguous", "confidence"):
        assert told["dispatch"][name] == shown["dispatch"][name], name
    for name in ("handler", "superior"):
        assert told["dispatch"][name].keys() == shown["dispatch"][name].keys() == {"post_zh", "post_en"}
    reasons = told["dispatch"]["reasons"]
    assert [reason["code"].split("_")[0] for reason in reasons] == ["ZONE", "ZONE", "SUPERIOR"]
    assert [reason["code"] for reason in reasons[:2]] == [r["code"] for r in shown["dispatch"]["reasons"][:2]]
    assert all(reason["zh"] and reason["en"] for reason in reasons)

    again = httpx2.post(address, content=body.encode(), headers=HEADERS)
    assert (again.status_code, again.content) == (200, answer.content)
    other = httpx2.post(address, content=body.replace("Goods", "Crates").encode(), headers=HEADERS)
    assert (other.status_code, other.json()["code"]) == (409, "client_uid_reused")


def test_the_first_screen_has_a_picture_and_the_two_commands() -> None:
    first = README.split("## ")[0]
    assert "](docs/pictures/map.png)" in first
    assert re.search(r"^make run\b", first, re.MULTILINE)
    assert re.search(r"^make test\b", first, re.MULTILINE)


def test_every_picture_is_there_and_small_enough_to_keep() -> None:
    shown = re.findall(r"\]\((docs/pictures/\w+\.png)\)", README)
    assert len(shown) >= 7
    for name in shown:
        assert (Path(__file__).parents[2] / name).stat().st_size <= 400_000, name


def test_the_table_of_folders_is_the_directory_listing() -> None:
    table = README.split("## What is inside")[1].split("## ")[0]
    root = Path(__file__).parents[2]
    listed = set(re.findall(r"^\| `(\w+)/` \|", table, re.MULTILINE))
    there = {path.name for path in root.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert listed == there - {"scripts", "build", "dist"}
