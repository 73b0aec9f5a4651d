"""Rules by which reports file themselves: what meets them, what is counted against them, and how they go off."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson
import pytest

from gisops import city as cities
from gisops import operations
from gisops.access.people import Actor
from gisops.cases import acts, auto_rules, moves
from gisops.cases.acts import Sent
from gisops.cases.auto_rules import AutoRule, StaleRule, Wanted
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput, NotFound, UnknownCategory

SHOP = "E04-05"
_PLACES = itertools.count()


@pytest.fixture
def conn(sample_database: Any) -> Iterator[Connection]:
    with connect(sample_database.app_url) as opened:
        yield opened
        opened.rollback()


@pytest.fixture(scope="module")
def city(sample_database: Any) -> City:
    """The sample city without the simple flow, in which nobody asks for photographs."""
    with connect(sample_database.app_url) as conn:
        read = cities.load(conn)
    return replace(read, settings={**read.settings, "evidence": False, "simple_flow": False})


@pytest.fixture(scope="module")
def actors(sample_database: Any) -> dict[str, Actor]:
    """An account of each role that may see every case."""
    with connect(sample_database.owner_url) as owner:
        owner.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_everywhere")
        made = {}
        for role in ("admin", "acceptor", "dispatcher", "shift_leader"):
            row = owner.execute(
                "INSERT INTO accounts (login, password_hash, role, everywhere) VALUES (%s, 'x', %s, true)"
                " RETURNING account_id",
                [f"rules.{role}", role],
            ).fetchone()
            assert row is not None
            made[role] = Actor(row["account_id"], f"rules.{role}", role, None, None)
    return made


def sent(city: City, **changes: Any) -> NewReport:
    """A report of a place where nobody reported before."""
    west, south, east, north = city.extent
    n = next(_PLACES)
    lon = west + (east - west) * (0.15 + 0.07 * (n % 10))
    lat = south + (north - south) * (0.15 + 0.07 * (n // 10 % 10))
    body: dict[str, Any] = {"channel": "officer", "category": SHOP, "x": lon, "y": lat, "accuracy_m": 3.0}
    return NewReport(uuid4(), crs="WGS84", **(body | changes))


def told(conn: Connection, city: City, report: NewReport) -> tuple[str, str]:
    """Its case: number and state."""
    case = orjson.loads(operations.receive_report(conn, city, report, None).answer)["case"]
    return case["case_no"], case["state"]


def district(conn: Connection, case_no: str) -> str:
    return case_no.rsplit("-", 2)[0]


def set_rule(conn: Connection, city: City, by: Actor, where: str, code: str = SHOP, **wanted: Any) -> dict[str, Any]:
    row = conn.execute(
        "SELECT changed_at FROM auto_rules WHERE district_code = %s AND code = %s", [where, code.rpartition(":")[2]]
    ).fetchone()
    said = {"enabled": True, "reason": "样例 / sample", "changed_at": row and row["changed_at"]} | wanted
    return auto_rules.set_rule(conn, city, where, code, Wanted(**said), by)


def history(conn: Connection, case_no: str, action: str) -> dict[str, Any]:
    row = conn.execute(
        "SELECT h.payload FROM case_history h JOIN cases c USING (district_code, case_id)"
        " WHERE c.case_no = %s AND h.action = %s",
        [case_no, action],
    ).fetchone()
    assert row is not None
    payload: dict[str, Any] = row["payload"]
    return payload


def rule_of(conn: Connection, where: str, code: str = SHOP) -> dict[str, Any]:
    row = conn.execute("SELECT * FROM auto_rules WHERE district_code = %s AND code = %s", [where, code]).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("rule", "channel", "confidence", "photos", "met"),
    [
        ({}, "citizen", None, 0, True),
        ({"channels": frozenset({"officer"})}, "citizen", None, 0, False),
        ({"min_confidence": 0.8}, "video", 0.8, 0, True),
        ({"min_confidence": 0.8}, "video", 0.79, 0, False),
        ({"min_confidence": 0.8}, "sensor", None, 0, False),
        ({"min_confidence": 0.8}, "officer", None, 0, True),
        ({"min_photos": 2}, "officer", None, 1, False),
        ({"min_photos": 2}, "officer", None, 2, True),
    ],
)
def test_what_meets_a_rule(
    rule: dict[str, Any], channel: str, confidence: float | None, photos: int, met: bool
) -> None:
    assert AutoRule("s", "E04-05", True, True, **rule).met(channel, confidence, photos) is met


def test_without_a_word_of_the_city_what_filed_itself_does(conn: Connection, city: City) -> None:
    """The default keeps what was so: every category with auto_file, whoever reports, and the history says why."""
    for channel in ("citizen", "officer", "video"):
        case_no, state = told(conn, city, sent(city, channel=channel))
        assert moves.STAGES[state] >= moves.STAGES["filed"], state
        told_of = history(conn, case_no, "file")["auto_rule"]
        assert (told_of["code"], told_of["channel"], told_of["photos"]) == (SHOP, channel, 0)
        kept = conn.execute(
            "SELECT f.code, f.flow, f.overturned_at FROM auto_filings f JOIN cases c USING (district_code, case_id)"
            " WHERE c.case_no = %s",
            [case_no],
        ).fetchone()
        assert kept == {"code": SHOP, "flow": "standard", "overturned_at": None}
    none, state = told(conn, replace(city, auto_file=False), sent(city))
    assert state == "reported"
    assert conn.execute("SELECT count(*) AS n FROM auto_filings f JOIN cases c USING (district_code, case_id)"
                        " WHERE c.case_no = %s", [none]).fetchone() == {"n": 0}  # fmt: skip


def test_a_rule_asks_for_channel_confidence_and_a_place_of_its_own(
    conn: Connection, city: City, actors: dict[str, Actor]
) -> None:
    first, _ = told(conn, city, sent(city))
    where = district(conn, first)
    set_rule(conn, city, actors["admin"], where, channels=("video", "officer"), min_confidence=0.9, alone=True)
    assert told(conn, city, sent(city, channel="citizen"))[1] == "reported"
    assert told(conn, city, sent(city, channel="video", confidence=0.5))[1] == "reported"
    assert told(conn, city, sent(city, channel="video"))[1] == "reported"
    sure = sent(city, channel="video", confidence=0.95)
    case_no, state = told(conn, city, sure)
    assert state != "reported"
    seen = history(conn, case_no, "file")["auto_rule"]
    assert (round(seen["confidence"], 2), round(seen["min_confidence"], 2)) == (0.95, 0.9)
    # the same place again, by somebody else: it may be the same thing
    assert told(conn, city, replace(sure, client_uid=uuid4(), channel="officer", confidence=None))[1] == "reported"
    # a whole major class, and the closer rule before it
    set_rule(conn, city, actors["admin"], where, "E04", enabled=False)
    assert told(conn, city, sent(city))[1] != "reported"
    ours = [one for one in city.categories.values() if one.scheme == city.category_scheme and one.code[:3] == "E04"]
    other = next(one for one in ours if one.code != SHOP)
    assert told(conn, city, sent(city, category=f"{other.scheme}:{other.code}"))[1] == "reported"


def test_the_simple_flow_goes_by_the_rule_too(conn: Connection, city: City, actors: dict[str, Any]) -> None:
    simple = replace(city, settings={**city.settings, "simple_flow": True})
    trifles = [one for one in city.categories.values() if one.simple_allowed and one.severity == "minor"]

    def state_of(report: NewReport) -> tuple[str, str, dict[str, Any]]:
        with conn.transaction(force_rollback=True):
            case_no, state = told(conn, simple, replace(report, client_uid=uuid4()))
            return case_no, state, history(conn, case_no, "push") if state == "simple_open" else {}

    for one, _ in itertools.product(trifles[:6], range(12)):
        report = sent(city, channel="video", category=f"{one.scheme}:{one.code}", confidence=0.4)
        case_no, state, pushed = state_of(report)
        if state == "simple_open":
            break
    assert state == "simple_open", "nobody in the sample could take a trifle"
    assert pushed["auto_rule"]["code"] == one.code
    set_rule(conn, city, actors["admin"], district(conn, case_no), report.category, min_confidence=0.5)
    assert state_of(report)[1] == "reported"
    assert state_of(replace(report, confidence=0.6))[1] == "simple_open"
    set_rule(conn, city, actors["admin"], district(conn, case_no), report.category, enabled=False)
    assert state_of(replace(report, confidence=0.6))[1] == "reported"


def test_a_confidence_is_a_devices(conn: Connection, city: City) -> None:
    with pytest.raises(InvalidInput) as people:
        told(conn, city, sent(city, confidence=0.5))
    assert people.value.facts["field"] == "confidence"
    with pytest.raises(InvalidInput, match="0 to 1"):
        told(conn, city, sent(city, channel="video", confidence=float("nan")))


def overturn(conn: Connection, city: City, actors: dict[str, Actor], case_no: str) -> None:
    """Somebody at the desk puts it into another class: the rule was wrong about it."""
    facts = acts.read(conn, city, case_no, None)
    other = next(one for one in city.categories.values() if one.code == "E01-10")
    if facts.state == "dispatched":
        sending = Sent(facts.version, "样例 / sample", "not_acknowledged")
        acts.act(conn, city, case_no, "return", sending, actors["dispatcher"])
        facts = acts.read(conn, city, case_no, None)
    values = {"category": f"{other.scheme}:{other.code}"}
    acts.act(conn, city, case_no, "correct", Sent(facts.version, "样例 / sample", values=values), actors["acceptor"])


def test_overturned_too_often_it_goes_off_and_reports_wait_at_the_desk(
    conn: Connection, city: City, actors: dict[str, Actor]
) -> None:
    numbers = [told(conn, city, sent(city))[0] for _ in range(6)]
    where = district(conn, numbers[0])
    set_rule(conn, city, actors["admin"], where, min_cases=3, max_overturn=0.5)
    for case_no in numbers[:2]:
        overturn(conn, city, actors, case_no)
    assert rule_of(conn, where)["enabled"]  # of two nothing is judged
    overturn(conn, city, actors, numbers[2])
    off = rule_of(conn, where)
    assert (off["enabled"], off["changed_by"]) == (False, None)
    assert off["switched_off_because"] == {"decided": 3, "overturned": 3, "share": 1.0, "max_overturn": 0.5}
    assert told(conn, city, sent(city))[1] == "reported"
    # told once, to those who answer for it, with the figures; and written down
    notices = conn.execute("SELECT facts FROM notices WHERE kind = 'auto_rule_off'").fetchall()
    assert notices
    assert {(row["facts"]["rule"], row["facts"]["percent"]) for row in notices} == {(SHOP, 100.0)}
    # who sees the case that tipped it hears that it is off, and nothing of the whole district's numbers
    events = conn.execute("SELECT payload FROM outbox WHERE kind = 'auto_rule'").fetchall()
    assert [row["payload"] for row in events] == [
        {"action": "switched_off", "scheme": city.category_scheme, "code": SHOP}
    ]
    overturn(conn, city, actors, numbers[3])  # one that is off is not switched off again
    assert len(conn.execute("SELECT 1 FROM outbox WHERE kind = 'auto_rule'").fetchall()) == 1
    # an administrator switches it on: the window starts anew
    shown = set_rule(conn, city, actors["admin"], where, reason="样例：又可以了 / Sample: again")
    assert shown["enabled"]
    assert shown["switched_off_at"] is None
    assert shown["reason"] == "样例：又可以了 / Sample: again"
    assert rule_of(conn, where)["since"] is not None
    assert told(conn, city, sent(city))[1] != "reported"


def test_a_default_that_is_overturned_goes_off_for_its_category_in_its_district(
    conn: Connection, city: City, actors: dict[str, Actor]
) -> None:
    numbers = [told(conn, city, sent(city))[0] for _ in range(31)]
    for case_no in numbers[:29]:
        overturn(conn, city, actors, case_no)
    where = district(conn, numbers[0])
    assert conn.execute("SELECT count(*) AS n FROM auto_rules").fetchone() == {"n": 0}
    overturn(conn, city, actors, numbers[29])
    row = rule_of(conn, where)
    assert (row["enabled"], row["code"], row["switched_off_because"]["decided"]) == (False, SHOP, 30)
    assert told(conn, city, sent(city))[1] == "reported"
    assert told(conn, city, sent(city, category="E01-10"))[1] != "reported"


def listed(conn: Connection, city: City, to: Actor, where: str) -> dict[str, Any]:
    """The shop's rule as somebody is shown it."""
    conn.execute("SELECT set_config('gisops.account', %s, true)", [str(to.account_id)])
    found = auto_rules.listed(conn, city, to, where)["rules"]
    conn.execute("SELECT set_config('gisops.account', '', true)")
    (mine,) = [one for one in found if one["code"] == SHOP]
    return mine


def test_what_is_taken_on_counts_for_it_and_what_is_joined_counts_nothing(
    conn: Connection, city: City, actors: dict[str, Actor]
) -> None:
    numbers = [told(conn, city, sent(city))[0] for _ in range(4)]
    where = district(conn, numbers[0])
    set_rule(conn, city, actors["admin"], where, min_cases=2, max_overturn=0.5)
    conn.execute("UPDATE cases SET acknowledged_at = app_now() WHERE case_no = ANY (%s)", [numbers[1:3]])
    overturn(conn, city, actors, numbers[0])
    assert rule_of(conn, where)["enabled"]  # one of three
    mine = listed(conn, city, actors["acceptor"], where)
    measured = {name: mine["measured"][name] for name in ("filed", "decided", "overturned", "share")}
    assert measured == {"filed": 4, "decided": 3, "overturned": 1, "share": 0.3333}
    assert "reason" not in mine
    facts = acts.read(conn, city, numbers[3], None)
    link = Sent(None, values={"to": numbers[2]})
    acts.act(conn, city, numbers[3], "link", link, None)
    assert facts.state in ("filed", "dispatched")
    mine = listed(conn, city, actors["admin"], where)
    assert mine["measured"]["decided"] == 3
    assert mine["reason"] == "样例 / sample"


def test_two_that_overturn_at_once_switch_it_off_once(
    sample_database: Any, city: City, actors: dict[str, Actor]
) -> None:
    with connect(sample_database.app_url) as conn:
        numbers = [told(conn, city, sent(city))[0] for _ in range(4)]
        where = district(conn, numbers[0])
        set_rule(conn, city, actors["admin"], where, min_cases=3, max_overturn=0.5)
        overturn(conn, city, actors, numbers[0])
        conn.commit()
    together, failed = threading.Barrier(3), []

    def one(case_no: str) -> None:
        try:
            with connect(sample_database.app_url) as own:
                together.wait()
                overturn(own, city, actors, case_no)
                own.commit()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=[case_no]) for case_no in numbers[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with connect(sample_database.owner_url) as owner:
        off = rule_of(owner, where)
        assert (off["enabled"], off["switched_off_because"]["overturned"]) == (False, 3)
        assert owner.execute("SELECT count(*) AS n FROM outbox WHERE kind = 'auto_rule'").fetchone() == {"n": 1}
        audited = owner.execute("SELECT facts FROM audit WHERE act = 'rule' AND facts ->> 'state' = 'switched_off'")
        assert [row["facts"]["overturned"] for row in audited] == [3]
        owner.execute("DELETE FROM auto_rules")
        owner.execute("DELETE FROM auto_filings")


def test_a_rule_that_went_off_since_it_was_read_is_not_switched_on_unseen(
    conn: Connection, city: City, actors: dict[str, Actor]
) -> None:
    numbers = [told(conn, city, sent(city))[0] for _ in range(2)]
    where, admin = district(conn, numbers[0]), actors["admin"]
    read = set_rule(conn, city, admin, where, min_cases=2, max_overturn=0.5)["changed_at"]
    conn.execute("SET LOCAL gisops.clock_offset = '1 minute'")
    for case_no in numbers:
        overturn(conn, city, actors, case_no)
    with pytest.raises(StaleRule) as refused:
        set_rule(conn, city, admin, where, changed_at=read, min_cases=1)
    there = refused.value.facts["rule"]
    assert (there["enabled"], there["min_cases"], there["switched_off_because"]["overturned"]) == (False, 2, 2)
    assert there["changed_at"] > read
    assert not rule_of(conn, where)["enabled"]
    assert set_rule(conn, city, admin, where, changed_at=there["changed_at"])["enabled"]
    with pytest.raises(StaleRule):  # there is none of the whole major class
        set_rule(conn, city, admin, where, "E04", changed_at=read)


def test_the_audit_keeps_what_a_rule_was(sample_database: Any, city: City, actors: dict[str, Actor]) -> None:
    """The row has the last word only; of what stayed as it was the audit says nothing."""
    with connect(sample_database.app_url) as conn:
        where, admin = district(conn, told(conn, city, sent(city))[0]), actors["admin"]
        conn.rollback()
        set_rule(conn, city, admin, where, max_overturn=0.05, min_confidence=0.8)
        set_rule(conn, city, admin, where, enabled=False, min_photos=2, max_overturn=0.05, channels=("officer",))
        conn.commit()
    with connect(sample_database.owner_url) as owner:
        rows = owner.execute(
            "SELECT object, facts FROM audit WHERE act = 'rule' AND account_id = %s ORDER BY entry_id DESC LIMIT 2",
            [admin.account_id],
        ).fetchall()
        owner.execute("DELETE FROM auto_rules")
    assert {row["object"] for row in rows} == {f"{where}:{city.category_scheme}:{SHOP}"}
    every = sorted(city.accuracy_m)
    assert rows[0]["facts"] == {
        "state": "off", "was_min_photos": 0, "min_photos": 2, "was_channels": every, "channels": ["officer"],
    }  # fmt: skip
    assert rows[1]["facts"] == {"state": "on", "was_min_confidence": None, "min_confidence": 0.8}


def test_what_cannot_be_set(conn: Connection, city: City, actors: dict[str, Actor]) -> None:
    where = district(conn, told(conn, city, sent(city))[0])
    admin = actors["admin"]
    for wanted, field in (
        ({"reason": " "}, "reason"),
        ({"min_confidence": 1.5}, "min_confidence"),
        ({"channels": ("pigeon",)}, "channels"),
        ({"channels": ()}, "channels"),
        ({"min_cases": 300}, "min_cases"),
        ({"min_photos": 10}, "min_photos"),
    ):
        with pytest.raises(InvalidInput) as refused:
            set_rule(conn, city, admin, where, **wanted)
        assert refused.value.facts["field"] == field
    with pytest.raises(UnknownCategory):
        set_rule(conn, city, admin, where, "E77")
    with pytest.raises(NotFound):
        set_rule(conn, city, admin, "000000")
    with pytest.raises(NotFound):  # nothing of the city is a stranger's to set
        set_rule(conn, city, replace(admin, account_id=0), where)
    assert conn.execute("SELECT count(*) AS n FROM auto_rules").fetchone() == {"n": 0}
