"""What shows that a case is so, and that it is done: photographs taken there and then, and never used before."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from gisops import agreeing, operations, photos
from gisops import city as cities
from gisops.access.people import Actor
from gisops.cases import acts, evidence, joint
from gisops.cases.acts import Facts, GuardFailed, Prepared, Sent
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput
from gisops.photos import UnknownPhoto
from tests.photos import as_bytes, entry, evidence_asked, jpeg, scene, take

METRE = 1 / 111_320  # of latitude, in degrees


@pytest.fixture(scope="module")
def asking(sample_database: Any) -> Any:
    """The sample city, which asks for photographs as every city does that says nothing else."""
    with connect(sample_database.owner_url) as owner:
        evidence_asked(owner, True)
    return sample_database


@pytest.fixture
def conn(asking: Any) -> Iterator[Connection]:
    with connect(asking.app_url) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def city(conn: Connection) -> City:
    return cities.load(conn)


@pytest.fixture
def everybody(conn: Connection) -> Actor:
    row = conn.execute("SELECT account_id FROM accounts WHERE login = 'admin'").fetchone()
    assert row is not None
    return Actor(row["account_id"], "admin", "admin", None, None)


Handling = tuple[str, Facts, Actor]


@pytest.fixture
def handling(conn: Connection, city: City, everybody: Actor) -> Callable[..., Handling]:
    """A function that brings a new case to the officer who handles it."""

    def make(channel: str = "citizen", shift: float = 0.0, late: str = "0", **changes: Any) -> Handling:
        west, south, east, north = city.extent
        lon, lat = (west + east) / 2 + shift, (south + north) / 2
        report = NewReport(uuid4(), channel, "E04-05", lon, lat, "WGS84", 5.0, **changes)
        operations.receive_report(conn, city, report, None)
        row = conn.execute("SELECT case_no, state FROM cases ORDER BY case_id DESC LIMIT 1").fetchone()
        assert row is not None
        assert row["state"] == "dispatched", row
        facts = acts.read(conn, city, row["case_no"], None)
        handler = replace(everybody, role="handler", staff_id=facts.handler_id, organisation_id=facts.organisation_id)
        conn.execute("SELECT set_config('gisops.clock_offset', %s, true)", [late])
        acts.act(conn, city, row["case_no"], "ack", Sent(facts.version), handler)
        return row["case_no"], acts.read(conn, city, row["case_no"], None), handler

    return make


def shown(facts: Facts, sha256: str, **more: Any) -> dict[str, Any]:
    return entry(sha256, facts.now, facts.lon, facts.lat) | more


def finish(conn: Connection, city: City, case: Handling, *named: dict[str, Any]) -> acts.Done:
    case_no, facts, handler = case
    return acts.act(conn, city, case_no, "finish", Sent(facts.version, values={"photos": list(named)}), handler)


def refused(conn: Connection, city: City, case: Handling, *named: dict[str, Any]) -> GuardFailed:
    with pytest.raises(GuardFailed) as error, conn.transaction():
        finish(conn, city, case, *named)
    assert acts.read(conn, city, case[0], None).version == case[1].version
    return error.value


# ---- enough of them -------------------------------------------------------------------------------------------------


def test_work_is_done_when_a_photograph_shows_it(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    case = handling()
    error = refused(conn, city, case)
    assert (error.facts["guard"], error.facts["needed"], error.facts["given"]) == ("photos", 1, 0)
    sha256 = take(conn, tmp_path, jpeg(1))
    done = finish(conn, city, case, shown(case[1], sha256))
    assert done.state == "handled"
    kept = conn.execute(
        "SELECT seq, n, sha256, phase, captured_at FROM case_photos WHERE case_id = %s", [case[1].case_id]
    ).fetchall()
    at = case[1].now
    assert kept == [{"seq": done.seq, "n": 0, "sha256": sha256, "phase": "after", "captured_at": at}]
    entry_ = conn.execute(
        "SELECT payload FROM case_history WHERE case_id = %s AND seq = %s", [case[1].case_id, done.seq]
    ).fetchone()
    assert entry_ is not None
    named = entry_["payload"]["photos"]
    assert [(one["sha256"], one["phase"], one["distance_m"]) for one in named] == [(sha256, "after", 0.0)]
    # nobody's place
    assert "lon" not in named[0]


def test_a_photograph_of_before_is_beside_and_not_instead(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    case = handling()
    before, after = (take(conn, tmp_path, jpeg(seed)) for seed in (2, 3))
    assert refused(conn, city, case, shown(case[1], before, phase="before")).facts["guard"] == "photos"
    finish(conn, city, case, shown(case[1], before, phase="before"), shown(case[1], after))
    rows = conn.execute("SELECT phase FROM case_photos WHERE case_id = %s ORDER BY n", [case[1].case_id]).fetchall()
    assert [row["phase"] for row in rows] == ["before", "after"]


def test_a_city_decides_how_many_and_how_near(city: City) -> None:
    assert evidence.asked_of(city, "finish") == evidence.Asked("after", 1, 50.0, 100.0)
    assert evidence.asked_of(city, "ack") is None
    own = replace(city, settings={"evidence": {"finish": {"photos": 2, "within_m": 30.0}}})
    assert evidence.asked_of(own, "finish") == evidence.Asked("after", 2, 30.0, 100.0)
    assert evidence.asked_of(own, "verify") == evidence.Asked("verify", 1, 100.0, 100.0)
    none = evidence.asked_of(replace(city, settings={"evidence": False}), "finish")
    assert none is not None
    assert none.photos == 0


def test_a_city_that_asks_for_two_is_not_content_with_one(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    case = handling()
    strict = replace(city, settings={**city.settings, "evidence": {"finish": {"photos": 2}}})
    one, two = (take(conn, tmp_path, jpeg(seed)) for seed in (4, 5))
    assert refused(conn, strict, case, shown(case[1], one)).facts["needed"] == 2
    assert finish(conn, strict, case, shown(case[1], one), shown(case[1], two)).state == "handled"


# ---- there and then -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metres", "accuracy_m", "fine"),
    [
        (40, 0, True),
        (54, 0, True),
        (56, 0, False),
        (90, 40, True),
        (100, 40, False),
        (149, 5000, True),
        (151, 5000, False),
    ],
)
def test_how_far_from_the_case_it_may_be_taken(
    conn: Connection,
    city: City,
    handling: Callable[..., Handling],
    tmp_path: Path,
    metres: float,
    accuracy_m: float,
    fine: bool,
) -> None:
    """50 m, and what the two positions (the report's: 5 m) do not know of themselves, 100 m of it at most."""
    case = handling()
    sha256 = take(conn, tmp_path, jpeg(6))
    there = shown(case[1], sha256, lat=case[1].lat + metres * METRE, accuracy_m=accuracy_m)
    if fine:
        assert finish(conn, city, case, there).state == "handled"
    else:
        error = refused(conn, city, case, there)
        assert error.facts["guard"] == "photo_place"
        assert error.facts["distance_m"] == pytest.approx(metres, rel=0.01)


def test_of_a_case_that_lies_elsewhere_it_is_taken_where_it_is_then(
    conn: Connection, city: City, handling: Callable[..., Handling], everybody: Actor, tmp_path: Path
) -> None:
    """Whoever verifies that a case lies a kilometre away stands there, and not where it was reported."""
    _, facts, _ = handling()
    there = (facts.lon + 0.01, facts.lat)
    sent = Sent(facts.version, values={"photos": [entry(take(conn, tmp_path, jpeg(31)), facts.now, *there)]})
    with pytest.raises(GuardFailed) as error:
        evidence.with_photos(conn, city, "verify", facts, sent, everybody, Prepared({"result": "true"}))
    assert error.value.facts["guard"] == "photo_place"
    moved = Prepared({"result": "moved", "lon": there[0], "lat": there[1]})
    kept = evidence.with_photos(conn, city, "verify", facts, sent, everybody, moved)
    assert kept.payload["photos"][0]["distance_m"] == 0


@pytest.mark.parametrize(
    ("minutes", "fine"), [(0, True), (4, True), (6, False), (-4, True), (-6, False), (-60 * 24 * 400, False)]
)
def test_when_it_may_be_taken(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path, minutes: float, fine: bool
) -> None:
    """Since it was taken on, which was just now; clocks of phones may be off by five minutes."""
    case = handling()
    named = shown(case[1], take(conn, tmp_path, jpeg(7)))
    named["captured_at"] = (case[1].now + timedelta(minutes=minutes)).isoformat()
    if fine:
        assert finish(conn, city, case, named).state == "handled"
    else:
        assert refused(conn, city, case, named).facts["guard"] == "photo_time"


def test_of_who_took_it_on_without_a_network_it_may_be_older_than_that_is_known(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    """Taken on, photographed and handed in at once, heard of three hours later: it counts since it was sent to him."""
    case_no, facts, handler = handling(late="3 hours")
    assert facts.dispatched_at is not None
    assert facts.acknowledged_at == facts.dispatched_at + timedelta(hours=3)
    named = shown(facts, take(conn, tmp_path, jpeg(8)))
    before = named | {"captured_at": (facts.dispatched_at - timedelta(minutes=6)).isoformat()}
    assert refused(conn, city, (case_no, facts, handler), before).facts["guard"] == "photo_time"
    named["captured_at"] = (facts.dispatched_at + timedelta(minutes=20)).isoformat()
    assert finish(conn, city, (case_no, facts, handler), named).state == "handled"


def test_a_place_in_another_system_is_converted(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    from gisops import coordinates

    case = handling()
    lon, lat = coordinates.from_wgs84(case[1].lon, case[1].lat, "GCJ02")
    sha256 = take(conn, tmp_path, jpeg(8))
    assert refused(conn, city, case, shown(case[1], sha256, lon=lon, lat=lat)).facts["guard"] == "photo_place"
    finish(conn, city, case, shown(case[1], sha256, lon=lon, lat=lat, crs="GCJ02"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"captured_at": None}, "photos.0.captured_at"),
        ({"captured_at": "2026-11-22T10:00:00"}, "photos.0.captured_at"),
        ({"crs": None}, "photos.0.crs"),
        ({"lon": None}, "photos.0.lon"),
        ({"accuracy_m": -1}, "photos.0.accuracy_m"),
        ({"accuracy_m": float("nan")}, "photos.0.accuracy_m"),
        ({"phase": "check"}, "photos.0.phase"),
    ],
)
def test_an_entry_that_cannot_be_says_what_is_wrong(
    conn: Connection,
    city: City,
    handling: Callable[..., Handling],
    tmp_path: Path,
    change: dict[str, Any],
    field: str,
) -> None:
    case = handling()
    with pytest.raises(InvalidInput) as error:
        finish(conn, city, case, shown(case[1], take(conn, tmp_path, jpeg(9))) | change)
    assert error.value.facts["field"] == field


def test_one_that_was_never_sent_in_and_one_named_twice(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    case = handling()
    with pytest.raises(UnknownPhoto) as error:
        finish(conn, city, case, shown(case[1], "ab" * 32))
    assert error.value.facts["photos"] == ["ab" * 32]
    there = shown(case[1], take(conn, tmp_path, jpeg(10)))
    with pytest.raises(InvalidInput, match="twice"):
        finish(conn, city, case, there, there)


# ---- never used before ----------------------------------------------------------------------------------------------


def altered(content: bytes) -> dict[str, bytes]:
    picture = Image.open(io.BytesIO(content))
    return {
        "the very same": content,
        "saved anew": as_bytes(picture, "JPEG", quality=40),
        "another format": as_bytes(picture, "PNG"),
        "half as large": as_bytes(picture.resize((picture.width // 2, picture.height // 2)), "JPEG"),
    }


@pytest.mark.parametrize("how", ["the very same", "saved anew", "another format", "half as large"])
def test_a_photograph_of_another_case_is_found_out(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path, how: str
) -> None:
    first = handling()
    content = jpeg(11, (640, 480))
    finish(conn, city, first, shown(first[1], take(conn, tmp_path, content)))
    second = handling(shift=0.002)
    error = refused(conn, city, second, shown(second[1], take(conn, tmp_path, altered(content)[how])))
    assert error.facts["guard"] == "photo_reused"
    assert error.facts["same"] == (how == "the very same")
    assert (error.facts["case_no"], error.facts["phase"]) == (first[0], "after")
    assert finish(conn, city, second, shown(second[1], take(conn, tmp_path, jpeg(12)))).state == "handled"


def test_in_which_case_it_was_is_told_to_those_who_may_see_that_case(
    conn: Connection, city: City, handling: Callable[..., Handling], everybody: Actor, tmp_path: Path
) -> None:
    first = handling()
    sha256 = take(conn, tmp_path, jpeg(13))
    finish(conn, city, first, shown(first[1], sha256))
    second = handling(shift=0.002)
    # an account that sees nothing by its scope, and this case because it handles it
    row = conn.execute(
        "SELECT a.account_id FROM accounts a WHERE NOT everywhere AND staff_id IS NULL AND role = 'department'"
        " AND organisation_id NOT IN (%s, %s) LIMIT 1",
        [first[1].organisation_id, second[1].organisation_id],
    ).fetchone()
    if row is None:
        pytest.skip("the sample has no other department")
    stranger = replace(second[2], account_id=row["account_id"])
    with pytest.raises(GuardFailed) as error:
        evidence.with_photos(
            conn, city, "finish", second[1], Sent(second[1].version, values={"photos": [shown(second[1], sha256)]}),
            stranger, acts.Prepared(),
        )  # fmt: skip
    assert error.value.facts["guard"] == "photo_reused"
    assert "case_no" not in error.value.facts
    assert first[0] not in str(error.value)


def test_what_the_report_showed_does_not_show_that_it_is_done(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    """Nor does what was shown before it had to be done again."""
    content = jpeg(14, (640, 480))
    case = handling(photos=(take(conn, tmp_path, content),))
    for how, again in altered(content).items():
        error = refused(conn, city, case, shown(case[1], take(conn, tmp_path, again)))
        assert (error.facts["guard"], error.facts["phase"]) == ("photo_reused", "report"), how


def test_two_cases_that_show_the_same_at_once(
    asking: Any, conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    """The later one waits, and sees that it was used."""
    one, two = handling(), handling(shift=0.002)
    sha256 = take(conn, tmp_path, jpeg(15))
    conn.commit()
    outcomes: list[str] = []
    begin = threading.Barrier(2)

    def act(case: Handling) -> None:
        with connect(asking.app_url) as mine:
            begin.wait()
            try:
                outcomes.append(finish(mine, city, case, shown(case[1], sha256)).state)
                mine.commit()
            except GuardFailed as error:
                outcomes.append(error.facts["guard"])

    threads = [threading.Thread(target=act, args=(case,)) for case in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["handled", "photo_reused"]


# ---- reports, filing ------------------------------------------------------------------------------------------------


def test_a_report_names_only_photographs_that_were_sent_in(conn: Connection, city: City, tmp_path: Path) -> None:
    west, south, east, north = city.extent
    here = ((west + east) / 2, (south + north) / 2, "WGS84", 5.0)
    sha256 = take(conn, tmp_path, jpeg(16))
    good = NewReport(uuid4(), "citizen", "E04-05", *here, photos=(sha256,))
    bad = NewReport(uuid4(), "citizen", "E04-05", *here, photos=(sha256, "cd" * 32))
    answers = operations.receive_batch(conn, city, [good, bad], None)
    assert not isinstance(answers[0], Exception)
    assert isinstance(answers[1], UnknownPhoto)
    assert answers[1].facts["photos"] == ["cd" * 32]
    rows = conn.execute("SELECT n, sha256 FROM report_photos WHERE sha256 = %s", [sha256]).fetchall()
    assert rows == [{"n": 0, "sha256": sha256}]
    # the same again is the same answer, whatever has become of the photograph
    assert operations.receive_batch(conn, city, [good], None)[0].answer == answers[0].answer  # type: ignore[union-attr]


def test_a_case_counts_what_its_reports_showed(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    named = tuple(take(conn, tmp_path, jpeg(seed)) for seed in (17, 18))
    assert evidence.shown(conn, handling(photos=named)[1]) == 2
    assert evidence.shown(conn, handling(shift=0.002)[1]) == 0


def test_what_was_sent_in_long_ago_and_never_used_cannot_be_named(
    asking: Any, conn: Connection, handling: Callable[..., Handling], city: City, tmp_path: Path
) -> None:
    old, used = take(conn, tmp_path, jpeg(19)), take(conn, tmp_path, jpeg(20))
    handling(photos=(used,))
    conn.commit()
    with connect(asking.owner_url) as owner:
        owner.execute(
            "UPDATE photos SET stored_at = stored_at - interval '6 days 1 hour' WHERE sha256 = ANY (%s)", [[old, used]]
        )
    assert set(photos.usable(conn, [old, used])) == {used}


def test_pictures_of_nothing_are_told_apart_by_their_hash_alone(
    conn: Connection, city: City, handling: Callable[..., Handling], tmp_path: Path
) -> None:
    """A night without a light looks like any other."""
    dark = [as_bytes(Image.new("RGB", (320, 240), (value, value, value)), "JPEG") for value in (4, 5)]
    first, second = handling(), handling(shift=0.002)
    finish(conn, city, first, shown(first[1], take(conn, tmp_path, dark[0])))
    assert refused(conn, city, second, shown(second[1], take(conn, tmp_path, dark[0]))).facts["same"] is True
    assert finish(conn, city, second, shown(second[1], take(conn, tmp_path, dark[1]))).state == "handled"


def test_a_scene_is_not_another_scene() -> None:
    assert scene(1).tobytes() != scene(2).tobytes()
    assert scene(1).tobytes() == scene(1).tobytes()


# ---- as the case was filed -----------------------------------------------------------------------------------------


def wanted(conn: Connection, facts: Facts) -> int:
    row = conn.execute(
        "SELECT min_photos FROM filing_conditions WHERE filing_condition_id = %s", [facts.filing_condition_id]
    ).fetchone()
    assert row is not None
    least: int = row["min_photos"]
    assert least > 0
    return least


def test_opening_again_shows_as_much_as_the_case_was_filed_on(
    conn: Connection, city: City, handling: Callable[..., Handling], everybody: Actor, tmp_path: Path
) -> None:
    case_no, facts, _ = handling()
    conn.execute(
        "UPDATE cases SET state = 'closed', stage = 7, closed_at = app_now() - interval '1 day' WHERE case_no = %s",
        [case_no],
    )
    conn.execute(
        "UPDATE case_clocks SET stopped_at = app_now(), outcome = 'done', due_at = NULL, due_kind = NULL"
        " WHERE case_id = %s AND stopped_at IS NULL",
        [facts.case_id],
    )
    inspector = replace(everybody, role="inspector")

    def reopen(*named: dict[str, Any]) -> acts.Done:
        values = {"photos": list(named)}
        return acts.act(conn, city, case_no, "reopen", Sent(facts.version, "样例 / sample", None, values), inspector)

    def why(*named: dict[str, Any]) -> str:
        with pytest.raises(GuardFailed) as error, conn.transaction():
            reopen(*named)
        return str(error.value.facts["guard"])

    photos_ = [shown(facts, take(conn, tmp_path, jpeg(70 + n))) for n in range(wanted(conn, facts))]
    assert why() == "photos"
    # how it looks since it was closed, not how it looked before
    assert why(*({**one, "captured_at": facts.now - timedelta(days=2)} for one in photos_)) == "photo_time"
    assert reopen(*photos_).state == "filed"
    # a city that says so asks for none; a reporter, who has no account, says it in words
    quiet = replace(city, settings={**city.settings, "evidence": {"reopen": {"photos": 0}}})
    asked = evidence.asked_of(quiet, "reopen")
    assert asked is not None
    assert (asked.photos, asked.as_filed) == (0, 0)


def test_a_part_of_a_joint_case_is_shown_by_who_did_it(
    conn: Connection, city: City, handling: Callable[..., Handling], everybody: Actor, tmp_path: Path
) -> None:
    case_no, facts, _ = handling()
    wanted(conn, facts)
    others = conn.execute(
        "SELECT organisation_id, code FROM organisations WHERE NOT is_duty_desk AND organisation_id <> %s"
        " ORDER BY code LIMIT 2",
        [facts.organisation_id],
    ).fetchall()
    dispatcher = replace(everybody, role="dispatcher")
    for n, other in enumerate(others):
        number = joint.open_part(conn, city, facts, other["code"], "样例 / sample", dispatcher)
        by = replace(everybody, role="department", organisation_id=other["organisation_id"])
        told = (conn, city, case_no, number, "finish", None, "样例 / sample", by)
        with pytest.raises(GuardFailed) as error, conn.transaction():
            agreeing.act_on_part(*told)
        assert error.value.facts["guard"] == "photos"
        sha256 = take(conn, tmp_path, jpeg(80 + n))
        assert agreeing.act_on_part(*told, photos=[shown(facts, sha256)])["state"] == "done"
    kept = conn.execute("SELECT n, phase FROM case_photos WHERE case_id = %s ORDER BY n", [facts.case_id]).fetchall()
    # two organisations at the same moment of the case: each has numbers of its own
    assert [(row["n"], row["phase"]) for row in kept] == [(100, "after"), (200, "after")]
