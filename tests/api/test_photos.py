"""Photographs by HTTP: taken in whole or not at all, and shown to those who may see what they show."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from PIL import Image
from pydantic import SecretStr
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from gisops import photos, pictures, storage
from gisops.access.people import Actor
from gisops.db.pool import connect
from gisops.settings import Settings
from tests.conftest import Server, serve
from tests.photos import as_bytes, exif, jpeg, scene, sent, take

MOST = 500_000


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gisops-photos-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def live_server(sample_database: Any, home: Path) -> Iterator[Server]:
    """With a folder for photographs of its own, and no patience for large ones."""
    with serve(sample_database, home=str(home), photo_bytes=str(MOST), anonymous_photos_per_minute="1000") as server:
        yield server


@pytest.fixture
def kept(live_server: Server, home: Path) -> Callable[[], tuple[int, int, int]]:
    """How much is kept: rows, files, and what is on its way."""

    def count() -> tuple[int, int, int]:
        with connect(live_server.database.owner_url) as owner:
            row = owner.execute("SELECT count(*) AS n FROM photos").fetchone()
        files = list((home / "photos").glob("??/??/*"))
        return (row or {})["n"], len(files), len(list((home / "photos" / "incoming").glob("*")))

    return count


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    told: dict[str, Any] = answer.json()
    assert told["code"] == code, told
    return told


# ---- taken in -------------------------------------------------------------------------------------------------------


def test_a_photograph_is_named_by_what_was_sent(caller: Any, kept: Any) -> None:
    before = kept()
    content = jpeg(1, (800, 600))
    answer = caller().post("/api/photos", content=content, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 201
    assert answer.json() == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "type": "image/jpeg",
        "bytes": len(content),
        "width": 800,
        "height": 600,
    }
    assert kept() == (before[0] + 1, before[1] + 4, 0)
    again = caller("officer").post("/api/photos", content=content)
    assert (again.status_code, again.json()) == (200, answer.json())
    assert kept() == (before[0] + 1, before[1] + 4, 0)


def test_what_the_file_says_and_who_sent_it_is_kept_apart(caller: Any, live_server: Server, home: Path) -> None:
    content = jpeg(2, exif=exif(110.3541, 20.0335))
    sha256 = sent(caller("officer"), content)
    with connect(live_server.database.owner_url) as owner:
        row = owner.execute(
            "SELECT ST_X(exif_geom) AS lon, ST_Y(exif_geom) AS lat, taken_at, exif, a.login FROM photos p"
            " JOIN accounts a USING (account_id) WHERE sha256 = %s",
            [sha256],
        ).fetchone()
        audit = owner.execute("SELECT act, subject FROM audit WHERE object = %s", [sha256]).fetchall()
    assert row is not None
    assert (row["lon"], row["lat"]) == (pytest.approx(110.3541, abs=1e-6), pytest.approx(20.0335, abs=1e-6))
    assert (str(row["taken_at"]), row["exif"]["make"], row["login"]) == ("2026-11-22 14:18:00", "SampleMake", "officer")
    assert audit == [{"act": "photo", "subject": "photos"}]
    assert storage.Folder(home / "photos").read(sha256) == content


@pytest.mark.parametrize(
    ("content", "said", "reason"),
    [
        (b"", "image/jpeg", "type"),
        (b"<svg onload='alert(1)'/>", "image/svg+xml", "type"),
        (as_bytes(scene(3), "GIF"), "image/gif", "type"),
        (jpeg(3)[:-2000], "image/jpeg", "damaged"),
        (jpeg(3), "image/png", "claimed"),
        (jpeg(3), "application/json", "claimed"),
        (as_bytes(Image.new("1", (9000, 9000)), "PNG"), "image/png", "too_many_pixels"),
        (as_bytes(scene(3), "PNG", save_all=True, append_images=[scene(4)]), "image/png", "animated"),
    ],
    ids=["nothing", "SVG", "GIF", "cut short", "another kind", "no picture's kind", "a bomb", "moving"],
)
def test_what_is_no_photograph_is_refused_and_nothing_is_kept(
    caller: Any, kept: Any, content: bytes, said: str, reason: str
) -> None:
    before = kept()
    answer = caller().post("/api/photos", content=content, headers={"Content-Type": said})
    assert problem(answer, 422, "invalid_photo")["reason"] == reason
    assert kept() == before


@pytest.mark.parametrize("announced", [True, False])
def test_one_that_is_too_large_is_read_no_further(caller: Any, kept: Any, announced: bool) -> None:
    before = kept()
    content = jpeg(5, (3000, 2000), quality=95)
    assert len(content) > MOST
    body = content if announced else (content[at : at + 65_536] for at in range(0, len(content), 65_536))
    problem(caller().post("/api/photos", content=body), 413, "body_too_large")
    assert kept() == before


def test_one_that_breaks_off_leaves_nothing(live_server: Server, kept: Any) -> None:
    before, where = kept(), urlsplit(live_server.base_url)
    content = jpeg(6)
    for end in (0, 10, len(content) // 2, len(content) - 1):
        with socket.create_connection((where.hostname, where.port)) as line:
            head = f"POST /api/photos HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}"
            line.sendall(head.encode() + b"\r\n\r\n" + content[:end])
            time.sleep(0.05)
    give_up = time.monotonic() + 5
    while kept() != before and time.monotonic() < give_up:
        time.sleep(0.05)
    assert kept() == before


def test_the_same_one_eight_times_at_once(caller: Any, kept: Any) -> None:
    before, content, client = kept(), jpeg(7), caller()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/api/photos", content=content), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["sha256"] for answer in answers}) == 1
    assert kept() == (before[0] + 1, before[1] + 4, 0)


def test_others_are_answered_meanwhile(caller: Any) -> None:
    """Eight large ones are decoded, two at a time, by processes of their own: nobody else waits for that."""
    content = as_bytes(Image.new("RGB", (6000, 6000), "red"), "PNG", compress_level=1)
    assert len(content) < MOST
    client, waited = caller(), []
    client.get("/healthz")
    with ThreadPoolExecutor(8) as pool:
        going = [pool.submit(client.post, "/api/photos", content=content) for _ in range(8)]
        while not all(one.done() for one in going):
            began = time.monotonic()
            assert client.get("/api/city").status_code == 200
            waited.append(time.monotonic() - began)
            time.sleep(0.02)
    assert {one.result().status_code for one in going} == {200, 201}
    assert len(waited) > 10
    assert sorted(waited)[len(waited) * 9 // 10] < 0.5


def test_anybody_may_send_only_so_many_a_minute(sample_database: Any, home: Path) -> None:
    settings = Settings(
        home=home, database_url=SecretStr(sample_database.app_url), anonymous_photos_per_minute=2, pool_size=2
    )
    with TestClient(create_app(settings), client=("203.0.113.7", 1)) as client:
        answers = [client.post("/api/photos", content=b"no picture") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [422, 422, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_what_no_report_names_may_lie_here_only_so_much(sample_database: Any, home: Path, a_report: Any) -> None:
    """An address has its fill, and others have not; what a report names counts for nobody, and its address goes."""

    def asking(host: str, of_all: int = 1_000_000) -> TestClient:
        settings = Settings(
            home=home,
            database_url=SecretStr(sample_database.app_url),
            anonymous_photo_bytes_per_address=1,
            anonymous_photo_bytes=of_all,
            pool_size=2,
        )
        return TestClient(create_app(settings), client=(host, 1))

    def senders() -> int:
        with connect(sample_database.owner_url) as owner:
            row = owner.execute("SELECT count(*) AS n FROM photos WHERE sender IS NOT NULL").fetchone()
        assert row is not None
        return int(row["n"])

    with connect(sample_database.owner_url) as owner:
        owner.execute("UPDATE photos SET sender = NULL")
    with asking("203.0.113.8") as client:
        sha256 = sent(client, jpeg(8801))
        refused = client.post("/api/photos", content=jpeg(8802))
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert refused.json()["most_bytes"] == 1
        assert int(refused.headers["retry-after"]) > 0
        with asking("203.0.113.9") as other:
            sent(other, jpeg(8803))
        assert senders() == 2
        with asking("203.0.113.10", of_all=1) as third:
            assert third.post("/api/photos", content=jpeg(8804)).status_code == 507
        report = client.post("/api/reports", json=a_report(channel="citizen", photos=[sha256]))
        assert report.status_code == 201, report.text
        assert senders() == 1
        sent(client, jpeg(8802))


def strangers(database: Any, home: Path, **limits: int) -> TestClient:
    """Somebody without a sign-in, of an address that has sent nothing yet."""
    settings = Settings(
        home=home, database_url=SecretStr(database.app_url), pool_size=4, anonymous_photos_per_minute=1000, **limits
    )
    return TestClient(create_app(settings), client=("203.0.113.20", 1))


def files_of(home: Path) -> int:
    return len(list((home / "photos").glob("??/??/*")))


def test_the_smallest_picture_counts_what_it_takes(fresh_database: Any, tmp_path: Path) -> None:
    """A handful of bytes leaves an original, three copies and a row: each counts 64 KiB at least."""
    with strangers(fresh_database(), tmp_path, anonymous_photo_bytes_per_address=150_000) as client:
        dots = [as_bytes(Image.new("RGB", (1, 1), (n, 0, 0)), "PNG") for n in range(4)]
        assert max(map(len, dots)) < 100
        assert [client.post("/api/photos", content=dot).status_code for dot in dots] == [201, 201, 201, 429]
        assert client.post("/api/photos", content=dots[0]).status_code == 429


def test_copies_count_for_their_sender(fresh_database: Any, tmp_path: Path) -> None:
    """One that is small as a file and large as a picture counts as what is kept of it."""
    database = fresh_database()
    with strangers(database, tmp_path) as client:
        sent(client, jpeg(8821, (1600, 1200), quality=30))
    on_disk = sum(-(-path.stat().st_size // 4096) * 4096 for path in (tmp_path / "photos").glob("??/??/*"))
    with connect(database.owner_url) as owner:
        row = owner.execute("SELECT sender, bytes, room_bytes FROM photos").fetchone()
        assert row is not None
        assert row["room_bytes"] == on_disk > 65536
        assert row["room_bytes"] > row["bytes"]
        counted = owner.execute("SELECT own_bytes, all_bytes FROM unnamed_photos(%s)", [row["sender"]]).fetchone()
    assert counted == {"own_bytes": on_disk, "all_bytes": on_disk}


@pytest.mark.parametrize(
    ("limit", "refusal"), [("anonymous_photo_bytes_per_address", 429), ("anonymous_photo_bytes", 507)]
)
def test_many_at_once_do_not_come_past_the_limit(
    fresh_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, refusal: int
) -> None:
    """All were let in before any was kept: the limit has the last word where the row is written, and no file stays."""
    database, asked, first = fresh_database(), threading.Barrier(4), photos.check_quota
    before_the_body = [4]

    def together(conn: Any, who: photos.Stranger) -> None:
        first(conn, who)
        if before_the_body[0]:
            before_the_body[0] -= 1
            asked.wait(30)

    monkeypatch.setattr(photos, "check_quota", together)
    with strangers(database, tmp_path, **{limit: 1}) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda seed: client.post("/api/photos", content=jpeg(seed)), range(8830, 8834)))
    assert sorted(answer.status_code for answer in answers) == [201] + [refusal] * 3
    with connect(database.owner_url) as owner:
        assert owner.execute("SELECT count(*) AS n FROM photos").fetchone() == {"n": 1}
    assert files_of(tmp_path) == 4


def test_a_stranger_s_goes_after_a_day_and_somebody_s_after_a_week(fresh_database: Any, tmp_path: Path) -> None:
    database = fresh_database()
    kept = storage.Folder(tmp_path / "photos")
    contents = {name: jpeg(seed) for name, seed in (("one", 8841), ("again", 8842), ("theirs", 8843))}
    with strangers(database, tmp_path) as client:
        shas = {name: sent(client, content) for name, content in contents.items()}

        def older(hours: int) -> None:
            with connect(database.owner_url) as owner:
                owner.execute("UPDATE photos SET stored_at = stored_at - make_interval(hours => %s)", [hours])

        def usable() -> set[str]:
            with connect(database.app_url) as conn:
                found = photos.usable(conn, shas.values())
                return {name for name, sha256 in shas.items() if sha256 in found}

        older(20)
        assert usable() == {"one", "again", "theirs"}
        older(2)
        assert usable() == set()
        # sent again it may be named again; and what somebody who signed in sent too is his, and counts for no address
        assert client.post("/api/photos", content=contents["again"]).status_code == 200
        with connect(database.app_url) as conn:
            take(conn, kept.root, contents["theirs"], _somebody(database))
            conn.commit()
        assert usable() == {"again", "theirs"}
        older(3)
        assert photos.tidy(lambda: connect(database.app_url), kept, kept.root) == 1
        assert {name[:64] for name in kept.names()} == {shas["again"], shas["theirs"]}
        older(22)
        assert photos.tidy(lambda: connect(database.app_url), kept, kept.root) == 1
        older(24 * 5)
        assert photos.tidy(lambda: connect(database.app_url), kept, kept.root) == 0
    with connect(database.owner_url) as owner:
        left = owner.execute("SELECT sha256, sender FROM photos").fetchall()
    assert left == [{"sha256": shas["theirs"], "sender": None}]


def _somebody(database: Any) -> Actor:
    with connect(database.owner_url) as owner:
        row = owner.execute(
            "INSERT INTO accounts (login, password_hash, role, everywhere)"
            " VALUES ('photos.sample', 'x', 'acceptor', true) RETURNING account_id"
        ).fetchone()
    assert row is not None
    return Actor(row["account_id"], "photos.sample", "acceptor", None, None)


# ---- shown ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(caller: Any, live_server: Server) -> tuple[str, str, bytes]:
    """A report with a photograph: (its key, the photograph, its bytes)."""
    content = jpeg(20, (1000, 800), exif=exif(110.3541, 20.0335), comment=b"HIDDEN-WORDS")
    sha256 = sent(caller(), content)
    lon, lat = caller().get("/api/city").json()["center"]
    body = {
        "client_uid": str(uuid4()), "channel": "citizen", "category": "E04-05", "lon": lon, "lat": lat, "crs": "WGS84",
        "photos": [sha256], "text": "样例 / sample",
    }  # fmt: skip
    answer = caller().post("/api/reports", json=body)
    assert answer.status_code == 201, answer.text
    return body["client_uid"], sha256, content


def test_who_may_see_the_case_may_see_its_photograph(caller: Any, shown: Any) -> None:
    _, sha256, content = shown
    for path, longest in ((f"/api/photos/{sha256}", 1000), (f"/api/photos/{sha256}/thumb", 160),
                          (f"/api/photos/{sha256}/thumb?size=large", 640)):  # fmt: skip
        answer = caller("desk").get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert max(picture.size) == longest
            assert not dict(picture.getexif())
        assert b"HIDDEN-WORDS" not in answer.content
        assert b"SampleMake" not in answer.content
        assert answer.content != content


def test_it_is_a_picture_and_nothing_else_and_stays_with_its_viewer(caller: Any, shown: Any) -> None:
    client, path = caller("desk"), f"/api/photos/{shown[1]}"
    answer = client.get(path)
    wanted = {
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cache-control": "private, max-age=31536000, immutable",
        "vary": "Authorization, Cookie",
        "content-disposition": f'inline; filename="{shown[1][:16]}.jpg"',
    }
    assert {name: answer.headers[name] for name in wanted} == wanted
    again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_that_somebody_looked_is_written_down(caller: Any, shown: Any, live_server: Server) -> None:
    def looks() -> int:
        with connect(live_server.database.owner_url) as owner:
            row = owner.execute(
                "SELECT count(*) AS n FROM audit x JOIN accounts a USING (account_id)"
                " WHERE act = 'look' AND subject = 'photos' AND object = %s AND a.login = 'admin'",
                [shown[1]],
            ).fetchone()
        return int((row or {})["n"])

    before = looks()
    caller("admin").get(f"/api/photos/{shown[1]}")
    assert looks() == before + 1
    caller("admin").get(f"/api/photos/{'0' * 64}")
    assert looks() == before + 1


@pytest.mark.parametrize("path", ["/api/photos/{}", "/api/photos/{}/thumb"])
def test_for_others_it_is_not_there(caller: Any, shown: Any, live_server: Server, path: str) -> None:
    problem(caller().get(path.format(shown[1])), 401, "not_signed_in")
    problem(caller("desk").get(path.format("0" * 64)), 404, "not_found")
    problem(caller("desk").get(path.format("not-a-hash")), 422, "invalid_body")
    # a planner sees the case, and nobody's face
    problem(caller("planner").get(path.format(shown[1])), 404, "not_found")
    # one that was sent in and stands for nothing is nobody's
    unused = sent(caller("officer"), jpeg(21))
    problem(caller("officer").get(path.format(unused)), 404, "not_found")


def test_by_the_report_s_key_its_sender_sees_what_he_showed(caller: Any, shown: Any) -> None:
    uid, sha256, _ = shown
    answer = caller().get(f"/api/reports/{uid}/photos/{sha256}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert caller().get(f"/api/reports/{uid}/photos/{sha256}?size=small").status_code == 200
    problem(caller().get(f"/api/reports/{uuid4()}/photos/{sha256}"), 404, "not_found")
    problem(caller().get(f"/api/reports/{uid}/photos/{'0' * 64}"), 404, "not_found")


def test_a_hash_that_somebody_learned_shows_him_nothing(caller: Any, shown: Any, a_report: Any) -> None:
    """Whoever is not shown a photograph cannot send a report that names it, and look at it by that."""
    body = a_report(photos=[shown[1]])
    assert caller().post("/api/reports", json=body).status_code == 201
    problem(caller().get(f"/api/reports/{body['client_uid']}/photos/{shown[1]}"), 404, "not_found")
    assert caller().get(f"/api/reports/{shown[0]}/photos/{shown[1]}").status_code == 200


def test_a_report_with_one_that_was_never_sent_is_refused(caller: Any, a_report: Any) -> None:
    answer = caller().post("/api/reports", json=a_report(photos=["ab" * 32]))
    assert problem(answer, 422, "unknown_photo")["photos"] == ["ab" * 32]


# ---- looked after ---------------------------------------------------------------------------------------------------


def _settings(database: Any, home: Path) -> Settings:
    return Settings(home=home, database_url=SecretStr(database.app_url), migrate_url=SecretStr(database.owner_url))


KILLED = """
import os, signal, sys
from pathlib import Path
from gisops import photos, storage
from gisops.db.pool import connect
url, home, source, at = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
class Counted(storage.Folder):
    puts = 0
    def put(self, name, file):
        if Counted.puts == at:
            os.kill(os.getpid(), signal.SIGKILL)
        super().put(name, file)
        Counted.puts += 1
kept = Counted(home)
with photos.arriving(home) as folder:
    (folder / photos.SENT).write_bytes(source.read_bytes())
    one = photos.develop(folder)
    photos.keep_files(kept, one)
    with connect(url) as conn:
        photos.record(conn, kept, one, None)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    "at", [0, 1, 3, 9], ids=["before a file", "between files", "before the last", "before the commit"]
)
def test_killed_at_any_point_it_leaves_nothing_that_stays(fresh_database: Any, tmp_path: Path, at: int) -> None:
    database, home, source = fresh_database(), tmp_path / "photos", tmp_path / "sent.jpg"
    source.write_bytes(jpeg(30 + at))
    command = [sys.executable, "-c", KILLED, database.app_url, str(home), str(source), str(at)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -9
    kept = storage.Folder(home)
    assert len(list(kept.names())) == min(at, 4)
    with connect(database.app_url) as conn:
        assert conn.execute("SELECT count(*) AS n FROM photos").fetchone() == {"n": 0}
    open_ = lambda: connect(database.app_url)  # noqa: E731
    assert photos.tidy(open_, kept, home) == 0, "it may still be on its way"
    assert photos.tidy(open_, kept, home, time.time() + 3700) == 1
    assert list(kept.names()) == []
    assert list((home / "incoming").iterdir()) == []


def test_what_is_known_stays_whatever_was_left_beside_it(fresh_database: Any, tmp_path: Path) -> None:
    """A second upload of the same that was killed does not take the first one along."""
    database, home = fresh_database(), tmp_path
    with connect(database.app_url) as conn:
        sha256 = take(conn, home, jpeg(40))
    left = home / "incoming" / "left"
    left.mkdir(parents=True)
    (left / "sha256").write_text(sha256)
    os.utime(left, (0, 0))
    assert photos.tidy(lambda: connect(database.app_url), storage.Folder(home), home) == 1
    assert len(list(storage.Folder(home).names())) == 4


def test_what_nobody_used_within_a_week_is_let_go(fresh_database: Any, tmp_path: Path) -> None:
    database, home = fresh_database("sample_template"), tmp_path
    kept = storage.Folder(home)
    from gisops import city as cities
    from gisops import operations
    from gisops.cases.reports import NewReport

    with connect(database.app_url) as conn:
        young, _, used = (take(conn, home, jpeg(seed)) for seed in (41, 42, 43))
        city = cities.load(conn)
        west, south, east, north = city.extent
        here = ((west + east) / 2, (south + north) / 2, "WGS84", 5.0)
        operations.receive_report(conn, city, NewReport(uuid4(), "citizen", "E04-05", *here, photos=(used,)), None)
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE photos SET stored_at = stored_at - interval '8 days' WHERE sha256 <> %s", [young])
    assert photos.tidy(lambda: connect(database.app_url), kept, home) == 1
    assert {name[:64] for name in kept.names()} == {young, used}
    with connect(database.owner_url) as owner:
        rows = owner.execute("SELECT sha256 FROM photos").fetchall()
        assert {row["sha256"] for row in rows} == {young, used}
        # and whoever asks for more than that gets no more
        owner.execute("SELECT forget_photos(%s)", [[young, used]])
        assert owner.execute("SELECT count(*) AS n FROM photos").fetchone() == {"n": 2}


def test_gisops_check_evidence_finds_what_does_not_fit(
    fresh_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.cli import app

    database, home = fresh_database(), tmp_path / "photos"
    monkeypatch.setattr(photos, "_ON_ITS_WAY_S", 0.0)
    for name, value in (("HOME", tmp_path), ("DATABASE_URL", database.app_url), ("MIGRATE_URL", database.owner_url)):
        monkeypatch.setenv(f"GISOPS_{name}", str(value))
    with connect(database.app_url) as conn:
        whole, lost, changed = (take(conn, home, jpeg(seed)) for seed in (51, 52, 53))
    good = CliRunner().invoke(app, ["check", "evidence"])
    assert (good.exit_code, "3 张照片" in good.output) == (0, True), good.output
    kept = storage.Folder(home)
    kept.drop(lost)
    kept.path(changed).write_bytes(b"another")
    kept.path(f"{whole}.view.jpg").write_bytes(jpeg(54))
    kept.drop(f"{changed}.small.jpg")
    stranger = "ee" * 32
    kept.put(stranger, kept.path(whole))
    bad = CliRunner().invoke(app, ["check", "evidence"])
    assert bad.exit_code == 1
    said = bad.output.replace("\n", "")
    for name, words in (
        (lost, "the file that was sent is missing"),
        (changed, "the file that was sent was changed"),
        (f"{whole}.view.jpg", "a copy was changed"),
        (f"{changed}.small.jpg", "a copy is missing"),
        (stranger, "the database does not know this file"),
    ):
        assert any(words in part for part in said.split(name)[1:]), (name, words, said)
    assert "5 处不符" in bad.output


def test_a_full_disk_leaves_nothing(sample_database: Any, tmp_path: Path) -> None:
    """507 whether the room ends while it comes in or when it is kept."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)], check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        with TestClient(create_app(_settings(sample_database, tmp_path)), raise_server_exceptions=False) as client:
            before = room_of(tmp_path)
            for content in (jpeg(60), jpeg(61, (4000, 4000), quality=98)):
                problem(client.post("/api/photos", content=content), 507, "storage_full")
                assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
            assert len(jpeg(61, (4000, 4000), quality=98)) > before
        with connect(sample_database.app_url) as conn:
            asked = [hashlib.sha256(jpeg(60)).hexdigest()]
            assert conn.execute("SELECT 1 FROM photos WHERE sha256 = ANY (%s)", [asked]).fetchone() is None
    finally:
        with suppress(OSError):
            subprocess.run(["umount", "-l", str(tmp_path)], check=False)


def room_of(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, source = storage.Folder(tmp_path / "kept"), tmp_path / "one"
    source.write_bytes(b"x" * 100_000)
    name = "ab" * 32

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(storage.StorageFull):
        kept.put(name, source)
    assert not kept.has(name)
    assert [path for path in (tmp_path / "kept").rglob("*") if path.is_file()] == []
    monkeypatch.undo()
    kept.put(name, source)
    assert kept.read(name) == b"x" * 100_000
    assert kept.path(name).relative_to(tmp_path / "kept").parts == ("ab", "ab", name)


def test_every_copy_s_hash_is_kept(tmp_path: Path) -> None:
    (tmp_path / photos.SENT).write_bytes(jpeg(70))
    one = photos.develop(tmp_path)
    for size, digest in zip(pictures.SIZES, one.picture.copies, strict=True):
        assert hashlib.sha256((tmp_path / f"{size}.jpg").read_bytes()).hexdigest() == digest
