"""Write the database that a release leaves behind: run with that release's code, once, when the next one begins.

    git worktree add ../previous v0.1.0
    PYTHONPATH=../previous .venv/bin/python tests/walk/previous_release/make.py after_NNNN.sql.xz

The sample district with reports of all kinds, cases sent by hand, sign-ins, positions and events: whatever its tables
can hold. Everything goes through the release's own functions, so that it is what that release really wrote.
"""

from __future__ import annotations

import lzma
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from joserfc.jwk import ECKey
from pydantic import SecretStr

import gisops
from gisops import city as cities
from gisops import cluster as private_cluster
from gisops import cluster_files, events, operations, partitions, positions, sample
from gisops.access import accounts, api_keys, audit, devices, lockout, people, scopes, sealing
from gisops.cases import acts, cases
from gisops.cases.facts import Sent
from gisops.cases.reports import CHANNELS, NewReport
from gisops.cluster import APP, OWNER
from gisops.db.migrate import migrate
from gisops.db.pool import connect
from gisops.errors import GisopsError
from gisops.loads import mapping, publishing, staging, targets
from gisops.sample.year import tell_year
from gisops.settings import Settings
from layers.catalog import view_sql

PASSWORD = "a sample password for tests"
RIVER = """{"type": "FeatureCollection", "features": [{"type": "Feature",
  "properties": {"code": "LOADED-1", "name_zh": "样例渠", "class": "canal"},
  "geometry": {"type": "Polygon",
    "coordinates": [[[110.35, 20.03], [110.351, 20.03], [110.351, 20.031], [110.35, 20.03]]]}
}]}"""
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
            work(own.url(APP))
            be_looked_after(own.url(OWNER), own.url(APP))
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
    tell_year(url, seed=1, until=now, count=300, processes=1)


def load_a_river(url: str, folder: Path) -> None:
    """Something of a file, so that the books of loads have a page."""
    file = folder / "river.geojson"
    file.write_text(RIVER, "utf-8")
    with connect(url) as conn, conn.transaction():
        found = staging.stage(conn, targets.find("rivers"), file, mapping.Assignment(reading={"crs": "WGS84"}))
        publishing.publish(conn, found.load_id)


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


def dump(url: str) -> str:
    """Everything but the extensions, which the other end has; unlogged tables with their rows."""
    text = subprocess.check_output([cluster_files.binaries() / "pg_dump", "--format=plain", url], text=True)
    return re.sub(r"^(CREATE EXTENSION|COMMENT ON EXTENSION|\\(un)?restrict)\b.*\n", "", text, flags=re.MULTILINE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
