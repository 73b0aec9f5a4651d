"""Who works in the city: government, duty desk, bureaus, companies, contractors, streets and communities; their staff.

Names are plainly sample names, telephone numbers come from a range nobody has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from gisops.sample import sign_ins as accounts
from gisops.sample.city.laid import Area, Organisation, Person
from gisops.sample.city.rosters import crew_size, works_at
from gisops.sample.posts import POSTS
from gisops.sample.sign_ins import SignIn

DESK = "CENTRE"


class _Crew(NamedTuple):
    """Who an organisation is made of: its lead, people of other posts with their rotas, who keeps watch, who else."""

    lead: str
    others: tuple[tuple[str, str, bool], ...]
    worker: str
    watch: str
    rest: str = "days"


def _watch(post: str) -> tuple[tuple[str, str, bool], ...]:
    return ((post, "watch", True),) * 3


_BUREAU = _Crew("bureau_head", (("inspector", "office", False),), "keeper", "watch")
_CREWS = {
    "government": _Crew("mayor", (("clerk", "office", False),), "clerk", "", "office"),
    "centre": _Crew(
        "centre_head",
        (
            *_watch("shift_leader"),
            *((post, "watch", False) for post in ("acceptor", "dispatcher", "supervisor") for _ in range(3)),
        ),
        "acceptor",
        "",
        "evenings",
    ),
    "bureau": _BUREAU,
    "traffic": _Crew("squad_head", (("inspector", "office", False),), "squad", "watch"),
    "squad": _Crew("squad_head", (), "squad", "watch", "evenings"),
    "enterprise": _Crew("manager", (), "handler", "watch"),
    "contractor": _Crew("manager", (), "keeper", "watch"),
    "street": _Crew("street_head", _watch("shift_leader"), "officer", "watch"),
    "community": _Crew("community_head", (), "officer", "full"),
    "quiet_community": _Crew("community_head", (), "officer", "late"),
    "village": _Crew("community_head", (), "officer", "light"),
    # No parent, no lead, nobody at night: dispatch must answer all the same, with an organisation and no name.
    "headless": _Crew("", (), "handler", "", "days"),
}


@dataclass(frozen=True)
class Office:
    """An organisation before it has people: its crew, and its weight when the staff is shared out."""

    code: str
    name_zh: str
    name_en: str
    kind: str
    parent: str | None
    crew: str
    weight: float


# Code, Chinese, English, kind, parent, crew, weight.
_FIXED = (
    Office("GOV", "人民政府", "District Government", "government", None, "government", 0.15),
    Office("CENTRE", "城市运行指挥中心", "City Operations Centre", "centre", "GOV", "centre", 1.5),
    Office("URBAN", "城市管理局", "Urban Management Bureau", "bureau", "GOV", "bureau", 0.7),
    Office("ROADS", "市政道路中心", "Roads Bureau", "bureau", "GOV", "bureau", 0.9),
    Office("DRAINAGE", "排水管理中心", "Drainage Bureau", "bureau", "GOV", "bureau", 0.9),
    Office("PARKS", "园林绿化局", "Parks Bureau", "bureau", "GOV", "bureau", 0.7),
    Office("LIGHTING", "路灯管理所", "Street Lighting Office", "bureau", "GOV", "bureau", 0.7),
    Office("SANITATION", "环境卫生管理局", "Sanitation Bureau", "bureau", "GOV", "bureau", 0.7),
    Office("TRAFFIC", "交警大队", "Traffic Police", "bureau", "GOV", "traffic", 1.2),
    Office("HOUSING", "住房保障局", "Housing Bureau", "bureau", "GOV", "bureau", 0.5),
    Office("CIVIL", "民政局", "Civil Affairs Bureau", "bureau", "GOV", "bureau", 0.4),
    Office("EMERGENCY", "应急管理局", "Emergency Management Bureau", "bureau", "GOV", "bureau", 0.5),
    Office("RIVER", "河道管理所", "River Office", "bureau", "GOV", "bureau", 0.6),
    Office("POWER", "供电公司", "Power Company", "enterprise", None, "enterprise", 1.0),
    Office("GAS", "燃气公司", "Gas Company", "enterprise", "GOV", "enterprise", 0.9),
    Office("WATERWORKS", "自来水公司", "Waterworks", "enterprise", "GOV", "enterprise", 1.0),
    Office("TELECOM-A", "通信甲公司", "Telecom A", "enterprise", None, "enterprise", 0.7),
    Office("TELECOM-B", "通信乙公司", "Telecom B", "enterprise", None, "enterprise", 0.7),
    Office("TELECOM-C", "通信丙公司", "Telecom C", "enterprise", None, "headless", 0.5),
)


def contractors(streets: int) -> tuple[tuple[str, str, str, str, int], ...]:
    """Kinds of contractors, by code: names, code of their client, and how many a city of so many streets has."""
    return (
        ("CLEAN", "保洁公司", "Cleaning Contractor", "SANITATION", 1 + streets // 4),
        ("ROADCARE", "道路养护公司", "Road Maintenance", "ROADS", 1 + streets // 6),
        ("GREEN", "绿化养护公司", "Green Maintenance", "PARKS", 1 + streets // 6),
    )


def offices(streets: Sequence[Area], communities: Sequence[Area], street_of: Sequence[int]) -> list[Office]:
    """All organisations of a city with these areas, each after its parent."""
    found = [replace(o, name_zh=f"样例{o.name_zh}", name_en=f"Sample {o.name_en}") for o in _FIXED]
    for code, zh, en, client, count in contractors(len(streets)):
        for n in range(1, count + 1):
            names = f"样例{zh}{n:02d}", f"Sample {en} {n:02d}"
            found.append(Office(f"{code}-{n}", *names, "contractor", client, "contractor", 1.3))
    for n, area in enumerate(streets, 1):
        own = area.name_zh + ("人民政府" if area.rural else "办事处")
        found.append(Office(area.organisation, own, f"{area.name_en} Office", "street", "GOV", "street", 0.9))
        squad = f"{area.name_zh}城管中队", f"{area.name_en} Urban Squad"
        found.append(Office(f"SQUAD-{n:02d}", *squad, "bureau", "URBAN", "squad", 0.75))
    for n, (area, street) in enumerate(zip(communities, street_of, strict=True)):
        own = area.name_zh + ("村委会" if area.rural else "居委会")
        # In a small town nobody walks the streets at night; in a city every third community has somebody who does.
        busy = len(communities) >= 12 and not area.rural and not streets[street].rural
        crew = "village" if not busy else "community" if n % 3 == 0 else "quiet_community"
        parent = streets[street].organisation
        found.append(Office(area.organisation, own, f"{area.name_en} Committee", "community", parent, crew, 0.0))
    return found


def employ(found: Sequence[Office], staff: int, patrols: dict[str, float]) -> tuple[Person, ...]:
    """Share ``staff`` people out among organisations, each getting at least whom it cannot do without.

    A community's weight is what ``patrols`` says of it: half of the people walk the communities.
    """
    least = [_least(_CREWS[o.crew]) for o in found]
    spare = max(0, staff - sum(least))
    given = sum(o.weight for o in found)
    total = sum(patrols.values()) or 1.0
    weights = np.array([o.weight / given * 0.42 if o.weight else patrols[o.code] / total * 0.58 for o in found])
    more = np.floor(np.cumsum(weights) * spare + 1e-6)
    more = np.diff(more, prepend=0.0).astype(int)
    people: list[Person] = []
    for office, base, extra in zip(found, least, more.tolist(), strict=True):
        for turn, (post, rota, standing) in enumerate(_posts(_CREWS[office.crew], base + extra)):
            n = len(people) + 1
            zh, en, role = POSTS[post]
            # One in a hundred is full up after two cases, so that "next in line" happens.
            limit = 2 if role == "officer" and n % 100 == 7 else 30
            name, phone = f"样例{zh}{n:04d}", f"000-0000-{n:04d}"
            # Office hours are the same weekdays for all.
            own = 0 if rota == "office" else turn
            person = Person(n, f"S{n:04d}", name, phone, office.code, zh, en, role, limit, rota, own, standing)
            people.append(person)
    return tuple(people)


def _least(crew: _Crew) -> int:
    keep = crew_size(crew.watch) if crew.watch else 0
    return bool(crew.lead) + len(crew.others) + keep + (crew.lead == "")


def _posts(crew: _Crew, count: int) -> list[tuple[str, str, bool]]:
    """Post, rota and whether standing, of each of an organisation's people; the lead first."""
    posts = [(crew.lead, "office", False)] if crew.lead else []
    posts += crew.others
    posts += [(crew.worker, crew.watch, True)] * (crew_size(crew.watch) if crew.watch else 0)
    posts += [(crew.worker, crew.rest if i % 3 == 2 else "days", False) for i in range(count - len(posts))]
    return posts


def organisations(found: Sequence[Office], staff: Sequence[Person]) -> tuple[Organisation, ...]:
    """The organisations with keys, telephone numbers and leads."""
    leads: dict[str, str] = {}
    for person in staff:
        if person.role == "leader":
            leads.setdefault(person.organisation, person.code)
    return tuple(
        Organisation(n, o.code, o.name_zh, o.name_en, o.kind, o.parent, f"000-0900-{n:04d}", leads.get(o.code))
        for n, o in enumerate(found, 1)
    )


def sign_ins(staff: Sequence[Person], until: datetime, zone: ZoneInfo) -> tuple[SignIn, ...]:
    """The sample's accounts, and who of the staff has them at ``until``."""
    return accounts.sign_ins(
        staff, lambda person: works_at(person, until, zone), officers="COMMUNITY-", waterworks="WATERWORKS"
    )
