"""Who works in the sample district: organisations with parents and leads, 60 staff, shifts and a roster written ahead.

Names are plainly sample names, telephone numbers come from a range nobody has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import NamedTuple

from gisops.sample import sign_ins as accounts
from gisops.sample.posts import POSTS
from gisops.sample.sign_ins import SignIn

# China keeps one time all year; the roster needs no time zone data.
CHINA = timezone(timedelta(hours=8))
DAYS_BACK, DAYS_AHEAD = 30, 60


class Organisation(NamedTuple):
    """An organisation: code, names, kind, code of its parent, the posts that work there (first: the lead)."""

    code: str
    name_zh: str
    name_en: str
    kind: str
    parent: str | None
    posts: tuple[str, ...]
    has_lead: bool = True


_STREET = ("street_head", "shift_leader", "officer", "officer", "officer")
ORGANISATIONS = (
    Organisation("GOV", "样例区人民政府", "Sample District Government", "government", None, ("mayor", "clerk")),
    Organisation(
        "CENTRE",
        "样例区城市运行指挥中心",
        "Sample City Operations Centre",
        "centre",
        "GOV",
        ("centre_head", "shift_leader", "acceptor", "dispatcher", "shift_leader", "supervisor"),
    ),
    Organisation("STREET-1", "样例海岸街道办事处", "Sample Coast Street Office", "street", "GOV", _STREET),
    Organisation("STREET-2", "样例老城街道办事处", "Sample Old Town Street Office", "street", "GOV", _STREET),
    Organisation("STREET-3", "样例河东街道办事处", "Sample East Bank Street Office", "street", "GOV", _STREET),
    Organisation(
        "COMMUNITY-1",
        "样例铁西社区居委会",
        "Sample Railway West Committee",
        "community",
        "STREET-1",
        ("community_head", "officer"),
    ),
    Organisation(
        "COMMUNITY-2",
        "样例城南社区居委会",
        "Sample South Gate Committee",
        "community",
        "STREET-2",
        ("community_head", "officer"),
    ),
    Organisation(
        "URBAN", "样例城市管理局", "Sample Urban Management Bureau", "bureau", "GOV", ("bureau_head", "inspector")
    ),
    Organisation(
        "SQUAD-1", "样例城管一中队", "Sample Urban Squad 1", "bureau", "URBAN", ("squad_head", "squad", "squad")
    ),
    Organisation(
        "SQUAD-2", "样例城管二中队", "Sample Urban Squad 2", "bureau", "URBAN", ("squad_head", "squad", "squad")
    ),
    Organisation(
        "WATER", "样例水务公司", "Sample Water Company", "enterprise", "GOV", ("manager", "handler", "handler")
    ),
    Organisation("POWER", "样例供电公司", "Sample Power Company", "enterprise", None, ("manager", "handler")),
    Organisation("TELECOM-A", "样例通信甲公司", "Sample Telecom A", "enterprise", None, ("manager", "handler")),
    # No parent and no lead: dispatch must still answer, with an organisation and nobody in it by evening.
    Organisation(
        "TELECOM-B", "样例通信乙公司", "Sample Telecom B", "enterprise", None, ("handler", "handler"), has_lead=False
    ),
    Organisation("GAS", "样例燃气公司", "Sample Gas Company", "enterprise", "URBAN", ("manager", "handler")),
    Organisation("PARKS", "样例园林局", "Sample Parks Bureau", "bureau", "GOV", ("bureau_head", "keeper", "keeper")),
    Organisation(
        "CLEANING", "样例环卫公司", "Sample Cleaning Contractor", "contractor", "URBAN", ("manager", "keeper", "keeper")
    ),
    Organisation(
        "ROADS", "样例道路养护公司", "Sample Road Maintenance", "contractor", "URBAN", ("manager", "keeper", "keeper")
    ),
    Organisation("TRAFFIC", "样例交警中队", "Sample Traffic Squad", "bureau", "GOV", ("squad_head", "squad", "squad")),
    Organisation("RIVER", "样例河道管理所", "Sample River Office", "bureau", "GOV", ("bureau_head", "keeper")),
)
ORGANISATION_ID = {o.code: i for i, o in enumerate(ORGANISATIONS, 1)}
DESK = "CENTRE"

# Three shifts; the night one ends on the next day.
SHIFTS = (
    ("day", "白班", "Day", time(7), time(15)),
    ("evening", "中班", "Evening", time(15), time(23)),
    ("night", "夜班", "Night", time(23), time(7)),
)
# One night in turn, then a rest: what each member of a rota works, by how many they are. Read along the days, no one
# comes back in less than eight hours.
_ROTAS = {
    3: ("night", "evening", "day"),
    5: ("night", "", "evening", "day", "day"),
    6: ("night", "", "evening", "evening", "day", "day"),
}


@dataclass(frozen=True)
class Staff:
    """One of the 60."""

    staff_id: int
    code: str
    name: str
    phone: str
    organisation: str
    post: str
    turn: int
    colleagues: int
    max_open: int

    @property
    def role(self) -> str:
        """What they do."""
        return POSTS[self.post][2]


def draw_staff() -> tuple[Staff, ...]:
    """All staff, organisation by organisation; the first of each leads it."""
    found: list[Staff] = []
    for organisation in ORGANISATIONS:
        for turn, post in enumerate(organisation.posts):
            n = len(found) + 1
            name = f"样例{POSTS[post][0]}{n:02d}"
            # One officer is full up after two cases, so that "next in line" happens.
            limit = 2 if post == "officer" and turn == 2 and organisation.code == "STREET-2" else 30
            found.append(
                Staff(
                    n,
                    f"S{n:03d}",
                    name,
                    f"000-0000-{n:04d}",
                    organisation.code,
                    post,
                    turn,
                    len(organisation.posts),
                    limit,
                )
            )
    return tuple(found)


def shift_on(person: Staff, day: date) -> str:
    """The shift somebody works on a day (``""``: none). It depends on the day alone, not on when it was drawn."""
    n = day.toordinal()
    if person.colleagues == 2:
        # Two people hold the day and the night and change places every Monday; their evenings are the lead's.
        return "day" if (n // 7 + person.turn) % 2 == 0 else "night"
    rota = _ROTAS[person.colleagues]
    return rota[(n + person.turn) % len(rota)]


def on_duty(shift: str, day: date) -> tuple[datetime, datetime]:
    """When a shift of a day begins and ends, UTC."""
    _, _, _, starts, ends = next(s for s in SHIFTS if s[0] == shift)
    begin = datetime.combine(day, starts, CHINA)
    end = datetime.combine(day + timedelta(days=1) if ends <= starts else day, ends, CHINA)
    return begin.astimezone(UTC), end.astimezone(UTC)


def draw_rosters(staff: tuple[Staff, ...], until: datetime) -> Iterator[tuple[Staff, str, datetime, datetime]]:
    """Everybody's duties from 30 days before ``until`` to 60 days after: person, shift, from, to."""
    today = until.astimezone(CHINA).date()
    for person in staff:
        for offset in range(-DAYS_BACK, DAYS_AHEAD + 1):
            day = today + timedelta(days=offset)
            if shift := shift_on(person, day):
                yield person, shift, *on_duty(shift, day)


def works_at(person: Staff, at: datetime) -> bool:
    """Whether somebody is on duty at a moment."""
    today = at.astimezone(CHINA).date()
    for day in (today - timedelta(days=1), today):
        if shift := shift_on(person, day):
            begin, end = on_duty(shift, day)
            if begin <= at < end:
                return True
    return False


def draw_sign_ins(staff: Sequence[Staff], until: datetime) -> tuple[SignIn, ...]:
    """The sample's accounts, and who of the staff has them at ``until``."""
    return accounts.sign_ins(staff, lambda person: works_at(person, until), officers="STREET-", waterworks="WATER")
