"""Write the database that a release leaves behind: run with that release's code, once, when the next one begins.

    git worktree add ../previous v0.1.0
    PYTHONPATH=../previous .venv/bin/python tests/walk/previous_release/make.py after_NNNN.sql.xz

The sample district with reports of all kinds, cases sent by hand, sign-ins, positions and events; days of its life
as a simulation plays them, and what is agreed on beside: whatever its tables can hold. Everything goes through
the release's own functions, so that it is what that release really wrote.
"""

from __future__ import annotations

import lzma
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import orjson
from joserfc.jwk import ECKey
from PIL import Image
from pydantic import SecretStr

import gisops
from gisops import (
    bulletin,
    cluster_files,
    deliveries,
    events,
    operations,
    partitions,
    photos,
    positions,
    sample,
    storage,
    webhooks,
)
from gisops import city as cities
from gisops import cluster as private_cluster
from gisops.access import accounts, api_keys, audit, devices, lockout, people, scopes, sealing
from gisops.access.people import Actor
from gisops.cases import acts, approvals, auto_rules, case_messages, cases, follow_ups, handbook, joint, supervision
from gisops.cases.facts import Facts, Sent
from gisops.cases.reports import CHANNELS, NewReport
from gisops.cluster import APP, OWNER
from gisops.db.migrate import migrate
from gisops.db.pool import connect
from gisops.errors import GisopsError
from gisops.indicators import outcomes
from gisops.loads import mapping, publishing, staging, targets
from gisops.sample.year import tell_year
from gisops.settings import Settings
from gisops.simulation.cast import Cast, cast
from gisops.simulation.days import MADE, Days, Weather
from gisops.simulation.town import Town
from layers import city_loading, wanted
from layers.catalog import view_sql

PASSWORD = "a sample password for tests"
RIVER = """{"type": "FeatureCollection", "features": [{"type": "Feature",
  "properties": {"code": "LOADED-1", "name_zh": "样例渠", "class": "canal"},
  "geometry": {"type": "Polygon",
    "coordinates": [[[110.35, 20.03], [110.351, 20.03], [110.351, 20.031], [110.35, 20.03]]]}
}]}"""
TREES = RIVER.replace("canal", "样例树").replace('"class"', '"name"')
# What the city writes into its handbook itself: a condition's words, a limit, and a further condition.
HANDBOOK = """category,seq,text_zh,closing_zh,min_photos,limits,legal_zh
E04-05,1,样例：无照经营占道的立案条件,样例：已清退,1,handle 3 work_hour,样例条例
E01-01,7,样例：本市另立的条件,样例：已清除,0,handle 2 work_day,
"""
CATEGORIES = ("E04-05", "P01-02", "E01-01", "P01-01", "E02-01")


def main(to: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gisops-previous-") as folder:
        os.chmod(folder, 0o755)
        settings = Settings(home=Path(folder), sample_password=SecretStr(PASSWORD))
        own = private_cluster.ensure(settings, conf={"fsync": "off"})
        try:
            migrate(own.url(OWNER), view_sql())
            sample.load(own.url(OWNER), settings, size="district")
            tell_a_year(own.url(OWNER))
            load_a_river(own.url(OWNER), Path(folder))
            listen(own.url(OWNER), Path(folder))
            live(own.url(OWNER), own.url(APP))
            agree(own.url(OWNER), own.url(APP), settings)
            work(own.url(APP))
            be_looked_after(own.url(OWNER), own.url(APP))
            rule(own.url(OWNER), own.url(APP))
            to.write_bytes(lzma.compress(dump(own.url("postgres")).encode(), preset=9 | lzma.PRESET_EXTREME))
        finally:
            private_cluster.stop(own)
            private_cluster.release(own)
            private_cluster.destroy(settings)
    print(f"written by {gisops.__file__}")
    print(f"{to}: {to.stat().st_size / 1000:.0f} kB")


def tell_a_year(url: str) -> None:
    """Cases of the past, in the months in which they lie."""
    now = datetime.now(UTC)
    with connect(url) as conn:
        partitions.ensure(conn, now - timedelta(days=366), now)
    tell_year(url, seed=1, until=now, count=200, processes=1)


def load_a_river(url: str, folder: Path) -> None:
    """Something of a file, so that the books of loads have a page."""
    file = folder / "river.geojson"
    file.write_text(RIVER, "utf-8")
    with connect(url) as conn, conn.transaction():
        found = staging.stage(conn, targets.find("rivers"), file, mapping.Assignment(reading={"crs": "WGS84"}))
        publishing.publish(conn, found.load_id)


def listen(url: str, folder: Path) -> None:
    """What a city sets up for itself: who else is told, its own handbook, a layer of its own."""
    with connect(url) as conn:
        city = cities.load(conn)
        webhooks.add(conn, "样例系统 / sample system", "http://192.0.2.7/hook", ("overdue", "order", "progress"))
        gone, _ = webhooks.add(conn, "样例旧系统 / sample of before", "http://192.0.2.8/hook", ("overdue",))
        webhooks.remove(conn, gone)
        deliveries.set_lanes(conn, {"sms": True, "mail": False})
        book = folder / "handbook.csv"
        book.write_text(HANDBOOK, "utf-8")
        handbook.load(conn, city, book)
    with connect(url, unhurried=True) as conn:
        file = folder / "trees.geojson"
        file.write_text(TREES, "utf-8")
        city_loading.load(conn, file, wanted.read(None, ["id=sample_trees"], {"crs": "WGS84"}))


def live(owner: str, app: str) -> None:
    """Some days of the city's life, until now: each kind of move, by whom it belongs to, and the timers between."""
    with connect(owner) as conn:
        city = cities.load(conn)
        who = cast(conn, city)
    days = 6.0
    begins = datetime.now(UTC) - timedelta(days=days)
    with connect(app) as conn:
        town = Town(conn, city, who, seed=6)
        told = Days(town, 6, begins, days, city.timezone, Weather(a_day=9.0)).run()
        town.end()
        print(f"{told.reports} reports lived {told.steps} steps: {dict(told.made)}")


def agree(owner: str, app: str, settings: Settings) -> None:
    """What is beside the main line of a case, in every state it can be in; and a case in every state there is."""
    with connect(owner) as conn:
        city = cities.load(conn)
        who = cast(conn, city)
    with connect(app) as conn:
        town = Town(conn, city, who, seed=7, together=0)
        town.go_to(datetime.now(UTC))
        desk = Desk(town, who)
        stand_in_every_state(desk)
        ask_and_be_answered(desk)
        show_photographs(desk, settings)
        conn.commit()
        bulletin.publish(conn, city, f"{datetime.now(UTC).replace(day=1) - timedelta(days=1):%Y-%m}")
        conn.commit()
    with connect(app, autocommit=True) as conn:
        # Some messages arrived, some are tried again, one was given up.
        deliveries.carry(conn, "sms", lambda message: None, city.timezone, most=20)


class Desk:
    """A centre at which each case is made as it is wanted."""

    def __init__(self, town: Town, who: Cast) -> None:
        self.town, self.who, self.conn, self.city, self.n = town, who, town.conn, town.city, 0
        # how far behind the time it is
        self.behind = timedelta()

    def case(self, *actions: str, category: str = "E01-10", photos: tuple[str, ...] = ()) -> str:
        """A new case, and what is done with it one after the other: ``action:role``."""
        self.n += 1
        place = self.town._places[(self.n * 37) % len(self.town._places)]
        uid = UUID(int=(0x0192 << 112) + (4 << 76) + (2 << 62) + (1 << 32) + self.n)
        report = NewReport(uid, "citizen", category, place["lon"], place["lat"], "WGS84", 5.0, "样例", photos=photos)
        self.step()
        case_no = str(orjson.loads(operations.receive_report(self.conn, self.town._by_hand, report, None).answer)
                      ["case"]["case_no"])  # fmt: skip
        self.town.end()
        for one in actions:
            self.do(case_no, *one.split(":"))
        return case_no

    def do(self, case_no: str, action: str, role: str) -> None:
        """A move, by somebody whose it is."""
        self.step()
        said = self.town.act(case_no, action, role, self.town.seen(case_no).version, Random(self.n))
        self.town.end()
        if said != MADE:
            raise SystemExit(f"{case_no}: {action} by {role}: {said}")

    def step(self) -> None:
        """Go on to the moment it is: no two things happen at once."""
        self.town.go_to(datetime.now(UTC) - self.behind)
        self.town._step()

    def facts(self, case_no: str) -> Facts:
        return acts.read(self.conn, self.city, case_no, None)

    def holder(self, case_no: str) -> Actor:
        return self.who.organisations[self.facts(case_no).organisation_id].department


FILED = ("accept:acceptor", "file:shift_leader")
HANDLING = (*FILED, "dispatch:dispatcher", "ack:department")
DONE = (*HANDLING, "finish:department")
CLOSED = (*DONE, "skip_check:acceptor", "close:shift_leader")


def stand_in_every_state(desk: Desk) -> None:
    """Cases that are left as they are, in each state from which something can be done."""
    disputed = (*HANDLING[:3], "return:department", "dispute:dispatcher")
    for path in (
        (), ("order_verify:acceptor",), FILED[:1], FILED, HANDLING[:3], HANDLING, (*HANDLING, "suspend:dispatcher"),
        (*HANDLING, "extend:dispatcher"), disputed[:-1], disputed, (*disputed, "determine:coordinator"),
        DONE, (*DONE, "order_check:acceptor"), (*DONE, "skip_check:acceptor"), CLOSED, (*CLOSED, "reopen:inspector"),
        ("refuse:acceptor",), (*FILED[:1], "reject:shift_leader"), (*FILED, "void:shift_leader"),
        (*HANDLING, "force_close:leader"), ("link:acceptor",), ("link:acceptor", "unlink:acceptor"),
    ):  # fmt: skip
        desk.case(*path)
    for reviews in ((), ("dispatcher",), ("dispatcher", "acceptor")):
        # done too late, or there is nothing to appeal against
        desk.behind = timedelta(days=9)
        late = desk.case(*HANDLING)
        desk.behind = timedelta()
        for one in (*CLOSED[len(HANDLING) :], "appeal:department", *(f"appeal:{role}" for role in reviews)):
            desk.do(late, *one.split(":"))
    rows = desk.conn.execute("SELECT state, count(*) AS n FROM cases GROUP BY state ORDER BY state").fetchall()
    print({row["state"]: row["n"] for row in rows})


def ask_and_be_answered(desk: Desk) -> None:
    """Requests, parts, orders, urgings, follow-ups and messages: open ones, and ones that were answered."""
    conn, city, centre = desk.conn, desk.city, desk.who.centre
    soon = datetime.now(UTC) + timedelta(days=3)
    asked = [desk.case(*HANDLING) for _ in range(3)]
    for case_no in asked:
        sent = Sent(None, "样例申请 / sample request")
        approvals.request(conn, city, desk.facts(case_no), "suspend", sent, soon, desk.holder(case_no))
    approvals.refuse(conn, desk.facts(asked[1]), 1, "样例: 不同意 / no", centre["dispatcher"])
    approvals.refuse(conn, desk.facts(asked[2]), 1, "样例: 撤回 / taken back", desk.holder(asked[2]))

    joint_case = desk.case(*HANDLING)
    lead = desk.facts(joint_case).organisation_id
    others = [one for one in desk.who.organisations.values() if one.organisation_id != lead][:4]
    for one in others:
        joint.open_part(conn, city, desk.facts(joint_case), one.code, "样例协办 / sample part", centre["dispatcher"])
    joint.act_on_part(conn, joint_case, 1, "ack", others[0].department)
    joint.act_on_part(conn, joint_case, 2, "ack", others[1].department)
    joint.act_on_part(conn, joint_case, 2, "finish", others[1].department, text="样例: 办妥 / done")
    joint.act_on_part(conn, joint_case, 3, "return", others[2].department, reason_code="not_ours", text="样例")
    joint.cancel(conn, desk.facts(joint_case), 4, "样例: 不需要了 / not needed", centre["dispatcher"])

    ordered = desk.case(*HANDLING)
    for level in (1, 2, 3):
        supervision.order(conn, desk.facts(ordered), level, soon, "样例督办 / sample order", centre["inspector"])
    for number in (2, 3):
        supervision.answer(conn, desk.facts(ordered), number, "样例答复 / sample answer", desk.holder(ordered))
    supervision.close(conn, desk.facts(ordered), 3, centre["inspector"])
    supervision.urge(conn, desk.facts(ordered), "样例催办 / sample urging", centre["dispatcher"])
    supervision.urge(conn, desk.facts(ordered), "样例: 什么时候 / when?", None)

    closed = desk.case(*CLOSED)
    follow_ups.visit(conn, desk.facts(closed), "phone", False, None, "", centre["inspector"])
    follow_ups.visit(conn, desk.facts(closed), "visit", True, 4, "样例回访 / sample visit", centre["inspector"])
    said = desk.case(*CLOSED)
    uid = UUID(int=(0x0192 << 112) + (4 << 76) + (2 << 62) + (1 << 32) + desk.n)
    follow_ups.say(conn, follow_ups.of_report(conn, uid), 2, f"样例: 没有修好 / not mended {said[-3:]}")

    for by in (centre["dispatcher"], desk.holder(ordered)):
        key, _ = case_messages.write(conn, city, ordered, "样例留言 / sample message", [], None, by)
    case_messages.erase(conn, city, ordered, key, by)
    conn.commit()


def show_photographs(desk: Desk, settings: Settings) -> None:
    """One that a report came with, one that shows that it was done, and one that nobody used."""
    kept, home = storage.storage_of(settings), storage.folder_of(settings)
    hashes = []
    for n in range(3):
        with photos.arriving(home) as folder:
            coarse = Image.frombytes("RGB", (9, 7), Random(n).randbytes(189)).resize(
                (160, 120), Image.Resampling.BICUBIC
            )
            coarse.save(folder / photos.SENT, "JPEG")
            one = photos.develop(folder)
            photos.keep_files(kept, one)
            photos.record(desk.conn, kept, one, desk.who.centre["supervisor"])
            hashes.append(one.picture.sha256)
    case_no = desk.case(*HANDLING, photos=(hashes[0],))
    facts = desk.facts(case_no)
    here = {"lon": facts.lon, "lat": facts.lat, "crs": "WGS84", "accuracy_m": 5.0}
    shown = {"photos": [{"sha256": hashes[1], "captured_at": facts.now, **here}], "position": here}
    asking = replace(desk.city, settings={**desk.city.settings, "evidence": True})
    acts.act(desk.conn, asking, case_no, "finish", Sent(facts.version, "样例", None, shown), desk.holder(case_no))
    desk.conn.commit()


def work(url: str) -> None:
    """A day at the desk."""
    with connect(url) as conn:
        city = cities.load(conn)
        west, south, east, north = city.extent
        actors = {}
        for login in ("desk", "officer", "handler", "admin"):
            found = people.account(conn, login)
            if found is not None:
                actors[login] = people.verify(found, PASSWORD)
        # One sign-in that lasts, one that was ended.
        people.open_session(conn, actors["officer"], 12)
        token, _ = people.open_session(conn, actors["desk"], 12)
        people.revoke_session(conn, people.token_hash(token))
        middle = ((west + east) / 2, (south + north) / 2)
        operations.keep_positions(conn, city, actors["officer"], [positions.Sent(*middle, "WGS84", 8.0)])
        conn.commit()
        taken = []
        for n in range(160):
            lon = west + (east - west) * (0.05 + 0.9 * (n * 0.6180339 % 1))
            lat = south + (north - south) * (0.05 + 0.9 * (n * 0.7548776 % 1))
            report = NewReport(
                UUID(int=(0x0192 << 112) + (4 << 76) + (2 << 62) + n), CHANNELS[n % len(CHANNELS)],
                CATEGORIES[n % len(CATEGORIES)], lon, lat, "WGS84", None if n % 4 == 0 else 5.0 + n % 30,
                text=f"样例上报 {n} / sample report", outside="desk" if n % 5 == 0 else "refuse",
            )  # fmt: skip
            try:
                operations.receive_report(conn, city, report, actors["officer"] if n % 3 == 0 else None)
                taken.append(report.client_uid)
            except GisopsError as error:
                print(n, error.code)
            conn.commit()
        scopes.look_as(conn, actors["desk"].account_id)
        lying = cases.find(conn, city, state="filed", category=None, organisation=None, bbox=None, handler_id=None,
                           limit=12, after=None, to=actors["desk"])["cases"]  # fmt: skip
        conn.commit()
        bureaus = [row["code"] for row in conn.execute("SELECT code FROM organisations WHERE kind = 'bureau'")]
        for n, case in enumerate(lying[::2]):
            sent = Sent(case["version"], "样例: 人工派遣 / by hand", values={"organisation": bureaus[n % len(bureaus)]})
            acts.act(conn, city, case["case_no"], "dispatch", sent, actors["desk"])
            conn.commit()
        print(f"{len(taken)} reports, {len(lying[::2])} of {len(lying)} sent by hand")
    with connect(url, autocommit=True) as conn:
        events.beat(conn)
        while events.stamp(conn, 50):
            pass
        # What no relay has seen yet when the release is exchanged.
        last = NewReport(UUID(int=(0x0193 << 112) + (4 << 76) + (2 << 62)), "citizen", "E04-05", *middle, "WGS84", 5.0)
        with conn.transaction():
            operations.receive_report(conn, city, last, None)


def be_looked_after(owner: str, app: str) -> None:
    """What an administrator sets up, what is remembered of sign-ins, and the audit of it."""
    with connect(owner) as conn:
        area = conn.execute("SELECT code FROM admin_areas WHERE level = 3 ORDER BY code LIMIT 1").fetchone()
        cell = conn.execute("SELECT code FROM grid_cells ORDER BY code LIMIT 1").fetchone()
        assert area is not None
        assert cell is not None
        scopes.grant(conn, "inspector", "area", area["code"])
        scopes.grant(conn, "inspector", "cell", cell["code"])
        accounts.link(conn, "leader", "https://identity.example", "sample-subject")
        api_keys.add(conn, "department", "样例系统 / sample system", ["read:layers"], 3650)
    with connect(app) as conn:
        admin = people.account(conn, "admin")
        assert admin is not None
        public = ECKey.generate_key("P-256").as_dict(private=False)
        devices.sign_in(conn, admin.actor, {name: str(public[name]) for name in ("kty", "crv", "x", "y")})
        lockout.begin(conn, "desk", "192.0.2.1")
        conn.execute("INSERT INTO proofs_seen VALUES (%s, now())", [people.token_hash("a sample proof")])
        conn.commit()
        scopes.look_as(conn, admin.actor.account_id)
        audit.looked(conn, "poverty_relief", "110.3,20.0,110.4,20.1", 3)
        audit.looked(conn, "poverty_relief", None, 1, object="样例户 / sample")
    with connect(app, autocommit=True) as conn:
        sealing.seal(conn)
    with connect(app) as conn:
        # One that no seal has yet.
        scopes.look_as(conn, admin.actor.account_id)
        audit.looked(conn, "officers", "14/1/1", 2)


def rule(owner: str, app: str) -> None:
    """Which reports file themselves, as a district has it; and what counting has gathered of cases that are over."""
    with connect(owner) as conn:
        city = cities.load(conn)
        admin = people.account(conn, "admin")
        district = conn.execute("SELECT code FROM admin_areas WHERE level = 2 ORDER BY code LIMIT 1").fetchone()
        assert admin is not None
        assert district is not None
        for code, enabled in (("E04-05", True), ("E01", False)):
            wanted = auto_rules.Wanted(enabled, "样例: 试行 / sample trial", None, min_photos=1 if enabled else None)
            auto_rules.set_rule(conn, city, district["code"], code, wanted, admin.actor)
        conn.commit()
    with connect(app, autocommit=True, unhurried=True) as conn:
        print(f"{outcomes.gather(conn)} outcomes")


def dump(url: str) -> str:
    """Everything but the extensions, which the other end has; unlogged tables with their rows."""
    text = subprocess.check_output([cluster_files.binaries() / "pg_dump", "--format=plain", url], text=True)
    return re.sub(r"^(CREATE EXTENSION|COMMENT ON EXTENSION|\\(un)?restrict)\b.*\n", "", text, flags=re.MULTILINE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
